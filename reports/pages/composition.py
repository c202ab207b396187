"""Section on the mix of forms: where it shifted, which forms grew and shrank, and what could not be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.tables import parts_of
from reports.wording import cells
from reports.wording.words import measure_rank, name_order, period_label

if TYPE_CHECKING:
    import pandas as pd

    from reports.charts.site import Site

PLACE = ["measure", "area_level", "area_code", "source", "dataset", "area_role", "reporter", "unit", "comparison"]
ROWS = 200


def compositions(site: Site) -> dict[str, Any] | None:
    """One row an area and comparison with a clear shift, by measure, level and name; the refused ones by reason.

    None where the release holds no such table.
    """
    table = site.published.table("compositions")
    if table.empty:
        return None
    summary = site.summary
    moved = table[table["direction"].isin(["grew", "shrank"])]
    shifted = sorted((_shift(site, rows) for _, rows in parts_of(moved, PLACE)), key=lambda row: row["order"])
    assessed = table[table["eligibility"] == "assessed"]
    newest = str(assessed["period_last"].max()) if len(assessed) else ""
    known = summary.row("compositions_assessed") is not None
    text = (
        f"{summary.number('compositions_assessed')} of {summary.of('compositions_assessed')} mixes of forms could be "
        "compared between two years"
        if known
        else ""
    )
    text += "; the table holds those that shifted." if shifted else "; none shifted."
    return {
        "summary": text.removeprefix("; ").capitalize() if not known else text,
        "rows": shifted[:ROWS],
        "is_cut": len(shifted) > ROWS,
        "total": "",
        "refused": [
            {"reason": f"{row['word'][:1].upper()}{row['word'][1:]}", "count": cells.number(row)}
            for row in sorted(summary.rows("compositions_left_out"), key=lambda row: (-row["value"], row["word"]))
        ],
        "facts": site.provenance(set(assessed["source"]), newest, "tables/compositions.csv") if len(assessed) else None,
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
            *measure_rank(str(first["measure"])), site.book.level_rank(first["area_level"]), name_order(first["area_name"]),
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
