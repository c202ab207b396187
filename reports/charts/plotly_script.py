"""The drawing script of the map page, as the plotly package ships it but without the upload to a public cloud.

plotly.js carries a button that opens a window on a public server and hands it the figure with all its data. A release
that says "restricted" must not hold such a thing, hidden or not. `without_upload` cuts it out: the button, the dialog, the function
that sends, the addresses. Each cut must fit exactly once, or the script is not the one this was written for, and the release
fails rather than ship it. The licence header stays, with a line that says what was changed.
"""

from __future__ import annotations

import re
from pathlib import Path

# each cut: a text that stands in the cut and nowhere else before it, the cut, what stands there instead
NAME = r"[\w$]+"
CUTS = (
    # the function that opens the window and sends the figure
    (
        ".sendDataToCloud=function(e,t)",
        NAME + r"\.sendDataToCloud=function\(e,t\)\{e\.emit\(\"plotly_beforeexport\"\).{1,900}?"
        r"addEventListener\(\"message\",o\),!1\};",
        "",
    ),
    (",sendDataToCloud:", rf",sendDataToCloud:{NAME}\.sendDataToCloud", ""),
    # the button, and where it is put on the toolbar
    (
        ".sendChartToCloud={",
        NAME + r"\.sendChartToCloud=\{name:\"sendChartToCloud\".{1,900}?\.sendDataToCloud\(e,t\)\}\)\}\};",
        "",
    ),
    (".showSendToCloud&&", rf"{NAME}\.showSendToCloud&&{NAME}\.push\(\"sendChartToCloud\"\),", ""),
    ("showSendToCloud:{", r"showSendToCloud:\{valType:\"boolean\",dflt:!0\},", ""),
    # the dialog that asks, and its words
    (
        '"plotly-cloud-dialog-box"',
        rf"\{{\"use strict\";var {NAME}={NAME}\(\),\{{dfltConfig:{NAME}\}}={NAME}\(\),.{{1,300}}?"
        rf"plotly-cloud-dialog-box.{{1,2400}}?{NAME}\.exports={NAME}\}}",
        "{}",
    ),
    (
        "DIALOG_TITLE:",
        rf"\{{\"use strict\";var {NAME}={NAME}\(\)\._,{NAME}=function\(e\)\{{return\{{DIALOG_TITLE:.{{1,900}}?"
        rf"{NAME}\.exports={NAME}\}}",
        "{}",
    ),
    # the style sheet of tile maps, which are not used here and which the policy of the pages refuses
    (
        'if(!document.getElementById("9f215cf04c548642',
        r"if\(!document\.getElementById\(\"[0-9a-f]+\"\)\)(?=\{var e=document\.createElement\(\"style\"\);)",
        "if(!1)",
    ),
    # a style attribute, which the policy refuses, is set as the same style by the browser's own interface
    (
        "function le(){this.setAttribute(z,N)}",
        r"function le\(\)\{this\.setAttribute\(z,N\)\}",
        'function le(){z==="style"?this.style.cssText=N:this.setAttribute(z,N)}',
    ),
    # the addresses
    (
        "plotlyServerURL:{",
        r"plotlyServerURL:\{valType:\"string\",dflt:\"https://cloud\.plotly\.com/newchart\"\}",
        'plotlyServerURL:{valType:"string",dflt:""}',
    ),
    ("https://cdn.plot.ly/un/", r"dflt:\"https://cdn\.plot\.ly/un/\"", 'dflt:""'),
    ('.href="https://plotly.com/"', r"\.href=\"https://plotly\.com/\"", '.href="#"'),
)
# what must not be left, whatever was cut
FORBIDDEN = ("cloud.plotly.com", "cdn.plot.ly", "sendDataToCloud", "sendChartToCloud", "newchart", "uploaded to")
WINDOW = 3000  # characters around an anchor in which its cut must lie
NOTICE = (
    "* Changed for Waymark: what sends a figure to a public cloud and the style sheet of tile maps are cut out,\n"
    "* and styles are set without attributes.\n*/"
)


def without_upload(script: str) -> str:
    """The script without the upload. Raises ValueError where a cut does not fit exactly once."""
    for anchor, pattern, instead in CUTS:
        at, count = script.find(anchor), script.count(anchor)
        start = max(at - WINDOW, 0)
        near, cuts = re.subn(pattern, lambda _, text=instead: text, script[start : at + WINDOW])
        if count != 1 or cuts != 1:
            raise ValueError(
                f"plotly.min.js is not the script that reports/charts/plotly_script.py knows: {anchor!r} stands {count} times and its "
                f"cut fits {cuts} times, not once; look at the new script and mend the cut"
            )
        script = script[:start] + near + script[at + WINDOW :]
    left = [word for word in FORBIDDEN if word in script]
    if left:
        raise ValueError(
            f"plotly.min.js still holds {', '.join(left)} after the cuts of reports/charts/plotly_script.py"
        )
    return script.replace("*/", NOTICE, 1)


def packaged() -> str:
    """The script as the installed plotly package ships it."""
    import plotly

    bundle = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    if not bundle.is_file():
        raise FileNotFoundError(f"{bundle} is missing: the plotly package is incomplete, install it again")
    return bundle.read_text(encoding="utf-8")
