"""Nowcasts: how many events of recent periods will have been reported in the end.

A reporting triangle counts events by period (rows) and delay of the report (columns); what `as_of` does not know yet is
NaN. `nowcast` completes its rows by the chain ladder or by Lawless' estimator of the delay distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats


@dataclass(frozen=True)
class Nowcast:
    """Shape (..., t), one value for each event period.

    observed reported so far; expected and median of the final count, low and high its limits; completeness share of the
    final count that is reported by now (above 1 where figures are revised downwards); standard_error of expected as a
    prediction. NaN where nothing is known or no earlier period shows how reports develop from there.
    """

    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    completeness: NDArray[np.float64]
    standard_error: NDArray[np.float64]


def triangle(
    event_dates: ArrayLike,
    report_dates: ArrayLike,
    as_of,
    unit: Literal["D", "W", "M", "Y"] | None = None,
    max_delay: int | None = None,
    first=None,
    groups: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Reporting triangle from one event date and one report date per case.

    event_dates, report_dates  (n,) whole numbers of periods, or dates (datetime64, ISO text, date objects).
    as_of                      the last moment known, of the same kind; reports after it are left out.
    unit                       period of rows and delays for dates: "D", "W" (weeks from Monday), "M" or "Y"; the
                               dates' own resolution when left out, days for anything finer.
    max_delay                  last column; longer delays are counted there. The longest delay seen when left out.
    first                      first event period; the earliest event when left out. Earlier events are left out.
    groups                     (n,) labels: one triangle per sorted label, on a leading axis.

    Returns (t, d + 1) or (groups, t, d + 1) counts; rows run from first to as_of, columns are delays 0..max_delay, and
    cells that lie after as_of are NaN.
    Raises ValueError for reports before their event, missing dates, or no event at all up to as_of without `first`.
    """
    events = _periods(event_dates, unit, "event_dates")
    reports = _periods(report_dates, unit, "report_dates")
    if events.shape != reports.shape or events.ndim != 1:
        raise ValueError(
            f"event_dates and report_dates must be equally long lists, not {events.shape}, {reports.shape}"
        )
    finest = unit or _common_unit(event_dates, report_dates)
    if finest is not None:
        events, reports = _periods(event_dates, finest, "event_dates"), _periods(report_dates, finest, "report_dates")
    now = int(_periods([as_of], finest, "as_of")[0])
    if (reports < events).any():
        row = int(np.flatnonzero(reports < events)[0])
        raise ValueError(f"report_dates[{row}] lies before event_dates[{row}]")
    labels = np.zeros(len(events), dtype=int)
    n_groups = 1
    if groups is not None:
        known, labels = np.unique(np.asarray(groups), return_inverse=True)
        n_groups = len(known)
        if labels.shape != events.shape:
            raise ValueError("groups must hold one label per event")
    start = None if first is None else int(_periods([first], finest, "first")[0])
    use = reports <= now
    if start is not None:
        use &= events >= start
    elif not use.any():
        raise ValueError("no event was reported up to as_of; give `first` for an empty triangle")
    else:
        start = int(events[use].min())
    if start > now:
        raise ValueError("first lies after as_of")
    delay = (reports - events)[use]
    last = max_delay if max_delay is not None else int(delay.max(initial=0))
    if last < 0:
        raise ValueError("max_delay must not be negative")
    rows = now - start + 1
    cell = (labels[use] * rows + (events[use] - start)) * (last + 1) + np.minimum(delay, last)
    counts = np.bincount(cell, minlength=n_groups * rows * (last + 1)).astype(float).reshape(n_groups, rows, last + 1)
    future = np.arange(rows)[:, None] + np.arange(last + 1) > rows - 1
    counts[:, future] = np.nan
    return counts if groups is not None else counts[0]


