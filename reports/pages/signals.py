"""Sections that ask a question rather than answer one: alerts, reports still coming in, clusters found by the scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from reports.charts import palette
from reports.charts.drawings import Line, Point, line_chart
from reports.charts.series import Series
from reports.tables import parts_of
from reports.wording import cells
from reports.wording.words import joined, measure_rank, name_order, period_label, period_position

if TYPE_CHECKING:
    from reports.charts.site import Site


CHARTS, ROWS, NAMES, YEARS_DRAWN = 24, 600, 12, 6


def alerts(site: Site) -> dict[str, Any] | None:
    """Newest counts that are out of line with their own past, by measure and name; and what was not judged, by reason.

    None where the release holds no table of alerts.
    """
    table = site.published.table("alerts")
    if table.empty:
        return None
    words = site.published.words
    found = _in_order(table[table["is_alarm"].astype(bool)])
    drawn = [series for each in found["series_id"].unique() if (series := site.book.by_id.get(each))]
    newest = str(table["period"].max())
    summary = site.summary
    text = ""
    if summary.row("alerts_raised"):
        text = (
            f"{summary.of('alerts_raised')} counts of {summary.number('series_judged_for_alerts')} series, up to "
            f"{period_label(newest)}, were held against the past of their series"
        )
        text += (
            f"; {summary.number('alerts_raised')} in {summary.counted('areas_alerted', 'area')} stand above it."
            if summary.has("alerts_raised")
            else "; none stands above it."
        )
    return {
        "summary": text,
        "charts": [_alert_chart(site, series, table) for series in drawn[:CHARTS]],
        "chart_note": "Drawn: the first series with an alert; the table holds all." if len(drawn) > CHARTS else "",
        "rows": [
            {
                "code": row["area_code"],
                "name": row["area_name"],
                "what": _what(words, row),
                "period": period_label(row["period"]),
                "value": cells.number(row),
                "expected": cells.number(row, "expected_count", 1),
                "limit": cells.number(row, "limit_upper", 1),
                "q": cells.probability(row, "q_bh"),
                "q_strict": cells.probability(row, "q_by"),
                "method": words.label("method", row["method"]),
            }
            for row in found.head(ROWS).to_dict("records")
        ],
        "is_cut": len(found) > ROWS,
        "total": summary.number("alerts_raised"),
        "unjudged": _by_reason(site, table[table["eligibility"] != "assessed"]),
        "facts": site.provenance(table["source"].unique(), newest, "tables/alerts.csv"),
    }


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """By measure, name, form and period: no league table."""
    rank = rows["measure"].map(lambda measure: measure_rank(measure)[0])
    keys = rows.assign(_rank=rank, _name=rows["area_name"].map(name_order), _is_part=rows["exploitation"] != "_T")
    by = ["_rank", "measure", "_name", "area_code", "_is_part", "exploitation", "series_id", "period"]
    return rows.loc[keys.sort_values(by, kind="stable").index]


def _what(words: Any, row: dict[str, Any]) -> str:
    return words.measure(row["measure"], row["exploitation"])


def _by_reason(site: Site, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Why counts were not judged, the most frequent reason first, and whose they are."""
    words, parts = site.published.words, []
    members = {key[0]: part for key, part in parts_of(rows, ["eligibility_reason"])}
    for row in sorted(site.summary.rows("alerts_left_out", measure="_T"), key=lambda row: (-row["value"], row["word"])):
        part = members.get(row["word"])
        reason = words.reason(part["eligibility"].iat[0] if part is not None else "not_assessed", row["word"])
        named = _named(part.drop_duplicates("area_code")) if part is not None else []
        parts.append(
            {
                "reason": f"{reason[:1].upper()}{reason[1:]}",
                "count": cells.number(row),
                "areas": named[:NAMES],
                "has_more": len(named) > NAMES,
            }
        )
    return parts


def _newest_points(site: Site, series: Series) -> list[Point]:
    points = site.book.points(series)
    return [point for point in points if point.position > points[-1].position - YEARS_DRAWN]


