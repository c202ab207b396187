"""All partners of the real inbox: what their contracts make of each file, against figures counted by pandas.

The files are no part of the project (see test_real_contracts). What the publishers' tables say twice is tested here: which
rows stand for the same people, and that each is read once for each question.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from test_real_contracts import INBOX, PARTNERS, SEEDS, needs_inbox, rows

from submissions.contracts import loading
from submissions.contracts.loading import Contract
from submissions.readers import table as reading
from submissions.validation import row_rules
from submissions.vocabulary.country_names import resolve

NRM = "gbr_immigration_nrm"
KINDS = {
    "Police": ("police", "uk_nrm_referrals_police_2022q2_2023q4.csv"),
    "Government agency": ("government agency", "uk_nrm_referrals_govt_2022q2_2023q4.csv"),
    "Local Authority": ("local authority", "uk_nrm_referrals_la_2022q2_2023q4.csv"),
    "NGO and third sector": ("ngo", "uk_nrm_referrals_ngo_2022q2_2023q4.csv"),
}
ALL = "uk_nrm_referrals_all_2022q2_2023q4.csv"
DIMENSIONS = ["exploitation_type", "age_at_exploitation", "gender", "nationality"]
# as first published; of the last quarter the tables by first responder miss one person of the bulletin's 4,142
FIRST_PUBLISHED = {
    "2022-Q2": 4_171,
    "2022-Q3": 4_586,
    "2022-Q4": 4_417,
    "2023-Q1": 4_746,
    "2023-Q2": 3_998,
    "2023-Q3": 4_138,
    "2023-Q4": 4_141,
}


@dataclass(frozen=True)
class Taken:
    """A file as one dataset: counts of rows, and observations with the labels mapped as the warehouse maps them."""

    rows_in: int
    accepted: int
    quarantined: int
    excluded: int
    unmapped: tuple[tuple[str, str, int], ...]
    observations: pd.DataFrame


def known(partner: str) -> Contract:
    return loading.load(PARTNERS / partner)


@functools.cache
def taken(partner: str, file_name: str, dataset_name: str) -> Taken:
    found = known(partner)
    dataset = found.datasets[dataset_name]
    rule = dataset.file_rule(file_name)
    assert rule is not None, f"{file_name} is no file of {partner}/{dataset_name}"
    connection = duckdb.connect()
    read = reading.read(INBOX / partner / file_name, rule.format, connection)
    checked = row_rules.check_rows(
        connection, found, dataset, rule, read, row_rules.layout(dataset, rule, read), file_name
    )
    observations = connection.execute("SELECT * FROM observations").df()
    for column, rules in dataset.columns.items():
        if column not in observations or not any(each.is_mapped for each in rules):
            continue
        codes = {row.source: row.code for each in rules for _, row in found.map_rows(each)}
        codes |= {code: code for each in rules for code in (each.constant, each.otherwise) if code}
        has_library = any(each.library for each in rules)
        mapped = {
            label: codes.get(label) or (resolve(label) if has_library else None) or "_X"
            for label in observations[column].unique()
        }
        observations[column] = observations[column].map(mapped)
    total = {
        name: sum(counts[f"rows_{name}"] for counts in checked.counts.values())
        for name in ("in", "accepted", "quarantined", "excluded")
    }
    return Taken(
        total["in"], total["accepted"], total["quarantined"], total["excluded"], checked.unmapped, observations
    )


@functools.cache
def table(partner: str, file_name: str, **options) -> pd.DataFrame:
    return pd.read_csv(INBOX / partner / file_name, dtype=str, keep_default_na=False, encoding="utf-8-sig", **options)


@functools.cache
def cube(file_name: str) -> pd.DataFrame:
    found = table(NRM, file_name).copy()
    found["people"] = found["people"].astype(float)
    found["is_total_body"] = found["first_responder"].str.endswith(" total")
    return found


def by(frame: pd.DataFrame, *columns: str) -> dict:
    """Sums of the exact values by columns, as whole numbers."""
    found = frame.groupby(list(columns) if len(columns) > 1 else columns[0])["value"].sum()
    return {key: round(float(value)) for key, value in found.items()}


# --- the inbox as a whole ---


def real_files() -> list[Path]:
    return sorted(path for path in INBOX.glob("*/*") if path.is_file()) if INBOX.is_dir() else []


@needs_inbox
def test_every_file_of_the_inbox_has_a_contract_and_every_dataset_a_file() -> None:
    read = set()
    for path in real_files():
        found = known(path.parent.name)
        names = {name for name, dataset in found.datasets.items() if dataset.file_rule(path.name)}
        assert names, f"{path.parent.name}/{path.name}"
        read |= {(found.partner, name) for name in names}
    assert read == {
        (folder.name, name)
        for folder in PARTNERS.iterdir()
        if (folder / "contract.yml").is_file()
        for name in known(folder.name).datasets
    }


@needs_inbox
@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_no_row_of_the_inbox_is_lost_or_held_up(path: Path) -> None:
    if path.suffix == ".xlsx":
        pytest.skip("counted in test_real_contracts")
    lines = len(table(path.parent.name, path.name, **({"sep": "\t"} if path.suffix == ".tsv" else {})))
    for name, dataset in known(path.parent.name).datasets.items():
        if dataset.file_rule(path.name):
            found = taken(path.parent.name, path.name, name)
            assert found.rows_in == lines == found.accepted + found.excluded, name
            assert found.quarantined == 0, name
            assert found.unmapped == (), name


@pytest.mark.parametrize("folder", sorted(PARTNERS.iterdir()), ids=lambda folder: folder.name)
def test_the_ledger_of_corrections_agrees_with_the_contract(folder: Path) -> None:
    file = folder / "corrections.csv"
    if not file.is_file():
        return
    found = known(folder.name)
    for row in rows(file):
        assert row["dataset"] in found.datasets
        assert all(row[name] for name in ("column", "taken_as", "acts_in", "why", "evidence", "decided_by"))
        pd.Timestamp(row["decided_on"])
        if row["valid_until"]:
            continue
        if row["acts_in"] == "contract.yml":
            rules = [each for each in found.datasets[row["dataset"]].columns["area"] if each.constant]
            assert any(
                each.constant == row["taken_as"] and (row["column"], (row["found"],)) in each.where for each in rules
            )
            continue
        entries = {each.source: each.code for each in found.maps[row["acts_in"]]}
        for label in row["found"].split(" to "):
            assert entries[label] == ("" if row["taken_as"] == "left out" else row["taken_as"]), row


@needs_inbox
def test_the_corrections_are_needed() -> None:
    fbi = table("usa_police_fbi", "us_fbi_ucr_human_trafficking_2013_2020.csv")
    assert set(fbi.loc[fbi["STATE_ABBR"] == "NB", "STATE_NAME"]) == {"Nebraska"}
    assert "NE" not in set(fbi["STATE_ABBR"])
    items = {row["source"] for row in rows(PARTNERS / "int_io_unodc" / "questionnaire_items.csv")}
    file = INBOX / "int_io_unodc" / "unodc_glotip_data_vintage_2025_04_14.xlsx"
    glotip = pd.read_excel(
        file, sheet_name="data_glotip_1", header=2, dtype=str, keep_default_na=False, engine="calamine"
    )
    found = glotip[glotip["txtVALUE"].isin(items)]
    assert len(found) == 128
    assert set(found["Iso3_code"]) == {"AND", "PAK", "SLE", "SLV"}
    assert found["Category"].str.match(r"Q6\.1_\d+s_20\d\d").mean() > 0.5


# --- National Referral Mechanism: what is the same people ---


@needs_inbox
def test_the_table_of_all_repeats_the_other_tables() -> None:
    together = pd.concat([cube(file) for kind, (_, file) in KINDS.items() if kind != "Police"])
    columns = ["quarter", "first_responder_type", "first_responder", *DIMENSIONS, "people"]
    of_others = cube(ALL).loc[cube(ALL)["first_responder_type"] != "Police", columns]
    assert len(of_others) == len(together) == 26_362
    assert len(of_others.merge(together, on=columns)) == 26_362
    police = cube(ALL)[cube(ALL)["first_responder_type"] == "Police"]
    assert set(police["exploitation_type"]) == {"Total"}, "the police are not split by form there"


@needs_inbox
def test_all_first_responders_are_read_as_totals_only() -> None:
    found = taken(NRM, ALL, "nrm_all")
    kept = cube(ALL)[cube(ALL)["exploitation_type"] == "Total"]
    assert found.accepted == len(kept) == 4_464
    assert set(found.observations["exploitation"]) == set(found.observations["sex"]) == {"_T"}
    assert set(found.observations["area"]) == {"GBR"}
    totals = found.observations[(found.observations[["detail", "counterpart_area"]] == "_T").all(axis=1)]
    wanted = kept[kept["is_total_body"] & (kept[DIMENSIONS] == "Total").all(axis=1)]
    assert by(totals, "period", "reporter") == {
        (row.quarter, KINDS[row.first_responder_type][0]): row.people for row in wanted.itertuples()
    }
    assert by(totals, "period") == FIRST_PUBLISHED
    # bodies are parts of their kind and stand under it; local authorities and police are given as a whole
    parts = found.observations[
        (found.observations["detail"] != "_T") & (found.observations["counterpart_area"] == "_T")
    ]
    assert set(parts["detail_kind"]) == {"first_responder"}
    for (period, reporter), value in by(parts, "period", "reporter").items():
        assert value == by(totals, "period", "reporter")[period, reporter]
    assert set(parts["reporter"]) == {"government agency", "ngo"}


@needs_inbox
@pytest.mark.parametrize("kind", KINDS)
def test_the_leaves_of_each_table_are_each_person_once(kind: str) -> None:
    reporter, file = KINDS[kind]
    found = taken(NRM, file, "nrm_splits").observations
    leaves = cube(file)[(cube(file)[DIMENSIONS] != "Total").all(axis=1) & ~cube(file)["is_total_body"]]
    assert taken(NRM, file, "nrm_splits").accepted == len(leaves)
    assert set(found["reporter"]) == {reporter}
    assert not (found[["exploitation", "sex", "age", "counterpart_area"]] == "_T").any().any()
    published = cube(file)[cube(file)["is_total_body"] & (cube(file)[DIMENSIONS] == "Total").all(axis=1)]
    assert by(found, "period") == {row.quarter: row.people for row in published.itertuples()}
    genders = leaves.assign(gender=leaves["gender"].replace({"Not Recorded": "_U", "Unknown": "_U"}))
    wanted = genders.groupby(["quarter", "gender"])["people"].sum()
    codes = {"Female": "F", "Male": "M", "Other": "X", "_U": "_U"}
    assert by(found, "period", "sex") == {(quarter, codes[each]): value for (quarter, each), value in wanted.items()}


@needs_inbox
def test_the_four_tables_together_are_the_total_of_each_quarter() -> None:
    together = pd.concat([taken(NRM, file, "nrm_splits").observations for _, file in KINDS.values()])
    assert by(together, "period") == FIRST_PUBLISHED
    last = taken(NRM, "uk_nrm_referrals_longitudinal.csv", "nrm_longitudinal").observations
    last = by(last[last["detail"] == "_T"], "period")
    revised = {period: last[period] - first for period, first in FIRST_PUBLISHED.items()}
    assert revised == {
        "2022-Q2": -14,
        "2022-Q3": -8,
        "2022-Q4": -4,
        "2023-Q1": -8,
        "2023-Q2": -5,
        "2023-Q3": -7,
        "2023-Q4": 1,
    }


def test_what_is_the_same_people_is_ranked_and_never_of_one_rank() -> None:
    datasets = known(NRM).datasets
    referrals = ["nrm_longitudinal", "nrm_all", "nrm_splits", "nrm_police", "small_boat_referrals"]
    assert [datasets[name].precedence for name in referrals] == [1, 2, 3, 4, 9]


@needs_inbox
def test_single_persons_and_dual_citizenships_come_in_as_published() -> None:
    file = KINDS["Police"][1]
    leaves = cube(file)[(cube(file)[DIMENSIONS] != "Total").all(axis=1) & ~cube(file)["is_total_body"]]
    single = ((leaves["quarter"] == "2023-Q4") & (leaves["people"] == 1)).sum()
    by_force = taken(NRM, file, "nrm_police").observations
    splits = ["exploitation", "sex", "age", "counterpart_area"]
    mine = by_force[(by_force["period"] == "2023-Q4") & (by_force["area"] != "GBR") & (by_force["value"] == 1)]
    assert single == (mine[splits] != "_T").all(axis=1).sum() == 461
    dual = {row["source"] for row in rows(PARTNERS / NRM / "map_nationalities.csv") if row["code"] == "_SEV"}
    wanted = leaves[leaves["nationality"].str.strip().isin(dual)].groupby("quarter")["people"].sum().to_dict()
    found = taken(NRM, file, "nrm_splits").observations
    assert by(found[found["counterpart_area"] == "_SEV"], "period") == wanted
    assert "Albanian UK" in dual


# --- decisions ---


def decisions(file: str) -> pd.DataFrame:
    found = table(NRM, file).copy()
    for column in found.columns[2:]:
        found[column] = found[column].astype(float)
    year = found["Year"].str.removesuffix(".0")
    found["period"] = year.where(found["Quarter"] == "Total", year + "-" + found["Quarter"])
    return found.set_index("period")


@needs_inbox
@pytest.mark.parametrize(
    ("stage", "dataset", "measure"),
    [
        ("reasonable", "nrm_reasonable_grounds", "decisions_first_stage"),
        ("conclusive", "nrm_conclusive_grounds", "decisions_final"),
    ],
)
def test_decisions_are_a_measure_of_their_own_by_the_day_of_the_decision(
    stage: str, dataset: str, measure: str
) -> None:
    file = f"uk_nrm_{stage}_grounds.csv"
    found, wanted = taken(NRM, file, dataset).observations, decisions(file)
    assert set(found["measure"]) == {measure}
    assert set(found["unit"]) == {"decisions"}
    assert known(NRM).datasets[dataset].period_basis == "decision"
    whole = found[(found["age"] == "_T") & (found["detail"] == "_T")]
    assert by(whole, "period") == wanted["Total"].to_dict()
    for age, heading in {
        "18+": "Adult (18 or over)",
        "0-17": "Child (17 or under)",
        "_U": "Age not specified or unknown",
    }.items():
        mine = found[found["age"] == age]
        for detail in ("positive", "negative"):
            column = f"{heading} - {detail.capitalize()} {stage} grounds"
            assert by(mine[mine["detail"] == detail], "period") == wanted[column].to_dict()
        assert by(mine[mine["detail"] == "_T"], "period") == wanted[f"{heading} - Total"].to_dict()
    quarters = whole[whole["frequency"] == "Q"]
    years = by(quarters.assign(year=quarters["period"].str[:4]), "year")
    assert {year: by(whole, "period")[year] for year in years} == years


@needs_inbox
def test_people_recognised_are_the_positive_decisions_of_the_last_stage() -> None:
    found = taken(NRM, "uk_nrm_conclusive_grounds.csv", "nrm_identified").observations
    wanted = decisions("uk_nrm_conclusive_grounds.csv").filter(like="Positive").sum(axis=1)
    assert set(found["measure"]) == {"victims_identified"}
    assert by(found, "period") == wanted.to_dict()


@needs_inbox
def test_decisions_of_a_year_are_no_cohort_of_its_referrals() -> None:
    """Why no share is taken: of some years more decisions are made than people referred, of others far fewer."""
    last = taken(NRM, "uk_nrm_referrals_longitudinal.csv", "nrm_longitudinal").observations
    referred = last[last["detail"] == "_T"].assign(year=last["period"].str[:4])
    referred = by(referred, "year")
    made = by(
        taken(NRM, "uk_nrm_conclusive_grounds.csv", "nrm_conclusive_grounds").observations.query(
            "age == '_T' and detail == '_T' and frequency == 'A'"
        ),
        "period",
    )
    shares = {year: made[year] / referred[year] for year in made}
    assert min(shares.values()) < 0.4
    assert max(shares.values()) > 0.55
    first = by(
        taken(NRM, "uk_nrm_reasonable_grounds.csv", "nrm_reasonable_grounds").observations.query(
            "age == '_T' and detail == '_T' and frequency == 'A'"
        ),
        "period",
    )
    assert any(first[year] > referred[year] for year in first)


@needs_inbox
def test_adults_who_declined_are_apart_and_a_part_of_a_year_is_no_year() -> None:
    file = "uk_nrm_duty_to_notify_longitudinal.csv"
    found = taken(NRM, file, "nrm_duty_to_notify")
    assert set(found.observations["measure"]) == {"victims_declined"}
    assert (found.accepted, found.excluded) == (41, 1)
    assert "2015" not in set(found.observations["period"])
    quarters = found.observations[found.observations["frequency"] == "Q"]
    years = by(quarters.assign(year=quarters["period"].str[:4]), "year")
    assert years.pop("2015") == 65
    assert years == by(found.observations[found.observations["frequency"] == "A"], "period")


# --- small boats ---


@needs_inbox
def test_small_boats_are_a_part_of_the_referrals_and_never_their_total() -> None:
    found = taken(NRM, "uk_small_boat_nrm_referrals.csv", "small_boat_referrals")
    raised = table(NRM, "uk_small_boat_nrm_referrals.csv")
    raised = raised[raised["NRM referral"] == "NRM referral raised"]
    assert (found.accepted, found.excluded) == (len(raised), 2_317)
    assert set(found.observations["detail"]) == {"small boat"}
    years = by(found.observations.assign(year=found.observations["period"].str[:4]), "year")
    assert years == {"2018": 12, "2019": 162, "2020": 1_237, "2021": 2_416, "2022": 3_763, "2023": 333}
    assert found.observations["value"].sum() == raised["Referrals"].astype(float).sum()
    assert set(found.observations.loc[found.observations["counterpart_area"] == "_STL", "measure"])


@needs_inbox
def test_states_of_small_boat_cases_are_a_cohort_whose_stages_overlap() -> None:
    states = taken(NRM, "uk_small_boat_nrm_outcomes.csv", "small_boat_outcomes").observations
    referred = by(taken(NRM, "uk_small_boat_nrm_referrals.csv", "small_boat_referrals").observations, "period")
    first = ["first stage positive", "first stage negative", "first stage awaited", "reconsideration awaited"]
    last = ["last stage positive", "last stage negative", "last stage awaited"]
    of_first = states[states["detail"].isin([f"small boat: {each}" for each in [*first, "withdrawn or closed"]])]
    of_last = states[states["detail"].isin([f"small boat: {each}" for each in last])]
    assert len(of_first) + len(of_last) == len(states)
    assert by(of_first, "period") == referred
    positive = by(states[states["detail"] == "small boat: first stage positive"], "period")
    assert by(of_last, "period") == positive
    assert known(NRM).datasets["small_boat_outcomes"].multi_response == ("detail",)


# --- hotline, Statistics Canada, Eurostat ---


@needs_inbox
def test_hotline_signals_and_cases_of_both_tables() -> None:
    old = "us_hotline_calls_cases_by_state_2012_2016.csv"
    found = taken("usa_hotline_polaris", old, "hotline_states").observations
    wanted = table("usa_hotline_polaris", old).astype({"Calls": int, "Cases_Reported": int})
    for measure, column, unit in (
        ("cases_reported", "Cases_Reported", "cases"),
        ("signals_received", "Calls", "reports"),
    ):
        mine = found[found["measure"] == measure]
        assert set(mine["unit"]) == {unit}
        assert by(mine, "period") == wanted.groupby("Year_Date")[column].sum().to_dict()
        assert by(mine, "area") == {
            f"US-{state}": count for state, count in wanted.groupby("postal")[column].sum().items()
        }
    assert found.loc[found["measure"] == "cases_reported", "value"].sum() == 24_430
    new = "us_state_hotline_ovc_resources_2024.csv"
    found = taken("usa_hotline_polaris", new, "hotline_states_2024").observations
    wanted = table("usa_hotline_polaris", new)
    assert set(found["period"]) == {"2024"}
    assert by(found, "measure") == {
        "cases_reported": 11_178,
        "signals_received": wanted["signals_received"].astype(int).sum(),
    }
    assert found["area"].nunique() == 51


@needs_inbox
def test_statistics_canada_gives_incidents_and_persons_charged() -> None:
    file = "ca_statcan_trafficking_alberta.csv"
    found = taken("can_police_statcan", file, "ucr_trafficking").observations
    wanted = table("can_police_statcan", file).set_index(["Statistics", "REF_DATE"])["VALUE"]
    for statistic, measure, age in (
        ("Actual incidents", "offences_recorded", "_T"),
        ("Total, persons charged", "persons_suspected", "_T"),
        ("Total, adult charged", "persons_suspected", "18+"),
        ("Total, youth charged", "persons_suspected", "12-17"),
    ):
        mine = found[(found["measure"] == measure) & (found["age"] == age)]
        assert by(mine, "period") == {year: int(value) for year, value in wanted[statistic].items()}
    assert set(found["area"]) == {"CA-AB"}
    assert set(found["offence"]) == {"1525"}


@needs_inbox
def test_eurostat_is_read_from_its_packed_key_and_stays_out_of_trafficking() -> None:
    file = "eurostat_crim_off_cat_sample.tsv"
    found = taken("eur_io_eurostat", file, "crim_off_cat").observations
    raw = table("eur_io_eurostat", file, sep="\t")
    key = raw.iloc[:, 0].str.split(",", expand=True)
    counts = raw[key[2] == "NR"]
    cells = counts.iloc[:, 1:].apply(lambda column: column.str.strip())
    numbers = cells.apply(pd.to_numeric, errors="coerce")
    assert len(found) == cells.size
    assert found["value"].sum() == numbers.sum().sum()
    assert found["value"].notna().sum() == numbers.notna().sum().sum()
    assert set(found.loc[found["value"].isna(), "missing_reason"]) == {"not_reported"}
    greece = numbers[key.loc[counts.index, 3] == "EL"].sum().sum()
    assert found.loc[found["area"] == "GRC", "value"].sum() == greece > 0
    assert set(found["area"]) >= {"GRC", "XKX", "GB-SCT", "GB-NIR", "_X"}
    assert (found.loc[found["area"] == "_X", "detail"].nunique()) > 0, "England and Wales have no area together"
    assert set(found["measure"]) == {"offences_recorded_other"}
    assert not any(code.startswith("ICCS0204") for code in found["detail"].unique())
    assert "offences_recorded_other" not in {row["measure"] for row in rows(SEEDS / "published_tables.csv")}


# --- cases and evidence ---


@needs_inbox
def test_case_rows_are_counted_and_missing_is_not_no() -> None:
    file = "ctdc_global_kanon_derived_14300.csv"
    found, wanted = taken("int_io_ctdc", file, "global_dataset_recoded"), table("int_io_ctdc", file)
    cases = found.observations
    assert cases["value"].sum() == cases["source_row_count"].sum() == len(wanted) == 14_299
    assert by(cases, "period") == wanted["yearOfRegistration"].value_counts().to_dict()
    assert by(cases, "sex") == {"F": 12_460, "M": 1_839}
    assert cases.loc[cases["counterpart_area"] == "_U", "value"].sum() == (wanted["citizenship"] == "0").sum() == 8_353
    # -99 in the flag of forced labour is missing: it makes no second form of the marriages it stands beside
    assert (wanted["isForcedLabour"] == "-99").sum() == 61
    marriages = (wanted["ExploitType"] == "Forced Marriage") & (wanted["isForcedLabour"] != "1")
    assert cases.loc[cases["exploitation"] == "MARR", "value"].sum() == marriages.sum() == 75
    labour = wanted[wanted["ExploitType"] == "Forced Labor"]
    assert by(cases, "exploitation") == {
        "SEX": 11_908,
        "LAB": (~labour["Labor_Type"].isin(["Domestic Work", "Begging"])).sum(),
        "DOM": (labour["Labor_Type"] == "Domestic Work").sum(),
        "BEG": (labour["Labor_Type"] == "Begging").sum(),
        "MARR": 75,
        "MIXED": 75,
        "OTH": 1,
    }
    # a recoded copy is no finding: every figure is split by a detail, and no published table of the measure is
    assert not (cases["detail"] == "_T").any()
    assert not any(
        row["measure"] == "victims_assisted" and "detail" in row["dims"].split(",")
        for row in rows(SEEDS / "published_tables.csv")
    )


@needs_inbox
@pytest.mark.parametrize(
    ("file", "dataset", "items"),
    [
        (
            "trafficking_criminalization_country_year.csv",
            "criminalization",
            {"crimlevel": "crimlevel", "adjcrimlevel": "adjcrimlevel", "month": "month"},
        ),
        (
            "antitrafficking_3p_policy_index.csv",
            "policy_index",
            {name: name for name in ("p", "prosecution", "prevention", "protection", "tier")},
        ),
        ("us_tip_report_tiers_country_year.csv", "tip_tiers", {"tier": "tier"}),
    ],
)
def test_panels_are_evidence_with_each_country_and_year_once(file: str, dataset: str, items: dict[str, str]) -> None:
    assert known("int_io_lawpanels").datasets[dataset].kind == "evidence"
    found, wanted = taken("int_io_lawpanels", file, dataset).observations, table("int_io_lawpanels", file)
    assert not found.duplicated(["area", "period", "measure"]).any(), "no two names are one country"
    assert set(found["measure"]) == set(items)
    for item, column in items.items():
        texts = wanted[column].str.strip()
        numbers = pd.to_numeric(texts.replace({"Tier 1": "1", "Tier 2": "2", "Watchlist": "2.5", "Tier 3": "3"}))
        mine = found.loc[found["measure"] == item, "value"]
        assert mine.sum() == numbers.sum()
        assert mine.isna().sum() == (texts == "").sum()
    if "iso" in wanted:
        given = wanted.loc[wanted["iso"] != "", "iso"].replace("KOS", "XKX")
        assert set(given) <= set(found["area"])


@needs_inbox
def test_the_register_of_definitions_agrees_with_the_panel_of_laws() -> None:
    """A regime that the register lets begin in the panel's years begins in a year in which the panel's level rises."""
    panel = taken("int_io_lawpanels", "trafficking_criminalization_country_year.csv", "criminalization").observations
    levels = panel[panel["measure"] == "crimlevel"].pivot(index="period", columns="area", values="value")
    rises = (levels.astype(float).diff() > 0).stack()
    rises = {(area, int(year)) for (year, area), rose in rises.items() if rose}
    regimes = {
        (row["jurisdiction"], int(row["valid_from"][:4])): row["definition_id"]
        for row in rows(SEEDS / "definitions.csv")
        if row["is_regime"] == "true" and row["is_instrument"] == "false" and row["valid_from"] < "2014"
    }
    unknown = {definition for start, definition in regimes.items() if start not in rises}
    # an amendment of a law that was complete already raises no level
    assert unknown == {"IRL-2013"}
