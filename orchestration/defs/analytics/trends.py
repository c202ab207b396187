"""Is there a trend? Every series of the release at once, with the changes that are not trends taken out first.

A change of law, code list, counting rule or area starts a new regime: the rank tests compare only periods of one regime
(and of one season), and the log-linear model estimates the step beside the trend. A period inside which such a change
fell belongs to neither regime and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from orchestration.defs.analytics.regimes import SPLITS, regimes
from orchestration.defs.analytics.rounding import round_frame
from orchestration.defs.analytics.series_grid import PERIODS_A_YEAR, grid

METHOD = "mann_kendall + theil_sen, strata: regimes and seasons; step_model: quasi-Poisson"
METHOD_VERSION = "1"
FAMILY = ("measure", "area_level", "source", "dataset", "derivation", "reporter", "area_role", "unit", "frequency")
COLUMNS = [
    "series_id", "eligibility", "eligibility_reason", "first_period", "last_period", "periods_count", "regimes_count",
    "tau", "s", "z", "p", "q_bh", "q_by", "family_id", "family_count", "slope_per_year", "slope_lower_per_year",
    "slope_upper_per_year", "change_per_year_share", "trend_ratio_per_year", "trend_ratio_lower", "trend_ratio_upper",
    "step_on", "step_ratio", "step_ratio_lower", "step_ratio_upper", "direction", "method", "method_version",
]  # fmt: skip


def compute(
    series: pd.DataFrame, breaks: pd.DataFrame, parents: Mapping[str, str | None], parameters: Mapping[str, Any]
) -> pd.DataFrame:
    """Trends of every series: one row a series, columns `COLUMNS`, ordered by series_id.

    series   long: series_id, frequency, period, period_start, value (NaN where missing or protected), area_code,
             measure, the columns of `FAMILY` and `SPLITS`.
    breaks   area_code, measure (or `_T` for all), dimension, break_on, kind; a break holds for the area and all areas inside
             it. One of a dimension other than `_T` (a code list that changed) holds for figures split by it, not for totals.
    parents  area_code -> code of the area above.
    """
    rules = parameters["trends"]
    strata_breaks = breaks[breaks["kind"].isin(rules["strata_kinds"])]
    parts = [
        _of_frequency(frame, str(frequency), strata_breaks, parents, rules)
        for frequency, frame in series.groupby("frequency", sort=True)
    ]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    result = pd.concat(parts, ignore_index=True)
    keys = series.drop_duplicates("series_id").set_index("series_id")
    result = _families(result, keys.loc[result["series_id"]].reset_index(), rules)
    result = round_frame(result, parameters["rounding"]["significant_digits"])
    return result[COLUMNS].sort_values("series_id", ignore_index=True)


def _of_frequency(
    frame: pd.DataFrame,
    frequency: str,
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    rules: Mapping[str, Any],
) -> pd.DataFrame:
    from trends.breaks import step_model
    from trends.tests import mann_kendall, theil_sen

    per_year = PERIODS_A_YEAR[frequency]
    table = grid(frame, "series_id", frequency)
    keys = frame.drop_duplicates("series_id").set_index("series_id").loc[table.keys]
    regime, steps, step_dates = regimes(table, keys, per_year, breaks, parents, rules["minimum_regime_periods"])
    values = np.where(np.isnan(regime), np.nan, table.values)
    seasons = np.arange(len(table.periods)) % per_year
    strata = regime * per_year + seasons
    counted = (~np.isnan(values)).sum(axis=1)
    eligible = counted >= rules["minimum_periods"][frequency]

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
        "tau", "s", "z", "p", "slope_per_year", "slope_lower_per_year", "slope_upper_per_year", "change_per_year_share",
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
    out["eligibility"] = np.where(eligible, "assessed", "too_short")
    out["eligibility_reason"] = [
        None if good else f"{have} {what} with a figure that can be compared; a trend needs {needed}"
        for good, have in zip(eligible, counted, strict=True)
    ]
    return pd.DataFrame(out)


def _last_finite(effects: np.ndarray) -> np.ndarray:
    """Index (n, 1) of each row's last finite effect, 0 where there is none."""
    finite = np.isfinite(effects)
    last = effects.shape[1] - 1 - finite[:, ::-1].argmax(axis=1)
    return np.where(finite.any(axis=1), last, 0)[:, None]


def _families(result: pd.DataFrame, keys: pd.DataFrame, rules: Mapping[str, Any]) -> pd.DataFrame:
    """False discovery within one question shown together: totals first, parts only under a significant total."""
    from trends.tests import false_discovery

    splits = keys[list(SPLITS)].to_numpy(object) != "_T"
    kinds = ["+".join(name for name, split in zip(SPLITS, row, strict=True) if split) or "total" for row in splits]
    families = ["|".join(map(str, row)) for row in keys[list(FAMILY)].itertuples(index=False)]
    # the total of the same area, source and way of counting
    totals = np.array(
        [f"{area}|{family}" for area, family in zip(keys["area_code"], families, strict=True)], dtype=object
    )
    family_id = np.array([f"{family}|{kind}" for family, kind in zip(families, kinds, strict=True)], dtype=object)
    is_total = np.array([kind == "total" for kind in kinds])
    p = result["p"].to_numpy(float).copy()
    q = np.full(len(p), np.nan)
    count = np.zeros(len(p), dtype=int)
    _adjust(p, q, count, family_id, is_total)
    significant = set(totals[is_total & (q <= rules["significance"])])
    known = set(totals[is_total & ~np.isnan(p)])
    eligibility, reason = (
        result["eligibility"].to_numpy(object).copy(),
        result["eligibility_reason"].to_numpy(object).copy(),
    )
    unasked = ~is_total & (eligibility == "assessed") & np.array([total not in significant for total in totals])
    eligibility[unasked] = "not_assessed"
    for position in np.flatnonzero(unasked):
        reason[position] = (
            "the total of this area shows no clear change, so its parts are not tested"
            if totals[position] in known
            else "the total of this area could not be tested, so its parts are not"
        )
    p[unasked] = np.nan
    _adjust(p, q, count, family_id, ~is_total)
    clear = q <= rules["significance"]
    slope, s = result["slope_per_year"].to_numpy(float), result["s"].to_numpy(float)
    sign = np.where(slope != 0, np.sign(slope), np.sign(s))
    direction = np.full(len(p), "no_clear_change", dtype=object)
    direction[clear & (sign > 0)], direction[clear & (sign < 0)], direction[np.isnan(p)] = "rose", "fell", None
    return result.assign(
        family_id=family_id,
        family_count=count,
        eligibility=eligibility,
        eligibility_reason=reason,
        p=p,
        q_bh=q,
        q_by=false_discovery(p, method="by"),
        direction=direction,
        method=METHOD,
        method_version=METHOD_VERSION,
        **{name: np.where(unasked, np.nan, result[name].to_numpy(float)) for name in ("tau", "s", "z")},
    )


def _adjust(p: np.ndarray, q: np.ndarray, count: np.ndarray, family_id: np.ndarray, chosen: np.ndarray) -> None:
    """Fill q and the family's size for the chosen series, family by family."""
    from trends.tests import false_discovery

    order = np.flatnonzero(chosen)
    order = order[np.argsort(family_id[order].astype(str), kind="stable")]
    names = family_id[order]
    change = np.flatnonzero(names[1:] != names[:-1]) + 1
    for rows in np.split(order, change):
        if len(rows):
            q[rows] = false_discovery(p[rows], method="bh")
            count[rows] = int((~np.isnan(p[rows])).sum())
