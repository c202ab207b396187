"""When did the rate of change itself change? Joinpoints of the main annual and quarterly series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from analytics import families
from analytics.series_grid import PERIODS_A_YEAR, Grid

FIGURES = ("apc_last", "apc_last_low", "apc_last_high", "aapc", "aapc_low", "aapc_high", "bic")
UNITS = {"A": "years", "Q": "quarters", "M": "months"}


def compute(tables: list[tuple[Grid, pd.DataFrame, str, np.ndarray]], rules: Mapping[str, Any]) -> pd.DataFrame:
    """One row a series: series_id, the joinpoints and what speaks for them; changes are percent a year, of counts and not of rates.

    tables  by frequency: the grid, one row of keys a series (is_leading and the columns of `families`), the frequency,
            and the regime of each period (n, t) as `regimes` gives it.

    Assessed are selected totals and balanced panels, over the newest definition regime. Quarters are divided by their usual
    part of the year. The weighted BIC chooses how many joinpoints; they are kept only where they fit better than one
    line beyond what choosing their places gives by chance, with false discovery by the family of the trend. Else the
    figures are those of one line.
    """
    settings = rules["joinpoints"]
    parts = []
    for table, keys, frequency, regime in tables:
        newest = regime == np.nanmax(np.where(np.isnan(regime), -1, regime), axis=1, keepdims=True)
        counts = np.where(newest, table.values, np.nan)
        reason = _eligibility(counts, keys, frequency, settings)
        parts.append((table, keys, *_fitted(counts, reason, frequency, table, settings, rules["level"]), reason))
    every = pd.concat([keys.reset_index(drop=True) for _, keys, *_ in parts], ignore_index=True)
    p = np.concatenate([part[4] for part in parts])
    # the parts of a total are no main series: totals are the only family
    answers = families.answered(families.questions(every), p, rules["significance"], "shows no joinpoint")
    is_bent = answers.q <= rules["significance"]
    first, rows = 0, []
    for table, _, straight, bent, _, reason in parts:
        kept = is_bent[first : first + len(reason)]
        first += len(reason)
        chosen = {name: np.where(kept, bent[name], straight[name]) for name in ("joinpoints", *FIGURES)}
        rows.append(pd.DataFrame({"series_id": table.keys.to_numpy(), **chosen, "joinpoints_reason": reason}))
    written = pd.concat(rows, ignore_index=True)
    assessed = ~np.isnan(p)
    too_short = written["joinpoints_reason"].fillna("").str.contains("needs").to_numpy(bool)
    return written.assign(
        **{name: written[name].astype(float) for name in FIGURES},
        joinpoints_p=p,
        joinpoints_q_bh=answers.q,
        joinpoints_family_count=answers.count,
        joinpoints_eligibility=np.where(assessed, "assessed", np.where(too_short, "too_short", "not_assessed")),
    )


def _eligibility(counts: np.ndarray, keys: pd.DataFrame, frequency: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Why a series is not assessed, None where it is: (n,)."""
    splits = keys[list(families.SPLITS)].to_numpy(object)
    is_main = (splits == "_T").all(axis=1)
    is_main &= keys["is_leading"].to_numpy(bool) | (keys["derivation"] == "balanced_panel").to_numpy(bool)
    have, needed = (~np.isnan(counts)).sum(axis=1), settings["minimum_periods"].get(frequency)
    reason = np.full(len(keys), None, dtype=object)
    with np.errstate(invalid="ignore"):
        mean = np.where(have > 0, np.nansum(counts, axis=1) / np.maximum(have, 1), 0.0)
        reason[(counts < 0).any(axis=1)] = "negative figures have no rate of change"
    least = settings["minimum_mean_count"]
    reason[mean < least] = f"fewer than {least} a {UNITS[frequency][:-1]} on average: no rate of change can be told"
    if needed is None:
        reason[:] = "rates of change are taken from years and quarters"
    else:
        for count in np.unique(have[have < needed]):
            reason[have == count] = (
                f"{count} {UNITS[frequency]} counted in the newest way; a rate of change needs {needed}"
            )
    reason[~is_main] = "parts and other ways of counting: joinpoints are sought in the main series"
    reason[(keys["derivation"] == families.CHANGING_REPORTERS).to_numpy(bool)] = families.NOT_TESTED
    return reason


