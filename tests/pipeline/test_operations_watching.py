"""What Dagster watches and what it says: the inbox sensor, what follows a build, schedules, alerts, lateness, conditions."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import small_home

from orchestration.operations import alerts, lateness
from orchestration.runs import intake, up_to_date
from orchestration.runs.builds import Request
from submissions.store.home import Home
from submissions.store.ledger import Ledger, state
from submissions.validation import expectations

pytestmark = pytest.mark.xdist_group("watching")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from orchestration.defs.operations.alerts import alerts_sensor, of_runs
    from orchestration.defs.operations.automation import FOLLOWS_CHECKED
    from orchestration.defs.releases.schedules import follow_build, weekly_release
    from orchestration.defs.resources import Warehouse
    from orchestration.defs.submissions.sensors import inbox_sensor


@pytest.fixture(autouse=True)
def without_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is expected of a file is no subject here, and its process takes seconds to start."""
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return small_home.make(tmp_path / "home")


def request(home: Home) -> Request:
    return Request(home=home, inbox=home.path / "inbox", contracts=(home.path / "contracts",))


def warehouse(home: Home) -> dict[str, Any]:
    return {"warehouse": Warehouse(home=str(home.path))}


def receive(home: Home) -> intake.Report:
    return intake.receive_waiting(request(home))


# --- the inbox --------------------------------------------------------------------------------------------------------


class Inbox:
    """The inbox sensor of a home, looked through as the daemon would: each look goes on from the last one's cursor."""

    def __init__(self, home: Home):
        self.home, self.cursor, self.instance = home, None, dg.DagsterInstance.ephemeral()

    def look(self) -> dg.RunRequest | str:
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources=warehouse(self.home)
        ) as context:
            result = inbox_sensor(context)
        if isinstance(result, dg.SkipReason):
            self.cursor = context.cursor
            return str(result.skip_message)
        self.cursor = result.cursor
        (run,) = result.run_requests or []
        return run


def test_a_new_file_starts_one_run_once_it_has_come_to_rest(home: Home) -> None:
    small_home.send(home.path, "20250115", small_home.rows(2012, 2024))
    inbox = Inbox(home)
    assert "come to rest" in str(inbox.look())
    run = inbox.look()
    assert isinstance(run, dg.RunRequest), "one run takes both files"
    assert inbox.look() == "nothing has changed"
    growing = small_home.send(home.path, "20260115", "area,year")
    assert "come to rest" in str(inbox.look())
    growing.write_text(small_home.rows(2012, 2025))
    assert "come to rest" in str(inbox.look()), "it was still being copied"
    again = inbox.look()
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != run.run_key


def test_the_sensor_waits_for_the_run_at_work_and_forgets_nothing(home: Home) -> None:
    inbox = Inbox(home)
    inbox.look()
    working = dg.DagsterRun(job_name="release", run_id="0" * 32, status=dg.DagsterRunStatus.STARTED)
    inbox.instance.add_run(working)
    assert "at work" in str(inbox.look())
    assert "at work" in str(inbox.look())
    inbox.instance.report_run_failed(working)
    assert isinstance(inbox.look(), dg.RunRequest)


def test_touched_files_and_released_states_start_nothing(home: Home) -> None:
    inbox = Inbox(home)
    inbox.look()
    first = inbox.look()
    receive(home)
    audiences = ["restricted", "public"]
    state_now = up_to_date.state_of(Warehouse(home=str(home.path)).request(), audiences)
    for audience in audiences:
        shelf = home.releases / audience
        (shelf / "2024-01-15-x").mkdir(parents=True)
        (shelf / "2024-01-15-x" / "index.html").touch()
        (shelf / "latest").symlink_to("2024-01-15-x")
    up_to_date.remember_received(home, state_now, "2024-01-15", [])
    for audience in audiences:
        assert up_to_date.released(home, state_now, audiences) is None
        release = {"audience": audience, "release_id": "2024-01-15-x", "index": "", "is_new": True}
        up_to_date.remember_release(home, state_now, release)
    assert isinstance(first, dg.RunRequest)
    inbox.look()
    assert "has been released" in str(inbox.look())
    (path,) = (home.path / "inbox").glob("*/*.csv")
    path.touch()
    assert "come to rest" in str(inbox.look())
    assert "has been released" in str(inbox.look()), "the same bytes at another time are nothing new"
    (home.releases / "public" / "latest").unlink()
    inbox.look()
    assert isinstance(inbox.look(), dg.RunRequest), "a release that no longer stands is made again"


