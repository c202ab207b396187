"""Picture files of charts: SVG from one browser session, PNG and PDF from the SVG without a browser.

What is random in these formats is fixed here and nowhere else: ids that plotly.js draws at random, and the order of
objects in PDF files.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from reports.charts.specification import Chart

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
HOW_TO_GET = "install a Chromium browser (Debian: apt-get install chromium fonts-dejavu) and run again"
# 72 is one dot a drawing unit: charts come out 2,400 dots wide
PNG_DOTS_PER_INCH = 144.0
SESSION = Path(__file__).with_name("browser_session.py")
ATTEMPTS = 2
SECONDS_OF_SILENCE = 75
SECONDS_TO_CLOSE = 3


@dataclass
class Rendered:
    """Outcome: files written relative to the charts folder, what is missing and why, versions of what drew them."""

    files: dict[str, dict[str, Path]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


def find_browser(browser: str | Path | None = None) -> Path | None:
    """The browser to use: the one given, else BROWSER_PATH, else the first one known on PATH."""
    wanted = [browser, os.environ.get("BROWSER_PATH")]
    for choice in wanted:
        if choice and Path(choice).is_file():
            return Path(choice)
    if browser is not None:
        return None
    return next((Path(found) for name in BROWSERS if (found := shutil.which(name))), None)


@contextmanager
def session(browser: str | Path | None = None) -> Iterator[subprocess.Popen[str] | None]:
    """A browser that starts while its charts are still being made; None without one. It is ended in every case."""
    program = find_browser(browser)
    process = _started(program) if program else None
    try:
        yield process
    finally:
        if process is not None:
            _end(process)


def render(
    charts: Sequence[Chart],
    directory: Path,
    browser: str | Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
    started: subprocess.Popen[str] | None = None,
) -> Rendered:
    """Write `<id>.svg`, `<id>.png` and `<id>.pdf` for every chart into `directory`.

    Without a browser nothing is written and `.missing` says what and how to get it. A chart that fails is named there
    too; the others are still written. `started` is what `session` gave: it draws first.
    """
    outcome = Rendered()
    if not charts:
        return outcome
    program = find_browser(browser)
    if program is None:
        where = f" at {browser}" if browser else ""
        outcome.missing.append(f"{len(charts)} pictures (svg, png, pdf): no browser found{where}; {HOW_TO_GET}")
        return outcome
    progress(f"drawing {len(charts)} charts")
    with ThreadPoolExecutor(1) as converter, tempfile.TemporaryDirectory() as folder:
        drawn: dict[str, Future[dict[str, Path]]] = {}
        problems: dict[str, str] = {}
        for _ in range(ATTEMPTS):
            left = [chart for chart in charts if chart.id not in drawn and chart.id not in problems]
            if not left:
                break
            process, started = started, None
            for chart, answer in _session(left, process or _started(program), Path(folder)):
                if isinstance(answer, Path):
                    progress(f"picture {chart.id}")
                    svg = fixed_svg(answer.read_text(encoding="utf-8"), chart.id)
                    # a thread converts each picture while the browser draws the next
                    drawn[chart.id] = converter.submit(_write, svg, chart, directory)
                else:
                    problems[chart.id] = answer
        for chart in charts:
            try:
                if chart.id in drawn:
                    outcome.files[chart.id] = drawn[chart.id].result()
                    continue
            except (ValueError, OSError) as problem:
                problems[chart.id] = str(problem)
            reason = problems.get(chart.id, f"the browser {program} did not start or stopped answering")
            outcome.missing.append(f"charts/{chart.id} (svg, png, pdf): {reason}; {HOW_TO_GET}")
    outcome.versions = {name: version(name) for name in ("plotly", "kaleido", "vl-convert-python")}
    outcome.versions["browser"] = _browser_version(program)
    return outcome


def _started(program: Path) -> subprocess.Popen[str]:
    """The session as a process group of its own."""
    return subprocess.Popen(
        [sys.executable, str(SESSION), str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def _session(
    charts: Sequence[Chart], process: subprocess.Popen[str], folder: Path
) -> Iterator[tuple[Chart, Path | str]]:
    """Each chart with its SVG file or the reason why there is none, as the session delivers them.

    The session is ended in every case; charts that it did not reach are left out.
    """
    jobs = [
        {"figure": chart.figure, "width": chart.width, "height": chart.height, "svg": str(folder / f"{chart.id}.svg")}
        for chart in charts
    ]
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    with suppress(OSError):
        assert process.stdin
        process.stdin.write(f"{folder / 'jobs.json'}\n")
        process.stdin.close()
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    try:
        while True:
            try:
                answer = json.loads(lines.get(timeout=SECONDS_OF_SILENCE))
            except (queue.Empty, ValueError):
                return
            if answer.get("done"):
                return
            chart = charts[answer["index"]]
            yield chart, answer.get("problem") or folder / f"{chart.id}.svg"
    finally:
        _end(process)


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)
    lines.put("")


def _end(process: subprocess.Popen[str]) -> None:
    """Give the session a moment to close its browser, then end its whole process group."""
    if process.stdin and not process.stdin.closed:
        with suppress(OSError):
            process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=SECONDS_TO_CLOSE)
        return
    # the browser runs in a session of its own, which the group does not reach
    started = _descendants(process.pid)
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sent)
        for pid in started:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)


def _descendants(pid: int) -> list[int]:
    """Processes that this one started, and theirs, as /proc knows them (empty where there is no /proc)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        new = children.get(waiting.pop(), [])
        found += new
        waiting += new
    return found


