"""All hostile files in one run, beside honest ones: what becomes of each, that the honest are taken, and that nothing personal
gets out of the sealed landing folder. The partner's own check says of each file what the run says."""

from __future__ import annotations

import copy
import gzip
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hostile_files import ACCEPTED, SOUND, Hostile, hostile_files
from partner_files import changed, write_contract, write_file

from submissions import check
from submissions.receipts.receipt import Receipt
from submissions.reception import receiving
from submissions.store.home import Home
from submissions.store.ledger import Ledger
from submissions.validation import process

FILES = hostile_files()
HONEST = 6


@dataclass(frozen=True)
class Taken:
    home: Home
    root: Path
    receipts: dict[str, Receipt]
    left_alone: dict[str, str]
    paths: dict[str, Path]


def partner_of(number: int) -> str:
    return f"qma_police_h{number:03d}"


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """One run over every hostile file, an honest partner before, between and after them, and what is no file at all."""
    root = tmp_path_factory.mktemp("hostile")
    home = Home.open(root / "home", "real", create=True)
    paths = {}
    for number, (name, hostile) in enumerate(FILES.items()):
        content = copy.deepcopy(changed(**hostile.contract)) | {"partner": partner_of(number)}
        write_contract(root / "contracts", content)
        paths[name] = write_file(root / "inbox", hostile.content, hostile.name, partner_of(number))
    for number in range(HONEST):
        partner = f"qma_police_h{number * len(FILES) // (HONEST - 1):03d}a"
        write_contract(root / "contracts", changed() | {"partner": partner})
        write_file(root / "inbox", SOUND, partner=partner)
    odd = root / "inbox" / "qma_police_h000a"
    os.mkfifo(odd / "victims_pipe.csv")
    (odd / "victims_link.csv").symlink_to("/etc/hostname")
    (odd / "victims_loop.csv").symlink_to("victims_loop.csv")
    broken = {"qma_police_broken": "partner: [", "qma_police_binary": "\0\0", "qma_police_deep": "a: " + "[" * 3000}
    for partner, body in broken.items():
        write_file(root / "inbox", SOUND, partner=partner)
        folder = root / "contracts" / "partners" / partner
        folder.mkdir(parents=True)
        (folder / "contract.yml").write_text(body)
    received = receiving.receive(home, root / "inbox", [root / "contracts"])
    receipts = {receipt.partner: receipt for receipt in received.receipts}
    assert len(receipts) == len(received.receipts)
    return Taken(home, root, receipts, {each.path: each.reason for each in received.left_alone}, paths)


@pytest.fixture(scope="module", autouse=True)
def _ends_the_validation_process():
    yield
    process.stop()


def receipt_of(taken: Taken, name: str) -> Receipt:
    return taken.receipts[partner_of(list(FILES).index(name))]


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 80
    assert sum(bool(hostile.planted) for hostile in FILES.values()) >= 20


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_has_its_outcome_and_its_balance(taken: Taken, name: str) -> None:
    hostile: Hostile = FILES[name]
    receipt = receipt_of(taken, name)
    codes = [problem.code for problem in receipt.problems]
    assert receipt.outcome in hostile.outcomes, receipt.as_text()
    assert hostile.code is None or hostile.code in codes, receipt.as_text()
    assert "F-internal" not in codes, receipt.as_text()
    assert receipt.rows_in == receipt.rows_accepted + receipt.rows_quarantined + receipt.rows_excluded
    if receipt.outcome == "refused":
        assert receipt.problems


def test_every_honest_partner_is_received_whatever_the_others_sent(taken: Taken) -> None:
    honest = {partner: receipt for partner, receipt in taken.receipts.items() if partner.endswith("a")}
    assert len(honest) == HONEST
    assert {receipt.outcome for receipt in honest.values()} == {"accepted"}
    stored = {path.parent.name.removeprefix("partner_id=") for path in taken.home.lake.glob("observations/*/*.parquet")}
    expected = {partner for partner, receipt in taken.receipts.items() if receipt.rows_accepted}
    assert stored == expected


