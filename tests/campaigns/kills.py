"""kill -9 at fifty seeded moments of a whole run, and the same release afterwards each time.

One home goes through all kills: it is begun, killed, and begun again where it was left. Every few kills it is allowed to
finish, its release is compared with that of an undisturbed home, and it starts from the bare files once more. Moments
are drawn over the length of a run and fall into intake, dbt, analytics, the drawing of pictures and the switch to the
new release alike; what was received before a kill is not received again, so the runs that follow are shorter.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from command_under_test import environment, manifest, release, start, waymark
from disturbances import demonstration_inbox, is_locked, left_over

KILLS = 50
BETWEEN_FINISHES = 5
AUDIENCES = ("restricted", "public")


def main(share: float = 1.0, seed: int = 9) -> None:
    """Run `share` of the fifty kills. Raises AssertionError where a release, the ledger or the lock tells of a kill."""
    draws = random.Random(seed)
    place = Path(tempfile.mkdtemp(prefix="waymark-kills-"))
    try:
        undisturbed, files = place / "undisturbed", place / "files"
        began = time.monotonic()
        waymark("demo", "--home", undisturbed).ok()
        length = time.monotonic() - began
        demonstration_inbox(files)
        wanted = max(1, round(KILLS * share))
        done, hit = 0, []
        while done < wanted:
            home = place / "disturbed"
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(files, home)
            for _ in range(min(BETWEEN_FINISHES, wanted - done)):
                hit.append(kill_once(home, draws.uniform(1.0, 0.7 * length), place / "printed"))
                done += 1
                assert not is_locked(home), "the lock outlived the process that held it"
            waymark("demo", "--home", home).ok()
            compare(undisturbed, home)
            print(f"  {done} kills; same releases after the last of them", flush=True)
        print(f"{done} kills over {length:.0f} s of a run; last words before each:")
        for words in sorted(set(hit)):
            print(f"  {hit.count(words):3} × {words}")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def kill_once(home: Path, seconds: float, folder: Path) -> str:
    """Begin a run and kill it after some seconds; its last line. A run that ends before that is a run that ended."""
    folder.mkdir(exist_ok=True)
    process = start(["demo", "--home", home], folder / "out", folder / "err", environment())
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.02)
    ended = process.poll()
    if ended is None:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        assert ended == 0, (folder / "err").read_text(errors="replace")[-2000:]
        return "(it had ended)"
    lines = [line for line in (folder / "err").read_text(errors="replace").splitlines() if line.startswith("·")]
    return lines[-1][2:68].strip() if lines else "(nothing yet)"


def compare(undisturbed: Path, home: Path) -> None:
    """The same releases with equal files, every submission entered once, nothing half-made left."""
    for audience in AUDIENCES:
        one, other = (release(each, audience) for each in (undisturbed, home))
        assert one.name == other.name, f"{audience}: {one.name} undisturbed, {other.name} after kills"
        for part in ("core", "renderings"):
            assert manifest(one)[part] == manifest(other)[part], f"{audience}: {part} differ"
        waymark("release", "verify", "--home", home, "--audience", audience).ok()
    entries = [json.loads(line) for line in (home / "ledger" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]
    ids = [entry["submission_id"] for entry in entries if entry["kind"] == "submission"]
    assert len(ids) == len(set(ids)), "a submission was entered twice"
    assert left_over(home) == [], left_over(home)
    assert not is_locked(home)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