def _alert_chart(site: Site, series: Series, table: pd.DataFrame) -> dict[str, Any]:
    words = site.published.words
    mine = table[(table["series_id"] == series.key["series_id"]) & (table["eligibility"] == "assessed")]
    mine = mine.sort_values("period")
    expected, limit = (
        [
            Point(
                period_position(row["period"]),
                row[column],
                f"{period_label(row['period'])}: {said} {cells.number(row, column, 1)}",
            )
            for row in mine.to_dict("records")
        ]
        for column, said in (("expected_count", "expected"), ("limit_upper", "limit"))
    )
    name = f"{words.measure(series.key['measure'], series.key['exploitation'])}, {series.key['area_name']}"
    lines = [
        Line(_newest_points(site, series), "figures"),
        Line(expected, "expected", palette.MUTED, dashed=True),
        Line(limit, "limit", palette.HIGH, dashed=True),
    ]
    above = mine[mine["is_alarm"].astype(bool)]
    said = [
        f"{period_label(row['period'])}: {cells.number(row)} where {cells.number(row, 'expected_count', 1)} are expected"
        for row in above.to_dict("records")
    ]
    return {
        "code": series.key["area_code"],
        "name": series.key["area_name"],
        "svg": Markup(line_chart(lines, site.book.marks(series), f"{name}, newest counts against the past")),
        "text": f"{words.measure(series.key['measure'], series.key['exploitation'])}. {'; '.join(said)}.",
    }


def nowcasts(site: Site) -> dict[str, Any] | None:
    """What is reported of periods whose reports are still coming in, and what is to be expected; None without any."""
    table = site.published.table("nowcasts")
    if table.empty:
        return None
    words = site.published.words
    known = table[(table["eligibility"] == "assessed") & (table["completeness_share"].round(3) != 1)]
    open_ = table[table["is_incomplete"].astype(bool)]
    refused = table[table["eligibility"] != "assessed"]
    if known.empty and open_.empty:
        return None
    by_source = {
        source: [period_label(period) for period in sorted(rows["period"].unique())]
        for (source,), rows in parts_of(open_, ["source"])
    }
    summary = "; ".join(
        f"{site.published.source_name(source)}: {joined(periods)}" for source, periods in by_source.items()
    )
    summary = (
        f"Incomplete beyond what may be compared: {summary}." if summary else "No period is too incomplete to compare."
    )
    drawn = [
        series for each in _in_order(known)["series_id"].unique()
        if (series := site.book.by_id.get(each)) and each in set(open_["series_id"])
    ]  # fmt: skip
    drawn.sort(key=lambda series: site.book.level_rank(series.key["area_level"]))
    reasons = (
        []
        if len(known)
        else sorted({words.reason("", reason).removeprefix(": ") for reason in refused["eligibility_reason"]})
    )
    shown = _in_order(known)
    return {
        "summary": summary,
        "charts": [_nowcast_chart(site, series, known) for series in drawn[:CHARTS]],
        "chart_note": "Drawn: the first series, whole countries first." if len(drawn) > CHARTS else "",
        "rows": [
            {
                "code": row["area_code"],
                "name": row["area_name"],
                "what": _what(words, row),
                "period": period_label(row["period"]),
                "value": cells.number(row),
                "expected": cells.number(row, "expected_count", 1),
                "interval": cells.interval(row, "low_count", "high_count"),
                "complete": cells.percent(row, "completeness_share"),
                "source_complete": cells.percent(row, "reporting_completeness_share"),
            }
            for row in shown.head(ROWS).to_dict("records")
        ],
        "is_cut": len(shown) > ROWS,
        "total": site.summary.number("nowcasts_assessed"),
        "reason": joined(reasons),
        "facts": site.provenance(
            (known if len(known) else open_)["source"].unique(), str(table["period"].max()), "tables/nowcasts.csv"
        ),
    }


