"""One home that four unknown partners join, and the one run that takes their files.

Two come by `contract new` (onboarding_files.py): their guesses are confirmed as a person would, by deleting what was looked
at. Two come with contracts written by hand (messy_tables.py).
"""

from __future__ import annotations

from pathlib import Path

import messy_tables
import onboarding_files as files
from command_under_test import Ran, waymark

POLISH, SHELTERS = "qna_police_granica", "qnb_ngo_shelters"
TOLD = {
    POLISH: {"name": "Straż Graniczna", "title": "Ofiary ujawnione", "measure": "victims_detected", "dataset": "ofiary",
             "period-basis": "detection", "area-role": "detection", "replaces": "periods"},
    SHELTERS: {"name": "Shelters of Ostmark", "title": "Persons assisted", "measure": "victims_assisted", "dataset": "assisted",
               "period-basis": "service", "area-role": "reporting body", "replaces": "whole_dataset"},
}  # fmt: skip
POLICE, SERVICE = "qna_police_judiciaire", "qnb_ngo_taldienst"


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
    for text in (messy_tables.FRENCH_CONTRACT, messy_tables.WORKBOOK_CONTRACT):
        messy_tables.write_contract(home / "contracts", text)
    messy_tables.write_french(home / "inbox" / POLICE / "traite_2024.csv")
    messy_tables.write_workbook(home / "inbox" / SERVICE / "taldienst_2024.xlsx")
    return [*ran, waymark("run", "--home", home, "--json")]
