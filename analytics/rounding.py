"""Doubles are rounded once, when they are written, so that the same input gives the same bytes on every machine."""

from __future__ import annotations

import numpy as np
import pandas as pd


def significant(values, digits: int) -> np.ndarray:
    """`values` rounded to `digits` significant digits; NaN, zero and infinity stay as they are. Any shape."""
    array = np.asarray(values, dtype=float)
    finite = np.isfinite(array) & (array != 0)
    magnitude = np.zeros_like(array)
    magnitude[finite] = np.floor(np.log10(np.abs(array[finite])))
    # scaling by a power of ten at or above one keeps both factors exact for the magnitudes that figures have
    exponent = digits - 1 - magnitude
    up, down = np.power(10.0, np.maximum(exponent, 0)), np.power(10.0, np.maximum(-exponent, 0))
    rounded = np.round(array * up / down) * down / up
    return np.where(finite, rounded, array)


def round_frame(frame: pd.DataFrame, digits: int) -> pd.DataFrame:
    """A copy of `frame` with every floating point column rounded to `digits` significant digits."""
    doubles = {name: significant(frame[name], digits) for name in frame.columns if frame[name].dtype.kind == "f"}
    return frame.assign(**doubles)
