"""What commands print reaches every terminal: in any encoding, of any width, open or closed, and it obeys none of it."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys
import termios
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

import netdsl.cli as cli
from netdsl.base.terminal import SPELLED, spelled
from netdsl.cli.app import COMMANDS

OBEYED = "\x1b[31m\x07\x9b5m\x7f\b\u202e\u2066\u200f\u2028"
"""A colour, a bell, another colour, a letter rubbed out, and text that runs backwards."""
EVIL = f"x{OBEYED}ö→"


def slowly(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


ENCODINGS = [
    ("ascii", False),
    *(slowly(name, True) for name in ("ascii", "cp1252", "latin-1", "cp437", "cp850", "shift_jis", "utf-16")),
]
"""And whether every line is tried, those that compute for long as well."""

TEXT = f"""
# {EVIL} a comment
# → a layer that is used: “quoted”, 3×3 − 1 ≤ 5
net Evil(hidden = 8, word = "{EVIL}") {{
  input image [3, 8, H]   # {EVIL}
  assert H >= 8, "{EVIL}"
  conv(4, 3, pad=1) -> relu # {EVIL}
  squares: maxpool(3, stride=2)
  global_avgpool -> linear(hidden)
  output logits: linear(2) -> softmax   # {EVIL}
}}
train Evil {{
  data imagefolder("PLACE", size=8)   # {EVIL}
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  epochs 1
}}
"""
WRONG = f"""net Wrong(word = "{EVIL}") {{
  input image [3, 8, 8]  # {EVIL}
  convv(4, 3, pad="{EVIL}") -> {OBEYED[0]}relu  # {EVIL}
  b: linear(word) -> reelu # {EVIL}
}}
"""
UNKNOWN = f'use "./{EVIL}.net" {{ unit }}\nnet N {{\n  input x [4]  # {EVIL}\n  unit(3)\n}}\n'


Line = list[str]


class World:
    """A folder in which every name and text is hostile: of a file, its comments, data, classes, a run and a model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / EVIL.replace("/", "")
        self.data = self.folder / f"data{EVIL}"
        self.file, self.wrong, self.unknown = (self.folder / f"{n}{EVIL}.net" for n in ("file", "wrong", "unknown"))
        self.run, self.model = self.folder / f"run{EVIL}", self.folder / f"model{EVIL}.onnx"
        self.clear = self.folder / f"clear{EVIL}.png"
        for part, name, i in ((p, n, i) for p in ("train", "val", "test") for n in ("a", "b") for i in range(2)):
            (self.data / part / f"{name}{EVIL}").mkdir(parents=True, exist_ok=True)
            picture = Image.new("RGB", (8, 8), (200 * (name == "a"), 20 * i, 9))
            picture.save(self.data / part / f"{name}{EVIL}" / f"{i}{EVIL}.png")
        Image.new("RGBA", (8, 8), (9, 9, 9, 9)).save(self.clear)
        self.file.write_text(TEXT.replace("PLACE", str(self.data)))
        self.patch = self.folder / f"patch{EVIL}.net"
        self.patch.write_text(TEXT.replace("8, H]", "8, 8]").replace("H >= 8", "hidden > 0"))
        self.wrong.write_text(WRONG)
        self.unknown.write_text(UNKNOWN)

    def lines(self) -> dict[str, Line]:
        """A line for everything that a command prints, by what is printed: first the command."""
        file, run, model = str(self.file), str(self.run), str(self.model)
        weights = str(self.run / "weights.safetensors")
        lines = {
            "report": ["report", file],
            "report json": ["report", file, "--format", "json", "--explain"],
            "report csv": ["report", file, "--format", "csv"],
            "report markdown": ["report", file, "--format", "markdown", "--explain"],
            "report explained": ["report", file, "--explain", "--expand"],
            "report wrong": ["report", str(self.wrong)],
            "report nowhere": ["report", f"{file}{EVIL}"],
            "report a folder": ["report", str(self.folder)],
            "report set": ["report", file, "--set", f'word="{EVIL}'],
            "report a setting": ["report", file, "--set", f"{EVIL}=3"],
            "report a size": ["report", file, "--size", f"H={EVIL}"],
            "report another net": ["report", file, "--net", EVIL],
            "diff": ["diff", file, str(self.patch)],
            "diff markdown": ["diff", str(self.patch), file, "--format", "markdown"],
            "diff json": ["diff", str(self.patch), file, "--format", "json"],
            "diff a revision": ["diff", f"{EVIL}:{file}", file],
            "check": ["check", file],
            "check folder": ["check", str(self.folder)],
            "check json": ["check", str(self.folder), "--format", "json"],
            "check none": ["check", str(self.data)],
            "fmt": ["fmt", str(self.folder), "--check"],
            "fmt none": ["fmt", str(self.data)],
            "compile": ["compile", file, "--to", "pytorch", "-o", f"{self.folder}/a{EVIL}.py"],
            "compile wrong": ["compile", str(self.wrong), "--to", "pytorch"],
            "compile onnx": ["compile", file, "--to", "onnx", "-o", f"{model}{EVIL}", "--weights", weights],
            "compile step": ["compile", file, "--to", "onnx-train", "-o", f"{self.folder}/s{EVIL}.onnx"],
            "compile onto it": ["compile", file, "--to", "pytorch", "-o", file],
            "compile without": ["compile", file, "--to", "onnx", "-o", model, "--weights", f"{weights}{EVIL}"],
            "convolutionize": ["convolutionize", str(self.patch), "-o", f"{self.folder.parent}/slid{EVIL}.net"],
            "convolutionize wrong": ["convolutionize", str(self.wrong), "-o", f"{self.folder.parent}/slid{EVIL}.net"],
            "draw": ["draw", file, "-o", f"{self.folder}/a{EVIL}.svg"],
            "draw wrong": ["draw", str(self.wrong)],
            "parity": ["parity", file, "--size", "H=9"],
            "parity without": ["parity", file, "--weights", f"{weights}{EVIL}"],
            "train": ["train", file, "--folder", run, "--overwrite"],
            "train quietly": ["train", file, "--folder", run, "--overwrite", "--quiet", "--engine", "onnx"],
            "train steps": ["train", file, "--steps", "1"],
            "train again": ["train", file, "--folder", run],
            "train on": ["train", run, "--resume"],
            "train on more": ["train", file, "--folder", run, "--resume", "--optimizer", "adam(lr=0.1)", "--epochs", "2"],
            "train elsewhere": ["train", file, "--folder", f"{run}2", "--data", f'imagefolder("{EVIL}")'],
            "train a row": ["train", file, "--folder", f"{run}2", "--optimizer", f'adam(lr="{EVIL}")'],
            "train a device": ["train", file, "--folder", f"{run}2", "--device", EVIL],
            "train on wrongly": ["train", run, "--resume", f"--net={EVIL}"],
            "train a file": ["train", file, "--folder", file],
            "data": ["data", file],
            "data json": ["data", file, "--format", "json"],
            "data elsewhere": ["data", f'imagefolder("{EVIL}")'],
            "data drawn": ["data", file, "-o", f"{self.folder}/bars{EVIL}.png"],
            "data seen": ["data", file, "--samples", "2", "-o", f"{self.folder}/sheet{EVIL}.png"],
            "evaluate": ["evaluate", run],
            "evaluate json": ["evaluate", run, "--format", "json"],
            "evaluate onnx": ["evaluate", run, "--onnx", model],
            "evaluate nothing": ["evaluate", f"{run}{EVIL}"],
            "evaluate data": ["evaluate", run, "--data", f'imagefolder("{EVIL}")'],
            "predict": ["predict", run, "0"],
            "predict clear": ["predict", run, str(self.clear), "--engine", "onnx"],
            "predict model": ["predict", model, str(self.clear)],
            "predict nothing": ["predict", model, EVIL],
            "predict file": ["predict", model, file],
            "predict damaged": ["predict", file + ".onnx", "0"],
            "look": ["look", run],
            "look a row": ["look", run, "--row", EVIL],
            "look at nothing": ["look", run, "--sample", EVIL],
            "weights": ["weights", "show", weights],
            "weights map": ["weights", "map", file, weights],
            "weights nothing": ["weights", "show", f"{weights}{EVIL}"],
            "nothing": [],
            "help": ["--help"],
            "version": ["--version"],
            "a word": [f"repor{EVIL}"],
            "a file": [file],
            "an option": [f"--{EVIL}", "report"],
            "a choice": ["report", file, "--format", EVIL],
            **{f"{name} help": [name, "--help"] for name in COMMANDS},
        }  # fmt: skip
        Path(file + ".onnx").write_text(EVIL)
        return {key: [*line, *device(line)] for key, line in lines.items()}


