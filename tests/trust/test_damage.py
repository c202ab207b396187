"""Whatever is altered in a home by hand, doctor and verify say so, name the file, and say the cure.

One small home with a release of each audience, and a copy of it for each damage. No damage passes as sound.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import small_home
from click.testing import CliRunner
from command_under_test import waymark

from orchestration.cli.main import main
from orchestration.operations import doctor
from orchestration.runs import verification
from submissions.reception import decisions
from submissions.store.home import Home
from submissions.store.ledger import RECORDS, Ledger

pytestmark = [pytest.mark.xdist_group("damage"), pytest.mark.timeout(900)]

ISSUES = ("20240115", "20250115")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two submissions, of which one has a row in quarantine, a refusal, and a release of each audience."""
    path = tmp_path_factory.mktemp("damage") / "home"
    small_home.make(path, {ISSUES[0]: small_home.rows(2012, 2023)})
    small_home.send(path, ISSUES[1], small_home.rows(2012, 2024) + "QMA,2024,women,unreadable\n")
    small_home.send(path, "20250201", "area,year,sex,count\nQMA,2024,all,nothing\n")
    waymark("run", "--home", path, "--contracts", path / "contracts").ok()
    return path


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "home", symlinks=True))


# --- what a hand may do ----------------------------------------------------------------------------------------------


def one(home: Path, pattern: str) -> Path:
    found = sorted(home.glob(pattern))
    assert found, pattern
    return found[0]


def lake_of(home: Path) -> list[Path]:
    return sorted(home.glob("lake/observations/*/*.parquet"))


def release_of(home: Path, audience: str = "restricted") -> Path:
    shelf = home / "releases" / audience
    return shelf / os.readlink(shelf / "latest")


def other_figures(file: Path, change: str) -> None:
    """The same Parquet table with other figures in it, whole and readable."""
    beside = file.with_name("beside.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * replace ({change}) from read_parquet('{file}', hive_partitioning = false)) to '{beside}' (format parquet)"
        )
    beside.replace(file)


