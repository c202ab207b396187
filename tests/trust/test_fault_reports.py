"""What an exception quotes of a partner's file stands in no record of Dagster's and in no other file of a home."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest
from dagster._core.definitions.sensor_definition import SensorType
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus
from dagster._utils.error import serializable_error_info_from_exc_info

from orchestration.runs import fault_reports, running
from submissions.errors import WaymarkError
from submissions.store.home import Home

PLANTED = "Zebulonia Quartermain, born 1999-04-05"


def raised_by(library: str) -> None:
    """An exception of a library that quotes a cell."""
    if library == "duckdb":
        duckdb.execute("select cast(? as decimal(20, 4))", [PLANTED])
    elif library == "pandas":
        pd.to_numeric(pd.Series([PLANTED]))
    elif library == "python":
        raise KeyError(PLANTED)
    else:
        try:
            duckdb.execute("select cast(? as date)", [PLANTED])
        except duckdb.Error as error:
            if library == "chained":
                raise RuntimeError(f"while reading {PLANTED}") from error
            raise WaymarkError("a sentence of ours", hint="do this") from error


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", "real", create=True)


def quoting(home: Home) -> list[Path]:
    words = [part.encode() for part in ("Zebulonia", "Quartermain", "1999-04-05")]
    return [
        path for path in home.path.rglob("*") if path.is_file() and any(word in path.read_bytes() for word in words)
    ]


@pytest.mark.parametrize("library", ["duckdb", "pandas", "python", "chained", "ours"])
def test_a_step_that_fails_over_a_cell_leaves_no_cell(home: Home, library: str) -> None:
    @dg.asset
    def reads() -> None:
        raised_by(library)

    with running.instance_of(home) as instance:
        result = dg.materialize([reads], instance=instance, raise_on_error=False, run_config=running.SILENT)
        assert not result.success
        with pytest.raises(WaymarkError) as caught:
            running._checked(result)
        events = instance.all_logs(result.run_id)
    assert quoting(home) == []
    assert "Quartermain" not in str(caught.value)
    assert any("raised_by" in str(event.dagster_event) for event in events if event.dagster_event), "the place is kept"
    reports = list((home.logs / fault_reports.FOLDER).glob("*.txt"))
    (report,) = reports
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text(encoding="utf-8")
    assert "test_fault_reports.py" in text
    assert "raised_by" in text
    if library == "ours":
        assert "a sentence of ours" in str(caught.value), "what this program says itself is said"
    else:
        assert str(report) in str(caught.value)


def test_a_sensor_that_fails_over_a_cell_leaves_no_cell(home: Home) -> None:
    with running.instance_of(home) as instance:
        try:
            raised_by("duckdb")
        except duckdb.Error:
            error = serializable_error_info_from_exc_info(sys.exc_info())
        tick = TickData("origin", "alerts", InstigatorType.SENSOR, TickStatus.FAILURE, 0.0, error=error)
        instance.create_tick(tick)
    assert SensorType.STANDARD
    assert "ConversionException" in error.message
    assert quoting(home) == []


def test_what_is_kept_says_type_and_place(home: Home) -> None:
    with running.instance_of(home):
        pass
    try:
        raised_by("chained")
    except RuntimeError:
        error = serializable_error_info_from_exc_info(sys.exc_info())
    assert error.message.startswith("RuntimeError at tests/trust/test_fault_reports.py:")
    assert error.cause is not None
    assert "ConversionException at tests/trust/test_fault_reports.py:" in error.cause.message


def test_the_original_text_would_have_been_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the tests above would say nothing."""
    from dagster_shared.error import SerializableErrorInfo

    with running.instance_of(home):
        pass
    monkeypatch.setattr(SerializableErrorInfo, "from_traceback", SerializableErrorInfo.waymark_original)  # pyright: ignore
    test_it = pytest.raises(AssertionError)
    with test_it:
        test_a_sensor_that_fails_over_a_cell_leaves_no_cell(home)
