"""PyTorch source and the module that is its execution."""

from __future__ import annotations

import ast
import inspect
import linecache
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from netdsl.codegen.python.terms import Sized, combine, name, number
from netdsl.codegen.python.text import clean, docstring
from netdsl.codegen.pytorch.dialect import CONTAINER_ATTRIBUTES, DIALECT, MODULE_ATTRIBUTES
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.signatures import DECLARED
from netdsl.codegen.pytorch.source import net_class_name, torch_source
from netdsl.codegen.pytorch.starts import BILINEAR
from netdsl.codegen.pytorch.support import SUPPORT
from netdsl.dims import at
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Net, Node, Output, result_types
from netdsl.ops.activation import Relu
from netdsl.ops.base import Elementwise
from netdsl.ops.conv import Conv
from netdsl.program import load_file, load_text
from netdsl.text.diagnostics import NetError
from netdsl.text.source import Source, Span

torch.set_num_threads(1)

SPECS = Path(__file__).parents[2] / "specs"
NETS = [
    ("alexnet", "AlexNet"), ("alexnet", "AlexNetGrouped"), ("lenet", "LeNet"), ("char_rnn", "CharRNN"),
    ("char_rnn", "CharLSTM"), ("resnet", "ResNet18"), ("resnet", "ResNet50"), ("unet", "UNet"), ("unet", "UNetSameBN"),
    ("vgg", "VGG16BN"), ("perceptron", "Perceptron"), ("char_rnn", "CharRNNFused"),
]  # fmt: skip

MIXED = """
# A bit of everything "quoted" and a back\\slash, \"\"\" too.
block mixer(c, act: layer = relu) {
  input x
  left: x -> conv(c, 3, pad=1) -> act -> conv(c, 1)
  right: x -> conv(c, 1)
  left + right -> act
}

block excite(r = 4) {
  input x
  let mid = x.channels // r
  gate: x -> global_avgpool -> linear(mid) -> relu -> linear(x.channels) -> sigmoid -> reshape((x.channels, 1, 1))
  x * gate
}

net Mixed(classes = 5, rate = 0.25) {
  input image [3, H = 16, W = 16], other [3, H, W]
  set conv(init=he_normal)
  shared tower: conv(8, 3, pad=1, init=normal(0.02)) -> batchnorm -> relu
  param scale [8, 1, 1] = normal(0.5)
  left: image -> tower
  right: other -> tower
  half: (left * scale, right) -> concat -> conv(8, 1)
  m1: mixer(8)
  m2: mixer(16, act=gelu)
  m3: mixer(8)
  s1: excite
  s2: m2 -> excite(r=2)
  y: s1 -> conv(16, 1)
  total: y + 0.5 * s2
  for k in [1, 2] { all: total -> conv(8 * k, 3, pad=1) -> batchnorm -> relu -> dropout(rate) }
  (pooled, places): all -> maxpool(2, indices=true)
  back: (pooled, places) -> max_unpool(2)
  both: (back, all) -> concat -> global_avgpool
  output class: both -> linear(classes)
  output aux side: all -> global_avgpool -> linear(classes) -> relu
}
"""

RECURRENT = """
recurrent clock(hidden) {
  input x, h0
  state h [hidden] = h0
  state c [hidden] = 0.5
  gates: (x, h) -> concat -> linear(2 * hidden)
  (f, g): gates -> split(2)
  next c: (f -> sigmoid) * c + (g -> tanh)
  next h: c -> tanh
  output h
  output c
}

recurrent conv_rnn(c) {
  input x
  state h [c, x.height, x.width] = 0
  next h: (x -> conv(c, 3, pad=1)) + (h -> conv(c, 3, pad=1, bias=false)) -> tanh
  output h
}

net Clock(hidden = 6) {
  input seq [T, 4], start [hidden]
  (a, b): (seq, start) -> clock(hidden)
  output final: a -> last -> linear(3)
  output steps: b
}

net Video {
  input video [T, 3, H = 8, W = 8]
  conv_rnn(4) -> conv_rnn(5)
}
"""


