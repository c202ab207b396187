"""Is there a trend, a change of level, a bend? Every series of the release at once.

A change of law, code list, counting rule or area starts a new regime: the rank tests compare only periods of one regime
(and of one season), and the log-linear model estimates the step beside the trend. A period inside which such a change
fell belongs to neither regime and is left out. Changes of level are sought in the whole series, and those that a known
break explains are marked as explained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analytics import families, joinpoints, level_changes
from analytics.parameters import stated
from analytics.regimes import regimes
from analytics.rounding import round_frame
from analytics.series_grid import PERIODS_A_YEAR, Grid, grid

METHOD = (
    "mann_kendall + theil_sen, strata: regimes and seasons; step_model: quasi-Poisson; change_points: Poisson, modified BIC, "
    "Bonferroni over stretches; joinpoint: weighted BIC, newest regime"
)
# 2: change points and joinpoints; 3: families of what is shown together, a direction only where rank test and ratio agree,
# sums over changing reporters not tested
METHOD_VERSION = "3"


def compute(
    series: pd.DataFrame, breaks: pd.DataFrame, parents: Mapping[str, str | None], parameters: Mapping[str, Any]
) -> pd.DataFrame:
    """Trends of every series: one row a series, the columns of analytics.trends, ordered by series_id.

    series   long: series_id, frequency, period, period_start, value (NaN where missing or protected), area_code,
             measure, is_leading, the columns of `families.FAMILY` and `SPLITS`.
    breaks   area_code, measure (or `_T` for all), dimension, break_on, kind, source (or `_T`); a break holds for the area
             and all areas inside it. One of a dimension other than `_T` (a code list that changed) holds for figures split
             by it, not for totals.
    parents  area_code -> code of the area above.
    """
    rules = parameters["trends"]
    strata_breaks = breaks[breaks["kind"].isin(rules["strata_kinds"])]
    grids = []
    for frequency, frame in series.groupby("frequency", sort=True):
        table = grid(frame, "series_id", str(frequency))
        keys = frame.drop_duplicates("series_id").set_index("series_id").loc[table.keys]
        per_year = PERIODS_A_YEAR[str(frequency)]
        kept = regimes(table, keys, per_year, strata_breaks, parents, rules["minimum_regime_periods"])
        grids.append((table, keys, str(frequency), *kept))
    if not grids:
        return pd.DataFrame()
    result = pd.concat([_of_frequency(*each, rules) for each in grids], ignore_index=True)
    keys = pd.concat([keys.reset_index() for _, keys, *_ in grids], ignore_index=True)
    result = _judged(result, keys, rules)
    changes = level_changes.compute([each[:3] for each in grids], breaks, parents, rules)
    bent = joinpoints.compute([each[:4] for each in grids], rules)
    # the same series in the same order: the grids'
    result = pd.concat([result, changes.drop(columns="series_id"), bent.drop(columns="series_id")], axis=1)
    result = round_frame(result, parameters["rounding"]["significant_digits"])
    return result.sort_values("series_id", ignore_index=True)


def _of_frequency(
    table: Grid,
    keys: pd.DataFrame,
    frequency: str,
    regime: np.ndarray,
    steps: np.ndarray,
    step_dates: np.ndarray,
    rules: Mapping[str, Any],
) -> pd.DataFrame:
    """Rank tests and known steps of the series of one frequency; `regime`, `steps`, `step_dates` as `regimes` gives them."""
    from trends.breaks import step_model
    from trends.tests import mann_kendall, theil_sen

    per_year = PERIODS_A_YEAR[frequency]
    values = np.where(np.isnan(regime), np.nan, table.values)
    seasons = np.arange(len(table.periods)) % per_year
    strata = regime * per_year + seasons
    counted = (~np.isnan(values)).sum(axis=1)
    is_changing = (keys["derivation"] == families.CHANGING_REPORTERS).to_numpy(bool)
    eligible = (counted >= rules["minimum_periods"][frequency]) & ~is_changing

    years = np.arange(len(table.periods)) / per_year
    n = len(table.keys)
    out: dict[str, Any] = {"series_id": table.keys.to_numpy()}
    numbers = np.full((n, 14), np.nan)
    if eligible.any():
        chosen, chosen_strata = values[eligible], strata[eligible]
        test = mann_kendall(chosen, strata=chosen_strata)
        slope = theil_sen(chosen, t=years, strata=chosen_strata, level=rules["level"])
        counts_like = np.where(chosen < 0, np.nan, chosen)
        model = step_model(counts_like, steps[eligible], per_year, seasonal=per_year > 1, level=rules["level"])
        with np.errstate(invalid="ignore", divide="ignore"):
            share = slope.slope / np.nanmedian(chosen, axis=1)
        last_step = _last_finite(model.effect)
        numbers[eligible] = np.column_stack(
            [
                test.tau,
                test.s,
                test.z,
                test.p,
                slope.slope,
                slope.low,
                slope.high,
                np.where(np.isfinite(share), share, np.nan),
                model.trend,
                model.trend_low,
                model.trend_high,
                *(
                    np.take_along_axis(part, last_step, axis=1)[:, 0]
                    for part in (model.effect, model.effect_low, model.effect_high)
                ),
            ]
        )
        dates = np.full(n, None, dtype=object)
        dates[np.flatnonzero(eligible)] = np.take_along_axis(step_dates[eligible], last_step, axis=1)[:, 0]
        out["step_on"] = [
            date if np.isfinite(effect) else None for date, effect in zip(dates, numbers[:, 11], strict=True)
        ]
    else:
        out["step_on"] = [None] * n
    numbers[~np.isfinite(numbers)] = np.nan
    names = (
        "tau", "s", "z", "p", "slope_per_year", "slope_lower_per_year", "slope_upper_per_year", "slope_of_median_per_year_share",
        "trend_ratio_per_year", "trend_ratio_lower", "trend_ratio_upper", "step_ratio", "step_ratio_lower",
        "step_ratio_upper",
    )  # fmt: skip
    out.update({name: numbers[:, position] for position, name in enumerate(names)})

    observed = ~np.isnan(table.values)
    any_observed = observed.any(axis=1)
    first, last = observed.argmax(axis=1), observed.shape[1] - 1 - observed[:, ::-1].argmax(axis=1)
    periods = np.array(table.periods, dtype=object)
    out["first_period"] = np.where(any_observed, periods[first], None)
    out["last_period"] = np.where(any_observed, periods[last], None)
    out["periods_count"] = counted
    out["regimes_count"] = [len(np.unique(row[~np.isnan(row)])) for row in regime]
    needed = rules["minimum_periods"][frequency]
    what = {"A": "years", "Q": "quarters", "M": "months"}[frequency]
    out["eligibility"] = np.where(eligible, "assessed", np.where(is_changing, "not_assessed", "too_short"))
    out["eligibility_reason"] = [
        None
        if good
        else families.NOT_TESTED
        if changing
        else f"{have or 'no'} {what if have > 1 else what[:-1]} with a figure that can be compared; a trend needs {needed}"
        for good, have, changing in zip(eligible, counted, is_changing, strict=True)
    ]
    return pd.DataFrame(out)


def _last_finite(effects: np.ndarray) -> np.ndarray:
    """Index (n, 1) of each row's last finite effect, 0 where there is none."""
    finite = np.isfinite(effects)
    last = effects.shape[1] - 1 - finite[:, ::-1].argmax(axis=1)
    return np.where(finite.any(axis=1), last, 0)[:, None]


