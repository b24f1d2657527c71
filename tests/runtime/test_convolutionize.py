"""Classifiers of patches that were made to slide: the same on a patch, and at every window of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load, save_file

import netdsl
from netdsl.analyzer import analyze
from netdsl.base.arrays import Array
from netdsl.base.files import WriteError
from netdsl.cli.app import run as command
from netdsl.graph import Net
from netdsl.program import load_file, load_text
from netdsl.rewriting.convolutional import Convolutional, convolutional
from netdsl.runtime.convolutionize import Convolutionized, convolutionize
from netdsl.runtime.predict import predict
from netdsl.runtime.predicting.fitting import Fitting
from netdsl.runtime.sessions.opening import open_net, run_once
from netdsl.text.diagnostics import NetError

SPECS = Path(__file__).parents[2] / "specs"
BODIES = {
    "a head in a block": """
        block head(hidden, classes) {
          flatten -> linear(hidden) -> batchnorm -> relu -> dropout(0.5)
          linear(classes, bias=false)
        }
        net N { input image [2, 13, 17]
          conv(4, 3) -> relu -> maxpool(2)   -> [4, 5, 7]
          output y: head(5, 3)               -> [3]
        }""",
    "two maps in a row": """
        net N(side = 12) { input image [1, side, side]
          set conv(pad=1, bias=false, init=he_normal)
          a: image -> conv(3, 3, pad=0) -> avgpool(2)
          b: image -> conv(2, 3, pad=0) -> maxpool(2)
          both: (a -> flatten, b -> flatten) -> concat
          first: both -> tanh -> linear(6)
          second: both -> linear(6)
          output y: first * second -> [6] -> linear(features=4) -> softmax
        }""",
    "pooled everywhere": """
        net N { input image [3, H = 11, W = 12]
          const centre [3, 1, 1] = [0.1, 0.2, 0.3]
          seen: image - centre -> conv(6, 3, stride=2) -> batchnorm -> relu6
          low: seen -> global_avgpool
          high: seen -> global_maxpool
          output y: (low, high) -> concat -> linear(3, init=normal(0.1))
          output aux deep: seen -> conv(2, 3) -> global_maxpool -> linear(2)
        }""",
    "an answer that nothing names": """
        net N { input image [2, 9, 8]
          conv(4, 3, stride=2) -> flatten -> linear(5) -> relu -> linear(3)
        }""",
    "a map among the answers": """
        net N { input image [2, 9, 8]
          output seen: conv(4, 3) -> relu
          output y: maxpool(2) -> flatten -> linear(3)
        }""",
    "in a row alone": """
        net N { input image [1, 6, 6]
          row: flatten
          hidden: row -> relu -> linear(4) -> linear(4) * 2
          output y: if training { hidden -> dropout(0.1) } else { hidden }
        }""",
}  # fmt: skip


def slid(text: str, folder: Path) -> tuple[Net, Convolutionized, dict[str, Array]]:
    """A net, what became of it, and the weights that both were given."""
    (folder / "n.net").write_text(text)
    net = netdsl.load(folder / "n.net")
    module = netdsl.torch_module(net, seed=0)
    for name, buffer in module.named_buffers():
        if "running" in name:
            torch.nn.init.uniform_(buffer, 0.5, 1.5)
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    save_file(weights, folder / "n.safetensors")
    return net, convolutionize(folder / "n.net", folder / "slid.net", weights=folder / "n.safetensors"), weights


@pytest.mark.parametrize("text", BODIES.values(), ids=BODIES)
def test_each_window_is_scored_as_by_the_classifier(text: str, tmp_path: Path) -> None:
    net, found, weights = slid(text, tmp_path)
    assert found.difference is not None
    assert found.difference < 2e-6
    assert not found.made.plan.padded
    (high, wide), (down, across) = found.made.plan.patch, found.made.stride
    channels = netdsl.load(tmp_path / "slid.net").inputs[0].shape[0]
    image = np.random.default_rng(1).normal(size=(1, channels, high + 2 * down, wide + 3 * across))  # type: ignore[arg-type]
    image = image.astype(np.float32)
    one, place = open_net(net, weights, "cpu"), found.made.plan.scored
    slides = netdsl.torch_module(netdsl.load(tmp_path / "slid.net"), weights=tmp_path / "slid.safetensors").eval()
    with torch.no_grad():
        made = slides(torch.from_numpy(image))
    scores = (list(made.values())[place] if isinstance(made, dict) else made).numpy()
    assert scores.shape[2:] == (3, 4)
    for i, j in np.ndindex(3, 4):
        window = image[:, :, i * down : i * down + high, j * across : j * across + wide]
        wanted = list(run_once(one, {"image": window}).values())[place]
        np.testing.assert_allclose(wanted, scores[:, :, i, j], rtol=1e-4, atol=2e-6)


def test_the_text_reads_as_its_author_wrote_it() -> None:
    made = made_of("vgg", "VGG16")
    assert "fc6: conv(hidden, 7) -> relu -> dropout(0.5)\n  fc7: conv(hidden, 1) -> relu" in made.text
    assert "  input image [3, H = 224, W = 224]\n" in made.text
    assert (
        "  logits: classifier(classes)                     -> [classes, (H - 192) // 32, (W - 192) // 32]\n"
        in made.text
    )
    assert made.text.startswith("# VGG (Simonyan and Zisserman,")
    assert made.text.count("net ") == made.text.count("\nnet VGG16") + made.text.count("`net ") == 1
    assert "train" not in made.text.replace("trained", "")


def made_of(file: str, name: str, **settings: str) -> Convolutional:
    program = load_file(SPECS / f"{file}.net", settings)
    return convolutional(program, program.net(name, trained=False), Path("slid.net"))


def test_vgg_16_keeps_its_parameters_and_costs() -> None:
    made = made_of("vgg", "VGG16")
    found = analyze(made.net).totals
    assert (found.params, found.macs) == (138_357_544, 15_470_264_320)  # those of torchvision's classifier
    fc6 = dict(made.net.weights())["logits.fc6.weight"]
    assert fc6.shape == (4096, 512, 7, 7)  # "fc6 becomes 7×7", Long et al., section 3.1
    assert made.stride == (32, 32)


@pytest.mark.parametrize(
    ("file", "name", "stride"),
    [("alexnet", "AlexNet", 32), ("zfnet", "ZFNet", 32), ("lenet", "LeNet", 4), ("resnet", "ResNet18", 32),
     ("googlenet", "GoogLeNet", 32), ("mobilenet", "MobileNetV2", 32), ("drn", "DRND22", 8), ("mlp", "MLP", 1)],
)  # fmt: skip
def test_classifiers_of_papers_become_nets_of_as_many_weights(file: str, name: str, stride: int) -> None:
    made = made_of(file, name)
    assert [w.elements for _, w in made.net.weights()] == [w.elements for _, w in made.plan.net.weights()]
    assert analyze(made.net).totals.macs == analyze(made.plan.net).totals.macs
    assert made.stride == (stride, stride)


def test_settings_that_are_given_become_defaults() -> None:
    assert "net LeNet(classes = 7) {" in made_of("lenet", "LeNet", classes="7").text


REFUSED = {
    "tokens": ("conv(4, 4, stride=4) -> tokens -> last -> linear(2)", "`tokens` is not the same at every place"),
    "norm": ("conv(4, 3) -> layernorm -> flatten -> linear(2)", "`layernorm` is not the same at every place"),
    "row": ("conv(4, 3) -> flatten -> batchnorm -> linear(2)", "`batchnorm` has numbers for every place of the map"),
    "gate": ("conv(4, 3) -> squeeze_excite(2) -> flatten -> linear(2)", "a map meets numbers of the whole patch"),
    "twice": ("flatten -> linear(4) * 2", "`linear(4) * 2` stands for several layers, whose windows are 8×8 and 1×1"),
    "flat": ("conv(4, 3) -> global_avgpool -> linear(2)\n output z: image -> flatten", "is a map in a row"),
    "along": ("conv(4, 3) -> linear(2, axis=-1)", "sums over the width of a map"),
    "none": ("conv(4, 3)", "N has no layer that sees the whole of a patch"),
    "axis": ("flatten -> linear(3) -> softmax(axis=-1)", "this `softmax` is not over the channels"),
    "places": ("image * spot -> flatten -> linear(2)\n", "has a number for each place of the patch"),
    "param": ("(image -> flatten -> linear(8)) + row", "meets numbers along the last axis"),
    "within": ("along(relu) -> flatten -> linear(2)", "`along(relu)` is not the same at every place"),
    "unread": ("conv(4, 3)\n low: image -> flatten -> linear(2)", "no output of N says anything of the whole patch"),
    "contract": ("flatten -> linear(2)\n seen: image -> conv(1, 3)\n assert seen.height == 6", "N takes no patch larger than 8×8"),
    "other": ("Other", "N takes no patch larger than 8×8"),
    "setting": ("flatten -> head(linear(3))", "`last` stands for it here"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_slide_is_told_at_its_row(rows: str, says: str) -> None:
    spot = "const spot [1, 8, 8] = ones\n" if "spot" in rows else "param row [8] = ones\n" if "row" in rows else ""
    head = "block head(last: layer) { last }\n"
    other = "net Other { input x [3, 8, 8]\n flatten -> linear(2) }\n" if "Other" in rows else ""
    program = load_text(f"{head}{other}net N {{\n input image [3, 8, 8]\n{spot} output y: {rows}\n}}")
    with pytest.raises(NetError) as caught:
        convolutional(program, program.net("N"), Path("slid.net"))
    (found,) = caught.value.diagnostics
    assert found.code == "not-convolutional"
    assert says in found.message
    assert found.span.line >= (1 if "head" in rows else 2)


def test_several_inputs_and_words_do_not_slide() -> None:
    for inputs in ("image [3, 8, 8], other [3, 8, 8]", "words int[T]"):
        name = inputs.split()[0]
        text = f"net N {{\n input {inputs}\n output y: {name} -> to(float) -> flatten -> linear(2)\n}}"
        program = load_text(text.replace("int[T]", "int[5]"))
        with pytest.raises(NetError, match="one picture"):
            convolutional(program, program.net(), Path("slid.net"))


# ---------------------------------------------------------------- the command

PATCHES = """net P {
  input image [3, 16, 16]
  conv(6, 5) -> relu -> maxpool(2)
  output scores: flatten -> linear(4)
}
train P {
  data   shape_patches(count=60, side=32, mean=0.5)
  loss   (scores, label) -> cross_entropy
  epochs 1
}
"""


def test_a_run_becomes_a_net_that_says_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.net").write_text(PATCHES)
    folder, out = str(tmp_path / "run"), tmp_path / "slid.net"
    assert command(["train", str(tmp_path / "p.net"), "--folder", folder, "--quiet", "--engine", "onnx"]) == 0
    assert command(["convolutionize", folder, "-o", str(out), "--size", "H=32,W=24"]) == 0
    said = capsys.readouterr().out
    assert "scores  linear(4) → conv(4, 6)" in said
    assert "image  H = 32, W = 24: 9×5 patches" in said
    assert command(["convolutionize", str(tmp_path / "p.net"), "--weights", folder, "-o", str(tmp_path / "b.net")]) == 0
    assert out.read_text() == (tmp_path / "b.net").read_text()
    assert (tmp_path / "slid.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (40, 50, 3), np.uint8)).save(tmp_path / "picture.png")
    weights, scores = str(tmp_path / "slid.safetensors"), []
    for engine in ("torch", "onnx"):
        own = Fitting(own=True)
        found = predict(netdsl.load(out), str(tmp_path / "picture.png"), weights=weights, engine=engine, fitting=own)
        assert found.mask is not None
        assert found.mask.shape == (40, 50)
        assert found.classes == ("background", "disc", "box", "triangle")
        scores.append(found.outputs["scores"])
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_places_of_windows_lie_on_the_picture_where_they_are(tmp_path: Path) -> None:
    """A window of 16 every 4 pixels that gives its mean, of a picture that grows lighter from left to right."""
    (tmp_path / "n.net").write_text("net N {\n input image [1, H = 16, W = 16]\n avgpool(16, stride=4)\n}\n")
    ramp = np.tile(np.arange(0, 200, 2, np.uint8), (60, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    found = predict(netdsl.load(tmp_path / "n.net"), str(tmp_path / "ramp.png"), weights={}, fitting=Fitting(own=True))
    assert found.sample.view is not None
    laid = found.sample.view.laid_back(next(iter(found.outputs.values())))
    np.testing.assert_allclose(255 * laid[0, 20:40, 10:90], ramp[20:40, 10:90] + 0.0, atol=1.5)


def test_a_part_of_the_weights_is_carried_over_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (tmp_path / "p.net").write_text(PATCHES)
    net = netdsl.load(tmp_path / "p.net")
    weights = {key: value.numpy() for key, value in netdsl.torch_module(net, seed=0).state_dict().items()}
    save_file({key: value for key, value in weights.items() if "conv" in key}, tmp_path / "part.safetensors")
    given = ["--weights", str(tmp_path / "part.safetensors"), "--partial", "-o", str(tmp_path / "slid.net")]
    assert command(["convolutionize", str(tmp_path / "p.net"), *given]) == 0
    assert "2 of 4 weights stay as initialised: `scores.weight` [4, 216]" in capsys.readouterr().err
    kept = load((tmp_path / "slid.safetensors").read_bytes())
    assert kept.keys() == {"conv1.weight", "conv1.bias"}
    assert all(np.array_equal(value, weights[key]) for key, value in kept.items())


def test_weights_of_something_else_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "p.net").write_text(PATCHES)
    (tmp_path / "mine.safetensors").write_text("mine")
    (tmp_path / "held.safetensors").mkdir()
    net = netdsl.load(tmp_path / "p.net")
    weights = {key: value.numpy() for key, value in netdsl.torch_module(net, seed=0).state_dict().items()}
    for name, says in (("mine", "is there already, of something else"), ("held", "is a folder")):
        with pytest.raises(WriteError, match=says):
            convolutionize(tmp_path / "p.net", tmp_path / f"{name}.net", weights=weights)
        assert not (tmp_path / f"{name}.net").exists()
    assert (tmp_path / "mine.safetensors").read_text() == "mine"


def test_a_text_that_would_be_wrong_is_shown_as_unwritten(tmp_path: Path) -> None:
    rows = "x: conv(4, 3)\n if x.height > 4 { maxpool(2) }\n flatten -> linear(2)"
    program = load_text(f"net N {{\n input image [3, 12, 12]\n {rows}\n}}")
    with pytest.raises(NetError) as caught:
        convolutionize(program, tmp_path / "slid.net")
    assert "nothing was written to" in caught.value.diagnostics[0].notes[-1]


def test_another_text_is_not_written_over(tmp_path: Path) -> None:
    text, out = tmp_path / "p.net", tmp_path / "slid.net"
    text.write_text(PATCHES)
    command(["convolutionize", str(text), "-o", str(out)])
    command(["convolutionize", str(text), "-o", str(out)])
    out.write_text(mine := out.read_text() + "# mine\n")
    with pytest.raises(WriteError, match="is there already, with another text"):
        command(["convolutionize", str(text), "-o", str(out)])
    assert out.read_text() == mine


def test_wrong_uses_of_the_command_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.net").write_text(PATCHES)
    text, out = str(tmp_path / "p.net"), str(tmp_path / "slid.net")
    save_file({"other": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    for arguments, says in (
        ([text, "-o", text], "is what the output is made from"),
        ([text, "-o", out, "--weights", str(tmp_path / "other.safetensors")], "the weights do not fit this net"),
        ([text, "-o", out, "--size", "K=3"], "K"),
        ([text, "-o", out, "--size", "H=8,W=8"], "8"),
        ([str(tmp_path), "-o", out], "recipe.json"),
    ):
        with pytest.raises(Exception, match=says):
            command(["convolutionize", *arguments])
        assert not (tmp_path / "slid.net").exists()
    with pytest.raises(SystemExit):
        command(["convolutionize", text, "-o", str(tmp_path / "slid")])
    assert "name a .net file" in capsys.readouterr().err
    with pytest.raises(Exception, match="has no weights: say --weights FILE"):
        command(["predict", text, "0"])
