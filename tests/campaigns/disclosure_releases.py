"""Invented tables with several trees and two sources, released three times with late changes and a withdrawal between.

    PYTHONPATH=tests/support python -m tests.campaigns 1 disclosure_releases

Each release is protected with those before it, revisions are held back, and an attacker who knows no declaration
(`tests/support/released_attack.py`) has all three. Counted are cells told exactly, small counts told to within one, small
differences in the open, small changes of hidden cells that can be told, releases that the audit does not pass, and what is lost.
"""

from __future__ import annotations

import pandas as pd
from invented_tables import Story, story
from released_attack import attack

from disclosure import audit, hold_back, protect

TABLES = 50
SEED = 1_000


def walk(invented: Story, threshold: float = 11) -> tuple[list[pd.DataFrame], list[bool], dict[str, float]]:
    """(what each release told, whether the audit passed it, shares of the last table)."""
    told: list[pd.DataFrame] = []
    safe: list[bool] = []
    loss: dict[str, float] = {}
    for table in invented.tables:
        shared = {"hierarchies": invented.trees, "lines": invented.lines, "released": told or None}
        protected = protect(table, invented.dims, threshold=threshold, **shared)
        safe.append(audit(protected, invented.dims, **shared).safe)
        marks, value = protected["suppressed"], protected["value"]
        held = pd.Series(False, index=protected.index)
        if told:
            published = hold_back(protected, invented.dims, told, invented.trees, invented.lines)
            held = published["held"]
            protected = protected.assign(value=published["record_value"], suppressed=published["record_suppressed"])
        gone = (marks != "") & ~held
        loss = {
            "primary": (marks == "primary").mean(),
            "hidden": gone.mean(),
            "held": held.mean(),
            "persons_hidden": value[gone].sum() / value.sum(),
        }
        told.append(protected)
    return told, safe, loss


def run(share: float) -> pd.DataFrame:
    """One row a story: what the attacker got, releases not passed, and the loss of the third release."""
    rows = []
    for number in range(max(1, round(TABLES * share))):
        invented = story(SEED + number, releases=3)
        told, safe, loss = walk(invented)
        found = attack(told, invented.dims)
        rows.append(
            {
                "seed": SEED + number,
                "cells": len(invented.tables[0]),
                "exact": len(found.exact),
                "within_one": len(found.near),
                "differences": len(found.differences),
                "told_changes": len(found.told_changes),
                "not_passed": safe.count(False),
                **loss,
            }
        )
    return pd.DataFrame(rows)


def main(share: float = 1.0) -> None:
    """Run and print; raises AssertionError where the attacker got a small count or a small difference."""
    table = run(share)
    print(table.round(3).to_string(index=False))
    print(table.drop(columns="seed").agg(["sum", "mean"]).round(3).to_string())
    passed = table[table["not_passed"] == 0]
    assert not table[["within_one", "differences"]].to_numpy().any(), "small counts or differences are told"
    assert not passed["exact"].any(), "hidden cells are told exactly although the audit passed"
    assert len(passed) >= 0.9 * len(table), "the audit fails too often"
