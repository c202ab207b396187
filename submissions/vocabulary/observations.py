"""Columns of an accepted observation: its key, and what stands under the key."""

from __future__ import annotations

KEY = (
    "measure", "area", "area_role", "counterpart_area", "counterpart_role", "reporter", "period", "period_start",
    "frequency", "offence", "exploitation", "sex", "age", "detail_kind", "detail", "unit",
)  # fmt: skip
VALUES = ("value", "lower", "upper", "obs_status", "conf_status", "missing_reason")
