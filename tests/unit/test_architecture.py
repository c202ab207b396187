"""The rules of the house (docs/decisions/house.md) as tests: who may import whom, and what must stay lazy."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = {"submissions", "disclosure", "geo", "trends", "reports", "orchestration", "demonstration"}
# room -> rooms of the house that it may import, besides itself
ALLOWED = {
    "submissions": set(),
    "disclosure": set(),
    "geo": set(),
    "trends": set(),
    "reports": set(),
    "demonstration": set(),
    "orchestration": HOUSE,
}
PURE = ("geo", "trends", "disclosure")
# what a pure library must not know: orchestration, databases, files
FOREIGN = {"dagster", "dbt", "duckdb", "great_expectations", "pyogrio", "sqlite3", "pathlib", "os", "io", "shutil"}
FILE_CALLS = {"open", "read_csv", "read_parquet", "read_file", "to_csv", "to_parquet", "to_file"}


def modules(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py") if "__pycache__" not in path.parts)


def imported(path: Path) -> set[str]:
    """Top names of every module that a file imports, wherever in the file the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(path.relative_to(ROOT).parts[0] if node.level else (node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    wrong = {
        path.relative_to(ROOT).as_posix(): sorted(imported(path) & HOUSE - ALLOWED[room] - {room})
        for path in modules(room)
        if imported(path) & HOUSE - ALLOWED[room] - {room}
    }
    assert modules(room), f"{room} has no modules"
    assert not wrong


@pytest.mark.parametrize("room", PURE)
def test_pure_libraries_know_no_database_and_no_files(room: str) -> None:
    for path in modules(room):
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


# modules over 450 lines, with the length they may not pass; this list may only shrink
LONG = {
    "geo/conditional.py": 490,  # the conditional moments and their compiled passes
}


def test_no_module_without_a_reason_is_longer_than_450_lines() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for room in HOUSE
        for path in modules(room)
    }
    assert not {name: length for name, length in lengths.items() if length > LONG.get(name, 450)}
    assert not {name for name in LONG if lengths.get(name, 0) <= 450}, "take it off the list"


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
}
# compares two finished releases for `waymark release diff`; no page shows what it counts
NO_PAGE = {"release.py"}
TESTED = {"p", "q", "q_bh", "q_by", "p_normal", "p_upper_bound", "level_q_bh", "emerging_q_bh", "moran_p", "moran_q_bh",
          "change_points_q_bh", "change_points_p", "joinpoints_p", "joinpoints_q_bh"}  # fmt: skip


def adding(tree: ast.AST) -> list[str]:
    """Calls that add or count over rows, as source text."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in ADDING
    ]


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
    for path in modules("reports"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert path.name in NO_PAGE or not adding(tree), (path.name, adding(tree))
        assert not judging(tree), (path.name, judging(tree))


@pytest.mark.parametrize(
    "mutation",
    [
        "total = sum(row['value'] for row in rows)",
        "total = table['value'].sum()",
        "areas = table.groupby('area_code')['value'].mean()",
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
