"""Runs the Markdown tests in tests/language: each shows a text and what is said about it.

    ## what the test shows

    ```net
    net X { conv(3) relu }
    ```

    ```error
    error[missing-arrow]: …
    ```

The last block is exactly what is printed; an empty one means that the text is right. Blocks between the two, such as
```` ```net blocks.net ````, are files that lie beside. `UPDATE_GOLDEN=1` writes the answers anew.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from netdsl.program import check_program, check_text, load_file
from netdsl.reports.plain import render
from netdsl.text.diagnostics import Diagnostic

FOLDER = Path(__file__).parents[1] / "language"
SECTION = re.compile(r"^## (?P<title>[^\n]+)\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


@dataclass(frozen=True)
class Case:
    file: Path
    title: str
    text: str
    beside: tuple[tuple[str, str], ...]
    said: str
    place: tuple[int, int]
    """Where the answer stands in the Markdown file."""

    @property
    def id(self) -> str:
        return f"{self.file.stem}: {self.title}"


def cases(file: Path) -> list[Case]:
    """The sections of a file that are complete: a text, then files beside it, then the answer."""
    found = []
    for section in SECTION.finditer(file.read_text(encoding="utf-8")):
        blocks = list(BLOCK.finditer(section["body"]))
        kinds = [block["kind"] for block in blocks]
        if kinds != ["net"] * (len(blocks) - 1) + ["error"] or len(blocks) < 2 or blocks[0]["file"]:
            continue
        beside = tuple((block["file"], block["text"]) for block in blocks[1:-1])
        start = section.start("body")
        place = start + blocks[-1].start("text"), start + blocks[-1].end("text")
        found.append(Case(file, section["title"].strip(), blocks[0]["text"], beside, blocks[-1]["text"], place))
    return found


def answer(case: Case, folder: Path) -> str:
    """What is printed about a text, with the line end of a block that is not empty."""
    lies = case.beside or 'use "' in case.text
    said = render(check_beside(case, folder) if lies else check_text(case.text, "example.net"))
    return f"{said}\n" if said else ""


def check_beside(case: Case, folder: Path) -> list[Diagnostic]:
    """The diagnostics of a text that lies in a folder with others."""
    for name, text in (("example.net", case.text), *case.beside):
        (folder / name).write_text(text, encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        return check_program(load_file("example.net"))
    finally:
        os.chdir(before)


FILES = sorted(FOLDER.glob("*.md"))
CASES = [case for file in FILES for case in cases(file)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_text_and_message(case: Case, tmp_path: Path) -> None:
    said = answer(case, tmp_path)
    if UPDATE:
        rewrite(case, said)
    else:
        assert said == case.said


def rewrite(case: Case, said: str) -> None:
    whole = case.file.read_text(encoding="utf-8")
    start, end = next(found.place for found in cases(case.file) if found.title == case.title)
    case.file.write_text(whole[:start] + said + whole[end:], encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_section_is_a_test(file: Path) -> None:
    """A heading whose blocks are misspelt would otherwise pass unseen."""
    titles = re.findall(r"^## (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert [title.strip() for title in titles] == [case.title for case in cases(file)]
    assert len(set(titles)) == len(titles)
