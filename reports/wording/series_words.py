"""What the methods found on one series, in words: its own numbers, breaks and new levels. The verdict is another table's."""

from __future__ import annotations

import math
from typing import Any

from reports.wording import cells
from reports.wording.words import Words, day, joined, period_label


def verdict(trend: dict[str, Any] | None, words: Words) -> str:
    """The direction that the table of trends tells, or why it tells none."""
    if trend is None:
        return "not assessed"
    if trend["eligibility"] != "assessed":
        return words.reason(trend["eligibility"], trend["eligibility_reason"])
    return words.label("direction", trend["direction"]) or "no clear change"


def sentence(trend: dict[str, Any] | None, words: Words) -> str:
    """The test of one series in numbers: how fast, over which span, and how sure."""
    if trend is None:
        return "No trend was calculated for this series."
    if trend["eligibility"] != "assessed":
        text = words.reason(trend["eligibility"], trend["eligibility_reason"])
        return f"{text[:1].upper()}{text[1:]}."
    span = f"{period_label(trend['first_period'])} to {period_label(trend['last_period'])}"
    detail = "; ".join(part for part in (yearly_change(trend), q(trend, "q_bh")) if part and part != "–")
    return f"Tested {span}: {detail}." if detail else f"Tested {span}."


def q(trend: dict[str, Any], column: str) -> str:
    """`q = 0.034` or `q < 0.001`."""
    if not _known(trend[column]):
        return ""
    text = cells.probability(trend, column)
    return f"q {text}" if "<" in text else f"q = {text}"


def yearly_change(trend: dict[str, Any] | None) -> str:
    """The change from one year to the next with its interval, in per cent."""
    if trend is None or trend["eligibility"] != "assessed" or not _known(trend["trend_ratio_per_year"]):
        return "–"
    text = f"{cells.change(trend, 'trend_ratio_per_year')} a year"
    if not _known(trend["trend_ratio_lower"]):
        return text
    return f"{text} (95 % interval {cells.change(trend, 'trend_ratio_lower')} to {cells.change(trend, 'trend_ratio_upper')})"


def step_sentence(trend: dict[str, Any] | None) -> str:
    """What a known step did to the level, with its interval; empty when the series has none."""
    if trend is None or not trend.get("step_on") or not _known(trend["step_ratio"]):
        return ""
    bounds = ""
    if _known(trend["step_ratio_lower"]):
        bounds = f" (95 % interval {cells.interval(trend, 'step_ratio_lower', 'step_ratio_upper', 2)})"
    return (
        f"The change on {day(trend['step_on'])} is a break, not a trend: the level after it is "
        f"{cells.number(trend, 'step_ratio', 2)} times the level before{bounds}."
    )


def unexplained_changes(trend: dict[str, Any] | None) -> list[str]:
    """First periods of new levels that no known break explains."""
    if trend is None:
        return []
    explained = _listed(trend.get("change_points_explained"))
    return [period for period in _listed(trend.get("change_points")) if period not in explained]


def change_sentence(trend: dict[str, Any] | None) -> str:
    """Changes of the level that nobody told of, and the newest rate of change where the rate itself changed; '' without."""
    if trend is None:
        return ""
    said = []
    changes = unexplained_changes(trend)
    if changes:
        places = joined([period_label(period) for period in changes])
        text = f"The level changes in {places}; no known break explains it ({q(trend, 'change_points_q_bh')})."
        if _known(trend["change_point_ratio"]):
            text += f" Since {period_label(changes[-1])} it is {cells.number(trend, 'change_point_ratio', 2)} times the level before."
        said.append(text)
    bends = _listed(trend.get("joinpoints"))
    if bends and _known(trend["apc_last"]):
        text = f"The course bends: since {period_label(bends[-1])} {cells.signed(trend, 'apc_last', 1)} % a year"
        if _known(trend["apc_last_low"]):
            text += f" (95 % interval {cells.interval(trend, 'apc_last_low', 'apc_last_high', 1, sign=True)})"
        said.append(f"{text}.")
    return " ".join(said)


def _listed(text: Any) -> list[str]:
    return [part for part in str(text).split(", ") if part] if isinstance(text, str) else []


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
