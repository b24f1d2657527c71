"""The words and signs of a text, and how each kind of them behaves."""

from __future__ import annotations

import re
from typing import Final

from netdsl.text.tables import Tables

END: Final = "$END"
ROW_END: Final = "_NL"

BINARY: Final = frozenset(
    (
        "OR",
        "AND",
        "EQ",
        "NE",
        "LT",
        "LE",
        "GT",
        "GE",
        "IN",
        "PLUS",
        "MINUS",
        "STAR",
        "SLASH",
        "FLOOR",
        "PERCENT",
        "POWER",
    )
)
CONTINUES: Final = BINARY | {"ARROW", "COMMA", "NOT", ROW_END, "LBRACE"}
DEEPENS: Final = BINARY | {"NOT", "DOT", "ELSE"}
STARTS_ITEM: Final = frozenset(["NET", "BLOCK", "RECURRENT", "TRAIN", "USE"])
STARTS_ROW: Final = STARTS_ITEM | {
    "INPUT",
    "GIVEN",
    "BATCH",
    "OUTPUT",
    "SHARED",
    "FROZEN",
    "LET",
    "PARAM",
    "CONST",
    "SET",
    "STATE",
    "NEXT",
    "STEPS",
}
SOFT: Final = STARTS_ROW | {"AUX", "ASSERT"}
"""Words that are keywords only where a row or an item begins with them."""
VALUED: Final = ("LET", "PARAM", "CONST", "STATE")
"""Words of rows that give a name a value, by `=`."""
BEFORE: Final = {
    "CONST": SOFT | {"NAME"},
    "GIVEN": SOFT | {"NAME"},
    "BATCH": frozenset(["INPUT"]),
    "STEPS": frozenset(["ASSIGN"]),
    "FROZEN": SOFT | {"NAME", "PREVIOUS", "NUMBER", "LPAR", "IF", "EACH", "FOR"},
}
"""What has to stand behind a word for it to be one of these; it is a name before all else, and right before `(`."""
AS_NAME_BEFORE: Final = (BINARY - {"MINUS", "IN"}) | {"COLON", "ASSIGN", "DOT", "ARROW", "RPAR", "RSQB", "COMMA"}
CLOSER: Final = {"LPAR": "RPAR", "LSQB": "RSQB", "CLAIM": "RSQB", "LBRACE": "RBRACE"}
SIGN: Final = {"LPAR": "(", "RPAR": ")", "LSQB": "[", "CLAIM": "[", "RSQB": "]", "LBRACE": "{", "RBRACE": "}"}

NEXT_WORD: Final = re.compile(r'[ \t]+(?!(?:and|or|in)\b)["A-Za-z_]')

DASHES: Final = "—–−‐‑‒―－﹣"
FOREIGN: Final = {
    ":=": ("COLON", ":"),
    **dict.fromkeys(("=>", "~>", "|>", "-->", "==>", *"→➔➜➝➞➡⟶⟹⇒⇨↦⭢⮕￫"), ("ARROW", "->")),
    **dict.fromkeys([dash + head for dash in (*DASHES, "-") for head in ">＞" if dash + head != "->"], ("ARROW", "->")),
    **dict.fromkeys(DASHES, ("MINUS", "-")),
    "<-": ("COLON", ":"),
    "←": ("COLON", ":"),
    "^": ("POWER", "**"),
    "&&": ("AND", "and"),
    "||": ("OR", "or"),
    "!": ("NOT", "not "),
    "===": ("EQ", "=="),
    "!==": ("NE", "!="),
    "<>": ("NE", "!="),
    "=<": ("LE", "<="),
    "×": ("STAR", "*"),
    "·": ("STAR", "*"),
    "≤": ("LE", "<="),
    "≥": ("GE", ">="),
    "≠": ("NE", "!="),
    "÷": ("SLASH", "/"),
    "＋": ("PLUS", "+"),
    "＊": ("STAR", "*"),
    "／": ("SLASH", "/"),
    "％": ("PERCENT", "%"),
    "＝": ("ASSIGN", "="),
    "＜": ("LT", "<"),
    "＞": ("GT", ">"),
    "，": ("COMMA", ","),
    "、": ("COMMA", ","),
    "：": ("COLON", ":"),
    "；": ("SEMICOLON", ";"),
    "．": ("DOT", "."),
    "（": ("LPAR", "("),
    "）": ("RPAR", ")"),
    "［": ("LSQB", "["),
    "］": ("RSQB", "]"),
    "｛": ("LBRACE", "{"),
    "｝": ("RBRACE", "}"),
    "＃": ("comment", "#"),
}
"""Signs of other languages, and what is written here."""
ALONE: Final = {"!": "!(?!=)", "===": "(?<!=)===(?!=)"}
"""Signs that are none beside another `=`."""


class Token:
    """A word or a sign; `opener` is the innermost bracket around it, and a closing bracket lies within its own."""

    __slots__ = ("end", "first", "kind", "opener", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int, first: bool, opener: Token | None) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end
        self.first = first  # nothing stands before it on its line
        self.opener = opener


def master(tables: Tables) -> re.Pattern[str]:
    """One pattern for everything, made from the grammar's own terminals."""
    signs = sorted((s for s in tables.signs if s != "_"), key=len, reverse=True)
    number = tables.patterns["NUMBER"]
    groups = {
        "space": r"[ \t\r\f\v]+",
        "newline": r"\n[ \t\r\f\v\n]*",
        "name": tables.patterns["NAME"],
        "number": rf"{number}(?![A-Za-z0-9_])",
        "badnumber": r"[0-9][A-Za-z0-9_]*",
        "comment": r"#[^\n]*",
        "text": tables.patterns["STRING"],
        "curly": "[“”„«][^“”„«»\n]*[“”»]",
        "blank": "[\u00a0\u2000-\u200b\u202f\u3000\u2060]+",
        "foreign": "|".join(ALONE.get(s, re.escape(s)) for s in sorted(FOREIGN, key=len, reverse=True)),
        "sign": "|".join(re.escape(s) for s in signs),
        "semicolon": ";",
        "other": r"[\s\S]",
    }
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in groups.items()))


def character_help(text: str, line: str = "", at: int = 0) -> str | None:
    """What is said of a sign that is none here, `at` a place of its line."""
    if text == "@" and line.lstrip().startswith("assert"):
        return "sizes stand behind `at`, as in `assert macs < 300M at H = 224, W = 224`"
    if text == "@" and (product := re.search(r"([\w.]+)\s*$", line[:at])):
        factor = re.match(r"\s*([\w.]+?)(?:\.(?:T|mT|t\(\)))?(?![\w.(])", line[at + 1 :])
        if factor is not None:
            turned = " -> transpose" if factor[0].strip() != factor[1] else ""
            return f"write `({product[1]}, {factor[1]}{turned}) -> matmul`"
    if text in "“”‘’`":
        return 'texts stand in straight double quotes: `"`'
    if text.isalpha():
        return "names are made of the letters a to z, digits and `_`"
    return {
        "$": None,
        "@": "`a @ b` is `(a, b) -> matmul`",
        "\\": "a row goes on where the next line begins with `->`",
        **dict.fromkeys("|&", "layers are joined by `->`, arrows by a bundle: `(a, b) -> concat`"),
    }.get(text)


def shown(text: str) -> str:
    """A stretch of the text, cut where it is long."""
    return text if len(text) <= 40 else f"{text[:40]}…"
