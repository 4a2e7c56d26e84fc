"""Take the pictures of the guides: a prepared demo, served, in a real Chromium.

    .venv/bin/python docs/take_pictures.py                # prepares a demo of its own: some minutes
    .venv/bin/python docs/take_pictures.py --data FOLDER  # a copy of a demo prepared earlier
    .venv/bin/python docs/take_pictures.py --only face    # this picture alone

Everything happens in a temporary folder; a data folder that is given is copied and stays as it is.
Needs Chromium and the development packages (`make setup-dev`).
"""

import argparse
import contextlib
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
FLAGS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
WIDTH, HEIGHT = 1440, 760
LIMIT_BYTES = 200_000
SETTLE_MS = 500
TRAINING_SEEN, TRAINING_MS = "done, 40 epochs", 600_000
"""What the page of a training says once its first network is done, and how long to wait for it."""
KEYS_READY = "#keys-open:visible"
"""Shown by a page's script once it listens to keys."""


class Studio:
    """A served copy of the demo, and its people in browser windows of their own."""

    def __init__(self, browser: Browser, data: Path, address: str) -> None:
        self.browser, self.data, self.address = browser, data, address
        self.dataset = f"{address}/datasets/1/"
        self._cookies: dict[str, Any] = {}

    def page(self, user: str, *, dark: bool = False, height: int = HEIGHT) -> Page:
        """A new window in which this user is logged in."""
        if user not in self._cookies:
            context = self.browser.new_context()
            page = context.new_page()
            page.goto(self._link(user))
            page.locator("main form button").first.click()
            page.wait_for_url(self.address + "/")
            self._cookies[user] = context.storage_state()
            context.close()
        context = self.browser.new_context(
            storage_state=self._cookies[user],
            viewport={"width": WIDTH, "height": height},
            color_scheme="dark" if dark else "light",
        )
        page = context.new_page()
        page.set_default_timeout(20_000)
        return page

    def _link(self, user: str) -> str:
        told = manage(self.data, "login_link", "--user", user, "--address", self.address, "--json")
        return str(json.loads(told.splitlines()[-1])["link"])


def manage(data: Path, *words: str) -> str:
    """Run a manage.py command on this data folder and return what it printed."""
    done = subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=surroundings(data),
                          stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    return done.stdout


def surroundings(data: Path) -> dict[str, str]:
    """The environment without the caller's own servers, so that no picture shows a lab's data."""
    kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL", "STORAGE_URL"}}
    return {**kept, "CORRUGATOR_DATA": str(data)}


