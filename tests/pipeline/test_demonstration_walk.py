"""The whole walk on the demonstration, by the real command: what a stranger sees after typing one line."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from command_under_test import DEMONSTRATION_CONTRACTS, REPOSITORY, environment, manifest, release, waymark

pytestmark = pytest.mark.xdist_group("demonstration")

AUDIENCES = ("restricted", "public")
OUTCOMES = {"refused", "rows_quarantined", "held_for_confirmation", "accepted", "accepted_with_warnings"}


@pytest.fixture(scope="module")
def home(demonstration_home) -> Path:
    return demonstration_home.path


@pytest.fixture(scope="module")
def truth(home: Path) -> dict:
    return json.loads((home / "planted_truth.json").read_text(encoding="utf-8"))


def number(text: str) -> int:
    return int(text.replace(",", ""))


def files_listed(out: str) -> list[dict]:
    """The table of files in the summary, read back from the text."""
    block = out.split("files received\n", 1)[1].split("\n\n", 1)[0].splitlines()
    names = block[0].split()
    starts = [block[0].index(name) for name in names[:3]]
    rows = []
    for line in block[1:]:
        counts = [number(word) for word in line.split()[-4:]]
        words = [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
        outcome = re.sub(r"[\d, ]+$", "", words[2]).strip()
        rows.append(
            {"partner": words[0], "file": words[1], "outcome": outcome, **dict(zip(names[3:], counts, strict=True))}
        )
    return rows


# ---- the first run


def test_summary_balances_file_by_file(demonstration_home) -> None:
    rows = files_listed(demonstration_home.runs[0].out)
    assert len(rows) > 50
    for row in rows:
        assert row["rows_in"] == row["accepted"] + row["quarantined"] + row["excluded"], row
    said = re.search(
        r"(\d+) files: ([\d,]+) rows in = ([\d,]+) accepted \+ ([\d,]+) quarantined \+ ([\d,]+) excluded",
        demonstration_home.runs[0].out,
    )
    assert said is not None
    totals = [sum(row[name] for row in rows) for name in ("rows_in", "accepted", "quarantined", "excluded")]
    assert [number(group) for group in said.groups()] == [len(rows), *totals]


def test_no_row_of_a_file_is_lost(demonstration_home) -> None:
    """Rows counted with nothing of the house: the lines of the delimited files whose every line is a record."""
    rows = {(row["partner"], row["file"]): row for row in files_listed(demonstration_home.runs[0].out)}
    counted = 0
    for (partner, name), row in rows.items():
        path = demonstration_home.path / "inbox" / partner / name
        if row["outcome"] == "refused" or path.suffix == ".xlsx" or partner == "qmb_police_gendarmerie":
            continue  # workbooks, and the one partner with two header rows and a footer
        if path.suffix == ".parquet":
            found = duckdb.sql(f"select count(*) from '{path}'").fetchall()[0][0]
        else:
            found = len([line for line in path.read_bytes().splitlines() if line.strip()]) - 1
        assert row["rows_in"] == found, name
        counted += 1
    assert counted > 40


def test_progress_is_shown_and_the_printed_reports_exist(demonstration_home) -> None:
    run = demonstration_home.runs[0]
    for step in ("files received", "dbt: marts", "protection for public", "analytics: trends", "pages and charts"):
        assert step in run.err
    paths = re.findall(r"^  (/.*index\.html)$", run.out, flags=re.MULTILINE)
    assert [Path(path).parent.parent.name for path in paths] == list(AUDIENCES)
    for path in paths:
        assert Path(path).is_file()
        assert Path(path).parent.name in run.out.split("\n\n")[-1]


def test_warnings_by_code_are_the_documented_ones(demonstration_home) -> None:
    block = demonstration_home.runs[0].out.split("warnings and problems by code", 1)[1].split("\n\n", 1)[0]
    codes = {line.split()[0]: number(line.split()[1]) for line in block.splitlines()[2:]}
    assert {"W-unmapped", "W-total", "F-encoding", "F-header-missing"} <= set(codes)
    documented = (REPOSITORY / "docs" / "reference" / "problems.md").read_text(encoding="utf-8")
    assert not [code for code in codes if code not in documented]


def test_every_bad_file_has_the_outcome_it_must_have(demonstration_home, truth) -> None:
    rows = {(row["partner"], row["file"]): row["outcome"] for row in files_listed(demonstration_home.runs[0].out)}
    for bad in truth["bad_files"]:
        assert rows[bad["partner_id"], bad["file_name"]].replace(" ", "_") == bad["outcome"], bad["because"]
    for held in truth["held_files"]:
        assert rows[held["partner_id"], held["file_name"]] == "held for confirmation"
    good = [outcome for (_, _), outcome in rows.items() if outcome.startswith("accepted")]
    assert len(good) + len(truth["held_files"]) + len(truth["bad_files"]) == len(rows)


def test_files_without_a_contract_are_listed_and_left_alone(demonstration_home, truth) -> None:
    said = demonstration_home.runs[0].out.split("files without a contract, left alone", 1)[1].split("\n\n")[0]
    for left in truth["without_contract"]:
        assert f"{left['partner_id']}/{left['file_name']}" in said
        bytes_sent = (demonstration_home.path / "inbox" / left["partner_id"] / left["file_name"]).read_bytes()
        assert bytes_sent not in [
            path.read_bytes() for path in (demonstration_home.path / "landing").rglob("*") if path.is_file()
        ]


def test_unmapped_names_are_counted_and_stay_visible(demonstration_home, truth) -> None:
    said = demonstration_home.runs[0].out.split("names that no map holds", 1)[1].split("\n\n")[0]
    for label in truth["unmapped_labels"]:
        line = next(line for line in said.splitlines() if label["label"] in line)
        assert label["partner_id"] in line
        assert number(line.split()[-1]) > 0
    table = release(demonstration_home.path, "restricted") / "tables" / "observations.parquet"
    visible = duckdb.sql(
        f"select source, column_name from (select source, exploitation, counterpart_area from '{table}') "
        "unpivot (code for column_name in (exploitation, counterpart_area)) where code = '_X' group by all"
    ).fetchall()
    assert {(label["partner_id"], label["column"]) for label in truth["unmapped_labels"]} <= set(visible)


def test_every_received_file_has_a_receipt_of_its_own(demonstration_home) -> None:
    receipts = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (demonstration_home.path / "quarantine").rglob("receipt.json")
    ]
    listed = files_listed(demonstration_home.runs[0].out)
    assert {row["file"] for row in listed} <= {receipt["file_name"] for receipt in receipts}
    for receipt in receipts:
        assert receipt["outcome"] in OUTCOMES | {"already_held", "withdrawn"}
        assert receipt["rows_in"] == receipt["rows_accepted"] + receipt["rows_quarantined"] + receipt["rows_excluded"]
    for path in (demonstration_home.path / "quarantine").rglob("receipt.json"):
        assert path.with_name("receipt.txt").read_text(encoding="utf-8").strip()


def test_landed_bytes_are_as_sent_and_read_only(home: Path) -> None:
    import hashlib

    landed = {path.name: path for path in (home / "landing").rglob("*") if path.is_file()}
    assert landed
    for name, path in landed.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == name.split(".")[0]
        assert path.stat().st_mode & 0o222 == 0, f"{path} can be written"
    sent = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (home / "inbox").rglob("*") if path.is_file()}
    assert {name.split(".")[0] for name in landed} <= sent


# ---- the second run


def test_a_second_run_says_nothing_new_at_once(home: Path, tmp_path: Path) -> None:
    """Under two seconds of CPU, and neither Dagster nor dbt nor Great Expectations nor pandas is loaded."""
    shim = tmp_path / "shim"
    shim.mkdir()
    seen = tmp_path / "modules.json"
    (shim / "sitecustomize.py").write_text(
        "import atexit, json, sys\n"
        f"atexit.register(lambda: open({str(seen)!r}, 'w').write(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}}))))\n"
    )
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if "lock" not in path.name}
    run = waymark("demo", "--home", home, env=environment(shims=[shim])).ok()
    assert "nothing new" in run.out
    for audience in AUDIENCES:
        assert str(release(home, audience) / "index.html") in run.out
    assert not {"dagster", "dbt", "great_expectations", "pandas", "plotly"} & set(json.loads(seen.read_text()))
    assert run.cpu < 2, f"{run.cpu:.2f} s of CPU"
    print(f"nothing new: {run.cpu:.2f} s of CPU")
    after = {path: path.stat().st_mtime_ns for path in home.rglob("*") if "lock" not in path.name}
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert not {path for path in changed if path.is_file()}


def test_nothing_new_as_json(home: Path) -> None:
    document = waymark("demo", "--home", home, "--json").ok().json()
    assert document["outcome"] == "nothing_new"
    assert [each["audience"] for each in document["releases"]] == list(AUDIENCES)


# ---- the release


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_release_folder_verifies_and_is_complete(home: Path, audience: str) -> None:
    run = waymark("release", "verify", "--home", home, "--audience", audience).ok()
    assert "agree with the manifest" in run.out
    folder = release(home, audience)
    pages = ["index", "hotspots", "trends", "corridors", "definitions", "coverage", "methods", "changes", "downloads"]
    assert not [page for page in pages if not (folder / f"{page}.html").is_file()]
    assert (folder / "datapackage.json").is_file()
    tables = {path.stem for path in (folder / "tables").glob("*.parquet")}
    assert tables == {path.stem for path in (folder / "tables").glob("*.csv")}
    assert {
        "observations",
        "series",
        "trends",
        "hotspots",
        "corridors",
        "breaks",
        "comparability",
        "coverage",
        "changes",
        "areas",
    } <= tables
    assert len(list((folder / "charts").glob("*.csv"))) >= 12
    for path in (folder / "charts").glob("*.csv"):
        assert path.with_suffix(".json").is_file()


@pytest.mark.parametrize("audience", AUDIENCES)
def test_pages_say_that_the_region_is_invented(home: Path, audience: str) -> None:
    for page in release(home, audience).rglob("*.html"):
        assert "invented" in page.read_text(encoding="utf-8").lower(), page.name


def test_the_release_id_is_date_and_hash_and_latest_points_to_it(home: Path) -> None:
    for audience in AUDIENCES:
        shelf = home / "releases" / audience
        assert [path.name for path in shelf.iterdir() if path.name.startswith(".")] == []
        assert re.fullmatch(r"2025-03-20-[0-9a-f]{12}", (shelf / "latest").readlink().name)
        assert manifest(release(home, audience))["release_id"] == (shelf / "latest").readlink().name


def test_the_published_balance_is_the_sum_of_what_stands(home: Path, truth) -> None:
    """release.json's figures against the ledger: submissions in force only."""
    rows = waymark("submissions", "--home", home, "--json").ok().json()
    standing = [row for row in rows if row["standing"].startswith("accepted") or row["standing"] == "rows_quarantined"]
    assert standing
    gone = {(each["partner_id"], each["file_name"]) for each in [*truth["withdrawals"], *truth["held_files"]]}
    assert not gone & {(row["partner"], row["file"]) for row in standing}
    inputs = manifest(release(home, "restricted"))["provenance"]["inputs"]
    assert {each["submission"] for each in inputs} == {row["submission"] for row in standing}


