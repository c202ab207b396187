"""Is the newest count of a series above what its own past leads one to expect? An alert is a reason to look, no finding.

Farrington's flexible method where four years of past can be compared, EARS C2 where the series (or the stretch since the
last change of law or counting) is shorter. A period without a figure, with reporting still coming in, or with too little
to compare is "not assessed" or "too short", never "no alarm".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from analytics.completeness import INCOMPLETE, is_incomplete
from analytics.regimes import SPLITS, regimes
from analytics.rounding import round_frame
from analytics.series_grid import PERIODS_A_YEAR, grid

METHOD_VERSION = "2"  # 2: the newest periods of a question are one family
FARRINGTON, EARS = "farrington_flexible", "ears_c2"
QUESTION = ("measure", "area_level", "area_role", "reporter", "unit", "frequency")
WHAT = {"Q": "quarters", "M": "months"}


def compute(
    series: pd.DataFrame,
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    incomplete: pd.DataFrame,
    as_of: date,
    parameters: Mapping[str, Any],
) -> pd.DataFrame:
    """One row a series and period for the newest periods of each question, the columns of analytics.alerts, ordered by
    series and period.

    series      long, quarterly and monthly counts as this audience may see them, one series an area and form: series_id,
                frequency, period, period_start, value, area_code, source, dataset, the columns of `QUESTION` and `SPLITS`.
    breaks, parents  as `trends.compute` takes them.
    incomplete  source, measure, frequency, period of reporting that is still coming in.

    A question is one measure at one level of areas; its newest periods are those that any of its series has, and are
    shown together: they are one family. An alarm holds for its own period and says nothing of those after it. Forms,
    sexes and ages are asked only under a total that is an alarm in the same period.
    """
    rules = parameters["alerts"]
    strata = breaks[breaks["kind"].isin(parameters["trends"]["strata_kinds"])]
    parts = []
    for key, frame in series.groupby([*QUESTION], sort=True):
        if str(key[-1]) in rules["farrington"] and frame["value"].notna().any():
            parts.append(_question(frame, str(key[-1]), strata, parents, incomplete, as_of, rules))
    if not parts:
        return pd.DataFrame()
    result = _families(pd.concat(parts, ignore_index=True), rules)
    result = round_frame(result.assign(method_version=METHOD_VERSION), parameters["rounding"]["significant_digits"])
    return result.sort_values(["series_id", "period"], ignore_index=True)


def _question(
    frame: pd.DataFrame,
    frequency: str,
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    incomplete: pd.DataFrame,
    as_of: date,
    rules: Mapping[str, Any],
) -> pd.DataFrame:
    per_year = PERIODS_A_YEAR[frequency]
    table = grid(frame, "series_id", frequency)
    keys = frame.drop_duplicates("series_id").set_index("series_id").loc[table.keys]
    counts = np.where(table.values < 0, np.nan, table.values)
    regime = regimes(table, keys, per_year, breaks, parents, minimum=1)[0]
    open_ = is_incomplete(keys, table.periods, incomplete)
    last = int(np.flatnonzero(~np.isnan(counts).all(axis=0))[-1])
    newest_end = table.starts[last] + pd.DateOffset(months=12 // per_year)
    is_old = newest_end < pd.Timestamp(as_of) - pd.DateOffset(months=rules["newest_within_months"])
    parts = []
    for now in range(max(last - rules["newest_periods"] + 1, 0), last + 1):
        judged = _period(counts, regime, open_, now, frequency, rules)
        if is_old:
            judged = _withheld(
                judged, f"the newest figures of this kind end in {table.periods[last]}: no early warning"
            )
        totals = np.nansum(counts[:, max(now - 3, 0) : now + 1], axis=1)
        parts.append(
            pd.DataFrame(judged).assign(
                series_id=table.keys.to_numpy(),
                period=table.periods[now],
                period_start=table.starts[now].date(),
                value=counts[:, now],
                newest_count=totals,
                area_code=keys["area_code"].to_numpy(object),
                question="|".join(str(keys[name].iloc[0]) for name in QUESTION),
                kind=_kinds(keys),
            )
        )
    return pd.concat(parts, ignore_index=True)


def _kinds(keys: pd.DataFrame) -> np.ndarray:
    """What a series is split by: `total`, `exploitation`, `sex+age`, …"""
    split = keys[list(SPLITS)].to_numpy(object) != "_T"
    return np.array(["+".join(np.array(SPLITS)[row]) or "total" for row in split], dtype=object)


def _period(
    counts: np.ndarray, regime: np.ndarray, incomplete: np.ndarray, now: int, frequency: str, rules: Mapping[str, Any]
) -> dict[str, Any]:
    """The verdict on one period of all series (n,), from the periods before it that are complete and of its regime."""
    from trends.exceedance import limit_tail, pooled_tail

    per_year, settings, short = PERIODS_A_YEAR[frequency], rules["farrington"][frequency], rules["ears"]
    n, value = len(counts), counts[:, now]
    comparable = (regime == regime[:, [now]]) & ~incomplete
    comparable[:, now] = True
    reach = per_year * settings["years_back"] + settings["half_width"]
    window = np.full((n, reach + 1), np.nan)
    seen = np.where(comparable, counts, np.nan)[:, max(now - reach, 0) : now + 1]
    window[:, reach + 1 - seen.shape[1] :] = seen

    past = window[:, : reach - settings["past_excluded"]]
    shares = (~np.isnan(past)).mean(axis=1)
    near = window[:, reach - short["lag"] - short["baseline"] + 1 : reach - short["lag"] + 1]
    is_long = shares >= rules["minimum_baseline_share"]
    is_short = ~is_long & ~np.isnan(near).any(axis=1)
    out = {name: np.full(n, np.nan) for name in ("expected_count", "limit_upper", "score", "p")}
    method = np.where(is_short, EARS, FARRINGTON).astype(object)
    blocked = np.isnan(value) | incomplete[:, now] | np.isnan(regime[:, now])
    for name, chosen, base in ((FARRINGTON, is_long & ~blocked, past), (EARS, is_short & ~blocked, near)):
        rows = np.flatnonzero(chosen)
        if not len(rows):
            continue
        expected, upper, score = _limits(name, window[rows], per_year, settings, short)
        tail = (
            limit_tail(value[rows], expected, upper, rules["alpha"]) if name == FARRINGTON else _student(score, short)
        )
        p = np.fmax(tail, pooled_tail(value[rows], base[rows]))
        for column, found in zip(out, (expected, upper, score, p), strict=True):
            out[column][rows] = np.where(np.isfinite(found), found, np.nan)
    assessed = ~np.isnan(out["p"])
    eligibility = np.where(assessed, "assessed", "not_assessed").astype(object)
    needed, known = past.shape[1], (~np.isnan(past)).sum(axis=1)
    reason = np.full(n, None, dtype=object)
    too_short = ~(assessed | blocked)
    eligibility[too_short] = "too_short"
    changed = (~comparable & ~np.isnan(counts))[:, max(now - reach, 0) : now].any(axis=1)
    for row in np.flatnonzero(too_short):
        reason[row] = f"{known[row]} of the {needed} {WHAT[frequency]} of the past that it is compared with can be used"
        reason[row] += "; a change of law or of counting lies in between" if changed[row] else ""
    reason[np.isnan(regime[:, now])] = "a change of law, code list, counting rule or area falls into this period"
    reason[incomplete[:, now]] = INCOMPLETE
    reason[np.isnan(value)] = "no figure that may be shown for this period"
    described = {
        FARRINGTON: _text({**settings, "alpha": rules["alpha"], "threshold": "delta"}),
        EARS: _text({"baseline": short["baseline"], "lag": short["lag"], "alpha": short["alpha"]}),
    }
    return {
        **out,
        "baseline_count": np.where(is_short, short["baseline"], known),
        "eligibility": eligibility,
        "eligibility_reason": reason,
        "method": method,
        "parameters": np.array([described[name] for name in method], dtype=object),
    }


def _limits(
    name: str, window: np.ndarray, per_year: int, settings: Mapping[str, Any], short: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected count, limit and score of the last period of each window."""
    from trends.alerts import ears, farrington

    if name == FARRINGTON:
        # the rule of five cases is kept for the alarm, not for the test, which must not choose its series by the newest count
        found = farrington(window, per_year, **settings, limit54=(0, 4))
    else:
        tail = window[:, -(short["baseline"] + short["lag"]) :]
        found = ears(tail, "C2", baseline=short["baseline"], alpha=short["alpha"], minimum_sigma=short["minimum_sigma"])
    return found.expected[:, -1], found.upper[:, -1], found.score[:, -1]


