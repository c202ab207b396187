"""A small invented lake: areas QMA to QMD, four partners, two issues, populations. Every number in it is made up."""

from __future__ import annotations

from warehouse_build import observation

POLICE, NGO, STAT, HOTLINE = "qma_police_national", "qma_ngo_refuge", "int_stat_population", "qmb_hotline_line"


def areas() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"area_code": "WLD", "area_name": "World", "area_level": "world", "has_polygon": False},
        {
            "area_code": "900",
            "area_name": "Invented region",
            "area_level": "region",
            "parent_code": "WLD",
            "has_polygon": False,
        },
        {
            "area_code": "901",
            "area_name": "Invented subregion",
            "area_level": "subregion",
            "parent_code": "900",
            "has_polygon": False,
        },
    ]
    rows += [
        {"area_code": code, "area_name": f"Invented {code}", "area_level": "country", "parent_code": "901"}
        for code in ("QMA", "QMB", "QMC", "QMD")
    ]
    rows += [
        {
            "area_set": "provinces",
            "area_code": f"QMA-{n}",
            "area_name": f"Province {n}",
            "area_level": "admin1",
            "parent_code": "QMA",
        }
        for n in (1, 2, 3)
    ]
    return rows


def dataset(partner: str, name: str, **given: object) -> dict[str, object]:
    return {"partner_id": partner, "dataset": name, **given}


def submission(partner: str, name: str, number: int, issued_on: str, **given: object) -> dict[str, object]:
    return {
        "submission_id": f"s{partner}{name}{number}",
        "partner_id": partner,
        "dataset": name,
        "replaces": "whole_dataset",
        "issued_on": issued_on,
        "ledger_position": number,
        **given,
    }


def rows_of(partner: str, name: str, number: int, **given: object) -> dict[str, object]:
    return observation(submission_id=f"s{partner}{name}{number}", partner_id=partner, dataset=name, **given)


