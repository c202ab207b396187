"""Somebody who holds nothing but a public release and wants the counts it hides.

Written without a look at the code that hides them. What an outsider has is the tables; what he assumes is that totals
are the sums of their parts wherever the visible figures of a source say so, and that two sources which
agree wherever both are shown agree where they are not. From that he has linear equations over unknown counts that are not negative, and does
what anybody can do with them:

* `propagated` narrows the interval of every unknown, equation by equation, until nothing moves;
* `determined` finds the unknowns that have one value in every solution of all equations together.

Columns made from a hidden value (a rate, a ratio, a share) are read backwards by `from_derived_columns`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.linalg import lsqr

KEY = [
    "vintage", "source", "measure", "unit", "area_role", "reporter", "offence", "exploitation", "sex", "age",
    "counterpart_area", "counterpart_role", "detail_kind", "detail", "area_code", "period",
]  # fmt: skip
MEMBERS = ["reporter", "offence", "exploitation", "sex", "age", "counterpart_area", "detail"]
TOTAL = "_T"
AGREEMENT = 0.8  # share of checkable lines that must hold before an outsider believes in the others
CHECKABLE = 5
TOLERANCE = 1e-6


@dataclass
class Equations:
    """Sums over unknowns: each row says sum(coefficient * figure) = 0."""

    rows: list[np.ndarray] = field(default_factory=list)
    columns: list[np.ndarray] = field(default_factory=list)
    coefficients: list[np.ndarray] = field(default_factory=list)
    families: list[str] = field(default_factory=list)

    def add(self, family: str, figures: np.ndarray, coefficients: np.ndarray) -> None:
        self.rows.append(np.full(len(figures), len(self.families)))
        self.columns.append(figures)
        self.coefficients.append(coefficients.astype(float))
        self.families.append(family)

    def matrix(self, figures_count: int) -> sparse.csr_array:
        if not self.families:
            return sparse.csr_array((0, figures_count))
        parts = [np.concatenate(part) for part in (self.coefficients, self.rows, self.columns)]
        return sparse.csr_array((parts[0], (parts[1], parts[2])), shape=(len(self.families), figures_count))


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Every table of a release, decimals as floats, dates as text."""
    read = {}
    for path in sorted((folder / "tables").glob("*.parquet")):
        frame = pd.read_parquet(path)
        for column in frame:
            if frame[column].dtype == object and column not in ("has_polygon",):
                first = frame[column].dropna()
                if len(first) and not isinstance(first.iloc[0], str | bool):
                    frame[column] = (
                        frame[column].astype(str) if hasattr(first.iloc[0], "year") else frame[column].astype(float)
                    )
        read[path.stem] = frame
    return read


