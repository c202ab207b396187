"""The statistics parameters of a release, read once from `parameters.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).with_name("parameters.yml")


@cache
def parameters() -> dict[str, Any]:
    """The parameters file as a mapping; the same object for the whole process."""
    return yaml.load(PATH.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def stated(rules: Mapping[str, Any], *names: str) -> str:
    """Some settings as each row of a table carries them: `transform=B, window=period`."""
    return ", ".join(f"{name}={_text(rules[name])}" for name in names)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "/".join(f"{key} {_text(each)}" for key, each in value.items())
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)
