"""The command line's own words: commands, misspelt ones, files without a command, help, and standard input."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest

import netdsl
from netdsl.base.endings import HOLDS
from netdsl.base.errors import RunError
from netdsl.cli import elsewhere
from netdsl.cli.app import COMMANDS, Parser, _parser, run
from netdsl.cli.foreign import help_of
from netdsl.cli.options import pair
from netdsl.cli.train import ROWS
from netdsl.program import load_source
from netdsl.text.diagnostics import NetError
from netdsl.text.foreign import settings
from netdsl.text.parser import read_source
from netdsl.text.source import as_source

TEXT = "net N {\n input x [4]\n linear(4)   ->   relu\n}\ntrain N {\n data digits\n loss (linear, label) -> mse\n}\n"
BROKEN = "net N {\n  input x [4\n}\n"
UNKNOWN = "net N {\n  input x [4]\n  lineer(4)\n}\n"


def answered(capsys: pytest.CaptureFixture[str], arguments: Sequence[str], code: int = 0) -> pytest.CaptureResult[str]:
    try:
        ended: object = run(arguments)
    except SystemExit as left:
        ended = left.code
    assert ended == code
    return capsys.readouterr()


WORDS = {
    "reprot": "did you mean `report`?",
    "chek": "did you mean `check`?",
    "Train": "did you mean `train`?",
    "complie": "did you mean `compile`?",
    "lenet.net": "as in `netdsl report lenet.net`: " + ", ".join(COMMANDS),
    "-": "as in `netdsl report -`: " + ", ".join(COMMANDS),
    "a text": "as in `netdsl report a text`: " + ", ".join(COMMANDS),
    "summary": "write `netdsl report`",
    "torch-info": "write `netdsl report`",
    "pytorch": "write `netdsl compile`",
    "export": "write `netdsl compile`",
    "visualize": "write `netdsl draw`",
    "frobnicate": "commands are " + ", ".join(COMMANDS),
    "": "commands are " + ", ".join(COMMANDS),
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_that_is_no_command(
    word: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a text").write_text(TEXT)
    for more in ([], ["lenet.net"], ["--format", "json"]):
        said = answered(capsys, [word, *more], 2)
        assert said.out == ""
        assert said.err.startswith(f"netdsl: there is no command `{word}`\n")
        assert WORDS[word] in said.err


def test_a_name_that_the_package_has_not_says_which_is_near() -> None:
    for name, said in {
        "torch": ": did you mean torch_module or torch_source?", "anallyze": ": did you mean analyze?",
        "frobnicate": "", "__wrapped__": "",
    }.items():  # fmt: skip
        with pytest.raises(AttributeError, match=re.escape(f"netdsl has no {name}{said}") + "$"):
            getattr(netdsl, name)


def test_nothing_is_answered_by_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    nothing, help = answered(capsys, []).out, answered(capsys, ["--help"]).out
    assert nothing == help
    for name, says in COMMANDS.items():
        assert name in help
        assert says.split()[0] in help


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    import netdsl

    assert answered(capsys, ["--version"]).out == f"netdsl {netdsl.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = answered(capsys, [name, "--help"]).out
    assert said.startswith(f"usage: netdsl {name} ")
    assert "-h, --help" in said
    assert max(map(len, said.splitlines())) <= 80
    assert len(said.split("\n\n")[1]) > 40, "a sentence of what it does"
    assert answered(capsys, [name, "-h"]).out == said
    wrong = answered(capsys, [name, "--nonsense"], 2)
    assert wrong.out == ""
    assert f"netdsl {name}: error: " in wrong.err


# ---------------------------------------------------------------- standard input

READ: dict[str, tuple[str, ...]] = {
    "report": ("report", "-"),
    "diff": ("diff", "-", "--new-net", "N"),
    "draw": ("draw", "-"),
    "check": ("check", "-"),
    "fmt": ("fmt", "-"),
    "compile": ("compile", "-", "--to", "pytorch"),
    "convolutionize": ("convolutionize", "-", "-o", "slid.net"),
    "parity": ("parity", "-"),
    "train": ("train", "-", "--steps", "1", "--device", "cpu"),
    "data": ("data", "-"),
    "weights": ("weights", "map", "-", "none.safetensors"),
}
NO_TEXT = {"evaluate", "look", "predict"}
"""They read the folder of a run."""


def piped(folder: Path, arguments: Sequence[str], text: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "netdsl", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, input=text, capture_output=True, cwd=folder, env=environment, timeout=120)


def test_every_command_has_its_case() -> None:
    assert set(READ) | NO_TEXT == set(COMMANDS)


@pytest.mark.parametrize("name", READ)
def test_standard_input_is_named_in_every_mistake(name: str, tmp_path: Path) -> None:
    """In its text, in a setting of the command line, and in what cannot be decoded."""
    for text, place in ((BROKEN, "standard input:2:11"), (UNKNOWN, "standard input:3:3")):
        if name == "fmt" and text == UNKNOWN:
            continue  # what has a layer too many can be laid out
        done = piped(tmp_path, READ[name], text.encode())
        said = (done.stdout + done.stderr).decode()
        assert (done.returncode, said.count(place), "Traceback" in said) == (1, 1, False), said
    for data in (b"\xff\xfen\0e\0t\0", b"\0" * 5000, b"x" * 2_000_000):
        done = piped(tmp_path, READ[name], data)
        said = (done.stdout + done.stderr).decode()
        assert (done.returncode, "standard input" in said, "unexpectedly" in said) == (1, True, False), said
        assert len(said) < 20_000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [n for n in READ if n not in ("parity", "train", "convolutionize")])
def test_a_folder_where_a_file_is_meant(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = piped(tmp_path, ["folder" if a == "-" else a for a in READ[name]], b"")
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 1
    assert ("holds no `.net` file" if name in ("check", "fmt") else "is a folder, not a text") in said


@pytest.mark.parametrize("place", ["run/spec/n.net", "run/n.net"])
def test_a_folder_with_one_text_is_told_which(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(TEXT)
    with pytest.raises(NetError) as raised:
        run(["report", str(tmp_path / "run")])
    assert raised.value.diagnostics[0].help == f"name the text itself: {tmp_path / place}"
    (tmp_path / "run" / "weights.safetensors").touch()
    with pytest.raises(NetError) as raised:
        run(["compile", str(tmp_path / "run"), "--to", "onnx", "-o", str(tmp_path / "n.onnx")])
    assert f"`--weights {tmp_path / 'run'}`" in (raised.value.diagnostics[0].help or "")


@pytest.mark.parametrize(("name", "word"), [("a.csv", "table"), ("a.tsv", "table"), ("a.npz", "arrays")])
def test_files_of_data_are_led_to_the_words_that_read_them(name: str, word: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x,y\n1,2\n")
    with pytest.raises(RunError) as raised:
        run(["data", str(tmp_path / name)])
    assert str(raised.value).endswith(f"say netdsl data '{word}(\"{tmp_path / name}\")'")


def test_weights_that_nothing_trained_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model holds some; source has none, and a step is what trains them."""
    (tmp_path / "n.net").write_text(
        "net N {\n  input x [4]\n  output y: linear(2)\n}\ntrain N {\n  loss (y, label) -> mse\n}\n"
        "net Bare {\n  input x [4]\n  output y: relu\n}\n"
    )
    said = {}
    for name, to in (("N", "onnx"), ("N", "pytorch"), ("N", "onnx-train"), ("Bare", "onnx")):
        run(["compile", str(tmp_path / "n.net"), "--net", name, "--to", to, "-o", str(tmp_path / f"{name}.{to}")])
        said[name, to] = "note: weights drawn by seed 0, not trained" in capsys.readouterr().err
    assert [made for made, told in said.items() if told] == [("N", "onnx")]


