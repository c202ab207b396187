"""New early-warning signals: said once each, against the release before, with no figure in what leaves the house."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_home

from orchestration.operations import alerts
from submissions.store.home import Home

SECRET = 7  # below the threshold: no alert may say it


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return small_home.make(tmp_path / "home", {})


def row(area: str, period: str, is_alarm: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "area_code": area, "area_name": f"Area {area}", "measure": "victims_detected", "exploitation": "_T", "sex": "_T",
        "period": period, "source": "qma_police_small", "dataset": "victims", "is_alarm": is_alarm, "value": float(SECRET),
        "expected": 2.0, "upper": 5.0, "q_bh": 0.01, **more,
    }  # fmt: skip


def release(
    home: Home, as_of: str, rows: list[dict[str, Any]] | None, audience: str = "restricted", ledger: int = 5
) -> Path:
    """A release with a planted table of alerts (None: a version that had none), which `latest` then points to."""
    folder = home.releases / audience / f"{as_of}-{ledger:012d}"
    (folder / "tables").mkdir(parents=True)
    (folder / "index.html").write_text("release\n")
    manifest = {
        "release_id": folder.name, "core": {}, "renderings": {},
        "provenance": {"as_of": as_of, "ledger_position": ledger, "inputs": []},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if rows is not None:
        columns = list(row("QMA", "2024"))
        pd.DataFrame(rows, columns=None if rows else columns).to_parquet(
            folder / "tables" / "alerts.parquet", index=False
        )
    link = home.releases / audience / "latest"
    link.unlink(missing_ok=True)
    os.symlink(folder.name, link)
    return folder


def said(home: Home) -> list[dict[str, Any]]:
    return [each for each in alerts.read(home) if each["kind"] == "early_warning"]


def test_each_new_signal_is_said_once_and_old_ones_are_not(home: Home) -> None:
    old = [row("QMA", "2024-Q1"), row("QMB", "2024-Q1", is_alarm=False)]
    release(home, "2024-05-01", old)
    alerts.watch(home)
    (first,) = said(home)
    assert "1 early-warning signals in the first restricted release" in first["text"]

    release(
        home, "2024-08-01", [*old, row("QMB", "2024-Q2"), row("QMC", "2024-Q2", exploitation="LAB", sex="F")], ledger=6
    )
    alerts.watch(home)
    alerts.watch(home)
    new = said(home)[1:]
    assert [each["text"] for each in new] == [
        "new early-warning signal: Victims detected in Area QMB, 2024-Q2 (qma_police_small): more than its own past would "
        "suggest",
        "new early-warning signal: Victims detected, Forced labour, Female in Area QMC, 2024-Q2 (qma_police_small): more "
        "than its own past would suggest",
    ]
    assert all(Path(each["look_at"]).is_file() for each in new)

    # the next release still has them, and one that had gone comes back: nothing is news
    release(home, "2024-11-01", [row("QMB", "2024-Q2")], ledger=7)
    alerts.watch(home)
    release(home, "2025-02-01", [row("QMB", "2024-Q2"), row("QMC", "2024-Q2", exploitation="LAB", sex="F")], ledger=8)
    alerts.watch(home)
    assert len(said(home)) == 3


def test_no_figure_of_a_release_is_in_an_alert(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setenv(alerts.WEBHOOK, "http://127.0.0.1:1/")
    monkeypatch.setattr(alerts, "_post", lambda address, line: sent.append(line) or True)
    for audience in ("restricted", "public"):
        release(home, "2024-05-01", [], audience)
    alerts.watch(home)
    for audience in ("restricted", "public"):
        release(home, "2024-08-01", [row("QMA", "2023-Q3", value=float(SECRET))], audience, ledger=6)
    alerts.watch(home)
    # both audiences have the same signal: it is said once
    (line,) = [each for each in sent if each["kind"] == "early_warning"]
    told = json.dumps({name: line[name] for name in ("subject", "text")}).replace("2023-Q3", "")
    assert not any(character.isdigit() for character in told), told
    assert line["subject"].split("/") == [
        "qma_police_small",
        "victims",
        "victims_detected",
        "QMA",
        "_T",
        "_T",
        "2023-Q3",
    ]


def test_releases_without_the_table_or_with_other_columns_are_no_news(home: Home) -> None:
    release(home, "2024-05-01", None)
    alerts.watch(home)
    assert said(home) == []
    release(home, "2024-08-01", [{"anything": 1}], ledger=6)
    alerts.watch(home)
    assert said(home) == []
    # the first that has it: one sentence, not a flood
    release(home, "2024-11-01", [row("QMA", f"20{year}-Q1") for year in range(10, 24)], ledger=7)
    alerts.watch(home)
    assert [each["text"].split(" ")[0] for each in said(home)] == ["14"]


def test_a_look_back_at_an_earlier_date_is_no_news(home: Home) -> None:
    release(home, "2024-05-01", [], ledger=5)
    release(home, "2024-08-01", [row("QMA", "2024-Q2")], ledger=6)
    alerts.watch(home)
    assert len(said(home)) == 1
    release(home, "2023-01-01", [row("QMA", "2022-Q4")], ledger=6)  # what was known then, made now
    alerts.watch(home)
    assert len(said(home)) == 1


def test_a_flood_is_cut_and_says_so(home: Home) -> None:
    release(home, "2024-05-01", [row("QMA", "2024-Q1")])
    alerts.watch(home)
    release(home, "2024-08-01", [row(f"QMA-{n:03}", "2024-Q2") for n in range(alerts.SIGNALS_SAID + 9)], ledger=6)
    alerts.watch(home)
    new = said(home)[1:]
    assert len(new) == alerts.SIGNALS_SAID + 1
    assert new[-1]["text"].startswith("9 more new early-warning signals")


def test_signals_are_looked_for_only_when_a_release_is_new(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    release(home, "2024-05-01", [row("QMA", "2024-Q1")])
    monkeypatch.setattr(alerts, "of_signals", lambda home: pytest.fail("looked again"))
    alerts.watch(home, releases_changed=False)


def test_the_table_of_a_real_release_fits(home: Home) -> None:
    """The columns that the warehouse publishes, as its model declares them, are those that a signal is told from."""
    import yaml

    models = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "published" / "_published__models.yml"
    declared = {model["name"]: model for model in yaml.safe_load(models.read_text(encoding="utf-8"))["models"]}
    columns = {column["name"] for column in declared["pub_alerts"]["columns"]}
    assert {*alerts.SIGNAL_KEY, "is_alarm", "area_name"} <= columns