def lake(as_of: str = "2025-12-31") -> dict[str, list[dict[str, object]]]:
    """Country totals over ten years in two issues, parts that do not add up, provinces by quarter, population."""
    observations: list[dict[str, object]] = []
    countries = ("QMA", "QMB", "QMC", "QMD")
    for number, last in ((1, 2022), (2, 2023)):
        for place, country in enumerate(countries):
            for year in range(2014, last + 1):
                if country == "QMD" and year < 2018:
                    continue
                total = 100 * (place + 1) + 10 * (year - 2014)
                restated = 7 if number == 2 and country == "QMB" and year == 2019 else 0
                base = {"area": f"{country} label", "period": str(year)}
                observations.append(rows_of(POLICE, "tables", number, **base, value=total + restated))
                observations.append(rows_of(POLICE, "tables", number, **base, sex="women", value=total // 2))
                observations.append(rows_of(POLICE, "tables", number, **base, sex="men", value=total - total // 2))
                observations.append(
                    rows_of(POLICE, "tables", number, **base, exploitation="sexual", value=total // 2 + 20)
                )
                observations.append(rows_of(POLICE, "tables", number, **base, exploitation="work", value=total // 2))
                observations.append(
                    rows_of(
                        POLICE,
                        "tables",
                        number,
                        **base,
                        counterpart_area="Q M B",
                        counterpart_role="citizenship",
                        value=12,
                    )
                )
                observations.append(
                    rows_of(
                        POLICE,
                        "tables",
                        number,
                        **base,
                        counterpart_area="elsewhere",
                        counterpart_role="citizenship",
                        lower=0,
                        upper=4,
                        conf_status="C",
                    )
                )
                observations.append(
                    rows_of(
                        POLICE,
                        "tables",
                        number,
                        **base,
                        counterpart_area="somewhere",
                        counterpart_role="citizenship",
                        value=3,
                    )
                )
    for year in range(2021, 2024):
        for quarter in (1, 2, 3, 4):
            for province in (1, 2, 3):
                for sex in ("F", "M"):
                    for offence in ("art. 1", "art. 2"):
                        if (year, quarter, province) == (2023, 4, 3):
                            continue
                        observations.append(
                            rows_of(
                                NGO,
                                "quarters",
                                3,
                                measure="victims_referred",
                                area=f"QMA-{province}",
                                area_role="reporting body",
                                reporter="ngo",
                                period=f"{year}-Q{quarter}",
                                sex=sex,
                                offence=offence,
                                value=10 * province + quarter + (2 if sex == "F" else 0),
                            )
                        )
    for month in range(1, 18):
        observations.append(
            rows_of(
                HOTLINE,
                "months",
                5,
                measure="cases_reported",
                area="QMB",
                unit="cases",
                period=f"{2022 + (month - 1) // 12}-{(month - 1) % 12 + 1:02d}",
                value=20 + month,
            )
        )
    for country in ("QMA", "QMB", "QMC"):
        for year in (2014, 2016, 2020):
            observations.append(
                rows_of(
                    STAT,
                    "population",
                    4,
                    measure="population",
                    area=country,
                    area_role="residence",
                    period=str(year),
                    value=1_000_000,
                )
            )
    labels = [("area", f"{country} label", country) for country in countries]
    labels += [
        ("counterpart_area", "Q M B", "QMB"),
        ("sex", "women", "F"),
        ("sex", "men", "M"),
        ("exploitation", "sexual", "SEX"),
        ("exploitation", "work", "LAB"),
    ]
    return {
        "build_parameters": [
            {"as_of": as_of, "ledger_position": 5, "home_kind": "demonstration", "audience": "restricted"}
        ],
        "submissions": [
            submission(POLICE, "tables", 1, "2023-06-30"),
            submission(POLICE, "tables", 2, "2024-06-30"),
            submission(NGO, "quarters", 3, "2024-01-31"),
            submission(STAT, "population", 4, "2026-07-01"),
            submission(HOTLINE, "months", 5, "2024-02-29"),
        ],
        "observations": observations,
        "maps": [
            {"partner_id": POLICE, "dataset": "tables", "column_name": c, "source": s, "code": k} for c, s, k in labels
        ],
        "datasets": [
            dataset(POLICE, "tables", multi_response="exploitation"),
            dataset(
                NGO, "quarters", partner_name="Refuge", sector="ngo", source_type="ngo", cadence_months=3, frequency="Q"
            ),
            dataset(
                HOTLINE,
                "months",
                partner_name="Hotline",
                sector="hotline",
                source_type="hotline",
                counting_unit="cases",
                cadence_months=1,
                frequency="M",
            ),
            dataset(
                STAT, "population", partner_name="Statistics", sector="stat", source_type="stat", cadence_months=12
            ),
        ],
        "areas": areas(),
        "definitions": [
            {
                "definition_id": "QMA-OLD",
                "jurisdiction": "QMA",
                "statute": "Old act",
                "provision": "s. 1",
                "is_regime": "true",
                "is_instrument": "false",
                "valid_from": "2000-01-01",
                "valid_to": "2018-01-01",
                "acts": "recruitment,transportation",
                "means_required_adult": "yes",
                "means_required_child": "yes",
                "child_age_limit": "18",
                "movement_required": "border",
                "purposes": "SEX",
                "who_covered": "all persons",
                "review_status": "not reviewed",
            },
            {
                "definition_id": "QMA-NEW",
                "jurisdiction": "QMA",
                "statute": "New act",
                "provision": "s. 1",
                "is_regime": "true",
                "is_instrument": "false",
                "valid_from": "2018-01-01",
                "acts": "recruitment,transportation,transfer,harbouring,receipt",
                "means_required_adult": "yes",
                "means_required_child": "no",
                "child_age_limit": "18",
                "movement_required": "none",
                "purposes": "SEX,LAB,SLAV,SERV,ORG",
                "who_covered": "all persons",
                "review_status": "not reviewed",
            },
        ],
        "definition_map": [
            {
                "source_scheme": NGO,
                "source_code": "art. 1",
                "target_scheme": "ICCS",
                "target_code": "02041",
                "relation": "exactMatch",
            },
            {
                "source_scheme": NGO,
                "source_code": "art. 2",
                "target_scheme": "ICCS",
                "target_code": "02042",
                "relation": "closeMatch",
            },
            {
                "source_scheme": POLICE,
                "source_code": "_T",
                "target_scheme": "ICCS",
                "target_code": "0204",
                "relation": "closeMatch",
            },
        ],
        "breaks": [
            {
                "area_code": "QMB",
                "measure": "victims_detected",
                "break_on": "2020-01-01",
                "kind": "counting rule",
                "evidence": "note of the publisher",
            },
        ],
    }