# ---- looking at it from the command line


def test_list_show_and_submissions_agree(home: Path) -> None:
    listed = waymark("release", "list", "--home", home, "--json").ok().json()
    assert [(row["audience"], row["latest"]) for row in listed] == [(audience, "latest") for audience in AUDIENCES]
    shown = waymark("release", "show", "--home", home, "--audience", "restricted", "--json").ok().json()
    assert shown["release_id"] == listed[0]["release"]
    text = waymark("release", "show", "--home", home, "--audience", "restricted").ok().out
    assert shown["release_id"] in text
    assert shown["provenance"]["inputs"][0]["submission"] in text
    table = waymark("submissions", "--home", home, "--partner", "qmk_ngo_harbour").ok().out
    assert "withdrawn" in table
    assert Counter(line.split()[2] for line in table.splitlines()[1:]) == Counter({"qmk_ngo_harbour": 2})


def test_an_id_that_two_audiences_share_must_be_told_apart(home: Path) -> None:
    run = waymark("release", "show", "--home", home)
    assert run.code == 2
    assert "--audience" in run.err
    assert "Traceback" not in run.err


def test_diff_of_a_release_with_itself_is_equal_and_of_two_audiences_is_not(home: Path) -> None:
    one = waymark("release", "diff", "latest", "latest", "--home", home, "--audience", "restricted", "--json")
    assert one.code == 0
    assert {row["added"] + row["removed"] + row["changed"] for row in one.json()} == {0}
    ids = [release(home, audience).name for audience in AUDIENCES]
    two = waymark("release", "diff", *ids, "--home", home, "--json")
    assert two.code == 1
    assert {row["table"]: row["removed"] for row in two.json()}["observations"] > 0


