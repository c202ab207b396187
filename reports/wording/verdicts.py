"""The table `verdicts` in words: what is said of an area and measure is decided there, once, and only read here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reports.tables import Published
from reports.wording import cells
from reports.wording.words import Words, is_missing, joined, measure_rank, period_label

TOTALS = ("offence", "exploitation", "sex", "age")
# a dot more for each word of the published list of evidence
DOTS = {"strong": "●●●", "fair": "●●○", "limited": "●○○", "none": "○○○"}
NO_FINDING = "Looks like a change, is not"


@dataclass
class Verdicts:
    """Rows of the table by series, and the row that speaks for an area and measure."""

    published: Published
    by_series: dict[str, dict[str, Any]] = field(default_factory=dict)
    _speaking: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _by_area: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table = self.published.table("verdicts")
        for row in table.to_dict("records") if len(table) else []:
            self.by_series[row["series_id"]] = row
            key = (row["area_code"], row["measure"])
            if row["is_headline"]:
                self._speaking[key] = row
            elif is_carried(row) and is_total(row):
                # a sum that two areas carry has no headline: that is what is said of it
                self._speaking.setdefault(key, row)

    def of(self, area_code: str, measure: str) -> dict[str, Any] | None:
        """The row that speaks for the area and measure; None where none does."""
        return self._speaking.get((area_code, measure))

    def of_area(self, area_code: str) -> list[dict[str, Any]]:
        """What is said of the area, a row a measure, main measures first."""
        if not self._by_area:
            for (code, _), row in self._speaking.items():
                self._by_area.setdefault(code, []).append(row)
        return sorted(self._by_area.get(area_code, []), key=lambda row: measure_rank(row["measure"]))

    def headlines(self) -> list[dict[str, Any]]:
        return [row for row in self.by_series.values() if row["is_headline"]]

    def carried(self) -> list[dict[str, Any]]:
        """Sums over areas that seem to have changed and do not without the two areas that contribute most."""
        return [row for row in self.by_series.values() if is_carried(row) and row["change_word"] in ("rose", "fell")]

    def label(self, area_code: str, measure: str) -> str:
        """The verdict in a few words, the same on every page; a dash where there is none."""
        row = self.of(area_code, measure)
        return "–" if row is None else label(row)


def is_total(row: dict[str, Any]) -> bool:
    return all(row[name] in ("_T", "") for name in TOTALS)


def is_carried(row: dict[str, Any]) -> bool:
    return "two_areas_carry" in listed(row["reasons"])


def listed(codes: Any) -> list[str]:
    return [code for code in str(codes or "").split(";") if code]


def label(row: dict[str, Any]) -> str:
    return NO_FINDING if is_carried(row) and row["change_word"] in ("rose", "fell") else row["verdict_label"]


def words_of_change(row: dict[str, Any], words: Words) -> str:
    """The change alone, for a part beside its total."""
    return words.label("change_word", row["change_word"])


def counted_by(row: dict[str, Any], words: Words) -> str:
    """`, counted by one kind of body (police)` where the figures are not those of all."""
    if "one_kind_of_body" not in listed(row["reasons"]):
        return ""
    return f", counted by one kind of body ({words.label('reporter', row['reporter']).lower()})"


def ratio(
    row: dict[str, Any], column: str = "change_ratio_a_year", low: str = "change_low", high: str = "change_high"
) -> str:
    """`+4.2 % a year (95 % interval +1.2 % to +7.1 %)`, or nothing where no ratio is told."""
    if is_missing(row[column]):
        return ""
    text = f"{cells.change(row, column)} a year"
    if is_missing(row[low]) or is_missing(row[high]):
        return text
    return f"{text} (95 % interval {cells.change(row, low)} to {cells.change(row, high)})"


def ends(row: dict[str, Any]) -> str:
    """`from 17,000 in 2010 to 46,000 in 2020`."""
    first, last = (cells.figure(row, f"value_{end}", f"lower_{end}", f"upper_{end}") for end in ("first", "last"))
    if "–" in (first, last):
        return ""
    return f"from {first} in {period_label(row['period_first'])} to {last} in {period_label(row['period_last'])}"


def sentence(row: dict[str, Any], words: Words) -> str:
    """What the row says in one or two sentences: the change, from what to what, how fast, and the level."""
    measure = f"{words.measure(row['measure'], row['exploitation'])}{counted_by(row, words)}"
    said = {
        "rose": f"{measure} rose",
        "fell": f"{measure} fell",
        "no_clear_change": f"{measure}: no clear change",
        "too_short": f"{measure}: too short for a trend",
        "not_comparable": f"{measure}: not comparable over time",
    }.get(row["change_word"], measure)
    if is_carried(row) and row["change_word"] in ("rose", "fell"):
        said = f"{measure}: the sum {row['change_word']}, but two areas carry that"
    text = ", ".join(part for part in (said, ends(row), ratio(row)) if part) + "."
    if row["level_word"] in ("above_peers", "below_peers"):
        side = {"above_peers": "above", "below_peers": "below"}[row["level_word"]]
        text += f" {period_label(row['level_period'])} lies {side} the range of its peers"
        times = (
            ""
            if is_missing(row["level_ratio"])
            else f": {cells.number(row, 'level_ratio', 2)} times what they would give"
        )
        text += f"{times}."
    return text


def reasons(row: dict[str, Any], words: Words) -> str:
    """The reasons in the words of the published list."""
    names = [words.label("reasons", code) for code in listed(row["reasons"])]
    return "; ".join([name if index == 0 else name[:1].lower() + name[1:] for index, name in enumerate(names)])


def of_areas(row: dict[str, Any]) -> str:
    """How many areas of a sum rose, fell or did not; nothing for what is no sum over a panel."""
    if is_missing(row["areas_panel_count"]):
        return ""
    parts = [
        f"{cells.number(row, column)} {said}"
        for column, said in (
            ("areas_rose_count", "rose"),
            ("areas_fell_count", "fell"),
            ("areas_no_clear_change_count", "show no clear change"),
            ("areas_not_assessed_count", "could not be judged"),
        )
        if not is_missing(row[column]) and row[column] > 0
    ]
    return f"Of {cells.number(row, 'areas_panel_count')} areas that report in every period {joined(parts)}."


def of_contributors(row: dict[str, Any], published: Published) -> str:
    """The two areas that make most of the change, and what is left without them."""
    named = [
        f"{published.area_names.get(area, area)} ({cells.percent(row, f'top_contributor_{place}_share')})"
        for place in (1, 2)
        if (area := row[f"top_contributor_{place}_area"]) and not is_missing(row[f"top_contributor_{place}_share"])
    ]
    # what makes up a change is of interest where there is one
    if not named or row["change_word"] not in ("rose", "fell"):
        return ""
    text = f"Most of the change comes from {joined(named)}."
    word = published.words.label("change_word", row["change_word_without_top_two"])
    if word:
        rest = ratio(row, "change_ratio_without_top_two", "change_low_without_top_two", "change_high_without_top_two")
        text += f" Without them: {word.lower()}{f', {rest}' if rest else ''}."
    return text
