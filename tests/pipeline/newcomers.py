"""One home that two unknown partners join by `contract new`, and the one run that takes their files.

Their guesses are confirmed as a person would, by deleting what was looked at.
"""

from __future__ import annotations

from pathlib import Path

import onboarding_files as files
from command_under_test import Ran, waymark

POLISH, SHELTERS = "qna_police_granica", "qnb_ngo_shelters"
TOLD = {
    POLISH: {"name": "Straż Graniczna", "title": "Ofiary ujawnione", "measure": "victims_detected", "dataset": "ofiary",
             "period-basis": "detection", "area-role": "detection", "replaces": "periods"},
    SHELTERS: {"name": "Shelters of Ostmark", "title": "Persons assisted", "measure": "victims_assisted", "dataset": "assisted",
               "period-basis": "service", "area-role": "reporting body", "replaces": "whole_dataset"},
}  # fmt: skip


def samples(home: Path) -> dict[str, Path]:
    return {
        POLISH: home / "inbox" / POLISH / "ofiary_2023_06.txt",
        SHELTERS: home / "inbox" / SHELTERS / "shelters_2023.xlsx",
    }


def make(home: Path) -> list[Ran]:
    """What `contract new`, `check` before and `check` after the confirmation say of each sample, and what the run says."""
    files.write_areas(home / "contracts")
    sent = samples(home)
    files.write_polish(sent[POLISH])
    files.write_revisions(sent[SHELTERS])
    ran: list[Ran] = []
    for partner, sample in sent.items():
        options = [text for key, value in TOLD[partner].items() for text in (f"--{key}", value)]
        common = ["--audience", "restricted", "--minimum-cell", "11", "--no-ask"]
        ran.append(waymark("contract", "new", partner, "--sample", sample, "--home", home, *options, *common))
        ran.append(waymark("check", sample, "--partner", partner, "--home", home))
        contract = home / "contracts" / "partners" / partner / "contract.yml"
        contract.write_text(contract.read_text(encoding="utf-8").split("\nto_confirm:")[0] + "\n", encoding="utf-8")
        ran.append(waymark("check", sample, "--partner", partner, "--home", home, "--json"))
    return [*ran, waymark("run", "--home", home, "--json")]
