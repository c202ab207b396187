"""Files that must not become figures: broken files, a file to be withdrawn, a file nobody has a contract for."""

from __future__ import annotations

from pathlib import Path

from demonstration.files import Row, write_bytes, write_text
from demonstration.labels import Labels

WITHDRAWN_PARTNER = "qmk_ngo_harbour"
WITHDRAWN_FILE = "harbour_20240301.csv"
WITHDRAWN_REASON = "The file held the register of another year's training exercise"
# Years and numbers that stand in no other file.
WITHDRAWN_YEARS = (2012, 2013)
WITHDRAWN_VALUES = {(2012, "F"): 70_917, (2012, "M"): 80_933, (2013, "F"): 71_909, (2013, "M"): 81_971}

BROKEN_PARTNER = "qml_ngo_quayside"
UNKNOWN_PARTNER = "qmz_ngo_unlisted"


def write(folder: Path) -> tuple[list[dict], list[dict], list[dict]]:
    """Write the files; returns withdrawals, bad files with what should happen to each, and files without a contract."""
    return _write_withdrawn(folder), _write_broken(folder), _write_unknown(folder)


def _write_withdrawn(folder: Path) -> list[dict]:
    labels = Labels(WITHDRAWN_PARTNER)
    header: Row = ["anio", "sessu", "numeru"]
    good: list[Row] = [header]
    for year in range(2018, 2024):
        women, men = 140 + 9 * (year - 2018), 61 + 4 * (year - 2018)
        for sex, value in (("_T", women + men), ("F", women), ("M", men)):
            good.append([year, labels.of("assisted", "sex", sex), value])
    write_text(folder / WITHDRAWN_PARTNER / "harbour_20240201.csv", good)
    wrong: list[Row] = [header]
    wrong += [[year, labels.of("assisted", "sex", sex), value] for (year, sex), value in WITHDRAWN_VALUES.items()]
    write_text(folder / WITHDRAWN_PARTNER / WITHDRAWN_FILE, wrong)
    return [
        {
            "partner_id": WITHDRAWN_PARTNER,
            "file_name": WITHDRAWN_FILE,
            "reason": WITHDRAWN_REASON,
            "years": list(WITHDRAWN_YEARS),
            "values": list(WITHDRAWN_VALUES.values()),
        }
    ]


def _write_broken(folder: Path) -> list[dict]:
    labels = Labels(BROKEN_PARTNER)
    home = folder / BROKEN_PARTNER
    header: Row = ["anio", "forna", "numeru"]

    def form(code: str) -> str:
        return labels.of("assisted", "exploitation", code)

    def table(first: int, last: int) -> list[Row]:
        rows: list[Row] = []
        for year in range(first, last + 1):
            sexual, labour = 31 + 2 * (year - 2018), 22 + year - 2018
            rows += [[year, form("_T"), sexual + labour], [year, form("SEX"), sexual], [year, form("LAB"), labour]]
        return rows

    write_text(home / "quayside_20240115.csv", [header, *table(2018, 2022)])

    note = "sent without its encoding; señales añadidas".encode("cp1252")
    write_bytes(home / "quayside_20240201.csv", b"anio,forna,numeru\r\n2023,totalu,70\r\n2023," + note + b",41\r\n")

    write_text(home / "quayside_20240215.csv", [["anio", "forna"], *[row[:2] for row in table(2023, 2023)]])

    names = [["Test Person One", "1990-01-01", "test.one@example.invalid", "+000 555 0101"]]
    names += [["Test Person Two", "1991-02-02", "test.two@example.invalid", "+000 555 0102"]]
    names += [["Test Person Three", "1992-03-03", "test.three@example.invalid", "+000 555 0103"]]
    people = [[*row, *name] for row, name in zip(table(2023, 2023), names, strict=True)]
    extra = ["full_name", "date_of_birth", "email", "phone"]
    write_text(home / "quayside_20240301.csv", [[*header, *extra], *people])

    remarks = [
        "Test Person Four, born 4 April 1994, lives with Test Person Five at 4 Test Street",
        "call Test Person Six on +000 555 0106 before noon",
        "test.seven@example.invalid knows more about this case",
    ]
    told = [[*row, remark] for row, remark in zip(table(2023, 2023), remarks, strict=True)]
    write_text(home / "quayside_20240308.csv", [[*header, "remarks"], *told])

    ragged: list[Row] = [header, [2023, form("_T"), 70], [2023, form("SEX"), 41, "", 7], [2023, form("LAB")]]
    ragged += [[2023, form("BEG"), -3], [2023, form("CRIM"), "about ten"]]
    write_text(home / "quayside_20240315.csv", ragged)

    write_text(home / "quayside_undated.csv", [header, *table(2023, 2023)])
    write_bytes(home / "quayside_20240401.csv", b"")
    write_text(home / "quayside_20240408.csv", [header, [2031, form("_T"), 70], [2032, form("SEX"), 41]])

    expected = (
        ("quayside_20240201.csv", "refused", "bytes that are not the declared encoding"),
        ("quayside_20240215.csv", "refused", "a column that the contract reads is missing"),
        ("quayside_20240301.csv", "refused", "columns with names, birth dates, addresses and telephone numbers"),
        ("quayside_20240308.csv", "refused", "a column of remarks that tells of persons"),
        (
            "quayside_20240315.csv",
            "rows_quarantined",
            "rows with too many or too few cells, a negative and a written number",
        ),
        ("quayside_undated.csv", "refused", "no date of issue in the file name"),
        ("quayside_20240401.csv", "refused", "no byte in the file"),
        ("quayside_20240408.csv", "refused", "years after the date of issue, so that no row can be accepted"),
    )
    return [
        {"partner_id": BROKEN_PARTNER, "file_name": name, "outcome": outcome, "because": because}
        for name, outcome, because in expected
    ]


def _write_unknown(folder: Path) -> list[dict]:
    rows: list[Row] = [["somewhere", "sometime", "something"], ["Nowhere", 2023, 5], ["Elsewhere", 2023, 8]]
    write_text(folder / UNKNOWN_PARTNER / "table_2023.csv", rows)
    return [{"partner_id": UNKNOWN_PARTNER, "file_name": "table_2023.csv"}]