LIBRARY = """
use std.inception { inception }
use std.pyramid { pyramid, aspp }
use std.resnet { basic, bottleneck, preactivation }

block dense_layer(k) {
  input x
  new: x -> batchnorm -> relu -> conv(4 * k, 1, bias=false) -> batchnorm -> relu -> conv(k, 3, pad=1, bias=false)
  (x, new) -> concat
}

net Library(classes = 10, k = 4) {
  input image [3, H = 64, W = 64]
  stem: conv_bn_relu(16, stride=2)
  a: dense_layer(k) * 3
  p: conv(24, 1) -> preactivation(24) -> preactivation(24) -> preactivation(32, stride=2)
  i: inception(8, 4, 8, 4, 8, 8) -> inception(8, 4, 16, 4, 8, 8)
  se: squeeze_excite -> squeeze_excite(reduction=4)
  y: basic(32) -> basic(48, stride=2)
  z: bottleneck(16) -> bottleneck(16, dilation=2)
  s: separable_conv(24, 3) -> separable_conv(32, 3, stride=2)
  context: aspp(16, rates=[2, 3])
  pp: pyramid(bins=[1, 2])
  output logits: global_avgpool -> linear(classes)
  output map: pp -> conv(classes, 1) -> resize((H, W), mode=bilinear)
}
"""


BORROWED = """
use std.mobilenet { inverted_residual }
use std.pyramid { aspp, pyramid }
use std.transformer { encoder_layer }

block cell(c, norm: layer = identity) { conv(c, 3, pad=1) -> norm -> relu }

net Mobile {
  input image [3, 32, 32]
  conv(8, 3, pad=1) -> inverted_residual(8) -> inverted_residual(8, expand=1) -> inverted_residual(16, stride=2)
}

net Encoders {
  input x [T, 16]
  encoder_layer(4, 32) -> encoder_layer(4, 32, causal=true) -> encoder_layer(4, 32, causal=true, first=true)
}

net Context {
  input image [8, H = 24, W = 24]
  pyramid -> pyramid(bins=[1, 2]) -> pyramid(bins=[1, 3]) -> aspp(8, rates=[2, 4])
}

net Cells {
  input image [3, 32, 32]
  a: cell(8) -> cell(8, norm=batchnorm)
  same: identity
  b: same -> conv(8, 1) -> identity
  c: b -> identity
  (b, c) -> concat
}
"""
CONTRIVED = (
    ("Mixed", MIXED), ("Clock", RECURRENT), ("Video", RECURRENT), ("Library", LIBRARY),
    *((title, BORROWED) for title in ("Mobile", "Encoders", "Context", "Cells")),
)  # fmt: skip


def sizes_of(net: Net) -> dict[str, int]:
    return {**dict.fromkeys(net.symbols, 32), **net.defaults}


def samples(net: Net, batch: int = 2, device: str = "cpu", **sizes: int) -> list[torch.Tensor]:
    """Inputs of a net: zeros or ones of its types."""
    known = {**sizes_of(net), **sizes}
    made = []
    for value in net.inputs:
        shape = [batch, *(at(e, known) for e in value.shape)]
        whole = value.type.dtype == "int"
        made.append(torch.ones(shape, dtype=torch.long if whole else torch.float, device=device))
    return made


def shapes_of(net: Net, result: Any) -> dict[str, tuple[int, ...]]:
    names = [o.name for o in net.outputs if not o.aux]
    table = result if isinstance(result, dict) else {names[0]: result}
    return {k: tuple(v.shape[1:]) for k, v in table.items()}


