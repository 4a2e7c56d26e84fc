"""A real Chromium on a live server, one for all tests of a process; skipped, visibly, where there is none."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

FLAGS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",  # the map is drawn by WebGL, here without a GPU
]  # fmt: skip
PATIENCE = 20_000
"""Milliseconds to wait for what a page should show, on a machine that is busy."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine (apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page_of(browser, live_server):
    """page_of(user): a page in a browser of their own, logged in; script errors fail the test."""
    with contextlib.ExitStack() as stack:
        errors: list[str] = []

        def opened(user: Any = None, **options: Any) -> Any:
            context = browser.new_context(
                base_url=live_server.url, viewport={"width": 1440, "height": 900}, **options
            )
            stack.callback(context.close)
            if user is not None:
                client = Client()
                client.force_login(user)
                cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
                context.add_cookies(
                    [{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
                )
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            page.on("pageerror", lambda error: errors.append(str(error)))
            return page

        yield opened
        assert not errors
