"""One build's cells through protection: what this audience may see of each, and what is kept of it for later releases.

Two tables go out with a release: the figures, and in the table of changes the figures before their last revision. They
are protected one after the other, each against all that is out by then, as if the second were a release of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from orchestration.defs.protection.lines import (
    DIMENSIONS,
    Declarations,
    Tree,
    blocks,
    coded,
    hierarchies,
    lines_between,
)
from orchestration.defs.protection.stand_ins import (
    figures,
    stand_ins,
    with_earlier_stand_ins,
    with_fitting_stand_ins,
)
from submissions.store.publications import PROTECTED_AUDIENCES
from submissions.store.published_cells import ALWAYS, CELL, ERASED, HIDDEN, SHOWN, VERSION

if TYPE_CHECKING:
    from disclosure.found import Relation

DIMS = list(DIMENSIONS)
CURRENT, PREVIOUS = "current", "previous"
RELEASES = ("first_release", "last_release")


@dataclass(frozen=True)
class Earlier:
    """What is out already: `versions` of earlier releases (`published_cells.earlier`), and what was withdrawn since.

    withdrawn: source, issued_on (of the submission), position (of the withdrawal or erasure in the ledger).
    built_at: ordinal of an earlier release -> ledger position that it was built at. as_of: the date of the build, if it has
    one: nothing that was issued later stands in it.
    """

    versions: pd.DataFrame
    withdrawn: pd.DataFrame
    built_at: Mapping[int, int]
    as_of: date | None = None


@dataclass(frozen=True)
class Decided:
    """What protection decided.

    cells: cell_id, value, lower, upper, is_suppressed, is_held_back, issued_on of every cell this audience may know of.
    is_safe: the word of the audit, which tries to undo the protection. versions: what later releases need of this one.
    losses: shares of cells and persons hidden, and how many lines hold that no declaration names.
    """

    cells: pd.DataFrame
    is_safe: bool
    versions: pd.DataFrame
    losses: dict[str, Any] = field(default_factory=dict)


def thresholds(cells: pd.DataFrame, least: int) -> pd.Series:
    """The least count that may be shown of each cell: the larger of the parameter and the partner's own minimum.

    A figure that stands as its publisher already shows it is free of the partner's minimum, never of the parameter.
    """
    own = cells["minimum_cell"].fillna(0).clip(lower=least).astype(float)
    published_from = cells["already_public_minimum_cell"].astype(float)
    is_as_shown = (cells["derivation"] == "published") & (cells["labels_count"] == 1)
    is_as_shown &= published_from.notna() & (cells["value"].astype(float) >= published_from)
    return own.where(~is_as_shown, published_from.clip(lower=least)).astype(float)


def protected_cells(
    cells: pd.DataFrame,
    pairs: pd.DataFrame,
    audience: str,
    declarations: Declarations,
    parameters: Mapping[str, Any],
    earlier: Earlier | None = None,
) -> Decided:
    """Every cell as one audience may see it.

    cells    fct_cells and fct_cells_previous with `vintage`: all their columns.
    pairs    cell_id (or none), previous_cell_id of the figures that the table of changes shows.
    earlier  what is out already; None: nothing.

    Restricted: unchanged. Public: datasets whose contract opens them no further than `restricted` are left out whole. A
    count that the publisher gave as an interval (`<5`) is a small count like any other. A figure whose change since an
    earlier release would tell a small number of persons shows the older figure, or none where that was withdrawn; one
    whose change since the previous vintage would, shows no previous figure.
    """
    names = ["cell_id", "value", "lower", "upper"]
    if audience not in PROTECTED_AUDIENCES:
        out = cells[[*names, "issued_on"]].assign(is_suppressed=False, is_held_back=False)
        return Decided(out.sort_values("cell_id", ignore_index=True), True, pd.DataFrame(columns=list(VERSION)))
    from disclosure.found import found_lines

    least = int(parameters["disclosure"]["threshold"])
    cells = cells[cells["audience"] == "public"].reset_index(drop=True)
    cells = cells.assign(k=thresholds(cells, least))
    out = cells[[*names, "issued_on"]].assign(is_suppressed=False, is_held_back=False)
    is_count = ~cells["unit"].str.fullmatch(r"[A-Z]{3}").to_numpy(bool)
    reported = is_count & cells[["value", "lower", "upper"]].notna().any(axis=1).to_numpy()
    now = cells[reported & (cells["vintage"] == CURRENT).to_numpy()]
    before = cells[reported & (cells["vintage"] == PREVIOUS).to_numpy()]
    known = earlier.versions if earlier is not None else pd.DataFrame(columns=[*VERSION, *RELEASES])
    table = with_earlier_stand_ins(figures(now), stand_ins(known))
    trees = hierarchies(pd.concat([table[DIMS], coded(before), coded(known)]), declarations)
    lines = lines_between(table, trees, table["k"])
    table = with_fitting_stand_ins(table, DIMS, trees, lines)
    released = _released(known, earlier)
    found = found_lines(table, DIMS, trees)
    step = _step(table, trees, lines, found, released, _never(table, known, earlier))

    shown = step.shown
    out.loc[now.index, "is_suppressed"] = shown["hidden"].to_numpy()
    held = shown["held"].to_numpy()
    out.loc[now.index, "is_held_back"] = held
    for name in ("value", "lower", "upper"):
        out.loc[now.index[held], name] = shown["value"].to_numpy()[held]
    out.loc[now.index[held], "issued_on"] = shown["held_issued_on"].to_numpy()[held]
    versions = [_versions(now, step, CURRENT)]
    is_safe = step.is_safe

    if len(before):
        visible = _previous(before, now, pairs, table, step, (trees, found), released, known)
        is_safe &= visible.is_safe
        out.loc[before.index, "is_suppressed"] = visible.shown["hidden"].to_numpy()
        told = visible.shown["is_new"].to_numpy()
        versions.append(_versions(before, visible, PREVIOUS)[told])
    hidden = out["is_suppressed"].to_numpy()
    out.loc[hidden, ["value", "lower", "upper"]] = None
    decided = pd.concat(versions, ignore_index=True)
    return Decided(
        out.sort_values("cell_id", ignore_index=True),
        is_safe,
        decided,
        losses(table, step),
    )


@dataclass(frozen=True)
class _Step:
    """One table after protection. shown: a row a row of it: hidden, held, value, held_issued_on, record_value,
    record_suppressed."""

    protected: pd.DataFrame
    shown: pd.DataFrame
    is_safe: bool
    undeclared: int


def _released(known: pd.DataFrame, earlier: Earlier | None) -> pd.DataFrame | None:
    """Earlier releases as `disclosure` takes them; what their tables of changes compared with stands before all of them.

    is_open: whether the figure may be put in the place of another, which a withdrawn one and one issued later never is.
    """
    if earlier is None or not len(known):
        return None
    last = int(known["last_release"].max())
    is_open = ~is_withdrawn(known, earlier)
    if earlier.as_of is not None:
        is_open &= (pd.to_datetime(known["issued_on"]) <= pd.Timestamp(earlier.as_of)).to_numpy()
    shift = np.where(known["vintage"] == CURRENT, last, 0)
    codes = known["suppressed"].map({SHOWN: "", HIDDEN: "hidden", ALWAYS: "hidden", ERASED: "erased"})
    return coded(known).assign(
        value=known["value"].astype(float).to_numpy(),
        suppressed=codes.to_numpy(),
        issued_on=pd.to_datetime(known["issued_on"]).to_numpy(),
        is_open=is_open,
        **{name: known[name].to_numpy() + shift for name in RELEASES},
    )


def _never(table: pd.DataFrame, known: pd.DataFrame, earlier: Earlier | None) -> np.ndarray:
    """(rows,) cells that are hidden whatever they hold: those of which an earlier figure is not known any more, and those
    that would be told by the difference to a figure that was withdrawn since."""
    if earlier is None or not len(known):
        return np.zeros(len(table), dtype=bool)
    coded_known = coded(known)
    lost = pd.MultiIndex.from_frame(coded_known[known["suppressed"].isin([ALWAYS, ERASED]).to_numpy()])
    keys = pd.MultiIndex.from_frame(table[DIMS])
    out = is_withdrawn(known, earlier) & (known["suppressed"] == SHOWN).to_numpy()
    old = coded_known[out].assign(old=known["value"].astype(float)[out])
    both = table[[*DIMS, "value", "k"]].assign(row=np.arange(len(table))).merge(old, on=DIMS)
    step = (both["value"] - both["old"]).abs()
    never = keys.isin(lost)
    never[both.loc[(step > 0) & (step < both["k"]), "row"].to_numpy()] = True
    return never


def is_withdrawn(known: pd.DataFrame, earlier: Earlier) -> np.ndarray:
    """(versions,) whether a submission that a version may have been made from was withdrawn after its first release.

    A figure is no older than its date of issue says and may hold older parts, so every submission of the source issued
    by then counts.
    """
    found = np.zeros(len(known), dtype=bool)
    built_at = known["first_release"].map(dict(earlier.built_at)).to_numpy(float)
    issued = pd.to_datetime(known["issued_on"])
    for row in earlier.withdrawn.itertuples():
        of_source = (known["source"] == row.source).to_numpy()
        found |= of_source & (issued >= pd.Timestamp(row.issued_on)).to_numpy() & (built_at < float(row.position))
    return found


def _step(
    table: pd.DataFrame,
    trees: Mapping[str, Sequence[Tree]],
    lines: pd.DataFrame,
    found: Sequence[Relation],
    released: pd.DataFrame | None,
    never: np.ndarray,
    may_hold: bool = True,
) -> _Step:
    """Protect one table against what is out, audit it, and put older figures in the place of revisions that wait.

    found: sums that no declaration names and that hold in the figures all the same, which a reader knows like the others.
    """
    from disclosure import audit, hold_back, protect
    from disclosure.found import lines_where

    lines = pd.concat([lines, lines_where(found, table, DIMS)], ignore_index=True) if found else lines
    given = {"hierarchies": trees, "lines": lines, "released": released}
    asked = table.assign(never=never)
    protected = _zeros_hidden(protect(asked, DIMS, threshold="k", hide="never" if never.any() else None, **given))
    audited = audit(protected, DIMS, find=False, **given)
    is_safe = bool(audited.safe)
    told = _told(protected, audited)
    if released is not None and told.any():
        # a revision that waits and is told all the same by what moved around it: its block is protected once more, as if it
        # were withdrawn, so that covers may be taken from what earlier releases showed; it stands as a gap
        block = blocks(pd.concat([table[DIMS], released[DIMS]], ignore_index=True), trees)
        again = np.isin(block, block[: len(table)][told])
        part = asked.assign(never=never | told)[again[: len(table)]].reset_index(drop=True)
        within = {**given, "released": released[again[len(table) :]].reset_index(drop=True)}
        repeated = _zeros_hidden(protect(part, DIMS, threshold="k", hide="never", **within))
        # the flag marks them like small counts, which they are not: the audit asks of small counts a range that shows it
        waits = told[again[: len(table)]]
        repeated.loc[waits & (repeated["value"] >= repeated["k"]).to_numpy(), "suppressed"] = "secondary"
        is_safe &= bool(audit(repeated, DIMS, find=False, **within).safe)
        protected["never"] = never | told
        protected.loc[again[: len(table)], "suppressed"] = repeated["suppressed"].to_numpy()
    hide = "never" if protected["never"].any() else None
    hidden = (protected["suppressed"] != "").to_numpy()
    shown = pd.DataFrame({"hidden": hidden, "held": False, "value": table["value"], "held_issued_on": pd.NaT})
    shown = shown.assign(record_value=table["value"], record_suppressed=np.where(hidden, HIDDEN, SHOWN))
    if released is not None and may_hold:
        kept = hold_back(protected, DIMS, hide=hide, **given)
        held = kept["held"].to_numpy(bool).copy()
        dated = kept[DIMS].assign(value=kept["value"]).merge(
            released[released["suppressed"] == ""].sort_values("last_release").drop_duplicates([*DIMS, "value"], keep="last")[
                [*DIMS, "value", "issued_on", "is_open"]
            ],
            on=[*DIMS, "value"], how="left",
        )  # fmt: skip
        # a figure that was withdrawn is never put in the place of another
        held &= dated["is_open"].eq(True).to_numpy()
        shown = shown.assign(
            hidden=hidden & ~held,
            held=held,
            value=np.where(held, kept["value"], table["value"]),
            held_issued_on=dated["issued_on"].where(held),
            record_value=np.where(held, kept["record_value"], table["value"]),
            record_suppressed=np.where(held & (kept["record_suppressed"] == "").to_numpy(), SHOWN, shown["record_suppressed"]),
        )  # fmt: skip
    return _Step(protected, shown, is_safe, len(found))


def _zeros_hidden(protected: pd.DataFrame) -> pd.DataFrame:
    """Hides what the publisher gave as an interval also where 0 stands for it: an exact zero would be shown."""
    zero = protected["is_interval"].astype(bool) & (protected["value"] == 0) & (protected["suppressed"] == "")
    protected.loc[zero, "suppressed"] = "secondary"
    return protected


def _told(protected: pd.DataFrame, audited: Any) -> np.ndarray:
    """(rows,) hidden cells that have one possible value.

    An interval that can only have been 0 is not among them: its lines tell it in the publisher's own table, a zero is no
    person, and no cover could change it.
    """
    hidden = (protected["suppressed"] != "").to_numpy()
    found = np.zeros(len(protected), dtype=bool)
    found[hidden] = (audited.intervals["high"] - audited.intervals["low"]).to_numpy() < 1e-6
    return found & ~(protected["is_interval"].to_numpy(bool) & (protected["value"] == 0).to_numpy())


def _previous(
    before: pd.DataFrame,
    now: pd.DataFrame,
    pairs: pd.DataFrame,
    table: pd.DataFrame,
    step: _Step,
    additive: tuple[Mapping[str, Sequence[Tree]], Sequence[Relation]],
    released: pd.DataFrame | None,
    known: pd.DataFrame,
) -> _Step:
    """The figures before their last revision, protected as one more release after the current figures.

    Beside a previous figure stand the current ones of datasets that were not revised: they are figures of the same time.
    """
    trees, found = additive
    earlier = with_earlier_stand_ins(figures(before), stand_ins(known))
    both = pd.concat([earlier, table[~table["origin"].isin(set(earlier["origin"]))]], ignore_index=True)
    last = int(released["last_release"].max()) if released is not None else 0
    just_now = table[DIMS].assign(
        value=step.shown["record_value"],
        suppressed=np.where(step.shown["record_suppressed"] == SHOWN, "", "hidden"),
        first_release=last + 1,
        last_release=last + 1,
    )
    out = just_now if released is None else pd.concat([released[just_now.columns], just_now], ignore_index=True)
    # where nothing differs from the figures of now there is nothing to tell and nothing to protect
    block = blocks(pd.concat([both[DIMS], out[DIMS]], ignore_index=True), trees)
    same = earlier[[*DIMS, "value"]].merge(table[[*DIMS, "value"]], on=DIMS, how="left", suffixes=("", "_now"))
    moved = set(block[: len(earlier)][(same["value"] != same["value_now"]).to_numpy()])
    taken, of_out = (np.isin(part, list(moved)) for part in (block[: len(both)], block[len(both) :]))
    shown = pd.DataFrame({"hidden": True, "held": False, "held_issued_on": pd.NaT, "record_value": earlier["value"]})
    done = _Step(step.protected.iloc[:0], shown.iloc[:0], True, 0)
    if taken.any():
        both, out = both[taken].reset_index(drop=True), out[of_out].reset_index(drop=True)
        lines = lines_between(both, trees, both["k"])
        both = with_fitting_stand_ins(both, DIMS, trees, lines)
        done = _step(both, trees, lines, found, out, np.zeros(len(both), dtype=bool), may_hold=False)
        own = np.flatnonzero(taken[: len(earlier)])
        shown.loc[own, "hidden"] = done.shown["hidden"].to_numpy()[: len(own)]
        shown.loc[own, "record_value"] = done.shown["record_value"].to_numpy()[: len(own)]
    # the table of changes shows a previous figure beside a current one, or beside none where it is gone
    place = pd.Series(np.arange(len(now)), index=now["cell_id"])
    beside = before["cell_id"].map(pairs.set_index("previous_cell_id")["cell_id"])
    row = place.reindex(beside).fillna(-1).to_numpy(int)
    waits = (row >= 0) & (step.shown["hidden"] | step.shown["held"]).to_numpy()[row]
    is_told = before["cell_id"].isin(pairs["previous_cell_id"]).to_numpy() & (beside.isna().to_numpy() | (row >= 0))
    hidden = shown["hidden"].to_numpy() | waits | ~is_told
    shown = shown.assign(hidden=hidden, record_suppressed=np.where(hidden, HIDDEN, SHOWN), is_new=taken[: len(earlier)])
    return _Step(done.protected, shown, done.is_safe, done.undeclared)


def _versions(cells: pd.DataFrame, step: _Step, vintage: str) -> pd.DataFrame:
    """What later releases need of this one: the columns of `VERSION`."""
    shown = step.shown
    interval = cells["value"].isna().to_numpy()
    value = shown["record_value"].to_numpy(float)
    changed = shown["held"].to_numpy(bool) & (shown["record_suppressed"] == SHOWN).to_numpy()
    issued = pd.to_datetime(cells["issued_on"]).to_numpy()
    found = cells[list(CELL)].reset_index(drop=True).assign(
        vintage=vintage,
        value=np.round(value, 4),
        lower=np.where(interval, cells["lower"].astype(float), value),
        upper=np.where(interval, cells["upper"].astype(float), value),
        is_interval=interval,
        suppressed=shown["record_suppressed"].to_numpy(),
        issued_on=np.where(changed, shown["held_issued_on"].to_numpy(), issued),
        derivation=cells["derivation"].to_numpy(),
    )  # fmt: skip
    return found[list(VERSION)]


def losses(table: pd.DataFrame, step: _Step) -> dict[str, Any]:
    """What protection costs, in whole percent, and not at all where so few cells are hidden that a share would tell them.

    `threshold_alone` is what hiding the small counts alone would cost. `undeclared_relations_count` counts sums among
    members that hold in the figures and are declared nowhere; the audit took them for known.
    """
    count, shown, protected = len(table), step.shown, step.protected
    hidden = shown["hidden"].to_numpy() | shown["held"].to_numpy()
    small = (protected["suppressed"] == "primary").to_numpy()
    is_person = table["subject"].str.split("|").str[1].eq("persons").to_numpy()
    persons = table["value"].to_numpy(float)

    def shares(mask: np.ndarray) -> dict[str, Any]:
        if mask.sum() < 100 or (mask & is_person).sum() < 100:
            return {"cells_share": None, "persons_share": None}
        total = persons[is_person].sum()
        return {
            "cells_share": round(float(mask.mean()), 2),
            "persons_share": round(float(persons[mask & is_person].sum() / total), 2) if total else None,
        }

    held = int(shown["held"].sum())
    return {
        "cells_count": count,
        "threshold_alone": shares(small),
        "hidden": shares(hidden),
        "held_back": str(held) if held == 0 or held >= 100 else "fewer than 100",
        "undeclared_relations_count": step.undeclared,
    }