def device(line: Line) -> Line:
    computes = line[:1] in (["train"], ["evaluate"], ["predict"]) and not {"--help", "--device"} & {*line}
    return ["--device", "cpu"] if computes else []


class Told:
    """What a command line said, on streams of an encoding, and how it ended."""

    def __init__(self, line: Sequence[str], patch: pytest.MonkeyPatch, encoding: str = "utf-8") -> None:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        with patch.context() as within:
            within.setattr(sys, "stdout", streams[0])
            within.setattr(sys, "stderr", streams[1])
            self.code = ended(line, within)
        self.out, self.err = (stream.buffer.getvalue().decode(encoding) for stream in streams)  # type: ignore[attr-defined]

    @property
    def all(self) -> str:
        return f"{self.out}\n{self.err}"

    @property
    def timeless(self) -> str:
        return re.sub(r"\d+\.\d+|\d+%|\s+", " ", self.all)


def ended(line: Sequence[str], patch: pytest.MonkeyPatch) -> object:
    """The exit code of a command line on the streams there are."""
    patch.setattr(sys, "argv", ["netdsl", *line])
    with pytest.raises(SystemExit) as left, warnings.catch_warnings():
        cli.main()
    return left.value.code


def wrong_with(said: str) -> list[str]:
    """What no command may print."""
    words = [word for word in ("Traceback", "failed unexpectedly", "UnicodeEncodeError") if word in said]
    return words + sorted({ascii(c) for c in said if not (c.isprintable() or c == "\n")})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("terminals"))
    patch = pytest.MonkeyPatch()
    patch.setenv("OMP_NUM_THREADS", "1")
    weights = str(made.run / "weights.safetensors")
    compiled = ["compile", str(made.file), "--to", "onnx", "-o", str(made.model), "--weights", weights]
    for line in (made.lines()["train"], compiled):
        said = Told(line, patch)
        assert said.code == 0, said.all
    patch.undo()
    return made


