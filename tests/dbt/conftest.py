"""One build database for the session of these tests."""

from __future__ import annotations

import pytest
from warehouse_build import Build


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """One database path for the whole session, so that dbt parses the project once."""
    folder = tmp_path_factory.mktemp("dbt")
    return Build(folder / "build.duckdb", folder / "target")
