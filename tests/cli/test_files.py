"""Files that commands read and write: what stands there keeps what it is, and nothing is lost."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from netdsl.base.files import MARK, WriteError, keep_apart, replacing, write_text
from netdsl.codegen.target import TARGETS

RAGGED = "net N {\n input x [4]\n linear(4)   ->   relu\n}\n"
NEAT = "net N {\n  input x [4]\n  linear(4) -> relu\n}\n"
UNTRAINED = [name for name, target in TARGETS.items() if not target.trains]
"""Targets that take a net without a recipe."""
BROKEN = "net N {\n  input x [4\n}\n"


def netdsl(*arguments: object, cwd: Path, stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "netdsl", *map(str, arguments)]
    return subprocess.run(
        command, input=stdin, capture_output=True, cwd=cwd, env={**os.environ, **more}, timeout=120, check=False
    )


# ---------------------------------------------------------------- what stands at a path


def linked(folder: Path) -> Path:
    (folder / "real.net").write_text(RAGGED)
    (folder / "link.net").symlink_to("real.net")
    return folder / "link.net"


def test_a_link_leads_where_it_led(tmp_path: Path) -> None:
    link = linked(tmp_path)
    write_text(link, NEAT)
    assert link.is_symlink()
    assert (tmp_path / "real.net").read_text() == NEAT


def test_a_link_to_nothing_makes_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", NEAT)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == NEAT


def test_further_names_of_a_file_go_on_naming_it(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("one, and longer than what comes\n" * 9)
    os.link(tmp_path / "one", tmp_path / "two")
    write_text(tmp_path / "one", NEAT)
    assert (tmp_path / "two").read_text() == NEAT
    assert os.path.samefile(tmp_path / "one", tmp_path / "two")


def test_a_pipe_gets_the_bytes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, NEAT)
    assert os.read(reader, 1000).decode() == NEAT
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_one() -> None:
    write_text(Path("/dev/null"), NEAT)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o664])
def test_rights_stay(mode: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(mode)
    write_text(tmp_path / "file", "new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_new_file_has_the_rights_of_new_files(tmp_path: Path) -> None:
    (tmp_path / "by hand").touch()
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "by hand").stat().st_mode


def test_what_is_read_only_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o444)
    with pytest.raises(WriteError, match="read-only"):
        write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="is a folder"):
        write_text(tmp_path, "new")


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(IsADirectoryError), replacing(tmp_path / "file") as temporary:
        temporary.write_text(tmp_path.read_text())
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_kill_leaves_nothing_for_ever(tmp_path: Path) -> None:
    killed = (
        "import os, sys; from pathlib import Path; from netdsl.base.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(tmp_path / "f.net")], check=False, timeout=60)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(f".f.net.{MARK}-")
    assert netdsl("check", tmp_path, cwd=tmp_path).returncode == 1  # no file of that folder is a text
    write_text(tmp_path / "f.net", NEAT)
    assert [p.name for p in tmp_path.iterdir()] == ["f.net"]


def test_a_writer_at_work_is_left_alone(tmp_path: Path) -> None:
    with replacing(tmp_path / "f.net") as first:
        write_text(tmp_path / "f.net", "second")
        first.write_text("first")
    assert (tmp_path / "f.net").read_text() == "first"


def test_an_output_is_not_what_it_is_made_from(tmp_path: Path) -> None:
    link = linked(tmp_path)
    os.link(tmp_path / "real.net", tmp_path / "hard.net")
    for output in (link, tmp_path / "real.net", tmp_path / "hard.net"):
        with pytest.raises(WriteError, match="made from"):
            keep_apart(output, [tmp_path / "other.net", tmp_path / "real.net"], ".net")
    keep_apart(tmp_path / "new", [link], ".net")
    keep_apart(None, [link], ".net")


# ---------------------------------------------------------------- compile


@pytest.mark.parametrize("output", ["a.net", "./a.net", "link.net", "hard.net", "part.net"])
def test_compile_leaves_its_sources(output: str, tmp_path: Path) -> None:
    (tmp_path / "part.net").write_text("block part { linear(4) }\n")
    (tmp_path / "a.net").write_text('use "./part.net" { part }\nnet N {\n  input x [4]\n  part\n}\n')
    (tmp_path / "link.net").symlink_to("a.net")
    os.link(tmp_path / "a.net", tmp_path / "hard.net")
    before = {p.name: p.read_text() for p in tmp_path.iterdir()}
    done = netdsl("compile", "a.net", "--to", "pytorch", "-o", output, cwd=tmp_path)
    assert (done.returncode, b"made from" in done.stderr) == (1, True)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("target", UNTRAINED)
@pytest.mark.parametrize(
    "name", ["b.net", "B.NET", "run/weights.safetensors", "run/recipe.json", "run/metrics.jsonl", "link"]
)
def test_compile_leaves_work_of_another_kind(target: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text(NEAT)
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run/weights.safetensors")
    (tmp_path / "run/weights.safetensors").write_text("precious")
    (tmp_path / name).write_text("precious")
    done = netdsl("compile", "a.net", "--to", target, "-o", name, cwd=tmp_path)
    assert (done.returncode, b"is there already" in done.stderr) == (1, True)
    assert (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize("target", UNTRAINED)
def test_compile_replaces_what_is_of_its_kind(target: str, tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text(NEAT)
    own = f"o{TARGETS[target].ending}"
    other = next(f"o{t.ending}" for t in TARGETS.values() if not own.endswith(t.ending))
    for name, code in ((own, 0), ("o.txt", 0), ("o", 0), (other, 1)):
        (tmp_path / name).write_text("old")
        done = netdsl("compile", "a.net", "--to", target, "-o", name, cwd=tmp_path)
        assert (done.returncode, (tmp_path / name).read_bytes() == b"old") == (code, code == 1), name


@pytest.mark.parametrize("target", UNTRAINED)
@pytest.mark.parametrize("ending", [".pt", ".PTH", ".h5", ".safetensors", ".net", ".onnx", ".py"])
def test_a_new_file_is_not_called_what_it_is_not(target: str, ending: str, tmp_path: Path) -> None:
    own = TARGETS[target].ending
    (tmp_path / "a.net").write_text(NEAT)
    done = netdsl("compile", "a.net", "--to", target, "-o", f"o{ending}", cwd=tmp_path)
    said = done.stderr.decode()
    assert (done.returncode, f"name it o{own}" in said) == ((0, False) if ending == own else (1, True))
    assert (tmp_path / f"o{ending}").exists() == (ending == own)


@pytest.mark.parametrize("target", UNTRAINED)
def test_compile_writes_through_links_and_into_devices(target: str, tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text(NEAT)
    (tmp_path / "link").symlink_to("made")
    for output in ("link", "/dev/null", "new/folder/made"):
        done = netdsl("compile", "a.net", "--to", target, "-o", output, cwd=tmp_path)
        assert (done.returncode, done.stderr.partition(b": ")[0]) in ((0, b""), (0, b"note")), output
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "made").read_bytes() == (tmp_path / "new/folder/made").read_bytes()
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert netdsl("compile", "a.net", "--to", "pytorch", "-o", "/dev/stdout", cwd=tmp_path).stdout.startswith(b'"""')


