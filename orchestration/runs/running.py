"""`waymark run`: receive what waits, decide whether anything is new, and materialise the same assets as the Dagster UI."""

from __future__ import annotations

import gc
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.operations import alerts
from orchestration.runs import builds, fault_reports, orphaned_runs, progress, up_to_date
from orchestration.runs.builds import Request
from orchestration.runs.lock import hold
from submissions.errors import WaymarkError
from submissions.store import publications
from submissions.store.home import Holder, Home, write_whole

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from orchestration.runs.intake import Report
    from orchestration.runs.publishing import Published

DAGSTER_SETTINGS = """# written by Waymark
telemetry:
  enabled: false
nux:
  enabled: false
# one writer at a time: a run waits in the queue while another of the same pool works
concurrency:
  pools:
    default_limit: 1
    granularity: run
# a run whose process was killed is started again; one that failed is for a person to look at
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  poll_interval_seconds: 30
# what libraries print may quote a partner's file: it is not kept
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
event_log_storage:
  module: orchestration.runs.event_storage
  class: EventRecords
  config:
    base_dir: {events}
retention:
  sensor:
    purge_after_days: 30
  schedule:
    purge_after_days: 90
"""
# a person at the terminal gets this program's own lines; Dagster's events are in its records
SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Summary:
    """What a run did, as the terminal and `--json` say it."""

    outcome: str  # "released" or "nothing_new"
    as_of: str = ""
    files: list[dict[str, Any]] = field(default_factory=list)
    files_without_contract: list[str] = field(default_factory=list)
    already_held: int = 0
    refused_before: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)
    unmapped: list[dict[str, Any]] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def run(request: Request, audiences: Sequence[str] | None = None) -> Summary:
    """Receive, build and release for each audience; the same request again changes nothing.

    audiences  None: both for a demonstration home, `restricted` for a real one.
    Raises WaymarkError with what, where and what to do.
    """
    chosen = up_to_date.audiences_of(request.home, audiences)
    with _held(request) as report:
        return _run(request, chosen, report)


def prepare_and_run(request: Request, prepare: Callable[[Request, Report], None]) -> Summary:
    """`run` with something done first under the same lock, as part of the same run: what it receives is in its report."""
    with _held(request) as report:
        prepare(request, report)
        return _run(request, up_to_date.audiences_of(request.home), report)


@contextmanager
def _held(request: Request) -> Iterator[Report]:
    """The home's lock for a whole run, with a report of its own: a process may do several runs, in several homes."""
    from orchestration.runs.intake import Report

    with hold(request.home, _tell_holder):
        _collect_rarely()
        yield Report()


def _run(request: Request, audiences: Sequence[str], report: Report) -> Summary:
    from orchestration.runs import intake, publishing

    intake.begin(request.home)
    # taken before anything is received: a file that comes in meanwhile is the next run's
    sources = intake.fingerprint(request)
    last = up_to_date.released(request.home, up_to_date.state_of(request, audiences, sources), audiences)
    if last is not None:
        return Summary("nothing_new", **{name: last[name] for name in ("as_of", "releases", "files_without_contract")})
    # files that came before under another name are no work: the releases stand that were made without them
    beside = up_to_date.state_of(request, audiences, up_to_date.without_inbox(sources))
    last = up_to_date.released(request.home, beside, audiences)
    known = intake.nothing_to_receive(request) if last is not None else None
    if last is not None and known is not None:
        kept = {"as_of": last["as_of"], "releases": last["releases"], "files_without_contract": known.without_contract}
        up_to_date.remember(request.home, up_to_date.state_of(request, audiences, sources), kept)
        notices = [
            f"{each.partner}/{each.file_name}: {note}"
            for each in known.files.values()
            for note in each.notes
            if "held as" in note
        ]
        return Summary("nothing_new", already_held=known.already_held, notices=notices, **kept)
    releases, as_of = _materialise(request, audiences, report)
    summary = Summary(
        "released",
        as_of=as_of,
        files=[intake.row(receipt) for receipt in report.receipts],
        files_without_contract=report.without_contract,
        already_held=report.already_held,
        refused_before=[intake.refused_row(receipt) for receipt in report.refused_before.values()],
        notices=[*report.notices, *_lost(request.home, audiences)],
        warnings=intake.warnings(report.receipts),
        unmapped=intake.unmapped(report.receipts),
        releases=[
            {
                "audience": each.audience,
                "release_id": each.release_id,
                "index": str(each.index),
                "is_new": each.is_new,
                **publishing.protection_of(each),
            }
            for each in releases
        ],
        missing=[*report.boundaries_missing, *sorted({what for each in releases for what in each.missing})],
    )
    kept = {name: getattr(summary, name) for name in ("as_of", "releases", "files_without_contract")}
    up_to_date.remember(request.home, up_to_date.state_of(request, audiences, sources), kept)
    up_to_date.remember(request.home, up_to_date.state_of(request, audiences, up_to_date.without_inbox(sources)), kept)
    alerts.watch(request.home)
    return summary


def _lost(home: Home, audiences: Sequence[str]) -> list[str]:
    """Earlier releases that are on record and not in the home: they were read, so they count, and are told."""
    return [
        f"the {each.audience} release {each.release_id} is on record and its folder is gone: it stays an input of "
        f"protection; restore it, or say `waymark release discard {each.release_id} --reason …` if it never left the house"
        for each in publications.lost(home)
        if each.audience in audiences
    ]


