"""Finished homes that many tests look at: each is made once for a whole session, whatever the number of workers.

They are read-only by agreement. A test that changes a home works on a copy (`copy_of`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from command_under_test import SHARED, Ran, waymark
from filelock import FileLock
from hypothesis import settings
from order_of_tests import declared_group, in_order

# how long one example takes says how busy the machine is, and nothing of the code
settings.register_profile("waymark", deadline=None)
settings.load_profile("waymark")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--homes",
        type=Path,
        help="Keep the finished homes in this folder, and use the ones that are there (of the same code).",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadgroup` by the group that a file declares, else by file, so that a worker makes a fixture once.

    pytest-xdist 3.8 writes the group into a test's id, which pytest 9.2 no longer takes: every test would go anywhere. Its
    own order, by the number of tests, leaves the few that take minutes to the end, with one worker idle beside them.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByDeclaredGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return declared_group(nodeid.split("::", 1)[0])

    config.option.loadscopereorder = False
    return ByDeclaredGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same order in every worker."""
    items[:] = in_order(items)


@dataclass(frozen=True)
class Finished:
    """A home and the runs that made it, in order."""

    path: Path
    runs: tuple[Ran, ...]


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Callable[[str, Callable[[Path], list[Ran]]], Finished]:
    """Make something expensive once for all workers: the first that asks makes it, the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    shared = pytestconfig.getoption("--homes") or (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    shared = Path(shared).resolve()
    shared.mkdir(parents=True, exist_ok=True)

    def once(name: str, make: Callable[[Path], list[Ran]]) -> Finished:
        place, record = shared / name, shared / f"{name}.json"
        with FileLock(str(shared / f"{name}.lock")):
            if not record.exists():
                try:
                    made = {"runs": [asdict(run) for run in make(place)]}
                except BaseException as error:
                    # the other workers must not try the same again for minutes
                    record.write_text(json.dumps({"failed": f"{type(error).__name__}: {error}"}), encoding="utf-8")
                    raise
                record.write_text(json.dumps(made), encoding="utf-8")
        made = json.loads(record.read_text(encoding="utf-8"))
        if "failed" in made:
            pytest.fail(f"{name} could not be made: {made['failed']}")
        return Finished(place, tuple(Ran(**run) for run in made["runs"]))

    return once


@pytest.fixture(scope="session")
def demonstration_home(made_once) -> Finished:
    """`waymark demo` on an empty folder: both audiences, default dates."""
    return made_once("home-demonstration", lambda home: [waymark("demo", "--home", home, "--timings").ok()])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public statistics; tests that need it are skipped where it is absent."""
    if not (SHARED / "inbox").is_dir():
        pytest.skip(f"the real public statistics are not at hand ({SHARED}); set WAYMARK_SHARED_DATA to their folder")
    return SHARED


@pytest.fixture(scope="session")
def real_home(made_once, shared_data: Path) -> Finished:
    """Real partners, as of the end of 2024 (when all files are received) and then as of the end of 2025 (the latest)."""

    def make(home: Path) -> list[Ran]:
        arguments = ["--home", home, "--inbox", shared_data / "inbox", "--areas", shared_data / "reference", "--json"]
        return [waymark("run", *arguments, "--as-of", date).ok() for date in ("2024-12-31", "2025-12-31")]

    return made_once("home-real", make)


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Finished], Path]:
    """A copy of a finished home that a test may change."""

    def copy(finished: Finished) -> Path:
        target = tmp_path / finished.path.name
        shutil.copytree(finished.path, target, symlinks=True, ignore=shutil.ignore_patterns("builds.old"))
        return target

    return copy