def test_verify_finds_a_changed_a_missing_and_an_added_file(demonstration_home, tmp_path: Path) -> None:
    import shutil

    home = tmp_path / "home"
    for name in ("home.json", "ledger"):
        source = demonstration_home.path / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, home / name) if home.mkdir(
            exist_ok=True
        ) is None else None
    folder = home / "releases" / "restricted" / "2025-03-20-aaaaaaaaaaaa"
    shutil.copytree(release(demonstration_home.path, "restricted"), folder)
    (folder.parent / "latest").symlink_to(folder.name)
    with (folder / "tables" / "series.csv").open("a") as stream:
        stream.write("x")
    (folder / "trends.html").unlink()
    (folder / "extra.html").write_text("x")
    run = waymark("release", "verify", "latest", "--home", home, "--audience", "restricted")
    assert run.code == 2
    for name in ("tables/series.csv: changed", "trends.html: missing", "extra.html: not in the manifest"):
        assert name in run.err


def test_explain_takes_a_figure_back_to_its_submission(home: Path, truth) -> None:
    """A national total that the demonstration planted, from the figure to the file that carried it."""
    change = truth["restatement"]
    area = change["areas"][1]
    found = (
        waymark("explain", area["area"], str(change["year"]), "--measure", "victims_detected", "--home", home, "--json")
        .ok()
        .json()
    )
    total = next(each for each in found if not each["split"] and each["came_from"]["source"] == change["partner_id"])
    assert float(total["figure"]["value"]) == area["final"]
    assert total["came_from"]["issued_on"] == change["corrected_on"]
    rows = {row["submission"]: row for row in waymark("submissions", "--home", home, "--json").ok().json()}
    assert [rows[each]["file"] for each in total["submissions"]] == ["anio_20240902.csv"]
    text = waymark("explain", area["area"], str(change["year"]), "--home", home).ok().out
    assert change["partner_id"] in text
    assert "per 100,000" in text


