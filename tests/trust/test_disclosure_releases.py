"""Releases that go out one after the other: late changes, a withdrawal, figures held back. The attacker has them all."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invented_tables import Story, story
from released_attack import attack

from disclosure.auditing import audit
from disclosure.holding import hold_back
from disclosure.protection import protect


def released_one_after_the_other(invented: Story, threshold: float = 11, remember: bool = True) -> list[pd.DataFrame]:
    """What each release told, as later ones are given it; remember=False: each is protected as if it were the first."""
    out: list[pd.DataFrame] = []
    for table in invented.tables:
        earlier = out if remember and out else None
        settings_of_all = {"hierarchies": invented.trees, "lines": invented.lines, "released": earlier}
        protected = protect(table, invented.dims, threshold=threshold, **settings_of_all)
        if earlier:
            held = hold_back(protected, invented.dims, earlier, invented.trees, invented.lines)
            protected = protected.assign(value=held["record_value"], suppressed=held["record_suppressed"])
        out.append(protected)
    return out


def versions_of(releases: list[pd.DataFrame], dims: list[str]) -> pd.DataFrame:
    """One row a distinct version of a cell over the releases in which it stood so."""
    open_rows: dict[tuple, list] = {}
    rows = []
    for number, frame in enumerate(releases, start=1):
        for *key, value, mark in frame[[*dims, "value", "suppressed"]].itertuples(index=False, name=None):
            before = open_rows.get(tuple(key))
            if before and before[-4:-2] == [value, mark] and before[-1] == number - 1:
                before[-1] = number
            else:
                open_rows[tuple(key)] = row = [*key, value, mark, number, number]
                rows.append(row)
    return pd.DataFrame(rows, columns=[*dims, "value", "suppressed", "first_release", "last_release"])


@pytest.mark.parametrize("seed", [0, 6, 9, 12])
def test_three_releases_with_a_withdrawal_give_nothing_away(seed: int) -> None:
    invented = story(seed, releases=3)
    releases = released_one_after_the_other(invented)
    found = attack(releases, invented.dims)
    assert found.nothing and not len(found.told_changes), found
    # each release protected as if it were alone: small changes show, and hidden counts fall by subtraction
    careless = attack(released_one_after_the_other(invented, remember=False), invented.dims)
    assert len(careless.differences) and len(careless.exact), careless


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([3, 5, 11]), shuffle=st.integers(0, 99))
def test_whatever_the_table(seed: int, threshold: int, shuffle: int) -> None:
    invented = story(seed, releases=2, late=4)
    dims, shared = invented.dims, {"hierarchies": invented.trees, "lines": invented.lines}
    first = protect(invented.tables[0], dims, threshold=threshold, **shared)
    assert audit(first, dims, **shared).safe
    shown = first.loc[first["suppressed"] == "", "value"]
    assert not ((shown > 0) & (shown < threshold)).any()
    mixed = invented.tables[0].sample(frac=1, random_state=shuffle)
    again = protect(mixed, dims, threshold=threshold, **shared)["suppressed"]
    assert again.loc[first.index].tolist() == first["suppressed"].tolist()
    # the same from the releases themselves and from their distinct versions
    now = invented.tables[1]
    by_sequence = protect(now, dims, threshold=threshold, released=[first, first], **shared)
    by_versions = protect(now, dims, threshold=threshold, released=versions_of([first, first], dims), **shared)
    assert by_sequence["suppressed"].tolist() == by_versions["suppressed"].tolist()
    pd.testing.assert_frame_equal(
        audit(by_sequence, dims, released=[first, first], **shared).intervals,
        audit(by_sequence, dims, released=versions_of([first, first], dims), **shared).intervals,
    )
    change = (now.merge(first, on=dims)["value_x"] - now.merge(first, on=dims)["value_y"]).abs()
    both_shown = (by_sequence.merge(first, on=dims)[["suppressed_x", "suppressed_y"]] == "").all(axis=1)
    assert not (both_shown & (change > 0) & (change < threshold)).any()


def small(cells: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame({"form": list(cells), "value": [float(v) for v in cells.values()]})


def test_a_small_revision_waits_as_a_whole() -> None:
    """57 then 60: part and total show the older figures, and nothing of the new ones is recorded as out."""
    first = protect(small({"_T": 237, "a": 57, "b": 80, "c": 100}), ["form"])
    now = protect(small({"_T": 240, "a": 60, "b": 80, "c": 100}), ["form"], released=[first])
    held = hold_back(now, ["form"], [first]).set_index("form")
    assert held["value"].to_dict() == {"_T": 237, "a": 57, "b": 80, "c": 100}
    assert held["held"].to_dict() == {"_T": True, "a": True, "b": False, "c": False}
    assert held.loc["a", "held_release"] == 1 and set(held["suppressed"]) == {""}
    assert held["record_value"].tolist() == held["value"].tolist()
    # when it has grown enough it is shown
    later = protect(small({"_T": 250, "a": 70, "b": 80, "c": 100}), ["form"], released=[first, first])
    assert set(later["suppressed"]) == {""}


def test_a_small_revision_beside_a_large_one_waits_with_company() -> None:
    """The total moved and is shown, so the held parts are the reader's unknowns: recorded as they truly are."""
    first = protect(small({"_T": 237, "a": 57, "b": 80, "c": 100}), ["form"])
    now = protect(small({"_T": 440, "a": 60, "b": 280, "c": 100}), ["form"], released=[first])
    held = hold_back(now, ["form"], [first]).set_index("form")
    assert held["value"].to_dict() == {"_T": 440, "a": 57, "b": 80, "c": 100}
    assert held["record_value"].to_dict() == {"_T": 440, "a": 60, "b": 280, "c": 100}
    assert held["record_suppressed"].to_dict() == {"_T": "", "a": "secondary", "b": "secondary", "c": ""}
    assert audit(now, ["form"], released=[first]).safe