def vintage_triangle(
    values: ArrayLike, event_periods: ArrayLike, vintage_periods: ArrayLike, max_delay: int | None = None
) -> NDArray[np.float64]:
    """Reporting triangle from vintages: what each issue of a series said about each period.

    values           (..., v, t) total of each event period in each vintage; NaN where a vintage does not show it.
    event_periods    (t,) whole numbers, ascending by one; vintage_periods (v,) the period each vintage was issued in;
                     the later of two in one period wins.
    max_delay        last column; what came later is left out. The longest delay when left out.

    Returns (..., t, d + 1) increments. The first known total of a period stands in the column of its delay, columns
    before it are NaN (how it came about is not known); a period without news has increment 0; corrections may be
    negative. Columns past the last vintage are NaN.
    """
    values = np.asarray(values, dtype=float)
    events = np.asarray(event_periods)
    issued = np.asarray(vintage_periods)
    if values.ndim < 2 or values.shape[-2:] != (len(issued), len(events)):
        raise ValueError(f"values has shape {values.shape}; expected (..., {len(issued)}, {len(events)})")
    if len(events) == 0 or len(issued) == 0 or not (np.diff(events) == 1).all():
        raise ValueError("event_periods must ascend by one and there must be at least one vintage")
    order = np.argsort(issued, kind="stable")
    now = int(issued[order[-1]])
    last = max_delay if max_delay is not None else max(now - int(events[0]), 0)
    totals = np.full((*values.shape[:-2], len(events), last + 1), np.nan)
    rows = np.arange(len(events))
    for vintage in order:
        delay = int(issued[vintage]) - events
        shown = (delay >= 0) & (delay <= last)
        new = values[..., vintage, :][..., shown]
        cells = totals[..., rows[shown], delay[shown]]
        totals[..., rows[shown], delay[shown]] = np.where(np.isnan(new), cells, new)
    # carry the last known total forward up to now
    columns = np.arange(last + 1)
    newest = np.maximum.accumulate(np.where(np.isnan(totals), -1, columns), axis=-1)
    carried = np.where(newest >= 0, np.take_along_axis(totals, np.maximum(newest, 0), axis=-1), np.nan)
    increments = carried.copy()
    increments[..., 1:] = carried[..., 1:] - np.where(np.isnan(carried[..., :-1]), 0.0, carried[..., :-1])
    return np.where(events[:, None] + columns > now, np.nan, increments)


def nowcast(
    triangle: ArrayLike,
    method: Literal["chain_ladder", "lawless"] = "chain_ladder",
    level: float = 0.95,
    window: int | None = None,
) -> Nowcast:
    """Final counts of all event periods of one or many reporting triangles.

    triangle  (..., t, d + 1) increments by delay, NaN where not known (`triangle`, `vintage_triangle`).
    method    "chain_ladder": development factors from column sums; prediction error of Mack (1993), at least that of
              independent reporting (negative binomial); limits from a negative binomial with that variance and the mean
              (n + 1/2)(1 - p) / p still to come, so that a period without any report yet has an upper limit too.
              "lawless": reverse-time hazards of the delay (Lawless 1994); limits from a normal with his variance,
              truncated at what is reported. The expected counts of the two methods agree on a full triangle.
    level     probability between low and high.
    window    newest event periods from which delays are learned; all when left out.

    Nothing is assumed about trends of the counts; the delay distribution is taken as constant over the window, and no
    report is expected after the last column. Raises ValueError for arguments out of range; "lawless" for negative
    cells.
    """
    cells = np.asarray(triangle, dtype=float)
    if cells.ndim < 2 or 0 in cells.shape[-2:]:
        raise ValueError(f"a triangle needs event periods and delays; its shape is {cells.shape}")
    if np.isinf(cells).any():
        raise ValueError("the triangle holds infinite values")
    if method not in ("chain_ladder", "lawless"):
        raise ValueError(f'method must be "chain_ladder" or "lawless", not {method!r}')
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    if window is not None and window < 1:
        raise ValueError("window must have at least one period")
    if method == "lawless" and (cells < 0).any():
        raise ValueError('method "lawless" needs counts that are not negative; use "chain_ladder" for corrected totals')
    shape = cells.shape[:-1]
    stack = cells.reshape(-1, *cells.shape[-2:])
    known = ~np.isnan(stack)
    totals = np.where(known, np.cumsum(np.nan_to_num(stack), axis=2), np.nan)
    delays = np.arange(stack.shape[2])
    at = np.where(known, delays, -1).max(axis=2)  # newest known delay of each period
    observed = np.where(at >= 0, np.take_along_axis(totals, np.maximum(at, 0)[:, :, None], axis=2)[:, :, 0], np.nan)
    learned = known.copy()
    if window is not None:
        learned[:, : max(stack.shape[1] - window, 0)] = False
    both = learned[:, :, 1:] & learned[:, :, :-1]
    before = np.where(both, totals[:, :, :-1], 0.0)
    after = np.where(both, totals[:, :, 1:], 0.0)

    if method == "chain_ladder":
        completeness, expected, variance = _chain_ladder(before, after, both, at, observed)
        low, median, high = _count_limits(observed, completeness, expected, variance, level)
        revised = (stack < 0).any(axis=(1, 2))[:, None]
        low = np.where(revised, low, np.fmax(low, np.where(np.isnan(low), np.nan, observed)))
    else:
        completeness, expected, variance = _lawless(before, after, at, observed)
        low, median, high = _truncated_normal_limits(observed, expected, variance, level)
    done = at == stack.shape[2] - 1
    results = {
        "observed": observed,
        "expected": np.where(done, observed, expected),
        "median": np.where(done, observed, median),
        "low": np.where(done, observed, low),
        "high": np.where(done, observed, high),
        "completeness": np.where(np.isnan(observed), np.nan, np.where(done, 1.0, completeness)),
        "standard_error": np.where(np.isnan(observed), np.nan, np.where(done, 0.0, np.sqrt(variance))),
    }
    return Nowcast(**{name: values.reshape(shape) for name, values in results.items()})


