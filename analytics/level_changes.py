"""Did the level change at a date nobody told us? Change points of every series, each with an honest p.

The partition comes from `trends.breaks.change_points`; its penalty chooses well and promises nothing, so a claim is made
only where a test holds over every way of looking: each change is tested by the counts on both sides of it, as if every
pair of neighbouring stretches of the series had been tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from analytics import families
from analytics.regimes import SPLITS
from analytics.series_grid import Grid, ancestors

UNITS = {"A": "years", "Q": "quarters", "M": "months"}
STEADY = "a steady rise or fall explains the series better than changes of its level"


@dataclass(frozen=True)
class Found:
    """Candidate changes of n series: index of the first period of each new level, its p over all ways of looking and
    the ratio of the levels (n, maximum), NaN beyond the last; llr of the partition (n,)."""

    positions: np.ndarray
    p: np.ndarray
    ratio: np.ndarray
    llr: np.ndarray


def compute(
    tables: list[tuple[Grid, pd.DataFrame, str]],
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    rules: Mapping[str, Any],
) -> pd.DataFrame:
    """One row a series: series_id, the changes and what speaks for them.

    tables   by frequency: the grid, one row of keys a series (the columns of `families`), and the frequency.
    breaks   area_code, measure (or `_T`), dimension, break_on, kind, source (or `_T`): a change within one period of one is explained.
    parents  area_code -> code of the area above; a break of law, code list, counting rule or area holds for the areas inside.

    A series is assessed with `minimum_periods` exact counts. The family is that of its trend, totals first, parts only
    under a total with a change. Of a series with a claim, those changes are shown whose own p is within the limit that Benjamini-Hochberg
    found for the family.
    """
    settings = rules["change_points"]
    parts = []
    for table, keys, frequency in tables:
        settled = _eligibility(table, keys, frequency, settings["minimum_periods"])
        found = candidates(np.where((settled == None)[:, None], table.values, np.nan), frequency, settings)  # noqa: E711
        parts.append((table, keys, found, settled))
    every = pd.concat([keys.reset_index(drop=True) for _, keys, _, _ in parts], ignore_index=True)
    reason = np.concatenate([settled for *_, settled in parts])
    assessed = reason == None  # noqa: E711 - elementwise
    p = np.concatenate([np.fmin.reduce(found.p, axis=1, initial=1.0) for _, _, found, _ in parts])
    asked = families.questions(every)
    answers = families.answered(
        asked, np.where(assessed, p, np.nan), rules["significance"], "shows no change of its level"
    )
    limit = _limits(asked, answers, rules["significance"])
    reason = np.where(answers.unasked, answers.reason, reason)
    first, rows = 0, []
    for table, keys, found, _ in parts:
        part = slice(first, first + len(keys))
        first += len(keys)
        rows.append(_written(table, keys, found, limit[part], reason[part], breaks, parents, rules))
    written = pd.concat(rows, ignore_index=True)
    too_short = np.concatenate(
        [(~np.isnan(table.values)).sum(axis=1) < settings["minimum_periods"] for table, *_ in parts]
    )
    return written.assign(
        change_points_p=np.where(assessed & ~answers.unasked, p, np.nan),
        change_points_q_bh=answers.q,
        change_points_family_count=answers.count,
        change_points_eligibility=np.where(
            too_short, "too_short", np.where(assessed & ~answers.unasked, "assessed", "not_assessed")
        ),
    )


def candidates(values: np.ndarray, frequency: str, settings: Mapping[str, Any]) -> Found:
    """The changes of the best partition of each series (n, t) of counts, NaN left out.

    A change between two neighbouring stretches with a and b periods and A and B persons has the exact two-sided
    binomial p of A among A + B at a / (a + b), at least the chi-square p of the same log-likelihood ratio divided by the
    series' dispersion, times the number of pairs of neighbouring stretches that a series of this length has (Bonferroni).
    So p bounds the chance that any pair anywhere in a steady series looks as different.
    """
    from trends.breaks import change_points

    shortest = settings["minimum_run"][frequency]
    result = change_points(values, "poisson", settings["maximum"], shortest, settings["penalty"])
    n, t = values.shape
    edges = np.column_stack([np.zeros(n), result.positions, np.full(n, np.nan)])
    # the stretch before each change and the one that begins with it; the last one ends with the series
    ends = np.where(np.isnan(edges[:, 1:]), t, edges[:, 1:])
    known = ~np.isnan(values)
    counts, periods = (
        np.column_stack([np.zeros(n), np.cumsum(np.where(known, part, 0.0), axis=1)])
        for part in (np.nan_to_num(values), np.ones_like(values))
    )
    starts = np.minimum(np.nan_to_num(edges[:, :-1], nan=t), t).astype(int)
    stops = ends.astype(int)
    total = np.take_along_axis(counts, stops, axis=1) - np.take_along_axis(counts, starts, axis=1)
    length = np.take_along_axis(periods, stops, axis=1) - np.take_along_axis(periods, starts, axis=1)
    before, after = total[:, :-1], total[:, 1:]
    share = length[:, :-1] / np.maximum(length[:, :-1] + length[:, 1:], 1)
    both = before + after
    is_change = ~np.isnan(result.positions)
    with np.errstate(invalid="ignore", divide="ignore"):
        lower = special.bdtr(before, np.maximum(both, 0).astype(int), share)
        upper = np.where(before > 0, special.bdtrc(before - 1, np.maximum(both, 0).astype(int), share), 1.0)
        exact = np.minimum(2 * np.minimum(lower, upper), 1.0)
        ratio = special.xlogy(before, before / (both * share)) + special.xlogy(after, after / (both * (1 - share)))
        spread = special.chdtrc(1, 2 * np.maximum(ratio, 0) / result.dispersion[:, None])
        levels = (after / length[:, 1:]) / (before / length[:, :-1])
    ways = special.comb(np.maximum(known.sum(axis=1) - 2 * shortest + 3, 0), 3)[:, None]
    p = np.where(is_change, np.minimum(np.maximum(exact, spread) * ways, 1.0), np.nan)
    return Found(
        positions=result.positions,
        p=p,
        ratio=np.where(is_change & np.isfinite(levels), levels, np.nan),
        llr=result.llr,
    )


def _eligibility(table: Grid, keys: pd.DataFrame, frequency: str, minimum: int) -> np.ndarray:
    """Why a series is not assessed, None where it is: (n,)."""
    known = ~np.isnan(table.values)
    have = known.sum(axis=1)
    reason = np.full(len(have), None, dtype=object)
    for count in np.unique(have[have < minimum]):
        reason[have == count] = f"{count} {UNITS[frequency]} with a figure; changes of the level need {minimum}"
    with np.errstate(invalid="ignore"):
        is_odd = ((table.values < 0) | (table.values != np.floor(table.values))) & known
    reason[is_odd.any(axis=1) & (have >= minimum)] = "the figures are no whole numbers"
    is_money = keys["unit"].astype(str).str.fullmatch("[A-Z]{3}").to_numpy(bool)
    reason[is_money & (have >= minimum)] = "an amount of money is no count"
    reason[(keys["derivation"] == families.CHANGING_REPORTERS).to_numpy(bool)] = families.NOT_TESTED
    return reason


def _limits(asked: families.Questions, answers: families.Answers, significance: float) -> np.ndarray:
    """The p up to which changes are shown, (n,): of R claims among m series significance R / m, -1 where a series has no
    claim (Benjamini and Bogomolov 2014: the level inside what was selected)."""
    limit = np.full(len(answers.q), -1.0)

    def fill(rows: np.ndarray) -> None:
        claims = rows[answers.q[rows] <= significance]
        if claims.size:
            limit[claims] = significance * claims.size / answers.count[claims]

    families.each_family(asked.family_id, np.arange(len(limit)), fill)
    return limit


def _written(
    table: Grid,
    keys: pd.DataFrame,
    found: Found,
    limit: np.ndarray,
    reason: np.ndarray,
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    rules: Mapping[str, Any],
) -> pd.DataFrame:
    """The changes that are shown, as texts; only the few series with a claim are walked through."""
    n = len(keys)
    shown = found.p <= limit[:, None]
    is_steady = np.zeros(n, dtype=bool)
    claims = np.flatnonzero(shown.any(axis=1))
    if claims.size:
        is_steady[claims] = _steady_is_better(table, found, claims)
    out = {name: np.full(n, None, dtype=object) for name in ("change_points", "change_points_explained")}
    ratio, reason = np.full(n, np.nan), reason.copy()
    reason[is_steady] = STEADY
    about = _Explanations(breaks, parents, rules["strata_kinds"])
    records = keys.to_dict("records")
    for series in claims:
        if is_steady[series]:
            continue
        places = found.positions[series][shown[series]].astype(int)
        dates = about.of(records[series])
        explained = [place for place in places if _is_near(table.starts, place, dates)]
        unexplained = [place for place in places if place not in explained]
        out["change_points"][series] = ", ".join(table.periods[place] for place in places)
        out["change_points_explained"][series] = ", ".join(table.periods[place] for place in explained) or None
        newest = max(unexplained or explained)
        ratio[series] = found.ratio[series][found.positions[series] == newest][0]
    return pd.DataFrame(
        {
            "series_id": table.keys.to_numpy(),
            **out,
            "change_point_ratio": ratio,
            "change_points_llr": np.where(reason == None, found.llr, np.nan),  # noqa: E711 - elementwise
            "change_points_reason": reason,
        }
    )


def _steady_is_better(table: Grid, found: Found, rows: np.ndarray) -> np.ndarray:
    """Whether a log-linear trend has the smaller quasi-BIC than the steps: a line looks like stairs. (rows,)."""
    from trends.poisson_regression import fit_poisson

    values, positions = table.values[rows], found.positions[rows]
    t = values.shape[1]
    line = np.column_stack([np.ones(t), np.arange(t) / t])
    after = (np.arange(t)[None, :, None] >= positions[:, None, :]).astype(float)
    stairs = np.concatenate([np.ones((len(rows), t, 1)), after], axis=2)
    number = (~np.isnan(values)).sum(axis=1)
    trend, steps = fit_poisson(values, line), fit_poisson(values, stairs)
    # the dispersion of the better of both, so that neither is helped by the other's misfit
    spread = np.fmax(np.fmin(trend.dispersion, steps.dispersion), 1.0)
    changes = (~np.isnan(positions)).sum(axis=1)
    gain = (trend.deviance - steps.deviance) / spread
    return gain <= (2 * changes - 1) * np.log(number)


class _Explanations:
    """Dates of breaks that explain a change in a series, looked up by area."""

    def __init__(self, breaks: pd.DataFrame, parents: Mapping[str, str | None], strata_kinds: list[str]) -> None:
        self._parents, self._by_area = parents, {}
        for row in breaks.itertuples():
            entry = (str(row.measure), str(row.dimension), str(row.source), row.kind in strata_kinds)
            self._by_area.setdefault(str(row.area_code), []).append((*entry, pd.Timestamp(row.break_on)))

    def of(self, key: Mapping[str, Any]) -> list[pd.Timestamp]:
        split_by = {"_T", *(name for name in SPLITS if key[name] != "_T")}
        return [
            date
            for area in ancestors(self._parents, key["area_code"])
            for measure, dimension, source, is_step, date in self._by_area.get(area, ())
            if measure in (key["measure"], "_T")
            and dimension in split_by
            and source in (key["source"], "_T")
            # what changes for a whole country by law changes in its districts; a source that begins does not
            and (is_step or area == key["area_code"])
        ]


def _is_near(starts: pd.DatetimeIndex, place: int, dates: list[pd.Timestamp]) -> bool:
    """Whether one of the dates lies within one period of the first day of the new level."""
    first, last = starts[max(place - 1, 0)], starts[min(place + 1, len(starts) - 1)]
    return any(first <= date <= last for date in dates)
