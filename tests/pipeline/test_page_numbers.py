"""Every number on the pages of the demonstration, for both audiences, from `tables/` alone.

Those of the real partners are in test_real_partners.py, beside what else looks at their home.
"""

from __future__ import annotations

import page_numbers
import pytest

pytestmark = pytest.mark.xdist_group("page numbers")


@pytest.mark.parametrize("audience", ["public", "restricted"])
def test_pages_of_the_demonstration_show_cells_of_its_tables(demonstration_home, audience: str) -> None:
    folder = (demonstration_home.path / "releases" / audience / "latest").resolve()
    pages = [*page_numbers.chosen_pages(folder), "trends.html", "corridors.html", "definitions.html"]
    found = page_numbers.recompute(folder, pages)
    assert found.differ == []
    assert found.unexplained == []
    assert sum(found.checked.values()) > 20_000