def _chain_ladder(before, after, both, at, observed):
    """Completeness, expected final count and prediction variance of each period (Mack 1993)."""
    base, next_total = before.sum(axis=1), after.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(base > 0, next_total / base, np.where(next_total > 0, np.inf, np.nan))
        deviation = np.where(before > 0, (after - factor[:, None, :] * before) ** 2 / before, 0.0).sum(axis=1)
    # a delay at which nothing was ever reported, with nothing after it either, says nothing: no development
    factor = np.where(np.isnan(factor) & both.any(axis=1), 1.0, factor)
    degrees = ((before > 0) & both).sum(axis=1) - 1
    sigma2 = np.where(degrees > 0, deviation / np.maximum(degrees, 1), np.nan)
    for delay in range(sigma2.shape[1]):
        # Mack's extrapolation where a single period is left
        one, two = (sigma2[:, delay - lag] if delay >= lag else np.full(len(sigma2), np.nan) for lag in (1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            guess = np.fmin(np.where(two > 0, one**2 / two, np.inf), np.fmin(one, two))
        guess = np.where(np.isfinite(guess), guess, np.where(np.isnan(one), 0.0, one))
        sigma2[:, delay] = np.where(np.isnan(sigma2[:, delay]), guess, sigma2[:, delay])

    n_stack, periods = at.shape
    to_come = np.ones((n_stack, factor.shape[1] + 1))
    for delay in range(factor.shape[1] - 1, -1, -1):
        to_come[:, delay] = factor[:, delay] * to_come[:, delay + 1]
    rows = np.arange(n_stack)[:, None]
    growth = to_come[rows, np.maximum(at, 0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        completeness = 1 / growth
        expected = observed * growth
        relative = np.zeros((n_stack, periods))
        for delay in range(factor.shape[1]):
            total = observed * growth / to_come[:, delay][:, None]
            spread = (sigma2 / factor**2)[:, delay][:, None]
            part = spread * (1 / total + 1 / base[:, delay][:, None])
            relative += np.where((delay >= at) & (spread > 0), part, 0.0)
        mack = np.where(expected > 0, expected**2 * relative, 0.0)
        share = np.clip(completeness, 0.0, 1.0)
        independent = (np.maximum(observed, 0.0) + 0.5) * (1 - share) / share**2
    usable = (completeness > 0) & np.isfinite(growth)
    variance = np.where(usable, np.maximum(mack, independent), np.nan)
    return np.where(np.isnan(growth), np.nan, completeness), np.where(usable, expected, np.nan), variance


def _count_limits(observed, completeness, expected, variance, level):
    """Quantiles of the final count: negative binomial for what is to come, normal where figures shrink."""
    tails = [(1 - level) / 2, 0.5, (1 + level) / 2]
    grows = completeness < 1
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (np.maximum(observed, 0.0) + 0.5) * (1 - completeness) / completeness
        spread = np.maximum(variance, mean * (1 + 1e-9))
        fit = np.where(grows & (mean > 0) & np.isfinite(spread), mean, np.nan)
        size, probability = fit**2 / (spread - fit), fit / spread
        normal = np.where(np.isnan(completeness), np.nan, expected)
        return [
            np.where(
                grows,
                observed + stats.nbinom.ppf(tail, size, probability),
                normal + special.ndtri(tail) * np.sqrt(variance),
            )
            for tail in tails
        ]


def _lawless(before, after, at, observed):
    """Completeness, expected final count and prediction variance of each period (Lawless 1994, section 3)."""
    reported = after.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(reported > 0, (after - before).sum(axis=1) / reported, 0.0)
        growth = np.where(hazard < 1, hazard / (reported * (1 - hazard)), np.inf)
        growth = np.where(reported > 0, growth, 0.0)
    share, greenwood = np.ones((len(hazard), hazard.shape[1] + 1)), np.zeros((len(hazard), hazard.shape[1] + 1))
    for delay in range(hazard.shape[1] - 1, -1, -1):
        share[:, delay] = share[:, delay + 1] * (1 - hazard[:, delay])
        greenwood[:, delay] = greenwood[:, delay + 1] + growth[:, delay]
    rows = np.arange(len(hazard))[:, None]
    w = share[rows, np.maximum(at, 0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.where(w > 0, observed / w, np.nan)
        n = np.where(observed > 0, observed, 0.5)  # a period without reports would have no variance at all
        variance = n * (n + 1) / w**2 * greenwood[rows, np.maximum(at, 0)] + n * (1 - w) / w**2
    return w, expected, np.where(w > 0, variance, np.nan)


def _truncated_normal_limits(observed, expected, variance, level):
    sd = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = special.ndtr((observed - expected) / sd)
        limits = [
            expected + sd * special.ndtri(cut + tail * (1 - cut)) for tail in ((1 - level) / 2, 0.5, (1 + level) / 2)
        ]
    low, median, high = (np.where(sd > 0, limit, expected) for limit in limits)
    # the final count is a whole number and may be what is reported already
    return [np.floor(low), median, np.ceil(high)]


def _common_unit(*dates) -> str | None:
    """The finest resolution among dates, days at most; None for whole numbers."""
    finest = None
    for values in dates:
        array = np.asarray(values)
        if array.dtype.kind in "iu":
            continue
        unit = np.datetime_data(_as_dates(array).dtype)[0]
        unit = unit if unit in ("Y", "M") else "D"
        finest = unit if finest is None or "YMD".index(unit) > "YMD".index(finest) else finest
    return finest


def _as_dates(array: NDArray) -> NDArray:
    if array.dtype.kind == "M":
        return array
    return np.array([np.datetime64(value) if isinstance(value, str) else np.datetime64(value, "D") for value in array])


def _periods(dates, unit: str | None, name: str) -> NDArray[np.int64]:
    """Dates as whole numbers of periods since 1970; whole numbers as they are."""
    if unit not in (None, "D", "W", "M", "Y"):
        raise ValueError(f'unit must be "D", "W", "M" or "Y", not {unit!r}')
    array = np.asarray(dates)
    if array.size == 0:
        return np.zeros(array.shape, dtype=np.int64)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        raise ValueError(f"{name} must be whole numbers or dates without gaps")
    array = _as_dates(array)
    if np.isnat(array).any():
        raise ValueError(f"{name} holds a missing date")
    if unit == "W":
        return (array.astype("datetime64[D]").astype(np.int64) + 3) // 7  # 1970 began on a Thursday
    if unit is not None:
        return array.astype(f"datetime64[{unit}]").astype(np.int64)
    resolution = np.datetime_data(array.dtype)[0]
    return array.astype(f"datetime64[{resolution if resolution in 'YM' else 'D'}]").astype(np.int64)