def _write(svg: str, chart: Chart, directory: Path) -> dict[str, Path]:
    import vl_convert

    paths = {ending: directory / f"{chart.id}.{ending}" for ending in ("svg", "png", "pdf")}
    paths["svg"].write_text(svg, encoding="utf-8", newline="\n")
    paths["png"].write_bytes(vl_convert.svg_to_png(svg, scale=1.0, ppi=PNG_DOTS_PER_INCH))
    paths["pdf"].write_bytes(fixed_pdf(vl_convert.svg_to_pdf(svg)))
    return paths


def fixed_svg(svg: str, name: str) -> str:
    """Replace what plotly.js draws at random (ids of definitions, clip paths, gradients) by the chart's own name."""
    tokens: dict[str, str] = {}
    for found in re.finditer(r'id="([^"]+)"', svg):
        random_part = re.search(r"(?:defs-|clip|topdefs-|legend|g|p)?([0-9a-f]{6})(?=[-_a-z0-9]*)", found.group(1))
        if random_part:
            tokens.setdefault(random_part.group(1), f"{name}-{len(tokens)}")
    for token, replacement in tokens.items():
        svg = re.sub(rf"(?<=[\"#\-(a-z]){token}(?=[\"\-_)a-zA-Z0-9])", replacement, svg)
    return svg if svg.endswith("\n") else f"{svg}\n"


def fixed_pdf(pdf: bytes) -> bytes:
    """One order of objects and of resource names for equal drawings.

    The converter numbers fonts and lists resources in the order of a hash table. Objects are numbered anew in the order
    in which they are reached from the catalogue, with the resource lists sorted; streams stay as they are. A file of
    another build than expected (compressed object table) comes back unchanged.
    """
    table = re.search(rb"xref\n0 (\d+)\n", pdf)
    trailer = re.search(rb"/Root (\d+) 0 R\n  /Info (\d+) 0 R", pdf)
    if not table or not trailer:
        return pdf
    objects = {}
    for number in range(1, int(table.group(1))):
        entry = table.end() + 20 * number
        start = int(pdf[entry : entry + 10])
        head, stream, tail = pdf[start : pdf.index(b"endobj", start)].partition(b"stream\n")
        if stream:
            tail = pdf[start + len(head) + len(stream) : pdf.index(b"\nendstream\nendobj", start)] + b"\nendstream\n"
        objects[number] = (_sorted_resources(head.partition(b" obj\n")[2]), stream + tail)
    order: list[int] = []
    waiting = [int(trailer.group(1)), int(trailer.group(2))]
    while waiting:
        number = waiting.pop(0)
        if number not in order:
            order.append(number)
            waiting[:0] = [int(found) for found in re.findall(rb"(\d+) 0 R", objects[number][0])]
    place = {number: index for index, number in enumerate(order, start=1)}

    def renumbered(text: bytes) -> bytes:
        return re.sub(rb"(\d+) 0 R", lambda found: b"%d 0 R" % place[int(found.group(1))], text)

    out = bytearray(pdf[: _first_object(pdf)])
    offsets = []
    for number in order:
        offsets.append(len(out))
        head, rest = objects[number]
        out += b"%d 0 obj\n" % place[number] + renumbered(head) + rest + b"endobj\n\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f\r\n" % (len(order) + 1)
    out += b"".join(b"%010d 00000 n\r\n" % offset for offset in offsets)
    out += b"trailer\n<<\n  /Size %d\n  /Root 1 0 R\n  /Info %d 0 R\n>>\n" % (
        len(order) + 1,
        place[int(trailer.group(2))],
    )
    return bytes(out + b"startxref\n%d\n%%%%EOF" % start)


def _first_object(pdf: bytes) -> int:
    found = re.search(rb"^\d+ 0 obj", pdf, re.MULTILINE)
    return found.start() if found else len(pdf)


def _sorted_resources(head: bytes) -> bytes:
    """Sort runs of neighbouring lines `/name 12 0 R` (the lists of fonts, states, patterns and images)."""

    def in_order(run: re.Match[bytes]) -> bytes:
        return b"".join(sorted(run.group(0).splitlines(keepends=True), key=lambda line: line.split()[0]))

    return re.sub(rb"(?:^ +/[a-z]+\d+ \d+ 0 R\n){2,}", in_order, head, flags=re.MULTILINE)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _browser_version(program: Path) -> str:
    command = [str(program), "--version", *(["--no-sandbox"] if _is_root() else [])]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return program.name
    return answer.stdout.strip() or program.name
