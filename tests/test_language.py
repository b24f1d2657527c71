"""Runs the Markdown tests in tests/language: each shows a text and what is said about it.

    ## what the test shows

    ```net
    net X { conv(3) relu }
    ```

    ```error
    error[missing-arrow]: …
    ```

The second block is exactly what is printed; an empty one means that the text is right. `UPDATE_GOLDEN=1` writes the
blocks anew.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from netdsl.program import check_text
from netdsl.reports.plain import render

FOLDER = Path(__file__).parent / "language"
CASE = re.compile(
    r"^## (?P<title>[^\n]+)\n(?:(?!^## |^```)[^\n]*\n)*"
    r"```net\n(?P<text>.*?)```\n(?:(?!^## |^```)[^\n]*\n)*```error\n(?P<said>.*?)```$",
    re.MULTILINE | re.DOTALL,
)
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


@dataclass(frozen=True)
class Case:
    file: Path
    title: str
    text: str
    said: str

    @property
    def id(self) -> str:
        return f"{self.file.stem}: {self.title}"


def cases(file: Path) -> list[Case]:
    found = CASE.finditer(file.read_text(encoding="utf-8"))
    return [Case(file, m["title"].strip(), m["text"], m["said"]) for m in found]


def answer(text: str) -> str:
    """What is printed about a text, with the line end of a block that is not empty."""
    said = render(check_text(text, "example.net"))
    return f"{said}\n" if said else ""


FILES = sorted(FOLDER.glob("*.md"))
CASES = [case for file in FILES for case in cases(file)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_text_and_message(case: Case) -> None:
    said = answer(case.text)
    if UPDATE:
        rewrite(case, said)
    else:
        assert said == case.said


def rewrite(case: Case, said: str) -> None:
    whole = case.file.read_text(encoding="utf-8")
    match = next(m for m in CASE.finditer(whole) if m["title"].strip() == case.title)
    case.file.write_text(whole[: match.start("said")] + said + whole[match.end("said") :], encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_section_is_a_test(file: Path) -> None:
    """A heading whose blocks are misspelt would otherwise pass unseen."""
    titles = re.findall(r"^## (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert [title.strip() for title in titles] == [case.title for case in cases(file)]
    assert len(set(titles)) == len(titles)
