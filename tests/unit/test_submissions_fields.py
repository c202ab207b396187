"""The field registry and the reference pages cover what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from submissions.contracts.loading import STATUSES
from submissions.contracts.located_yaml import SCHEMAS
from submissions.store import lake
from submissions.vocabulary import fields
from submissions.vocabulary.country_names import country_codes, resolve
from submissions.vocabulary.observations import KEY, VALUES

ROOT = Path(__file__).resolve().parents[2]
TYPES = {"string", "integer", "number", "date", "boolean"}
PRIVACY = {"open", "protected", "restricted"}


@pytest.mark.parametrize("name", sorted(fields.registry()))
def test_a_field_is_described_typed_and_classed(name: str) -> None:
    field = fields.registry()[name]
    assert set(field) <= {"description", "type", "unit", "privacy", "codes", "format", "members", "labels"}
    assert field["type"] in TYPES
    assert field["privacy"] in PRIVACY
    assert field["description"]
    assert not field["description"].endswith(".")
    assert not field.get("unit") or field["type"] in ("integer", "number")
    if "format" in field:
        re.compile(field["format"])
    if "codes" in field:
        assert fields.codes(name)


def test_every_column_of_the_lake_is_in_the_registry() -> None:
    from_seeds = {"area", "source", "kind"}
    columns = {column for table in lake.TABLES.values() for column in table} | {
        *KEY,
        *VALUES,
        *STATUSES,
        "source_row_count",
    }
    assert columns - set(fields.registry()) - from_seeds == set()


def test_the_page_of_the_language_names_every_key() -> None:
    page = (ROOT / "docs" / "reference" / "contract-language.md").read_text(encoding="utf-8")
    for name in ("contract.schema.json", "area_set.schema.json"):
        schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
        for key in _keys(schema):
            assert re.search(rf"\b{key}\b", page), key
        for word in _words(schema):
            assert (
                word in page
                or word in ("utf-16-le", "utf-16-be")
                or re.match(r"(cp|iso|koi|gb|big|euc|shift|ascii)", word)
            ), word


def _keys(schema: object) -> set[str]:
    if isinstance(schema, dict):
        own = set(schema.get("properties", {})) if isinstance(schema.get("properties"), dict) else set()
        return own.union(*(_keys(value) for value in schema.values())) if schema else own
    return set().union(*map(_keys, schema)) if isinstance(schema, list) else set()


def _words(schema: object) -> set[str]:
    if isinstance(schema, dict):
        own = {str(word) for word in schema.get("enum", ()) if len(str(word)) > 1}
        return own.union(*(_words(value) for value in schema.values())) if schema else own
    return set().union(*map(_words, schema)) if isinstance(schema, list) else set()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Namibia", "NAM"),
        ("NAMIBIE", "NAM"),
        ("Cote d'Ivoire", "CIV"),
        ("côte  d’ivoire", "CIV"),
        ("Deutschland", "DEU"),
        ("Allemagne", "DEU"),
        ("Alemania", "DEU"),
        ("Germania", "DEU"),
        ("Niemcy", "DEU"),
        ("Niger", "NER"),
        ("Nigeria", "NGA"),
        ("Myanmar", "MMR"),
        ("Україна", "UKR"),
        ("Congo", None),
        ("Germany and France", None),
        ("Germ", None),
        ("", None),
        ("145", None),
        ("(specify the country)", None),
    ],
)
def test_names_of_countries_are_resolved_whole_or_not_at_all(name: str, code: str | None) -> None:
    assert resolve(name) == code


def test_every_english_and_french_name_of_a_country_resolves_to_it() -> None:
    from babel import Locale

    codes = country_codes()
    assert len(codes) == 249
    assert len(set(codes.values())) == 249
    for language in ("en", "fr"):
        names = Locale.parse(language).territories
        missed = [names[code] for code, alpha_3 in codes.items() if resolve(names[code]) not in (alpha_3, None)]
        unresolved = [names[code] for code in codes if resolve(names[code]) is None]
        assert not missed
        assert len(unresolved) <= 3, unresolved
