"""The rules of the house (docs/decisions/house.md) as tests: who may import whom, and what must stay lazy."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Collection, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = {
    "submissions", "disclosure", "geo", "trends", "analytics", "reports", "orchestration", "demonstration",
}  # fmt: skip
# room -> rooms of the house that it may import, besides itself
ALLOWED: dict[str, set[str]] = {
    "submissions": set(),
    "disclosure": set(),
    "geo": set(),
    "trends": set(),
    "analytics": {"geo", "trends"},
    "reports": set(),
    "demonstration": set(),
    "orchestration": HOUSE,
}
# wing -> wings of its room that it may import, besides itself; modules that stand in a room and in no wing are below
WINGS: dict[str, dict[str, set[str]]] = {
    "submissions": {
        "vocabulary": set(),
        "store": {"vocabulary"},
        "contracts": {"vocabulary", "store"},
        "readers": {"vocabulary", "contracts"},
        "validation": {"vocabulary", "store", "contracts", "readers"},
        "receipts": {"validation"},
        "reception": {"vocabulary", "store", "contracts", "readers", "validation", "receipts"},
        "onboarding": {"vocabulary", "store", "contracts", "readers", "validation"},
    },
    "orchestration": {
        "runs": set(),
        "operations": {"runs"},
        "defs": {"runs", "operations"},
        "cli": {"runs", "operations"},
    },
    "reports": {
        "wording": set(),
        "packages": {"wording"},
        "charts": {"wording", "packages"},
        "pages": {"wording", "packages", "charts"},
    },
}
# lists and plain data that import nothing of a wing: every wing of the room may know them
GROUND = {
    "submissions.errors",
    "submissions.validation.problems",
    "submissions.contracts.model",
    "reports.tables",
}
# module -> wings that it alone of its wing may import, each for a reason
EXCEPTIONS = {
    # writes into a build what contracts and definitions said at a ledger position
    "submissions.store.lake": {"contracts"},
    # the command line's run stands above the assets that it materialises
    "orchestration.runs.running": {"defs", "operations"},
}
PURE = ("geo", "trends", "disclosure", "analytics")
# what a pure library must not know: orchestration, databases, files
FOREIGN = {"dagster", "dbt", "duckdb", "great_expectations", "pyogrio", "sqlite3", "pathlib", "os", "io", "shutil"}
FILE_CALLS = {"open", "read_csv", "read_parquet", "read_file", "to_csv", "to_parquet", "to_file"}
# the one module of a pure room that reads a file: its own parameters
OWN_FILE = {"analytics/parameters.py"}


def modules(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py") if "__pycache__" not in path.parts)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Top names of every module that a file imports, wherever in the file the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(path.relative_to(ROOT).parts[0] if node.level else (node.module or "").split(".")[0])
    return found


def needed(tree: ast.AST, known: set[str]) -> set[str]:
    """Modules among `known` that a module names in an import, in a function and for types too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "an import names its module in full"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (names & known) | ({node.module or ""} if names - known else set())
    return found & known


@cache
def graph() -> dict[str, frozenset[str]]:
    """Every module of the house -> the modules of the house that it needs."""
    trees = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for room in HOUSE for path in modules(room)}
    return {name: frozenset(needed(tree, set(trees)) - {name}) for name, tree in trees.items()}