def test_a_state_that_a_job_received_is_not_asked_for_again(home: Home) -> None:
    inbox = Inbox(home)
    receive(home)
    state_now = up_to_date.state_of(Warehouse(home=str(home.path)).request(), ["restricted", "public"])
    done = dg.DagsterRun(
        job_name="receive_and_build",
        run_id="1" * 32,
        status=dg.DagsterRunStatus.SUCCESS,
        tags={"waymark/state": state_now},
    )
    inbox.instance.add_run(done)
    inbox.look()
    assert "has been received" in str(inbox.look())


def test_an_empty_home_is_left_in_peace(tmp_path: Path) -> None:
    inbox = Inbox(small_home.make(tmp_path / "home", files={}))
    inbox.look()
    assert "empty" in str(inbox.look())
    assert inbox.look() == "nothing has changed"


# --- what follows -----------------------------------------------------------------------------------------------------


def following(home: Home, tags: dict[str, str]) -> list[Any]:
    """What the run-status sensor asks for after a build with these tags has succeeded."""

    @dg.op
    def build() -> None: ...

    @dg.job(tags=tags)
    def receive_and_build() -> None:
        build()

    with dg.DagsterInstance.ephemeral() as instance:
        result = receive_and_build.execute_in_process(instance=instance)
        context = dg.build_run_status_sensor_context(
            sensor_name="release_what_was_built",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_success_event(),
            resources=warehouse(home),
        )
        sensor = follow_build([receive_and_build], receive_and_build)
        with context:
            return [each for each in sensor(context) if isinstance(each, dg.RunRequest)]


@pytest.mark.parametrize(("kind", "audiences"), [("demonstration", ["restricted", "public"]), ("real", ["restricted"])])
def test_a_build_is_released_for_each_audience_at_its_own_date_and_position(
    tmp_path: Path, kind: str, audiences: list[str]
) -> None:
    home = Home.open(tmp_path / "home", kind=kind, create=True)
    tags = {"waymark/state": "s", "waymark/as_of": "2024-01-15", "waymark/ledger": "7"}
    runs = following(home, tags)
    assert [run.partition_key for run in runs] == audiences
    for run in runs:
        config = run.run_config["resources"]["warehouse"]["config"]
        assert (config["as_of"], config["ledger"], config["home"]) == ("2024-01-15", 7, str(home.path))
        assert tags.items() <= run.tags.items()
    assert len({run.run_key for run in runs}) == len(audiences)


def test_a_build_that_says_nothing_is_not_followed(home: Home) -> None:
    assert following(home, {}) == []


def test_a_public_release_of_real_partners_is_refused_whoever_asks(tmp_path: Path) -> None:
    from submissions.errors import WaymarkError

    home = Home.open(tmp_path / "home", kind="real", create=True)
    small_home.write_contract(home.path)
    small_home.send(home.path, "20240115", small_home.rows(2012, 2023))
    receive(home)
    context = dg.build_asset_context(partition_key="public")
    with pytest.raises(WaymarkError, match="public release of real partners"):
        Warehouse(home=str(home.path), contracts=[str(home.path / "contracts")]).audience_build(context)


def test_the_weekly_release_asks_only_when_something_would_change(home: Home, tmp_path: Path) -> None:
    records = dg.DagsterInstance.local_temp(str(tmp_path))
    with dg.build_schedule_context(instance=records, resources=warehouse(home)) as context:
        assert isinstance(weekly_release(context), dg.RunRequest)
    audiences = ["restricted", "public"]
    state_now = up_to_date.state_of(Warehouse(home=str(home.path)).request(), audiences)
    releases = []
    for audience in audiences:
        folder = home.releases / audience / "2024-01-15-x"
        folder.mkdir(parents=True)
        (folder / "index.html").touch()
        (folder.parent / "latest").symlink_to(folder.name)
        releases.append(
            {"audience": audience, "release_id": folder.name, "index": str(folder / "index.html"), "is_new": True}
        )
    up_to_date.remember(home, state_now, {"as_of": "2024-01-15", "releases": releases, "files_without_contract": []})
    with dg.build_schedule_context(instance=records, resources=warehouse(home)) as context:
        assert isinstance(weekly_release(context), dg.SkipReason)


