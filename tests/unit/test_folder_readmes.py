"""A stranger finds a line by folder names: each room and wing says in five lines what it holds, and tells no lies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("submissions", "disclosure", "geo", "trends", "analytics", "reports", "orchestration")
FOLDERS = sorted(
    {
        *ROOMS,
        *(
            path.parent.relative_to(ROOT).as_posix()
            for room in ("submissions", "reports", "orchestration")
            for path in (ROOT / room).glob("*/__init__.py")
        ),
        *("contracts", "dbt_project", "notebooks", "tests"),
    }
)
# a file or folder as it is named in a text: `store/ledger.py`, `validation/`, `fields.yml`
NAMED = re.compile(r"`([\w./-]+(?:\.(?:py|yml|csv|txt|html|md|ipynb)|/))`")


def missing(text: str, folder: Path) -> list[str]:
    """What a README or a table names and does not exist, beside it or from the root of the repository."""
    return [
        name
        for name in NAMED.findall(text)
        if not (folder / name).exists() and not (ROOT / name).exists() and not list(folder.rglob(name.rstrip("/")))
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_says_in_five_lines_what_it_holds(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {folder}/\n")
    assert len(text.splitlines()) == 5
    assert not missing(text, ROOT / folder)


def test_contributing_and_readme_name_files_that_exist() -> None:
    for name in ("CONTRIBUTING.md", "README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        paths = [found for found in NAMED.findall(text) if "/" in found.rstrip("/")]
        assert not [path for path in paths if not (ROOT / path).exists()], name


def test_a_lie_is_seen() -> None:
    assert missing("Begin at `nowhere.py`.", ROOT / "geo") == ["nowhere.py"]
    assert not missing("Begin at `rates.py`, then `docs/methods/`.", ROOT / "geo")
