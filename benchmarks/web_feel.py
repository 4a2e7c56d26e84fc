"""How the pages with most on them feel in a browser: the map of all faces, and a cluster that is scrolled.

Opens the world of web_world.py in Chromium, which draws in software here, and tells of each round in milliseconds:

- map drawn: from asking for the page until all points are drawn and coloured; aim 3 s.
- lasso: from letting go of the mouse around half of the points until the page tells how many; aim 1 s.
- relabel 1,000: the longest time for which the page's main thread was not to be had while a thousand points are
  relabelled with the map open, and undone again; aim 200 ms.
- 500 shown, 5,000 shown: a cluster of about so many faces, from asking until the first tiles stand.
- scroll, gap: three seconds of the wheel through it: the 95th percentile of the time between two pictures.
- scroll, block: the longest time for which the main thread was not to be had meanwhile.

    python benchmarks/web_feel.py [--faces 1000000] [--database sqlite|postgresql] [--repeat 5] [--keep FOLDER]
                                  [--json]

`--keep` as in web_latency.py, whose world it shares. Chromium must be on the PATH.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.web_latency import World, session_of, world_served

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PATIENCE = 120_000
READY = "#map[data-ready]"
WATCH = """
window.longest = 0; window.gaps = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
}).observe({ type: "longtask" });
window.pictures = () => {
  let last = performance.now();
  const next = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(next); };
  requestAnimationFrame(next);
};
"""
STEPS, STEP = 60, 400
"""Turns of the wheel, and the pixels of each."""
AIMS = {"map drawn": 3_000, "lasso": 1_000, "relabel 1,000": 200}


def round_measure(page: Any, world: World) -> dict[str, float]:
    """One round of all, in milliseconds."""
    told = {}
    began = time.perf_counter()
    page.goto(f"/datasets/{world.dataset}/map/")
    page.wait_for_selector(READY)
    told["map drawn"] = since(began)
    told["lasso"] = lasso_draw(page)
    told["relabel 1,000"] = relabel(page, world)
    for title, cluster in (("500", world.usual[0]), ("5,000", world.clusters["large"])):
        told |= {f"{title} {name}": value for name, value in cluster_scroll(page, world, cluster).items()}
    return told


def cluster_scroll(page: Any, world: World, cluster: int) -> dict[str, float]:
    """Until its first tiles stand; then how evenly the wheel moves it."""
    began = time.perf_counter()
    page.goto(f"/datasets/{world.dataset}/clusters/{cluster}/", wait_until="commit")
    page.wait_for_selector(".tile")
    shown = since(began)
    page.wait_for_load_state("load")
    page.wait_for_timeout(1000)
    page.mouse.move(700, 600)
    page.evaluate("() => { window.longest = 0; window.pictures(); }")
    for _turn in range(STEPS):
        page.mouse.wheel(0, STEP)
        page.wait_for_timeout(50)
    gap = statistics.quantiles(page.evaluate("() => window.gaps"), n=20)[-1]
    return {"shown": shown, "scroll, gap": gap, "scroll, block": page.evaluate("() => window.longest")}


def since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def lasso_draw(page: Any) -> float:
    """Around the right half of the plane; until the count is told."""
    box = page.locator("#map canvas").bounding_box()
    unit = min(box["width"], box["height"]) / 2.1
    corners = [(0, 1.02), (1.02, 1.02), (1.02, -1.02), (0, -1.02)]
    places = [(box["x"] + box["width"] / 2 + x * unit, box["y"] + box["height"] / 2 - y * unit) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
        page.wait_for_timeout(30)
    before = page.locator("#map-count").inner_text()
    began = time.perf_counter()
    page.mouse.up()
    page.wait_for_function("(before) => document.querySelector('#map-count').innerText !== before", arg=before)
    return since(began)


def relabel(page: Any, world: World) -> float:
    """A thousand faces present and undone, the longest block of the main thread."""
    page.goto(f"/datasets/{world.dataset}/map/?layer=own&au=12&faces=0-999")
    page.wait_for_selector(READY)
    page.locator("#map-faces .tile").first.wait_for()
    page.wait_for_timeout(1000)
    page.evaluate("() => { window.longest = 0; }")
    page.locator("#map-acts [data-action=present]").click()
    page.get_by_role("button", name=re.compile("^Make .* present$")).click()
    undo = page.get_by_role("button", name="Undo all of it")
    undo.wait_for()
    longest = float(page.evaluate("() => window.longest"))
    undo.click()
    undo.wait_for(state="detached")
    page.wait_for_timeout(500)
    return max(longest, float(page.evaluate("() => window.longest")))


def feel_measure(database: str, folder: Path, faces: int, repeat: int) -> dict[str, Any]:
    """Every round's figures by name."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("There is no Chromium on the PATH.")
    from playwright.sync_api import sync_playwright

    with world_served(database, folder, faces) as (world, port):
        session = session_of("bob")
        load = os.getloadavg()[0]
        with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=FLAGS) as run:
            address = f"http://127.0.0.1:{port}"
            context = run.new_context(base_url=address, viewport={"width": 1440, "height": 900})
            context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            page.add_init_script(WATCH)
            round_measure(page, world)  # the first finds nothing kept
            rounds = [round_measure(page, world) for _round in range(repeat)]
    lines = {name: [round(one[name], 1) for one in rounds] for name in rounds[0]}
    return {"database": database, "faces": faces, "load": [load, os.getloadavg()[0]], "lines": lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--repeat", type=int, default=5, help="rounds after the first")
    parser.add_argument("--keep", type=Path, help="a folder in which the built world stays")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        where = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="corrugator-web-")))
        folder = where.resolve() / arguments.database
        result = feel_measure(arguments.database, folder, arguments.faces, arguments.repeat)
    print(f"{result['database']}, {result['faces']:,} faces; load {result['load'][0]:.1f} to {result['load'][1]:.1f}")
    for name, values in result["lines"].items():
        aim = f"{AIMS[name]:7}" if name in AIMS else ""
        print(f"{name:20}median {statistics.median(values):8.1f}  worst {max(values):8.1f}{aim}")
    if arguments.json:
        print(json.dumps({"machine": platform.platform(), "cores": os.cpu_count(), **result}))


if __name__ == "__main__":
    main()
