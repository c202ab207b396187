"""The chain of a ledger: whatever is done to its lines by hand is found; what this program does to them is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submissions.errors import WaymarkError
from submissions.reception import decisions
from submissions.store import chain, integrity, proof
from submissions.store.chain import DamagedLedger
from submissions.store.home import Home
from submissions.store.ledger import Ledger, inputs, state

OLD = Path(__file__).resolve().parents[1] / "pipeline" / "homes" / "v1"
COUNT = 6


def areas(name: str) -> dict:
    return {"kind": "areas", "area_set": name, "digest": name}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    home = Home.open(tmp_path_factory.mktemp("chain") / "home", "real", create=True)
    ledger = Ledger.of(home)
    for number in range(COUNT):
        ledger.append([areas(f"set {number}"), {"kind": "release", "release_id": str(number)}])
    return ledger


@pytest.fixture
def old(tmp_path: Path) -> Home:
    return Home.open(shutil.copytree(OLD, tmp_path / "home"))


def lines(ledger: Ledger) -> list[bytes]:
    return ledger.file.read_bytes().splitlines(keepends=True)


def found(ledger: Ledger, content: list[bytes]) -> str:
    """What reading says of other lines in the place of the ledger's; the ledger is put back."""
    kept = ledger.file.read_bytes()
    try:
        ledger.file.write_bytes(b"".join(content))
        with pytest.raises(DamagedLedger) as caught:
            ledger.entries()
    finally:
        ledger.file.write_bytes(kept)
    assert str(ledger.file) in caught.value.message
    assert "restore.md" in (caught.value.hint or "")
    return caught.value.message


@given(data=st.data())
def test_any_other_byte_in_any_line_is_found_and_named(whole: Ledger, data: st.DataObject) -> None:
    content = lines(whole)
    number = data.draw(st.integers(0, len(content) - 1))
    place = data.draw(st.integers(0, len(content[number]) - 2))
    other = data.draw(st.integers(0, 255).filter(lambda value: value not in (content[number][place], ord("\n"))))
    content[number] = content[number][:place] + bytes([other]) + content[number][place + 1 :]
    assert f"in line {number + 1}:" in found(whole, content)


@given(data=st.data())
def test_another_value_in_any_field_is_found(whole: Ledger, data: st.DataObject) -> None:
    """Also where the line is written as this program writes it."""
    content = lines(whole)
    number = data.draw(st.integers(0, len(content) - 1))
    entry = json.loads(content[number])
    field = data.draw(st.sampled_from(sorted(entry)))
    entry[field] = data.draw(st.sampled_from(["other", "0" * 64, 1, None]).filter(lambda value: value != entry[field]))
    content[number] = chain.line_of(entry) + b"\n"
    assert f"in line {number + 1}:" in found(whole, content)


@given(data=st.data())
def test_a_field_more_is_found(whole: Ledger, data: st.DataObject) -> None:
    """Also the one that rewritten lines carry: only an erasure on record vouches for it."""
    content = lines(whole)
    number = data.draw(st.integers(0, len(content) - 1))
    entry = json.loads(content[number])
    entry |= {"area_set": "other", "original_sha256": chain.digest_of(content[number][:-1])}
    content[number] = chain.line_of(entry) + b"\n"
    assert f"in line {number + 1}:" in found(whole, content)


@given(data=st.data())
def test_lines_removed_added_or_moved_are_found(whole: Ledger, data: st.DataObject) -> None:
    content = lines(whole)
    first, second = data.draw(st.lists(st.integers(0, len(content) - 1), min_size=2, max_size=2, unique=True))
    what = data.draw(st.sampled_from(["removed", "cut off", "twice", "swapped", "renumbered"]))
    if what == "removed":
        del content[first]
    elif what == "cut off":
        del content[max(first, 1) :]
    elif what == "twice":
        content.insert(second, content[first])
    else:
        content[first], content[second] = content[second], content[first]
    if what == "renumbered":
        content = [
            chain.line_of(json.loads(line) | {"position": number}) + b"\n" for number, line in enumerate(content, 1)
        ]
    assert "in line" in found(whole, content)