def test_explain_says_when_there_is_no_such_figure(home: Path) -> None:
    run = waymark("explain", "QMA", "1812", "--home", home)
    assert run.code == 2
    assert "1812" in run.err
    assert "Traceback" not in run.err


# ---- the partner's own check


def check(home: Path, partner: str, name: str, *more: object):
    return waymark(
        "check", home / "inbox" / partner / name, "--partner", partner, "--contracts", DEMONSTRATION_CONTRACTS, *more
    )


def test_check_says_accepted_quarantined_or_refused_by_its_exit_code(demonstration_home, truth) -> None:
    home = demonstration_home.path
    assert check(home, "qmk_ngo_harbour", "harbour_20240201.csv").code == 0
    assert check(home, "int_io_observatory", "observatory_20250320.csv").code == 0
    codes = {"refused": 2, "rows_quarantined": 1}
    for bad in truth["bad_files"]:
        run = check(home, bad["partner_id"], bad["file_name"])
        assert run.code == codes[bad["outcome"]], (bad, run.out, run.err)
        assert "Traceback" not in run.out + run.err
    worst = [home / "inbox" / "qml_ngo_quayside" / name for name in ("quayside_20240115.csv", "quayside_20240201.csv")]
    assert waymark("check", *worst, "--partner", "qml_ngo_quayside", "--contracts", DEMONSTRATION_CONTRACTS).code == 2


def test_check_knows_what_a_home_holds_already_and_writes_nothing(demonstration_home) -> None:
    home = demonstration_home.path
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    run = check(home, "qmk_ngo_harbour", "harbour_20240201.csv", "--home", home, "--json")
    assert run.code == 0
    assert run.json()["outcome"] == "already_held"
    held = check(home, "int_ngo_lantern", "lantern_20250312.csv", "--home", home, "--json")
    assert held.json()["outcome"] in ("held_for_confirmation", "already_held")
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()} == before
