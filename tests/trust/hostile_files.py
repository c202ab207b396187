"""Hostile files by the dozen, each made by a function from a seed: what it is, and what has to become of it.

Every file is sent by a partner of its own, beside honest partners, so that one run takes them all.
"""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HEADER = "area,year,sex,count\n"
SOUND = HEADER + "QMA,2021,all,12\nQMA,2022,all,14\nQMA,2022,women,8\nQMA,2022,men,6\nQMB,2022,all,<5\n"
ACCEPTED = ("accepted", "accepted_with_warnings")


@dataclass(frozen=True)
class Hostile:
    """content: bytes, or text in UTF-8. outcomes: what may become of it. code: a problem that has to be named.

    planted: texts that may stand in no file of the home outside the sealed landing folder.
    """

    content: bytes
    outcomes: tuple[str, ...]
    code: str | None = None
    planted: tuple[str, ...] = ()
    name: str = "victims_1.csv"
    contract: dict[str, Any] = field(default_factory=dict)


def text(body: str, *outcomes: str, code: str | None = None, encoding: str = "utf-8", **more: Any) -> Hostile:
    return Hostile(body.encode(encoding), outcomes or ("rows_quarantined",), code, **more)


def row(cells: str) -> str:
    """A sound table with one more row."""
    return SOUND + cells + "\n"


def personal(planted: str, column: str = "sex") -> Hostile:
    """One person's text in one cell of a column that the contract reads."""
    places = {"sex": f'QMC,2022,"{planted}",3', "area": f'"{planted}",2022,all,3', "year": f'QMC,"{planted}",all,3'}
    places["count"] = f'QMC,2022,all,"{planted}"'
    return text(row(places[column]), "refused", "rows_quarantined", planted=(planted,))


def extra(header: str, planted: str) -> Hostile:
    body = f"area,year,sex,count,{header}\nQMA,2022,all,12,\nQMB,2022,all,9,{planted}\n"
    return text(body, "refused", planted=(planted,))


def values() -> Iterator[tuple[str, Hostile]]:
    for name, cell, code in (
        ("17 digits", "12345678901234567", "R-range:"),
        ("40 digits", "9" * 40, "R-range:"),
        ("4000 digits", "7" * 4000, "R-range:"),
        ("negative", "-3", "R-negative"),
        ("nan", "NaN", "R-value"),
        ("inf", "inf", "R-value"),
        ("1e400", "1e400", "R-value"),
        ("hexadecimal", "0x1F", "R-value"),
        ("Arabic digits", "١٢", "R-value"),
        ("fraction", "3.5", "R-fraction"),
        ("fraction of 40 places", "1." + "3" * 40, None),
        ("two numbers", "3 4", "R-value"),
        ("minus of typesetters", "\u22123", "R-value"),
        ("empty", "", "R-value-empty"),
        ("formula", "\"=cmd|' /C calc'!A0\"", "R-value"),
        ("just over the limit", "100000000001", "R-range:"),
    ):
        yield f"value: {name}", text(row(f"QMC,2022,all,{cell}"), "rows_quarantined", code=code and code.rstrip(":"))
    yield "value: 4.2 million victims", text(row("QMC,2022,all,4200000"), *ACCEPTED, code="W-implausible")
    for name, period in (
        ("0000", "0000"),
        ("9999", "9999"),
        ("29 February", "2023-02-29"),
        ("13", "2023-13"),
        ("text", "x"),
    ):
        yield f"period: {name}", text(row(f"QMC,{period},all,3"), "rows_quarantined", code="R-period")
    yield "period: after the issue", text(row("QMC,2030,all,3"), "rows_quarantined", code="R-period-after-issue")
    for day in ("99991231", "00010101", "20230231"):
        issue = {"file_name": r"_(?P<date>\d{8})", "date_format": "%Y%m%d"}
        more = {"name": f"victims_{day}.csv", "contract": {"files": [{"pattern": "victims_*", "issued_on": issue}]}}
        yield f"issue date {day}", text(SOUND, "refused", code="F-issue-date", **more)
    totals = {"check_totals": [{"column": "area", "member": "All"}, {"column": "sex", "member": "all"}]}
    cells = "QMA,2022,women,8\nQMA,2022,men,6\nQMB,2022,women,2\nQMB,2022,men,4\n"
    yield (
        "total: grand total over two columns",
        text(f"{HEADER}All,2022,all,99\n{cells}", *ACCEPTED, code="W-total", contract=totals),
    )
    yield "duplicates", text(row("QMA,2022,all,14"), "rows_quarantined", code="R-duplicate")