def _student(score: np.ndarray, short: Mapping[str, Any]) -> np.ndarray:
    """Tail of the EARS statistic when mean and standard deviation are those of a few periods."""
    from scipy.stats import t

    return t.sf(score / np.sqrt(1 + 1 / short["baseline"]), short["baseline"] - 1)


def _text(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _withheld(judged: dict[str, Any], reason: str) -> dict[str, Any]:
    """The same periods without a verdict."""
    n = len(judged["p"])
    gone = {name: np.full(n, np.nan) for name in ("expected_count", "limit_upper", "score", "p")}
    return {
        **judged,
        **gone,
        "eligibility": np.full(n, "not_assessed", object),
        "eligibility_reason": np.full(n, reason, object),
    }


def _families(rows: pd.DataFrame, rules: Mapping[str, Any]) -> pd.DataFrame:
    """q and alarm within each question: totals first, parts only under a total that is an alarm in the same period."""
    from trends.tests import false_discovery

    rows = rows.assign(family_id=rows["question"] + "|" + rows["kind"], q_bh=np.nan)
    is_total = (rows["kind"] == "total").to_numpy()
    place = (rows["question"] + "|" + rows["area_code"] + "|" + rows["period"]).to_numpy(object)
    rows = _adjusted(rows, is_total, rules)
    alarmed = set(place[is_total & rows["is_alarm"].to_numpy(bool)])
    unasked = ~is_total & (rows["eligibility"] == "assessed").to_numpy() & ~np.isin(place, list(alarmed))
    figures = ["expected_count", "limit_upper", "score", "p"]
    rows.loc[unasked, figures] = np.nan
    rows.loc[unasked, "eligibility"] = "not_assessed"
    rows.loc[unasked, "eligibility_reason"] = (
        "the total of this area is no alarm in this period, so its parts are not tested"
    )
    rows = _adjusted(rows, ~is_total, rules)
    return rows.assign(
        q_by=false_discovery(rows["p"].to_numpy(float), method="by"),
        family_count=rows.groupby("family_id")["p"].transform("count").astype(int),
    )


def _adjusted(rows: pd.DataFrame, chosen: np.ndarray, rules: Mapping[str, Any]) -> pd.DataFrame:
    """q of the chosen rows by family, and the alarms among them."""
    from trends.tests import false_discovery

    q = rows["q_bh"].to_numpy(float).copy()
    p, position = rows["p"].to_numpy(float), np.arange(len(rows))
    for _, members in rows[chosen].groupby("family_id", sort=True):
        where = position[rows.index.get_indexer(members.index)]
        q[where] = false_discovery(p[where], method="bh")
    rows = rows.assign(q_bh=q)
    enough = rows["newest_count"] >= rules["minimum_newest_count"]
    return rows.assign(
        is_alarm=(rows["q_bh"] <= rules["significance"]) & (rows["value"] > rows["limit_upper"]) & enough
    )