@pytest.mark.parametrize("target", UNTRAINED)
def test_a_dash_is_the_terminal(target: str, tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text(NEAT)
    plain, dash = (netdsl("compile", "a.net", "--to", target, *more, cwd=tmp_path) for more in ((), ("-o", "-")))
    assert (dash.returncode, dash.stdout, dash.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert not (tmp_path / "-").exists()


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text(NEAT)
    (tmp_path / "folder").mkdir()
    for output, words in (("folder", "is a folder"), ("a.net/b.py", "a.net"), ("x" * 300, "name too long")):
        done = netdsl("compile", "a.net", "--to", "pytorch", "-o", output, cwd=tmp_path)
        said = done.stderr.decode().lower()
        assert (done.returncode, words in said, "unexpectedly" in said, "errno" in said) == (1, True, False, False)


# ---------------------------------------------------------------- fmt and check


def test_every_file_is_formatted_and_those_that_cannot_be_are_named(tmp_path: Path) -> None:
    for name, text in (("a", RAGGED), ("b", BROKEN), ("c", RAGGED)):
        (tmp_path / f"{name}.net").write_text(text)
    done = netdsl("fmt", "a.net", "b.net", "missing.net", "c.net", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == ["formatted a.net", "formatted c.net"]
    assert "b.net:2" in done.stderr.decode()
    assert "missing.net" in done.stderr.decode()
    assert [(tmp_path / f"{n}.net").read_text() for n in "abc"] == [NEAT, BROKEN, NEAT]


def test_fmt_keeps_a_link(tmp_path: Path) -> None:
    link = linked(tmp_path)
    assert netdsl("fmt", "link.net", cwd=tmp_path).returncode == 0
    assert link.is_symlink()
    assert (tmp_path / "real.net").read_text() == NEAT


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_marks_stay(end: str, mark: str, tmp_path: Path) -> None:
    file = tmp_path / "f.net"
    commented = RAGGED.replace("]\n", "]  # why\n")
    file.write_bytes((mark + commented.replace("\n", end)).encode())
    assert netdsl("check", file, cwd=tmp_path).returncode == 0
    assert netdsl("fmt", file, cwd=tmp_path).returncode == 0
    wanted = NEAT.replace("]\n", "]  # why\n")
    assert file.read_bytes() == (mark + wanted.replace("\n", end)).encode()
    assert netdsl("fmt", "--check", file, cwd=tmp_path).returncode == 0


def test_places_are_counted_in_lines_of_any_end(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "f.net").write_bytes(NEAT.replace("relu", "rellu").replace("\n", end).encode())
        assert b"f.net:3:16" in netdsl("check", "f.net", cwd=tmp_path).stdout


STREAMED = (
    (["check", "-"], "no mistakes found"),
    (["fmt", "-"], NEAT),
    (["fmt", "--check", "-"], "would change standard input"),
    (["report", "-"], "20"),
    (["compile", "-", "--to", "pytorch"], "class N("),
)


@pytest.mark.parametrize(("arguments", "shown"), STREAMED)
def test_standard_input(arguments: Sequence[str], shown: str, tmp_path: Path) -> None:
    done = netdsl(*arguments, cwd=tmp_path, stdin=RAGGED.encode())
    assert shown in done.stdout.decode()
    assert (done.returncode, done.stderr) == (int("--check" in arguments), b"")
    assert list(tmp_path.iterdir()) == []
    wrong = netdsl(*arguments, cwd=tmp_path, stdin=BROKEN.encode())
    assert wrong.returncode == 1
    assert b"standard input:2:11" in wrong.stdout + wrong.stderr


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / ".hidden").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "a" / "one.net").write_text(RAGGED)
    (tmp_path / "a" / "deep" / "two.net").write_text(RAGGED)
    for name in ("readme.txt", ".three.net", ".hidden/four.net"):
        (tmp_path / "a" / name).write_text(BROKEN)
    assert b"2 files: no mistakes found" in netdsl("check", "a", cwd=tmp_path).stdout
    assert netdsl("fmt", "--check", "a", cwd=tmp_path).returncode == 1
    done = netdsl("fmt", "a", cwd=tmp_path)
    assert (done.returncode, done.stdout.decode()) == (0, "formatted a/one.net\nformatted a/deep/two.net\n")
    assert (tmp_path / "a" / ".three.net").read_text() == BROKEN
    for command in ("check", "fmt"):
        none = netdsl(command, "empty", cwd=tmp_path)
        assert none.returncode == 1
        assert b"holds no `.net` file" in none.stdout + none.stderr


# ---------------------------------------------------------------- what is no text


@pytest.mark.parametrize("command", ["check", "fmt", "report"])
def test_what_is_no_text_is_named(command: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.net")
    (tmp_path / "loop.net").symlink_to("loop.net")
    (tmp_path / "large.net").write_text("# " + "x" * 1_000_000)
    (tmp_path / "letters.net").write_bytes(b"\xff\xfe n\0e\0t\0")
    named = {
        "/dev/zero": "a device", "pipe.net": "a named pipe", "loop.net": "symbolic links", "large.net": "more than",
        "letters.net": "not UTF-8", "x" * 300: "name too long", "nowhere.net": "No such file",
    }  # fmt: skip
    for name, words in named.items():
        done = netdsl(command, name, cwd=tmp_path)
        said = (done.stdout + done.stderr).decode()
        assert (done.returncode, words.lower() in said.lower(), "unexpectedly" in said) == (1, True, False), (
            name,
            said,
        )


@pytest.mark.parametrize(
    "name", ["pipe.net", "loop.net", "folder.net", "n" * 5000, "a\0b", "deep/" * 900 + "x.net", ""]
)
def test_what_is_no_neighbour_is_named(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.net")
    (tmp_path / "loop.net").symlink_to("loop.net")
    (tmp_path / "folder.net").mkdir()
    (tmp_path / "a.net").write_text(f'use "{name}" {{ part }}\nnet N {{\n  input x [4]\n  part\n}}\n')
    done = netdsl("check", "a.net", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"a.net:1:5" in done.stdout
    assert len(done.stdout) < 2000
