"""Writers of partners' files whose bytes depend on nothing but their content: no clock, no random, sorted archives."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

ZIP_DATE = (2025, 1, 1, 0, 0, 0)
Row = Sequence[object]


def write_text(path: Path, rows: Iterable[Row], *, delimiter: str = ",", encoding: str = "utf-8") -> None:
    """Delimited text; each row is written as it is, so headers, preambles and footers are rows too."""
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    write_bytes(path, stream.getvalue().encode(encoding))


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_json(path: Path, content: object, *, indent: int | None = 1) -> None:
    """JSON with keys in the given order and a line end at the end of the file."""
    text = json.dumps(content, ensure_ascii=False, indent=indent, allow_nan=False)
    write_bytes(path, (text + "\n").encode("utf-8"))


def write_parquet(path: Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    """One row group, columns of integers or text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [pa.array(list(column)) for column in zip(*rows, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, names=list(header)), path, compression="zstd")


def write_xlsx(path: Path, sheet: str, rows: Sequence[Row]) -> None:
    """A workbook of one sheet with inline strings; an empty row stays empty, None leaves a cell out.

    Written as plain SpreadsheetML (ECMA-376): the usual libraries stamp the time of day into the archive.
    """
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(
            _cell(f"{_column(index)}{number}", value) for index, value in enumerate(row) if value is not None
        )
        if cells:
            lines.append(f'<row r="{number}">{cells}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    members = {
        "[Content_Types].xml": f'{head}<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'{head}<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{head}<workbook xmlns="{main}" xmlns:r="{office}">'
        f'<sheets><sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{head}<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{head}<worksheet xmlns="{main}"><sheetData>'
        f"{''.join(lines)}</sheetData></worksheet>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, ZIP_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content.encode("utf-8"))
    write_bytes(path, buffer.getvalue())


def _cell(reference: str, value: object) -> str:
    if isinstance(value, int | float):
        return f'<c r="{reference}"><v>{value}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def _column(index: int) -> str:
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
