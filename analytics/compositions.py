"""Did the mix of forms shift? The composition by form of exploitation of each area, between two years."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analytics.parameters import stated
from analytics.regimes import regimes
from analytics.rounding import round_frame
from analytics.series_grid import Grid, grid

METHOD = "chi-square of homogeneity, adjusted residuals"
METHOD_VERSION = "1"
PLACE = ["area_code", "area_level", "area_role", "measure", "unit", "reporter", "source", "dataset", "source_type"]
# one question shown together: all areas of a level, each by its own source
FAMILY = ["measure", "area_level", "source_type", "area_role", "reporter", "unit"]
COMPARISONS = ("newest_years", "first_and_newest")
UNKNOWN = ("_U", "_X")


def compute(
    cells: pd.DataFrame, breaks: pd.DataFrame, parents: Mapping[str, str | None], parameters: Mapping[str, Any]
) -> pd.DataFrame:
    """One row a form of an area's comparison, the columns of analytics.compositions, ordered by their key; where a
    comparison is not assessed, one row with the form `_T` and the reason.

    cells    annual counts by form, as this audience may see them, one a place, form and period: the columns of `PLACE`,
             exploitation, period, period_start, frequency, value (NaN where missing or protected), is_overlapping,
             is_incomplete, and those of `regimes.SPLITS`.
    breaks, parents  as `trends.compute` takes them.

    Compared are the newest two neighbouring years, and the first and the newest year, in which every form of the area
    has a figure. Who is of no known form (`_U`, `_X`) is a part like the others, so that a label that no map holds does not
    look like a shift; forms inside another one that is there, and members of which one person may be in several, are
    left out. Not assessed: a change of law, code list, counting rule or area in between; fewer than `minimum_year_count` a
    year; or expected counts too small for the test (Cochran 1954: more than one in five below 5, or any below 1).
    The family is a level's areas of one measure and kind of source, each comparison of its own. A form's share grew or
    shrank where the whole table is significant and its own residual too.
    """
    rules = parameters["compositions"]
    table = _table(cells)
    if table is None:
        return pd.DataFrame()
    places, forms, periods, values, regime = _cube(table, breaks, parents, parameters["trends"]["strata_kinds"])
    parts = []
    for comparison in COMPARISONS:
        first, last, reason = _years(values, regime, comparison)
        parts.append(_compared(comparison, places, forms, periods, values, (first, last), reason, rules))
    result = round_frame(pd.concat(parts, ignore_index=True), parameters["rounding"]["significant_digits"])
    result = result.assign(
        method=METHOD, parameters=stated(rules, "minimum_year_count", "significance"), method_version=METHOD_VERSION
    )
    order = ["measure", "area_level", "area_code", "source", "dataset", "area_role", "reporter", "unit", "comparison"]
    return result.sort_values([*order, "exploitation"], ignore_index=True)


def _table(cells: pd.DataFrame) -> pd.DataFrame | None:
    """The rows that are parts of a whole, with a number `place`: no member twice and none inside another."""
    kept = cells[~cells["is_overlapping"].astype(bool) & (cells["exploitation"] != "_T")]
    if kept.empty:
        return None
    kept = kept.assign(place=kept.groupby(PLACE, sort=True).ngroup())
    forms = set(kept["exploitation"])
    for inner in sorted(form for form in forms if any(form.startswith(f"{other}_") for other in forms)):
        holders = [form for form in forms if inner.startswith(f"{form}_")]
        beside = kept.loc[kept["exploitation"].isin(holders), "place"]
        kept = kept[~((kept["exploitation"] == inner) & kept["place"].isin(beside))]
    return kept.assign(place=kept["place"].rank(method="dense").astype(int) - 1)


def _cube(
    table: pd.DataFrame, breaks: pd.DataFrame, parents: Mapping[str, str | None], strata_kinds: list[str]
) -> tuple[pd.DataFrame, np.ndarray, list[str], np.ndarray, np.ndarray]:
    """Places (g rows), forms (k,), periods (t), counts (g, k, t) and the regime of each place and period (g, t).

    A form that a place never had a row of is 0 there, and no row in one year is missing; a year still being reported is
    missing. Who is of unknown form (`_U`, `_X`) is counted only where there are any: no row is 0.
    """
    values = pd.to_numeric(table["value"].mask(table["is_incomplete"].astype(bool)), errors="coerce")
    column, forms = pd.factorize(table["exploitation"], sort=True)
    table = table.assign(member=table["place"].to_numpy() * len(forms) + column, value=values)
    laid, seen = grid(table, "member", "A"), grid(table.assign(value=1.0), "member", "A").values == 1
    place, form = np.divmod(laid.keys.to_numpy(), len(forms))
    is_unknown = np.isin(forms[form], UNKNOWN)
    counts = np.zeros((int(place.max()) + 1, len(forms), len(laid.periods)))
    counts[place, form] = np.where(is_unknown[:, None] & ~seen, 0.0, laid.values)
    # a year of which a place has no row at all has no composition
    any_row = np.zeros((len(counts), len(laid.periods)), dtype=bool)
    np.logical_or.at(any_row, place, seen)
    counts = np.where(any_row[:, None, :], counts, np.nan)
    places = table.drop_duplicates("place").sort_values("place", ignore_index=True)
    # every member of a place is split by the same dimension, so that all have the same regimes
    one_each = Grid(pd.Index(places["place"]), laid.periods, laid.starts, counts.sum(axis=1))
    regime = regimes(one_each, places, 1, breaks[breaks["kind"].isin(strata_kinds)], parents, minimum=0)[0]
    return places[PLACE], np.asarray(forms, dtype=object), laid.periods, counts, regime


def _years(values: np.ndarray, regime: np.ndarray, comparison: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and last year of each place's comparison (g,) as positions, and why there is none (None where there is)."""
    known = ~np.isnan(values).any(axis=1) & (np.nansum(values, axis=1) > 0)
    t = known.shape[1]
    last = t - 1 - known[:, ::-1].argmax(axis=1)
    reason = np.full(len(known), None, dtype=object)
    if comparison == "newest_years":
        first = np.maximum(last - 1, 0)
        reason[~known[np.arange(len(known)), first]] = "the year before has no figure that may be shown for every form"
    else:
        first = known.argmax(axis=1)
    at = np.arange(len(known))
    same = regime[at, first] == regime[at, last]
    reason[~same] = "the law or a way of counting changed in between"
    reason[known.sum(axis=1) < 2] = "fewer than two years in which every form has a figure that may be shown"
    if comparison == "first_and_newest":
        reason[(reason == None) & (last - first < 2)] = "the same two years as the newest"  # noqa: E711 - elementwise
    return first, last, reason