def test_a_broken_contract_stops_its_own_partner(taken: Taken) -> None:
    for partner in ("qma_police_broken", "qma_police_binary", "qma_police_deep"):
        receipt = taken.receipts[partner]
        assert [problem.code for problem in receipt.problems] == ["F-contract"]


def test_what_is_no_file_is_named_or_passed_over(taken: Taken) -> None:
    assert sorted(taken.left_alone) == ["qma_police_h000a/victims_link.csv", "qma_police_h000a/victims_loop.csv"]


def texts_of(folder: Path) -> str:
    """Raw bytes and what is packed in them: a planted text may hide in a column of parquet or in an escape of JSON."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        found.append(raw.decode("utf-8", "replace"))
        found.append(raw.decode("utf-16-le", "replace"))
        if path.suffix == ".parquet":
            found.append(
                json.dumps(pq.read_table(path, partitioning=None).to_pylist(), default=str, ensure_ascii=False)
            )
        elif path.suffix in (".json", ".jsonl"):
            found += [
                json.dumps(json.loads(line), ensure_ascii=False) for line in raw.splitlines() if path.suffix == ".jsonl"
            ]
            found += [json.dumps(json.loads(raw), ensure_ascii=False)] if path.suffix == ".json" else []
        elif raw[:2] == b"\x1f\x8b":
            found.append(gzip.decompress(raw).decode("utf-8", "replace"))
        found.append(path.name)
    return "\n".join(found)


def test_nothing_personal_stands_outside_the_sealed_landing_folder(taken: Taken) -> None:
    outside = "\n".join(
        texts_of(taken.home.path / name) for name in ("lake", "quarantine", "ledger", "builds", "releases", "logs")
    )
    assert len(outside) > 100_000
    planted = {text for hostile in FILES.values() for text in hostile.planted}
    # two letters stand in any file; they are looked for in what was written of their own file
    long, short = {text for text in planted if len(text) > 5}, {text for text in planted if len(text) <= 5}
    assert [text for text in sorted(long) if text in outside] == []
    for name, hostile in FILES.items():
        for text in short & set(hostile.planted):
            folder = taken.home.quarantine / (receipt_of(taken, name).submission_id or "")
            cells = [json.loads(path.read_text())["problems"] for path in folder.glob("receipt.json")]
            assert text not in json.dumps(cells), name
            assert not list(folder.glob("rows.parquet")) or text not in texts_of(folder / "rows.parquet")


def test_a_second_run_does_nothing_again(taken: Taken) -> None:
    before = Ledger.of(taken.home).position
    again = receiving.receive(taken.home, taken.root / "inbox", [taken.root / "contracts"])
    assert Ledger.of(taken.home).position == before
    assert not again.has_new
    assert {receipt.outcome for receipt in again.receipts} <= {"already_held", "refused"}


def said(receipt: Receipt) -> tuple:
    counts = (receipt.rows_in, receipt.rows_accepted, receipt.rows_quarantined, receipt.rows_excluded)
    problems = tuple((problem.code, problem.count, problem.lines) for problem in receipt.problems)
    return receipt.outcome, counts, problems, receipt.expectations


def test_the_partners_check_says_what_the_run_says(taken: Taken) -> None:
    differ = {}
    for name, path in taken.paths.items():
        receipt = receipt_of(taken, name)
        checked = check(path, receipt.partner, [taken.root / "contracts"])
        if said(checked) != said(receipt):
            differ[name] = (said(checked), said(receipt))
    assert differ == {}


def test_check_and_run_know_the_same_expectations(taken: Taken) -> None:
    accepted = [receipt for receipt in taken.receipts.values() if receipt.outcome in ACCEPTED]
    assert len(accepted) > 10
    assert all(receipt.expectations for receipt in accepted)