def test_small_counts_and_withdrawn_figures_are_never_held_back() -> None:
    first = protect(small({"_T": 237, "a": 57, "b": 80, "c": 100}), ["form"])
    shrunk = protect(small({"_T": 185, "a": 5, "b": 80, "c": 100}), ["form"], released=[first])
    held = hold_back(shrunk, ["form"], [first]).set_index("form")
    assert held.loc["a", "suppressed"] == "primary" and not held.loc["a", "held"]
    flagged = small({"_T": 237, "a": 57, "b": 80, "c": 100}).assign(withdrawn=[False, True, False, False])
    now = protect(flagged, ["form"], released=[first], hide="withdrawn")
    marks = now.set_index("form")["suppressed"]
    assert marks["a"] == "primary" and (marks != "").sum() == 2  # a line that would tell it is hidden too
    alone = now.assign(suppressed=now["suppressed"].where(now["suppressed"] == "", "c"))
    assert audit(alone, ["form"]).intervals.eval("high - low").min() >= 10
    held = hold_back(now, ["form"], [first], hide="withdrawn")
    assert not held["held"].any()
    # withdrawn and erased: nobody holds the figure, the total less the rest would tell it
    erased = flagged.assign(value=flagged["value"].where(~flagged["withdrawn"]))
    assert (protect(erased, ["form"], hide="withdrawn")["suppressed"] != "").sum() == 2
    with pytest.raises(ValueError, match="column 'gone' of True and False"):
        protect(flagged, ["form"], hide="gone")


