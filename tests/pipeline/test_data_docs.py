"""Data Docs of a small home: true, kept up to date, gone after an erasure, and nothing outside the folder is asked for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from small_home import PARTNER, make, rows

from submissions.errors import WaymarkError
from submissions.reception import receiving
from submissions.store.home import Home
from submissions.store.ledger import Ledger, state
from submissions.store.vintages import lake_file
from submissions.validation import data_docs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = make(tmp_path_factory.mktemp("docs") / "home", {"20230115": rows(2012, 2022), "20240115": rows(2012, 2023)})
    taken = receiving.receive(home, home.path / "inbox")
    assert [receipt.outcome for receipt in taken.receipts] == ["accepted", "accepted"]
    return home


@pytest.fixture
def home(received: Home, tmp_path: Path) -> Home:
    shutil.copytree(received.path, tmp_path / "home")
    return Home.open(tmp_path / "home")


def identifiers(home: Home) -> list[str]:
    return list(state(Ledger.of(home).entries()).submissions)


def test_every_batch_and_its_suite_has_a_page_that_says_what_holds(home: Home) -> None:
    written = data_docs.write(home)
    assert (written.batches, written.looked_at, written.failed, written.unreadable) == (2, 2, (), ())
    folder = written.index.parent
    index = written.index.read_text(encoding="utf-8")
    assert "every expectation holds in every one" in index
    assert "do not exist" in index, "invented batches are marked"
    for identifier in identifiers(home):
        page = (folder / "validations" / f"{identifier}.html").read_text(encoding="utf-8")
        assert f"validations/{identifier}.html" in index
        assert "All expectations hold." in page
        assert page.count("text-success") >= 15, "rendered by Great Expectations: a mark an expectation"
        assert "text-danger" not in page.split("</style>")[1]
        assert "must be unique together" in page
        for target in re.findall(r'href="([^"#]+)"', page):
            assert (folder / "validations" / target).resolve().exists(), target
    (suite,) = (folder / "suites").iterdir()
    assert "persons" in suite.read_text(encoding="utf-8"), "the contract's unit is in the suite"


def test_what_is_still_true_is_not_made_again_and_a_changed_batch_is(home: Home) -> None:
    data_docs.write(home)
    folder = home.logs / data_docs.FOLDER
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert data_docs.write(home).looked_at == 0
    assert data_docs.write(home, again=True).looked_at == 2
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    broken, sound = identifiers(home)
    file = lake_file(home, PARTNER, broken)
    with duckdb.connect() as connection:
        connection.execute("create table t as from read_parquet(?, hive_partitioning = false)", [str(file)])
        connection.execute("update t set lower = upper + 1 where area = 'QMA' and sex = 'women'")
        connection.execute(f"copy t to '{file}' (format parquet)")
    written = data_docs.write(home)
    assert (written.looked_at, written.failed) == (1, (broken,))
    page = (folder / "validations" / f"{broken}.html").read_text(encoding="utf-8")
    assert "upper is at least lower" in page
    assert "text-danger" in page.split("</style>")[1]
    assert "in 1 of them an expectation fails" in written.index.read_text(encoding="utf-8")
    assert sound not in written.failed


def test_no_figure_of_a_partner_is_in_them(home: Home, tmp_path: Path) -> None:
    """A value that breaks a rule is what Great Expectations would quote."""
    (identifier, _) = identifiers(home)
    file = lake_file(home, PARTNER, identifier)
    with duckdb.connect() as connection:
        connection.execute("create table t as from read_parquet(?, hive_partitioning = false)", [str(file)])
        connection.execute("update t set lower = -987654, unit = 'furlongs', period = 'once upon a time'")
        connection.execute(f"copy t to '{file}' (format parquet)")
    assert data_docs.write(home).failed == (identifier,)
    for path in (home.logs / data_docs.FOLDER).rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [each for each in ("987654", "furlongs", "once upon") if each in text], path


def test_an_erased_submission_has_no_page_and_only_accepted_ones_can_be_asked_for(home: Home) -> None:
    first, second = identifiers(home)
    data_docs.write(home)
    receiving.erase(home, first, "order of a court")
    written = data_docs.write(home)
    assert written.batches == 1
    for path in (home.logs / data_docs.FOLDER).rglob("*"):
        assert not path.is_file() or first not in path.read_text(encoding="utf-8"), path
    with pytest.raises(WaymarkError, match="no accepted submission"):
        data_docs.write(home, [first])
    assert data_docs.write(home, [second], again=True).looked_at == 1


def test_nothing_in_the_pages_points_outside_the_home(home: Home) -> None:
    data_docs.write(home)
    for path in (home.logs / data_docs.FOLDER).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?:|//[a-z]", text), path
        assert not re.search(r"<(script|img|link|iframe|object|embed|form)\b", text), path
        assert not re.search(r"\son[a-z]+=", text), path
        assert "default-src 'none'" in text


def test_the_command_says_where_they_are_and_fails_where_an_expectation_does(home: Home) -> None:
    command = [sys.executable, "-m", "orchestration.cli.main", "data-docs", "--home", str(home.path)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["batches"] == 2
    assert Path(told["index"]).is_file()
    file = lake_file(home, PARTNER, identifiers(home)[0])
    with duckdb.connect() as connection:
        connection.execute("create table t as from read_parquet(?, hive_partitioning = false)", [str(file)])
        connection.execute("insert into t from t limit 1")
        connection.execute(f"copy t to '{file}' (format parquet)")
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert identifiers(home)[0] in done.stdout
