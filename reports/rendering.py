"""Picture files of charts: SVG from one browser session, PNG and PDF from the SVG without a browser.

What is random in these formats is fixed here and nowhere else: ids that plotly.js draws at random, and the order of
objects in PDF files.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reports.figures import Chart

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
HOW_TO_GET = "install a Chromium browser (Debian: apt-get install chromium fonts-dejavu) and run again"
# 72 is one dot a drawing unit: charts come out 2,400 dots wide
PNG_DOTS_PER_INCH = 144.0
SECONDS_A_CHART = 60


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


def render(
    charts: Sequence[Chart],
    directory: Path,
    browser: str | Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Rendered:
    """Write `<id>.svg`, `<id>.png` and `<id>.pdf` for every chart into `directory`.

    Without a browser nothing is written and `.missing` says what and how to get it. A chart that fails is named there
    too; the others are still written.
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
    # a thread of its own: the caller may already run an event loop (a notebook, a server)
    with ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(lambda: asyncio.run(_draw(charts, program, directory, progress))).result()
    for chart, result in zip(charts, drawn, strict=True):
        if isinstance(result, BaseException):
            reason = str(result).strip().splitlines()[0] if str(result).strip() else type(result).__name__
            outcome.missing.append(f"charts/{chart.id} (svg, png, pdf): {reason}; {HOW_TO_GET}")
        else:
            outcome.files[chart.id] = result
    outcome.versions = {name: version(name) for name in ("plotly", "kaleido", "vl-convert-python")}
    outcome.versions["browser"] = _browser_version(program)
    return outcome


async def _draw(
    charts: Sequence[Chart], program: Path, directory: Path, progress: Callable[[str], None]
) -> list[dict[str, Path] | BaseException]:
    """Draw one chart after the other in one browser; a thread converts each while the browser draws the next."""
    import kaleido

    waiting: list[asyncio.Future[dict[str, Path]] | BaseException] = []
    try:
        # mathjax would be fetched from outside; the sandbox cannot be used as root
        async with kaleido.Kaleido(
            n=1, timeout=SECONDS_A_CHART, path=str(program), mathjax=False, enable_sandbox=not _is_root()
        ) as session:
            for chart in charts:
                options: Any = {"format": "svg", "width": chart.width, "height": chart.height}
                try:
                    drawn = await session.calc_fig(chart.figure, opts=options)
                except Exception as problem:
                    waiting.append(problem)
                    continue
                progress(f"picture {chart.id}")
                svg = fixed_svg(drawn.decode("utf-8"), chart.id)
                waiting.append(asyncio.ensure_future(asyncio.to_thread(_write, svg, chart, directory)))
    except Exception as problem:
        waiting += [problem] * (len(charts) - len(waiting))
    results: list[dict[str, Path] | BaseException] = []
    for entry in waiting:
        if isinstance(entry, BaseException):
            results.append(entry)
            continue
        try:
            results.append(await entry)
        except Exception as problem:
            results.append(problem)
    return results


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
    import subprocess

    command = [str(program), "--version", *(["--no-sandbox"] if _is_root() else [])]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return program.name
    return answer.stdout.strip() or program.name
