"""What maps show: views (one level, one measure, one source or each area by its own) over periods.

A view holds, a period and an area: figure, rate with interval, one letter for the assessment, one letter for the
comparability of the definition, q value and, where nothing is assessed, the reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reports.charts import palette
from reports.tables import Published, parts_of
from reports.wording import cells
from reports.wording.words import measure_rank, name_order, number, period_frequency

QUESTION = ["area_set", "area_level", "measure", "exploitation", "frequency"]
SPATIAL, FUNNEL = "getis_ord_star", "funnel"
STATE_LETTERS = {"hot": "h", "cold": "c", "not_significant": "n", "above": "a", "below": "b", "within": "w"}
ASSESSED = list(STATE_LETTERS.values())
# an area smaller than this share of the map's width is drawn as a disc of that size, or nobody would find it
SMALLEST_SHARE = 0.0045


@dataclass(frozen=True)
class View:
    """One map over time. Arrays are (periods, areas); `states`, `reasons`, `q`, `expected`, `families` by method.

    `quadrants` says how an area stands among its neighbours (local Moran), `certainty` what holds on maps with figures
    known only between two bounds; both '' where nothing is to be said.
    `bounds` holds, by (period, area), the row of tables/observations of a figure that is known only between two bounds.
    `rows` is the row of tables/hotspots that a number of the grids is from, by method; -1 where there is none.
    `sources` holds one source an area: a view of several sources shows each area by the source chosen for it.
    """

    key: dict[str, str]
    layer: str | None
    codes: list[str]
    names: list[str]
    sources: list[str]
    periods: list[str]
    value: np.ndarray
    rate: np.ndarray
    rate_lower: np.ndarray
    rate_upper: np.ndarray
    comparability: np.ndarray
    states: dict[str, np.ndarray]
    reasons: dict[str, np.ndarray]
    q: dict[str, np.ndarray]
    rows: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    families: dict[str, np.ndarray]
    limits: dict[str, np.ndarray]
    regions: np.ndarray
    bounds: dict[tuple[int, int], dict[str, Any]]
    quadrants: np.ndarray
    certainty: np.ndarray
    emerging: np.ndarray
    issued_on: str

    @property
    def methods(self) -> list[str]:
        return [method for method in (SPATIAL, FUNNEL) if method in self.states]

    @property
    def is_of_several_sources(self) -> bool:
        return not self.key["source"]

    def summary_key(self, period: int) -> dict[str, str]:
        """Where the table `summary` counts the areas of this map in a period."""
        names = ("measure", "exploitation", "area_level")
        key = {name: self.key[name] for name in names} | {"period": self.periods[period]}
        return key if self.is_of_several_sources else key | {name: self.key[name] for name in ("source", "dataset")}

    def names_of(self, method: str, period: int, assessment: str) -> list[str]:
        """Names of the areas with an assessment, in the order of names."""
        letter = STATE_LETTERS[assessment]
        return [name for name, held in zip(self.names, self.states[method][period], strict=True) if held == letter]

    def assessed_count(self, method: str, period: int = -1) -> int:
        """How much a method says here: which map stands first hangs on it, and no page tells it."""
        return int(np.count_nonzero(np.isin(self.states[method][period], ASSESSED)))

    @cached_property
    def main_method(self) -> str:
        """The method that judged most areas in the last period; on a tie the spatial one."""
        period = self.latest()
        return max(self.methods, key=lambda method: (self.assessed_count(method, period), method == SPATIAL))

    def cell(self, column: str, period: int, position: int, text: str) -> str:
        """The text of a number of the grids, marked with the cell of tables/hotspots that it is from."""
        row = self.rows[self.main_method][period, position]
        if row < 0:
            row = max(int(rows[period, position]) for rows in self.rows.values())
        return cells.mark(f"hotspots.{row}.{column}", text)

    def basis(self, period: int, position: int) -> str:
        """` a year` behind a rate whose count is that of a quarter or a month."""
        return " a year" if self.key["frequency"] != "A" and math.isfinite(self.rate[period][position]) else ""

    def interval(self, period: int, position: int) -> str:
        """The interval of a rate, `1.2 to 3.4`, or a dash."""
        low, high = self.rate_lower[period][position], self.rate_upper[period][position]
        if not (math.isfinite(low) and math.isfinite(high)):
            return "–"
        written = self.cell("rate_lower_per_100k", period, position, number(low))
        return f"{written} to {self.cell('rate_upper_per_100k', period, position, number(high))}"

    def latest(self) -> int:
        """Position of the last period in which anything was assessed, else the last with a figure."""
        return self._latest

    @cached_property
    def _latest(self) -> int:
        judged = np.zeros(len(self.periods), dtype=bool)
        for method in self.methods:
            judged |= np.isin(self.states[method], ASSESSED).any(axis=1)
        for known in (judged, np.isfinite(self.value).any(axis=1)):
            if known.any():
                return int(np.flatnonzero(known)[-1])
        return len(self.periods) - 1


def views(published: Published) -> list[View]:
    """All views of the hotspots table, main measures and all forms together first.

    Where several sources each cover some of the areas, one view shows every area by the source that was chosen for
    it; a source keeps a view of its own only if it says something that this view does not show.
    """
    table = published.table("hotspots")
    if table.empty:
        return []
    # yearly and quarterly figures are maps of their own: 2023 and 2023-Q1 do not belong in one row of periods
    table = table.assign(frequency=table["period"].map(period_frequency))
    missing = _gaps(published)
    made = []
    for key, group in parts_of(table, QUESTION):
        question = dict(zip(QUESTION, key, strict=True))
        chosen = group[group["is_leading"]] if "is_leading" in group else group.iloc[:0]
        together = len(set(chosen["source"])) > 1
        if together:
            made.append(_view(published, {**question, "source": "", "dataset": ""}, chosen, missing))
        for (source, dataset), own in parts_of(group, ["source", "dataset"]):
            if not (together and own["is_leading"].all()):
                made.append(_view(published, {**question, "source": source, "dataset": dataset}, own, missing))
    return sorted(made, key=_order)


def _order(view: View) -> tuple:
    measure, period = view.key["measure"], view.latest()
    assessed = {method: view.assessed_count(method, period) for method in view.methods}
    return (
        view.layer is None,
        not any(assessed.values()),
        view.key["exploitation"] != "_T",
        measure_rank(measure),
        not assessed.get(SPATIAL),
        view.key["frequency"] != "A",
        -max(assessed.values()),
        *(view.key[name] for name in ("exploitation", "area_level", "area_set", "source", "dataset")),
    )


def _view(published: Published, key: dict[str, str], group: pd.DataFrame, missing: dict[tuple, Gap]) -> View:
    names = dict(zip(group["area_code"], group["area_name"], strict=True))
    codes = sorted(names, key=lambda code: (name_order(names[code]), code))
    periods = sorted(set(group["period"]))
    column, row = {code: i for i, code in enumerate(codes)}, {period: i for i, period in enumerate(periods)}
    shape = (len(periods), len(codes))
    numbers = {
        name: np.full(shape, np.nan)
        for name in ("value", "rate_per_100k", "rate_lower_per_100k", "rate_upper_per_100k")
    }
    comparability = np.full(shape, "", dtype=object)
    regions = np.full(shape, -1)
    told = {name: np.full(shape, "", dtype=object) for name in ("moran_quadrant", "certainty")}
    states, reasons, q, expected, families, limits, bounds = {}, {}, {}, {}, {}, {}, {}
    rows: dict[str, np.ndarray] = {}
    for (method,), part in parts_of(group, ["method"]):
        at = (part["period"].map(row).to_numpy(), part["area_code"].map(column).to_numpy())
        for name, array in numbers.items():
            if name in part:
                array[at] = part[name]
        if "comparability" in part:
            comparability[at] = part["comparability"]
        letters, between = _letters(part, missing)
        bounds.update({(int(at[0][index]), int(at[1][index])): found for index, found in between.items()})
        states[method] = np.full(shape, "m", dtype=object)
        states[method][at] = letters
        reasons[method] = np.full(shape, "", dtype=object)
        reasons[method][at] = part["eligibility_reason"].to_numpy(dtype=object)
        q[method] = _grid(shape, at, part["q_bh"])
        rows[method] = np.full(shape, -1)
        rows[method][at] = part["at"].str.removeprefix("hotspots.").astype(int)
        expected[method] = _grid(shape, at, part["expected_count"])
        families[method] = _grid(shape, at, part["family_count"])
        if method == SPATIAL:
            for name in told:
                if name in part:
                    told[name][at] = part[name]
        if method == FUNNEL:
            limits = _limits(shape, at, part)
            # areas of one family share their limits: the lines of a funnel run within it
            regions[at] = pd.factorize(part["family_id"], sort=True)[0]
    emerging = np.full(len(codes), "", dtype=object)
    if "emerging_category" in group:
        last = group[group["emerging_category"] != ""].sort_values("period", kind="stable")
        last = last.drop_duplicates("area_code", keep="last")
        emerging[last["area_code"].map(column).to_numpy(dtype=int)] = last["emerging_category"]
    sources = dict(zip(group["area_code"], group["source"], strict=True))
    return View(
        key, _layer_of(published, set(codes)), codes, [names[code] for code in codes],
        [sources[code] for code in codes], periods, numbers["value"], numbers["rate_per_100k"],
        numbers["rate_lower_per_100k"], numbers["rate_upper_per_100k"], comparability, states, reasons, q, rows,
        expected, families, limits, regions, bounds, told["moran_quadrant"], told["certainty"], emerging,
        max(group["issued_on"], default="") if "issued_on" in group else "",
    )  # fmt: skip


def _letters(part: pd.DataFrame, missing: dict[tuple, Gap]) -> tuple[np.ndarray, dict[int, dict[str, Any]]]:
    """The assessment of each row as a letter of palette.STATES; and the bounds of figures without an exact value."""
    letters = part["assessment"].map(STATE_LETTERS).fillna("x").to_numpy(dtype=object, copy=True)
    letters[(part["eligibility"] != "assessed").to_numpy()] = "x"
    keys = part[["area_code", "period", "measure", "exploitation", "source", "dataset"]].to_numpy(dtype=object)
    bounds = {}
    for index in np.flatnonzero(part["value"].isna().to_numpy()).tolist():
        gap = missing.get(tuple(keys[index]), NOT_THERE)
        if gap.reason.startswith("suppressed"):
            letters[index] = "s"
        elif gap.reason:
            letters[index] = "m"
        if gap.upper > gap.lower:
            bounds[index] = gap._asdict()
    return letters, bounds


def _grid(shape: tuple[int, int], at: tuple[np.ndarray, np.ndarray], column: pd.Series) -> np.ndarray:
    grid = np.full(shape, np.nan)
    grid[at] = column
    return grid


def _limits(shape: tuple[int, int], at: tuple[np.ndarray, np.ndarray], part: pd.DataFrame) -> dict[str, np.ndarray]:
    """Funnel limits as ratios to the expected count; limits given as counts enclose the expected count instead of 1."""
    names = ("limit_lower_95", "limit_upper_95", "limit_lower_998", "limit_upper_998")
    known = part[part["limit_lower_95"].notna() & part["expected_count"].gt(0)]
    as_ratios = bool(((known["limit_lower_95"] <= 1) & (known["limit_upper_95"] >= 1)).all())
    scale = 1.0 if as_ratios else part["expected_count"]
    return {name: _grid(shape, at, part[name] / scale) for name in names}


class Gap(NamedTuple):
    """Why a cell has no exact figure ('' where only bounds are known), its bounds (NaN without) and where it stands."""

    reason: str
    lower: float
    upper: float
    at: str


NOT_THERE = Gap("not_reported", math.nan, math.nan, "")


def _gaps(published: Published) -> dict[tuple, Gap]:
    """Cells without an exact figure among those that maps show (totals of sex, age and the rest)."""
    table = published.table("observations")
    keys = ["area_code", "period", "measure", "exploitation", "source", "dataset"]
    if not {*keys, "value", "lower", "upper", "missing_reason"} <= set(table.columns):
        return {}
    gone = table[table["value"].isna()]
    for dimension in ("sex", "age", "counterpart_area", "detail", "offence"):
        if dimension in gone:
            gone = gone[gone[dimension].isin(["_T", "_Z", ""])]
    gaps = map(Gap, gone["missing_reason"], gone["lower"], gone["upper"], gone["at"])
    return dict(zip(zip(*(gone[name] for name in keys), strict=True), gaps, strict=True))


def _layer_of(published: Published, codes: set[str]) -> str | None:
    """The layer that draws most of these areas; None when no layer draws a third of them."""
    shares = {
        name: len(codes & {area["area_code"] for area in layer["areas"]}) / max(len(codes), 1)
        for name, layer in published.layers.items()
    }
    best = max(sorted(shares), key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= 1 / 3 else None


def rate_classes(view: View, count: int = 5) -> list[float]:
    """Inner class limits of the rate map: fifths of all rates of the view over time, rounded to two digits.

    One set for every period, so that colours can be compared when the period changes.
    """
    rates = view.rate[np.isfinite(view.rate)]
    if len(rates) < count or np.ptp(rates) == 0:
        return []
    limits = np.quantile(rates, np.linspace(0, 1, count + 1)[1:-1])
    return sorted({_two_digits(limit) for limit in limits if limit > 0})


def rate_class(rate: float, limits: list[float]) -> int:
    """Class of a rate in a ramp of five colours (spread out when there are fewer classes)."""
    position = int(np.searchsorted(limits, rate, side="right"))
    return round(position / max(len(limits), 1) * (len(palette.RAMP) - 1)) if limits else 2


def drawable(layer: dict[str, Any]) -> dict[str, Any]:
    """The layer with very small areas replaced by a disc around their middle (the caption says so)."""
    x0, y0, x1, y1 = layer["bounds"]
    radius = max(x1 - x0, y1 - y0) * SMALLEST_SHARE
    areas = []
    for area in layer["areas"]:
        points = np.array([point for ring in area["rings"] for point in ring]) if area["rings"] else np.zeros((0, 2))
        if len(points) and np.hypot(*np.ptp(points, axis=0)) < 2 * radius:
            middle = (points.min(axis=0) + points.max(axis=0)) / 2
            turn = np.linspace(0, -2 * np.pi, 13)
            disc = middle + radius * np.column_stack([np.cos(turn), np.sin(turn)])
            disc[-1] = disc[0]
            area = {**area, "rings": [np.round(disc, 2).tolist()], "is_disc": True}
        areas.append(area)
    return {**layer, "areas": areas}


def shown_layer(layer: dict[str, Any], codes: set[str]) -> dict[str, Any]:
    """The layer as a still map shows it: cut to the areas with figures, without discs of areas that have none."""
    made = drawable(layer)
    areas = [area for area in made["areas"] if area["area_code"] in codes or not area.get("is_disc")]
    points = [point for area in areas if area["area_code"] in codes for ring in area["rings"] for point in ring]
    if not points:
        return {**made, "areas": areas}
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    room = float(np.max(high - low)) * 0.03
    return {**made, "areas": areas, "bounds": [*(low - room).tolist(), *(high + room).tolist()]}


def outlines(published: Published, layer_name: str) -> list[list[list[float]]]:
    """Rings of the level above (countries around districts), when a layer on the same plane holds it; else nothing."""
    layer = published.layers[layer_name]
    areas = published.table("areas")
    if not {"area_code", "parent_code"} <= set(areas.columns):
        return []
    parents = dict(zip(areas["area_code"], areas["parent_code"], strict=True))
    wanted = {parents.get(area["area_code"], "") for area in layer["areas"]} - {""}
    for name in sorted(published.layers):
        other = published.layers[name]
        held = {area["area_code"]: area for area in other["areas"]}
        if name != layer_name and other.get("crs") == layer.get("crs") and 1 < len(wanted) <= len(wanted & set(held)):
            return [ring for code in sorted(wanted) for ring in held[code]["rings"]]
    return []


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")