@pytest.fixture(scope="module")
def plainly(world: World) -> dict[str, Told]:
    """What every line says where every sign can be shown."""
    with pytest.MonkeyPatch.context() as patch:
        return {key: Told(line, patch) for key, line in world.lines().items()}


# ---------------------------------------------------------------- encodings and control characters


def test_every_command_has_its_lines(plainly: dict[str, Told]) -> None:
    for name in COMMANDS:
        codes = {said.code for key, said in plainly.items() if key.split()[0] == name}
        assert codes >= {0, 1} or (name == "fmt" and codes == {0, 1}), name


def test_nothing_that_a_terminal_obeys(plainly: dict[str, Told]) -> None:
    found = {key: wrong for key, said in plainly.items() if (wrong := wrong_with(said.all))}
    assert not found
    hidden = [key for key, said in plainly.items() if "\ufffd" in said.all or "\\u202e" in said.all]
    assert len(hidden) > len(plainly) / 2


@pytest.mark.parametrize(("encoding", "every"), ENCODINGS)
def test_every_encoding(
    encoding: str, every: bool, world: World, plainly: dict[str, Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, line in world.lines().items():
        wanted = plainly[key]
        if not every and line[:1] in (["train"], ["evaluate"], ["parity"]) and wanted.code == 0:
            continue
        said = Told(line, monkeypatch, encoding)
        assert (key, said.code, wrong_with(said.all)) == (key, wanted.code, []), wanted.all
        if "json" in key:
            assert json.loads(said.out) == json.loads(wanted.out)
        else:
            assert said.timeless == "".join(shown(c, encoding) for c in wanted.timeless), key


def shown(letter: str, encoding: str) -> str:
    """A letter where an encoding may lack it."""
    try:
        return letter.encode(encoding).decode(encoding)
    except UnicodeEncodeError:
        return {**SPELLED, "ö": "o"}.get(letter, "?")


def texts_in(tree: ast.AST) -> Iterator[str]:
    """The texts of a module that could be printed: all but its docstrings."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def test_every_sign_that_is_printed_has_a_spelling() -> None:
    package = Path(cli.__file__).parent.parent
    sources = [path.read_text() for path in package.rglob("*.py")]
    trees = [ast.parse(source) for source in sources if not source.isascii()]
    signs = {c for tree in trees for text in texts_in(tree) for c in text if c > "\x7f" and c.isprintable()}
    assert len(signs) > 20
    assert sorted(c for c in signs - {"\ufffd"} if "?" in spelled(c)) == []


REAL = [
    {"PYTHONIOENCODING": "ascii:strict"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    slowly({"PYTHONIOENCODING": "cp1252"}),
    slowly({"PYTHONIOENCODING": "ascii"}),
    slowly({"LC_ALL": "POSIX", "PYTHONUTF8": "0"}),
    slowly({"LC_ALL": "nowhere.ISO-8859-1", "PYTHONUTF8": "0"}),
]


def netdsl(line: Sequence[str | bytes], world: World, **more: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "netdsl", *line]
    return subprocess.run(command, capture_output=True, cwd=world.folder, env={**os.environ, **more}, timeout=120)


@pytest.mark.parametrize("environment", REAL, ids=lambda e: " ".join(f"{k}={v}" for k, v in e.items()))
def test_a_real_process_of_any_encoding(environment: dict[str, str], world: World, plainly: dict[str, Told]) -> None:
    for key in ("report explained", "check folder", "fmt", "report help", "a word"):
        done = netdsl(world.lines()[key], world, **environment)
        said = (done.stdout + done.stderr).decode(environment.get("PYTHONIOENCODING", "utf-8").split(":")[0])
        assert (key, done.returncode, wrong_with(said)) == (key, plainly[key].code, [])
        assert len(said.splitlines()) >= plainly[key].all.count("\n") - 1, key


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_names_that_are_no_unicode(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in COMMANDS:
        more = {"compile": ["--to", "pytorch"], "predict": ["0"], "convolutionize": ["-o", "slid.net"]}
        wanted = more.get(command, [])
        before = ["show"] if command == "weights" else []
        said = Told([command, *before, os.fsdecode(b"\xff\x9b\xfe.net"), *wanted], monkeypatch, encoding)
        assert (command, said.code, wrong_with(said.all)) == (command, 1, [])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_sign_is_not_refused_in_the_words_of_the_right_one(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An arrow that the encoding lacks is spelt as the two signs that are right: its number tells them apart."""
    file = tmp_path / "arrow.net"
    file.write_text("net N {\n  input x [4]\n  linear(4) → relu\n  linear(4) §\n}\n", encoding="utf-8")
    said = Told(["check", str(file)], monkeypatch, encoding).all
    assert "`->` (U+2192) is not a sign of this language" in said
    assert "(U+00A7) does not belong here" in said


@pytest.mark.parametrize("encoding", ["ascii", slowly("cp1252"), slowly("utf-8")])
def test_what_a_file_holds_is_written_to_the_byte(encoding: str, world: World) -> None:
    """Piped on, a text is a text; on a terminal it is looked at."""
    done = netdsl(["fmt", "--stdout", str(world.file)], world, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    (world.folder / "again.net").write_bytes(done.stdout)
    assert netdsl(["fmt", "--check", "again.net"], world).returncode == 0
    assert EVIL in done.stdout.decode()
    source = netdsl(["compile", "--to", "pytorch", str(world.file)], world, PYTHONIOENCODING=encoding)
    assert source.returncode == 0
    compile(source.stdout, "source", "exec")


# ---------------------------------------------------------------- streams that end


def printing(world: World) -> dict[str, Line]:
    """A line of each command that prints to standard output."""
    lines = world.lines()
    return {
        **{name: lines[name] for name in COMMANDS},
        "train": [
            "train",
            str(world.file),
            "--folder",
            f"{world.run}3",
            "--overwrite",
            "--engine",
            "onnx",
            "--device",
            "cpu",
        ],
        "fmt": ["fmt", "--stdout", str(world.file)],
        "compile": ["compile", str(world.file), "--to", "pytorch"],
        "help": ["--help"],
    }


def full() -> io.TextIOWrapper:
    return open("/dev/full", "w", encoding="utf-8")


def unread() -> io.TextIOWrapper:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", encoding="utf-8")


Stream = Callable[[], "io.TextIOWrapper | None"]
STREAMS: dict[str, tuple[Stream, object, str]] = {
    "closed": (lambda: None, 0, ""),
    "full": (full, 1, "error: the output could not be written: No space left on device\n"),
    "unread": (unread, 1, ""),
}


def on_streams(line: Line, out: io.TextIOWrapper | None, err: io.TextIOWrapper | None) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        return ended(line, patch)


@pytest.mark.parametrize("stream", STREAMS)
def test_standard_output_that_takes_nothing(stream: str, world: World) -> None:
    opened, code, message = STREAMS[stream]
    for name, line in printing(world).items():
        out, err = opened(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        assert (name, on_streams(line, out, err)) == (name, code)
        said = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
        assert wrong_with(said) == [], name
        assert said.endswith(message), name
        if out is not None:
            out.close()


@pytest.mark.parametrize("stream", STREAMS)
def test_standard_error_that_takes_nothing(stream: str, world: World) -> None:
    """What a command has to give is given; a mistake is seen by its code."""
    for name in ("report", "report wrong", "report a size", "a word", "compile wrong", "evaluate nothing"):
        line = world.lines()[name]
        out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), STREAMS[stream][0]()
        wanted = {"report": 0, "report a size": 2, "a word": 2}.get(name, 1)
        code = on_streams(line, out, err)
        assert code == wanted if err is None else code in (1, 2), name
        assert ("params" in out.buffer.getvalue().decode()) == (name == "report")  # type: ignore[attr-defined]
        if err is not None:
            err.close()


SHELL = {
    ">&-": 0,
    "2>&-": 0,
    ">&- 2>&-": 0,
    ">&- 2>&- <&-": 0,
    "> /dev/full": 1,
    "> /dev/full 2>&1": 1,
    "| head -c 1 > /dev/null; exit ${PIPESTATUS[0]}": 1,
    "| true; exit ${PIPESTATUS[0]}": 1,
}


@pytest.mark.parametrize("tail", SHELL)
def test_in_a_shell(tail: str, world: World) -> None:
    """A text too long for a pipe's buffer, so that it is met whenever the reader goes."""
    rows = "".join(f"  linear({i})\n" for i in range(1, 500))
    (world.folder / "long.net").write_text(f"net N {{\n  input x [4]\n{rows}}}\n")
    command = ["bash", "-c", f"{sys.executable} -m netdsl report long.net --format json {tail}"]
    done = subprocess.run(command, capture_output=True, cwd=world.folder, timeout=120)
    said = done.stderr.decode()
    assert (done.returncode, wrong_with(said)) == (SHELL[tail], [])
    assert "Exception ignored" not in said
    assert ("No space left" in said) == (tail == "> /dev/full")


# ---------------------------------------------------------------- terminals


def on_terminal(line: Sequence[str], world: World, columns: int, **more: str) -> tuple[int, str]:
    """Exit code of a command on a terminal of that many columns, and all that the terminal was given."""
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, columns))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-m", "netdsl", *line],
        stdin=follower, stdout=follower, stderr=follower, cwd=world.folder,
        env={**environment, "TERM": "xterm", "OMP_NUM_THREADS": "1", **more},
    ) as process:  # fmt: skip
        os.close(follower)
        given = b""
        with contextlib.suppress(OSError):  # Linux says so that the other side is closed
            while part := os.read(leader, 65536):
                given += part
        os.close(leader)
        process.wait(timeout=120)
    return process.returncode, given.decode()


