"""Section on the mix of forms: where it shifted, which forms grew and shrank, and what could not be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports import cells, maps
from reports.words import name_order, number, percent, period_label, probability

if TYPE_CHECKING:
    import pandas as pd

    from reports.pages import Site

PLACE = ["measure", "area_level", "area_code", "source", "dataset", "area_role", "reporter", "unit", "comparison"]
ROWS = 200


def compositions(site: Site) -> dict[str, Any] | None:
    """One row an area and comparison with a clear shift, by measure, level and name; the refused ones by reason.

    None where the release holds no such table.
    """
    table = site.published.table("compositions")
    if table.empty:
        return None
    tables = table.drop_duplicates(PLACE)
    assessed, refused = tables[tables["eligibility"] == "assessed"], tables[tables["eligibility"] != "assessed"]
    moved = table[table["direction"].isin(["grew", "shrank"])]
    shifted = [_shift(site, rows) for _, rows in moved.groupby(PLACE, sort=False)]
    shifted.sort(key=lambda row: row["order"])
    areas = moved["area_code"].nunique()
    summary = f"{number(len(assessed))} mix{'es' if len(assessed) != 1 else ''} of forms could be compared between two years; "
    summary += (
        f"{number(len(shifted))} in {number(areas)} area{'s' if areas != 1 else ''} shifted."
        if areas
        else "none shifted."
    )
    reasons = refused["eligibility_reason"].value_counts()
    newest = str(assessed["period_last"].max()) if len(assessed) else ""
    return {
        "summary": summary,
        "rows": shifted[:ROWS],
        "total": len(shifted),
        "refused_count": number(len(refused)),
        "count": number(len(tables)),
        "refused": [
            {"reason": f"{text[:1].upper()}{text[1:]}", "count": number(reasons[text])}
            for text in sorted(reasons.index, key=lambda text: (-reasons[text], text))
        ],
        "facts": site.provenance(assessed["source"].unique(), newest, "tables/compositions.csv")
        if len(assessed)
        else None,
    }


def _shift(site: Site, rows: pd.DataFrame) -> dict[str, Any]:
    """What moved in one area between two years."""
    words, first = site.published.words, rows.iloc[0].to_dict()
    moves = {
        direction: "; ".join(
            f"{words.label('exploitation', row['exploitation'])} {cells.percent(row, 'share_first')} to "
            f"{cells.percent(row, 'share_last')}"
            for row in rows[rows["direction"] == direction].sort_values("exploitation").to_dict("records")
        )
        for direction in ("grew", "shrank")
    }
    return {
        "order": (
            *maps.measure_rank(str(first["measure"])), site.book.level_rank(first["area_level"]), name_order(first["area_name"]),
            str(first["area_code"]), str(first["source"]), str(first["dataset"]), str(first["comparison"]),
        ),
        "code": first["area_code"],
        "name": first["area_name"],
        "what": words.label("measure", first["measure"]),
        "source": site.published.source_name(first["source"]),
        "years": f"{period_label(first['period_first'])} to {period_label(first['period_last'])}",
        "grew": moves["grew"] or "–",
        "shrank": moves["shrank"] or "–",
        "size": cells.number(first, "cramers_v", 2),
        "q": cells.probability(first, "q_bh"),
        "q_strict": cells.probability(first, "q_by"),
    }  # fmt: skip
