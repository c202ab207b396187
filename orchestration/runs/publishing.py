"""From a finished build to a release: published tables out, the release built aside, verified, then one atomic switch."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from analytics.parameters import parameters
from orchestration.runs import code_identity, progress, table_declarations, verification
from orchestration.runs.builds import Build, rules_digest
from orchestration.runs.releases import verify_files
from submissions.errors import WaymarkError
from submissions.store import publications, published_cells
from submissions.store.ledger import Ledger
from submissions.vocabulary import fields

SCHEMA_VERSION = 1
# what the audit found and what was lost, as protection leaves it in the folder of a build
DISCLOSURE = "disclosure.json"


@dataclass(frozen=True)
class Published:
    """A release that stands in the home; `is_new` tells whether this run wrote it."""

    release_id: str
    audience: str
    folder: Path
    is_new: bool
    missing: tuple[str, ...] = ()

    @property
    def index(self) -> Path:
        return self.folder / "index.html"


def export_tables(build: Build) -> dict[str, str]:
    """Write every published table that its audience may have as parquet under `build.published`.

    Gives name -> SHA-256 of its logical content. Raises WaymarkError where a table or column is not declared for the
    audience: nothing of it is written then.
    """
    folder = build.published / "tables"
    shutil.rmtree(build.published, ignore_errors=True)
    with duckdb.connect(str(build.database)) as connection:
        tables = published_tables(connection, str(build.audience))
        if not tables:
            raise WaymarkError(
                f"the build {build.key} has no published tables", hint="the dbt selection `published` did not run"
            )
        folder.mkdir(parents=True)
        for name in tables:
            target = folder / f"{name}.parquet"
            connection.execute(
                f"copy (select * from pub_{name} order by all) to '{_quoted(target)}' (format parquet, compression zstd)"
            )
    return verification.table_digests(folder)


def published_tables(connection: duckdb.DuckDBPyConnection, audience: str) -> list[str]:
    """The tables of a build that go out to an audience, by name: the gate of published columns.

    A table declared for a less open audience stays behind. Raises WaymarkError where the build has a table or a column
    that is not declared, or, for the public, one whose privacy class does not let it out.
    """
    rows = connection.execute(
        """
        select substring(table_name, 5), list(column_name order by ordinal_position)
        from information_schema.columns where starts_with(table_name, 'pub_') group by 1 order by 1
        """
    ).fetchall()
    declared = table_declarations.tables()
    found = {name: columns for name, columns in rows if name not in declared or declared[name].is_for(audience)}
    if problems := table_declarations.not_publishable(audience, found):
        raise WaymarkError(
            f"nothing was published for the {audience} audience: {'; '.join(problems[:5])}",
            hint="declare tables in dbt_project/models/published/_published__models.yml and privacy in contracts/fields.yml",
        )
    return list(found)


def identity(build: Build) -> dict[str, Any]:
    """What a release's id is made of besides its tables (definitions are tables). The manifest says it, so that whoever
    has the release can recompute its id. For an audience that protection hides something from, the earlier releases that
    it was protected against are part of it."""
    protected = {}
    if build.audience in publications.PROTECTED_AUDIENCES:
        protected = {"earlier_releases": [each.release_id for each in build.earlier]}
    return {
        **protected,
        "parameters": parameters(),
        "audience": build.audience,
        "home_kind": build.home.kind,
        "schema_version": SCHEMA_VERSION,
    }


def release_id(build: Build, digests: dict[str, str]) -> str:
    """`<as_of>-<hash12>` over the core: tables, parameters, audience and schema version."""
    return verification.release_id(build.as_of.isoformat(), identity(build), digests)


def write_layers(build: Build) -> None:
    """A map layer for every level of every area set that the published tables use, projected and simplified for drawing."""
    from geo import layers
    from orchestration.runs.boundaries import shapes

    folder = build.published / "layers"
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(build.database)) as connection:
        used = connection.execute(
            """
            select areas.area_set, areas.area_level, list(areas.area_code order by areas.area_code)
            from pub_areas as areas
            where areas.has_polygon and areas.area_level in (select area_level from pub_observations)
                and areas.area_set in (select a.area_set from pub_observations inner join pub_areas as a using (area_code))
            group by all order by all
            """
        ).fetchall()
        names = dict(connection.execute("select area_code, area_name from pub_areas").fetchall())
    by_set = shapes(build, sorted({row[0] for row in used}))
    levels = Counter(area_set for area_set, _, _ in used if area_set in by_set)
    for area_set, level, codes in used:
        if area_set not in by_set:
            continue
        drawn = by_set[area_set]
        drawn = drawn[drawn["area_code"].isin(codes)].sort_values("area_code", ignore_index=True)
        name = area_set if levels[area_set] == 1 else f"{area_set}_{level}"
        document = layers.layer(
            drawn.assign(area_name=drawn["area_code"].map(names).fillna(drawn["area_code"])),
            name=name,
            title=by_set[area_set].attrs["title"],
            attribution=by_set[area_set].attrs["attribution"],
        )
        text = json.dumps({**document, "area_level": level}, ensure_ascii=False, separators=(",", ":"))
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def describe(build: Build, identifier: str) -> dict[str, Any]:
    """What pages say about the release as a whole. Nothing of the clock, the machine or the ledger position."""
    with duckdb.connect(str(build.database)) as connection:
        totals = connection.execute(
            """
            select count(distinct file_name), sum(rows_in), sum(rows_accepted), sum(rows_quarantined), sum(rows_excluded)
            from lake.submissions where issued_on <= (select as_of from lake.build_parameters)
            """
        ).fetchall()[0]
        sources = connection.execute("select * from pub_datasets order by all").df()
    balance = {
        name: int(count or 0)
        for name, count in zip(("files", "rows_in", "accepted", "quarantined", "excluded"), totals, strict=True)
    }
    if build.audience == "public":
        # a handful of quarantined rows is a small count like any other
        balance = {name: balance[name] for name in ("files", "rows_in")}
    protected = {}
    if build.audience in publications.PROTECTED_AUDIENCES:
        protected = {
            "earlier_releases": [each.release_id for each in build.earlier],
            "disclosure": json.loads((build.folder / DISCLOSURE).read_text(encoding="utf-8")),
        }
    return {
        **protected,
        "release_id": identifier,
        "audience": build.audience,
        "as_of": str(build.as_of),
        "home_kind": build.home.kind,
        "is_invented": build.home.kind == "demonstration",
        "schema_version": SCHEMA_VERSION,
        "parameters": parameters(),
        "sources": json.loads(sources.to_json(orient="records", date_format="iso")),
        "balance": balance,
        "fields": field_texts(),
        "labels": fields.labels(),
        "tables": table_declarations.described(),
    }


def field_texts() -> dict[str, Any]:
    """The field registry as the data package and the column dictionary need it: column -> description, type, unit."""
    return {
        name: {key: entry.get(key) for key in ("description", "type", "unit") if entry.get(key) is not None}
        for name, entry in sorted(fields.registry().items())
    }


def protection_of(published: Published) -> dict[str, Any]:
    """`earlier_releases` and `disclosure` of a release of a protected audience, as its manifest says; else nothing."""
    manifest = json.loads((published.folder / "manifest.json").read_text(encoding="utf-8"))
    return {
        name: manifest["release"][name] for name in ("earlier_releases", "disclosure") if name in manifest["release"]
    }


def publish(build: Build, browser: str | None = None) -> Published:
    """Write, verify and switch to the release of an audience build; a release that already stands is only switched to."""
    from reports import release
    from reports.packages.manifest import verify

    shown = progress.current()
    with shown.step("release: tables", "published tables and map layers"):
        digests = export_tables(build)
        identifier = release_id(build, digests)
        write_layers(build)
        (build.published / "release.json").write_text(
            json.dumps(describe(build, identifier), ensure_ascii=False, indent=1, sort_keys=True), encoding="utf-8"
        )
    shelf = build.home.releases / str(build.audience)
    shelf.mkdir(parents=True, exist_ok=True)
    final = shelf / identifier
    if final.exists() and _stands(build, final):
        put_on_record(build, identifier)
        switch(shelf, identifier)
        return Published(identifier, str(build.audience), final, is_new=False)
    aside = shelf / f".{identifier}.building"
    shutil.rmtree(aside, ignore_errors=True)
    with shown.step("release: pages and charts", f"pages and charts of {identifier}"):
        result = release.write(
            build.published, aside, progress=shown.tick, browser=browser, provenance=provenance(build, digests)
        )
    problems = verify(aside)
    if problems:
        raise WaymarkError(
            f"the release {identifier} does not verify and was not published: {problems[0]}",
            hint=f"what was written stays in {aside} until the next run",
        )
    # on record before it stands in its place: a release that was read and is not on record would be no input of the next
    put_on_record(build, identifier)
    if final.exists():
        old = shelf / f".{identifier}.replaced"
        shutil.rmtree(old, ignore_errors=True)
        os.rename(final, old)
        os.rename(aside, final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(aside, final)
    # on record once it stands, and before anyone is sent to it
    verification.record(build.home, str(build.audience), identifier)
    switch(shelf, identifier)
    return Published(identifier, str(build.audience), final, is_new=True, missing=tuple(result.missing))


def put_on_record(build: Build, identifier: str) -> None:
    """Keep what a release of a protected audience publishes beside the ledger, and enter it there. Safe to repeat.

    Raises WaymarkError where a release on record comes out otherwise than it was: it was protected against those that
    stood before it, and others have been read since.
    """
    if build.audience not in publications.PROTECTED_AUDIENCES:
        return
    ledger, audience = Ledger.of(build.home), str(build.audience)
    known = publications.record(ledger.entries(), audience)
    if known.find(identifier) is not None:
        return
    earlier = [each.release_id for each in build.earlier]
    if earlier != [each.release_id for each in known.out()]:
        raise WaymarkError(
            f"the release of {build.as_of} at ledger position {build.ledger_position} does not come out as it was, and "
            f"{len(known.out()) - len(earlier)} releases went out since, which it was not protected against",
            hint="restore the home from a backup (docs/runbooks/restore.md), or release a newer state",
        )
    with duckdb.connect(str(build.database)) as connection:
        versions = connection.execute("select * from protected.versions").df()
    digest = published_cells.extended(build.home, audience, len(known.publications) + 1, versions)
    ledger.append(
        [
            publications.entry_of(
                identifier, audience, build.as_of.isoformat(), build.ledger_position, rules_digest(), earlier, digest
            )
        ]
    )
    published_cells.remove_others(build.home)


def switch(shelf: Path, identifier: str) -> None:
    """Point `latest` at a release in one step: a reader sees the old one or the new one, never neither."""
    temporary = shelf / ".latest.switching"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(identifier, target_is_directory=True)
    os.replace(temporary, shelf / "latest")


def _stands(build: Build, folder: Path) -> bool:
    """Whether a release of the same id was written by the same code, and is as the ledger has it, to the last file."""
    if not verification.is_on_record(build.home, str(build.audience), folder.name):
        return False
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest["provenance"]["code_version"] == code_identity.version() and not verify_files(folder)


def provenance(build: Build, digests: dict[str, str]) -> dict[str, Any]:
    """What the manifest says outside the core: the ledger position, the inputs, the code."""
    with duckdb.connect(str(build.database)) as connection:
        rows = connection.execute(
            """
            select submission_id, partner_id, dataset, issued_on, ledger_position, datasets.audience = 'public'
            from lake.submissions left join stg_lake__datasets as datasets using (partner_id, dataset)
            where issued_on <= (select as_of from lake.build_parameters) order by ledger_position
            """
        ).fetchall()
    public = build.audience == "public"
    # whose figures this audience does not get is not named to it either
    withheld = [build.home.keyed(row[0])[:16] for row in rows if public and not row[5]]
    inputs = [
        {
            # under this home's own key: stable from release to release, and not to be found by guessing
            "submission": build.home.keyed(row[0])[:16] if public else row[0],
            "partner_id": row[1],
            "dataset": row[2],
            "issued_on": str(row[3]),
            **({} if public else {"ledger_position": row[4]}),
        }
        for row in rows
        if row[5] or not public
    ]
    return {
        "ledger_position": build.ledger_position,
        "as_of": str(build.as_of),
        "code_version": code_identity.version(),
        "parameters": parameters(),
        "identity": identity(build),
        "table_digests": digests,
        "inputs": inputs,
        **({"other_inputs": sorted(withheld)} if public else {}),
    }


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
