"""What is written from declarations, so that it stands once: column docs, exposures, data dictionary.

`python -m orchestration.operations.column_docs` writes dbt_project/models/column_docs.md (from contracts/fields.yml),
dbt_project/models/exposures.yml (from the readers of the published tables and reports/readers.yml) and
docs/reference/data-dictionary.md (from the published tables and contracts/fields.yml); a test keeps them in step.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from orchestration.runs import table_declarations
from orchestration.runs.code_identity import ROOT
from submissions.errors import WaymarkError
from submissions.vocabulary import fields as registry

COLUMN_DOCS = ROOT / "dbt_project" / "models" / "column_docs.md"
EXPOSURES = ROOT / "dbt_project" / "models" / "exposures.yml"
DICTIONARY = ROOT / "docs" / "reference" / "data-dictionary.md"
READERS = ROOT / "reports" / "readers.yml"
COMMAND = "python -m orchestration.operations.column_docs"


def description(field: dict[str, Any]) -> str:
    """One sentence on a column, with the unit where every row has the same."""
    unit = field.get("unit")
    return f"{field['description']} ({unit})" if unit and unit not in field["description"] else field["description"]


def column_docs() -> str:
    """The dbt doc blocks `column_<name>`, one a field, sorted by name."""
    blocks = [
        f"{{% docs column_{name} %}}\n{description(field)}\n{{% enddocs %}}\n"
        for name, field in sorted(registry.registry().items())
    ]
    return f"<!-- Written by `{COMMAND}` from contracts/fields.yml: change it there. -->\n\n" + "\n".join(blocks)


def exposures() -> str:
    """dbt's exposures: one a page and chart of a release, with the published tables that it reads."""
    from reports.charts.catalogue import declared

    readers = yaml.safe_load(READERS.read_text(encoding="utf-8"))
    tables = table_declarations.tables().values()
    entries = []
    for page, about in readers["pages"].items():
        kind = "application" if page == "downloads" else "dashboard"
        read = [table.name for table in tables if page == "downloads" or page in table.pages]
        entries.append((f"page_{page}", about["label"], kind, about, read))
    for chart in declared():
        read = [table.name for table in tables if chart.id in table.charts]
        entries.append((f"chart_{chart.id.replace('-', '_')}", chart.title, "analysis", readers["charts"], read))
    lines = [
        "version: 2",
        "",
        f"# Written by `{COMMAND}` from the readers of the published tables and reports/readers.yml: change it there.",
        "exposures:",
    ]
    for name, label, kind, about, read in entries:
        lines += [
            f"  - name: {name}",
            f"    label: {json.dumps(label)}",
            f"    type: {kind}",
            "    maturity: high",
            f"    description: {json.dumps(about['description'])}",
            f"    owner: {{name: {about['owner']}}}",
            f"    depends_on: [{', '.join(map(_reference, read))}]",
        ]
    return "\n".join(lines) + "\n"


def data_dictionary() -> str:
    """Every published table and column: what a row is, what may be added, who reads it; types, units, privacy."""
    lines = [
        "# Data dictionary",
        "",
        f"<!-- Written by `{COMMAND}` from dbt_project/models/published and contracts/fields.yml: change it there. -->",
        "",
        "The published tables, in the order of a release. What a value means beyond its column stands in docs/methods.",
    ]
    known = registry.registry()
    tables = table_declarations.tables().values()
    if missing := sorted({name for table in tables for name in table.columns if name not in known}):
        raise WaymarkError(f"contracts/fields.yml does not describe {', '.join(missing)}", hint="add a line for each")
    for table in tables:
        added = "nothing: no figure of it may be added to another"
        if table.values:
            added = (
                f"{_codes(table.values)} over {_codes(table.over)}, inside one dataset, measure and unit, where parts do "
                "not overlap"
            )
        lines += [
            "",
            f"## {table.name}",
            "",
            f"{table.title}. {table.description}",
            "",
            f"- One row: {table.grain}",
            f"- Key: {_codes(table.key)}",
            f"- May be added: {added}",
            f"- For: {'everybody' if table.audience == 'public' else 'the restricted audience'}",
            f"- Read by: the pages {_codes(table.pages) or 'none'}; the charts {_codes(table.charts) or 'none'}",
            "",
            "| column | type | unit | privacy | what it is |",
            "|---|---|---|---|---|",
        ]
        for name, kind in table.columns.items():
            field = known[name]
            text = field["description"].replace("|", "\\|")
            lines.append(f"| {name} | {kind} | {field.get('unit') or ''} | {field['privacy']} | {text} |")
    return "\n".join(lines) + "\n"


def _reference(table: str) -> str:
    return f"ref('pub_{table}')"


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def written() -> dict[Path, str]:
    """File -> the text that it should have."""
    return {COLUMN_DOCS: column_docs(), EXPOSURES: exposures(), DICTIONARY: data_dictionary()}


def main() -> None:
    try:
        texts = written()
    except WaymarkError as error:
        raise SystemExit(str(error)) from None
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