def tables() -> Iterator[tuple[str, Hostile]]:
    yield "empty", text("", "refused", code="F-empty")
    yield "only a header", text(HEADER, "refused", code="F-empty")
    yield "no header", text("QMA,2022,all,12\nQMB,2022,all,3\n", "refused", code="F-header-missing")
    yield "header twice", text("area,year,sex,count,sex\nQMA,2022,all,1,all\n", "refused", code="F-header-twice")
    yield (
        "another column twice",
        text("area,year,sex,count,b,b\nQMA,2022,all,1,2,3\n", "refused", code="F-undeclared-columns"),
    )
    yield "ragged rows", text(row("QMC,2022"), "rows_quarantined", code="R-cells")
    yield "a stray delimiter", text(row("QMC,2022,all,3,9"), "rows_quarantined", code="R-cells")
    yield "open quotation", text(row('QMC,2022,"all,3'), "refused", code="F-quoting")
    yield "another delimiter", text(SOUND.replace(",", ";"), "refused", code="F-header-missing")
    yield (
        "10,000 columns",
        text(
            "area,year,sex,count," + ",".join(f"x{n}" for n in range(10_000)) + "\nQMA,2022,all,1\n",
            "refused",
            code="F-too-large",
        ),
    )
    yield "a huge cell", text(row(f"QMC,2022,{'y' * 100_000},3"), "refused", code="F-too-large")
    yield "a long label", text(row(f"QMC,2022,{'y' * 400},3"), "rows_quarantined", code="R-label-long")
    yield "NUL", text(row("QM\0C,2022,all,3"), "rows_quarantined", "refused")
    yield "bidi", text(row("QMC,2022,\u202ella,3"), "rows_quarantined", code="R-control")
    yield "zero width", text(row("QMC,2022,wo\u200bmen,3"), *ACCEPTED, code="W-look-alike")
    yield "Cyrillic letter", text(row("QMC,2022,w\u043emen,3"), *ACCEPTED, code="W-look-alike")
    yield "wide letters", text(row("QMC,2022,\uff4den,3"), *ACCEPTED, code="W-look-alike")
    yield "utf-16 with mark", text(SOUND, "refused", code="F-encoding", encoding="utf-16")
    yield "utf-16 without mark", text(SOUND, "refused", encoding="utf-16-le")
    yield "utf-8 with mark", text(SOUND, *ACCEPTED, encoding="utf-8-sig")
    yield "latin-1", text(row("QMC,2022,fémin,3"), "refused", code="F-encoding", encoding="latin-1")
    yield "half a character", Hostile(SOUND.encode() + b"QMC,2022,\xe2\x82", ("refused",), "F-encoding")
    for name, label in (
        ("HTML", "<script>alert(1)</script>"),
        ("Jinja", "{{ 7*7 }}{% raw %}"),
        ("SQL", "'; DROP TABLE observations; --"),
        ("formula", "=HYPERLINK(0)"),
        ("path", "../../etc/passwd"),
    ):
        yield f"label: {name}", text(row(f"QMC,2022,{label},3"), *ACCEPTED, code="W-unmapped", planted=())
    for name in ("victims_{{ 1 }}.csv", "victims_'; --.csv", "victims_\n\x1b[2J.csv", "victims_" + "z" * 230 + ".csv"):
        yield f"file name {name[8:14]!r}", text(SOUND, *ACCEPTED, name=name)
    yield "compressed", Hostile(gzip.compress(SOUND.encode()), ("refused",), "F-type")
    yield "a truncated archive", Hostile(b"PK\x03\x04" + b"\0" * 40, ("refused",), "F-type")
    yield "wrong alarm 0024-10", text(row("0024-10,2022,all,3"), *ACCEPTED)
    yield "wrong alarm periods", text(row("2023-Q2,2022,all,3\n10/2023,2022,all,3\n2023/24,2022,all,3"), *ACCEPTED)
    yield "wrong alarm postcodes", text(row("SW1A 1AA,2022,all,3\n01069,2022,all,3\n00-950,2022,all,3"), *ACCEPTED)


