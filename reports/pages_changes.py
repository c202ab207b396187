"""Contents of the changes page: figures against their previous issue, the largest differences explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.revisions import revised
from reports.words import name_order, number, order_names, period_frequency, period_label, span

if TYPE_CHECKING:
    from reports.pages import Site

ROWS_PER_TABLE = 600
EXPLAINED = 6


def changes(site: Site) -> dict[str, Any]:
    table = site.published.table("changes")
    if table.empty:
        return {"sections": [], "facts": [], "explanations": [], "provenance": {}}
    words = site.published.words
    moved = revised(table)
    new, gone = table[table["kind"] == "new"], table[table["kind"] == "gone"]
    facts = [
        ("Figures revised", number(len(moved)), f"in {moved['area_code'].nunique()} areas"),
        ("New figures", number(len(new)), f"in {new['area_code'].nunique()} areas"),
        ("No longer given", number(len(gone)), f"in {gone['area_code'].nunique()} areas"),
    ]
    sections = []
    for name, title, part, text in (
        ("revised", "Revised figures", moved, "Figures that the source gave before and has changed."),
        ("new", "New figures", new, "Periods or areas that the previous issue did not hold."),
        ("gone", "Figures no longer given", gone, "Figures of the previous issue that the new one does not hold."),
    ):
        if part.empty:
            continue
        weight = part["size"] if name == "revised" else part["value"].abs().fillna(0)
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
        "explanations": _explanations(site, moved, new, words),
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
        "before": span(row["previous_lower"], row["previous_upper"]),
        "now": span(row["lower"], row["upper"]),
        "difference": span(row["lower"] - row["previous_upper"], row["upper"] - row["previous_lower"], sign=True),
        "kind": kind,
        "issues": f"{row['previous_issued_on'] or '–'} → {row['issued_on'] or '–'}",
        "source": site.published.source_name(row["source"]),
    }


def _explanations(site: Site, revisions: pd.DataFrame, new: pd.DataFrame, words: Any) -> list[dict[str, str]]:
    """The areas whose totals moved most: by how much, which periods, and whether old figures or new ones did it."""
    moved = pd.concat([revisions, new.assign(least=new["lower"], most=new["upper"], size=new["lower"].fillna(0))])
    for split in ("exploitation", "sex", "age"):
        moved = moved[moved[split].isin(["_T", ""])]
    if moved.empty:
        return []
    moved = moved.assign(frequency=moved["period"].map(period_frequency))
    # quarters repeat what the year says: the rarest frequency of a series speaks for it
    series = ["area_code", "area_name", "measure", "source"]
    moved = moved[moved["frequency"] == moved.groupby(series)["frequency"].transform("min")]
    sums = moved.groupby(series)["size"].sum()
    chosen = sums[sums > 0].sort_values(ascending=False, kind="stable").index[:EXPLAINED]
    made = []
    for code, name, measure, source in sorted(chosen, key=lambda key: (name_order(key[1]), key[2])):
        part = moved[(moved["area_code"] == code) & (moved["measure"] == measure) & (moved["source"] == source)]
        old, fresh = part[(part["kind"] == "revised") & (part["size"] > 0)], part[part["kind"] == "new"]
        sentences = []
        if len(old):
            top = old.loc[old["size"].sort_values(kind="stable").index[-1]]
            sentences.append(
                f"{len(old)} earlier figure{'s' if len(old) != 1 else ''} ({_stretch(old['period'])}) changed by "
                f"{_sum(old, sign=True)} in all; the largest: {period_label(top['period'])}, "
                f"{span(top['previous_lower'], top['previous_upper'])} before, {span(top['lower'], top['upper'])} now."
            )
        if len(fresh):
            figure = f"{_sum(fresh)} in all" if len(fresh) > 1 else _sum(fresh)
            sentences.append(
                f"New in this issue: {_stretch(fresh['period'])} ({figure}). The previous issue had no figure there."
            )
        sentences.append(f"Source: {site.published.source_name(source)}.")
        made.append(
            {
                "code": code,
                "area": name,
                "headline": f"{words.label('measure', measure).lower()}, {_sum(part, sign=True)} over all periods",
                "text": " ".join(sentences),
            }
        )
    return made


def _stretch(periods: pd.Series) -> str:
    first, last = period_label(min(periods)), period_label(max(periods))
    return first if first == last else f"{first} to {last}"


def _sum(part: pd.DataFrame, sign: bool = False) -> str:
    return span(part["least"].sum(), part["most"].sum(), sign)
