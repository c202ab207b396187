"""How many detections of the newest periods will have been reported in the end? Learned from the issues in the ledger.

Each issue of a dataset says how many were known of each period by then. How earlier periods grew from issue to issue
tells how complete the newest ones are. A period of a source under the least completeness is masked in every test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.completeness import KEY as INCOMPLETE_KEY
from analytics.completeness import masked
from analytics.rounding import round_frame
from analytics.series_grid import PERIODS_A_YEAR, period_codes

METHOD, METHOD_VERSION = "chain_ladder", "1"
NOT_PROTECTED = "vintages_not_protected"
COUNTED = ["source", "dataset", "measure", "area_role", "reporter", "unit", "frequency"]
FIGURES = (
    "value", "expected_count", "median_count", "low_count", "high_count", "completeness_share",
    "reporting_completeness_share",
)  # fmt: skip
INCOMPLETE_COLUMNS = [*INCOMPLETE_KEY, "completeness_share"]


@dataclass(frozen=True)
class Nowcasts:
    """`rows` one a series and period, the columns of analytics.nowcasts; `incomplete` one a source, measure and period,
    columns `INCOMPLETE_COLUMNS`."""

    rows: pd.DataFrame
    incomplete: pd.DataFrame


def compute(
    vintages: pd.DataFrame, yearly: pd.DataFrame, parameters: Mapping[str, Any], audience: str | None
) -> Nowcasts:
    """Nowcasts of every series with several issues, for its newest periods.

    vintages  int_vintages with series_id: the columns of `COUNTED`, series_id, area_level, period, period_start,
              issued_on, issues_count, value.
    yearly    source, measure, period, issued_on of yearly figures: a year is as complete as its quarters or months were
              when it was put out.
    audience  "public": rows without figures, because the difference of two issues can be a small count; what is
              incomplete is known all the same.
    """
    rules = parameters["nowcasts"]
    parts, open_ = [], []
    for key, frame in vintages.groupby(COUNTED, sort=True):
        named = dict(zip(COUNTED, key, strict=True))
        if named["frequency"] in rules["longest_delay"]:
            rows, whole = _dataset(frame, str(named["frequency"]), rules)
            parts.append(rows.assign(**{name: named[name] for name in ("source", "measure", "frequency")}))
            open_.append(whole.assign(source=named["source"], measure=named["measure"], frequency=named["frequency"]))
    if not parts:
        return Nowcasts(pd.DataFrame(), pd.DataFrame(columns=INCOMPLETE_COLUMNS))
    rows = pd.concat(parts, ignore_index=True).assign(method=METHOD, method_version=METHOD_VERSION)
    if audience == "public":
        rows = rows.assign(
            **dict.fromkeys(FIGURES, np.nan), eligibility="not_assessed", eligibility_reason=NOT_PROTECTED
        )
    incomplete = _incomplete(pd.concat(open_, ignore_index=True), yearly, rules)
    rows = rows.assign(is_incomplete=masked(rows, incomplete))
    digits = parameters["rounding"]["significant_digits"]
    return Nowcasts(
        round_frame(rows, digits).sort_values(["series_id", "period"], ignore_index=True),
        round_frame(incomplete, digits)[INCOMPLETE_COLUMNS].sort_values(INCOMPLETE_KEY, ignore_index=True),
    )


def _dataset(frame: pd.DataFrame, frequency: str, rules: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nowcasts of all series of one dataset, and observed and expected of all its areas together."""
    from trends.nowcast import nowcast, vintage_triangle

    step = 12 // PERIODS_A_YEAR[frequency]
    starts, issued = pd.to_datetime(frame["period_start"]), pd.to_datetime(frame["issued_on"])
    event = ((starts.dt.year * 12 + starts.dt.month - 1) // step).to_numpy()
    issue_dates = np.sort(issued.unique())
    keys = pd.Index(sorted(frame["series_id"].unique()))
    periods = np.arange(event.min(), event.max() + 1)
    values = np.full((len(keys), len(issue_dates), len(periods)), np.nan)
    places = keys.get_indexer(frame["series_id"]), np.searchsorted(issue_dates, issued), event - periods[0]
    values[places] = frame["value"].to_numpy(float)
    issues = pd.DatetimeIndex(issue_dates)
    issue_periods = ((issues.year * 12 + issues.month - 1) // step).to_numpy()
    # figures come out some periods after theirs: delays are counted from the shortest one that ever occurred
    shortest = int((issue_periods[places[1]] - event).min())
    longest = rules["longest_delay"][frequency]
    triangle = vintage_triangle(values, periods + shortest, issue_periods, max_delay=longest)
    level = frame.groupby("area_level")["series_id"].nunique().sort_values(kind="stable").index[-1]
    together = keys.isin(frame.loc[frame["area_level"] == level, "series_id"])
    known = ~np.isnan(triangle[together]).all(axis=0)
    pooled = np.where(known, np.nansum(triangle[together], axis=0), np.nan)
    found, whole = (nowcast(each, method=METHOD, level=rules["level"]) for each in (triangle, pooled))

    n, t = len(keys), len(periods)
    vintages = (~np.isnan(values)).any(axis=2).sum(axis=1)
    enough = vintages >= rules["minimum_vintages"]
    newest = np.arange(t) >= t - rules["newest_periods"]
    shown = np.broadcast_to(newest, (n, t)) & ~np.isnan(found.observed)
    # of too few issues, but more than one, one row a series says so
    latest = (vintages > 1)[:, None] & (np.arange(t) == t - 1)
    shown = np.where(enough[:, None], shown, latest & shown)
    row, column = np.nonzero(shown)
    assessed = enough[row] & ~np.isnan(found.expected[row, column]) & ~np.isnan(found.high[row, column])
    reason = np.full(len(row), "no earlier period shows how figures grow after their first issue", dtype=object)
    reason[~enough[row]] = [
        f"{vintages[each]} issues; a nowcast needs {rules['minimum_vintages']}" for each in row[~enough[row]]
    ]
    reason[assessed] = None
    dates = pd.DatetimeIndex([pd.Timestamp(year=p * step // 12, month=p * step % 12 + 1, day=1) for p in periods])
    codes = np.array(period_codes(dates, frequency), dtype=object)
    complete = np.where(enough.any(), whole.completeness, np.nan)
    figures = {
        "expected_count": found.expected, "median_count": found.median, "low_count": found.low,
        "high_count": found.high, "completeness_share": found.completeness,
        "reporting_completeness_share": np.broadcast_to(complete, (n, t)),
    }  # fmt: skip
    rows = pd.DataFrame(
        {
            "series_id": keys.to_numpy(object)[row],
            "period": codes[column],
            "period_start": dates[column].date,
            "value": found.observed[row, column],
            **{name: np.where(assessed, each[row, column], np.nan) for name, each in figures.items()},
            "vintages_count": vintages[row],
            "eligibility": np.where(assessed, "assessed", np.where(enough[row], "not_assessed", "too_short")),
            "eligibility_reason": reason,
            "parameters": f"level={rules['level']}, longest_delay={longest}, periods of delay counted from {shortest}",
        }
    )
    reporting = pd.DataFrame(
        {
            "period": codes,
            "year": [code[:4] for code in codes],
            "observed": whole.observed,
            "expected": np.where(enough.any(), whole.expected, np.nan),
            "completeness_share": complete,
            "last_issued_on": issues[-1],
        }
    )
    return rows, reporting


def _incomplete(reporting: pd.DataFrame, yearly: pd.DataFrame, rules: Mapping[str, Any]) -> pd.DataFrame:
    """Source, measure, frequency and period under the least completeness; years by their quarters or months.

    A yearly figure put out in a later quarter than the newest issue of the quarters may be complete: nothing is said.
    """
    parts = [reporting[reporting["completeness_share"] < rules["minimum_completeness"]]]
    within = reporting[(reporting["frequency"] != "A") & reporting["expected"].notna()]
    if len(within) and len(yearly):
        of_year = within.groupby(["source", "measure", "frequency", "year"], as_index=False).agg(
            observed=("observed", "sum"), expected=("expected", "sum"), periods=("period", "nunique"),
            last_issued_on=("last_issued_on", "max"),
        )  # fmt: skip
        of_year = of_year[of_year["periods"] == of_year["frequency"].map(PERIODS_A_YEAR)]
        of_year = of_year.assign(completeness_share=of_year["observed"] / of_year["expected"]).drop(columns="frequency")
        both = yearly.merge(of_year, left_on=["source", "measure", "period"], right_on=["source", "measure", "year"])
        said = pd.to_datetime(both["issued_on"]).dt.to_period("Q") <= pd.to_datetime(
            both["last_issued_on"]
        ).dt.to_period("Q")
        low = both["completeness_share"] < rules["minimum_completeness"]
        parts.append(both[said & low].assign(frequency="A"))
    # the least complete of several datasets, areas' roles or reporters speaks for a source
    every = pd.concat([part[INCOMPLETE_COLUMNS] for part in parts], ignore_index=True)
    return every.groupby(INCOMPLETE_KEY, as_index=False)["completeness_share"].min()