def json_lines() -> Iterator[tuple[str, Hostile]]:
    form = {"contract": {"format": {"type": "jsonl"}}, "name": "victims_1.jsonl"}
    good = '{"area": "QMA", "year": 2022, "sex": "all", "count": 3}\n'
    yield "json: deep", text(good + "[" * 50_000 + "\n", "rows_quarantined", **form)
    yield (
        "json: nested",
        text(
            good + '{"area": {"a": 1}, "year": 2022, "sex": "all", "count": 3}\n',
            "rows_quarantined",
            code="R-json-nested",
            **form,
        ),
    )
    yield (
        "json: key twice",
        text(
            good + '{"area": "QMB", "area": "QMC", "year": 2022}\n', "rows_quarantined", code="R-json-key-twice", **form
        ),
    )
    yield (
        "json: NaN",
        text(
            good + '{"area": "QMB", "year": 2022, "sex": "all", "count": NaN}\n',
            "rows_quarantined",
            code="R-json",
            **form,
        ),
    )
    yield (
        "json: 1e400",
        text(
            good + '{"area": "QMB", "year": 2022, "sex": "all", "count": 1e400}\n',
            "rows_quarantined",
            code="R-value",
            **form,
        ),
    )


def parquet_bytes(columns: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def parquets(seed: int) -> Iterator[tuple[str, Hostile]]:
    form = {"contract": {"format": {"type": "parquet"}}, "name": "victims_1.parquet"}
    sound = {"area": ["QMA"] * 50, "year": list(range(1951, 2001)), "sex": ["all"] * 50, "count": list(range(50))}
    raw = parquet_bytes(sound)
    anything = (*ACCEPTED, "rows_quarantined", "refused")
    chance = random.Random(seed)
    for number in range(12):
        flipped = bytearray(raw)
        # most of a small file is its metadata, where a reader trusts what it finds
        place = chance.randrange(4, len(raw) - 8)
        flipped[place] ^= 1 << chance.randrange(8)
        yield f"parquet: bit flipped {number}", Hostile(bytes(flipped), anything, **form)
    yield "parquet: cut off", Hostile(raw[:-20], ("refused",), "F-type", **form)
    yield "parquet: nested", Hostile(parquet_bytes({**sound, "sex": [["all"]] * 50}), ("refused",), "F-type", **form)
    yield (
        "parquet: decimal256",
        Hostile(
            parquet_bytes({**sound, "count": pa.array([Decimal(10) ** 60] * 50, pa.decimal256(70, 2))}),
            ("refused",),
            "F-no-row-accepted",
            **form,
        ),
    )
    yield (
        "parquet: timestamps",
        Hostile(parquet_bytes({**sound, "year": [datetime(2020, 5, 17)] * 50}), ("refused",), **form),
    )
    yield (
        "parquet: dictionary",
        Hostile(parquet_bytes({**sound, "sex": pa.array(["all"] * 50).dictionary_encode()}), ACCEPTED, **form),
    )
    yield (
        "parquet: NaN and infinity",
        Hostile(
            parquet_bytes({**sound, "count": [float("nan"), float("inf"), 1e300, *map(float, range(47))]}),
            ("rows_quarantined",),
            **form,
        ),
    )
    yield "parquet: text that is none", Hostile(
        parquet_bytes({**sound, "sex": pa.array([b"\xff"] * 50)}),
        ("refused",), "F-type", **form
    )  # fmt: skip


SHEET = "xl/worksheets/sheet1.xml"


def workbook(rows: str, more: dict[str, bytes] | None = None) -> bytes:
    """A workbook of one sheet `data`, written by hand so that it can be wrong in any way."""
    space = "http://schemas.openxmlformats.org"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{space}/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{space}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{space}/spreadsheetml/2006/main" xmlns:r="{space}/officeDocument/2006/relationships">'
        '<sheets><sheet name="data" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{space}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        SHEET: f'<worksheet xmlns="{space}/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>',
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**parts, **(more or {})}.items():
            archive.writestr(name, content)
    return stream.getvalue()


def cells(number: int, *texts: str) -> str:
    found = "".join(
        f'<c r="{"ABCDEFG"[index]}{number}" t="inlineStr"><is><t>{each}</t></is></c>'
        for index, each in enumerate(texts)
    )
    return f'<row r="{number}">{found}</row>'


