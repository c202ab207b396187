"""Contents of the changes page: figures against their previous issue, the largest differences explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.words import name_order, number, order_names, period_frequency, period_label, signed

if TYPE_CHECKING:
    from reports.pages import Site

ROWS_PER_TABLE = 600


def changes(site: Site) -> dict[str, Any]:
    table = site.published.table("changes")
    if table.empty:
        return {"sections": [], "facts": [], "explanations": [], "provenance": {}}
    words = site.published.words
    revised = table[(table["kind"] == "revised") & (table["difference"].fillna(0) != 0)]
    new, gone = table[table["kind"] == "new"], table[table["kind"] == "gone"]
    facts = [
        ("Figures revised", number(len(revised)), f"in {revised['area_code'].nunique()} areas"),
        ("New figures", number(len(new)), f"in {new['area_code'].nunique()} areas"),
        ("No longer given", number(len(gone)), f"in {gone['area_code'].nunique()} areas"),
    ]
    sections = []
    for name, title, part, text in (
        ("revised", "Revised figures", revised, "Figures that the source gave before and has changed."),
        ("new", "New figures", new, "Periods or areas that the previous issue did not hold."),
        ("gone", "Figures no longer given", gone, "Figures of the previous issue that the new one does not hold."),
    ):
        if part.empty:
            continue
        weight = part["difference"].abs().fillna(part["value"].abs()).fillna(0)
        shown = part.loc[weight.sort_values(ascending=False, kind="stable").index[:ROWS_PER_TABLE]]
        shown = shown.sort_values(
            ["area_name", "area_code", "measure", "exploitation", "sex", "age", "period", "source"],
            key=order_names,
        )
        sections.append(
            {
                "id": name,
                "title": title,
                "summary": text,
                "rows": [change_row(site, row) for row in shown.to_dict("records")],
                "total": len(part),
            }
        )
    return {
        "sections": sections,
        "facts": facts,
        "explanations": _explanations(site, revised, new, words),
        "provenance": site.provenance(set(table["source"]), max(table["period"]), "tables/changes.csv"),
    }


def change_row(site: Site, row: dict[str, Any]) -> dict[str, Any]:
    words = site.published.words
    splits = [words.label(split, row[split]) for split in ("sex", "age") if row[split] not in ("_T", "")]
    kind = {"revised": "revised", "new": "new", "gone": "no longer given"}.get(row["kind"], row["kind"])
    return {
        "code": row["area_code"],
        "area": row["area_name"],
        "measure": ", ".join([words.measure(row["measure"], row["exploitation"]), *splits]),
        "period": period_label(row["period"]),
        "before": number(row["previous_value"]),
        "now": number(row["value"]),
        "difference": signed(row["difference"]),
        "kind": kind,
        "issues": f"{row['previous_issued_on'] or '–'} → {row['issued_on'] or '–'}",
        "source": site.published.source_name(row["source"]),
    }


def _explanations(site: Site, revised: pd.DataFrame, new: pd.DataFrame, words: Any) -> list[dict[str, str]]:
    """The areas whose totals moved most: by how much, which periods, and whether old figures or new ones did it."""
    moved = pd.concat([revised, new])
    for split in ("exploitation", "sex", "age"):
        moved = moved[moved[split].isin(["_T", ""])]
    if moved.empty:
        return []
    moved = moved.assign(
        amount=moved["difference"].where(moved["kind"] == "revised", moved["value"]).fillna(0),
        frequency=moved["period"].map(period_frequency),
    )
    # quarters repeat what the year says: the rarest frequency of a series speaks for it
    series = ["area_code", "area_name", "measure", "source"]
    moved = moved[moved["frequency"] == moved.groupby(series)["frequency"].transform("min")]
    sums = moved.groupby(series)["amount"].agg(lambda part: part.abs().sum())
    chosen = sums[sums > 0].sort_values(ascending=False, kind="stable").index[:6]
    made = []
    for code, name, measure, source in sorted(chosen, key=lambda key: (name_order(key[1]), key[2])):
        part = moved[(moved["area_code"] == code) & (moved["measure"] == measure) & (moved["source"] == source)]
        old, fresh = part[part["kind"] == "revised"], part[part["kind"] == "new"]
        sentences = []
        if len(old) and old["amount"].abs().sum():
            periods = sorted(old.loc[old["amount"] != 0, "period"])
            span = (
                period_label(periods[0])
                if len(periods) == 1
                else f"{period_label(periods[0])} to {period_label(periods[-1])}"
            )
            top = old.loc[old["amount"].abs().sort_values(kind="stable").index[-1]]
            sentences.append(
                f"{len(periods)} earlier figure{'s' if len(periods) != 1 else ''} ({span}) changed by "
                f"{signed(old['amount'].sum())} in all; the largest: {period_label(top['period'])}, "
                f"{number(top['previous_value'])} before, {number(top['value'])} now."
            )
        if len(fresh):
            periods = sorted(fresh["period"])
            span = (
                period_label(periods[0])
                if len(periods) == 1
                else f"{period_label(periods[0])} to {period_label(periods[-1])}"
            )
            figure = f"{number(fresh['amount'].sum())} in all" if len(periods) > 1 else number(fresh["amount"].sum())
            sentences.append(f"New in this issue: {span} ({figure}). The previous issue had no figure there.")
        sentences.append(f"Source: {site.published.source_name(source)}.")
        total = part["amount"].sum()
        made.append(
            {
                "code": code,
                "area": name,
                "headline": f"{words.label('measure', measure).lower()}, {signed(total)} over all periods",
                "text": " ".join(sentences),
            }
        )
    return made
