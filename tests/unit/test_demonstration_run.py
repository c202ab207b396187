"""The generator as a program: equal bytes, small, quick, and files that the intake takes or refuses as planned."""

import csv
import hashlib
import os
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from demonstration.generator import CONTRACTS, generate
from demonstration.region import COUNTRIES
from submissions import check
from submissions.contracts.loading import Contract, find

ROOT = Path(__file__).resolve().parents[2]


def digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demonstration")
    generate(folder)
    return folder


def test_same_bytes_in_another_process_time_zone_and_hash_seed(folder, tmp_path):
    program = "import pathlib, sys; from demonstration import generator; generator.generate(pathlib.Path(sys.argv[1]))"
    settings = {"PYTHONHASHSEED": "77", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=os.environ | settings, cwd=ROOT)
    assert digests(tmp_path) == digests(folder)


def test_another_seed_moves_the_counts_and_nothing_else(folder, tmp_path):
    first = generate(tmp_path / "first")
    other = generate(tmp_path / "other", seed=7)
    assert digests(tmp_path / "first") == digests(folder)
    assert digests(tmp_path / "first" / "areas") == digests(tmp_path / "other" / "areas")
    assert first.clusters == other.clusters
    assert first.content["area_totals"] != other.content["area_totals"]


def test_scale_multiplies_the_counts(tmp_path):
    def total(truth) -> int:
        return sum(sum(years.values()) for years in truth.content["area_totals"].values())

    small, large = generate(tmp_path / "small", scale=0.1), generate(tmp_path / "large", scale=2)
    assert total(large) / total(small) == pytest.approx(20, rel=0.03)
    with pytest.raises(ValueError, match="above 0"):
        generate(tmp_path / "none", scale=0)


def test_small_and_quick(folder, tmp_path):
    assert sum(file.stat().st_size for file in (folder / "inbox").rglob("*") if file.is_file()) < 15_000_000
    before = time.process_time()
    generate(tmp_path)
    assert time.process_time() - before < 3


def test_every_contract_loads(folder):
    found = find([CONTRACTS])
    broken = {partner: str(entry) for partner, entry in found.items() if not isinstance(entry, Contract)}
    assert not broken
    known = {entry.name for entry in (folder / "inbox").iterdir()}
    assert known - set(found) == {"qmz_ngo_unlisted"}
    assert set(found) <= known


def test_contracts_stay_in_the_invented_region():
    for file in sorted((CONTRACTS / "partners").glob("*/contract.yml")):
        assert re.match(r"(qm[a-l]|int)_", file.parent.name)
        text = file.read_text(encoding="utf-8")
        for key in ("area", "jurisdiction"):
            for code in re.findall(rf"{key}:\s+{{constant: (\w+)}}", text):
                assert code in COUNTRIES
        assert "invented" in yaml.safe_load(text)["licence"]


def test_definitions_cover_each_country_once_at_any_time():
    with (CONTRACTS / "definitions.csv").open(encoding="utf-8", newline="") as stream:
        regimes = [row for row in csv.DictReader(stream) if row["is_regime"] == "true"]
    assert {row["jurisdiction"] for row in regimes} == set(COUNTRIES)
    for country in COUNTRIES:
        spans = sorted(
            (row["valid_from"], row["valid_to"] or "9999") for row in regimes if row["jurisdiction"] == country
        )
        assert spans[0][0] < "2015"
        assert spans[-1][1] == "9999"
        assert all(before[1] == after[0] for before, after in pairwise(spans))
    with (CONTRACTS / "definition_map.csv").open(encoding="utf-8", newline="") as stream:
        schemes = {row["source_scheme"] for row in csv.DictReader(stream)}
    assert schemes <= {entry.name for entry in (CONTRACTS / "partners").iterdir()}


GOOD = (
    "int_io_observatory/observatory_20250320.csv",
    "int_ngo_lantern/lantern_20250305.csv",
    "qma_police_national/sumrel_ennar_20250218.csv",
    "qmb_immigration_office/erluss_20250220.csv",
    "qmb_police_gendarmerie/jahrun_20250224.csv",
    "qmb_police_gendarmerie/vartel_20250217.csv",
    "qmc_police_central/kvarta_archiv.tsv",
    "qmd_police_federal/parag_20250303.xlsx",
    "qmd_police_federal/rokal_20250303.xlsx",
    "qme_police_service/rokal_20250214.csv",
    "qmf_police_county/tessar_20240513.csv",
    "qmg_police_guard/vartel_20220214.csv",
    "qmh_police_directorate/anio_20240902.csv",
    "qmi_police_national/ennar_20240320.csv",
    "qmj_police_state/anio_20250228.csv",
    "qmk_ngo_harbour/harbour_20240301.csv",
    "qmk_police_prefecture/anio_20250221.csv",
    "qml_police_islands/islas_anio_20250217.parquet",
)


@pytest.mark.parametrize("name", GOOD)
def test_intake_accepts_every_kind_of_good_file(folder, name):
    file = folder / "inbox" / name
    receipt = check(file, file.parent.name, contracts=CONTRACTS)
    assert receipt.outcome in ("accepted", "accepted_with_warnings")
    assert receipt.rows_in == receipt.rows_accepted + receipt.rows_excluded > 0
    assert not receipt.rows_quarantined
    codes = {problem.code for problem in receipt.problems}
    unmapped = name.startswith(("int_io_observatory", "qmk_police"))
    assert codes == ({"W-unmapped"} if unmapped else {"W-total"} if name.startswith("qmi") else set())


def test_intake_refuses_or_quarantines_every_bad_file(folder, tmp_path):
    for entry in generate(tmp_path).bad_files:
        file = folder / "inbox" / entry["partner_id"] / entry["file_name"]
        assert check(file, entry["partner_id"], contracts=CONTRACTS).outcome == entry["outcome"], entry
