"""Picture files of charts: SVG from one browser session, PNG and PDF from the SVG without a browser.

What is random in these formats is fixed here and nowhere else: ids that plotly.js draws at random, and the dates and
ids that PDF files carry.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reports.figures import Chart

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
HOW_TO_GET = "install a Chromium browser (Debian: apt-get install chromium fonts-dejavu) and run again"
PNG_SCALE = 2.0
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
    drawn = asyncio.run(_draw(charts, program))
    for chart, result in zip(charts, drawn, strict=True):
        if isinstance(result, BaseException):
            reason = str(result).strip().splitlines()[0] if str(result).strip() else type(result).__name__
            outcome.missing.append(f"charts/{chart.id} (svg, png, pdf): {reason}; {HOW_TO_GET}")
            continue
        svg = fixed_svg(result.decode("utf-8"), chart.id)
        progress(f"picture {chart.id}")
        outcome.files[chart.id] = _write(svg, chart, directory)
    outcome.versions = {"plotly": version("plotly"), "kaleido": version("kaleido"), "vl-convert": _converter_version()}
    outcome.versions["browser"] = _browser_version(program)
    return outcome


async def _draw(charts: Sequence[Chart], program: Path) -> list[bytes | BaseException]:
    import kaleido

    results: list[bytes | BaseException] = []
    try:
        # mathjax would be fetched from outside; the sandbox cannot be used as root
        async with kaleido.Kaleido(
            n=1, timeout=SECONDS_A_CHART, path=str(program), mathjax=False, enable_sandbox=not _is_root()
        ) as session:
            for chart in charts:
                options: Any = {"format": "svg", "width": chart.width, "height": chart.height}
                try:
                    results.append(await session.calc_fig(chart.figure, opts=options))
                except Exception as problem:
                    results.append(problem)
    except Exception as problem:
        results += [problem] * (len(charts) - len(results))
    return results


def _write(svg: str, chart: Chart, directory: Path) -> dict[str, Path]:
    import vl_convert

    paths = {ending: directory / f"{chart.id}.{ending}" for ending in ("svg", "png", "pdf")}
    paths["svg"].write_text(svg, encoding="utf-8", newline="\n")
    paths["png"].write_bytes(vl_convert.svg_to_png(svg, scale=PNG_SCALE, ppi=72 * PNG_SCALE))
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
    """Set dates to a fixed day of the same length, so that offsets inside the file stay right."""
    pdf = re.sub(rb"D:\d{14}", b"D:20000101000000", pdf)
    return re.sub(
        rb"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", lambda found: b"2000-01-01T00:00:00"[: len(found.group(0))], pdf
    )


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _converter_version() -> str:
    return version("vl-convert-python")


def _browser_version(program: Path) -> str:
    import subprocess

    command = [str(program), "--version", *(["--no-sandbox"] if _is_root() else [])]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return program.name
    return answer.stdout.strip() or program.name
