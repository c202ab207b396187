"""What the command prints for people. Partner text is printed without control characters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.runs import progress
from orchestration.runs.progress import printable

if TYPE_CHECKING:
    from orchestration.runs.running import Summary


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned columns; numbers to the right."""
    names = list(rows[0])
    cells = [[printable(_text(row.get(name))) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[place]) for line in cells)) for place, name in enumerate(names)]
    right = [all(isinstance(row.get(name), int | float) or row.get(name) is None for row in rows) for name in names]
    lines = [names, *cells]
    return "\n".join(
        "  ".join(
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_run(summary: Summary, home: Path, timings: bool, as_json: bool) -> None:
    """What a run did, for a person or a program; where its time went on standard error."""
    shown = progress.current()
    if as_json:
        document = {**summary.document(), "timings": [vars(each) for each in shown.timings]}
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        print_summary(summary, home)
    if timings:
        click.echo("\n".join(["", *shown.table()]), err=True)


def print_summary(summary: Summary, home: Path) -> None:
    """Files, balance, warnings, releases; the path of the report comes last, where the eye ends."""
    if summary.outcome == "nothing_new":
        click.echo(f"nothing new: the releases as of {summary.as_of} stand")
    if summary.files:
        click.echo("\nfiles received")
        click.echo(table(summary.files))
        totals = {
            name: sum(row[name] for row in summary.files) for name in ("rows_in", "accepted", "quarantined", "excluded")
        }
        click.echo(
            f"\n{len(summary.files)} files: {totals['rows_in']:,} rows in = {totals['accepted']:,} accepted "
            f"+ {totals['quarantined']:,} quarantined + {totals['excluded']:,} excluded"
        )
    if summary.already_held:
        click.echo(f"{summary.already_held} files were held already and left as they are")
    if summary.refused_before:
        click.echo(
            f"\nrefused before and unchanged in the inbox ({len(summary.refused_before)}); not counted above, and nothing "
            f"of them is in any figure. Receipts: {home / 'quarantine'}/<refusal>/receipt.html"
        )
        click.echo(table(summary.refused_before))
    if summary.files_without_contract:
        click.echo(f"\nfiles without a contract, left alone ({len(summary.files_without_contract)})")
        for name in summary.files_without_contract:
            click.echo(f"  {printable(name)}")
    if summary.warnings:
        click.echo("\nwarnings and problems by code (docs/reference/problems.md says what each means)")
        click.echo(table([{"code": code, "rows": count} for code, count in sorted(summary.warnings.items())]))
    if summary.unmapped:
        click.echo("\nnames that no map holds (kept under the visible member 'not mapped')")
        shown = summary.unmapped[:12]
        click.echo(table(shown))
        if len(summary.unmapped) > len(shown):
            click.echo(
                f"  … and {len(summary.unmapped) - len(shown)} more; the receipts under {home / 'quarantine'} list them all"
            )
    for text in summary.missing:
        click.echo(f"\nnot made: {text}")
    for text in summary.notices:
        click.echo(f"\nattention: {printable(text)}")
    click.echo("")
    for each in summary.releases:
        click.echo(f"{each['audience']} release {each['release_id']}")
        click.echo(f"  {each['index']}")
        if "disclosure" in each:
            click.echo(f"  {_losses(each['disclosure'], len(each['earlier_releases']))}")


def print_receipt(receipt: Any) -> None:
    click.echo("\n".join(printable(line) for line in receipt.as_text().splitlines()))


def print_release(manifest: Mapping[str, Any]) -> None:
    provenance = manifest["provenance"]
    click.echo(f"{manifest['audience']} release {manifest['release_id']}{' (latest)' if manifest['is_latest'] else ''}")
    click.echo(
        f"  as of {provenance['as_of']}, ledger position {provenance['ledger_position']}, code {provenance['code_version']}"
    )
    click.echo(
        f"  {len(manifest['core'])} core files, {len(manifest['renderings'])} renderings in {manifest['folder']}"
    )
    if manifest["erased"]:
        click.echo(
            "  it cannot be built again: erased for legal reasons since, of its inputs: "
            + ", ".join(manifest["erased"])
        )
    click.echo("")
    click.echo(table(provenance["inputs"]))


def print_explanations(found: Sequence[Mapping[str, Any]]) -> None:
    """One paragraph a figure."""
    for each in found:
        figure, origin = each["figure"], each["came_from"]
        split = ", ".join(f"{name} {value}" for name, value in each["split"].items()) or "total"
        value = plain(figure["value"]) if figure["value"] is not None else _interval(figure)
        click.echo(
            f"{figure['area_name']} ({figure['area_code']}), {figure['period']}, {figure['measure']} ({split}): {value} {figure['unit']}"
        )
        click.echo(
            f"  from {origin['source']} / {origin['dataset']}, issued {origin['issued_on']}, {origin['derivation']}"
        )
        if origin["definition_id"]:
            click.echo(
                f"  counted under {origin['definition_id']}, comparability {origin['comparability'] or 'not graded'}"
            )
        rate = each["denominator"]
        if rate["rate_per_100k"] is not None:
            click.echo(
                f"  {rate['rate_per_100k']:.4g} per 100,000 of {plain(rate['population_count'])} people ({rate['population_period']})"
            )
        click.echo(f"  submission {', '.join(each['submissions']) or 'of an earlier issue, see the manifest'}")


def plain(value: Any) -> str:
    """A number as people read it: thousands apart, no empty decimals."""
    text = f"{value:,f}" if not isinstance(value, float) else f"{value:,.9f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _interval(figure: Mapping[str, Any]) -> str:
    if figure["lower"] is not None and figure["upper"] is not None:
        return f"between {plain(figure['lower'])} and {plain(figure['upper'])}"
    return f"no figure ({figure['missing_reason']})"


def _losses(said: dict[str, Any], earlier: int) -> str:
    """What protection cost, as the manifest says it."""
    if said["hidden"]["cells_share"] is None:
        hidden = "few cells are hidden"
    else:
        shares = [
            f"{each['cells_share']:.0%} of cells with {each['persons_share']:.0%} of persons"
            for each in (said["hidden"], said["threshold_alone"])
            if each["cells_share"] is not None and each["persons_share"] is not None
        ]
        hidden = " (small counts alone: ".join([f"{shares[0]} are hidden", *shares[1:]]) + ")" * (len(shares) - 1)
    return (
        f"protected against {earlier} earlier releases: {hidden}; revisions held back: {said['held_back']}; sums that hold and "
        f"are declared nowhere: {said['undeclared_relations_count']}"
    )