def circles(edges: Mapping[str, Collection[str]]) -> list[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def breaches(edges: Mapping[str, Collection[str]]) -> list[str]:
    """Imports from one wing of a room into another that `WINGS` does not allow."""
    found = []
    for name, others in edges.items():
        for other in others:
            (room, *rest), (its_room, *its_rest) = name.split("."), other.split(".")
            if room != its_room or room not in WINGS or len(rest) < 2:
                continue
            wing, its_wing = rest[0], its_rest[0] if its_rest else ""
            allowed = {wing} | WINGS[room][wing] | EXCEPTIONS.get(name, set())
            stands_alone = name in EXCEPTIONS and len(its_rest) == 1
            if not (its_wing in allowed or other in GROUND or stands_alone):
                found.append(f"{name} -> {other}")
    return sorted(found)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    wrong = {
        path.relative_to(ROOT).as_posix(): sorted(imported(path) & HOUSE - ALLOWED[room] - {room})
        for path in modules(room)
        if imported(path) & HOUSE - ALLOWED[room] - {room}
    }
    assert modules(room), f"{room} has no modules"
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not circles(graph())


def test_a_wing_imports_only_wings_that_stand_under_it() -> None:
    for wings in WINGS.values():
        assert not circles(wings)
    assert not breaches(graph())


def test_every_folder_of_a_room_with_wings_is_a_wing() -> None:
    for room, wings in WINGS.items():
        folders = {path.parent.name for path in (ROOT / room).glob("*/__init__.py")}
        assert folders == set(wings), room


def test_what_every_wing_may_know_imports_no_wing() -> None:
    for name in GROUND - {"reports.tables"}:
        assert not graph()[name], name
    assert {each.split(".")[1] for each in graph()["reports.tables"]} == {"wording"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("submissions.vocabulary.fields", "from submissions.store import ledger"),
        ("submissions.receipts.page", "def page():\n    from submissions.reception.receiving import receive"),
        ("orchestration.operations.doctor", "import orchestration.defs.resources"),
        ("orchestration.runs.intake", "from orchestration.operations import alerts"),
        ("reports.charts.maps", "from reports.pages.trends import trends"),
    ],
)
def test_a_wrong_import_is_seen(module: str, source: str) -> None:
    edges = dict(graph())
    edges[module] = edges[module] | needed(ast.parse(source), set(edges))
    assert breaches(edges)


def test_a_circle_is_seen() -> None:
    edges = dict(graph())
    edges["reports.wording.cells"] = edges["reports.wording.cells"] | {"reports.wording.verdicts"}
    assert {"reports.wording.cells", "reports.wording.verdicts"} <= set(circles(edges))


@pytest.mark.parametrize("room", PURE)
def test_pure_libraries_know_no_database_and_no_files(room: str) -> None:
    for path in modules(room):
        if path.relative_to(ROOT).as_posix() in OWN_FILE:
            continue
        assert not imported(path) & FOREIGN, path
        calls = {
            node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        }
        assert not calls & FILE_CALLS, (path, calls & FILE_CALLS)


def test_submissions_know_no_dagster() -> None:
    for path in modules("submissions"):
        assert not imported(path) & {"dagster", "dbt"}, path


def test_assembly_only_assembles() -> None:
    source = (ROOT / "orchestration" / "definitions.py").read_text(encoding="utf-8")
    decorators = [
        ast.unparse(decorator)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    ]
    assert decorators == ["dg.definitions"], "assets, checks and resources are defined under orchestration/defs/"
    assert len(source.splitlines()) <= 70


@pytest.mark.parametrize(
    "arguments", [["check", "--help"], ["submissions", "--help"], ["release", "list", "--help"], ["explain", "--help"]]
)
def test_light_commands_load_nothing_heavy(arguments: list[str]) -> None:
    probe = (
        "import sys, json\n"
        "from orchestration.cli.main import main\n"
        f"sys.argv = ['waymark', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'dagster', 'dbt', 'great_expectations', 'pandas', 'geopandas', 'plotly'}\n"
        "print(json.dumps(sorted(heavy & {name.split('.')[0] for name in sys.modules})))\n"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(result.stdout.splitlines()[-1]) == []


MOST_LINES = 400


def too_long(text: str) -> bool:
    """Whether a module is longer than it may be and does not say why in its first lines."""
    said = "longer than 400 lines" in (ast.get_docstring(ast.parse(text)) or "").lower()
    return len(text.splitlines()) > MOST_LINES and not said


def test_a_module_longer_than_400_lines_says_why() -> None:
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for room in HOUSE for path in modules(room)}
    assert not [name for name, text in texts.items() if too_long(text)]
    assert too_long('"""A module."""\n' + "\n" * 400)
    assert not too_long('"""A module.\n\nLonger than 400 lines: one table."""\n' + "\n" * 400)


MOST_PARAMETERS = 8
# the public function of a method: its choices by name, each with its default
MANY_CHOICES = {"disclosure.protection.protect", "geo.hotspots.getis_ord", "trends.alerts.farrington"}


