"""Quarterly tables of the police partners, and the one whose registrations come late, issue by issue."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from demonstration.counts import SLOW_COUNTRY, on_file
from demonstration.files import Row, write_parquet, write_text, write_xlsx
from demonstration.police_desk import HEADERS, LANGUAGES, Desk, thousands, xlsx_date
from demonstration.region import COUNTRIES, QUARTERS, quarter_index

# date of issue, first and last quarter in the file
_Issue = tuple[str, tuple[int, int], tuple[int, int]]
QUARTERLY_ISSUES: dict[str, tuple[_Issue, ...]] = {
    **dict.fromkeys(COUNTRIES, (("20250210", (2015, 1), (2024, 4)),)),
    "QMA": (("20240212", (2015, 1), (2023, 4)), ("20250210", (2024, 1), (2024, 4))),
    "QMB": (("20240219", (2015, 1), (2023, 4)), ("20250217", (2015, 1), (2024, 4))),
    "QMF": (("20240212", (2015, 1), (2023, 4)), ("20240513", (2024, 1), (2024, 1))),
    "QMG": (("20220214", (2015, 1), (2021, 4)),),
}
SLOW_QUARTERS_SHOWN = 6  # quarters in each issue of the slow partner
SLOW_FIRST_ISSUE = (2022, 1)  # the quarter after which its first kept issue came out
SLOW_ARCHIVE_UNTIL = (2022, 4)  # issues up to this one stand together in one archive file


def write(desk: Desk) -> None:
    """Write one partner's quarterly files."""
    if desk.country == SLOW_COUNTRY:
        _write_slow(desk)
        return
    for issue, start, end in QUARTERLY_ISSUES[desk.country]:
        span = range(quarter_index(*start), quarter_index(*end) + 1)
        _WRITERS.get(desk.country, _write_rows)(desk, issue, span)


def _values(desk: Desk, quarter: int) -> Iterator[tuple[str, int]]:
    values = desk.counts.quarterly[desk.areas, quarter].tolist()
    yield from zip((desk.geography.codes[area] for area in desk.areas), values, strict=True)
    yield desk.country, sum(values)


_FORMS = {
    "QMA": ("sumrel_tessar", "csv", ",", "utf-8", "{1}/{0}"),
    "QME": ("kvarta", "csv", ";", "iso-8859-2", "{0}/{1}"),
    "QMF": ("tessar", "csv", ",", "utf-8", ""),
    "QMG": ("vartel", "csv", ",", "utf-8", "V{1} {0}"),
    "QMH": ("trimena", "csv", "|", "utf-8", "{0}-Q{1}"),
    "QMI": ("tessar", "csv", ";", "utf-8", "{0}-Q{1}"),
    "QMJ": ("trimena", "csv", ",", "utf-8", "{0}-Q{1}"),
    "QMK": ("trimena", "csv", ",", "utf-8", "{0}-Q{1}"),
}
_NAMES = {"1": "tessar", "2": "Vartel", "3": "kvarta", "4": "trimena"}


def _write_rows(desk: Desk, issue: str, span: range) -> None:
    stem, ending, delimiter, encoding, form = _FORMS[desk.country]
    language = LANGUAGES[desk.country]
    header = HEADERS[language]
    names = [_NAMES[language]] if form else [header[1], _NAMES[language]]
    rows: list[Row] = [[header[0], *names, header[-1]]]
    for quarter in span:
        year, number = QUARTERS[quarter]
        period: list[object] = [form.format(year, number)] if form else [year, number]
        for code, value in _values(desk, quarter):
            text = thousands(value, ".") if desk.country == "QMH" else value
            rows.append([desk.area(code, f"{year}-01-01", "victims_by_quarter"), *period, text])
    write_text(desk.folder / f"{stem}_{issue}.{ending}", rows, delimiter=delimiter, encoding=encoding)


