"""What `report --training` and `--device` say, and how they refuse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import netdsl
from netdsl.base.errors import RunError
from netdsl.fitting.asked import asked
from netdsl.fitting.cards import CARDS, RESERVE
from netdsl.fitting.fit import FoundFit, fit
from netdsl.fitting.forward import RULES
from netdsl.ops.base import REGISTRY
from netdsl.ops.measure import Measure
from netdsl.ops.value import Constant, FreeParam
from netdsl.reports.fitting import render_fit

LENET = "specs/lenet.net"


def reported(*words: str, code: int = 0) -> str:
    """What the command says, on stdout where all is well."""
    done = subprocess.run([sys.executable, "-m", "netdsl", "report", *words], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_the_recipe_is_the_default_and_words_stand_in_its_place() -> None:
    net = netdsl.load(LENET)
    own, other = netdsl.fit(net), netdsl.fit(net, batch=2, precision="bf16", optimizer="adamw")
    assert (own.batch, own.precision, own.optimizer, own.losses) == (64, "no", "sgd", ("cross_entropy",))
    assert (other.batch, other.precision, other.optimizer) == (2, "bf16", "adamw")
    assert own.parameter_bytes == own.gradient_bytes == own.optimizer_bytes == 4 * 61_706
    assert other.optimizer_bytes == 2 * 4 * 61_706 + 4 * 10, "and a step for each of ten weights"


def test_products_of_a_step_are_those_of_its_gradients() -> None:
    step = netdsl.fit(netdsl.load(LENET), batch=1)
    first = next(row for row in step.rows if row.path == "conv1")
    assert step.forward_macs == 416_520
    assert first.macs == 2 * 117_600, "its input needs no gradient"
    assert step.step_macs == 3 * 416_520 - 117_600 == sum(row.macs for row in step.rows)


@pytest.mark.parametrize(
    ("file", "name"), [("unet", "UNetSame"), ("resnet", "ResNet18"), ("segnet", "SegNet"), ("gpt", "GPT2")]
)
def test_a_block_has_what_is_inside_it_and_nothing_beside_it(file: str, name: str) -> None:
    net = netdsl.load(f"specs/{file}.net", name)
    step, report = fit(net, asked(net, batch=2, device="A100 80GB"))
    assert step.device is not None
    outer = [found for found, row in zip(step.rows, report.rows, strict=True) if row.depth == 0]
    assert sum(row.kept_bytes for row in outer) <= step.kept_bytes, "the rest is of losses"
    assert sum(row.macs for row in outer) == step.step_macs
    assert sum(row.seconds or 0.0 for row in outer) <= step.device.seconds * (1 + 1e-9)
    for index, row in enumerate(report.rows):
        rest = report.rows[index + 1 :]
        inside = next((i for i, other in enumerate(rest) if other.depth <= row.depth), len(rest))
        beside = [step.rows[index + 1 + i] for i in range(inside) if rest[i].kind == "layer"]
        if row.kind == "block":
            assert step.rows[index].macs == sum(each.macs for each in beside), row.path
            assert step.rows[index].seconds == pytest.approx(sum(each.seconds or 0.0 for each in beside)), row.path


def test_copies_whose_rows_are_called_otherwise_are_added_up_too() -> None:
    rows = "".join(f"  a{n}: b\n" for n in (1, 2, 3))
    net = netdsl.load_text(f"block b {{\n  input x\n  conv(8, 3, pad=1)\n}}\nnet N {{\n  input x [8, 9, 9]\n{rows}}}\n")
    step, report = fit(net, asked(net, batch=2))
    table = render_fit(FoundFit(step, report), "table", depth=1)
    row = next(line for line in table.splitlines() if line.startswith("a1…3"))
    assert row.endswith("100.0")


def test_batches_of_a_step_that_adds_up_gradients_are_counted_once() -> None:
    text = Path(LENET).read_text("utf-8").replace("  batch     64", "  batch     64\n  accumulate 4")
    once, several = netdsl.fit(netdsl.load(LENET)), netdsl.fit(netdsl.load_text(text))
    assert (once.accumulate, several.accumulate) == (1, 4)
    assert several.step_macs == once.step_macs == 64 * (3 * 416_520 - 117_600)


def test_states_of_a_loop_learn_what_the_step_before_did() -> None:
    step = netdsl.fit(netdsl.load("specs/show_attend_tell.net", "CaptionDigits"), batch=1)
    looped = netdsl.fit(netdsl.load_text(LOOP), batch=1)
    assert looped.step_macs == 3 * looped.forward_macs - 5 * 3 * 4
    assert step.step_macs == 777_504 + 1_536_576, "as PyTorch counts them"


LOOP = """
recurrent cell {
  input x
  state h [4] = 0
  next h: (x -> linear(4)) + (h -> linear(4)) -> tanh
  output h
}
net Loop {
  input x [5, 3]
  output y: cell
}
"""


def test_the_largest_batch_is_where_one_more_does_not_fit() -> None:
    net = netdsl.load("specs/unet.net", "UNetSame")
    found = netdsl.fit(net, batch=1, device="T4")
    assert found.device is not None
    most = found.device.largest_batch
    at, beyond = (netdsl.fit(net, batch=n, device="T4") for n in (most, most + 1))
    room = next(card.memory for card in CARDS if card.name == "T4") - RESERVE
    assert at.peak_bytes <= room < beyond.peak_bytes
    assert at.device is not None
    assert beyond.device is not None
    assert (at.device.fits, beyond.device.fits) == (True, False)


def test_ways_out_are_what_their_options_say() -> None:
    net = netdsl.load("specs/unet.net", "UNetSame")
    found = netdsl.fit(net, batch=64, device="RTX 3090").device
    assert found is not None
    assert not found.fits
    options = [way.options for way in found.ways_out]
    assert options == ["--precision bf16", "--checkpoint u1,d1,u2", "--precision bf16 --checkpoint u1,d1,u2"]
    for way in found.ways_out:
        asked_for = netdsl.fit(
            net, batch=64, device="RTX 3090",
            precision="bf16" if "bf16" in way.options else None,
            checkpoint=["u1", "d1", "u2"] if "--checkpoint" in way.options else [],
        )  # fmt: skip
        assert asked_for.device is not None
        assert (way.peak_bytes, way.fits) == (asked_for.peak_bytes, asked_for.device.fits)
        assert way.largest_batch == asked_for.device.largest_batch
    told = reported("specs/unet.net", "--net", "UNetSame", "--training", "--batch", "64", "--device", "rtx3090")
    assert "24 GiB, of which 1 GiB is kept for the CUDA context" in " ".join(told.split())
    assert " GiB are missing" in told


def test_a_way_out_is_shown_only_where_it_is_one() -> None:
    """Nothing makes room for 64 here; a smaller batch does, and with all options a larger one than without."""
    words = (
        "specs/unet.net",
        "--net",
        "UNetSame",
        "--training",
        "--device",
        "rtx3090",
        "--depth",
        "0",
        "--width",
        "150",
        "--batch",
    )
    found = netdsl.fit(netdsl.load("specs/unet.net", "UNetSame"), batch=64, device="RTX 3090").device
    assert found is not None
    assert not any(way.fits for way in found.ways_out)
    told, most = reported(*words, "64"), max(way.largest_batch for way in found.ways_out)
    assert f"way out        `--batch {found.largest_batch}` fits" in told
    assert f"`--batch {most} --precision bf16 --checkpoint u1,d1,u2` fits; no way that is tried here makes room" in told
    assert "and does not fit" not in told
    assert "fits at batch 24:" in reported(*words, str(found.largest_batch))
    some = reported(*words, str(most))
    assert "`--precision bf16 --checkpoint u1,d1,u2` takes" in some
    assert "`--checkpoint u1,d1,u2` takes" not in some.replace("--precision bf16 --checkpoint", "")


def test_a_memory_alone_has_no_roofline() -> None:
    net = netdsl.load(LENET)
    alone, card = netdsl.fit(net, device="24GB"), netdsl.fit(net, device="RTX 3090")
    assert alone.device is not None
    assert card.device is not None
    assert (alone.device.seconds, alone.device.rate, {row.bound for row in alone.rows}) == (None, None, {None})
    assert alone.device.largest_batch == card.device.largest_batch
    told = reported(LENET, "--training", "--device", "24GB")
    assert "not estimated: a roofline needs the rates of a card" in told
    assert "bound by" not in told
    whole = json.loads(reported(LENET, "--device", "24GB", "--format", "json"))
    assert whole["fitting"]["device"]["seconds"] is None


def test_nothing_fits_where_the_weights_do_not() -> None:
    net = netdsl.load_text("net Wide { input x [200000]\n linear(50000)\n}")
    found = netdsl.fit(net, batch=1, device="T4")
    assert found.device is not None
    assert (found.device.largest_batch, found.device.fits) == (0, False)


def test_every_row_is_bound_by_what_takes_longer() -> None:
    step = netdsl.fit(netdsl.load("specs/resnet.net", "ResNet50"), batch=32, device="V100 16GB")
    assert step.device is not None
    rows = {row.path: row for row in step.rows}
    assert {row.bound for path, row in rows.items() if path.endswith("relu1")} == {"memory"}
    assert any(row.bound == "compute" for row in step.rows)
    outer = [row.seconds or 0.0 for row in step.rows if "." not in row.path]
    assert 0 < sum(outer) <= step.device.seconds * 1.0001
    assert step.device.seconds >= 2 * step.step_macs / 15.7e12


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"device": "H10 80GB"}, "no device is called `H10 80GB`: did you mean `H100 80GB`? there are K80"),
        ({"device": "RTX 3060 8GB"}, "did you mean `RTX 3060 12GB`? Of any other, say how much memory it has"),
        ({"device": "8"}, "no device is called `8`: a memory is told with its unit, `8GB`"),
        ({"device": "A100"}, "`A100` is more than one device: say A100 40GB or A100 80GB or A100 PCIe 80GB"),
        ({"optimizer": "adamm"}, "no optimizer is called `adamm`: did you mean `adam`"),
        ({"optimizer": "sgd(momentun=0.9)"}, "no setting of `sgd` is called `momentun`: did you mean `momentum`"),
        ({"optimizer": "sgd(momentum=a)"}, "`momentum` of `sgd(momentum=a)` takes a number"),
        ({"optimizer": "sgd(0.1)"}, "its settings are such as `momentum=0.9`"),
        ({"optimizer": "sgd(lr=0.1"}, "is no optimizer"),
        ({"optimizer": "adam(beta1=2)"}, "`adam`: "),
        ({"precision": "bf6"}, "no precision is called `bf6`: did you mean `bf16`"),
    ],
)
def test_words_that_nothing_is_called(words: dict[str, str], said: str) -> None:
    with pytest.raises(RunError) as caught:
        netdsl.fit(netdsl.load(LENET), **words)  # type: ignore[arg-type]
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("dd1", "`UNet` has no block `dd1`: did you mean `d1`? blocks are d1, d2"),
        ("mask", "`mask` of `UNet` is no block, of which a forward pass could be run again"),
    ],
)
def test_rows_that_are_no_blocks_cannot_run_again(word: str, said: str) -> None:
    with pytest.raises(RunError) as caught:
        netdsl.fit(netdsl.load("specs/unet.net"), checkpoint=[word])
    assert said in str(caught.value)


def test_a_row_stands_for_the_blocks_in_it() -> None:
    net = netdsl.load("specs/resnet.net", "ResNet50")
    found = netdsl.fit(net, batch=8, checkpoint=["stage1", "stage2.bottleneck1"])
    assert found.checkpoint is not None
    assert found.checkpoint.blocks == (*(f"stage1.bottleneck{n}" for n in (1, 2, 3)), "stage2.bottleneck1")
    rows = {row.path: row.macs for row in netdsl.fit(net, batch=8).rows}
    assert found.checkpoint.added_macs * 3 == sum(rows[path] for path in found.checkpoint.blocks)
    told = reported("specs/resnet.net", "--net", "ResNet50", "--training", "--checkpoint", "stage1", "--depth", "0")
    assert "run again: " in told


def test_cards_are_found_by_what_no_other_begins_with() -> None:
    for card in CARDS:
        found = netdsl.fit(netdsl.load(LENET), device=f"nvidia {card.name.lower()}").device
        assert found is not None
        assert found.name == card.name


def test_the_command_in_each_format() -> None:
    whole = json.loads(reported(LENET, "--training", "--device", "T4", "--format", "json"))
    assert whole["net"] == "LeNet"
    assert whole["fitting"]["device"]["name"] == "T4"
    assert [row["path"] for row in whole["rows"]] == [row["path"] for row in whole["fitting"]["rows"]]
    assert "| `conv1` |" in reported(LENET, "--training", "--format", "markdown")
    assert reported(LENET, "--training", "--format", "csv").startswith("path,kept_bytes,macs,")


def test_copies_that_are_drawn_once_are_added_up() -> None:
    table = reported("specs/resnet.net", "--net", "ResNet50", "--training", "--batch", "1", "--depth", "2")
    rows = netdsl.fit(netdsl.load("specs/resnet.net", "ResNet50"), batch=1).rows
    many = sum(row.kept_bytes for row in rows if row.path in ("stage3.bottleneck2", "stage3.bottleneck3"))
    assert many
    assert "bottleneck2…" in table


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--optimizer", "adam"], "--optimizer is about training"),
        (["--checkpoint", "conv1"], "--checkpoint is about training"),
        (["--training", "--explain"], "--explain does not go with --training"),
        (["--training", "--format", "html"], "--training has no html"),
    ],
)
def test_combinations_that_mean_nothing(words: list[str], said: str) -> None:
    assert said in reported(LENET, *words, code=2)


def test_an_unknown_device_ends_the_command_with_a_line() -> None:
    assert reported(LENET, "--device", "X9000", code=1).startswith("error: no device is called `X9000`: ")


def test_nothing_heavy_is_imported() -> None:
    text = (
        "import sys, netdsl; netdsl.fit(netdsl.load('specs/lenet.net'), device='T4');"
        "sys.exit(bool({'torch', 'numpy', 'onnx', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", text]).returncode == 0


def test_every_operation_has_a_rule() -> None:
    found = {op for op in REGISTRY.values() if not issubclass(op, Measure | Constant | FreeParam)}
    assert {op.name for op in found - set(RULES)} == set()


@pytest.mark.parametrize(("word", "own"), [("bfloat16", "bf16"), ("half", "fp16"), ("fp32", "no")])
def test_precisions_as_other_programs_call_them(word: str, own: str) -> None:
    net = netdsl.load_text("net A {\n  input x [4]\n  linear(2)\n}\n")
    with pytest.raises(netdsl.ArgumentError, match=f"no precision is called `{word}`: did you mean `{own}`"):
        netdsl.fit(net, precision=word)


def test_ways_out_add_to_what_runs_again_already() -> None:
    net = netdsl.load(Path(__file__).parents[2] / "specs/unet.net", net="UNetSame")
    asked_for = {"batch": 48, "device": "RTX 3090"}
    way = netdsl.fit(net, checkpoint=["u1"], **asked_for).device.ways_out[-1]
    found = re.fullmatch(r"--precision (\w+) --checkpoint (u1,.*)", way.options)
    assert found is not None
    taken = netdsl.fit(net, precision=found[1], checkpoint=found[2].split(","), **asked_for)
    assert (taken.peak_bytes, taken.device.fits) == (way.peak_bytes, way.fits)