@contextlib.contextmanager
def served(data: Path, port: int) -> Iterator[str]:
    """`manage.py serve` on this data folder until the block ends; its address."""
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "manage.py", "serve", "--port", str(port)], cwd=ROOT,
                               env=surroundings(data), stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not answers(f"{address}/readyz"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("The server did not start: run manage.py serve to see why.")
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def save(page: Page, name: str) -> None:
    """The window as a PNG of at most 256 colours, fewer where it would be too large."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLE_MS)
    whole = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    target = PICTURES / f"{name}.png"
    for colours in (256, 192, 128, 96, 64):
        whole.quantize(colours, kmeans=2, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size < LIMIT_BYTES:
            break
    print(f"{target.relative_to(ROOT)}  {target.stat().st_size / 1000:.0f} kB")


# The pictures, in the order in which they are taken: later ones see what earlier ones decided.


def overview(studio: Studio) -> None:
    page = studio.page("alice")
    page.goto(studio.dataset)
    save(page, "overview")


def queue(studio: Studio) -> None:
    page = studio.page("bob")
    page.goto(studio.dataset + "review/")
    save(page, "queue")


def cluster(studio: Studio) -> None:
    """Bob's first cluster with one face of each state and three chosen; the same in the dark; its keys."""
    page = studio.page("bob")
    page.goto(studio.dataset + "review/")
    page.keyboard.press("j")
    page.wait_for_selector(KEYS_READY)
    press(page, "o", "ArrowRight", "u", "ArrowRight", "n", "ArrowRight", "1", "ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    save(page, "cluster")
    here = page.url
    press(page, "Escape", "?")
    save(page, "keys")
    dark = studio.page("bob", dark=True)
    dark.goto(here)
    save(dark, "cluster-dark")


def conflict(studio: Studio) -> None:
    """The same face decided in two windows: the later one is told."""
    first = studio.page("bob")
    first.goto(studio.dataset + "review/")
    first.keyboard.press("j")
    first.wait_for_selector(KEYS_READY)
    second = first.context.new_page()
    second.goto(first.url)
    second.wait_for_selector(KEYS_READY)
    for page, key in ((first, "1"), (second, "0")):
        tile = page.locator(".tile[data-state='']").first
        tile.locator(".shot").focus()
        press(page, key)
    save(second, "conflict")


def noise(studio: Studio) -> None:
    page = studio.page("bob")
    page.goto(studio.dataset + "noise/")
    page.wait_for_selector(KEYS_READY)
    press(page, "n", "ArrowRight", "n", "ArrowRight", "e")
    save(page, "noise")


def faces(studio: Studio) -> None:
    """The grid under two conditions, the consequences of relabelling all of it, and its distributions."""
    page = studio.page("bob")
    page.goto(studio.dataset + "faces/?au=12&where=1:12:p,3:12:a")
    page.wait_for_selector(KEYS_READY)
    save(page, "faces")
    page.goto(studio.dataset + "faces/consequences/?au=12&where=1:12:p,3:12:a&action=absent")
    save(page, "relabel")
    page.goto(studio.dataset + "distributions/")
    save(page, "distributions")


def map_page(studio: Studio) -> None:
    """The map by the proposals of AU12, with a box drawn around some faces and the grid beside it."""
    page = studio.page("bob", height=900)
    page.goto(studio.dataset + "map/?au=12")
    page.wait_for_selector("#map[data-ready]", state="attached")
    box = page.locator("#map canvas").first.bounding_box()
    assert box is not None
    page.get_by_role("button", name="Box").click()
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.4 * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_selector("#map-faces .tile")
    save(page, "map")


def history(studio: Studio) -> None:
    page = studio.page("alice")
    page.goto(studio.dataset + "history/")
    save(page, "history")


def key_map(studio: Studio) -> None:
    page = studio.page("bob")
    page.goto(studio.address + "/keys/")
    save(page, "key-map")


def face(studio: Studio) -> None:
    page = studio.page("bob", height=900)
    page.goto(studio.dataset + "faces/40/")
    page.wait_for_selector(KEYS_READY)
    press(page, "1", "ArrowDown", "0", "ArrowDown", "u")
    save(page, "face")


def members(studio: Studio) -> None:
    page = studio.page("alice")
    page.goto(studio.dataset + "members/")
    page.locator("form[action*=invitations] input[type=text]").first.fill("Carla")
    page.get_by_role("button", name="Make a link").click()
    page.wait_for_selector("text=is ready")
    save(page, "members")


def run(studio: Studio) -> None:
    page = studio.page("alice", height=860)
    page.goto(studio.dataset + "runs/1/")
    save(page, "run")


def detectors(studio: Studio) -> None:
    """A training of a minute at work, the order before it, and its report; the comparison with the first."""
    page = studio.page("alice", height=900)
    page.goto(studio.dataset + "detectors/new/")
    page.fill("[name='training.epochs']", "40")
    save(page, "order")
    page.locator("#start").click()
    page.wait_for_selector(f"text={TRAINING_SEEN}", timeout=TRAINING_MS)
    save(page, "training")
    page.wait_for_selector("a:has-text('report')", timeout=TRAINING_MS)
    page.goto(studio.dataset + "detectors/2/")
    page.set_viewport_size({"width": WIDTH, "height": 1000})
    save(page, "detector")
    page.goto(studio.dataset + "detectors/1/scores/")
    page.set_viewport_size({"width": WIDTH, "height": 1000})
    save(page, "scores")


def export(studio: Studio) -> None:
    page = studio.page("alice")
    page.goto(studio.dataset + "exports/")
    save(page, "export")


def columns(studio: Studio) -> None:
    """The column page of an import with three bad rows, into a data set made for it."""
    page = studio.page("alice", height=900)
    page.goto(studio.address + "/datasets/new/")
    page.fill("[name=name]", "Lab faces")
    page.get_by_role("button", name="Create").click()
    page.goto(page.url + "import/new/")
    page.set_input_files("input[type=file]", upload_make(studio.data))
    page.get_by_role("button", name="Read the files").click()
    page.wait_for_url("**/columns/")
    save(page, "columns")
    page.get_by_role("button", name="Start the import").click()
    page.wait_for_selector("text=Rows that were not imported")
    page.set_viewport_size({"width": WIDTH, "height": 560})
    save(page, "problems")


def upload_make(data: Path) -> list[str]:
    """A ZIP of sixty demo faces and a label file with three faulty rows."""
    source = data / "demo"
    with (source / "labels.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))[:61]
    with zipfile.ZipFile(data / "faces.zip", "w") as archive:
        for row in rows:
            archive.write(source / "pictures" / row[0], row[0])
    faulty = [list(row) for row in rows]
    faulty[3][header.index("AU1")] = "maybe"
    faulty[5][0] = faulty[5][0].replace(".jpg", "-lost.jpg")
    faulty[7] = faulty[6]
    with (data / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *faulty])
    return [str(data / "faces.zip"), str(data / "labels.csv")]


def press(page: Page, *keys: str) -> None:
    """Press keys one after another, waiting until each decision is saved."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_selector("#review-save[data-save=saved]", state="attached")
        page.wait_for_timeout(150)


SHOTS: dict[str, Callable[[Studio], None]] = {
    shot.__name__: shot
    for shot in (
        overview,
        queue,
        cluster,
        conflict,
        noise,
        faces,
        map_page,
        face,
        history,
        key_map,
        members,
        run,
        detectors,
        export,
        columns,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="data folder of a prepared demo (default: prepare one)")
    parser.add_argument("--only", choices=SHOTS, nargs="+", default=list(SHOTS))
    parser.add_argument("--port", type=int, default=8190)
    options = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("There is no Chromium on this machine.")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        data = Path(folder) / "data"
        if options.data:
            shutil.copytree(options.data, data, ignore=shutil.ignore_patterns("run", "logs", "static"))
        else:
            manage(data, "demo", "--prepare-only")
        with served(data, options.port) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            studio = Studio(browser, data, address)
            for name in options.only:
                SHOTS[name](studio)
            browser.close()


if __name__ == "__main__":
    main()
