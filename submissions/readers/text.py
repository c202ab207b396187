"""Text files: opened strictly in the declared encoding, and taken apart at the declared delimiter (csv, tsv)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from submissions.contracts.model import Format
from submissions.readers.records import MAXIMUM_CELL_CHARACTERS, Record
from submissions.validation.problems import Refusal

_MARKS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
EIGHT_BIT_FAMILIES = (
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1256", "cp1257", "cp437", "cp850", "cp874", "iso-8859-1",
    "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9", "iso-8859-15", "koi8-r",
)  # fmt: skip
_OTHER_TYPES = (b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\x7fELF")


def delimited_records(path: Path, form: Format) -> Iterator[Record]:
    """Records of a csv or tsv file; the line is the physical one on which the record begins."""
    csv.field_size_limit(MAXIMUM_CELL_CHARACTERS)
    line = 1
    with open_text(path, form.encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=form.delimiter, quotechar=form.quote, strict=True)
        try:
            for row in reader:
                if row and (row[0] or any(row)):
                    yield line, row
                line = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise encoding_refusal(path, form.encoding) from error
        except csv.Error as error:
            if "field larger" in str(error):
                raise Refusal(
                    "F-too-large", f"a cell of over {MAXIMUM_CELL_CHARACTERS:,} characters", lines=(line,)
                ) from error
            raise Refusal("F-quoting", str(error), lines=(line,)) from error


def open_text(path: Path, encoding: str, newline: str | None = None) -> TextIO:
    """Opens a file as text without its byte order mark. Refuses what is empty, no text, or marked as something else."""
    with path.open("rb") as stream:
        start = stream.read(8)
    if not start:
        raise Refusal("F-empty", "0 bytes")
    if start.startswith(_OTHER_TYPES):
        raise Refusal("F-type", "the content is not text")
    if encoding in EIGHT_BIT_FAMILIES and _is_utf_8(path):
        # every byte is some letter of these encodings: nothing else would tell that all accents are wrong
        raise Refusal("F-encoding", f"the bytes are UTF-8 text, declared is {encoding}", lines=(1,))
    return path.open(encoding=_codec(start, encoding), errors="strict", newline=newline)


def _is_utf_8(path: Path) -> bool:
    """Whether the bytes have letters beyond ASCII and all of them are UTF-8, as text of another encoding never is."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")(errors="strict")
    beyond_ascii = False
    with path.open("rb") as stream:
        try:
            while block := stream.read(1 << 20):
                beyond_ascii = beyond_ascii or not block.isascii()
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return beyond_ascii


def _codec(start: bytes, encoding: str) -> str:
    """The codec that also takes the mark away. A mark that contradicts the declared encoding refuses the file."""
    marked = next((name for name, mark in _MARKS.items() if start.startswith(mark)), None)
    if marked is not None:
        if encoding not in ("utf-16", marked):
            raise Refusal(
                "F-encoding", f"the file begins with the mark of {marked}, declared is {encoding}", lines=(1,)
            )
        return "utf-16"
    if encoding == "utf-16":
        raise Refusal("F-encoding", "utf-16 without its byte order mark: declare utf-16-le or utf-16-be", lines=(1,))
    return "utf-8-sig" if encoding == "utf-8" else encoding


def encoding_refusal(path: Path, encoding: str) -> Refusal:
    """Finds the first byte that is not text in the declared encoding, reading in steps that keep the count."""
    import codecs

    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    decoder = codecs.getincrementaldecoder(codec)(errors="strict")
    newline = "\n".encode(encoding)[-1:] if not encoding.startswith("utf-16") else b"\n"
    offset = lines = 0
    with path.open("rb") as stream:
        while block := stream.read(65_536):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                within = max(error.start - pending, 0)
                lines += block[:within].count(newline)
                byte = offset - pending + error.start + 1
                return Refusal("F-encoding", f"byte {byte:,} is not {encoding}", lines=(lines + 1,))
            offset += len(block)
            lines += block.count(newline)
    return Refusal("F-encoding", f"the file ends inside a character of {encoding}", lines=(lines + 1,))
