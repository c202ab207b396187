"""What may leave the house: protection of small counts, and the audit that tries to undo it."""

from disclosure.auditing import Audit, audit
from disclosure.holding import hold_back
from disclosure.protection import protect

__all__ = ["Audit", "audit", "hold_back", "protect"]