def lines(home: Path, change: Callable[[list[str]], list[str]]) -> None:
    file = home / "ledger" / "ledger.jsonl"
    file.write_text("".join(change(file.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, (file, old)
    file.chmod(0o600)
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def altered_line(home: Path) -> None:
    lines(home, lambda all_: [line.replace('"rows_accepted":72', '"rows_accepted":71') for line in all_])


def swapped_lake_files(home: Path) -> None:
    first, second = lake_of(home)
    first.rename(first.with_suffix(".x"))
    second.rename(first)
    first.with_suffix(".x").rename(second)


def truncated(file: Path) -> None:
    raw = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(raw[: len(raw) // 2])


def in_manifest(release: Path, *names: str) -> None:
    """The manifest says of files what they are now."""
    file = release / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    for name in names:
        raw = (release / name).read_bytes()
        for part in (manifest["core"], manifest["renderings"]["files"]):
            if name in part:
                part[name] = {**part[name], "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    manifest["provenance"]["table_digests"] = verification.table_digests(release / "tables")
    file.write_text(json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True), encoding="utf-8")


def page_and_manifest(home: Path) -> None:
    replaced(release_of(home) / "index.html", "2024", "2042")
    in_manifest(release_of(home), "index.html")


def table_and_manifest(home: Path) -> None:
    release = release_of(home)
    other_figures(release / "tables" / "observations.parquet", "value + 1 as value")
    verification_csv(release, "observations")
    in_manifest(release, "tables/observations.parquet", "tables/observations.csv")


def table_manifest_and_id(home: Path) -> None:
    """The careful one: another figure, and everything that follows from it, the id and `latest` too."""
    table_and_manifest(home)
    release = release_of(home)
    file = release / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    provenance = manifest["provenance"]
    identifier = verification.release_id(provenance["as_of"], provenance["identity"], provenance["table_digests"])
    manifest["release_id"] = manifest["release"]["release_id"] = identifier
    file.write_text(json.dumps(manifest), encoding="utf-8")
    release.rename(release.with_name(identifier))
    (release.parent / "latest").unlink()
    (release.parent / "latest").symlink_to(identifier)


def verification_csv(release: Path, name: str) -> None:
    import pyarrow.parquet as pq

    from reports.packages.table_files import write_csv

    write_csv(pq.read_table(release / "tables" / f"{name}.parquet"), release / "tables" / f"{name}.csv")


def csv_and_manifest(home: Path) -> None:
    release = release_of(home)
    file = release / "tables" / "observations.csv"
    rows = list(csv.reader(file.open(encoding="utf-8", newline="")))
    rows[1][rows[0].index("value")] = "4711"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    in_manifest(release, "tables/observations.csv")


def latest_to_nothing(home: Path) -> None:
    latest = home / "releases" / "public" / "latest"
    latest.unlink()
    latest.symlink_to("2030-01-01-0123456789ab")


def another_release_in_its_place(home: Path) -> None:
    """The public release is put where the restricted one was, name and all."""
    kept = release_of(home)
    shutil.rmtree(kept)
    shutil.copytree(release_of(home, "public"), kept)


@dataclass(frozen=True)
class Damage:
    """What is done, which file doctor must name, and what verify must name besides."""

    do: Callable[[Path], object]
    file: str
    verified: str | None = None


DAMAGES = {
    "another figure in the lake": Damage(
        lambda home: other_figures(lake_of(home)[0], "value + 1 as value"), "lake/obs"
    ),
    "a lake file deleted": Damage(lambda home: lake_of(home)[0].unlink(), "lake/observations"),
    "lake files swapped": Damage(swapped_lake_files, "lake/observations"),
    "a lake file cut off": Damage(lambda home: truncated(lake_of(home)[0]), "lake/observations"),
    "a ledger line altered": Damage(altered_line, "ledger.jsonl is damaged in line"),
    "a ledger line removed": Damage(lambda home: lines(home, lambda all_: all_[:2] + all_[3:]), "ledger.jsonl"),
    "ledger lines swapped": Damage(
        lambda home: lines(home, lambda all_: [all_[1], all_[0], *all_[2:]]), "ledger.jsonl"
    ),
    "a ledger line added": Damage(lambda home: lines(home, lambda all_: [*all_, all_[-1]]), "ledger.jsonl"),
    "the ledger cut off": Damage(lambda home: lines(home, lambda all_: all_[:-1]), "ledger.jsonl"),
    "the ledger gone": Damage(lambda home: (home / "ledger" / "ledger.jsonl").unlink(), "ledger.jsonl"),
    "the head of the ledger gone": Damage(lambda home: (home / "ledger" / "head.json").unlink(), "head.json"),
    "the key lost": Damage(lambda home: (home / "ledger" / "key").unlink(), "ledger/key"),
    "another key": Damage(lambda home: (home / "ledger" / "key").write_bytes(b"k" * 32), "ledger/key"),
    "home.json edited": Damage(lambda home: replaced(home / "home.json", "demonstration", "real"), "home.json"),
    "a receipt edited": Damage(
        lambda home: replaced(one(home, "quarantine/s*/receipt.json"), "accepted", "Accepted"), "receipt.json"
    ),
    "the page of a receipt edited": Damage(
        lambda home: replaced(one(home, "quarantine/s*/receipt.html"), "accepted", "refused"), "receipt.html"
    ),
    "the receipt of a refusal deleted": Damage(
        lambda home: one(home, "quarantine/r*/receipt.txt").unlink(), "receipt.txt"
    ),
    "rows in quarantine edited": Damage(
        lambda home: other_figures(one(home, "quarantine/*/rows.parquet"), "line + 1 as line"), "rows.parquet"
    ),
    "landed bytes edited": Damage(lambda home: replaced(one(home, "landing/[0-9a-f]*"), "QMA", "QMB"), "landing/"),
    "landed bytes deleted": Damage(lambda home: one(home, "landing/[0-9a-f]*").unlink(), "landing/"),
    "a contract edited in the lake": Damage(
        lambda home: replaced(
            one(home, "lake/reference/contracts/*/*/contract.yml"), "minimum_cell: 11", "minimum_cell: 1"
        ),
        "lake/reference/contracts",
    ),
    "areas edited in the lake": Damage(
        lambda home: replaced(one(home, "lake/reference/areas/*/*[0-9a-f].csv"), "Aldavia", "Oldavia"),
        "lake/reference/areas",
    ),
    "a page edited": Damage(
        lambda home: replaced(release_of(home) / "index.html", "2024", "2042"), "index.html", "index.html"
    ),
    "page and manifest edited alike": Damage(page_and_manifest, "manifest.json", "manifest.json"),
    "table and manifest edited alike": Damage(table_and_manifest, "manifest.json", "the tables and parameters give"),
    "table, manifest and id made alike": Damage(table_manifest_and_id, "manifest.json", "on record"),
    "CSV and manifest edited alike": Damage(csv_and_manifest, "manifest.json", "observations.csv"),
    "a page put into a release": Damage(
        lambda home: (release_of(home) / "more.html").write_text("<p>more</p>"), "more.html", "more.html"
    ),
    "a picture taken from a release": Damage(
        lambda home: one(release_of(home), "charts/*.csv").unlink(), "charts/", "charts/"
    ),
    "a manifest cut off": Damage(
        lambda home: truncated(release_of(home) / "manifest.json"), "manifest.json", "manifest"
    ),
    "another release in its place": Damage(another_release_in_its_place, "manifest.json", "manifest.json"),
    "a release gone": Damage(lambda home: shutil.rmtree(release_of(home)), "restricted", "manifest.json"),
    "latest to a release that is not there": Damage(latest_to_nothing, "2030-01-01-0123456789ab", "2030-01-01"),
    "latest gone": Damage(lambda home: (home / "releases" / "public" / "latest").unlink(), "public/latest", "latest"),
}


def test_what_nobody_touched_is_sound(home: Path) -> None:
    findings = doctor.examine(home, deep=True)
    assert not [each for each in findings if each.gravity and each.about not in ("browser", "disk", "packages")]
    ran = CliRunner().invoke(main, ["release", "verify", "--home", str(home)])
    assert ran.exit_code == 0, ran.output
    assert ran.output.count("its id with its tables") == 2


@pytest.mark.parametrize("what", DAMAGES)
def test_no_damage_passes_as_sound(home: Path, what: str) -> None:
    damage = DAMAGES[what]
    damage.do(home)
    # that the file's rights are other ones now is said as well, and is not what is asked here
    findings = [each for each in doctor.examine(home) if each.gravity and each.about != "rights"]
    said = [each for each in findings if damage.file in each.text]
    assert said, findings
    assert all(each.cure for each in said)
    print("doctor:", said[0].text, "| cure:", said[0].cure)
    ran = CliRunner().invoke(main, ["doctor", "--home", str(home)])
    assert ran.exit_code in (1, 2)
    assert said[0].text in ran.output
    assert said[0].cure in ran.output
    ran = CliRunner().invoke(main, ["release", "verify", "latest", "--home", str(home)])
    print("verify:", ran.output)
    assert ran.exit_code == 2, ran.output
    assert (damage.verified or damage.file) in ran.output
    assert "restore" in ran.output.lower() or "run again" in ran.output or "waymark run" in ran.output
    assert "Traceback" not in ran.output


INPUTS = [what for what, damage in DAMAGES.items() if damage.file.startswith(("lake/", "ledger", "head", "home.json"))]


@pytest.mark.parametrize("what", INPUTS)
def test_nothing_is_built_from_what_is_damaged(home: Path, what: str) -> None:
    """Before anything is received or built, also where nothing else is new."""
    DAMAGES[what].do(home)
    before = sorted((path, path.stat().st_size) for path in (home / "releases").rglob("*"))
    # something else is asked for, or nothing is new
    more = ("--as-of", "2024-12-31") if INPUTS.index(what) % 2 else ()
    ran = waymark("run", "--home", home, "--contracts", home / "contracts", *more)
    assert ran.code == 2, ran.err
    assert DAMAGES[what].file in ran.err
    assert "estore" in ran.err
    assert sorted((path, path.stat().st_size) for path in (home / "releases").rglob("*")) == before


def test_a_release_away_from_home_is_checked_as_far_as_it_proves_itself(home: Path, tmp_path: Path) -> None:
    away = Path(shutil.copytree(release_of(home, "public"), tmp_path / release_of(home, "public").name))
    ran = CliRunner().invoke(main, ["release", "verify", str(away)])
    assert ran.exit_code == 0, ran.output
    assert "no ledger was asked" in ran.output
    manifest = json.loads((away / "manifest.json").read_text(encoding="utf-8"))
    manifest["provenance"]["identity"]["parameters"]["disclosure"]["threshold"] = 1
    (away / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    ran = CliRunner().invoke(main, ["release", "verify", str(away)])
    assert ran.exit_code == 2
    assert "the tables and parameters give the id" in ran.output


def test_the_cure_of_a_damaged_release_gives_the_same_release(home: Path) -> None:
    damaged = release_of(home)
    page = (damaged / "index.html").read_bytes()
    page_and_manifest(home)
    shutil.rmtree(damaged)
    waymark("run", "--home", home, "--contracts", home / "contracts", "--audience", "restricted").ok()
    assert release_of(home) == damaged
    assert (damaged / "index.html").read_bytes() == page
    assert CliRunner().invoke(main, ["release", "verify", "--home", str(home)]).exit_code == 0


def test_records_of_releases_make_nothing_new(home: Path) -> None:
    ledger = Ledger.of(Home.open(home))
    kinds = [entry["kind"] for entry in ledger.entries()]
    assert kinds.count("manifest") == 2
    assert ledger.input_position == max(number for number, kind in enumerate(kinds, 1) if kind not in RECORDS)
    position = ledger.position
    ran = waymark("run", "--home", home, "--contracts", home / "contracts", "--json").ok()
    assert ran.json()["outcome"] == "nothing_new"
    assert ledger.position == position


def test_an_erasure_leaves_a_home_that_is_sound(home: Path) -> None:
    opened = Home.open(home)
    entry = next(entry for entry in Ledger.of(opened).entries() if entry["kind"] == "submission")
    decisions.erase(opened, entry["submission_id"], "order of a court")
    assert not [each for each in doctor.examine(home) if each.gravity == doctor.BROKEN]
    assert not [path for path in home.glob("builds/*") if path.is_dir()], "what was erased stands in no build"
    for path in home.rglob("*"):
        if path.is_file() and "releases" not in path.parts:
            assert entry["file_sha256"].encode() not in path.read_bytes(), path


def test_a_home_of_layout_1_is_sound_before_it_is_sealed_and_proved_afterwards(home: Path) -> None:
    """With its releases: they are on record from the seal on."""
    kept = [
        {key: value for key, value in json.loads(line).items() if key not in ("previous", "files", "blind")}
        for line in (home / "ledger" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    inputs = [entry for entry in kept if entry["kind"] not in RECORDS]
    assert [entry["position"] for entry in inputs] == list(range(1, len(inputs) + 1))
    (home / "ledger" / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in inputs))
    (home / "ledger" / "head.json").unlink()
    (home / "home.json").write_text('{"schema_version": 1, "kind": "demonstration"}')
    assert not [each for each in doctor.examine(home, deep=True) if each.gravity == doctor.BROKEN]
    ran = CliRunner().invoke(main, ["release", "verify", "--home", str(home)])
    assert (ran.exit_code, ran.output.count("tells of no release")) == (0, 2), ran.output
    assert Ledger.of(Home.open(home)).seal()
    ran = CliRunner().invoke(main, ["release", "verify", "--home", str(home)])
    assert (ran.exit_code, ran.output.count("the ledger with its manifest")) == (0, 2), ran.output
    (sealed,) = [each for each in doctor.examine(home) if "sealed as they stood" in each.text]
    assert f"the {len(inputs)} before it" in sealed.text
    page_and_manifest(home)
    assert CliRunner().invoke(main, ["release", "verify", "--home", str(home)]).exit_code == 2


# --- rights ----------------------------------------------------------------------------------------------------------


def open_to_others(home: Path) -> list[tuple[str, str]]:
    modes = {path: path.lstat().st_mode for path in (home, *home.rglob("*"))}
    return [(str(path), oct(mode)) for path, mode in modes.items() if not stat.S_ISLNK(mode) and mode & 0o077]


def test_a_home_is_its_owners_alone(whole: Path) -> None:
    assert open_to_others(whole) == []
    landed = one(whole, "landing/[0-9a-f]*")
    assert stat.S_IMODE(landed.stat().st_mode) == 0o400


def test_whoever_opens_a_home_writes_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        home = Home.open(tmp_path / "home", "real", create=True)
        duckdb.connect(str(home.builds / "a.duckdb")).close()
        with sqlite3.connect(home.logs / "b.db") as connection:
            connection.execute("create table c (d)")
        (home.logs / "e.txt").write_text("f", encoding="utf-8")
        (home.logs / "g").mkdir()
        assert open_to_others(home.path) == []
    finally:
        os.umask(before)


def test_a_home_that_others_could_read_is_tightened_once(home: Path) -> None:
    for path in (home, *home.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o444 if path.parent.name == "landing" else 0o644)
    (found,) = [each for each in doctor.examine(home) if each.about == "rights"]
    assert found.gravity == doctor.WARNING
    ran = waymark("run", "--home", home, "--contracts", home / "contracts").ok()
    assert "could be read by others" in ran.err
    assert open_to_others(home) == []
    ran = waymark("run", "--home", home, "--contracts", home / "contracts").ok()
    assert "could be read by others" not in ran.err