@pytest.mark.parametrize("name", ["head.json", "key"])
def test_a_lost_or_another_head_or_key_is_found(tmp_path: Path, name: str) -> None:
    home = Home.open(tmp_path / "home", "real", create=True)
    ledger = Ledger.of(home)
    ledger.append([areas("a")])
    file = home.ledger / name
    kept = file.read_bytes()
    file.write_bytes(b"another")
    with pytest.raises(DamagedLedger, match=name):
        ledger.entries()
    file.unlink()
    with pytest.raises(WaymarkError, match=name):
        ledger.append([areas("b")])
    file.write_bytes(kept)
    ledger.append([areas("b")])
    assert [entry["area_set"] for entry in ledger.entries()] == ["a", "b"]


def test_a_crash_before_the_head_is_written_leaves_a_ledger_that_goes_on(tmp_path: Path) -> None:
    ledger = Ledger.of(Home.open(tmp_path / "home", "real", create=True))
    head = ledger.file.with_name("head.json")
    ledger.append([areas("a")])
    before = head.read_bytes()
    ledger.append([areas("b")])
    after = head.read_bytes()
    head.write_bytes(before)
    assert ledger.position == 2
    assert not ledger.seal()
    assert head.read_bytes() == after


def test_records_of_releases_are_no_input(whole: Ledger) -> None:
    assert whole.position == 2 * COUNT
    assert whole.input_position == 2 * COUNT - 1
    assert len(inputs(whole.entries())) == COUNT


def test_an_old_ledger_opens_and_is_sealed_once_as_it_stands(old: Home) -> None:
    ledger = Ledger.of(old)
    before = ledger.file.read_bytes()
    assert ledger.sealed_at is None
    position = ledger.position
    assert ledger.seal()
    assert ledger.file.read_bytes().startswith(before)
    assert ledger.sealed_at == position + 1
    seal = ledger.entries()[-1]
    assert seal["kind"] == "seal"
    standing = {
        path.relative_to(old.path).as_posix() for path in (*old.lake.rglob("*.*"), *old.quarantine.rglob("*.*"))
    }
    assert standing == set(seal["files"])
    assert ledger.input_position == position
    assert not ledger.seal()
    assert ledger.position == position + 1
    assert json.loads((old.path / "home.json").read_text())["schema_version"] == 2, "an older program leaves it alone"
    assert ledger.home_sha256() == proof.sha256_of(old.path / "home.json")


def test_what_is_sealed_is_proved_from_then_on(old: Home) -> None:
    ledger = Ledger.of(old)
    ledger.append([areas("a")])
    content = lines(ledger)
    assert [json.loads(line)["kind"] for line in content[-2:]] == ["seal", "areas"]
    for number in range(len(content)):
        changed = [*content]
        changed[number] = chain.line_of(json.loads(content[number]) | {"recorded_at": "other"}) + b"\n"
        assert "in line" in found(ledger, changed), number


def test_an_erasure_takes_its_lines_out_and_the_chain_still_proves(old: Home) -> None:
    ledger = Ledger.of(old)
    ledger.seal()
    first = next(entry for entry in ledger.entries() if entry["kind"] == "submission")
    decisions.erase(old, first["submission_id"], "order of a court")
    raw = ledger.file.read_text(encoding="utf-8")
    assert first["file_sha256"] not in raw
    assert first["file_name"] not in raw
    seal = ledger.entries()[(ledger.sealed_at or 0) - 1]
    assert first["submission_id"] not in str(seal["files"])
    assert "blind" not in seal, "what stays of a rewritten line must not confirm a guess"
    content = lines(ledger)
    for number in range(len(content)):
        changed = [*content]
        changed[number] = chain.line_of(json.loads(content[number]) | {"recorded_at": "other"}) + b"\n"
        assert "in line" in found(ledger, changed), number