def crowded(tree: ast.AST) -> set[str]:
    """Functions with more than `MOST_PARAMETERS` parameters, `self` aside."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            if len([name for name in names if name not in ("self", "cls")]) > MOST_PARAMETERS:
                found.add(node.name)
    return found


def test_a_function_has_at_most_eight_parameters() -> None:
    """A command has as many as it has options; ruff (PLR0913) says the same while one writes."""
    found = {
        f"{name_of(path)}.{function}"
        for room in HOUSE
        for path in modules(room)
        if path.parent != ROOT / "orchestration" / "cli"
        for function in crowded(ast.parse(path.read_text(encoding="utf-8")))
    }
    # a class takes what it keeps
    assert {each for each in found if not each.endswith("__init__")} == MANY_CHOICES
    assert crowded(ast.parse("def f(a, b, c, d, e, f, g, h, i): ..."))
    assert not crowded(ast.parse("def f(a, b, c, d, e, f, g, h): ..."))


def globals_changed(tree: ast.AST) -> set[str]:
    """Names of modules that a function gives another value."""
    return {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}


# what is begun once a process and has to be ended, or shown while it lasts; no result is among them
ONE_A_PROCESS = {
    "orchestration.runs.fault_reports._folder",
    "orchestration.runs.progress._current",
    "submissions.validation.process._running",
}


def test_no_result_is_kept_in_a_module() -> None:
    found = {
        f"{name_of(path)}.{name}"
        for room in HOUSE
        for path in modules(room)
        for name in globals_changed(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found <= ONE_A_PROCESS, found - ONE_A_PROCESS


def test_names_say_something() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "stuff"}
    assert not [path for room in HOUSE for path in modules(room) if path.stem in vague or vague & set(path.parts)]


# ---- pages never add and never judge ------------------------------------------------------------------------------

ADDING = {
    "groupby",
    "sum",
    "mean",
    "agg",
    "aggregate",
    "nunique",
    "value_counts",
    "median",
    "pivot_table",
    "cumsum",
    "cumcount",
    "Counter",
    "count",
    "fsum",
    "prod",
    "quantile",
    "resample",
    "rolling",
    "std",
    "var",
}
# what counts or adds and shows nothing of it: (file, call) -> why
REVIEWED = {
    ("reports/charts/composition.py", "Counter"): "which series is drawn: the one with most figures",
    ("reports/charts/maps.py", "quantile"): "limits of the colour classes of a map",
    ("reports/charts/plotly_script.py", "count"): "of a text in a script",
    ("reports/pages/assembly.py", "count"): "of the slashes of a path",
    ("reports/pages/corridors.py", "count"): "whether two sections would have one title",
}
TESTED = {"p", "q", "q_bh", "q_by", "p_normal", "p_upper_bound", "level_q_bh", "emerging_q_bh", "moran_p", "moran_q_bh",
          "change_points_q_bh", "change_points_p", "joinpoints_p", "joinpoints_q_bh"}  # fmt: skip


def adding(tree: ast.AST) -> set[str]:
    """Names of the calls that add or count over rows."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in calls} & ADDING


def judging(tree: ast.AST) -> list[str]:
    """Comparisons of a probability with anything, as source text."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        for side in (node.left, *node.comparators):
            named = {
                part.value if isinstance(part, ast.Constant) else part.attr if isinstance(part, ast.Attribute) else ""
                for part in ast.walk(side)
                if isinstance(part, ast.Constant | ast.Attribute)
            }
            if named & TESTED and not isinstance(node.ops[0], ast.Eq | ast.In | ast.Is | ast.IsNot | ast.NotEq):
                found.append(ast.unparse(node))
    return found


def test_pages_add_nothing_and_judge_nothing() -> None:
    """What a page tells is a cell of a table; sums, counts and what is significant are made where tests see them."""
    found = set()
    for path in modules("reports"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {(path.relative_to(ROOT).as_posix(), call) for call in adding(tree)}
        assert not judging(tree), (path.name, judging(tree))
    assert found == set(REVIEWED)


@pytest.mark.parametrize(
    "mutation",
    [
        "total = sum(row['value'] for row in rows)",
        "total = table['value'].sum()",
        "areas = table.groupby('area_code')['value'].mean()",
        "known = Counter(row['area_code'] for row in rows)",
        "spread = np.std(values)",
        "clear = row['q_bh'] <= 0.05",
        "strong = table[(table['q'] < 0.05) & (table['residual'] > 0)]",
        "clear = row.p < level",
    ],
)
def test_the_rule_sees_what_it_forbids(mutation: str) -> None:
    tree = ast.parse(mutation)
    assert adding(tree) or judging(tree)


def test_templates_count_nothing() -> None:
    """`|length` may decide how tall a table stands; it is never shown."""
    for path in sorted((ROOT / "reports" / "pages" / "templates").glob("*.html")):
        shown = re.findall(r"\{\{[^}]*\|\s*(?:length|sum|count)\b[^}]*\}\}", path.read_text(encoding="utf-8"))
        assert not shown, (path.name, shown)
