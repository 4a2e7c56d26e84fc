"""System checks that name what a deployment would trip over."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error, Tags, register

from annotator import keys


@register(Tags.security)
def address_checked(app_configs: Any, **options: Any) -> list[Error]:
    """CORRUGATOR_ADDRESS must be an origin: scheme and host, nothing after it."""
    parts = urlsplit(settings.ADDRESS)
    if parts.scheme in {"http", "https"} and parts.netloc and not parts.path:
        return []
    return [
        Error(
            f"CORRUGATOR_ADDRESS is {settings.ADDRESS!r}, which is no web address.",
            hint="Give the address people type, such as https://corrugator.example.org; "
            "forms sent from any other origin are refused.",
            id="corrugator.E001",
        )
    ]


@register(Tags.security)
def import_folders_checked(app_configs: Any, **options: Any) -> list[Error]:
    """Every folder of CORRUGATOR_IMPORT_FOLDERS must exist."""
    return [
        Error(f"The import folder {folder} does not exist.", id="corrugator.E002")
        for folder in settings.IMPORT_FOLDERS
        if not folder.is_dir()
    ]


@register()
def keys_checked(app_configs: Any, **options: Any) -> list[Error]:
    """No two commands of a page may have the same key (annotator/keys.py)."""
    return [Error(wrong, id="corrugator.E003") for wrong in keys.collisions()]