def _judged(result: pd.DataFrame, keys: pd.DataFrame, rules: Mapping[str, Any]) -> pd.DataFrame:
    """False discovery by family, and the direction of what is clear."""
    from trends.tests import false_discovery

    asked = families.questions(keys)
    p = result["p"].to_numpy(float)
    answers = families.answered(asked, p, rules["significance"], "shows no clear change")
    unasked = answers.unasked
    p = np.where(unasked, np.nan, p)
    clear = answers.q <= rules["significance"]
    # the test says whether, the ratio says how much: a direction is told only where the two do not contradict each other
    s, low, high = (result[name].to_numpy(float) for name in ("s", "trend_ratio_lower", "trend_ratio_upper"))
    direction = np.full(len(p), "no_clear_change", dtype=object)
    direction[clear & (s > 0) & (low > 1)] = "rose"
    direction[clear & (s < 0) & (high < 1)] = "fell"
    direction[np.isnan(p)] = None
    return result.assign(
        family_id=asked.family_id,
        family_count=answers.count,
        eligibility=np.where(unasked, "not_assessed", result["eligibility"].to_numpy(object)),
        eligibility_reason=np.where(unasked, answers.reason, result["eligibility_reason"].to_numpy(object)),
        p=p,
        q_bh=answers.q,
        q_by=false_discovery(p, method="by"),
        direction=direction,
        method=METHOD,
        parameters=stated(rules, "level", "significance", "minimum_periods", "minimum_regime_periods"),
        method_version=METHOD_VERSION,
        **{name: np.where(unasked, np.nan, result[name].to_numpy(float)) for name in ("tau", "s", "z")},
    )