def _write_wide(desk: Desk, issue: str, span: range) -> None:
    """Quarters as columns under the year that spans them, decimals, sub-totals between the rows, a footer."""
    years = [QUARTERS[quarter][0] for quarter in span]
    upper = ["", *(str(year) if QUARTERS[quarter][1] == 1 else "" for year, quarter in zip(years, span, strict=True))]
    lower = ["Gebrik", *(f"V{QUARTERS[quarter][1]}" for quarter in span)]
    rows: list[Row] = [["Opfrun in Brenmark, pro Vartel"], [f"Standag {issue}"], upper, lower]

    def figures(areas: list[int]) -> list[str]:
        return [f"{thousands(int(desk.counts.quarterly[areas, quarter].sum()), '.')},0" for quarter in span]

    half = len(desk.areas) // 2
    for label, areas in (("Zwissensumme Nord", desk.areas[:half]), ("Zwissensumme Suud", desk.areas[half:])):
        for area in areas:
            name = desk.area(desk.geography.codes[area], f"{years[0]}-01-01", "victims_by_quarter")
            rows.append([name, *figures([area])])
        rows.append([label, *figures(areas)])
    rows.append([desk.area("QMB", f"{years[0]}-01-01", "victims_by_quarter"), *figures(desk.areas)])
    rows.append(["Kwelle: Gendarmerie, invented"])
    write_text(desk.folder / f"vartel_{issue}.csv", rows, delimiter=";", encoding="cp1252")


def _write_xlsx_sheet(desk: Desk, issue: str, span: range) -> None:
    rows: list[Row] = [xlsx_date(issue), [], ["okrasz", "rokal", "kvarta", "čisel"]]
    for quarter in span:
        for code, value in _values(desk, quarter):
            year, number = QUARTERS[quarter]
            rows.append([desk.area(code, f"{year}-01-01", "victims_by_quarter"), year, number, value])
    write_xlsx(desk.folder / f"kvarta_{issue}.xlsx", "Tabela", rows)


def _write_parquet_table(desk: Desk, issue: str, span: range) -> None:
    rows = []
    for quarter in span:
        year, number = QUARTERS[quarter]
        for code, value in _values(desk, quarter):
            rows.append([desk.area(code, f"{year}-01-01", "victims_by_quarter"), f"{year}-Q{number}", value])
    write_parquet(desk.folder / f"islas_trimena_{issue}.parquet", ("prevana", "trimena", "numeru"), rows)


_WRITERS: dict[str, Callable[[Desk, str, range], None]] = {
    "QMB": _write_wide,
    "QMD": _write_xlsx_sheet,
    "QML": _write_parquet_table,
}


def slow_issues() -> list[tuple[str, int, range]]:
    """Issues of the slow partner: date (YYYYMMDD), the last quarter in it, and the quarters it shows."""
    issues = []
    for last in range(quarter_index(*SLOW_FIRST_ISSUE), len(QUARTERS)):
        year, number = QUARTERS[last]
        date = f"{year + 1}0214" if number == 4 else f"{year}{ {1: '0515', 2: '0814', 3: '1114'}[number] }"
        first = 0 if not issues else last - SLOW_QUARTERS_SHOWN + 1
        issues.append((date, last, range(first, last + 1)))
    return issues


def _write_slow(desk: Desk) -> None:
    """Each issue shows the last quarters as far as they are registered; older issues stand in one archive file."""
    archive: list[Row] = [["vydán", "okrasz", "kvarta", "čisel"]]
    until = quarter_index(*SLOW_ARCHIVE_UNTIL)
    for issue, last, span in slow_issues():
        rows: list[Row] = []
        for quarter in span:
            year, number = QUARTERS[quarter]
            values = on_file(desk.counts, quarter, last)[desk.areas].tolist()
            codes = [*(desk.geography.codes[area] for area in desk.areas), desk.country]
            for code, value in zip(codes, [*values, sum(values)], strict=True):
                rows.append([desk.area(code, f"{year}-01-01", "victims_by_quarter"), f"{year}-Q{number}", value])
        if last <= until:
            archive += [[f"{issue[6:]}.{issue[4:6]}.{issue[:4]}", *row] for row in rows]
        else:
            write_text(desk.folder / f"kvarta_{issue}.tsv", [["okrasz", "kvarta", "čisel"], *rows], delimiter="\t")
    write_text(desk.folder / "kvarta_archiv.tsv", archive, delimiter="\t")