def test_conditions_wait_for_blocking_checks() -> None:
    """What was made by hand is followed once its blocking checks have passed, and not when one has failed."""
    passed = {"now": False}

    @dg.asset(check_specs=[dg.AssetCheckSpec("blocks", asset="above", blocking=True)])
    def above():
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="blocks", passed=passed["now"])])

    @dg.asset(
        deps=[above],
        partitions_def=dg.StaticPartitionsDefinition(["restricted", "public"]),
        automation_condition=FOLLOWS_CHECKED,
    )
    def below() -> None: ...

    definitions = dg.Definitions(assets=[above, below])
    instance = dg.DagsterInstance.ephemeral()

    def asked(cursor: Any) -> Any:
        return dg.evaluate_automation_conditions(defs=definitions, instance=instance, cursor=cursor)

    first = asked(None)
    dg.materialize([above], instance=instance, raise_on_error=False)
    after_failure = asked(first.cursor)
    assert after_failure.total_requested == 0
    passed["now"] = True
    dg.materialize([above], instance=instance)
    after_success = asked(after_failure.cursor)
    assert after_success.get_requested_partitions(dg.AssetKey("below")) == {"restricted", "public"}


# --- lateness ---------------------------------------------------------------------------------------------------------


def test_a_yearly_partner_is_late_after_its_days_of_grace(home: Home) -> None:
    receive(home)
    (delivery,) = lateness.deliveries(home)
    # the last year is 2023; 2024 ends with its December, and 90 days after it are over on 31 March 2025
    assert (delivery.last_period_start, delivery.due_on) == (date(2023, 1, 1), date(2025, 3, 31))
    assert lateness.late(home, date(2025, 3, 31)) == []
    assert [each.days_late(date(2025, 4, 2)) for each in lateness.late(home, date(2025, 4, 2))] == [2]
    assert lateness.late(home) == [], "invented partners are counted to the newest issue, not to today"
    small_home.send(home.path, "20250401", small_home.rows(2012, 2024))
    receive(home)
    assert lateness.late(home, date(2025, 4, 2)) == []


def test_lateness_is_that_of_the_published_coverage(demonstration_home) -> None:
    """Two ways to one answer: this module over the lake, the warehouse over harmonised rows."""
    home = Home.open(demonstration_home.path)
    table = demonstration_home.path / "releases" / "restricted" / "latest" / "tables" / "coverage.parquet"
    published = duckdb.execute(
        "select source, dataset, max(due_on) from read_parquet(?) where due_on is not null group by all", [str(table)]
    ).fetchall()
    found: dict[tuple[str, str], set[date]] = {}
    for each in lateness.deliveries(home):
        found.setdefault((each.partner, each.dataset), set()).add(each.due_on)
    assert len(published) > 20
    for source, dataset, due_on in published:
        assert due_on in found[source, dataset], (source, dataset)
    late = duckdb.execute("select distinct source, dataset from read_parquet(?) where is_late", [str(table)]).fetchall()
    assert {(each.partner, each.dataset) for each in lateness.late(home)} >= set(late)


# --- alerts -----------------------------------------------------------------------------------------------------------


