"""Errors that a user may see: what is wrong, where, and what to do about it."""

from __future__ import annotations


class WaymarkError(Exception):
    """An error with a readable message. The command prints it without a traceback.

    `hint` says what to do; it is printed on a line of its own.
    """

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  {self.hint}"


class BalanceError(WaymarkError):
    """Rows in are not rows accepted + quarantined + excluded: the run stops."""