OURS = re.compile(r"\x1b\[(?!31m|5m)[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\x1b\[2K|\r")
"""Styles, and what a live line needs."""


@pytest.mark.parametrize(("columns", "few"), [(20, ("report wrong", "train")), *(slowly(n, ()) for n in (1, 20, 80))])
def test_a_terminal_obeys_nothing_of_a_file(columns: int, few: Sequence[str], world: World) -> None:
    lines = {key: world.lines()[key] for key in ("report wrong", "a word", "check folder")} | printing(world)
    lines = {key: line for key, line in lines.items() if not few or key in few}
    for name, line in lines.items():
        code, given = on_terminal(line, world, columns)
        assert code == (1 if "wrong" in name or "folder" in name else 2 if name == "a word" else 0), (name, given)
        assert wrong_with(OURS.sub("", given)) == [], (name, given)


COLOURLESS = [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "TERM": "dumb"}]
COLOURED = ["report wrong", *map(slowly, ("report", "check folder", "fmt"))]


@pytest.mark.parametrize("name", COLOURED)
def test_a_terminal_without_colours(name: str, world: World) -> None:
    for more in COLOURLESS:
        _, given = on_terminal(world.lines()[name], world, 80, **more)
        assert "\x1b" not in given, more
    assert name != "report wrong" or "\x1b[" in on_terminal(world.lines()[name], world, 80)[1]


@pytest.mark.parametrize("columns", ["0", "1", "20", "-5", "abc", "", "1e3", "9" * 5000, "99999999999"])
def test_any_number_of_columns(columns: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for line in (*([name, "--help"] for name in COMMANDS), ["--help"], world.lines()["report explained"]):
        said = Told(line, monkeypatch)
        assert (line, said.code, wrong_with(said.all)) == (line, 0, [])
        assert len(said.all) < 100_000


def test_a_narrow_terminal_gets_narrow_tables(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.folder / "narrow.net").write_text("net N {\n  input x [4]\n  linear(4) -> relu\n}\n")
    monkeypatch.chdir(world.folder)
    for columns in (40, 60, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        for line in (["report", "narrow.net"], ["--help"]):
            assert max(map(len, Told(line, monkeypatch).out.splitlines())) <= columns