def _nowcast_chart(site: Site, series: Series, table: pd.DataFrame) -> dict[str, Any]:
    words = site.published.words
    mine = table[table["series_id"] == series.key["series_id"]].sort_values("period")
    labels = [
        f"{period_label(row['period'])}: {cells.number(row, 'expected_count')} to be expected "
        f"({cells.interval(row, 'low_count', 'high_count')}), {cells.percent(row, 'completeness_share')} reported"
        for row in mine.to_dict("records")
    ]
    positions = [period_position(period) for period in mine["period"]]
    expected = [Point(*each) for each in zip(positions, mine["expected_count"], labels, strict=True)]
    bounds = [
        Point(position, None, label, low, high)
        for position, label, low, high in zip(positions, labels, mine["low_count"], mine["high_count"], strict=True)
    ]
    colour = palette.LINES[1]
    lines = [
        Line(_newest_points(site, series), "reported"),
        Line(bounds, "95 % limits", colour),
        Line(expected, "expected", colour, dashed=True),
    ]
    name = f"{words.measure(series.key['measure'], series.key['exploitation'])}, {series.key['area_name']}"
    return {
        "code": series.key["area_code"],
        "name": series.key["area_name"],
        "svg": Markup(line_chart(lines, site.book.marks(series), f"{name}, reported and expected")),
        "text": f"{words.measure(series.key['measure'], series.key['exploitation'])}. {labels[-1]}.",
    }


def clusters(site: Site) -> dict[str, Any] | None:
    """The clusters of each scanned map, maps of totals first; the maps and areas that were not scanned, with the reason.

    `scans` holds one entry a method: in space alone, and in space and time. None where the release has no such table.
    """
    table = site.published.table("clusters")
    if table.empty:
        return None
    scans = {}
    for method, name in (("circular_scan", "in_space"), ("space_time_prospective", "in_time")):
        rows = table[table["method"] == method]
        if len(rows):
            scans[name] = _scan(site, rows)
    return {"permutations": cells.number(table.iloc[0], "permutations"), "in_space": None, "in_time": None, **scans}


def _scan(site: Site, table: pd.DataFrame) -> dict[str, Any]:
    words = site.published.words
    scanned, refused = [], []
    for _, rows in sorted(parts_of(table, ["map_id"]), key=lambda item: _map_order(item[1].iloc[0])):
        first = rows.iloc[0]
        start, end = rows["period_first"].min(), rows["period_last"].max()
        title = f"{words.measure(first['measure'], first['exploitation'])}, "
        title += f"{words.label('area_level', first['area_level']).lower()}"
        title += f", {words.label('source_type', first['source_type']).lower()}, {period_label(start)}"
        title += f" to {period_label(end)}" if end != start else ""
        if (rows["eligibility"] == "assessed").any():
            scanned.append({"title": title, "clusters": _found(rows), "left_out": _left_out(words, rows)})
        else:
            refused.append({"title": title, "reason": "; ".join(sorted(set(rows["eligibility_reason"]) - {""}))})
    return {
        "maps": scanned,
        "refused": refused,
        "facts": site.provenance(table["source"].unique(), str(table["period_last"].max()), "tables/clusters.csv"),
    }


def _map_order(first: pd.Series) -> tuple:
    return (
        first["exploitation"] != "_T",
        measure_rank(str(first["measure"])),
        str(first["area_level"]),
        str(first["map_id"]),
    )


def _found(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry a cluster, in the order of the name of its centre: the list is no league table."""
    found = []
    for _, members in parts_of(rows[rows["cluster_id"] != ""], ["cluster_id"]):
        first, centre = members.iloc[0], members[members["is_centre"].astype(bool)].iloc[0]
        found.append(
            {
                "centre": (centre["area_code"], centre["area_name"]),
                "areas": _named(members),
                "since": period_label(first["period_first"]),
                "radius": cells.number(first, "radius_km", 0),
                "cases": cells.number(first, "cases_count"),
                "expected": cells.number(first, "expected_count"),
                "relative_risk": cells.number(first, "relative_risk"),
                "p": cells.probability(first, "p"),
            }
        )
    return sorted(found, key=lambda cluster: (name_order(cluster["centre"][1]), cluster["centre"][0]))


def _left_out(words: Any, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Areas of a scanned map that were not in the scan, by reason."""
    return [
        {
            "reason": words.reason("", reason).removeprefix(": "),
            "areas": _named(members),
        }
        for (reason,), members in parts_of(rows[rows["eligibility"] != "assessed"], ["eligibility_reason"])
    ]


def _named(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Code and name of each area, in the order of names."""
    return sorted(zip(rows["area_code"], rows["area_name"], strict=True), key=lambda area: name_order(area[1]))
