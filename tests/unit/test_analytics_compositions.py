"""Shifts of the mix of forms on small frames: what is found, what is refused, and whose family it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analytics import compositions
from analytics.parameters import parameters
from analytics.regimes import SPLITS

NO_BREAKS = pd.DataFrame(columns=["area_code", "measure", "dimension", "break_on", "kind", "source"])
FORMS = ("SEX", "LAB", "OTH")


def cells(counts: dict[str, dict[int, float]], area: str = "QMA", **columns: object) -> pd.DataFrame:
    """Annual counts of one area: form -> year -> count, NaN for a figure that may not be shown."""
    key = {
        "area_code": area, "area_level": "country", "area_role": "detection", "measure": "victims_detected",
        "unit": "persons", "reporter": "_T", "source": f"{area.lower()}_police_example", "dataset": "victims",
        "source_type": "police", "frequency": "A", "is_overlapping": False, "is_incomplete": False,
        **dict.fromkeys(SPLITS, "_T"), **columns,
    }  # fmt: skip
    return pd.DataFrame(
        [
            {**key, "exploitation": form, "period": str(year), "period_start": pd.Timestamp(year, 1, 1), "value": value}
            for form, years in counts.items()
            for year, value in years.items()
        ]
    )


def mix(*shares: tuple[float, ...], total: int = 1000, first: int = 2020, forms: tuple[str, ...] = FORMS) -> dict:
    """Counts of the forms over the years, from the shares of each year."""
    return {
        form: {first + year: float(round(total * parts[place])) for year, parts in enumerate(shares)}
        for place, form in enumerate(forms)
    }


STEADY, SHIFTED = (0.6, 0.3, 0.1), (0.3, 0.6, 0.1)


def compute(frame: pd.DataFrame, breaks: pd.DataFrame = NO_BREAKS) -> pd.DataFrame:
    return compositions.compute(frame, breaks, {}, parameters())


def of(found: pd.DataFrame, comparison: str, area: str = "QMA") -> pd.DataFrame:
    rows = found[(found["comparison"] == comparison) & (found["area_code"] == area)]
    return rows.set_index("exploitation")


def test_a_shift_is_found_in_its_years_with_its_size() -> None:
    found = compute(cells(mix(STEADY, STEADY, STEADY, SHIFTED)))
    newest, whole = of(found, "newest_years"), of(found, "first_and_newest")
    for rows, first in ((newest, "2022"), (whole, "2020")):
        assert rows["direction"].to_dict() == {"LAB": "grew", "OTH": "no_clear_change", "SEX": "shrank"}
        assert set(rows["period_first"]) == {first}
        assert rows.loc["LAB", "share_change"] == pytest.approx(0.3)
    table = [[600, 300], [300, 600], [100, 100]]
    theirs = stats.chi2_contingency(table, correction=False)
    assert newest["chi_square"].iloc[0] == pytest.approx(theirs.statistic)
    assert newest["cramers_v"].iloc[0] == pytest.approx(stats.contingency.association(table, method="cramer"))


def test_a_shift_before_the_newest_years_is_one_since_the_first() -> None:
    found = compute(cells(mix(STEADY, SHIFTED, SHIFTED, SHIFTED)))
    assert set(of(found, "newest_years")["direction"]) == {"no_clear_change"}
    assert of(found, "first_and_newest").loc["LAB", "direction"] == "grew"


def test_a_hidden_form_leaves_its_year_out() -> None:
    counts = mix(STEADY, STEADY, STEADY, SHIFTED)
    counts["OTH"][2023] = np.nan
    found = compute(cells(counts))
    assert set(of(found, "newest_years")["period_last"]) == {"2022"}
    counts["OTH"][2021] = np.nan
    rows = of(compute(cells(counts)), "newest_years")
    assert rows.index.tolist() == ["_T"]
    assert "the year before has no figure" in rows["eligibility_reason"].item()
    counts["OTH"] = dict.fromkeys(counts["OTH"], np.nan)
    both = compute(cells(counts))
    assert both["eligibility_reason"].str.startswith("fewer than two years").all()
    assert both[["p", "q_bh", "value_first", "cramers_v"]].isna().all(axis=None)


def test_reports_still_coming_in_are_not_compared() -> None:
    frame = cells(mix(STEADY, STEADY, STEADY, SHIFTED))
    frame["is_incomplete"] = frame["period"] == "2023"
    assert set(of(compute(frame), "newest_years")["period_last"]) == {"2022"}


@pytest.mark.parametrize(
    ("kind", "dimension", "is_refused"),
    [("law", "_T", True), ("code list", "exploitation", True), ("code list", "sex", False), ("coverage", "_T", False)],
)
def test_a_change_of_law_or_code_list_in_between_is_no_shift(kind: str, dimension: str, is_refused: bool) -> None:
    breaks = pd.DataFrame(
        [
            {
                "area_code": "QMA",
                "measure": "_T",
                "dimension": dimension,
                "break_on": pd.Timestamp(2022, 1, 1),
                "kind": kind,
            }
        ]
    )
    found = compute(cells(mix(STEADY, STEADY, STEADY, SHIFTED)), breaks)
    assert of(found, "newest_years")["eligibility"].iloc[0] == "assessed"
    assert (of(found, "first_and_newest")["eligibility"].iloc[0] == "not_assessed") == is_refused


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (mix(STEADY, STEADY, SHIFTED, total=40), "fewer than 50"),
        (mix((0.9, 0.08, 0.02), (0.9, 0.08, 0.02), total=100), "too few persons in some forms"),
        (mix((1.0,), (1.0,), forms=("SEX",)), "all are of one form"),
    ],
)
def test_small_and_single_mixes_say_why(counts: dict, reason: str) -> None:
    rows = of(compute(cells(counts)), "newest_years")
    assert rows["eligibility"].item() == "not_assessed"
    assert reason in rows["eligibility_reason"].item()


def test_who_is_of_unknown_form_is_a_part_and_nobody_where_there_is_no_row() -> None:
    counts = mix(STEADY, STEADY, (0.6, 0.3, 0.02))
    counts["_X"] = {2022: 80.0}
    rows = of(compute(cells(counts)), "newest_years")
    assert rows.loc["_X", "direction"] == "grew"
    assert rows.loc["_X", "value_first"] == 0
    assert rows.loc["OTH", "direction"] == "shrank"
    missing = mix(STEADY, STEADY, STEADY)
    del missing["OTH"][2022]
    assert set(of(compute(cells(missing)), "newest_years")["period_last"]) == {"2021"}


def test_members_inside_another_and_any_of_counts_are_left_out() -> None:
    counts = mix(STEADY, SHIFTED)
    inside = cells({"SEX_ONLINE": {2020: 50.0, 2021: 250.0}})
    several = cells({"DOM": {2020: 500.0, 2021: 10.0}}).assign(is_overlapping=True)
    plain = compute(cells(counts))
    pd.testing.assert_frame_equal(compute(pd.concat([cells(counts), inside, several])), plain)
    alone = cells({"LAB": {2020: 300.0, 2021: 600.0}, "SEX_ONLINE": {2020: 600.0, 2021: 300.0}})
    assert "SEX_ONLINE" in set(compute(alone)["exploitation"])


def test_the_family_is_a_levels_areas_of_one_kind_of_source() -> None:
    areas = [f"QM{letter}" for letter in "ABCDEFGH"]
    frames = [cells(mix(STEADY, SHIFTED if area == "QMA" else STEADY), area) for area in areas]
    frames.append(cells(mix(STEADY, STEADY), "QMA", source_type="ngo", source="qma_ngo_example"))
    found = compute(pd.concat(frames))
    newest = found[found["comparison"] == "newest_years"]
    assert newest.groupby("source")["family_count"].first().to_dict() == {
        **{f"{area.lower()}_police_example": 8 for area in areas}, "qma_ngo_example": 1,
    }  # fmt: skip
    assert set(newest.loc[newest["direction"].isin(["grew", "shrank"]), "source"]) == {"qma_police_example"}


def test_flat_families_claim_no_more_than_their_level() -> None:
    rng = np.random.default_rng(8)
    frames = []
    for family in range(80):
        for area in range(10):
            counts = rng.multinomial(200, STEADY, size=3)
            years = {form: {2020 + year: float(counts[year, at]) for year in range(3)} for at, form in enumerate(FORMS)}
            frames.append(
                cells(years, f"QMA-{area:02}", source=f"qma_police_{family:03}", source_type=f"kind_{family}")
            )
    found = compute(pd.concat(frames, ignore_index=True))
    claims = found["direction"].isin(["grew", "shrank"]).groupby(found["family_id"]).any()
    print(f"{claims.sum()} of {len(claims)} families hold a claim")
    assert len(claims) == 160
    assert claims.sum() <= stats.binom.ppf(0.999, 160, 0.05)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 400)), min_size=3, max_size=3), min_size=2, max_size=5))
def test_any_counts_give_shares_that_add_up_and_p_that_are_chances(rows: list[list[int | None]]) -> None:
    counts = {
        form: {2020 + year: np.nan if parts[place] is None else float(parts[place]) for year, parts in enumerate(rows)}
        for place, form in enumerate(FORMS)
    }
    found = compute(cells(counts))
    assessed = found[found["eligibility"] == "assessed"]
    for _, rows_ in assessed.groupby("comparison"):
        assert rows_["share_first"].sum() == pytest.approx(1)
        assert rows_["share_last"].sum() == pytest.approx(1)
        assert rows_["value_last"].sum() == rows_["total_last"].iloc[0]
    assert found["p"].dropna().between(0, 1).all()
    pd.testing.assert_frame_equal(found, compute(cells(counts).sample(frac=1, random_state=2)))
    doubled = compute(
        cells({form: {year: 2 * value for year, value in years.items()} for form, years in counts.items()})
    )
    both = assessed.merge(doubled[doubled["eligibility"] == "assessed"], on=["comparison", "exploitation"])
    # halving the counts can only make them too small: whoever was assessed still is
    assert len(both) == len(assessed)
    assert np.allclose(both["cramers_v_x"], both["cramers_v_y"], equal_nan=True)


def test_nothing_split_by_form_is_an_empty_table() -> None:
    assert compute(cells({"_T": {2020: 5.0, 2021: 6.0}})).empty
