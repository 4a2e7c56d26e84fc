"""Every action that the code writes into the audit trail has words for readers."""

import ast
from pathlib import Path

from annotator.audit import ACTIONS, action_words

ROOT = Path(__file__).resolve().parents[2]


def actions_written() -> set[str]:
    """The third argument of every call of `audit`, and the constants that stand for it."""
    found = set()
    for app in ("annotator", "clustering", "trainer"):
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "audit":
                    found |= {one.value for one in node.args[2:3] if isinstance(one, ast.Constant)}
                if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").startswith("AUDITED"):
                    found.add(node.value.value)
    return found


def test_every_action_has_words():
    written = actions_written()
    assert len(written) > 20
    assert written - set(ACTIONS) == set()


def test_an_action_of_another_release_is_shown_as_it_is_stored():
    assert action_words("something new") == "something new"
