"""Every text that people read can be translated later: none stands bare in a template or in a message."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
NAMES = {
    "Corrugator": "the product's name",
    "AU": "the field's own word in every language",
    "AB": "the two runs compared, A and B",
    "AUC": "a measure's name",
    "uMQI": "a measure's name",
    "SHA": "a method's name",
    "safetensors": "a file format",
    "Markdown": "a file format",
}
"""Words that stay as they are in every language, and why."""
READ = r'(?:title|alt|aria-label|placeholder|data-confirm|data-copied|content)="([^"]*)"'
SILENT = {
    "annotator/formats": "told per row in the language of the file; wrapped where they are shown",
    "annotator/pictures": "knows nothing of Django; wrapped where they are shown",
    "annotator/management": "commands speak the language of their scripts",
    "annotator/api": "the API speaks English",
    "clustering/management": "commands speak the language of their scripts",
    "trainer/management": "commands speak the language of their scripts",
    "trainer/api": "the API speaks English",
    "clustering/algorithms": "a library without Django",
    "trainer/algorithms": "a library without Django",
}
"""Folders whose texts aren't shown on a page as they are, and why."""
SAYS = {"InputRefused", "NotAllowed", "NotFound", "Conflict", "CorrugatorError", "ValidationError"}
ENDS = ("Stale", "Refused")
"""Ends of the names of the errors that are kinds of these."""
TOLD = {"label", "help_text", "empty_label"}
WORDS = re.compile(r"[A-Za-z]{2,}")


def bare(text: str) -> set[str]:
    """The words of a template that no tag translates: between its elements, and in attributes that are read."""
    text = re.sub(r"{% comment %}.*?{% endcomment %}|{#.*?#}", "", text, flags=re.S)
    text = re.sub(r"{% blocktranslate.*?{% endblocktranslate %}", "", text, flags=re.S)
    text = re.sub(r"{% block main_class %}.*?{% endblock %}", "", text, flags=re.S)
    text = re.sub(r"{%.*?%}|{{.*?}}", "", text, flags=re.S)
    head = re.sub(r"<meta[^>]*>", "", text)
    attributes = " ".join(re.findall(READ, head))
    between = re.sub(
        r"&\w+;", " ", re.sub(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", " ", text, flags=re.S)
    )
    return set(WORDS.findall(between + " " + attributes))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_holds_no_bare_words(path):
    assert bare(path.read_text()) - set(NAMES) == set()


@pytest.mark.parametrize("text", ["<p>Save</p>", '<a title="Save it">+</a>', "{% if a %}Save{% endif %}"])
def test_bare_words_are_found(text):
    assert "Save" in bare(text)


def test_every_exception_is_needed():
    met = set().union(*(bare(path.read_text()) for path in TEMPLATES))
    assert set(NAMES) <= met


def sentences(tree: ast.AST) -> list[tuple[int, str]]:
    """(line, text) of what is told to people without a translation: errors, notices, labels."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        own = name == "__init__" and "super()" in ast.unparse(node.func)  # what an error says of itself
        told = list(node.args[:1]) if own or name in SAYS or name.endswith(ENDS) else []
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "messages":
            told += node.args[1:2]
        told += [one.value for one in node.keywords if one.arg in TOLD]
        found += [(one.lineno, ast.unparse(one)) for one in told if literal(one)]
    return found


def literal(node: ast.AST) -> bool:
    """Whether a value is words of its own: a text, also filled in or put together, that no function translates."""
    if isinstance(node, ast.BinOp):
        return literal(node.left)
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(one, ast.Constant) and WORDS.search(str(one.value)) for one in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(WORDS.search(node.value))


def sources() -> list[Path]:
    paths = [path for app in ("annotator", "clustering", "trainer") for path in (ROOT / app).rglob("*.py")]
    return [path for path in sorted(paths) if not str(path.relative_to(ROOT)).startswith(tuple(SILENT))]


def test_no_message_is_bare():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sources()
        for line, text in sentences(ast.parse(path.read_text()))
    ]
    assert wrong == []


def test_bare_messages_are_found():
    tree = ast.parse('raise NotFound(f"No {x} here.")\nmessages.error(request, "Wrong" % x)\nField(label="Name")')
    assert len(sentences(tree)) == 3
    tree = ast.parse('raise PageStale("It changed.")\nsuper().__init__("It changed.")')
    assert len(sentences(tree)) == 2
    assert sentences(ast.parse('raise NotFound(_("No."))\nField(label=_("Name"))')) == []
