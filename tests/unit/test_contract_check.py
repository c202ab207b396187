"""`waymark contract check`: every slip once, with its file, line, key and cure; nothing heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from partner_files import BASE, PARTNER, changed, write_contract, write_file

from orchestration.cli.main import main
from submissions import check
from submissions.contracts.checking import check_contracts
from submissions.contracts.loading import load
from submissions.contracts.located_yaml import DocumentError
from submissions.reception.receiving import receive
from submissions.store.home import Home

AREAS = "area_set: invented\ntitle: Invented\nlevel: country\nmembers: invented.csv\n"
MEMBERS = "area_code,area_name\nQMA,Aldavia\nQMB,Brenmark\n"


def with_areas(root: Path, declared: str = AREAS, members: str = MEMBERS) -> Path:
    (root / "areas").mkdir(parents=True, exist_ok=True)
    (root / "areas" / "invented.yml").write_text(declared, encoding="utf-8")
    (root / "areas" / "invented.csv").write_text(members, encoding="utf-8")
    return root


def checked(root: Path, *wanted: str) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(main, ["contract", "check", "--contracts", str(root), "--json", *wanted])
    return result.exit_code, json.loads(result.output)


def test_a_missing_key_is_said_once(tmp_path: Path) -> None:
    content = changed()
    for key in ("title", "period_basis", "replaces"):
        del content["datasets"]["victims"][key]
    del content["name"], content["sector"]
    with pytest.raises(DocumentError) as caught:
        load(next(write_contract(tmp_path, content).rglob("contract.yml")))
    messages = [problem.message for problem in caught.value.problems]
    missing = sorted(message.split("'")[1] for message in messages)
    assert missing == ["name", "period_basis", "replaces", "sector", "title"]
    assert "the key 'replaces' is missing; one of: whole_dataset, periods, periods_x_areas, keys" in messages


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"source_type": "polise"}, "'polise' is no code of source_type; did you mean 'police'?"),
        ({"replaces": "period"}, "did you mean 'periods'? One of: whole_dataset"),
        ({"format": {"type": "xslx"}}, "did you mean 'xlsx'?"),
        ({"format": {"type": "csv", "headers_rows": [2]}}, "did you mean 'header_rows'?"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(tmp_path: Path, dataset: dict[str, Any], words: str) -> None:
    code, reports = checked(write_contract(tmp_path, changed(**dataset)), PARTNER)
    assert code == 2
    (problem,) = [problem for report in reports for problem in report["problems"] if words in problem["message"]]
    assert problem["file"].endswith("contract.yml")
    line = Path(problem["file"]).read_text(encoding="utf-8").splitlines()[problem["line"] - 1]
    assert problem["key"].rsplit(".", 1)[-1] in line


def test_an_unconfirmed_guess_refuses_the_contract_everywhere(tmp_path: Path) -> None:
    guesses = [
        {"key": "datasets.victims.format.type", "reason": "the name ends in .csv"},
        {"key": "datasets.victims.columns.sex.values.women", "reason": "looks like F"},
        {"key": "datasets.victims.unpivot", "reason": "gone"},
    ]
    home = Home.open(tmp_path / "home", kind="demonstration", create=True)
    root = write_contract(home.path / "contracts", BASE | {"to_confirm": guesses})
    file = next(root.rglob("contract.yml"))
    lines = file.read_text(encoding="utf-8").splitlines()
    code, reports = checked(root, PARTNER)
    assert code == 2
    found = {problem["key"]: problem for problem in reports[0]["problems"]}
    assert set(found) == {guesses[0]["key"], guesses[1]["key"], "to_confirm[3]"}
    for guess in guesses[:2]:
        problem = found[guess["key"]]
        assert guess["key"].rsplit(".", 1)[1] in lines[problem["line"] - 1]
        entry = next(number for number, line in enumerate(lines, 1) if guess["key"] in line)
        assert f"delete line {entry} (to_confirm)" in problem["message"]
        assert guess["reason"] in problem["message"]
    path = write_file(tmp_path / "inbox")
    with pytest.raises(DocumentError, match="a guess that is not confirmed"):
        check(path, PARTNER, root)
    with home.lock():
        received = receive(home, tmp_path / "inbox")
    assert [(each.outcome, each.problems[0].code) for each in received.receipts] == [("refused", "F-contract")]
    assert "not confirmed" in received.receipts[0].problems[0].detail
    assert not list((home.path / "lake").rglob("*.parquet"))
    write_contract(home.path / "contracts", BASE | {"to_confirm": []})
    assert checked(root, PARTNER)[0] == 0
    assert check(path, PARTNER, root).outcome == "accepted"


def test_all_files_of_a_root_are_checked_and_each_keeps_its_own_problems(tmp_path: Path) -> None:
    root = with_areas(write_contract(tmp_path / "first"), AREAS.replace("title", "titel"))
    write_contract(root, BASE | {"partner": "qmb_ngo_test", "sector": "nothing"})
    (root / "breaks.csv").write_text("area,when\n", encoding="utf-8")
    second = write_contract(tmp_path / "second")
    reports = check_contracts([root, second])
    assert [(each.kind, each.name, bool(each.problems)) for each in reports] == [
        ("area set", "invented", True),
        ("definitions", "breaks", True),
        ("contract", PARTNER, False),
        ("contract", PARTNER, False),
        ("contract", "qmb_ngo_test", True),
    ]
    hidden = reports[3]
    assert hidden.file.is_relative_to(second)
    assert "comes first" in hidden.notes[0]


def test_area_codes_that_no_set_lists_are_a_note_and_no_problem(tmp_path: Path) -> None:
    root = with_areas(write_contract(tmp_path, changed(columns={"area": {"from": "area", "values": {"x": "QMC"}}})))
    (report,) = check_contracts([root], [PARTNER])
    assert not report.problems
    assert report.notes == ("datasets.victims.columns.area: in no area set: QMC; did you mean QMB?",)


@pytest.mark.parametrize("wanted", ["qma_police_tset", "nowhere/contract.yml"])
def test_what_is_no_contract_is_said_so(tmp_path: Path, wanted: str) -> None:
    result = CliRunner().invoke(main, ["contract", "check", "--contracts", str(write_contract(tmp_path)), wanted])
    assert result.exit_code == 2
    assert "there is no contract for the partner" in result.output
    assert ("Did you mean qma_police_test?" in result.output) == (wanted == "qma_police_tset")


def test_a_file_or_its_folder_may_be_given(tmp_path: Path) -> None:
    file = next(write_contract(tmp_path / "somewhere").rglob("contract.yml"))
    for wanted in (file, file.parent):
        result = CliRunner().invoke(main, ["contract", "check", str(wanted)])
        assert (result.exit_code, "1 contract checked: all well" in result.output) == (0, True), result.output


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    write_contract(tmp_path)
    probe = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted({name.split('.')[0] for name in sys.modules}))))\n"
        f"sys.argv = ['waymark', 'contract', 'check', '--contracts', {str(tmp_path)!r}]\n"
        "from orchestration.cli.main import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"dagster", "dbt", "great_expectations", "duckdb", "pandas", "geopandas", "plotly", "scipy"}
