"""What libraries do not promise and the house uses all the same: where, why, and that a new version is looked at.

Each place is one module whose head gives the reason. The versions are those that the uses were read against: after an
update these tests fail until somebody has looked at the module again and writes the new version here.
"""

from __future__ import annotations

import ast
import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ("submissions", "disclosure", "geo", "trends", "analytics", "reports", "orchestration", "demonstration")
# module -> library and the version that it was read against
ADAPTERS = {
    "orchestration/runs/event_storage.py": ("dagster", "1.13.27"),
    "orchestration/operations/loopback.py": ("dagster", "1.13.27"),
    "disclosure/simplex.py": ("scipy", "1.17.1"),
}
# a name in settings that Dagster reads: its own documentation gives this one
DOCUMENTED = "dagster._core.storage.noop_compute_log_manager"


def private_imports(tree: ast.AST) -> set[str]:
    """Modules of other libraries, imported by a name that their authors marked as their own."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] != "__future__":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name for name in names if name.split(".")[0] not in HOUSE and re.search(r"\._(?!_)", name)}
    return found


def private_names_in_text(tree: ast.AST) -> set[str]:
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {found for text in texts for found in re.findall(r"\b(?:dagster|dbt|scipy)(?:\.\w+)*\._\w[\w.]*", text)}


def test_private_interfaces_are_used_in_their_adapters_alone() -> None:
    using = set()
    for room in HOUSE:
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert private_names_in_text(tree) <= {DOCUMENTED}, path
            if private_imports(tree):
                using.add(path.relative_to(ROOT).as_posix())
    assert using == set(ADAPTERS)


@pytest.mark.parametrize(
    "source",
    ["from dagster._core.instance import X", "import dbt._private", "from scipy.optimize import _highspy"],
)
def test_a_private_import_is_seen(source: str) -> None:
    assert private_imports(ast.parse(source))
    assert not private_imports(ast.parse("from dagster import asset\nfrom __future__ import annotations"))


@pytest.mark.parametrize("module", sorted(ADAPTERS))
def test_an_adapter_was_read_against_the_version_that_is_installed(module: str) -> None:
    library, known = ADAPTERS[module]
    assert version(library) == known, (
        f"read {module} against {library} {version(library)}, then write that version here"
    )


def test_dagsters_development_command_still_starts_its_web_server_through_the_replaced_function() -> None:
    """Otherwise the interface would answer everybody: the replacement would be of no effect, and nothing would say so."""
    from dagster._cli import dev

    source = inspect.getsource(dev)
    assert "open_ipc_subprocess(" in source.replace("def open_ipc_subprocess(", "")
    assert re.search(r'"-m",\s*"dagster_webserver"', source)
    from dagster_webserver.webserver import DagsterWebserver

    assert list(inspect.signature(DagsterWebserver.build_middleware).parameters) == ["self"]


def test_dagsters_event_storage_has_what_the_faster_one_builds_on() -> None:
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage as Storage

    for name in ("_connect", "conn_string_for_shard", "run_connection", "index_connection", "from_config_value"):
        assert callable(getattr(Storage, name)), name
    assert "_db_lock" in inspect.getsource(Storage.__init__)


def test_scipys_solver_can_begin_from_its_last_corner() -> None:
    """Without it the same optima come slower, from `scipy.optimize.linprog`."""
    from disclosure import simplex

    assert simplex._highs is not None
    for name in ("run", "changeColCost", "changeColBounds", "passModel", "getSolution", "getModelStatus"):
        assert hasattr(simplex._highs._Highs, name), name