def _materialise(request: Request, audiences: Sequence[str], report: Report) -> tuple[list[Published], str]:
    """The two halves of the walk through Dagster in this process: up to the marts, then once an audience.

    `report` gets what comes in. Returns the releases and the date that they are as of.
    """
    shown = progress.current()
    with shown.step("start-up", "starting Dagster and dbt"):
        _quiet()
        import dagster as dg

        from orchestration.definitions import before_audience, for_audience
        from orchestration.defs.resources import Warehouse
        from orchestration.defs.submissions.partitions import LAKE

        first, second = before_audience(), for_audience()
        # all that is loaded by now stays until the end
        gc.freeze()
        instance = instance_of(request.home)
        # this run holds the home, so no other run of the command line can be at work
        orphaned_runs.settle(instance, of_commands=True)
        resources = {
            "warehouse": Warehouse(
                home=str(request.home.path),
                inbox=str(request.inbox or ""),
                contracts=[str(path) for path in request.contracts],
                areas=[str(path) for path in request.areas],
                as_of=request.as_of.isoformat() if request.as_of else "",
                ledger=request.ledger or 0,
            ),
            "report": report,
        }
    releases = []
    with instance:
        result = dg.materialize(
            first,
            # partitions of submissions follow the ledger; they are materialised by hand only
            selection=dg.AssetSelection.assets(*first) - dg.AssetSelection.assets(LAKE),
            instance=instance,
            resources=resources,
            run_config=SILENT,
            raise_on_error=False,
        )
        try:
            _checked(result)
        except WaymarkError as error:
            raise WaymarkError("\n".join([error.message, *_not_taken(report)]), hint=error.hint) from error
        for audience in audiences:
            result = dg.materialize(
                [*first, *second],
                selection=dg.AssetSelection.assets(*second),
                partition_key=audience,
                instance=instance,
                resources=resources,
                run_config=SILENT,
                raise_on_error=False,
            )
            _checked(result)
            releases.append(_published(result, audience))
    build = builds.resolve(request)
    builds.prune(request.home, [build, *(build.for_audience(audience) for audience in audiences)])
    return releases, build.as_of.isoformat()


def _published(result: Any, audience: str) -> Published:
    """The release of one audience, as its asset's materialisation has it."""
    from orchestration.runs.publishing import Published

    (told,) = (
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None and event.asset_key.path == ["releases", "release"]
    )
    return Published(
        str(told["release_id"].value),
        audience,
        Path(str(told["index"].value)).parent,
        is_new=bool(told["is_new"].value),
        missing=tuple(told["missing"].value),
    )


def _collect_rarely() -> None:
    """What libraries load stays until the end: the collector need not walk through it again and again (2 to 4 s a run)."""
    gc.set_threshold(100_000, 50, 1000)


def _checked(result: Any) -> None:
    """Turn a failed step or a failed blocking check into one readable error."""
    if result.success:
        return
    for event in result.all_events:
        if event.is_step_failure:
            chain = list(fault_reports.chain(event.step_failure_data.error))
            ours = [error for error in chain if error.cls_name in fault_reports.OURS]
            if ours:
                raise WaymarkError(ours[-1].message.strip().partition(": ")[2])
            raise WaymarkError(
                f"the step {event.step_key} failed: {chain[-1].message.strip() if chain else 'no error is known'}",
                hint="nothing was published; `waymark ui` shows the run, and running again starts over safely",
            )
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed and check.blocking]
    names = ", ".join(f"{check.asset_key.to_user_string()}:{check.check_name}" for check in failed) or "a check"
    raise WaymarkError(f"{names} failed, so nothing was published", hint="`waymark ui` shows the check and its figures")


def _not_taken(report: Any, shown: int = 10) -> list[str]:
    """Why nothing came in, where nothing did: a line for each file that was refused, held or left alone."""
    from submissions.store.ledger import ACCEPTED

    if any(receipt.outcome in ACCEPTED for receipt in report.receipts):
        return []
    lines = [
        f"  {receipt.partner}/{receipt.file_name}: {receipt.outcome.replace('_', ' ')}"
        + "".join(f": {problem}" for problem in receipt.problems[:1])
        for receipt in [*report.receipts, *report.refused_before.values()]
    ]
    lines += [f"  {name}" for name in report.without_contract]
    return lines[:shown] + ([f"  … and {len(lines) - shown} more"] if len(lines) > shown else [])


def instance_of(home: Home) -> DagsterInstance:
    """Dagster's own records live in the home's logs, so that the UI shows the runs of the command line too."""
    import dagster as dg

    return dg.DagsterInstance.from_config(str(prepare_instance_folder(home)))


def prepare_instance_folder(home: Home) -> Path:
    """The folder of Dagster's records of a home, with the shipped settings in it."""
    folder = home.logs / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    # the library's own place for them, named because a class of one's own has to be told; JSON quotes it for YAML
    content = DAGSTER_SETTINGS.format(events=json.dumps(str((folder / "history" / "runs").resolve())))
    if not settings.exists() or settings.read_text(encoding="utf-8") != content:
        write_whole(settings, content.encode())
    return folder


def _quiet() -> None:
    """Dagster, dbt and Great Expectations log for engineers; a person at the terminal gets this program's own lines."""
    os.environ.update(
        DAGSTER_DISABLE_TELEMETRY="1",
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
        GX_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    import warnings

    warnings.filterwarnings("ignore")
    # a handler that is there keeps libraries from adding one that prints; Dagster's event records have their own
    logging.root.handlers = [logging.NullHandler()]


def _tell_holder(holder: Holder | None) -> None:
    progress.current().line(f"waiting: the home is held by {holder or 'another process'}")
