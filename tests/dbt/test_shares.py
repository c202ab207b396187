"""Shares are of the published total: the unknown is told once, hidden and nested members are accounted for."""

from __future__ import annotations

import pytest
from warehouse_build import Build, observation

PARTNER = "qma_police_national"
SHARES = """
    select member, container, derivation, cast(value as integer), cast(lower as integer), cast(upper as integer),
        round(share, 4), parts_count, parts_hidden_count
    from pub_shares where area_code = '{}' and split = '{}' order by member
"""


def row(area: str, value: int | None = None, **given: object) -> dict[str, object]:
    return observation(
        submission_id="s", partner_id=PARTNER, dataset="table", area=area, period="2022", value=value, **given
    )


@pytest.fixture(scope="module")
def built(build: Build) -> Build:
    few = {"lower": 0, "upper": 4, "conf_status": "C"}
    hidden = {"obs_status": "Q", "conf_status": "N", "missing_reason": "withheld"}
    build.run(
        {
            "build_parameters": [
                {"as_of": "2023-12-31", "ledger_position": 1, "home_kind": "demonstration", "audience": "restricted"}
            ],
            "areas": [{"area_code": code, "area_name": code} for code in ("QMA", "QMB", "QMC")],
            "submissions": [
                {
                    "submission_id": "s",
                    "partner_id": PARTNER,
                    "dataset": "table",
                    "replaces": "whole_dataset",
                    "issued_on": "2023-05-01",
                    "ledger_position": 1,
                }
            ],
            "datasets": [{"partner_id": PARTNER, "dataset": "table"}],
            "observations": [
                # the publisher has an unknown of its own
                row("QMA", 100),
                row("QMA", 60, sex="F"),
                row("QMA", 30, sex="M"),
                row("QMA", 10, sex="_U"),
                # no unknown: the rest of the total; one member between bounds
                row("QMB", 100),
                row("QMB", 60, sex="F"),
                row("QMB", sex="M", **few),
                # a wide band with a finer one inside it, and one that is withheld
                row("QMC", 100),
                row("QMC", 40, age="0-17"),
                row("QMC", 15, age="0-11"),
                row("QMC", age="18+", **hidden),
            ],
        },
        with_checks=True,
    )
    return build


def test_an_unknown_of_the_publisher_is_told_once(built: Build) -> None:
    assert built.rows(SHARES.format("QMA", "sex")) == [
        ("F", None, "published", 60, 60, 60, 0.6, 3, 0),
        ("M", None, "published", 30, 30, 30, 0.3, 3, 0),
        ("_U", None, "published", 10, 10, 10, 0.1, 3, 0),
    ]


def test_the_rest_of_the_total_stands_for_an_unknown_that_is_not_published(built: Build) -> None:
    assert built.rows(SHARES.format("QMB", "sex")) == [
        ("F", None, "published", 60, 60, 60, 0.6, 2, 0),
        ("M", None, "published", None, 0, 4, None, 2, 0),
        ("_U", None, "residual", None, 36, 40, None, 2, 0),
    ]


def test_a_nested_member_is_in_no_sum_and_a_withheld_one_leaves_the_rest_open(built: Build) -> None:
    assert built.rows(SHARES.format("QMC", "age")) == [
        ("0-11", "0-17", "published", 15, 15, 15, 0.15, 2, 1),
        ("0-17", None, "published", 40, 40, 40, 0.4, 2, 1),
        ("18+", None, "published", None, None, None, None, 2, 1),
        ("_U", None, "residual", None, 0, 60, None, 2, 1),
    ]