def test_what_was_read_and_is_erased_is_known_to_readers() -> None:
    """a and b were hidden, c was shown and is erased: who read c knows a and b together, as before the erasure."""
    first = protect(small({"_T": 150, "a": 4, "b": 46, "c": 100}), ["form"])
    assert first["suppressed"].tolist() == ["", "primary", "secondary", ""]
    erased = first.assign(value=[150, np.nan, np.nan, np.nan], suppressed=["", "primary", "secondary", "erased"])
    now = small({"_T": 50, "a": 4, "b": 46})
    protected = protect(now, ["form"], released=[erased])
    assert protected["suppressed"].tolist() == ["", "primary", "secondary"]
    assert audit(protected, ["form"], released=[erased]).safe
    # b in the open would tell a
    opened = protected.assign(suppressed=["", "primary", ""])
    assert not audit(opened, ["form"], released=[erased]).safe
    hidden = first.assign(value=[150, np.nan, np.nan, np.nan], suppressed=["", "primary", "secondary", "secondary"])
    assert protect(now, ["form"], released=[hidden])["suppressed"].tolist()[1:] == ["primary", "secondary"]


def test_versions_that_cannot_be_read_are_refused() -> None:
    table = small({"_T": 150, "a": 40, "b": 110})
    versions = versions_of([protect(table, ["form"])], ["form"])
    for wrong, message in (
        (versions.drop(columns="last_release"), "needs 'last_release'"),
        (versions.assign(first_release=0), "whole numbers"),
        (versions.assign(last_release=0), "whole numbers"),
        (pd.concat([versions, versions]), "two versions of a cell stand in one release"),
    ):
        with pytest.raises(ValueError, match=message):
            protect(table, ["form"], released=wrong)


def test_a_hundred_releases_cost_at_most_twice_what_three_do() -> None:
    """Cost grows with the distinct versions: the same ten changes of cells, over 3 releases and over 100."""
    rng = np.random.default_rng(2)
    members = [[f"a{i}" for i in range(20)], [f"p{i}" for i in range(12)], ["f", "m", "x"]]
    dims = ["area", "period", "sex"]
    base = pd.DataFrame(list(itertools.product(*members)), columns=dims)
    base["value"] = rng.poisson(30.0, len(base)).astype(float)

    def with_totals(frame: pd.DataFrame) -> pd.DataFrame:
        for dim in dims:
            total = frame.assign(**{dim: "_T"}).groupby(dims, as_index=False)["value"].sum()
            frame = pd.concat([frame, total], ignore_index=True)
        return frame

    tables = [with_totals(base)]
    for _ in range(2):
        base = base.assign(
            value=base["value"] + 40.0 * np.isin(np.arange(len(base)), rng.choice(len(base), 5, replace=False))
        )
        tables.append(with_totals(base))
    three = [protect(tables[0], dims)]
    three.append(protect(tables[1], dims, released=three))
    at = versions_of(three, dims)
    # 100 releases: each table stood for fifty of them
    long = at.assign(first_release=50 * (at["first_release"] - 1) + 1, last_release=50 * at["last_release"])
    seconds = {}
    for name, versions in (("three", at), ("hundred", long), ("three", at), ("hundred", long)):
        start = time.process_time()
        protected = protect(tables[2], dims, released=versions)
        assert audit(protected, dims, released=versions).safe
        seconds[name] = min(seconds.get(name, np.inf), time.process_time() - start)
    print(f"\n{seconds}")
    assert seconds["hundred"] <= 2 * seconds["three"]


def test_many_releases_with_a_change_each_give_as_many_lines_as_combinations() -> None:
    """40 releases, one cell moves by 40 in each: a line more for each line it stands in, not a table more."""
    from disclosure.published import join_published

    table = small({"_T": 100, "a": 40, "b": 60})
    quiet = pd.concat([small({"_T": 500, "a": 200, "b": 300}).assign(area=f"z{i}") for i in range(50)])
    releases = []
    for number in range(40):
        moving = table.assign(value=table["value"] + [40 * number, 40 * number, 0], area="y")
        releases.append(pd.concat([moving, quiet], ignore_index=True).assign(suppressed=""))
    dims = ["area", "form"]
    joined = join_published(releases[-1], dims, "value", 11, (None, None), None, versions_of(releases[:-1], dims), None)
    assert int(joined.is_line.sum()) == 40 + 50
    assert (np.diff(joined.relations[np.flatnonzero(joined.is_line)].indptr) == 3).all()
    assert not joined.shortfall.any()