@contextmanager
def webhook(status: int = 204) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver on this machine: its address and what it was sent."""
    sent: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alerts", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def troubled(home: Home) -> None:
    """A file that is refused, one that is held because figures vanished, and nothing else since 2024."""
    receive(home)
    small_home.send(home.path, "20240201", "area,year,sex,count\nQMA,2023,all,seventy\n")
    small_home.send(home.path, "20240301", "area,year,sex,count\nQMA,2023,all,70\n")
    receive(home)


def test_each_trouble_is_said_once_without_a_partners_words(home: Home) -> None:
    troubled(home)
    new = alerts.watch(home, today=date(2026, 1, 1))
    assert sorted(each.kind for each in new) == ["held_submission", "late_partner", "refused_file"]
    assert alerts.watch(home, today=date(2026, 1, 2)) == []
    lines = alerts.read(home)
    assert [line["alert"] for line in lines] == [each.alert_id for each in new]
    text = alerts.file_of(home).read_text(encoding="utf-8")
    assert "seventy" not in text
    assert "victims_2024" not in text, "a file's name may hold a person's"
    (refused,) = [line for line in lines if line["kind"] == "refused_file"]
    assert Path(refused["look_at"]).read_text(encoding="utf-8").startswith("victims_20240201.csv: refused")
    # the next missed delivery has another due date
    assert [each.kind for each in alerts.watch(home, today=date(2027, 1, 1))] == []
    small_home.send(home.path, "20250101", small_home.rows(2012, 2024))
    receive(home)
    assert [each.kind for each in alerts.watch(home, today=date(2027, 1, 1))] == ["late_partner"]


def test_the_webhook_gets_each_alert_once_and_waits_out_a_failure(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    troubled(home)
    with webhook(status=500) as (address, sent):
        monkeypatch.setenv(alerts.WEBHOOK, address)
        new = alerts.watch(home, today=date(2026, 1, 1))
        assert len(sent) == 1, "one that does not take them is not asked for each"
    alerts.watch(home, today=date(2026, 1, 1))  # nobody listens there any more
    with webhook() as (address, sent):
        monkeypatch.setenv(alerts.WEBHOOK, address)
        assert alerts.watch(home, today=date(2026, 1, 1)) == []
        assert [each["alert"] for each in sent] == [each.alert_id for each in new]
        assert all(each.keys() == {"at", "alert", "kind", "subject", "text"} for each in sent)
        assert str(home.path) not in json.dumps(sent), "paths of this machine stay here"
        alerts.watch(home, today=date(2026, 1, 1))
        assert len(sent) == len(new)
    assert not (home.logs / "alerts-to-send.json").exists()


def test_no_address_and_a_wrong_one_harm_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    troubled(home)
    monkeypatch.setenv(alerts.WEBHOOK, "file:///etc/passwd")
    assert len(alerts.watch(home, today=date(2026, 1, 1))) == 3


def test_failed_checks_and_runs_are_alerts_whoever_started_them(home: Home) -> None:
    @dg.asset(
        check_specs=[
            dg.AssetCheckSpec("fits", asset="table", blocking=False),
            dg.AssetCheckSpec("nothing_refused", asset="table"),
        ]
    )
    def table():
        return dg.MaterializeResult(
            check_results=[dg.AssetCheckResult(check_name=name, passed=False) for name in ("fits", "nothing_refused")]
        )

    @dg.asset
    def broken() -> None:
        raise ValueError("a partner's words")

    instance = dg.DagsterInstance.ephemeral()
    dg.materialize([table], instance=instance)
    dg.materialize([broken], instance=instance, raise_on_error=False)
    found, after = of_runs(instance, 0)
    assert sorted(each.kind for each in found) == ["failed_check", "failed_run"]
    assert "table:fits" in next(each.text for each in found if each.kind == "failed_check")
    assert "partner's words" not in json.dumps([vars(each) for each in found])
    assert of_runs(instance, after)[0] == [] or {each.alert_id for each in of_runs(instance, after)[0]} <= {
        each.alert_id for each in found
    }
    with dg.build_sensor_context(instance=instance, resources=warehouse(home)) as context:
        assert "the check table:fits failed" in str(alerts_sensor(context).skip_message)
    with dg.build_sensor_context(instance=instance, cursor=context.cursor, resources=warehouse(home)) as again:
        assert alerts_sensor(again).skip_message == "nothing new to say"
    assert {line["kind"] for line in alerts.read(home)} == {"failed_check", "failed_run"}


def test_held_and_refused_are_what_the_ledger_says(home: Home) -> None:
    troubled(home)
    known = state(Ledger.of(home).entries())
    assert [known.standing(identifier) for identifier in known.submissions] == ["accepted", "held_for_confirmation"]
    assert len(known.refusals) == 1