def run_alone(source: str) -> dict[str, Any]:
    """The source executed where nothing of netdsl is in reach by name."""
    namespace: dict[str, Any] = {"__name__": "alone"}
    exec(compile(source, "alone.py", "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sources of real and of contrived nets."""
    folder = tmp_path_factory.mktemp("emitted")
    for spec, title in NETS:
        (folder / f"{title}.py").write_text(torch_source(load_file(SPECS / f"{spec}.net").net(title)))
    for title, text in CONTRIVED:
        (folder / f"{title}.py").write_text(torch_source(load_text(text).net(title)))
    return folder


# ---------------------------------------------------------------- the text


@pytest.mark.parametrize("width", [88, 120])
def test_sources_are_clean_and_formatted(emitted: Path, width: int) -> None:
    base = [sys.executable, "-m", "ruff"]
    line = ["--isolated", "--no-cache", "--line-length", str(width)]
    own = [str(p) for p in emitted.glob("*.py")]
    check = subprocess.run([*base, "check", *line, "--select", "E,F,W,I,UP,B", *own], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout
    layout = subprocess.run([*base, "format", *line, "--diff", *own], capture_output=True, text=True)
    assert layout.returncode == 0, layout.stdout


def test_snippets_are_clean_and_formatted(tmp_path: Path) -> None:
    head = "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn"
    path = tmp_path / "support.py"
    path.write_text("\n\n\n".join([head, *SUPPORT.values(), BILINEAR]) + "\n")
    base = [sys.executable, "-m", "ruff"]
    check = [*base, "check", "--isolated", "--no-cache", "--select", "E,F,W,I,UP,B,C4,SIM,RET,PIE", str(path)]
    layout = [*base, "format", "--isolated", "--no-cache", "--diff", str(path)]
    for command in (check, layout):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_sources_import_alone(emitted: Path) -> None:
    code = (
        "import sys, importlib\n"
        f"sys.path[:] = [p for p in sys.path if p] + [{str(emitted)!r}]\n"
        "sys.modules['netdsl'] = None\n"
        f"for n in {sorted(p.stem for p in emitted.glob('*.py'))!r}:\n"
        "    module = importlib.import_module(n)\n"
        "    with __import__('torch').device('meta'):\n"
        "        getattr(module, n)()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=emitted)
    assert done.returncode == 0, done.stderr


def test_resnet_is_one_block_class_with_the_authors_condition(emitted: Path) -> None:
    source = (emitted / "ResNet50.py").read_text()
    classes = [n.name for n in ast.parse(source).body if isinstance(n, ast.ClassDef)]
    assert "Bottleneck" in classes
    assert not any(c.startswith("Bottleneck") and c != "Bottleneck" for c in classes)
    assert "def __init__(self, in_channels: int, c: int, stride: int = 1) -> None:" in source
    assert "if stride != 1 or in_channels != 4 * c:" in source
    assert "self.skip = nn.Identity()" in source
    assert "conv3=nn.Conv2d(c, 4 * c, 1, bias=False)," in source
    assert "return F.relu(main + skip)" in source


def test_unet_keeps_the_authors_names(emitted: Path) -> None:
    source = (emitted / "UNetSameBN.py").read_text()
    assert "def __init__(self, channels: int = 3, classes: int = 2, width: int = 64) -> None:" in source
    assert "self.d2 = DoubleConvSame(width, 2 * width)" in source
    assert "d2 = self.d2(F.max_pool2d(d1, 2))  # [2 * width, H // 2, W // 2]" in source
    assert "DoubleConvSame(skip_channels + c, c)" in source
    assert "512" not in source.split("class ")[-1]


def test_an_argument_is_what_the_author_wrote_or_has_a_name_of_its_own(emitted: Path) -> None:
    """`padding=groups // channels` would be right for these uses, and mean nothing."""
    source = (emitted / "Mobile.py").read_text()
    assert "padding=pad,\n" in source
    assert "        pad: int,\n" in source
    assert "self.wide = ConvBnRelu(in_channels, in_channels * expand, pad=0, kernel=1)" in source
    assert "x [in_channels, 32, 32] -> [channels, 32 // stride, 32 // stride]" in source


def test_numbers_that_differ_by_chance_become_arguments() -> None:
    text = (
        "block b(c, k = 1) {\n input x\n one: if k > 1 { x -> conv(c, 2 * k + 1, pad=k) } else { x -> conv(c, 9, pad=4) }\n"
        " if k > 1 { one -> conv(6, 1) } else { one -> conv(12, 1) }\n}\n"
        "net N {\n input image [3, 8, 8]\n b(3, k=2) -> b(6)\n}"
    )
    source = torch_source(load_text(text).net())
    assert "2 * c" not in source  # 6 and 12, where c is 3 and 6
    assert "nn.Conv2d(c, conv1_channels, 1)" in source


def test_every_comment_tells_the_shape(emitted: Path) -> None:
    """Sizes of inputs that differ have letters of their own."""
    same = (emitted / "UNetSameBN.py").read_text()
    assert "x [x_channels, H, W], skip [skip_channels, skip_H, skip_W]" in same
    assert "torch.cat([skip, grown], dim=1)  # [skip_channels + c, skip_H, skip_W]" in same
    cropped = (emitted / "UNet.py").read_text()
    assert "return self.double_conv1(x)  # [c, 2 * H - 4, 2 * W - 4]" in cropped


def test_sequences_have_shapes_and_settings_name_their_classes(emitted: Path) -> None:
    source = (emitted / "Encoders.py").read_text()
    assert "x [T, in_features] -> [T, in_features]" in source
    assert "seen = self.seen(x)  # [T, in_features]" in source
    classes = [n.name for n in ast.parse(source).body if isinstance(n, ast.ClassDef)]
    assert classes == ["EncoderLayer", "EncoderLayerCausal", "EncoderLayerCausalFirst", "Encoders"]


def test_branches_of_a_bundle_are_called_alike(emitted: Path) -> None:
    source = (emitted / "Context.py").read_text()
    assert "parts_relu4 = F.relu" in source
    assert '"conv1": nn.Conv2d(in_channels, in_channels // 4, 1, bias=False),' in source
    assert "        parts = " not in source
    assert "y = F.adaptive_avg_pool2d(x, self.parts_adaptive_avgpool2_size)" in source


def test_identity_leaves_no_line(emitted: Path) -> None:
    source = (emitted / "Cells.py").read_text()
    assert "return F.relu(self.conv1(x))" in source
    assert "Identity" not in source.replace("class CellIdentity", "").replace("=CellIdentity", "")
    assert "x = x" not in source


def test_comments_cannot_end_the_docstring() -> None:
    hostile = 'ends """ here\nimport os \\" \u202e \x00 "'
    source = "\n".join(docstring([clean(hostile)]))
    (only,) = ast.parse(source).body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert "\u202e" not in source
    assert "\x00" not in source


def test_names_of_layers_that_python_has_a_use_for(emitted: Path) -> None:
    source = (emitted / "Mixed.py").read_text()
    assert 'self._modules["half"] = nn.Conv2d(16, 8, 1)' in source
    assert 'self._modules["class"]' in source
    assert "pooled, places = F.max_pool2d" in source
    assert "class MixerRelu(nn.Module):" in source
    assert "class MixerGelu(nn.Module):" in source
    assert "linear1=nn.Linear(in_channels, in_channels // r)," in source


# ---------------------------------------------------------------- the module


@pytest.mark.parametrize(("spec", "title"), NETS)
def test_keys_and_shapes_are_those_of_the_graph(spec: str, title: str) -> None:
    net = load_file(SPECS / f"{spec}.net").net(title)
    with torch.device("meta"):
        module: Any = torch_module(net).eval()
    assert {k: tuple(v.shape) for k, v in module.state_dict().items()} == {k: w.shape for k, w in net.weights()}
    result = module(*samples(net, device="meta"))
    expected = {o.name: tuple(at(e, sizes_of(net)) for e in o.value.shape) for o in net.outputs if not o.aux}
    assert shapes_of(net, result) == expected


def test_order_of_the_state_dict_is_that_of_the_graph() -> None:
    net = load_file(SPECS / "resnet.net").net("ResNet18")
    with torch.device("meta"):
        module: Any = torch_module(net)
    assert list(module.state_dict()) == [k for k, _ in net.weights()]


def test_settings_are_arguments_that_work() -> None:
    net = load_file(SPECS / "unet.net").net("UNetSame")
    made = run_alone(torch_source(net))[net_class_name(net)](classes=3, width=4).eval()
    assert made(torch.zeros(1, 1, 32, 16)).shape == (1, 3, 32, 16)


def test_settings_baked_into_a_layer_are_no_arguments() -> None:
    text = (
        "net N(width = 4, classes = 3) {\n input image [3, 8, 8]\n"
        " for k in [1, 2] { conv(width * k, 1) }\n a: conv(width, 1) -> flatten -> linear(classes)\n}"
    )
    source = torch_source(load_text(text).net())
    assert "def __init__(self, classes: int = 3) -> None:" in source
    assert "conv1=nn.Conv2d(8, 4, 1)," in source


def test_settings_that_shape_the_net_are_no_arguments() -> None:
    text = "net N(depth = 3) {\n input x [depth]\n for i in range(depth) { linear(depth + 0 * i) -> relu }\n}"
    source = torch_source(load_text(text).net())
    assert "    Fixed in this text: depth = 3.\n" in source
    assert source.count("depth") == 1
    assert "nn.Linear(3, 3)" in source


def test_mixed_net_runs_in_both_modes() -> None:
    net = load_text(MIXED).net("Mixed")
    module: Any = torch_module(net, seed=1)
    assert {k: tuple(v.shape) for k, v in module.state_dict().items()} == {k: w.shape for k, w in net.weights()}
    inputs = samples(net, H=8, W=12)
    trained = module(*inputs)
    assert set(trained) == {"class", "side"}
    assert trained["side"].shape == (2, 5)
    assert module.eval()(*inputs).shape == (2, 5)
    loss = sum(v.sum() for v in trained.values())
    loss.backward()
    # The first turn of the loop is not read by anything: its weights are there, and nothing runs them.
    unread = {k for k, p in module.named_parameters() if p.grad is None}
    assert all(k.startswith("all1.") for k in unread)


def test_shared_layers_have_one_set_of_weights() -> None:
    net = load_text(MIXED).net("Mixed")
    module: Any = torch_module(net, seed=1).eval()
    calls: list[int] = []
    module.tower.register_forward_hook(lambda *_: calls.append(1))
    module(*samples(net))
    assert len(calls) == 2


def test_initialisers_of_the_author_hold() -> None:
    module: Any = torch_module(load_text(MIXED).net("Mixed"), seed=1)
    tower = dict(module.named_parameters())["tower.conv1.weight"]
    assert 0.01 < tower.std() < 0.03
    assert 0.2 < module.scale.std() < 1.0
    assert not dict(module.named_parameters())["half.bias"].any()
    fan_in = 16
    half = dict(module.named_parameters())["half.weight"]
    assert abs(half.std() - (2 / fan_in) ** 0.5) < 0.1


def test_seed_fixes_the_start_and_leaves_torch_alone() -> None:
    net = load_file(SPECS / "lenet.net").net("LeNet")
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first, second = torch_module(net, seed=3), torch_module(net, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    other = torch_module(net, seed=4)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_state_dict_round_trip(tmp_path: Path) -> None:
    net = load_file(SPECS / "lenet.net").net("LeNet")
    first, second = torch_module(net, seed=3).eval(), torch_module(net, seed=4).eval()
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    second.load_state_dict(torch.load(tmp_path / "weights.pt"))
    x = samples(net)[0]
    assert torch.equal(first(x), second(x))


def test_tracebacks_show_the_emitted_source() -> None:
    module: Any = torch_module(load_file(SPECS / "lenet.net").net("LeNet"))
    filename = type(module).forward.__code__.co_filename
    line = linecache.getline(filename, type(module).forward.__code__.co_firstlineno)
    assert line.strip().startswith("def forward(")


def test_library_blocks_at_several_settings() -> None:
    net = load_text(LIBRARY).net("Library")
    with torch.device("meta"):
        module: Any = torch_module(net).eval()
    assert {k: tuple(v.shape) for k, v in module.state_dict().items()} == {k: w.shape for k, w in net.weights()}
    result = module(*samples(net, device="meta", H=96, W=64))
    assert shapes_of(net, result) == {"logits": (10,), "map": (10, 96, 64)}
    source = torch_source(net)
    assert "dense_layer3=DenseLayer(16 + 2 * k, k)," in source
    assert "class PreactivationStride2(nn.Module):" in source
    assert source.count("class Bottleneck") == 1
    assert "conv2=nn.Conv2d(in_channels // reduction, in_channels, 1)," in source


def test_a_passing_value_never_takes_the_name_of_one_still_read() -> None:
    text = (
        "block b {\n input x\n one: x -> conv(2, 1)\n two: x -> conv(2, 1)\n"
        " small: one -> maxpool(2)\n (x, two, small -> unpool(2)) -> concat\n}\n"
        "net N {\n input image [3, 4, 4]\n b\n}"
    )
    net = load_text(text).net()
    module: Any = torch_module(net, seed=0).eval()
    x = torch.randn(1, 3, 4, 4)
    inner = module.b1
    small = nn.functional.interpolate(nn.functional.max_pool2d(inner.one(x), 2), scale_factor=2)
    torch.testing.assert_close(module(x), torch.cat([x, inner.two(x), small], 1))


def test_arithmetic_reads_as_a_person_writes_it() -> None:
    text = "net N {\n input x [3], n int[3]\n output a: x ** 2\n output b: -1 * x\n output c: x * (-1)\n"
    text += " output d: (x * (-1)) ** 2\n output e: -(x * (-1))\n output f: (x - x * (-1)) ** 3\n output g: n * (-1)\n}"
    net = load_text(text).net()
    source = torch_source(net)
    assert "x**2 " in source
    assert source.count("= -x ") == 2
    assert "--" not in source
    x, n = torch.randn(2, 3), torch.tensor([[1, 2, 3], [4, 5, 6]])
    expected = [x**2, -x, -x, x**2, x, (2 * x) ** 3, -n.float()]
    for found, value in zip(torch_module(net)(x, n).values(), expected, strict=True):
        torch.testing.assert_close(found.float(), value)


# ---------------------------------------------------------------- recurrence


def test_recurrent_block_is_its_equations() -> None:
    net = load_text(RECURRENT).net("Clock")
    module: Any = torch_module(net, seed=0).eval()
    weight, bias = module.state_dict()["clock1.gates.weight"], module.state_dict()["clock1.gates.bias"]
    for steps in (1, 5):
        x, h = torch.randn(2, steps, 4), torch.randn(2, 6)
        result = module(x, h)
        c = torch.full((2, 6), 0.5)
        kept = []
        for t in range(steps):
            f, g = (torch.cat([x[:, t], h], 1) @ weight.T + bias).chunk(2, 1)
            c = f.sigmoid() * c + g.tanh()
            h = c.tanh()
            kept.append(c)
        torch.testing.assert_close(result["steps"], torch.stack(kept, 1))
        torch.testing.assert_close(result["final"], module.final(h))


def test_state_as_large_as_the_image() -> None:
    module: Any = torch_module(load_text(RECURRENT).net("Video"), seed=0).eval()
    assert module(torch.randn(2, 3, 3, 6, 10)).shape == (2, 3, 5, 6, 10)


def test_char_rnn_equals_the_fused_layer() -> None:
    program = load_file(SPECS / "char_rnn.net")
    module: Any = torch_module(program.net("CharRNN"), seed=0).eval()
    weights = module.state_dict()
    fused = nn.RNN(64, 256, batch_first=True)
    fused.load_state_dict({
        "weight_ih_l0": weights["cell.h.linear1.weight"], "weight_hh_l0": weights["cell.h.linear2.weight"],
        "bias_ih_l0": torch.zeros(256), "bias_hh_l0": weights["cell.h.linear2.bias"],
    })  # fmt: skip
    tokens = torch.randint(0, 96, (2, 7))
    torch.testing.assert_close(module(tokens), module.logits(fused(module.embed(tokens))[0]))


# ---------------------------------------------------------------- compilers


def small_unet() -> nn.Module:
    text = (SPECS / "unet.net").read_text().replace("width = 64", "width = 2")
    return torch_module(load_text(text).net("UNetSame"), seed=0).eval()


def test_export_with_any_batch_and_size() -> None:
    module = small_unet()
    batch, h, w = (torch.export.Dim(n, min=2, max=64) for n in ("b", "h", "w"))
    shapes = ({0: batch, 2: 16 * h, 3: 16 * w},)
    program = torch.export.export(module, (torch.randn(2, 1, 32, 48),), dynamic_shapes=shapes)
    x = torch.randn(3, 1, 64, 32)
    torch.testing.assert_close(program.module()(x), module(x))


def test_export_of_a_recurrent_block_fixes_the_steps_and_leaves_the_batch_open() -> None:
    """`torch.export` unrolls the loop of a cell: it says so where the steps shall stay open."""
    module: Any = torch_module(load_text(RECURRENT).net("Clock"), seed=0).eval()
    batch, steps = (torch.export.Dim(n, min=2, max=64) for n in ("b", "t"))
    example = (torch.randn(2, 5, 4), torch.randn(2, 6))
    program = torch.export.export(module, example, dynamic_shapes=({0: batch}, {0: batch}))
    x, h = torch.randn(3, 5, 4), torch.randn(3, 6)
    torch.testing.assert_close(program.module()(x, h), module(x, h))
    with pytest.raises(Exception, match="specialized it to be a constant"):
        torch.export.export(module, example, dynamic_shapes=({0: batch, 1: steps}, {0: batch}))


def test_compile_sees_one_graph() -> None:
    module: Any = torch_module(load_file(SPECS / "lenet.net").net("LeNet"), seed=0).eval()
    compiled: Any = torch.compile(module, backend="aot_eager", fullgraph=True)
    x = torch.randn(2, 1, *module_input_size())
    torch.testing.assert_close(compiled(x), module(x))


def module_input_size() -> tuple[int, ...]:
    value = load_file(SPECS / "lenet.net").net("LeNet").inputs[0]
    return tuple(at(e, {}) for e in value.shape[1:])


# ---------------------------------------------------------------- graphs made by hand

HERE = Span(Source("test", "net by hand"), 0, 3)


def apply(net: Net, title: str, op: Any) -> Value:
    results = tuple(Value(title, t) for t in result_types(op))
    net.nodes.append(Node(title, op, tuple(op.operands()), results, HERE))
    return results[0]


def hand_made() -> tuple[Net, Value]:
    net = Net("hand", span=HERE)
    image = Value("image", TensorType((3, 8, 8)))
    net.inputs.append(image)
    return net, apply(net, "relu1", Relu(apply(net, "conv1", Conv(image, channels=4, kernel=3))))


def test_graph_without_a_text() -> None:
    net, value = hand_made()
    net.outputs.append(Output("out", value, False, HERE))
    source = torch_source(net)
    assert "return F.relu(self.conv1(image))  # [4, 6, 6]" in source
    assert torch_module(net)(torch.zeros(1, 3, 8, 8)).shape == (1, 4, 6, 6)


def test_operation_without_a_rule_is_named_at_its_place() -> None:
    class Unspelt(Elementwise, abstract=True):
        x: Value

    net, value = hand_made()
    first = apply(net, "a", Unspelt(value))
    net.outputs.append(Output("out", apply(net, "b", Unspelt(first)), False, HERE))
    with pytest.raises(NetError) as caught:
        torch_source(net)
    found = caught.value.diagnostics
    assert {d.code for d in found} == {"not-supported-by-target"}
    assert found[0].span is HERE
    assert "unspelt" in found[0].message


# ---------------------------------------------------------------- tables and terms


@pytest.mark.parametrize("function", sorted(DECLARED))
def test_signatures_are_pytorchs(function: str) -> None:
    declared = DIALECT.signature(function)
    assert declared is not None
    real = getattr(nn, function.removeprefix("nn."))
    if function in ("nn.RNN", "nn.LSTM", "nn.GRU"):
        parameters = real(1, 1)
        assert all(getattr(parameters, n) == d for n, d in declared.defaults.items())
        return
    signature = inspect.signature(real.__init__)
    assert list(declared.names) == list(signature.parameters)[1 : len(declared.names) + 1]
    for title, default in declared.defaults.items():
        assert signature.parameters[title].default == default, title


def test_attributes_of_modules_are_known() -> None:
    taken = {a for t in (nn.Module, nn.Sequential, nn.ModuleDict) for a in dir(t()) if not a.startswith("_")}
    assert taken <= MODULE_ATTRIBUTES | CONTAINER_ATTRIBUTES
    assert not {"keys", "values"} & MODULE_ATTRIBUTES


def test_numbers_remember_what_they_are_made_of() -> None:
    c = Sized(8, name("c"))
    assert str((4 * c).term.text()) == "4 * c"
    assert (c + c).term.text() == "2 * c"
    assert ((c + c) // 2).term == name("c")
    assert ((c + 1) * 2).term.text() == "(c + 1) * 2"
    assert int((c + 1) * 2) == 18
    assert (3 - c).term.text() == "3 - c"
    assert (c % 3).term.holds(2, {"c": 8})
    assert combine("-", name("a"), combine("-", name("b"), number(1))).text() == "a - (b - 1)"
