"""Texts that a page must show and never run."""

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</title></style><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% for x in y %}",
    "&lt;b&gt; &#x3c;",
    "\u202eabc\u2066\u200f\u0591",
    "\x00\x07\x1b[31m\r\n\x85\u2028",
    "W" * 10_000,
    "Z" + "\u0301" * 5_000,
    "\ud800 alone",
    "javascript:alert(1)",
]
