"""The planted truth: what is in the files on purpose, with codes and numbers, for tests and readers to look for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from demonstration import effects as planting
from demonstration.companions import HELD_FILE, UNMAPPED_CITIZENSHIP, CompanionTruth
from demonstration.counts import (
    COMPLETENESS,
    COMPOSITION_CHANGE,
    CORRIDOR,
    RESTATEMENT,
    SLOW_COUNTRY,
    Counts,
    on_file,
    restated_areas,
)
from demonstration.geography import Geography
from demonstration.police import PoliceTruth
from demonstration.police_desk import PARTNERS
from demonstration.police_quarters import slow_issues
from demonstration.police_years import RESTATING_ISSUE, UNMAPPED_FORM
from demonstration.region import COUNTRIES, QUARTERS, REGIONS, WHOLE_REGION, YEARS, year_index

DEFAULT_AS_OF = "2025-03-20"


@dataclass(frozen=True)
class PlantedTruth:
    """The content of planted_truth.json; the parts most used have names."""

    content: dict[str, Any] = field(default_factory=dict)

    @property
    def withdrawals(self) -> list[dict]:
        """Files that the demonstration withdraws after receiving them: partner_id, file_name, reason."""
        return self.content["withdrawals"]

    @property
    def clusters(self) -> list[dict]:
        """Hot groups of areas: name, areas, category, rate_ratio_by_year."""
        return self.content["clusters"]

    @property
    def bad_files(self) -> list[dict]:
        """Files that must be refused or partly quarantined: partner_id, file_name, outcome, because."""
        return self.content["bad_files"]


def planted_truth(
    geography: Geography,
    effects: planting.Effects,
    counts: Counts,
    police: PoliceTruth,
    companions: CompanionTruth,
    withdrawals: list[dict],
    bad_files: list[dict],
    without_contract: list[dict],
) -> PlantedTruth:
    """Put everything into one document."""
    codes = geography.codes
    content: dict[str, Any] = {
        "schema_version": 1,
        "is_invented": True,
        "default_as_of": DEFAULT_AS_OF,
        "years": [YEARS[0], YEARS[-1]],
        "whole_region": WHOLE_REGION,
        "regions": {region: list(members) for region, (_, members) in REGIONS.items()},
        "countries": list(COUNTRIES),
        "areas": list(codes),
        "measure": "victims_detected",
        "police_partners": PARTNERS,
        "clusters": [_cluster(cluster, codes) for cluster in effects.clusters],
        "circular_cluster": {
            "name": "persistent",
            "centre": codes[effects.circle_centre],
            "radius_km": effects.circle_radius_km,
            "distance": "great_circle",
            "areas": [codes[area] for area in effects.clusters[0].areas],
            "rate_ratio": planting.CIRCLE["ratio"],
        },
        "national_trend": {**planting.NATIONAL_TREND, "direction": "fell"},
        "regional_trend": {
            **planting.REGIONAL_TREND,
            "countries": list(REGIONS[planting.REGIONAL_TREND["region"]][1]),
            "direction": "rose",
            "beware": "one of its countries stops after 2021: the plain sum falls, the balanced panel does not",
        },
        "expected_ratio_per_year": {
            country: round(ratio, 4)
            for country, ratio in planting.country_ratio_per_year(counts.expected, geography).items()
        },
        "countries_without_trend": ["QMA", "QMF"],
        "law_change": {
            **planting.LAW_CHANGE,
            "definition_before": "QMD-2006",
            "definition_after": "QMD-2020",
            "beware": "nothing real changed: the help line's calls stay level",
        },
        "jump": {
            "country": planting.JUMP["country"],
            "areas": [codes[area] for area in effects.jump_areas],
            "from": planting.JUMP["from"],
            "ratio": planting.JUMP["ratio"],
        },
        "composition_change": {**COMPOSITION_CHANGE, "years": [YEARS[0], YEARS[-1]]},
        "corridor": {**CORRIDOR, "partner": "int_io_observatory"},
        "late_partner": {"partner_id": PARTNERS["QMF"], "last_yearly": "2023", "last_quarterly": "2024-Q1"},
        "stopped_partner": {"partner_id": PARTNERS["QMG"], "last_yearly": "2021", "last_quarterly": "2021-Q4"},
        "reporting_delays": _reporting_delays(geography, counts),
        "restatement": _restatement(geography, counts),
        "observatory_revisions": companions.observatory_revisions,
        "totals_not_adding_up": police.mismatches,
        "several_forms": {"partner_id": PARTNERS["QMJ"], "member": "LAB+SEX", "persons": police.combined},
        "any_of_forms": {"partner_id": "int_ngo_lantern", "persons": companions.lantern},
        "overlapping_sources": {
            "partner_ids": [PARTNERS["QMA"], "qma_ngo_shelters"],
            "persons": companions.shelter_overlap,
        },
        "suppressed_by_publisher": {
            "rows_count": police.suppressed_count + companions.suppressed_count,
            "partners": [PARTNERS["QMB"], PARTNERS["QMK"], "int_io_observatory"],
        },
        "not_reported": {"partner_id": PARTNERS["QMB"], "cells": police.not_reported},
        "unmapped_labels": [
            {
                "partner_id": PARTNERS[UNMAPPED_FORM["country"]],
                "column": "exploitation",
                "label": UNMAPPED_FORM["label"],
            },
            {"partner_id": "int_io_observatory", "column": "counterpart_area", "label": UNMAPPED_CITIZENSHIP},
        ],
        "held_files": [{"partner_id": "int_ngo_lantern", "file_name": HELD_FILE, "because": "most countries vanish"}],
        "restricted_partners": ["qma_ngo_shelters"],
        "renamed_area": {"partner_id": PARTNERS["QMH"], "area": "QMH-04", "old_label": "Vecchania", "until": "2018"},
        "withdrawals": withdrawals,
        "bad_files": bad_files,
        "without_contract": without_contract,
        "area_totals": {
            code: dict(zip(map(str, YEARS), counts.yearly[area].tolist(), strict=True))
            for area, code in enumerate(codes)
        },
    }
    return PlantedTruth(content)


def _cluster(cluster: planting.Cluster, codes: tuple[str, ...]) -> dict:
    return {
        "name": cluster.name,
        "country": cluster.country,
        "areas": [codes[area] for area in cluster.areas],
        "category": cluster.category,
        "rate_ratio_by_year": {str(year): round(ratio, 4) for year, ratio in zip(YEARS, cluster.ratios, strict=True)},
        "surroundings": [codes[area] for area in cluster.surroundings],
        "surrounding_ratio_by_year": {
            str(year): round(ratio, 4) for year, ratio in zip(YEARS, cluster.surrounding_ratios, strict=True)
        },
    }


def _reporting_delays(geography: Geography, counts: Counts) -> dict:
    """What the slow partner's issues show of its country and what the final figures will be."""
    members = np.array(geography.countries) == SLOW_COUNTRY
    final = counts.quarterly[members].sum(axis=0).tolist()
    names = [f"{year}-Q{quarter}" for year, quarter in QUARTERS]
    issues = [
        {
            "issued_on": f"{issue[:4]}-{issue[4:6]}-{issue[6:]}",
            "shown": {
                names[quarter]: int(on_file(counts, quarter, last)[members].sum()) for quarter in list(span)[-6:]
            },
        }
        for issue, last, span in slow_issues()
    ]
    return {
        "partner_id": PARTNERS[SLOW_COUNTRY],
        "country": SLOW_COUNTRY,
        "completeness_by_quarters_of_delay": list(COMPLETENESS),
        "final": dict(zip(names, final, strict=True)),
        "issues": issues,
    }


def _restatement(geography: Geography, counts: Counts) -> dict:
    year = year_index(RESTATEMENT["year"])
    late = restated_areas(geography)
    return {
        "partner_id": PARTNERS[RESTATEMENT["country"]],
        "year": RESTATEMENT["year"],
        "corrected_on": f"{RESTATING_ISSUE[:4]}-{RESTATING_ISSUE[4:6]}-{RESTATING_ISSUE[6:]}",
        "areas": [
            {
                "area": geography.codes[area],
                "first": int(counts.first_people[area, year].sum()),
                "final": int(counts.people[area, year].sum()),
            }
            for area in late
        ],
    }