def figures(read: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a figure that the release has a place for, with all that its tables say about it: KEY, value, lower, upper.

    Hidden figures have value NaN. A figure that stands in several tables is one figure: what one table shows is known.
    """
    observed = read["observations"]
    observed = observed[~observed["is_overlapping"].fillna(False).astype(bool)].assign(vintage="now")
    changes = read["changes"]
    changed = changes.assign(detail=TOTAL, detail_kind="_Z", counterpart_area=TOTAL, counterpart_role="_Z")
    now = changed.assign(vintage="now")
    before = changed.assign(vintage="before", value=changed["previous_value"])
    selected = read["series"].query("derivation in ['published', 'sum_of_parts']").assign(vintage="now")
    parts = [frame.reindex(columns=[*KEY, "value", "lower", "upper"]) for frame in (observed, selected, now, before)]
    every = pd.concat([part for part in parts if len(part)], ignore_index=True)
    every[["value", "lower", "upper"]] = every[["value", "lower", "upper"]].astype(float)
    return every.groupby(KEY, sort=True, as_index=False).agg(
        value=("value", "max"), lower=("lower", "max"), upper=("upper", "min")
    )


def equations(read: dict[str, pd.DataFrame], known: pd.DataFrame) -> Equations:
    """Every relation between figures that an outsider can write down."""
    system = Equations()
    for dimension in MEMBERS:
        _sums(system, known, dimension)
    parents = read["areas"].dropna(subset=["parent_code"]).set_index("area_code")["parent_code"]
    parents = parents[~parents.index.duplicated()]
    _hierarchy(system, known, "area_code", known["area_code"].map(parents))
    _hierarchy(system, known, "period", known["period"].str[:4].where(known["period"].str.len() > 4))
    _same_figures(system, known)
    return system


def _sums(system: Equations, known: pd.DataFrame, dimension: str) -> None:
    """Members of one dimension add up to its total, all else equal."""
    if known[dimension].nunique() < 2:
        return
    rest = [
        name
        for name in KEY
        if name != dimension and not (dimension == "counterpart_area" and name == "counterpart_role")
    ]
    group = known.groupby(rest, sort=False).ngroup().to_numpy()
    _lines(system, known, dimension, group, (known[dimension] == TOTAL).to_numpy())


def _hierarchy(system: Equations, known: pd.DataFrame, dimension: str, parent: pd.Series) -> None:
    """Children add up to their parent, all else equal: areas to the area above them, quarters to their year."""
    above = parent.notna().to_numpy()
    levels = [known[above].assign(**{dimension: parent[above]}, _row=np.flatnonzero(above), _total=False)]
    levels.append(known.assign(_row=np.arange(len(known)), _total=True))
    both = pd.concat(levels, ignore_index=True)
    group = both.groupby(KEY, sort=False).ngroup().to_numpy()
    _lines(system, known, dimension, group, both["_total"].to_numpy(), both["_row"].to_numpy())


def _lines(
    system: Equations,
    known: pd.DataFrame,
    dimension: str,
    group: np.ndarray,
    is_total: np.ndarray,
    row: np.ndarray | None = None,
) -> None:
    """The lines of one kind, kept for the sources whose visible lines of that kind add up."""
    row = np.arange(len(known)) if row is None else row
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    value, source = known["value"].to_numpy(), known["source"].to_numpy()
    families: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for members in np.split(order, starts[1:]):
        totals = is_total[members]
        if totals.sum() == 1 and len(members) > 1:
            chosen = row[members]
            families.setdefault(source[chosen[0]], []).append((chosen, np.where(totals, -1.0, 1.0)))
    for name, lines in sorted(families.items()):
        gaps = np.array([np.dot(value[chosen], signs) for chosen, signs in lines])
        seen = ~np.isnan(gaps)
        if seen.sum() >= CHECKABLE and (np.abs(gaps[seen]) < TOLERANCE).mean() < AGREEMENT:
            continue
        for chosen, signs in lines:
            system.add(f"{name}: {dimension}", chosen, signs)


def _same_figures(system: Equations, known: pd.DataFrame) -> None:
    """Two sources that agree wherever both are visible count the same people."""
    rest = [name for name in KEY if name != "source"]
    numbered = known.assign(_row=np.arange(len(known)))
    pairs = numbered.merge(numbered, on=rest, suffixes=("_a", "_b"))
    pairs = pairs[pairs["source_a"] < pairs["source_b"]]
    for (first, second), both in pairs.groupby(["source_a", "source_b"], sort=True):
        seen = both.dropna(subset=["value_a", "value_b"])
        if len(seen) >= CHECKABLE and ((seen["value_a"] - seen["value_b"]).abs() < TOLERANCE).mean() >= AGREEMENT:
            for a, b in zip(both["_row_a"], both["_row_b"], strict=True):
                system.add(f"{first} = {second}", np.array([a, b]), np.array([1.0, -1.0]))


def propagated(known: pd.DataFrame, system: Equations, rounds: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(low, high) of every figure and the mask of equations that were believed, by narrowing intervals until they stand.

    An equation that cannot hold (a publisher's totals that do not add up) is dropped and the work begins again.
    """
    matrix = system.matrix(len(known)).tocoo()
    row, column, sign = matrix.row, matrix.col, matrix.data
    believed = np.ones(matrix.shape[0], dtype=bool)
    value = known["value"].to_numpy()
    start_low = np.where(np.isnan(value), np.fmax(known["lower"].fillna(0).to_numpy(), 0), value)
    start_high = np.where(np.isnan(value), known["upper"].fillna(np.inf).to_numpy(), value)
    while True:
        low, high = start_low.copy(), start_high.copy()
        for _ in range(rounds):
            use = believed[row]
            r, c, s = row[use], column[use], sign[use]
            small, large = np.where(s > 0, s * low[c], s * high[c]), np.where(s > 0, s * high[c], s * low[c])
            sums = []
            for term in (small, large):
                infinite = np.isinf(term)
                sums.append(
                    (
                        np.bincount(r, np.where(infinite, 0, term), matrix.shape[0]),
                        np.bincount(r, infinite, matrix.shape[0]),
                        infinite,
                    )
                )
            impossible = ((sums[0][1] == 0) & (sums[0][0] > TOLERANCE)) | (
                (sums[1][1] == 0) & (sums[1][0] < -TOLERANCE)
            )
            if (impossible & believed).any():
                believed &= ~impossible
                break
            # the others' smallest sum bounds this one from above, and the other way round
            finite = [
                (total[r] - np.where(infinite, 0, term), count[r] - infinite)
                for (total, count, infinite), term in zip(sums, (small, large), strict=True)
            ]
            above = np.where(finite[0][1] == 0, -finite[0][0], np.inf)
            below = np.where(finite[1][1] == 0, -finite[1][0], -np.inf)
            new_high = np.where(s > 0, above / s, below / s)
            new_low = np.where(s > 0, below / s, above / s)
            before = low.sum() + high[np.isfinite(high)].sum(), np.isfinite(high).sum()
            np.maximum.at(low, c, new_low)
            np.minimum.at(high, c, new_high)
            if before == (low.sum() + high[np.isfinite(high)].sum(), np.isfinite(high).sum()):
                return low, high, believed
        else:
            return low, high, believed


def determined(known: pd.DataFrame, system: Equations, believed: np.ndarray, seed: int = 11) -> np.ndarray:
    """Values of the hidden figures that are the same in every solution of all equations; NaN for all others.

    A random direction is projected onto the solutions of the homogeneous equations; a figure that no direction moves is
    determined. Nothing here uses that counts are not negative: `propagated` does.
    """
    matrix = system.matrix(len(known)).tocsr()[believed]
    value = known["value"].to_numpy()
    hidden = np.isnan(value)
    unknowns, right = matrix[:, hidden], -matrix[:, ~hidden] @ value[~hidden]
    filled = np.diff(unknowns.indptr) > 0
    unknowns, right = unknowns[filled], right[filled]
    solve = {"atol": 1e-13, "btol": 1e-13, "iter_lim": 4000}
    moved = np.zeros(hidden.sum())
    for direction in np.random.default_rng(seed).normal(size=(2, int(hidden.sum()))):
        moved = np.maximum(moved, np.abs(direction - lsqr(unknowns, unknowns @ direction, **solve)[0]))
    touched = np.bincount(unknowns.indices, minlength=unknowns.shape[1]) > 0
    solution = lsqr(unknowns, right, **solve)[0]
    found = np.full(len(known), np.nan)
    found[np.flatnonzero(hidden)[touched & (moved < 1e-5)]] = solution[touched & (moved < 1e-5)]
    return found


def from_derived_columns(read: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows whose count is hidden while a column made from it is not: table, column, and the count read from it."""
    found = []
    for name in ("observations", "series", "hotspots", "corridors"):
        table = read[name]
        hidden = table[table["value"].isna()]
        if "derivation" in hidden:
            hidden = hidden[hidden["derivation"] != "chain_linked"]  # an index has no count of its own
        for column, value in _readings(hidden):
            shown = value.notna() & (value > 0)
            found.append(hidden[shown].assign(table=name, column=column, reading=value[shown]))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["table", "column", "reading"])


def _readings(hidden: pd.DataFrame):
    population = hidden.get("population_count")
    if population is not None:
        for column in ("rate_per_100k", "rate_lower_per_100k", "rate_upper_per_100k"):
            if column in hidden:
                yield column, hidden[column] * population / 100_000
    elif "rate_per_100k" in hidden:
        yield "rate_per_100k", hidden["rate_per_100k"]
    if {"ratio", "expected_count"} <= set(hidden):
        yield "ratio", hidden["ratio"] * hidden["expected_count"]
    if {"residual", "expected_count"} <= set(hidden):
        yield "residual", hidden["residual"].abs()
    for column in ("share", "location_quotient", "index_value"):
        if column in hidden:
            yield column, hidden[column]


def truth_of(known: pd.DataFrame, restricted: pd.DataFrame) -> np.ndarray:
    """The true value of each figure (NaN where the publisher gave none), from the figures of a release that hides nothing."""
    right = restricted.set_index(KEY)["value"]
    return right.reindex(pd.MultiIndex.from_frame(known[KEY])).to_numpy()
