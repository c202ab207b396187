"""`waymark contract new`: what it proposes from a sample, what it leaves to a person, and labels that would do harm."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from partner_files import run

from orchestration.cli.main import main
from submissions import check
from submissions.contracts.loading import Contract, load
from submissions.contracts.located_yaml import DocumentError
from submissions.errors import WaymarkError
from submissions.onboarding.form import form_of_sample
from submissions.onboarding.model import Answers, Proposal
from submissions.onboarding.proposal import propose
from submissions.onboarding.writing import contract_text, map_text, write_proposal
from submissions.vocabulary.label_words import code_of_label, rule_for

PARTNER = "qma_police_new"
TOLD = ["--name", "N", "--title", "T", "--measure", "victims_detected", "--period-basis", "detection", "--area-role", "detection",
        "--replaces", "periods", "--audience", "restricted", "--minimum-cell", "11", "--issued-on", "2024-12-31"]  # fmt: skip
PLAIN = "area;year;sex;count\nAldavia;2022;women;12\nAldavia;2022;men;7\nBrenmark;2023;women;5\n"


def sample(tmp_path: Path, body: str | bytes, name: str = "victims_2023.csv") -> Path:
    path = tmp_path / "sent" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def new(root: Path, path: Path, *more: str, partner: str = PARTNER, told: list[str] = TOLD) -> Result:
    arguments = ["contract", "new", partner, "--sample", str(path), "--contracts", str(root), "--no-ask", *told, *more]
    return CliRunner().invoke(main, arguments)


def proposed(tmp_path: Path, body: str | bytes, name: str = "victims_2023.csv", *more: str) -> dict[str, Any]:
    """The dataset as it is proposed (text as YAML has it)."""
    import yaml

    root = tmp_path / "contracts"
    result = new(root, sample(tmp_path, body, name), *more)
    assert result.exit_code == 0, result.output
    content = yaml.load((folder(root) / "contract.yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return content["datasets"]["figures"]


def folder(root: Path, partner: str = PARTNER) -> Path:
    return root / "partners" / partner


def confirmed(root: Path, partner: str = PARTNER) -> Contract:
    """The contract after every entry of to_confirm is deleted, and the lines of maps that have no code."""
    file = folder(root, partner) / "contract.yml"
    file.write_text(file.read_text(encoding="utf-8").split("\nto_confirm:")[0] + "\n", encoding="utf-8")
    for path in folder(root, partner).glob("map_*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([rows[0], *(row for row in rows[1:] if row[1])])
    return load(file)


def with_areas(root: Path) -> Path:
    (root / "areas").mkdir(parents=True, exist_ok=True)
    (root / "areas" / "invented.yml").write_text(
        "area_set: invented\ntitle: Invented\nlevel: country\nmembers: invented.csv\n", encoding="utf-8"
    )
    (root / "areas" / "invented.csv").write_text(
        "area_code,area_name\nQMA,Aldavia\nQMB,Brenmark\nQMC,Twice\nQMD,Twice\n", encoding="utf-8"
    )
    return root


# --- what is proposed ------------------------------------------------------------------------------------------------


def test_a_confirmed_proposal_takes_its_sample(tmp_path: Path) -> None:
    root = with_areas(tmp_path / "contracts")
    path = sample(tmp_path, PLAIN)
    result = new(root, path)
    assert result.exit_code == 0, result.output
    with pytest.raises(DocumentError, match="a guess that is not confirmed"):
        check(path, PARTNER, root)
    contract = confirmed(root)
    receipt = check(path, PARTNER, root)
    assert (receipt.outcome, receipt.rows_in, receipt.rows_accepted) == ("accepted", 3, 3)
    assert {row.source: row.code for row in contract.maps["map_area.csv"]} == {"Aldavia": "QMA", "Brenmark": "QMB"}
    assert {row.source: row.code for row in contract.maps["map_sex.csv"]} == {"women": "F", "men": "M"}


def test_every_guess_has_a_comment_on_its_line_and_an_entry(tmp_path: Path) -> None:
    root = tmp_path / "contracts"
    assert new(root, sample(tmp_path, PLAIN), told=[]).exit_code == 0
    file = folder(root) / "contract.yml"
    lines = file.read_text(encoding="utf-8").splitlines()
    with pytest.raises(DocumentError) as caught:
        load(file)
    guesses = [problem for problem in caught.value.problems if "not confirmed" in problem.message]
    assert len(guesses) == sum(line.startswith("  - {key:") for line in lines) > 12
    assert all("# guess: " in lines[problem.line - 1] for problem in guesses), guesses
    assert sum("# guess: " in line for line in lines) == len({problem.line for problem in guesses})
    said = {problem.key for problem in guesses}
    assert {"name", "minimum_cell", "datasets.figures.columns.measure", "datasets.figures.issued_on"} <= said


def test_what_is_told_is_no_guess(tmp_path: Path) -> None:
    root = tmp_path / "contracts"
    result = new(root, sample(tmp_path, PLAIN), "--counting-unit", "persons", "--legal-basis", "An act: 1, #2")
    assert result.exit_code == 0, result.output
    text = (folder(root) / "contract.yml").read_text(encoding="utf-8")
    for key in ("name", "audience", "minimum_cell", "title", "measure", "period_basis", "replaces", "issued_on"):
        assert not any(line.strip().startswith(f"{key}:") and "# guess" in line for line in text.splitlines()), key
    assert confirmed(root).legal_basis == "An act: 1, #2"


@pytest.mark.parametrize(
    ("encoding", "expected", "is_guess"),
    [
        ("utf-8", None, False),
        ("utf-8-sig", None, False),
        ("utf-16", "utf-16", False),
        ("utf-16-le", "utf-16-le", True),
        ("utf-16-be", "utf-16-be", True),
        ("cp1252", "cp1252", True),
    ],
)
def test_encodings(tmp_path: Path, encoding: str, expected: str | None, is_guess: bool) -> None:
    body = PLAIN.replace("Aldavia", "Aldàvie").replace("Brenmark", "Brénmärk")
    form = form_of_sample(sample(tmp_path, body.encode(encoding)))
    assert form.keys.get("encoding") == expected
    assert ("encoding" in form.guesses) == is_guess


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("cp1250", "Województwo Śląskie Łódź źródło"), ("cp1251", "Область Москва"), ("cp1252", "Île-de-France Genève")],
)
def test_eight_bit_encodings_by_their_letters(tmp_path: Path, encoding: str, words: str) -> None:
    assert form_of_sample(sample(tmp_path, f"a;n\n{words};1\n".encode(encoding))).keys["encoding"] == encoding


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    form = form_of_sample(sample(tmp_path, PLAIN.replace(";", delimiter)))
    assert form.format().delimiter == delimiter
    assert form.keys["type"] == ("tsv" if delimiter == "\t" else "csv")


def test_a_preamble_a_header_a_footer_and_a_date_of_issue(tmp_path: Path) -> None:
    body = "Ministry of Aldavia\nIssued 2024-03-01\n\n" + PLAIN.replace(";", ",") + "\nSource: register\nNote: x\n"
    root = tmp_path / "contracts"
    path = sample(tmp_path, body, "table.csv")
    told = [text for text in TOLD if text not in ("--issued-on", "2024-12-31")]
    assert new(root, path, told=told).exit_code == 0
    rule = confirmed(root).datasets["figures"].files[0]
    assert rule.format.header_rows == (4,)
    assert rule.format.stop_at == ("area", "Source:")
    assert (rule.issued_on.cell, rule.issued_on.date_format) == ("A2", "Issued %Y-%m-%d")
    receipt = check(path, PARTNER, root)
    assert (receipt.rows_in, receipt.rows_accepted, receipt.rows_excluded) == (5, 3, 2)
    assert receipt.parts[0].issued_on == "2024-03-01"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("victims_20240301.csv", "2024-03-01"),
        ("2024-03-01 victims.csv", "2024-03-01"),
        ("victims v2 01.03.2024.csv", "2024-03-01"),
        ("victims.csv", "1900-01-01"),
    ],
)
def test_the_date_in_the_name_of_the_file(tmp_path: Path, name: str, expected: str) -> None:
    root = tmp_path / "contracts"
    path = sample(tmp_path, PLAIN, name)
    told = [text for text in TOLD if text not in ("--issued-on", "2024-12-31")]
    assert new(root, path, told=told).exit_code == 0
    confirmed(root)
    receipt = check(path, PARTNER, root)
    if expected == "1900-01-01":
        # a day that nobody wrote takes no row in, even where its guess is confirmed unseen
        assert receipt.rows_accepted == 0
        return
    assert receipt.parts[0].issued_on == expected


def test_wide_by_fiscal_years_with_marks_and_a_decimal_comma(tmp_path: Path) -> None:
    body = (
        "Citizenship;Sex;2019/20;2020/21;Share\nPoland;Women;1.234;<5;12,5\nRomania;Men;..;7;3,25\nTotal;Men;*;-;1,5\n"
    )
    dataset = proposed(tmp_path, body)
    assert dataset["unpivot"]["columns"] == "\\d{4}/\\d{2}"
    assert dataset["columns"]["period"] == {"from": "heading", "as": "year", "fiscal": "true"}
    assert dataset["fiscal_year"] == {"starts": "04-01", "named_after": "start"}
    assert dataset["format"]["decimal"] == ","
    assert dataset["columns"]["value"]["thousands"] == "."
    assert dataset["columns"]["value"]["marks"] == {
        "<5": ["0", "4"],
        "..": {"missing": "not_reported"},
        "*": {"suppressed": ["1", "4"]},
        "-": {"missing": "not_reported"},
    }
    assert dataset["columns"]["counterpart_area"]["library"] == "country_names"
    assert dataset["columns"]["counterpart_role"][0] == {"constant": "_Z", "where": {"Citizenship": ["Total"]}}
    assert dataset["columns"]["area"] == {"constant": "QMA"}


def test_a_year_and_a_month_in_two_columns(tmp_path: Path) -> None:
    body = "Rok,Miesiąc,Powiat,Liczba\n2022,styczeń,A,1\n2022,luty,A,2\n2023,marzec,B,3\n"
    assert proposed(tmp_path, body)["columns"]["period"] == {
        "from": ["Miesiąc", "Rok"],
        "as": "month",
        "language": "pl",
    }


def test_quarters_over_sexes_in_two_header_rows(tmp_path: Path) -> None:
    body = ";2023-Q1;;2023-Q2;\nProvince;men;women;men;women\nA;11;2;3;4\nB;5;6;7;8\nTotal;16;8;10;12\n"
    root = tmp_path / "contracts"
    path = sample(tmp_path, body)
    assert new(root, path).exit_code == 0
    dataset = confirmed(root).datasets["figures"]
    assert dataset.unpivot is not None
    assert dataset.unpivot.columns == "(?P<period>\\d{4}-[^\\W\\d_]+\\d{1}) (?P<group>men|women)"
    assert {row.source: row.code for row in load(folder(root)).maps["map_sex.csv"]} == {"men": "M", "women": "F"}
    receipt = check(path, PARTNER, root)
    assert (receipt.rows_accepted, receipt.rows_excluded) == (2, 1)


def test_months_below_their_year_a_point_for_thousands_and_a_column_of_marks(tmp_path: Path) -> None:
    body = "Bezirk;Geschlecht;2023;;2024;\n;;Nov.;Dez.;J\u00e4n.;Feb.\nGr\u00fcnau;m\u00e4nnlich;1.204;k. A.;22;23\n;weiblich;17;k. A.;2;3\n"
    root = tmp_path / "contracts"
    path = sample(tmp_path, body.encode("cp1252"))
    assert new(root, path).exit_code == 0
    dataset = confirmed(root).datasets["figures"]
    assert dataset.periods[0].languages == ("de",)
    assert dataset.value is not None
    assert (dataset.value.thousands, dataset.value.decimal) == (".", ",")
    assert [mark.text for mark in dataset.value.marks] == ["k. A."]
    assert check(path, PARTNER, root).rows_accepted == 2


def test_a_word_above_all_periods_is_no_group(tmp_path: Path) -> None:
    body = "Provincia;Trimestre;;\n;1.er trimestre de 2023;2.\u00ba trimestre de 2023;3.er trimestre de 2023\nAlta;1;2;..\nBaja;3;4;..\n"
    root = tmp_path / "contracts"
    path = sample(tmp_path, body)
    assert new(root, path).exit_code == 0
    dataset = confirmed(root).datasets["figures"]
    assert dataset.unpivot is not None
    assert dataset.unpivot.columns.startswith("Trimestre (?P<period>")
    assert dataset.periods[0].languages == ("es",)
    assert check(path, PARTNER, root).rows_accepted == 2


def test_json_lines(tmp_path: Path) -> None:
    lines = [{"area": "Aldavia", "year": 2022, "count": 5}, {"area": "Brenmark", "year": 2023, "count": None}]
    dataset = proposed(tmp_path, "\n".join(map(json.dumps, lines)) + "\n", "a.jsonl")
    assert dataset["format"] == {"type": "jsonl", "encoding": "utf-8"}
    assert dataset["columns"]["period"] == {"from": "year", "as": "year"}
    assert dataset["columns"]["value"] == {"from": "count", "marks": {"": {"missing": "not_reported"}}}


def test_a_sheet_is_chosen_and_the_others_are_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "About"
    book.active.append(["text"])
    sheet = book.create_sheet("Data")
    for row in (["area", "year", "count"], ["QMA", 2022, 5], ["QMB", 2023, 6]):
        sheet.append(row)
    path = tmp_path / "book.xlsx"
    book.save(path)
    result = new(tmp_path / "contracts", path)
    assert result.exit_code == 0, result.output
    assert "sheets that are not read: About" in result.output
    assert confirmed(tmp_path / "contracts").datasets["figures"].files[0].format.sheet == "Data"
    assert new(tmp_path / "other", path, "--sheet", "Dta").exit_code == 2


def test_a_code_is_filled_only_where_it_is_certain(tmp_path: Path) -> None:
    root = with_areas(tmp_path / "contracts")
    body = "area,year,age,count\naldavia,2022,Adults,1\nTwice,2022,0-17,2\nNowhere,2023,under 15ish,3\n"
    assert new(root, sample(tmp_path, body)).exit_code == 0
    codes = {
        name: {row["source"]: row["code"] for row in csv.DictReader((folder(root) / name).open(encoding="utf-8"))}
        for name in ("map_area.csv", "map_age.csv")
    }
    assert codes["map_area.csv"] == {"aldavia": "QMA", "Twice": "", "Nowhere": ""}
    assert codes["map_age.csv"] == {"Adults": "18+", "0-17": "0-17", "under 15ish": ""}
    with pytest.raises(DocumentError, match="the label 'Nowhere' has no code"):
        load(folder(root))


def test_words_of_several_languages() -> None:
    assert [code_of_label("sex", label, "FMX") for label in ("Kobiety", "MĘŻCZYŹNI", "weiblich", "Hombres", "F", "K")] == [
        "F", "M", "F", "M", "F", "",
    ]  # fmt: skip
    assert code_of_label("age", "18–24", ["18-24"]) == "18-24"
    assert code_of_label("age", "19-23", ["18-24"]) == ""
    assert code_of_label("age", "18+", ["18+"]) == "18+"
    # an age of 18 years is no band, and "no" is a Hungarian woman only to a program
    assert (code_of_label("age", "18", ["18+"]), code_of_label("sex", "no", "FMX")) == ("", "")
    assert rule_for(["2022", "total"]) is None
    found = rule_for(["Jänner 2023", "März 2023"])
    assert found is None or found.languages == ("de",)


# --- parts of a year, their totals, and corrections --------------------------------------------------------------------


def wide(header: str, cells: str) -> str:
    """Two years of two areas, with the same cells in each."""
    rows = [f"{year};{area};{cells}" for year in (2022, 2023) for area in ("Aldavia", "Brenmark")]
    return "\n".join([header, *rows]) + "\n"


QUARTERS = {f"{year}-Q{quarter}": 10 + quarter for year in (2022, 2023) for quarter in range(1, 5)}
WITH_HALVES = "11;12;23;13;14;27;50"
BELOW_A_YEAR = {
    "cs": wide(
        "Rok;Kraj;1. čtvrtletí;2. čtvrtletí;1. pololetí;3. čtvrtletí;4. čtvrtletí;2. pololetí;Celkem", WITH_HALVES
    ),
    "hu": wide("Év;Megye;I. negyedév;II. negyedév;I. félév;III. negyedév;IV. negyedév;II. félév;Összesen", WITH_HALVES),
    "nl": wide("Jaar;Provincie;K1;K2;K3;K4;Totaal", "11;12;13;14;50"),
    "two rows": wide("Year;Region;Victims found;;;;\n;;Q1;Q2;Q3;Q4;Year", "11;12;13;14;50"),
}


@pytest.mark.parametrize("language", BELOW_A_YEAR)
def test_parts_across_below_a_year_in_a_column_are_figures_and_their_totals_are_none(
    tmp_path: Path, language: str
) -> None:
    root = with_areas(tmp_path / "contracts")
    path = sample(tmp_path, BELOW_A_YEAR[language])
    found = taken(root, path)
    assert found == {(area, period): value for area in ("Aldavia", "Brenmark") for period, value in QUARTERS.items()}


def taken(root: Path, path: Path) -> dict[tuple[str, str], int]:
    """(area label, period) to the sum over sexes, under the confirmed proposal; the whole file is accepted, unwarned."""
    target = path.parent / PARTNER / path.name
    target.parent.mkdir()
    path = path.rename(target)
    result = new(root, path)
    assert result.exit_code == 0, result.output
    confirmed(root)
    receipt = check(path, PARTNER, root)
    assert (receipt.outcome, receipt.problems) == ("accepted", ())
    sums: dict[tuple[str, str], int] = {}
    for area, period, value in run(root, path).observations("area", "period", "value"):
        sums[area, period] = sums.get((area, period), 0) + int(value)
    return sums


def test_half_years_and_years_in_words_among_the_quarters_of_one_column(tmp_path: Path) -> None:
    labels = ["1° trimestre 2023", "2° trimestre 2023", "1° semestre 2023", "3° trimestre 2023", "4° trimestre 2023",
              "2° semestre 2023", "Totale 2023"]  # fmt: skip
    counts = [11, 12, 23, 13, 14, 27, 50]
    body = "Regione;Periodo;Uomini;Donne\n" + "".join(
        f"{area};{label};{count};{2 * count}\n" for area in ("Aldavia", "Brenmark") for label, count in zip(labels, counts, strict=True)
    )  # fmt: skip
    found = taken(with_areas(tmp_path / "contracts"), sample(tmp_path, body))
    assert found == {
        (area, f"2023-Q{quarter}"): 3 * (10 + quarter) for area in ("Aldavia", "Brenmark") for quarter in range(1, 5)
    }


@pytest.mark.parametrize(
    ("header", "first"),
    [("Distrito;1.º T 2023;2.º T 2023;3.º T 2023;4.º T 2023;Total 2023", 1), ("Region;FY2023 Q1;FY2023 Q2;FY2023 Q3;FY2023 Q4;FY2023 Total", 2)],
)  # fmt: skip
def test_quarters_numbered_in_a_way_of_their_own(tmp_path: Path, header: str, first: int) -> None:
    body = f"{header}\nAldavia;11;12;13;14;50\nBrenmark;11;12;13;14;50\n"
    found = taken(with_areas(tmp_path / "contracts"), sample(tmp_path, body))
    periods = [f"{2023 + (first + place - 1) // 4}-Q{(first + place - 1) % 4 + 1}" for place in range(4)]
    assert found == {
        (area, period): 11 + place for area in ("Aldavia", "Brenmark") for place, period in enumerate(periods)
    }


def with_corrections(path: Path, order: tuple[str, str]) -> Path:
    book = openpyxl.Workbook()
    sheet, revised = book.active, book.create_sheet("Korekty 2023")
    assert sheet is not None
    for row in (["Region", "Kwartał", "Płeć", "Liczba"], ["Aldavia", "2023 Q1", "kobiety", 40], ["Aldavia", "2023 Q1", "mężczyźni", 31],
                ["Brenmark", "2023 Q1", "kobiety", 42], ["Brenmark", "2023 Q1", "mężczyźni", 33]):  # fmt: skip
        sheet.append(row)
    figures = {"Liczba poprzednia": 40, "Liczba nowa": 44}
    revised.append(["Region", "Kwartał", "Płeć", *order, "Data korekty"])
    for sex in ("k", "m"):
        revised.append(["Aldavia", "2023 Q1", sex, *(figures[name] for name in order), "31.05.2024"])
    path.parent.mkdir(parents=True)
    book.save(path)
    return path


@pytest.mark.parametrize("order", [("Liczba poprzednia", "Liczba nowa"), ("Liczba nowa", "Liczba poprzednia")])
def test_a_sheet_of_corrections_is_a_second_dataset_that_revises_the_first(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    root = with_areas(tmp_path / "contracts")
    path = with_corrections(tmp_path / "sent" / PARTNER / "ofiary_2023.xlsx", order)
    result = new(root, path)
    assert result.exit_code == 0, result.output
    contract = confirmed(root)
    sheet = contract.datasets["figures_corrections"]
    assert (sheet.revises, sheet.replaces, sheet.files[0].format.sheet) == ("figures", "keys", "Korekty 2023")
    assert (sheet.files[0].issued_on.kind, sheet.files[0].issued_on.date_format) == ("column", "%d.%m.%Y")
    assert sheet.value is not None
    assert sheet.value.source == "Liczba nowa", "what stood before is no figure, wherever it stands"
    codes = {row.source: row.code for row in contract.maps["map_figures_corrections_sex.csv"]}
    assert codes == {"k": "F", "m": "M"}, "letters of the two sexes are read as a pair"
    receipt = check(path, PARTNER, root)
    assert (receipt.outcome, receipt.rows_accepted, receipt.problems) == ("accepted", 6, ())
    assert {part.dataset: part.issued_on for part in receipt.parts}["figures_corrections"] == "2024-05-31"


def test_a_second_sheet_that_speaks_of_no_correction_is_told_and_not_proposed(tmp_path: Path) -> None:
    path = with_corrections(tmp_path / "sent" / PARTNER / "ofiary_2023.xlsx", ("Liczba poprzednia", "Liczba nowa"))
    book = openpyxl.load_workbook(path)
    book["Korekty 2023"].title = "Arkusz 2"
    book["Arkusz 2"]["F1"] = "Data"
    book.save(path)
    result = new(tmp_path / "contracts", path)
    assert result.exit_code == 0, result.output
    assert "sheets that are not read: Arkusz 2" in result.output
    assert list(confirmed(tmp_path / "contracts").datasets) == ["figures"]


# --- personal data ---------------------------------------------------------------------------------------------------


def test_personal_columns_are_warned_about_and_left_out(tmp_path: Path) -> None:
    rows = [f"Aldavia,2022,women,{index},person{index}@example.org,Maria {index}" for index in range(1, 30)]
    path = sample(tmp_path, "area,year,sex,count,contact,name of victim\n" + "\n".join(rows) + "\n")
    root = tmp_path / "contracts"
    result = new(root, path)
    assert result.exit_code == 0, result.output
    assert "the column 'contact' looks like personal data (e-mail addresses)" in result.stderr
    assert "the column 'name of victim' looks like personal data" in result.stderr
    for written in folder(root).iterdir():
        text = written.read_text(encoding="utf-8")
        assert "example.org" not in text and "Maria" not in text
    dataset = confirmed(root).datasets["figures"]
    assert not {"contact", "name of victim"} & {rule.source for rules in dataset.columns.values() for rule in rules}
    assert check(path, PARTNER, root).problems[0].code == "F-person-data"


# --- labels that would do harm ---------------------------------------------------------------------------------------

HOSTILE = [
    "../../../../tmp/owned", "/etc/passwd", "{{ config.password }}", "{% raw %}", "a: b #c", "*alias", "&anchor", "!!python/object:os.system",
    "- item", "'single' \"double\"", "back\\slash", "=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "line one\nline two", "tab\there", "carriage\rreturn",
    "\u202eright to left", "\ufeffmark", "\u2028separator", "\x85next", "null", "~", "yes", "[1, 2]", "{a: b}", "%directive", "`tick`", "| bar", "> fold",
    "? key", "map_area.csv", "contract.yml", "to_confirm:", "<script>alert(1)</script>", "x" * 180, "Łódź 😀", "$p0", "c0; DROP TABLE source",
]  # fmt: skip


def test_hostile_labels_stay_labels(tmp_path: Path) -> None:
    path = tmp_path / "sent" / "hostile.csv"
    path.parent.mkdir()
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["area", "year", "count"])
        writer.writerows([[label, 2022, 30] for label in HOSTILE])
    root = tmp_path / "contracts"
    result = new(root, path)
    assert result.exit_code == 0, result.output
    assert sorted(each.name for each in folder(root).iterdir()) == ["contract.yml", "map_area.csv"]
    assert {each.relative_to(tmp_path).parts[0] for each in tmp_path.rglob("*")} == {"sent", "contracts"}
    listed = [row[0] for row in csv.reader((folder(root) / "map_area.csv").open(encoding="utf-8", newline=""))][1:]
    read = {label.strip("\ufeff\n ") for label in HOSTILE}
    assert set(listed) == read
    confirmed(root)
    receipt = check(path, PARTNER, root)
    assert receipt.rows_in == len(HOSTILE)
    assert {problem.code for problem in receipt.problems} <= {"R-control", "W-unmapped"}


HEADERS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), min_size=3, max_size=5, unique=True)


@given(HEADERS, st.lists(st.text(st.characters(codec="utf-8"), max_size=10), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_whatever_a_header_or_label_says_the_contract_is_yaml_that_says_the_same(
    header: list[str], labels: list[str]
) -> None:
    import yaml

    content: dict[str, Any] = {"partner": PARTNER, "datasets": {"figures": {"columns": {}}}}
    proposal = Proposal(content)
    for text in header:
        proposal.put(("datasets", "figures", "columns", "value", "marks", text), {"missing": text}, f"because {text}")
    proposal.put(("datasets", "figures", "exclude"), [{"column": header[0], "in": labels, "reason": header[1]}])
    proposal.guesses[("datasets", "figures", "exclude", 0)] = labels[0]
    proposal.notes += labels
    found = yaml.load(contract_text(proposal), Loader=yaml.BaseLoader)
    assert found["datasets"] == content["datasets"]
    assert [entry["reason"] for entry in found["to_confirm"]] == [*(f"because {text}" for text in header), labels[0]]
    rows = list(csv.reader(io.StringIO(map_text([(label, "", "") for label in labels]), newline=""), strict=True))
    assert [row[0] for row in rows[1:]] == labels


@pytest.mark.parametrize("partner", ["../x", "qma_police_", "QMA_police_x", "qma_spies_x", "qma_police_x/../../y", ""])
def test_an_id_that_is_none_writes_nothing(tmp_path: Path, partner: str) -> None:
    result = new(tmp_path / "contracts", sample(tmp_path, PLAIN), partner=partner)
    assert result.exit_code == 2
    assert not (tmp_path / "contracts").exists()


def test_the_name_of_the_sample_becomes_a_pattern_and_no_path(tmp_path: Path) -> None:
    name = "we[ir]d * {{x}} 2024_03 'q'.csv"
    root = tmp_path / "contracts"
    path = sample(tmp_path, PLAIN, name)
    assert new(root, path).exit_code == 0
    contract = confirmed(root)
    assert contract.datasets["figures"].file_rule(name) is not None
    assert contract.datasets["figures"].file_rule("other.csv") is None


@given(st.lists(st.lists(st.text(max_size=8), max_size=5), max_size=12), st.sampled_from(",;\t|"), st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_table_is_proposed_or_refused_in_words(rows: list[list[str]], delimiter: str, is_utf_16: bool) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "sample.csv"
        stream = io.StringIO(newline="")
        csv.writer(stream, delimiter=delimiter).writerows(rows)
        path.write_bytes(stream.getvalue().encode("utf-16" if is_utf_16 else "utf-8", "replace"))
        refused_in_words_or_loaded(path)


@given(st.binary(max_size=400))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_proposed_or_refused_in_words(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "sample.bin"
        path.write_bytes(content)
        refused_in_words_or_loaded(path)


def refused_in_words_or_loaded(path: Path) -> None:
    """Whatever is proposed is a contract: nothing is wrong with it but guesses and labels without a code."""
    try:
        proposal = propose(PARTNER, path, Answers(), [])
    except WaymarkError:
        return
    written = write_proposal(proposal, path.parent / "contracts")
    with pytest.raises(DocumentError) as caught:
        load(written[-1])
    assert all("not confirmed" in each.message or "no code" in each.message for each in caught.value.problems), (
        caught.value
    )


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    path = sample(tmp_path, PLAIN)
    arguments = [
        "waymark",
        "contract",
        "new",
        PARTNER,
        "--sample",
        str(path),
        "--contracts",
        str(tmp_path / "c"),
        "--no-ask",
    ]
    probe = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted({name.split('.')[0] for name in sys.modules}))))\n"
        f"sys.argv = {arguments!r}\nfrom orchestration.cli.main import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"dagster", "dbt", "great_expectations", "geopandas", "plotly", "scipy"}


# --- where it writes, and what it is told ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "answer", "words"),
    [
        ("--measure", "victims_detcted", "Did you mean 'victims_detected'?"),
        ("--area-role", "detecting", "'detecting' is no area role"),
        ("--replaces", "everything", "periods_x_areas"),
        ("--issued-on", "2024-13-01", "no day of the calendar"),
        ("--dataset", "My data", "no name of a dataset"),
    ],
)
def test_an_answer_that_no_contract_could_hold_is_refused(tmp_path: Path, option: str, answer: str, words: str) -> None:
    result = new(tmp_path / "contracts", sample(tmp_path, PLAIN), option, answer)
    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "contracts").exists()


def test_a_proposal_may_be_printed_for_a_second_dataset(tmp_path: Path) -> None:
    root = tmp_path / "contracts"
    path = sample(tmp_path, PLAIN)
    assert new(root, path).exit_code == 0
    before = {each: each.read_bytes() for each in root.rglob("*.*")}
    result = new(root, path, "--print", "--dataset", "second")
    assert result.exit_code == 0, result.output
    assert "\n  second:\n" in result.output and "# map_sex.csv\nsource,code" in result.output
    assert {each: each.read_bytes() for each in root.rglob("*.*")} == before


def test_texts_among_the_figures_that_are_no_marks_are_not_written_down(tmp_path: Path) -> None:
    body = PLAIN + "Brenmark;2023;men;5\nBrenmark;2023;men;see the case of Maria Lopez\n"
    root = tmp_path / "contracts"
    result = new(root, sample(tmp_path, body))
    assert result.exit_code == 0, result.output
    assert "1 more texts stand among the figures" in result.stderr
    assert "Maria" not in "".join(each.read_text(encoding="utf-8") for each in root.rglob("*.*"))


@pytest.mark.parametrize("existing", ["contract.yml", "map_area.csv"])
def test_nothing_is_overwritten(tmp_path: Path, existing: str) -> None:
    root = tmp_path / "contracts"
    folder(root).mkdir(parents=True)
    (folder(root) / existing).write_text("mine\n", encoding="utf-8")
    result = new(root, sample(tmp_path, PLAIN))
    assert result.exit_code == 2
    assert "nothing is overwritten" in result.output
    assert {each.name: each.read_text() for each in folder(root).iterdir()} == {existing: "mine\n"}


def test_a_link_in_the_place_of_a_map_is_not_followed(tmp_path: Path) -> None:
    root, target = tmp_path / "contracts", tmp_path / "target"
    folder(root).mkdir(parents=True)
    os.symlink(target, folder(root) / "map_area.csv")
    assert new(root, sample(tmp_path, PLAIN)).exit_code == 2
    assert not target.exists()


def test_it_asks_at_a_terminal_and_an_empty_answer_stays_a_guess(tmp_path: Path) -> None:
    root = tmp_path / "contracts"
    path = sample(tmp_path, PLAIN)
    answers = "National police\n\nvictims_identified\n\n\nperiods\n\n5\n2024-05-01\n"
    result = CliRunner().invoke(
        main, ["contract", "new", PARTNER, "--sample", str(path), "--contracts", str(root), "--ask"], input=answers
    )
    assert result.exit_code == 0, result.output
    text = (folder(root) / "contract.yml").read_text(encoding="utf-8")
    assert "name: National police\n" in text
    assert "title: figures  # guess" in text
    contract = confirmed(root)
    assert (contract.minimum_cell, contract.datasets["figures"].replaces) == (5, "periods")
    assert contract.datasets["figures"].columns["measure"][0].constant == "victims_identified"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7", "cannot be used as a sample"),
        (b"PK\x03\x04broken", "cannot be used as a sample"),
        (b"\n\n", "holds no rows"),
    ],
)
def test_a_sample_that_says_nothing_is_told_so(tmp_path: Path, body: bytes, words: str) -> None:
    result = new(tmp_path / "contracts", sample(tmp_path, body))
    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "contracts").exists()


def test_rows_that_count_nothing_are_taken_for_cases(tmp_path: Path) -> None:
    body = "year,citizenship,sex,forced,moved\n2022,Poland,women,1,0\n2022,Poland,men,0,-99\n2023,Romania,men,1,1\n"
    root = tmp_path / "contracts"
    path = sample(tmp_path, body)
    assert new(root, path).exit_code == 0
    assert "kind: cases  # guess" in (folder(root) / "contract.yml").read_text(encoding="utf-8")
    contract = confirmed(root)
    assert contract.datasets["figures"].kind == "cases"
    assert contract.datasets["figures"].value is None
    assert check(path, PARTNER, root).rows_accepted == 3


def test_a_large_sample_is_looked_at_in_part(tmp_path: Path) -> None:
    body = "area,year,count\n" + "".join(f"Aldavia,{2000 + row % 20},{row}\n" for row in range(300_000))
    proposal = propose(PARTNER, sample(tmp_path, body), Answers(), [])
    assert proposal.content["datasets"]["figures"]["columns"]["period"] == {"from": "year", "as": "year"}