def workbooks(seed: int) -> Iterator[tuple[str, Hostile]]:
    form: dict[str, Any] = {"contract": {"format": {"type": "xlsx", "sheet": "data"}}, "name": "victims_1.xlsx"}
    rows = cells(1, "area", "year", "sex", "count") + cells(2, "QMA", "2022", "all", "3")
    sound = workbook(rows)
    yield "xlsx: sound", Hostile(sound, ACCEPTED, **form)
    yield (
        "xlsx: a cell in the last corner",
        Hostile(
            workbook(rows + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
            ("refused",),
            "F-too-large",
            **form,
        ),
    )
    yield (
        "xlsx: bomb",
        Hostile(workbook(rows, {"xl/media/a.xml": b"\0" * 120_000_000}), ("refused",), "F-too-large", **form),
    )
    lying = workbook(rows + " " * 3_000_000)
    with zipfile.ZipFile(io.BytesIO(lying)) as archive:
        size = archive.getinfo(SHEET).file_size.to_bytes(4, "little")
    yield (
        "xlsx: says less than it holds",
        Hostile(lying.replace(size, (900).to_bytes(4, "little")), ("refused",), **form),
    )
    yield (
        "xlsx: macros and links",
        Hostile(
            workbook(
                rows,
                {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0", "xl/externalLinks/externalLink1.xml": b"<externalLink/>"},
            ),
            ACCEPTED,
            **form,
        ),
    )
    yield "xlsx: formula error", Hostile(
        workbook(rows + '<row r="3"><c r="A3" t="inlineStr"><is><t>QMB</t></is></c><c r="D3" t="e"><v>#REF!</v></c></row>'),
        ("rows_quarantined", "refused"), **form
    )  # fmt: skip
    yield "xlsx: cut off", Hostile(sound[: len(sound) // 2], ("refused",), "F-type", **form)
    chance = random.Random(seed)
    for number in range(6):
        flipped = bytearray(sound)
        flipped[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        yield f"xlsx: bit flipped {number}", Hostile(bytes(flipped), (*ACCEPTED, "rows_quarantined", "refused"), **form)


def persons() -> Iterator[tuple[str, Hostile]]:
    for planted in (
        "Jana Nováková", "OKONKWO Ngozi", "Frau Petersen", "Zorvath Qelmin", "J. N.", "Иванова Анна", "1994-03-17", "17.03.1994",
        "44051401359", "529.982.247-25", "QQ123456C", "C01X00T47", "078-05-1120", "GB82 WEST 1234 5698 7654 32", "jana@post.example",
        "+44 20 7946 0958", "030 901820 77", "52.52001", "52.52001, 13.40495", "https://example.org/jana",
        "she was met at the station by him", "RSSMRA85T10A562S", "4111 1111 1111 1111",
    ):  # fmt: skip
        yield f"person: {planted[:12]}", personal(planted)
    for planted in ("Jana Nováková", "jana@post.example", "44051401359", "Amina Diallo"):
        yield f"person among areas: {planted[:12]}", personal(planted, "area")
        yield f"person among figures: {planted[:12]}", personal(planted, "count")
        yield f"person among years: {planted[:12]}", personal(planted, "year")
    for header, planted in (
        ("jina", "Wanjiku"), ("lat", "-1.28"), ("initials", "KM"), ("姓名", "王小明"), ("imię", "Zofija"), ("x", "Tamsin Oduya"), ("dob", "19940317"),
    ):  # fmt: skip
        yield f"person in the column {header}", extra(header, planted)
    cases = {
        "kind": "cases",
        "columns": {"value": None, "period": {"from": "on", "pattern": r"(?P<year>\d{4})-(?P<month>\d{2})-\d{2}"}},
    }
    yield (
        "person: a case with a day",
        text(
            "area,on,sex\nQMA,1994-03-17,women\nQMA,1994-03-18,women\n",
            "refused",
            code="F-person-data",
            planted=("1994-03-17",),
            contract=cases,
        ),
    )
    yield (
        "person in a row beyond the header",
        text(row("QMC,2022,all,3,Ngozi Okonkwo 0803 555 0199"), "refused", planted=("Ngozi Okonkwo",)),
    )
    yield (
        "person instead of a header",
        text("Ngozi Okonkwo,2022,all,3\nQMA,2022,all,1\n", "refused", planted=("Okonkwo",)),
    )


def hostile_files(seed: int = 8) -> dict[str, Hostile]:
    makers: tuple[Callable[[], Iterator[tuple[str, Hostile]]], ...] = (
        values, tables, json_lines, lambda: parquets(seed), lambda: workbooks(seed), persons,
    )  # fmt: skip
    return {name: hostile for make in makers for name, hostile in make()}
