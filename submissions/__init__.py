"""From a partner's file to accepted rows in the lake, or to quarantine with reasons.

`check` is the partner's own check: it reads a file as `waymark run` would and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from submissions.receipts.receipt import Receipt
    from submissions.store.home import Home

__all__ = ["check"]


def check(
    path: Path | str,
    partner: str,
    contracts: Iterable[Path] | Path | None = None,
    home: Home | Path | str | None = None,
) -> Receipt:
    """Checks one file of a partner against its contract and writes nothing.

    `contracts` are folders to look for contracts in, before the home's and the repository's. With a `home`, a file
    that is held already, or keys that vanish since its previous issue, are reported as they would be on receipt.
    Raises WaymarkError when there is no such file or contract; what is wrong with the file is in the receipt.
    """
    from submissions.reception.dry_run import check_file

    return check_file(Path(path), partner, contracts, home)