def test_a_second_erasure_rewrites_the_seal_once_more(old: Home) -> None:
    ledger = Ledger.of(old)
    submissions = [entry for entry in ledger.entries() if entry["kind"] == "submission"]
    for entry in submissions[:2]:
        decisions.erase(old, entry["submission_id"], "order of a court")
    seal = next(entry for entry in ledger.entries() if entry["kind"] == "seal")
    assert not any(entry["submission_id"] in name for entry in submissions[:2] for name in seal["files"])
    assert any(submissions[2]["submission_id"] in name for name in seal["files"])


def test_lines_of_version_0_1_after_a_chained_one_are_named(whole: Ledger) -> None:
    plain = {"position": whole.position + 1, "recorded_at": "", **areas("x")}
    message = found(whole, [*lines(whole), chain.line_of(plain) + b"\n"])
    assert "this version did not write it" in message


def test_what_protection_keeps_of_earlier_releases_is_proved(tmp_path: Path) -> None:
    """Its file is named by the newest entry that has a digest of it, one file an audience."""
    home = Home.open(tmp_path / "home", "demonstration", create=True)
    older, newer = (chain.digest_of(content) for content in (b"older", b"newer"))
    folder = home.ledger / "published"
    folder.mkdir()
    file = folder / f"public-{newer[:16]}.parquet"
    file.write_bytes(b"newer")
    Ledger.of(home).append(
        {"kind": "published_cells", "audience": "public", "cells_sha256": digest} for digest in (older, newer)
    )
    integrity.refuse_damaged(home)
    file.write_bytes(b"other")
    with pytest.raises(integrity.DamagedInput, match=str(file)):
        integrity.refuse_damaged(home)
    (damage,) = integrity.damages(home, Ledger.of(home).entries())["protection"]
    assert damage.name == f"ledger/published/{file.name}"


def test_adding_to_a_ledger_that_nobody_touched_reads_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of many files would else read all lines again for each of them."""
    ledger = Ledger.of(Home.open(tmp_path / "home", "real", create=True))
    ledger.append([areas("first")])
    read, reads = Path.read_bytes, []

    def counted(path: Path) -> bytes:
        reads.append(path.name)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    for number in range(3):
        ledger.append([areas(f"set {number}")])
    assert ledger.file.name not in reads
    assert ledger.position == 4
    assert reads.count(ledger.file.name) == 1, "whoever asks what stands there reads it"


def test_a_line_put_in_between_two_writers_is_found_by_the_next_one(tmp_path: Path) -> None:
    ledger = Ledger.of(Home.open(tmp_path / "home", "real", create=True))
    ledger.append([areas("first")])
    with ledger.file.open("ab") as stream:
        stream.write(b'{"kind":"areas","position":2,"area_set":"x","digest":"x","previous":"' + b"0" * 64 + b'"}\n')
    with pytest.raises(DamagedLedger):
        ledger.append([areas("second")])


def test_a_state_goes_on_from_the_one_before_it() -> None:
    entries = [
        {"kind": "submission", "submission_id": "s1", "outcome": "accepted", "partner_id": "p", "dataset": "d"},
        {"kind": "submission", "submission_id": "s2", "outcome": "accepted", "supersedes": ["s1"]},
        {"kind": "withdrawal", "submission_id": "s2"},
        {"kind": "erasure", "submission_id": "s2", "keyed_digest": "k"},
        {"kind": "contract", "partner_id": "p", "digest": "c"},
        {"kind": "submission", "submission_id": "s1", "outcome": "accepted", "partner_id": "p", "dataset": "d"},
        {"kind": "definitions", "digest": "e"},
    ]
    known = state([])
    for entry in entries:
        before, known = known, state([entry], before=known)
        assert before is not known
    assert known == state(entries)
