"""`docs/errors.md`: every diagnostic code with the smallest text that causes it, from the tests that show both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CASE = re.compile(r"^## (?P<title>[^\n]+)\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^(?P<severity>error|warning)\[(?P<code>[a-z-]+)\]", re.MULTILINE)

OTHER: dict[str, str] = {
    "does-not-divide": "`/` of sizes is exact, and this quotient is a whole number for no size; `//` rounds down",
    "double-equals": "`==` compares; a setting is given with `=`",
    "import-outside-folder": "`use` reads only what lies beside or below the file, and `std`",
    "missing-data": "training needs `data`, and the recipe names none",
    "not-counted": "a report is `--strict`, and a number of this row is not counted, or not by another tool",
    "missing-pipeline": "a row has a name, but nothing behind its colon",
    "file-too-large": "a text holds more bytes than are read",
    "file-too-long": "a text, with the files that it uses, has more words, nets or `use` rows than are read",
    "line-too-long": "a line has more letters than anybody writes",
    "name-too-long": "a name has more letters than anybody reads",
    "too-many-mistakes": "so many mistakes were found that the rest of the text was not looked at",
    "too-many-warnings": "so many warnings were found that the others are left out",
    "no-file": "a folder that a command was given holds no `.net` file",
    "no-gradient": "a loss depends on nothing that is learned, or a step needs a gradient that is not stated",
    "no-net": "a command needs a `net`, and the file has none",
    "no-result": "a body has no row that gives a value",
    "not-a-file": "a device, a pipe or a folder stands where a text is read",
    "not-a-net": "a file whose ending says that it holds weights, a picture, a program or settings is given as a net",
    "not-batched": "a value that is one for all samples (a `param`) stands where each sample needs its own",
    "not-supported-by-target": "the target cannot say an operation, or this use of it",
    "padding-too-large": "a pool's padding is more than half of its window, which could see nothing but padding",
    "size-not-possible": "`--size` gives a symbol a number that some row cannot take",
    "size-too-complex": "sizes repeat with too long a period to be reasoned about exactly",
    "too-much-work": "lists and repetitions take more steps to build than a file may cost",
    "unexpected-end": "the file ends within a row",
    "unreadable-file": "a text may not be read",
    "unknown-part": "a step is asked of a recipe with parts, and none of them is named, or one that it has not",
    "unknown-recipe": "`--recipe` names none of the net's recipes, or none is named where each has a name",
    "wrong-data": "the data set of a recipe gives what the inputs of the net cannot take",
}
"""Codes in words, for those that no test text shows: most need more than a text (a target, a size, a file)."""


@dataclass(frozen=True)
class Example:
    """A text of a test with what is said about it."""

    title: str
    chapter: str
    texts: tuple[tuple[str, str], ...]
    """The text itself under the name "", then files beside it."""
    said: str

    @property
    def codes(self) -> list[tuple[str, str]]:
        """Severity and code of every diagnostic."""
        return [(m["severity"], m["code"]) for m in CODE.finditer(self.said)]

    @property
    def size(self) -> tuple[int, int]:
        """Few diagnostics first, then few characters."""
        return len(self.codes), sum(len(text) for _, text in self.texts)


def examples(folder: Path) -> list[Example]:
    """The sections of all files of a folder that show a text and what is said about it."""
    found = []
    for path in sorted(folder.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for case in CASE.finditer(text):
            blocks = list(BLOCK.finditer(case["body"]))
            if [b["kind"] for b in blocks] == ["net"] * (len(blocks) - 1) + ["error"] and len(blocks) > 1:
                texts = tuple((b["file"] or "", b["text"]) for b in blocks[:-1])
                found.append(Example(case["title"].strip(), _chapter(text), texts, blocks[-1]["text"]))
    return found


def _chapter(text: str) -> str:
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    return title[1].strip() if title else ""


def smallest(found: Iterable[Example]) -> dict[str, Example]:
    """For each code the smallest example of it, by code."""
    best: dict[str, Example] = {}
    for example in sorted(found, key=lambda e: e.size):
        for _, code in example.codes:
            best.setdefault(code, example)
    return dict(sorted(best.items()))


def errors_page(folder: Path) -> str:
    """The page, from the tests in a folder. Raises `FileNotFoundError` where there are none."""
    best = smallest(examples(folder))
    if not best:
        raise FileNotFoundError(f"{folder} holds no texts with their messages")
    return "\n".join(
        [*_head(best), *(line for code, example in best.items() for line in _entry(code, example)), *_rest(best)]
    )


def _head(best: dict[str, Example]) -> list[str]:
    others = sorted(set(OTHER) - set(best))
    links = ", ".join(f"[`{code}`](#{code})" for code in best)
    return [
        "# Diagnostics",
        "",
        "<!-- Made by `python -m netdsl.reference docs` from tests/language. -->",
        "",
        "Every diagnostic has a code that stays what it is: for looking up here, for tests, for editors. With each",
        "code stands the smallest text that causes it, and what is printed. `netdsl check --format json` gives the",
        "same as data. The exit code is 1 when anything is an error; warnings leave it at 0.",
        "",
        f"{len(best) + len(others)} codes: {links}; and [{len(others)} more](#further-codes).",
        "",
    ]


def _entry(code: str, example: Example) -> list[str]:
    lines = [f"## {code}", "", f"{example.title[0].upper()}{example.title[1:]}.", ""]
    for file, text in example.texts:
        lines += [f"```net {file}".rstrip(), *text.rstrip("\n").split("\n"), "```", ""]
    return [*lines, "```text", *example.said.rstrip("\n").split("\n"), "```", ""]


def _rest(best: dict[str, Example]) -> list[str]:
    rows = [f"| `{code}` | {text} |" for code, text in sorted(OTHER.items()) if code not in best]
    return ["## Further codes", "", "| code | when |", "|---|---|", *rows, ""]
