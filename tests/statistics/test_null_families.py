"""A seeded fifth of the campaign of null families: no more claims than false discovery control allows."""

from pathlib import Path

import pandas as pd
import pytest

from tests.campaigns import null_families


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("null-families")
    null_families.generate(folder, share=0.2)
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> pd.DataFrame:
    return null_families.families(null_families.run(folder, ["restricted"]), "restricted")


def test_claims_stay_within_five_per_cent(found):
    counted = null_families.table(found)
    print(counted.to_string(index=False))
    assert null_families.above_limit(counted).empty, counted.to_string(index=False)
    whole = counted.set_index("kind").loc["all together"]
    assert whole["claims"] == counted.loc[counted["kind"] != "all together", "claims"].sum()


def test_enough_families_of_each_kind_are_tested(found):
    tested = found[found["tested"] > 0]
    is_map = tested["kind"].str.startswith("maps")
    sets = tested[tested["kind"].isin(["trends of years", "trends of quarters"])]
    assert is_map.sum() >= 40
    assert len(sets) >= 30
    assert (tested["kind"] == "classes of change").sum() >= 15
    # a family of one is no family: maps and sets of trends hold dozens of questions, as real ones do
    assert tested.loc[is_map, "tested"].median() >= 40
    assert sets["tested"].median() >= 40


def test_without_false_discovery_control_almost_every_map_would_claim_something(found):
    """The small share is the work of the control and not silence: one by one, the same p-values claim nearly always."""
    maps = found[found["kind"].str.startswith("maps") & (found["tested"] > 0)]
    assert maps["has_small_p"].mean() > 0.5
    assert maps["has_claim"].mean() < maps["has_small_p"].mean() / 5


def test_the_limit_is_the_binomial_one_and_untested_families_thin_nothing():
    def counted(claims: int, families: int, untested: int) -> pd.DataFrame:
        rows = [("restricted", "maps", 40, place < claims) for place in range(families)]
        rows += [("restricted", "maps", 0, False)] * untested
        frame = pd.DataFrame(rows, columns=["audience", "kind", "tested", "has_claim"])
        return null_families.table(frame.assign(family_id=range(len(frame)), has_small_p=frame["has_claim"]))

    # 200 families at 5 %: 10 claims are expected, 1 to 21 hold 99.9 %
    assert null_families.above_limit(counted(claims=21, families=200, untested=500)).empty
    assert len(null_families.above_limit(counted(claims=22, families=200, untested=500))) == 2
    whole = counted(claims=10, families=200, untested=500).iloc[-1]
    assert (whole["share"], whole["untested"]) == (0.05, 500)


def test_same_seed_same_bytes(folder, tmp_path):
    null_families.generate(tmp_path, share=0.2)
    names = ("inbox", "contracts", "areas")
    again = {file.relative_to(tmp_path): file.read_bytes() for name in names for file in (tmp_path / name).rglob("*.*")}
    first = {file.relative_to(folder): file.read_bytes() for name in names for file in (folder / name).rglob("*.*")}
    assert again == first
