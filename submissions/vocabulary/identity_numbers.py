"""Numbers that states and banks give to persons, known by their own check digits, so that other codes are left in peace.

Each scheme is a form and a test. Sources: ISO 13616 (IBAN), ISO/IEC 7812 (Luhn), and the published rules of each state's
register. A text is looked at as it stands, without blanks, points, dashes and slashes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

_SEPARATORS = re.compile(r"[ .\-/\u00a0]")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2} ?[A-Z0-9]{4}(?: ?[A-Z0-9]{4}){2,6}(?: ?[A-Z0-9]{1,4})?\b")


def scheme_of(text: str) -> str | None:
    """The name of the scheme whose test a whole text passes; None for any other text."""
    compact = _SEPARATORS.sub("", text).upper()
    for name, form, test in _SCHEMES:
        match = form.fullmatch(compact)
        if match and test(compact):
            return name
    return "henkilötunnus" if is_finnish(text) else None


def has_iban(text: str) -> bool:
    """Whether an account number stands somewhere in a text: the remainder test of ISO 13616."""
    for match in _IBAN.finditer(text.upper()):
        compact = match[0].replace(" ", "")
        if 15 <= len(compact) <= 34:
            turned = compact[4:] + compact[:4]
            if int("".join(str(int(character, 36)) for character in turned)) % 97 == 1:
                return True
    return False


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        return 1900 <= date(year, month, day).year <= 2040
    except ValueError:
        return False


def _short_day(year: str, month: str, day: str) -> bool:
    """A day whose century is not said."""
    return _is_day(1900 + int(year), int(month), int(day)) or _is_day(2000 + int(year), int(month), int(day))


def _luhn(number: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0 and len(set(number)) > 1


def _pesel(number: str) -> bool:
    century = {0: 1900, 1: 2000}.get(int(number[2:4]) // 20)
    is_day = century is not None and _is_day(century + int(number[:2]), int(number[2:4]) % 20, int(number[4:6]))
    return is_day and (_weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) + int(number[10])) % 10 == 0


def _cpf(number: str) -> bool:
    first = _weighted(number, range(10, 1, -1)) * 10 % 11 % 10
    second = _weighted(number, range(11, 1, -1)) * 10 % 11 % 10
    return number[9:] == f"{first}{second}" and len(set(number)) > 1


def _cnp(number: str) -> bool:
    check = _weighted(number, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return _short_day(number[1:3], number[3:5], number[5:7]) and int(number[12]) == (1 if check == 10 else check)


def _egn(number: str) -> bool:
    month = int(number[2:4]) % 20
    check = _weighted(number, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10
    return _short_day(number[:2], str(month), number[4:6]) and int(number[9]) == check


def _jmbg(number: str) -> bool:
    check = 11 - _weighted(number, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return _short_day(number[5:7], number[2:4], number[:2]) and int(number[12]) == (0 if check > 9 else check)


def _nordic_twelve(number: str) -> bool:
    return _is_day(int(number[:4]), int(number[4:6]), int(number[6:8])) and _luhn(number[2:])


def _swedish(number: str) -> bool:
    return _short_day(number[:2], number[2:4], number[4:6]) and _luhn(number)


def _norwegian(number: str) -> bool:
    first = _weighted(number, (3, 7, 6, 1, 8, 9, 4, 5, 2)) + int(number[9])
    second = _weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) + int(number[10])
    return _short_day(number[4:6], number[2:4], number[:2]) and first % 11 == 0 and second % 11 == 0


def _baltic(number: str) -> bool:
    check = _weighted(number, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = _weighted(number, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return _short_day(number[1:3], number[3:5], number[5:7]) and int(number[10]) == check


def _belgian(number: str) -> bool:
    rest = int(number[9:])
    return _short_day(number[:2], number[2:4], number[4:6]) and rest in (
        97 - int(number[:9]) % 97,
        97 - int(f"2{number[:9]}") % 97,
    )


def _czech(number: str) -> bool:
    month = int(number[2:4]) % 50 % 20
    return _short_day(number[:2], str(month), number[4:6]) and int(number) % 11 == 0


def _french(number: str) -> bool:
    months = int(number[3:5])
    return (1 <= months <= 12 or 20 <= months <= 42) and int(number[13:]) == 97 - int(number[:13]) % 97


def _turkish(number: str) -> bool:
    digits = [int(digit) for digit in number]
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[9] == tenth and digits[10] == sum(digits[:10]) % 10


def _chinese(number: str) -> bool:
    check = _weighted(number[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11
    return _is_day(int(number[6:10]), int(number[10:12]), int(number[12:14])) and number[17] == "10X98765432"[check]


def _south_african(number: str) -> bool:
    return _short_day(number[:2], number[2:4], number[4:6]) and _luhn(number)


_DIHEDRAL = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTATION = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def _aadhaar(number: str) -> bool:
    check = 0
    for index, digit in enumerate(reversed(number)):
        check = int(_DIHEDRAL[check][int(_PERMUTATION[index % 8][int(digit)])])
    return check == 0


def _spanish(number: str) -> bool:
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return number[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
), strict=True))  # fmt: skip


def _italian(number: str) -> bool:
    total = sum(
        _ODD[character] if index % 2 == 0 else int(character) if character.isdigit() else ord(character) - ord("A")
        for index, character in enumerate(number[:15])
    )
    return number[15] == chr(ord("A") + total % 26)


def is_finnish(text: str) -> bool:
    """The Finnish code, whose separator says the century."""
    number = text.strip().upper()
    return (
        re.fullmatch(r"\d{6}[-+A]\d{3}[0-9A-Y]", number) is not None
        and _short_day(number[4:6], number[2:4], number[:2])
        and number[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number[:6] + number[-4:-1]) % 31]
    )


def _always(number: str) -> bool:
    return True


_SCHEMES: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (name, re.compile(form), test)
    for name, form, test in (
        ("PESEL", r"\d{11}", _pesel),
        ("CPF", r"\d{11}", _cpf),
        ("fødselsnummer", r"\d{11}", _norwegian),
        ("personal code", r"[3-6]\d{10}", _baltic),
        ("national number", r"\d{11}", _belgian),
        ("T.C. kimlik", r"[1-9]\d{10}", _turkish),
        ("EGN", r"\d{10}", _egn),
        ("rodné číslo", r"\d{10}", _czech),
        ("personnummer", r"\d{10}", _swedish),
        ("personnummer", r"(?:19|20)\d{10}", _nordic_twelve),
        ("Aadhaar", r"[2-9]\d{11}", _aadhaar),
        ("CNP", r"[1-8]\d{12}", _cnp),
        ("JMBG", r"\d{13}", _jmbg),
        ("South African ID", r"\d{13}", _south_african),
        ("NIR", r"[1-478]\d{14}", _french),
        ("identity card", r"\d{17}[\dX]", _chinese),
        ("payment card", r"(?:4\d{15}|5[1-5]\d{14}|3[47]\d{13}|6011\d{12})", _luhn),
        ("DNI", r"(?:\d{8}|[XYZ]\d{7})[A-HJ-NP-TV-Z]", _spanish),
        ("codice fiscale", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", _italian),
        ("CURP", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d", _always),
        ("national insurance", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", _always),
    )
)
