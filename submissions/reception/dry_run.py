"""The partner's own check: the way that a run takes with a file, expectations included, and nothing is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from submissions.contracts import loading as contracts_module
from submissions.contracts.loading import Contract
from submissions.contracts.located_yaml import DocumentError
from submissions.errors import WaymarkError
from submissions.receipts.receipt import Receipt
from submissions.reception.examination import displayed_name, held_receipt, one_receipt
from submissions.reception.faults import problem_of_fault
from submissions.reception.landing import Sent, digest_of, judged, read_sent
from submissions.store.home import Home
from submissions.store.ledger import Ledger, State, state
from submissions.validation.problems import Problem


def check_file(
    path: Path, partner: str, contracts: Iterable[Path] | Path | None, home: Home | Path | str | None
) -> Receipt:
    """`submissions.check`: the same reading, rules and expectations as on receipt, nothing written."""
    home = Home.open(home) if isinstance(home, Path | str) else home
    roots = contracts_module.roots(contracts, home.path if home else None)
    contract = contracts_module.find(roots, partner).get(partner)
    if contract is None:
        raise WaymarkError(f"there is no contract for the partner {partner}", hint="Give its folder with --contracts.")
    if isinstance(contract, DocumentError):
        raise contract
    name = displayed_name(path)
    if not path.is_file():
        raise WaymarkError(f"there is no file {path}")
    if not any(dataset.file_rule(path.name) for dataset in contract.datasets.values()):
        patterns = sorted({rule.pattern for dataset in contract.datasets.values() for rule in dataset.files})
        raise WaymarkError(
            f"no file pattern of {partner} fits the name {name}", hint=f"Known patterns: {', '.join(patterns)}"
        )
    try:
        # a partner may name its file by a link; the inbox takes none
        return _checked(path.resolve(), path.name, contract, home, state(Ledger.of(home).entries()) if home else None)
    except Exception as error:
        return Receipt("refused", name, partner, problems=(problem_of_fault(error),))


def _checked(path: Path, raw_name: str, contract: Contract, home: Home | None, known: State | None) -> Receipt:
    name, digest = displayed_name(Path(raw_name)), digest_of(path)
    if home and known and home.keyed(digest) in known.erased_digests:
        return Receipt("refused", name, contract.partner, problems=(Problem("F-erased"),), file_sha256=digest)
    parts = []
    with tempfile.TemporaryDirectory(prefix="waymark-check-") as folder:
        for dataset in contract.datasets.values():
            rule = dataset.file_rule(raw_name)
            if rule is None:
                continue
            held = held_receipt(known, contract, dataset, digest, name) if known else None
            if held is not None:
                parts.append(held)
                continue
            read = read_sent(Sent(contract, dataset, rule, path, raw_name, digest), None, Path(folder))
            try:
                parts.append(judged(read, home, known).receipt)
            finally:
                if read.connection is not None:
                    read.connection.close()
    return one_receipt(parts, name, contract.partner, digest)