def test_neighbours_of_standard_input_lie_in_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "unit.net").write_text("block unit() { linear(4) }\n")
    text = b'use "./unit.net" { unit }\nnet N {\n  input x [4]\n  unit\n}\n'
    assert b"no mistakes" in piped(tmp_path, ["check", "-"], text).stdout
    wrong = piped(tmp_path, ["check", "-"], text.replace(b"{ unit }", b"{ unti }"))
    assert b"standard input:1:20" in wrong.stdout


ALIEN = {
    "--batch-size 32": "write `--batch 32`",
    "--batch_size=32": "write `--batch 32`",
    "--lr 0.1": "write `--optimizer 'adam(lr=0.1)'`",
    "--gpu": "write `--device cuda`",
    "--output x": "write `--folder x`",
    "-v": "leave it out",
    "--num-epochs 3": "write `--epochs 3`",
    "--folderr x": "did you mean `--folder`?",
    "--num_classes 3": "`--set num_classes=3`",
    "other.net": "one file",
}


@pytest.mark.parametrize("words", ALIEN)
def test_an_option_of_another_program(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = answered(capsys, ["train", "a.net", *words.split()], 2)
    assert said.out == ""
    assert ALIEN[words] in said.err
    assert len(said.err.splitlines()) == 2


TRAINED = "net N {{\n input image [1, 8, 8]\n flatten\n output logits: linear(10)\n}}\ntrain N {{\n data digits\n{}"
TRAINED += " loss (logits, label) -> cross_entropy\n}}\n"
FOREIGN = sorted(
    {word.replace("_", "-") for row in settings.ROWS for word in row.words.split()}
    | {
        word.replace("_", "-")
        for words in (*settings.PARTS.values(), *settings.NO_ROWS.values())
        for word in words.split()
    }
    | {word for words in (*elsewhere.SAME.values(), *elsewhere.DEVICES.values()) for word in words.split()}
    | {word for row in elsewhere.SAYS for word in row.words.split()}
    | {*elsewhere.COUNTED.split(), *elsewhere.INDEXED.split(), *elsewhere.PRECISION.split(), *elsewhere.SIZES.split()}
)
PLACES = {
    "predict": ["a", "3"],
    "weights": ["show", "a"],
    "compile": ["a", "--to", "onnx"],
    "convolutionize": ["a", "-o", "b.net"],
}
CHOICE = {
    "--split 3": "--split test",
    "--to 3": "--to onnx",
    "--output 3": "--output a.npz",
    "--data 3": "--data digits",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_offered_option_is_taken(name: str) -> None:
    """What is offered for each word of the tables is read by the very command, and no word is left without an answer."""
    parser = _parser(name)
    places = PLACES.get(name, ["a"])
    command = parser.parse_args([name, *places]).parser
    assert isinstance(command, Parser)
    for word in FOREIGN:
        said = help_of([f"--{word}", "3"], command.option_strings(), (), name)
        for text in re.findall("write `(-[^`]*)`", said):
            _, left = parser.parse_known_args([name, *places, *shlex.split(CHOICE.get(text, text))])
            assert not left, f"{name} --{word}: {text}"
        if name == "train" and len(word) > 1 and f"--{word}" not in command.option_strings():
            assert not said.startswith("options are"), word


RECIPES = ("", " optimizer adam(lr=0.01)\n", " optimizer sgd(0.1, momentum=0.8)\n", " optimizer rmsprop\n schedule cosine\n",
           " schedule step(3)\n optimizer adamw\n")  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_offered_row_of_a_recipe_checks_and_keeps_the_rest(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--lr 0.1` beside a recipe with adam is a rate of adam's."""
    monkeypatch.chdir(tmp_path)
    Path("n.net").write_text(TRAINED.format(recipe))
    parser = _parser("train")
    options = parser.parse_args(["train", "n.net"]).parser.option_strings()
    was = load_source(as_source("n.net", TRAINED.format(recipe))).net().recipe
    assert was is not None
    for word in FOREIGN:
        for value in ("3", "0.25"):
            said = help_of([f"--{word}", value], options, ("train", "n.net", f"--{word}", value))
            offered = [shlex.split(t) for t in re.findall("write `(--[^`]*)`", said)]
            rows = {o[0][2:]: o[1] for o in offered if len(o) == 2 and o[0][2:] in ROWS}
            if (
                not rows
                or value in map(rows.get, ("data", "augment", "optimizer", "schedule"))
                or (value == "0.25" and "it is a setting" not in said)
            ):
                continue
            now = load_source(as_source("n.net", TRAINED.format(recipe)), recipe=rows).net().recipe
            assert now is not None
            for part in ("optimizer", "schedule"):
                if recipe and value in str(rows.get(part)):
                    assert type(getattr(now, part)) is type(getattr(was, part)), f"--{word} {value}: {said}"


LINES = {
    "--lr 0.1 --momentum 0.9": "write `--optimizer 'sgd(lr=0.1, momentum=0.9)'`",
    "--opt AdamW --lr 1e-3 --wd 0.05": "write `--optimizer 'adamw(lr=1e-3, weight_decay=0.05)'`",
    "--momentum 0.9": "has no `momentum`, but sgd and rmsprop have",
    "--solver sgd --lr 0.1": "write `--optimizer 'sgd(lr=0.1)'`",
    "--optimizer.lr=0.1": "write `--optimizer 'adam(lr=0.1)'`",
    "--warmup-epochs 3": "write `--schedule 'constant(warmup=3)'`",
    "--trainer.max_epochs 3": "write `--epochs 3`",
    "--per_device_train_batch_size 8": "write `--batch 8`",
    "-b32": "write `--batch 32`",
    "-e": "`netdsl evaluate RUN`",
    "--num-workers 4": "write `--workers 4`",
    "--gpus 1": "write `--device cuda`",
    "--gpus 4": "--nproc-per-node 4",
    "--gpu 1": "write `--device cuda:1`",
    "--gpu-ids 0 1": "--nproc-per-node 2",
    "--accelerator cpu": "write `--device cpu`",
    "--no-cuda": "write `--device cpu`",
    "--amp": "write `--precision fp16`",
    "--mixed_precision bf16": "write `--precision bf16`",
    "--fp16 False": "leave it out",
    "--resume_from_checkpoint runs/N": "write `--folder runs/N --resume`",
    "--resume runs/N": "write `--folder runs/N --resume`",
    "--pretrained": "write `--weights …`",
    "--dataset mnist --data-dir m": "write `--data 'mnist(\"m\")'`",
    "--data-path photos": "as in `--data 'imagefolder(\"photos\")'`",
    "--max_grad_norm 1.0": "write `--clip 1.0`",
    "--early-stopping-patience 3": "write `--patience 3`",
    "--part critic": "the parts of a recipe take turns as the text says",
    "--recipes small": "did you mean `--recipe`?",
    "--label-smoothing 0.1": "cross_entropy(smoothing=0.1)",
    "--max-steps 1000": "a training is as long as its `--epochs`",
    "--local_rank 0": "torchrun",
    "--config x.yaml": "the recipe stands in the text",
    "epochs=3": "write `--epochs 3`",
    "lr=0.1": "write `--optimizer 'adam(lr=0.1)'`",
    "classes=3": "`--set classes=3`",
    "--classes 3": "`--set classes=3`",
    "--quiet true": "`--quiet` takes no value: leave `true` out",
}
"""Command lines of other programs."""


@pytest.mark.parametrize("words", LINES)
def test_command_lines_of_other_programs(
    words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("n.net").write_text(
        TRAINED.format("").replace("net N {", "net N(classes = 10) {").replace("(10)", "(classes)")
    )
    assert LINES[words] in answered(capsys, ["train", "n.net", *words.split()], 2).err


REFUSED = {
    "report n.net --set width=8,classes=3": "write `--set width=8 --set classes=3`",
    "train n.net --data imagefolder(photos)": "write `--data 'imagefolder(\"photos\")'`",
    "train n.net --data mnist(../data/mnist)": "write `--data 'mnist(\"../data/mnist\")'`",
    "train n.net --data ./photos": 'as in `imagefolder("./photos")`',
    "train n.net --data photos/cats": 'as in `imagefolder("photos/cats")`',
    "train n.net --data digits(size=16)": "--> --data:1:1",
    "parity n.net --weights run": "run/weights.safetensors cannot be read as safetensors",
    "compile n.net --to onnx -o n.onnx --weights run": "run/weights.safetensors cannot be read as safetensors",
    "parity n.net --weights none": "there is no weight file none",
}
"""Values that a command takes in another form."""


@pytest.mark.parametrize("line", REFUSED)
def test_a_value_in_another_form_is_told_which(line: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "weights.safetensors").write_bytes(b"")
    (tmp_path / "n.net").write_text(TRAINED.format(""))
    done = piped(tmp_path, line.split(), b"")
    said = (done.stdout + done.stderr).decode()
    assert REFUSED[line] in said
    assert (done.returncode in (1, 2), "Traceback" in said) == (True, False)


def test_a_setting_of_several_values_is_one() -> None:
    for text in ("sizes=[1, 2]", "pair=(a, b=3)", 'words="a, b=3"', "width=8"):
        assert pair(text)[0] == text.partition("=")[0]


def test_a_flag_takes_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert "write `--folder runs/N --resume`" in answered(capsys, ["train", "n.net", "--resume=runs/N"], 2).err
    assert "leave it out" in answered(capsys, ["train", "n.net", "--overwrite=false"], 2).err


@pytest.mark.parametrize("ending", chain.from_iterable(HOLDS.values()))
def test_a_file_that_holds_something_else(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"LeNet{ending}"
    file.write_bytes(b"\x89\x00\x08PK\n" * 40)
    with pytest.raises(NetError) as raised:
        read_source(file)
    (found,) = raised.value.diagnostics
    assert (found.code, found.span.start) == ("not-a-net", 0)
    assert found.help is not None


def test_a_file_that_is_not_there_is_looked_for_beside(tmp_path: Path) -> None:
    (tmp_path / "lenet.net").write_text(TEXT)
    for name, help in {"lenet": "lenet.net", "lenett.net": "lenet.net", "other.net": "LeNet.net"}.items():
        with pytest.raises(NetError) as raised:
            read_source(tmp_path / name)
        (found,) = raised.value.diagnostics
        assert found.code == "file-not-found"
        assert help in str(found.help)


@pytest.mark.parametrize("written", ["224x224", "224", "224 × 224"])
def test_a_size_without_its_name_is_told_how_it_is_given(written: str, capsys: pytest.CaptureFixture[str]) -> None:
    err = answered(capsys, ["report", "specs/unet.net", "--size", written], 2).err
    assert "each has the name of the text, as in H=224,W=224" in err


def test_a_folder_of_pictures_is_named_with_its_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = tmp_path / "photos"
    (photos / "cat").mkdir(parents=True)
    with pytest.raises(NetError) as caught:
        run(["data", str(photos)])
    assert f"'imagefolder(\"{photos}\")' for pictures in a folder a class" in str(caught.value.diagnostics[0].help)
    said = answered(capsys, ["data", "digits", "--split", "test"], 2).err
    assert "--split says whose --samples are shown: say how many; all splits are counted" in said


def test_the_folder_of_a_run_is_found_near_what_was_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").write_text("{}")
    with pytest.raises(RunError, match=re.escape(f"it has no recipe.json; {tmp_path}/a, {tmp_path}/b are some")):
        run(["evaluate", str(tmp_path)])
    (tmp_path / "a" / "weights.safetensors").touch()
    with pytest.raises(RunError, match=re.escape(f"the folder of a run is wanted, name {tmp_path}/a")):
        run(["evaluate", f"{tmp_path}/a/weights.safetensors"])


def test_a_word_for_a_setting_that_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.net").write_text("net A(classes = 10) {\n  input x [4]\n  linear(classes)\n}\n")
    with pytest.raises(NetError) as caught:
        run(["report", f"{tmp_path}/a.net", "--set", "classes=ten"])
    assert caught.value.diagnostics[0].help == "give it a value such as its own: `--set classes=10`"
    with pytest.raises(NetError) as caught:
        run(["report", f"{tmp_path}/a.net", "--set", "clases=3"])
    assert caught.value.diagnostics[0].span.text == "clases"
    assert caught.value.diagnostics[0].help == "did you mean `classes`?"
