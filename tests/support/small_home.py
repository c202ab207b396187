"""A home that holds one invented partner and fits into a few kilobytes: for tests of operations, which need no figures."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import duckdb
import yaml

from submissions.store.home import Home
from submissions.store.ledger import Ledger
from submissions.store.vintages import lake_file

PARTNER = "qma_police_small"
AREAS = """area_code,area_name,area_level,parent_code
QZZ,Invented region,world,
QZN,North,region,QZZ
QMA,Aldavia,country,QZN
QMB,Brenmark,country,QZN
"""
AREA_SET = {
    "area_set": "invented_small",
    "title": "Two invented countries",
    "licence": "none needed",
    "attribution": "Nothing of it exists",
    "members": "invented_small.csv",
}
CONTRACT = {
    "partner": PARTNER,
    "name": "Invented police, small",
    "sector": "police",
    "licence": "invented figures, free to use",
    "legal_basis": "invented, no person stands behind any figure",
    "audience": "public",
    "minimum_cell": 11,
    "cadence": {"every": "1 year", "late_after": "90 days"},
    "datasets": {
        "victims": {
            "title": "Detected victims by area and year",
            "source_type": "police",
            "counting_unit": "persons",
            "period_basis": "detection",
            "age_basis": "at detection",
            "population_basis": "residents",
            "precedence": 1,
            "replaces": "periods",
            "hold_above_vanished_share": 0.2,
            "format": {"type": "csv"},
            "files": [{"pattern": "victims_*.csv", "issued_on": {"file_name": "victims_(?P<date>\\d{8})", "date_format": "%Y%m%d"}}],
            "columns": {
                "measure": {"constant": "victims_detected"},
                "area": {"from": "area"},
                "area_role": {"constant": "detection"},
                "period": {"from": "year", "as": "year"},
                "sex": {"from": "sex", "values": {"all": "_T", "women": "F", "men": "M"}},
                "value": {"from": "count"},
            },
        }
    },
}  # fmt: skip


def write_contract(home: Path, contract: dict = CONTRACT) -> None:
    """The partner's contract and the areas, in the home's own contracts folder."""
    root = home / "contracts"
    (root / "areas").mkdir(parents=True, exist_ok=True)
    (root / "areas" / "invented_small.yml").write_text(yaml.safe_dump(AREA_SET, sort_keys=False), encoding="utf-8")
    (root / "areas" / "invented_small.csv").write_text(AREAS, encoding="utf-8")
    folder = root / "partners" / PARTNER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contract.yml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")


def rows(first: int, last: int, women: int = 40) -> str:
    """Figures of two countries from one year to another. Nothing is random, and no figure is small."""
    lines = ["area,year,sex,count"]
    for area, more in (("QMA", 0), ("QMB", 25)):
        for year in range(first, last + 1):
            counts = {"women": women + more + (year - 2010) * 3, "men": 30 + more + (year % 3)}
            lines += [f"{area},{year},{sex},{count}" for sex, count in {"all": sum(counts.values()), **counts}.items()]
    return "\n".join(lines) + "\n"


def send(home: Path, issued: str, body: str, partner: str = PARTNER) -> Path:
    """Put a file into the inbox; `issued` is the date in its name."""
    path = home / "inbox" / partner / f"victims_{issued}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body, encoding="utf-8")
    return path


def make(path: Path, files: dict[str, str] | None = None) -> Home:
    """A demonstration home (its areas are invented) with the contract, and files in its inbox that nobody has received."""
    home = Home.open(path, kind="demonstration", create=True)
    write_contract(path)
    for issued, body in ({"20240115": rows(2012, 2023)} if files is None else files).items():
        send(path, issued, body)
    return home


def add_old_submissions(home: Home, count: int) -> None:
    """Add submissions to ledger, lake, landing and quarantine as if they had been received one by one, a day apart.

    Each is a copy of the one submission that the home holds, with an id, bytes and a date of issue of its own. Receiving
    a thousand files takes minutes; what is measured is what a thousand received ones cost.
    """
    ledger = Ledger.of(home)
    (first,) = [entry for entry in ledger.entries() if entry["kind"] == "submission"]
    template = lake_file(home, first["partner_id"], first["submission_id"])
    bytes_of_first = (home.landing / first["file_sha256"]).read_bytes()
    day = date.fromisoformat(first["issued_on"])
    entries = []
    with duckdb.connect() as connection:
        connection.execute(
            "create table rows as select * from read_parquet(?, hive_partitioning = false)", [str(template)]
        )
        for number in range(1, count + 1):
            content = bytes_of_first + b"\n" * number
            digest = hashlib.sha256(content).hexdigest()
            identifier = "s" + digest[:16]
            issued = (day + timedelta(days=number)).isoformat()
            (home.landing / digest).write_bytes(content)
            connection.execute(
                f"copy (select * replace ('{identifier}' as submission_id) from rows) "
                f"to '{lake_file(home, first['partner_id'], identifier)}' (format parquet)"
            )
            folder = home.quarantine / identifier
            folder.mkdir()
            for name in ("receipt.json", "receipt.txt"):
                (folder / name).write_text((home.quarantine / first["submission_id"] / name).read_text())
            changes = {
                "submission_id": identifier,
                "file_sha256": digest,
                "issued_on": issued,
                "file_name": f"victims_{issued}.csv",
            }
            entries.append(
                {**{key: value for key, value in first.items() if key not in ("position", "recorded_at")}, **changes}
            )
    ledger.append(entries)