def _fitted(
    counts: np.ndarray,
    reason: np.ndarray,
    frequency: str,
    table: Grid,
    settings: Mapping[str, Any],
    level: float,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """The figures of one line and of the chosen joinpoints (n,) each, and the p of the joinpoints against one line."""
    from trends.breaks import joinpoint

    n, t = counts.shape
    per_year = PERIODS_A_YEAR[frequency]
    years = np.arange(t) / per_year
    rows = np.flatnonzero(reason == None)  # noqa: E711 - elementwise
    models = [
        {"joinpoints": np.full(n, None, dtype=object), **{name: np.full(n, np.nan) for name in FIGURES}} for _ in "ab"
    ]
    p = np.full(n, np.nan)
    if not rows.size:
        return models[0], models[1], p
    chosen = counts[rows]
    usual = _usual_parts(chosen, per_year)
    fits = [joinpoint(chosen, usual, most, years=years, level=level) for most in (0, settings["maximum"])]
    periods = np.array(table.periods, dtype=object)
    for model, fit in zip(models, fits, strict=True):
        number = (~np.isnan(fit.years)).sum(axis=1)
        last = number[:, None]
        for name, values in (("apc_last", fit.apc), ("apc_last_low", fit.apc_low), ("apc_last_high", fit.apc_high)):
            model[name][rows] = np.take_along_axis(values, last, axis=1)[:, 0]
        for name in ("aapc", "aapc_low", "aapc_high", "bic"):
            model[name][rows] = getattr(fit, name)
        for series in np.flatnonzero(number):
            places = np.round(fit.years[series, : number[series]] * per_year).astype(int)
            model["joinpoints"][rows[series]] = ", ".join(periods[places])
        for name in FIGURES:
            model[name][~np.isfinite(model[name])] = np.nan
    p[rows] = np.where(
        _has_short_segment(chosen, fits[1].years * per_year, settings["minimum_segment"][frequency]),
        1.0,
        _against_one_line(chosen, usual, *fits),
    )
    return models[0], models[1], p


def _has_short_segment(counts: np.ndarray, places: np.ndarray, shortest: int) -> np.ndarray:
    """Whether some joinpoint (index of its period, NaN beyond the last) lies nearer than that to another or to an end: (n,).

    A jump of the level looks like a steep short segment: it is a change point and no rate a year.
    """
    t = counts.shape[1]
    known = ~np.isnan(counts)
    first, last = known.argmax(axis=1), t - 1 - known[:, ::-1].argmax(axis=1)
    ends = np.where(np.isnan(places), last[:, None], places)
    edges = np.column_stack([first, ends, last])
    # places beyond the last joinpoint repeat the end
    return np.any((np.diff(edges, axis=1) < shortest) & (np.diff(edges, axis=1) > 0), axis=1)


def _usual_parts(counts: np.ndarray, per_year: int) -> np.ndarray:
    """Each period's usual size against the mean period of its series, (n, t): 1 for years."""
    t = counts.shape[1]
    if per_year == 1:
        return np.ones(counts.shape)
    season = np.arange(t) % per_year
    known = ~np.isnan(counts)
    sums = np.column_stack([np.where(known, counts, 0)[:, season == each].sum(axis=1) for each in range(per_year)])
    numbers = np.column_stack([known[:, season == each].sum(axis=1) for each in range(per_year)])
    # a season without any count keeps a trace, so that its periods are not left out
    means = np.maximum(sums, 0.5) / np.maximum(numbers, 1)
    return (means / means.mean(axis=1, keepdims=True))[:, season]


def _against_one_line(counts: np.ndarray, usual: np.ndarray, straight: Any, bent: Any) -> np.ndarray:
    """p (n,) of the chosen joinpoints against one line; 1 where one line was chosen.

    F of the weighted residual squares, two coefficients a joinpoint, times the number of ways to place so many joinpoints
    and 2 to the number (the number was chosen too): the chance that any choice fits as much better by accident.
    """
    known = ~np.isnan(counts)
    events = np.where(counts == 0, 0.5, counts)
    weight = np.where(known, events, 0.0)

    def residual_squares(fit: Any) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(known, np.log(events / usual) - np.log(fit.fitted), 0.0)
        return (weight * gap**2).sum(axis=1)

    number, n = (~np.isnan(bent.years)).sum(axis=1), known.sum(axis=1)
    degrees = n - 2.0 * (number + 1)
    rest = residual_squares(bent)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (residual_squares(straight) - rest) / (2 * number) / (rest / degrees)
        p = special.fdtrc(2 * number, degrees, np.maximum(f, 0)) * special.comb(n - 4, number) * 2.0**number
    return np.where(number > 0, np.minimum(np.nan_to_num(p, nan=1.0), 1.0), 1.0)
