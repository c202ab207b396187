"""Column documentation of the warehouse from the field registry: described once, shown wherever a column is.

`python -m orchestration.documentation` writes dbt_project/models/column_docs.md; a test keeps it in step with
contracts/fields.yml.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
REGISTRY = ROOT / "contracts" / "fields.yml"
COLUMN_DOCS = ROOT / "dbt_project" / "models" / "column_docs.md"


def fields(registry: Path = REGISTRY) -> dict[str, dict[str, Any]]:
    """The registry: column name -> description, type, privacy class and, where they apply, unit, codes and format."""
    return yaml.safe_load(registry.read_text(encoding="utf-8"))["fields"]


def description(field: dict[str, Any]) -> str:
    """One sentence on a column, with the unit where every row has the same."""
    unit = field.get("unit")
    return f"{field['description']} ({unit})" if unit and unit not in field["description"] else field["description"]


def column_docs(registry: Path = REGISTRY) -> str:
    """The dbt doc blocks `column_<name>`, one a field, sorted by name."""
    blocks = [
        f"{{% docs column_{name} %}}\n{description(field)}\n{{% enddocs %}}\n"
        for name, field in sorted(fields(registry).items())
    ]
    return (
        "<!-- Written by `python -m orchestration.documentation` from contracts/fields.yml: change it there. -->\n\n"
        + "\n".join(blocks)
    )


def main() -> None:
    COLUMN_DOCS.write_text(column_docs(), encoding="utf-8")
    print(f"{COLUMN_DOCS.relative_to(ROOT)} written from {REGISTRY.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