def _compared(
    comparison: str,
    places: pd.DataFrame,
    forms: np.ndarray,
    periods: list[str],
    values: np.ndarray,
    years: tuple[np.ndarray, np.ndarray],
    reason: np.ndarray,
    rules: Mapping[str, Any],
) -> pd.DataFrame:
    """The rows of one comparison, with false discovery by family."""
    from trends.composition import composition_change
    from trends.tests import false_discovery

    first, last = years
    at = np.arange(len(values))
    pair = np.stack([values[at, :, first], values[at, :, last]], axis=2)
    totals = np.nansum(pair, axis=1)
    found = composition_change(np.where((reason == None)[:, None, None], pair, np.nan))  # noqa: E711 - elementwise
    used = pair.sum(axis=2) > 0
    with np.errstate(invalid="ignore"):
        least = np.where(used[:, :, None], found.expected, np.inf).min(axis=(1, 2))
        few = (used[:, :, None] & (found.expected < 5)).sum(axis=(1, 2)) > 0.2 * 2 * used.sum(axis=1)
    for code, text in (
        (
            totals.min(axis=1) < rules["minimum_year_count"],
            f"fewer than {rules['minimum_year_count']} in one of the years",
        ),
        (used.sum(axis=1) < 2, "all are of one form"),
        (few | (least < 1), "too few persons in some forms for a test"),
    ):
        reason[(reason == None) & code] = text  # noqa: E711 - elementwise
    assessed = reason == None  # noqa: E711 - elementwise
    p = np.where(assessed, found.p, np.nan)
    families = places[FAMILY].astype(str).itertuples(index=False)
    family = np.array(["|".join([*names, comparison]) for names in families], dtype=object)
    q, number = np.full(len(p), np.nan), np.zeros(len(p), dtype=int)
    for name in sorted(set(family)):
        members = family == name
        q[members] = false_discovery(p[members], method="bh")
        number[members] = int((~np.isnan(p[members])).sum())
    whole = pd.DataFrame(
        {
            **{name: places[name].to_numpy(object) for name in PLACE if name != "source_type"},
            "comparison": comparison,
            "period_first": np.where(assessed, np.array(periods, dtype=object)[first], None),
            "period_last": np.where(assessed, np.array(periods, dtype=object)[last], None),
            "total_first": np.where(assessed, totals[:, 0], np.nan),
            "total_last": np.where(assessed, totals[:, 1], np.nan),
            "chi_square": found.chi_square,
            "degrees": found.degrees,
            "cramers_v": found.cramers_v,
            "jensen_shannon": found.jensen_shannon,
            "p": p,
            "q_bh": q,
            "q_by": false_discovery(p, method="by"),
            "family_id": family,
            "family_count": number,
            "eligibility": np.where(assessed, "assessed", "not_assessed"),
            "eligibility_reason": reason,
        }
    )
    hidden = ["chi_square", "degrees", "cramers_v", "jensen_shannon"]
    whole.loc[~assessed, hidden] = np.nan
    rows, columns = np.nonzero(used & assessed[:, None])
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = pair / totals[:, None, :]
    residual, own = found.residuals[rows, columns, 1], found.q[rows, columns, 1]
    clear = (q[rows] <= rules["significance"]) & (own <= rules["significance"])
    parts = whole.iloc[rows].assign(
        exploitation=forms[columns],
        value_first=pair[rows, columns, 0],
        value_last=pair[rows, columns, 1],
        share_first=shares[rows, columns, 0],
        share_last=shares[rows, columns, 1],
        share_change=shares[rows, columns, 1] - shares[rows, columns, 0],
        residual=residual,
        q=own,
        direction=np.where(clear, np.where(residual > 0, "grew", "shrank"), "no_clear_change").astype(object),
    )
    figures = ["value_first", "value_last", "share_first", "share_last", "share_change", "residual", "q"]
    refused = whole[~assessed].assign(exploitation="_T", direction=None, **dict.fromkeys(figures, np.nan))
    return pd.concat([parts, refused], ignore_index=True)
