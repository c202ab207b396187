"""Colours and patterns of all pictures: one place, safe for colour-blind readers and for grey print.

Orange against blue for high and low (told apart with every common colour deficiency), one blue-green ramp for amounts
(ColorBrewer YlGnBu), and greys with different hatching for what is not known.
"""

INK = "#1c2733"
MUTED = "#5b6875"
GRID = "#dde2e6"
ACCENT = "#0b5c73"
PAPER = "#ffffff"

LINES = ("#0b5c73", "#b35806", "#5e3c99", "#1b7837", "#c51b7d", "#4d4d4d")

RAMP = ("#e8f6c8", "#a9ddb7", "#5fc1c0", "#1e7ea6", "#193c7c")

HIGH = "#d95f02"
LOW = "#2b6cb0"
BETWEEN = "#efece1"

# Ink of the hatchings: darker where something is known to be there but may not be shown.
HATCH_INK = {"": "#a3adb5", "/": "#a3adb5", "x": "#6b7680", ".": "#8d969e"}

# How an area was assessed. One letter a state keeps map pages light; order = order in legends.
STATES = {
    "h": {"label": "Significantly high, with its neighbours", "colour": HIGH, "hatch": ""},
    "c": {"label": "Significantly low, with its neighbours", "colour": LOW, "hatch": ""},
    "n": {"label": "No significant pattern", "colour": BETWEEN, "hatch": ""},
    "a": {"label": "Above the range of its region", "colour": HIGH, "hatch": ""},
    "b": {"label": "Below the range of its region", "colour": LOW, "hatch": ""},
    "w": {"label": "Within the range of its region", "colour": BETWEEN, "hatch": ""},
    "x": {"label": "Not assessed (too little to judge)", "colour": "#e4e8eb", "hatch": "/"},
    "s": {"label": "Hidden to protect people", "colour": "#cbd1d6", "hatch": "x"},
    "m": {"label": "Not reported", "colour": "#ffffff", "hatch": "."},
    "o": {"label": "No figures from this source", "colour": "#f3f5f6", "hatch": ""},
}

# The 17 emerging-hot-spot categories in groups that an eye can tell apart; the hover names the exact one.
EMERGING_GROUPS = {
    "growing": {"label": "High and new or growing", "colour": "#b30000", "hatch": ""},
    "lasting": {"label": "High most of the time", "colour": "#f16913", "hatch": ""},
    "fading": {"label": "High before, fading now", "colour": "#fdc086", "hatch": ""},
    "changing": {"label": "High on and off", "colour": "#fde6c8", "hatch": ""},
    "cold": {"label": "Low (any course)", "colour": LOW, "hatch": ""},
    "none": {"label": "No lasting pattern", "colour": BETWEEN, "hatch": ""},
    "x": STATES["x"],
    "m": STATES["m"],
    "o": STATES["o"],
}

COMPARABILITY = {"A": "#1f4e97", "B": "#5fc1c0", "C": "#fdc086", "": "#c9ced3"}


def colour_class(colour: str) -> str:
    """The style class of a line's colour: pages hold no inline styles, so that their policy can forbid them."""
    return f"colour-{colour.removeprefix('#')}"


def style_rules() -> str:
    """CSS for the colours that drawings and tables choose among."""
    lines = [
        f".{colour_class(colour)} {{ --line-colour: {colour}; border-color: {colour}; }}"
        for colour in dict.fromkeys((*LINES, ACCENT, MUTED, HIGH, LOW))
    ]
    for level, colour in enumerate(RAMP):
        lines.append(f".heat td.level-{level} {{ background: {colour}; color: {PAPER if level >= 3 else INK}; }}")
    return "\n".join(lines) + "\n"


def emerging_group(category: str) -> str:
    """Legend group of an emerging-hot-spot category name (`persistent hot spot` is `lasting`)."""
    text = category.lower()
    if not text:
        return "x"
    if "cold" in text:
        return "cold"
    for group, names in (
        ("growing", ("new", "consecutive", "intensifying")),
        ("lasting", ("persistent",)),
        ("fading", ("diminishing", "historical")),
        ("changing", ("sporadic", "oscillating")),
    ):
        if any(name in text for name in names):
            return group
    return "none"
