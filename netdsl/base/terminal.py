"""What a terminal may be given: no character that it would obey, and none that its encoding lacks."""

from __future__ import annotations

import codecs
import re

SPELLED = {
    "→": "->", "←": "<-", "↦": "->", "─": "-", "│": "|", "├": "|", "└": "`", "█": "#", "×": "x", "·": "*", "−": "-",
    "–": "-", "—": "--", "…": "...", "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "“": '"', "”": '"', "‘": "'", "’": "'",
    "Σ": "sum", "ᵀ": "^T", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "―": "--", "„": '"', "«": '"', "»": '"',
    "σ": "sigmoid", "∘": "*", "÷": "/", "•": "*", "、": ",", "⏎": "\\n", "⋅": "*", "ᐟ": "/", "′": "'", "⁻": "^-",
    "∂": "d", "√": "sqrt", "µ": "u", "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "φ": "phi",
    "Φ": "Phi", "\u0302": "^", **dict(zip("⎡⎢⎣⎤⎥⎦", "[|[]|]", strict=True)),
    **dict(zip("▏▎▍▌▋▊▉", "..::+##", strict=True)),
    **dict.fromkeys("⇒⇨➔➜➝➞➡⟶⟹⭢⮕￫", "->"), **dict.fromkeys("‐‑‒", "-"),
    **dict(zip("▁▂▃▄▅▆▇", "_.-:=+*", strict=True)),
    **{sign: f"^{number}" for number, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}  # fmt: skip
"""Signs of reports, curves and messages as they are written in letters of ASCII."""
FALLBACK = "netdsl.spelled"
BEYOND = re.compile(r"[^\x20-\x7e\n]")


def printable(text: str) -> str:
    """Tabs and what a terminal would obey become one plain character each, so that carets stay in place."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in text)


def shorter(text: str, most: int) -> str:
    """As `printable`, with at most so many letters."""
    plain = printable(text)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def plain_lines(text: str) -> str:
    """As `printable`, line by line."""
    return "\n".join(printable(line) for line in text.split("\n"))


def escaped(document: str, ascii: bool = False) -> str:
    """A JSON document in which what a terminal would obey (with `ascii` whatever is beyond ASCII) is an escape."""
    return BEYOND.sub(lambda found: _escape(found.group(), ascii), document)


def _escape(letter: str, ascii: bool) -> str:
    if letter.isprintable() and not ascii:
        return letter
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))


def spelled(text: str) -> str:
    """A text in ASCII: signs spelt out, letters without their accents, `?` for the rest."""
    return "".join(c if c < "\x80" else SPELLED.get(c) or _bare(c) for c in text)


def _bare(letter: str) -> str:
    import unicodedata  # only other encodings than UTF-8 need it

    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?"


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return spelled(error.object[error.start : error.end]), error.end


codecs.register_error(FALLBACK, _replace)
