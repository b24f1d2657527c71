"""The pages of the project hold what they say: every block of text, shell and Python in them is carried out.

- ```` ```net ```` is elaborated and right, unless ```` ```error ```` follows with exactly what is said about it. With a
  file name behind `net` it lies in the folder that the commands below it run in. Rows alone stand in a net of their
  own with `input image [3, 32, 32]`.
- ```` ```console ```` holds commands behind `$` and what they print. A line `…` stands for any lines, a block without
  an answer is only run. `<!-- numbers vary -->` in front of a block compares everything but the numbers.
- ```` ```python ```` is executed, unless `<!-- from … -->` in front says which file or command it is an excerpt of.
  ```` ```output ```` behind it holds what it prints.

`UPDATE_GOLDEN=1` writes the answers anew.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import netdsl
from netdsl.cli import main
from netdsl.program import check_text
from netdsl.reference import pages, write
from netdsl.reports.plain import render

ROOT = Path(__file__).parents[2]
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
READ = (
    "README.md",
    "docs/language.md",
    "docs/recipes.md",
    "docs/training.md",
    "docs/results.md",
    "docs/comparing.md",
    "docs/drawing.md",
    "docs/sizes.md",
    "docs/conventions.md",
    "docs/lesson.md",
    "docs/fitting.md",
    "docs/weights.md",
    "docs/tour.md",
    "docs/data.md",
    "docs/deployment.md",
    "docs/onnx-training.md",
    "docs/page.md",
)
ALL = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
)
BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*?) -->\n+)?```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
DEFINES = re.compile(r"^(net|block|recurrent|use|train|let) ", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `note` is the comment in front of it."""

    page: str
    line: int
    kind: str
    file: str
    note: str
    text: str
    place: tuple[int, int]

    @property
    def id(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def fragment(self) -> bool:
        """Rows without a definition around them."""
        return not DEFINES.search(self.text)

    @property
    def whole(self) -> str:
        rows = textwrap.indent(self.text, "" if self.text.startswith("  ") else "  ")
        return f"net Example {{\n  input image [3, 32, 32]\n{rows}}}\n" if self.fragment else self.text


def blocks(page: str) -> list[Block]:
    path = ROOT / page
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = []
    for m in BLOCK.finditer(text):
        line = text.count("\n", 0, m.start("text"))
        place = m.start("text"), m.end("text")
        found.append(Block(page, line, m["kind"], m["file"] or "", m["note"] or "", m["text"], place))
    return found


def rewrite(page: str, changes: dict[tuple[int, int], str]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for start, end in sorted(changes, reverse=True):
        text = text[:start] + changes[start, end] + text[end:]
    (ROOT / page).write_text(text, encoding="utf-8")


# ---------------------------------------------------------------- texts


def texts() -> Iterator[tuple[Block, Block | None]]:
    """Every net block with the answer that follows it."""
    for page in READ:
        found = blocks(page)
        for block, following in zip(found, [*found, None][1:], strict=True):
            if block.kind == "net" and not block.note.startswith("from "):
                yield block, following if following is not None and following.kind == "error" else None


TEXTS = list(texts())


@pytest.mark.parametrize(("block", "answer"), TEXTS, ids=[b.id for b, _ in TEXTS])
def test_a_text_is_right_or_as_wrong_as_the_page_says(block: Block, answer: Block | None) -> None:
    found = check_text(block.whole, "example.net")
    if block.fragment:
        found = [d for d in found if d.code != "unused-row"]
    said = render(found) + "\n" if found else ""
    if answer is None:
        assert said == ""
    elif not UPDATE:
        assert said == answer.text
        assert said


@pytest.mark.parametrize("page", READ[:2])
def test_every_answer_says_something(page: str) -> None:
    pairs = [(b, a) for b, a in TEXTS if b.page == page and a is not None]
    said = {a.place: render(check_text(b.whole, "example.net")) + "\n" for b, a in pairs}
    assert said
    assert all(text.strip() for text in said.values())
    if UPDATE:
        rewrite(page, said)


# ---------------------------------------------------------------- commands and Python


class Session:
    """A folder with the specs in it (their recipes made short), in which a page's blocks run one after the other."""

    def __init__(self, folder: Path, capture: Any, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.capture, self.patch = folder, capture, patch
        self.names: dict[str, Any] = {}
        self.printed = ""
        shutil.copytree(ROOT / "specs", folder / "specs")
        for spec in (folder / "specs").glob("*.net"):
            spec.write_text(
                re.sub(r"^(  epochs +)\d+$", r"\g<1>1", spec.read_text("utf-8"), flags=re.MULTILINE), "utf-8"
            )
        patch.chdir(folder)
        patch.setenv("COLUMNS", "108")

    def run(self, block: Block) -> str | None:
        """Carry a block out; what a block of answers should hold, None for others."""
        if block.kind == "net" and block.file:
            (self.folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "python" and not block.note:
            self.capture.readouterr()
            exec(compile(block.text, block.id, "exec"), self.names)
            self.printed = self.capture.readouterr().out
        elif block.kind == "output":
            assert self.printed, f"{block.id}: nothing is printed"
            assert UPDATE or agree(block.text, self.printed, loose=False), f"{block.id}: prints\n{self.printed}"
            return self.printed if UPDATE else block.text
        elif block.kind == "console":
            return "".join(self.answer(block, command, given) for command, given in commands(block.text))
        return None

    def answer(self, block: Block, command: str, given: str) -> str:
        said = self.execute(command, may_fail="error[" in given)
        if not given and not UPDATE:
            return f"$ {command}\n"
        same = agree(given, said, loose=block.note == "numbers vary")
        assert same or (UPDATE and "…\n" not in given), f"{block.id}: {command} prints\n{said}"
        keep = same or "…\n" in given
        return f"$ {command}\n{given if keep else said}"

    def execute(self, command: str, may_fail: bool) -> str:
        words = split(command)
        if words[0] == "make":
            return dry_run(words[1:])
        assert words[0] == "netdsl", f"{command}: only `make` and `netdsl` are run"
        self.patch.setattr(sys, "argv", words)
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.capture.readouterr()
        assert not ended.value.code or may_fail, f"{command} fails:\n{out}{err}"
        return out + err


def split(command: str) -> list[str]:
    import shlex

    return shlex.split(command, comments=True)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command with what the page says that it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, given = part.partition("\n")
        yield command, given


def agree(given: str, said: str, loose: bool) -> bool:
    """Whether what a page shows is what was printed: a line `…` stands for any lines, or none."""
    shown, printed = (plain_lines(text, loose) for text in (given, said))
    pattern = "".join(r"(?:.*\n)?" if line.strip() == "…" else re.escape(line) + r"\n" for line in shown)
    return re.fullmatch(pattern, "\n".join([*printed, ""]), re.DOTALL) is not None


def plain_lines(text: str, loose: bool) -> list[str]:
    """The lines of an answer; when `loose`, without numbers, bars and the mark of the best epoch."""
    lines = [line.rstrip() for line in text.strip("\n").split("\n")]
    if not loose:
        return lines
    return [" ".join(re.sub(r"[\d.,]+(e-?\d+)?%?|█+|best$", " ", line).split()) for line in lines]


def dry_run(targets: list[str]) -> str:
    """What `make` would do, when the environment is there."""
    done = subprocess.run(["make", "-n", "-o", ".venv/.installed", *targets], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ""


LONG = {"docs/data.md"}
"""Pages whose commands train a dozen nets."""


@pytest.mark.parametrize("page", [pytest.param(p, marks=pytest.mark.slow) if p in LONG else p for p in READ])
def test_commands_and_python(page: str, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(tmp_path, capsys, monkeypatch)
    changes = {}
    for block in blocks(page):
        done = session.run(block)
        if done is not None:
            changes[block.place] = done
    assert changes, f"{page} has no commands"
    if UPDATE:
        monkeypatch.chdir(ROOT)
        rewrite(page, changes)


EXCERPTS = [b for page in READ for b in blocks(page) if b.note.startswith("from ")]


@pytest.mark.parametrize("block", EXCERPTS, ids=lambda b: b.id)
def test_excerpts_are_from_where_the_page_says(
    block: Block, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = block.note.removeprefix("from ")
    if source.startswith("netdsl "):
        whole = Session(tmp_path, capsys, monkeypatch).execute(source, may_fail=False)
    else:
        whole = (ROOT / source).read_text(encoding="utf-8")
    assert block.text.strip()
    for part in re.split(r"^ *# …$", block.text, flags=re.MULTILINE):
        assert part.strip("\n") in whole


# ---------------------------------------------------------------- links, names, generated pages, docstrings


@pytest.mark.parametrize("page", ALL)
def test_links_and_files_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        other = folder / path if path else ROOT / page
        assert other.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(other.read_text(encoding="utf-8")), f"{page} links to {target}"
    for name in re.findall(r"`((?:netdsl|tests|docs|specs|benchmarks)/[\w./-]+)`", text):
        made = any((change / name).exists() for change in (ROOT / "tests/changes").iterdir())
        assert made or (ROOT / name).exists(), f"{page} names {name}"
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{page} names make {target}"


def anchors(text: str) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_generated_pages_are_current() -> None:
    if UPDATE:
        write(ROOT / "docs")
    for name, text in pages(ROOT / "docs").items():
        kept = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert kept == text, f"docs/{name} is not current: `make docs` writes it anew"


CODES = {"error", "report", "warn", "say", "Diagnostic", "BudgetError"}
"""Functions whose first argument is the code of a diagnostic; elsewhere it is called `code`."""


def codes(file: Path) -> Iterator[str]:
    """The codes of diagnostics that a module reports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [k.value for k in node.keywords if k.arg == "code"] + node.args[: name in CODES]
            texts = [part.value for value in given for part in ast.walk(value) if isinstance(part, ast.Constant)]
            yield from (text for text in texts if re.fullmatch(r"[a-z]+(-[a-z]+)+", str(text)))


def test_every_code_is_explained() -> None:
    used = {code for file in (ROOT / "netdsl").rglob("*.py") for code in codes(file)}
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert len(used) > 80
    assert {code for code in used if f"`{code}`" not in page} == set()


def test_the_readme_opens_with_a_spec_its_report_and_two_commands() -> None:
    spec, report, two = blocks("README.md")[:3]
    assert spec.kind == "net"
    assert spec.text in (ROOT / spec.note.removeprefix("from ")).read_text(encoding="utf-8")
    assert report.text.startswith("$ netdsl report specs/lenet.net\nLeNet(classes=10)")
    assert two.text == "$ make demo\n$ make check\n"


def test_every_recipe_word_is_taught() -> None:
    from netdsl.recipe import DATA, OPTIMIZERS, SCHEDULES, SETTINGS

    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    for word in (*DATA, *OPTIMIZERS, *SCHEDULES, *SETTINGS):
        assert re.search(rf"`{word}\b", text), f"docs/recipes.md does not mention {word}"


def test_the_words_of_settings_are_those_of_settings_there_are() -> None:
    from netdsl.reference.operations import operations
    from netdsl.reference.words import OWN, SETTINGS

    there = {op.name: {f.name: f.kind for f in op.settings()} for op in operations()}
    assert all(OWN[name].keys() <= there[name].keys() for name in OWN)
    assert SETTINGS.keys() == {setting for settings in there.values() for setting in settings}
    told = [kind.says for settings in there.values() for kind in settings.values() if kind is not None]
    assert not [words for words in told if words.startswith(("a list of a ", "a list of `"))]


def test_every_command_is_taught() -> None:
    from netdsl.cli.app import COMMANDS

    text = (ROOT / "docs/language.md").read_text(encoding="utf-8")
    assert [c for c in COMMANDS if f"| `netdsl {c} " not in text] == []


def test_the_package_example_runs(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(tmp_path, capsys, monkeypatch)
    example = "".join(line[4:] for line in (netdsl.__doc__ or "").splitlines(True) if line.startswith("    "))
    assert "netdsl.train" in example
    exec(example, session.names)
    assert (tmp_path / "runs/lenet/weights.safetensors").exists()


def test_docstring_examples() -> None:
    files = [f for f in (ROOT / "netdsl").rglob("*.py") if ">>> " in f.read_text(encoding="utf-8")]
    for file in files:
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        result = doctest.testmod(importlib.import_module(name))
        assert result.attempted, f"{name} has an example that doctest does not find"
        assert result.failed == 0, f"an example of {name} is not what happens"
