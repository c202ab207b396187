"""The statistics parameters of a release, read once from `parameters.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).with_name("parameters.yml")


@cache
def parameters() -> dict[str, Any]:
    """The parameters file as a mapping; the same object for the whole process."""
    return yaml.load(PATH.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
