"""One browser session that draws figures as SVG: a program of its own, started by reports.charts.rendering.

It runs apart because a browser can hang or die in any of its steps; the caller reads what is finished and can end
this process, with its browser, at any time. Usage: browser_session.py BROWSER. When the browser stands ready, one line
is read: the path of a JSON list of {"figure", "width", "height", "svg"}. One JSON line is printed for every figure,
then `done`; without a list nothing is drawn.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

SECONDS_A_FIGURE = 60


async def draw(browser: str) -> None:
    import kaleido

    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    # mathjax would be fetched from outside; the sandbox cannot be used as root
    session = kaleido.Kaleido(n=1, timeout=SECONDS_A_FIGURE, path=browser, mathjax=False, enable_sandbox=not is_root)
    await session.open()
    listed = (await asyncio.to_thread(sys.stdin.readline)).rstrip("\n")
    jobs: list[dict[str, Any]] = json.loads(Path(listed).read_text(encoding="utf-8")) if listed else []
    for index, job in enumerate(jobs):
        options: Any = {"format": "svg", "width": job["width"], "height": job["height"]}
        answer: dict[str, Any] = {"index": index}
        try:
            Path(job["svg"]).write_bytes(await session.calc_fig(job["figure"], opts=options))
        except Exception as problem:
            text = str(problem).strip()
            answer["problem"] = text.splitlines()[0] if text else type(problem).__name__
        print(json.dumps(answer), flush=True)
    print(json.dumps({"done": True}), flush=True)
    await session.close()


if __name__ == "__main__":
    asyncio.run(draw(sys.argv[1]))
