"""Files that use each other: long chains, circles, links, and what is no file at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netdsl.elaborate.files import CHAIN
from netdsl.program import check_program, load_file
from netdsl.text.diagnostics import Diagnostic, NetError

NET = 'use "{}" {{ unit }}\nnet N {{\n  input x [4]\n  unit\n}}\n'
UNIT = "block unit() { linear(4) }\n"


def said(path: Path) -> list[Diagnostic]:
    try:
        return check_program(load_file(path))
    except NetError as error:
        return error.diagnostics


def chain(folder: Path, files: int) -> Path:
    """A net whose block is used through that many files, the first among them."""
    for i in range(files):
        last = i == files - 1
        own = UNIT if last else f'use "./f{i + 1}.net" {{ unit{i + 1} }}\nblock unit{i}() {{ unit{i + 1} }}\n'
        (folder / f"f{i}.net").write_text(own.replace("block unit()", f"block unit{i}()"))
    (folder / "f0.net").write_text((folder / "f0.net").read_text() + "net N {\n  input x [4]\n  unit0\n}\n")
    return folder / "f0.net"


def test_a_chain_as_long_as_may_be(tmp_path: Path) -> None:
    path = chain(tmp_path, CHAIN)
    assert said(path) == []
    assert load_file(path).net().nodes


def test_a_chain_that_is_longer(tmp_path: Path) -> None:
    """One error, at the file where it becomes too much, and the way out."""
    (found,) = said(chain(tmp_path, CHAIN + 250))
    assert found.code == "nested-too-deep"
    assert found.message == f"files use each other more than {CHAIN} deep"
    assert (Path(found.span.source.name).name, found.span.line) == (f"f{CHAIN - 1}.net", 1)
    assert found.help == "use the last of them directly"


@pytest.mark.parametrize("files", [1, 2, 7])
def test_a_circle_is_named_once(files: int, tmp_path: Path) -> None:
    for i in range(files):
        (tmp_path / f"f{i}.net").write_text(NET.format(f"./f{(i + 1) % files}.net").replace("unit", f"unit{i}"))
        with (tmp_path / f"f{i}.net").open("a") as file:
            file.write(UNIT.replace("unit", f"unit{(i - 1) % files}") if files > 1 else "")
    (found,) = said(tmp_path / "f0.net")
    names = " → ".join(f"f{i % files}.net" for i in range(files + 1))
    assert (found.code, found.message) == ("import-cycle", f"these files use each other: {names}")


def test_a_circle_through_links_is_one(tmp_path: Path) -> None:
    """Links to a folder make endless names of few files."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to("..")
    (tmp_path / "a.net").write_text(NET.format("./sub/up/b.net"))
    (tmp_path / "b.net").write_text('use "./sub/up/sub/up/a.net" { other }\n' + UNIT)
    (found,) = said(tmp_path / "a.net")
    assert found.message == "these files use each other: a.net → b.net → a.net"
    (tmp_path / "b.net").write_text(UNIT)
    assert said(tmp_path / "a.net") == []


def test_one_file_by_two_names_is_one(tmp_path: Path) -> None:
    (tmp_path / "b.net").write_text(UNIT)
    (tmp_path / "c.net").symlink_to("b.net")
    (tmp_path / "a.net").write_text('use "./b.net" { unit }\n' + NET.format("./c.net"))
    assert said(tmp_path / "a.net") == []


NOWHERE = {
    "loop.net": "Too many levels of symbolic links",
    "first.net": "Too many levels of symbolic links",
    "pipe.net": "is a named pipe, not a text",
    "folder": "is a folder, not a text",
    "none.net": "there is no file `./none.net`",
    "dangling.net": "there is no file `./dangling.net`",
    "x" * 300: "File name too long",
    "deep/" * 900 + "x.net": "too long",
    "folder/../loop.net/x.net": "Too many levels of symbolic links",
    "b.net/x.net": "Not a directory",
    "letters.net": "not UTF-8",
}


@pytest.mark.parametrize("name", NOWHERE, ids=lambda name: name[:20])
def test_what_can_be_no_neighbour(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop.net").symlink_to("loop.net")
    (tmp_path / "first.net").symlink_to("second.net")
    (tmp_path / "second.net").symlink_to("first.net")
    (tmp_path / "dangling.net").symlink_to("nothing.net")
    os.mkfifo(tmp_path / "pipe.net")
    (tmp_path / "folder").mkdir()
    (tmp_path / "b.net").write_text(UNIT)
    (tmp_path / "letters.net").write_bytes(b"\xff\xfe n\0e\0t\0")
    (tmp_path / "a.net").write_text(NET.format(f"./{name}"))
    (found,) = said(tmp_path / "a.net")
    assert NOWHERE[name].lower() in found.message.lower()
    assert len(found.message) < 400
