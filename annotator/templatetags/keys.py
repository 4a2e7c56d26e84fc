"""Tags that give controls their keys out of the registry, as the reader has set them."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotator.keys import BY_NAME, CONTEXTS, PAGES, Command, KeyBook, commands_of, key_label
from annotator.selectors.keys import key_book

register = template.Library()


def book_of(context: dict[str, Any]) -> KeyBook:
    """The reader's keys, asked for once a request."""
    request = context.get("request")
    if request is None:
        return KeyBook()
    if not hasattr(request, "key_book"):
        request.key_book = key_book(getattr(request, "user", None))
    book: KeyBook = request.key_book
    return book


@register.simple_tag(takes_context=True)
def key(context: dict[str, Any], *names: str) -> SafeString:
    """Attributes for a button or link that these commands press: {% key "cluster.accept" %}."""
    book = book_of(context)
    keys = " ".join(key for name in names for key in book.of(name))
    commands = " ".join(BY_NAME[name].name for name in names)
    if not keys:
        return format_html('data-commands="{}"', commands)
    return format_html('data-key="{}" data-commands="{}"', keys, commands)


@register.simple_tag(takes_context=True)
def kbd(context: dict[str, Any], name: str) -> SafeString | str:
    """The key of a command as a hint, or nothing where it has none: {% kbd "cluster.accept" %}."""
    keys = book_of(context).of(name)
    return format_html('<kbd class="kbd">{}</kbd>', key_label(keys[0])) if keys else ""


def page_of(context: dict[str, Any]) -> str:
    match = getattr(context.get("request"), "resolver_match", None)
    name = str(match.url_name) if match else ""
    graded = f"{name}_graded"  # under a protocol of intensities other keys hold
    return graded if graded in PAGES and getattr(context.get("page"), "graded", False) else name


@register.inclusion_tag("components/_keys_help.html", takes_context=True)
def keys_help(context: dict[str, Any]) -> dict[str, Any]:
    """The list of the page's keys, group by group; nothing on a page that has none in the registry."""
    page = page_of(context)
    if page not in PAGES:
        return {}
    book = book_of(context)
    groups: dict[str, list[Command]] = {}
    for command in commands_of(page):
        groups.setdefault(command.context, []).append(command)
    return {
        "off": book.off,
        "groups": [
            (CONTEXTS[name], [(one, " ".join(book.of(one.name)), _labels(book, one)) for one in commands])
            for name, commands in groups.items()
        ],
    }


def _labels(book: KeyBook, command: Command) -> list[str]:
    return [key_label(key) for key in book.of(command.name)]
