"""Families of counts without any change: how many end with an alarm? The whole of `alerts.compute`, five per cent allowed."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analytics import alerts
from analytics.completeness import KEY
from analytics.parameters import parameters
from analytics.regimes import SPLITS

QUESTIONS, AREAS = 80, 50
MEANS = (0.3, 1.0, 3.0, 10.0, 40.0)


def null_series(periods: int, scatter: float, seed: int) -> pd.DataFrame:
    """`QUESTIONS` measures of `AREAS` areas each, Poisson about means that last for ever, of five sizes in turn."""
    random = np.random.default_rng(seed)
    starts = pd.date_range(end="2024-10-01", periods=periods, freq="3MS")
    codes = [f"{day.year}-Q{(day.month + 2) // 3}" for day in starts]
    size = np.resize(MEANS, QUESTIONS)[:, None, None] * np.exp(random.normal(0, 0.5, (QUESTIONS, AREAS, 1)))
    season = np.resize([0.9, 1.0, 1.15, 0.95], periods)
    noise = np.exp(random.normal(-(scatter**2) / 2, scatter, (QUESTIONS, AREAS, periods)))
    value = random.poisson(size * season * noise).ravel().astype(float)
    question, area, period = (axis.ravel() for axis in np.indices((QUESTIONS, AREAS, periods)))
    frame = pd.DataFrame(
        {
            "measure": np.array([f"measure_{each:02}" for each in range(QUESTIONS)])[question],
            "area_code": np.array([f"QMA-{each:02}" for each in range(AREAS)])[area],
            "period": np.array(codes)[period],
            "period_start": starts.to_numpy()[period],
            "value": value,
        }
    )
    shared = {
        "frequency": "Q", "area_level": "admin1", "area_role": "detection", "reporter": "_T", "unit": "persons",
        "source": "qma_police_null", "dataset": "quarters", **dict.fromkeys(SPLITS, "_T"),
    }  # fmt: skip
    return frame.assign(series_id=frame["measure"] + frame["area_code"], **shared)


@pytest.mark.parametrize(("periods", "method"), [(24, alerts.FARRINGTON), (14, alerts.EARS)])
@pytest.mark.parametrize("scatter", [0.0, 0.1])
def test_no_more_families_with_an_alarm_than_false_discovery_control_allows(periods, method, scatter):
    no_breaks = pd.DataFrame(columns=["area_code", "measure", "dimension", "break_on", "kind"])
    frame = null_series(periods, scatter, seed=20250101 + periods)
    rows = alerts.compute(frame, no_breaks, {}, pd.DataFrame(columns=KEY), date(2025, 3, 20), parameters())
    assert set(rows["method"]) == {method}
    assert (rows["eligibility"] == "assessed").all()
    assert (rows["family_count"] == 4 * AREAS).all()
    claims = rows.groupby("family_id")["is_alarm"].any()
    uncorrected = rows.groupby("family_id")["p"].min().le(0.05).mean()
    print(f"{method}, scatter {scatter}: {int(claims.sum())} of {len(claims)} families; uncorrected {uncorrected:.2f}")
    assert len(claims) == QUESTIONS
    assert claims.sum() <= binom.ppf(0.999, len(claims), 0.05)
    assert uncorrected > 0.4
