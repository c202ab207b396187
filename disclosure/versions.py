"""What went out earlier, as distinct versions of cells: one row a cell, its value and state, and the releases it stood in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disclosure.lines import group_ids

FIRST, LAST = "first_release", "last_release"
ERASED = "erased"

Released = Sequence[pd.DataFrame] | pd.DataFrame | None


@dataclass(frozen=True)
class Versions:
    """All versions of all cells, by cell and release: earlier ones first, then the one about to go out.

    cells: one row a cell, the dimensions. Per version: cell (its row there), value (NaN: held by nobody here), hidden
    (from readers), first and last release (ordinals, oldest 1), threshold, row (of the table about to go out, else -1).
    """

    cells: pd.DataFrame
    cell: np.ndarray
    value: np.ndarray
    hidden: np.ndarray
    first: np.ndarray
    last: np.ndarray
    threshold: np.ndarray
    row: np.ndarray


def hidden_rows(table: pd.DataFrame) -> np.ndarray:
    """Which rows a protected table hides: any non-empty code (or True) in `suppressed`; no such column: none."""
    if "suppressed" not in table:
        return np.zeros(len(table), dtype=bool)
    marks = table["suppressed"]
    if marks.dtype == bool:
        return marks.to_numpy()
    return (marks.notna() & (marks.astype(str) != "")).to_numpy()


def _erased_rows(table: pd.DataFrame) -> np.ndarray:
    """Rows of an earlier release that readers saw and whose value is held no more."""
    if "suppressed" not in table:
        return np.zeros(len(table), dtype=bool)
    return (table["suppressed"].astype(str) == ERASED).to_numpy()


def row_thresholds(table: pd.DataFrame, threshold: float | str) -> np.ndarray:
    """(rows,) threshold of each row: one number for all, or a column. Raises ValueError where one is not above 0."""
    if isinstance(threshold, str):
        if threshold not in table:
            raise ValueError(f"threshold: the table has no column {threshold!r}; it has {list(table.columns)}")
        numbers = pd.to_numeric(table[threshold]).to_numpy(dtype=float, na_value=np.nan)
        if not (numbers > 0).all():
            raise ValueError(f"thresholds in {threshold!r} must be numbers above 0 in every row")
        return numbers
    if not threshold > 0:
        raise ValueError(f"threshold must be above 0, not {threshold!r}")
    return np.full(len(table), float(threshold))


def all_versions(
    table: pd.DataFrame,
    dims: list[str],
    value: str,
    threshold: float | str,
    released: Released,
    hidden_now: np.ndarray | None,
) -> Versions:
    """Join a table with what went out earlier: `released` is a sequence of protected tables, oldest first, or one frame
    of distinct versions with `first_release` and `last_release`.

    A hidden value that nobody holds is taken to be the cell's next known one, else its last. A version that repeats in
    releases one after the other is one. A cell without a threshold of its own keeps that of the table, or the largest
    there is. Raises ValueError for missing columns, negative values, repeated cells and releases that run backwards.
    """
    earlier, spans, count = _earlier(released)
    frames = [*earlier, table]
    names = [*(f"released[{i}]" for i in range(len(earlier))), "table"]
    if isinstance(released, pd.DataFrame):
        names[0] = "released"
    hidden = [hidden_rows(frame) for frame in earlier]
    hidden.append(np.zeros(len(table), dtype=bool) if hidden_now is None else hidden_now)
    is_frame_of_versions = isinstance(released, pd.DataFrame)
    values = [
        _checked_values(frame, dims, value, name, is_frame_of_versions and name == "released")
        for frame, name in zip(frames, names, strict=True)
    ]
    rows = [np.flatnonzero(~np.isnan(x) | h) for x, h in zip(values, hidden, strict=True)]
    all_cells = pd.concat([f[dims].iloc[r] for f, r in zip(frames, rows, strict=True)], ignore_index=True)
    cell = group_ids([pd.factorize(all_cells[dim], use_na_sentinel=False)[0] for dim in dims], len(all_cells))
    seen, first_row = np.unique(cell, return_index=True)
    cells = all_cells.iloc[first_row].reset_index(drop=True)
    cell = np.searchsorted(seen, cell)

    spans = [*spans, (np.full(len(table), count + 1), np.full(len(table), count + 1))]
    first = np.concatenate([span[0][r] for span, r in zip(spans, rows, strict=True)])
    last = np.concatenate([span[1][r] for span, r in zip(spans, rows, strict=True)])
    x = np.concatenate([v[r] for v, r in zip(values, rows, strict=True)])
    is_hidden = np.concatenate([h[r] for h, r in zip(hidden, rows, strict=True)])
    erased = np.concatenate(
        [*(_erased_rows(f)[r] for f, r in zip(earlier, rows[:-1], strict=True)), np.zeros(len(rows[-1]), dtype=bool)]
    )
    row = np.concatenate([*(np.full(len(r), -1) for r in rows[:-1]), rows[-1]])
    limits = _limits(frames, rows, threshold, cell, len(cells))

    order = np.lexsort((first, cell))
    cell, first, last, x = cell[order], first[order], last[order], x[order]
    is_hidden, erased, row, limits = is_hidden[order], erased[order], row[order], limits[order]
    if ((cell[1:] == cell[:-1]) & (first[1:] <= last[:-1])).any():
        example = cells.iloc[cell[1:][(cell[1:] == cell[:-1]) & (first[1:] <= last[:-1])][0]].to_dict()
        raise ValueError(f"released: two versions of a cell stand in one release, for example {example}")
    known = pd.Series(x).groupby(cell).bfill().to_numpy()
    hidden_earlier = pd.Series(np.where(is_hidden, known, np.nan)).groupby(cell).ffill().to_numpy()
    known = np.where(np.isnan(known), hidden_earlier, known)
    # an erased figure was read: whoever reads knows it, though it is known here no more
    is_hidden &= ~erased
    same = np.zeros(len(cell), dtype=bool)
    same[1:] = (
        (cell[1:] == cell[:-1])
        & ((known[1:] == known[:-1]) | (np.isnan(known[1:]) & np.isnan(known[:-1])))
        & (is_hidden[1:] == is_hidden[:-1])
        & (limits[1:] == limits[:-1])
        & (row[1:] < 0)
        & (first[1:] == last[:-1] + 1)
    )
    keep = np.flatnonzero(~same)
    ends = np.append(keep[1:], len(cell))[: len(keep)] - 1
    return Versions(cells, cell[keep], known[keep], is_hidden[keep], first[keep], last[ends], limits[keep], row[keep])


def _earlier(released: Released) -> tuple[list[pd.DataFrame], list[tuple[np.ndarray, np.ndarray]], int]:
    """(frames, first and last release of their rows, number of releases)."""
    if released is None:
        return [], [], 0
    if not isinstance(released, pd.DataFrame):
        frames = list(released)
        spans = [(np.full(len(f), i), np.full(len(f), i)) for i, f in enumerate(frames, start=1)]
        return frames, spans, len(frames)
    missing = [column for column in (FIRST, LAST) if column not in released]
    if missing:
        raise ValueError(
            f"released: a frame of versions needs {', '.join(map(repr, missing))}; it has {list(released.columns)}"
        )
    first, last = (pd.to_numeric(released[name]).to_numpy(dtype=float, na_value=np.nan) for name in (FIRST, LAST))
    if not ((first >= 1) & (first <= last) & (first % 1 == 0) & (last % 1 == 0)).all():
        raise ValueError(f"released: {FIRST} and {LAST} must be whole numbers, 1 <= first <= last")
    spans = (first.astype(np.int64), last.astype(np.int64))
    return [released], [spans], int(spans[1].max(initial=0))


def _limits(
    frames: list[pd.DataFrame], rows: list[np.ndarray], threshold: float | str, cell: np.ndarray, count: int
) -> np.ndarray:
    """The threshold of each version."""
    if not isinstance(threshold, str):
        row_thresholds(frames[-1], threshold)
        return np.full(len(cell), float(threshold))
    own = row_thresholds(frames[-1], threshold)[rows[-1]]
    now = np.full(count, np.nan)
    now[cell[len(cell) - len(own) :]] = own
    parts = []
    place = 0
    for frame, r in zip(frames, rows, strict=True):
        here = cell[place : place + len(r)]
        place += len(r)
        if threshold in frame:
            parts.append(row_thresholds(frame, threshold)[r])
        else:
            parts.append(now[here])
    limits = np.concatenate(parts)
    largest = np.nanmax(limits) if len(limits) and not np.isnan(limits).all() else 1.0
    return np.where(np.isnan(limits), largest, limits)


def _checked_values(frame: pd.DataFrame, dims: list[str], value: str, name: str, many: bool) -> np.ndarray:
    """The values of a frame; many: a cell may have several rows."""
    missing = [column for column in [*dims, value] if column not in frame]
    if missing:
        raise ValueError(f"{name} has no column {', '.join(map(repr, missing))}; it has {list(frame.columns)}")
    values = pd.to_numeric(frame[value]).to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(values[~np.isnan(values)]).all() or (values < 0).any():
        raise ValueError(f"{name}: {value!r} must hold counts >= 0 or nothing; it has negative or infinite values")
    repeated = frame.duplicated(dims)
    if not many and repeated.any():
        example = frame.loc[repeated, dims].iloc[0].to_dict()
        raise ValueError(
            f"{name}: {int(repeated.sum())} rows repeat a cell, for example {example}; sum or choose first"
        )
    return values
