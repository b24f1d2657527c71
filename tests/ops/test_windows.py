"""Every operation over positions at small sizes: what `check` accepts runs on PyTorch, in training too, and on
onnxruntime, and has the stated shape and the same numbers.

Sizes are symbols, so that one network is asked at every size that it is said to take.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.ops import REGISTRY
from netdsl.program import load_text
from netdsl.text.diagnostics import NetError

SYMBOLS = ("D", "H", "W")
SIZES = range(1, 7)
"""Of each axis; beyond them nothing new happens to windows of up to 4."""

SETTINGS: dict[str, dict[str, tuple[Any, ...]]] = {
    "conv": {
        "channels": (4,), "kernel": (1, 2, 3, 4), "stride": (1, 2, 3), "pad": (0, 1, 2, "same", "((0, 1),)"),
        "dilation": (1, 2), "groups": (1, 2),
    },
    "conv_transpose": {
        "channels": (4,), "kernel": (1, 2, 3, 4), "stride": (1, 2, 3), "pad": (0, 1, 2, "same"),
        "output_padding": (0, 1, 2), "dilation": (1, 2), "groups": (1, 2),
    },
    "maxpool": {
        "kernel": (1, 2, 3, 4), "stride": (1, 2, 3), "pad": (0, 1, 2, "same", "((0, 1),)"), "dilation": (1, 2),
        "ceil": ("false", "true"),
    },
    "avgpool": {
        "kernel": (1, 2, 3, 4), "stride": (1, 2, 3), "pad": (0, 1, 2, "same", "((0, 1),)"), "ceil": ("false", "true"),
        "count_padding": ("true", "false"),
    },
    "adaptive_avgpool": {"size": (1, 2, 3, 4)},
    "adaptive_maxpool": {"size": (1, 2, 3, 4)},
    "global_avgpool": {"keep": ("false", "true")},
    "global_maxpool": {"keep": ("false", "true")},
    "unpool": {"factor": (1, 2, 3), "mode": ("nearest", "bed_of_nails")},
    "resize": {"scale": (1, 2, 3), "mode": ("nearest", "bilinear"), "align_corners": ("false", "true")},
    "lrn": {"size": (1, 2, 3, 5)},
    "batchnorm": {"affine": ("true", "false")},
    "instancenorm": {"affine": ("true", "false")},
    "groupnorm": {"groups": (1, 2, 4), "affine": ("true", "false")},
    "pad": {"amount": (0, 1, 2, 3), "mode": ("constant", "reflect", "replicate")},
    "crop": {"margin": (0, 1, 2)},
    "spatial_dropout": {"rate": (0.5,)},
    "pixel_shuffle": {"factor": (1, 2)},
    "pixel_unshuffle": {"factor": (1, 2)},
}  # fmt: skip
ALONE = {
    "locally_connected": "fixed sizes", "max_unpool": "what a pooling gives", "scatter_add": "places beside the map",
    "attention": "queries, keys and values",
}  # fmt: skip
"""Those that want more than an open map have cases of their own below."""


def test_every_operation_over_positions_is_here() -> None:
    sliding = {"kernel", "size", "factor", "scale", "stride"}
    found = {n for n, o in REGISTRY.items() if n == o.name and sliding & {f.name for f in o.settings()}}
    assert found <= SETTINGS.keys() | ALONE.keys()


def text_of(op: str, settings: dict[str, Any], shape: str) -> str:
    given = ", ".join(f"{k}={v}" for k, v in settings.items())
    return f"net A {{\n  input x [4, {shape}]\n  output y: x -> {op}({given})\n}}\n"


def drawn(op: str, rank: int, most: int) -> Iterator[dict[str, Any]]:
    """All settings of an operation, or so many of them drawn."""
    names = SETTINGS[op]
    every = [dict(zip(names, values, strict=True)) for values in itertools.product(*names.values())]
    for settings in random.Random(f"{op} {rank}").sample(every, min(most, len(every))):
        pad = settings.get("pad")
        yield settings | ({"pad": f"({', '.join(['(0, 1)'] * rank)},)"} if pad == "((0, 1),)" else {})


def net_of(text: str) -> Net | None:
    """None where `check` refuses the text."""
    try:
        return load_text(text).net()
    except NetError:
        return None


def sizes_of(net: Net, rank: int) -> Iterator[dict[str, int]]:
    """Those that the net is said to take: every size along one axis beside small ones along the others."""
    for long, short in itertools.product(SIZES, (1, 2, 4)):
        for place in range(rank):
            sizes = {s: long if i == place else short for i, s in enumerate(SYMBOLS[:rank])}
            if all(d.condition.at(sizes) for d in net.domain.demands):
                yield sizes


def unlike(ours: Any, wanted: Any) -> bool:
    return ours.shape != wanted.shape or not np.allclose(ours, wanted, rtol=1e-4, atol=1e-5)


def complaints(net: Net, rank: int, batch: int) -> Iterator[str]:
    """What goes wrong at sizes that the net is said to take."""
    module = torch_module(net, 0)
    weights = {k: v.numpy().copy() for k, v in module.state_dict().items()}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx_model(net, weights=weights).SerializeToString(), options, ["CPUExecutionProvider"]
    )
    rng = np.random.default_rng(0)
    lone = any(node.kind == "batchnorm" for _, node in net.walk())
    seen: set[Any] = set()
    for sizes in sizes_of(net, rank):
        shape = (batch, *net.inputs[0].type.at(sizes).shape)
        if shape in seen:
            continue
        seen.add(shape)
        x = rng.normal(size=shape).astype(np.float32)
        stated = (batch, *net.outputs[0].value.type.at(sizes).shape)
        try:
            with torch.no_grad():
                wanted = module.eval()(torch.from_numpy(x)).numpy()
                if not lone or batch * int(np.prod(shape[2:])) > 1:
                    assert tuple(module.train()(torch.from_numpy(x)).shape) == stated
                    module.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        except Exception as error:  # torch raises what it likes
            yield f"{sizes} PyTorch: {str(error).splitlines()[0]}"
            continue
        if wanted.shape != stated:
            yield f"{sizes} PyTorch gives {wanted.shape}, stated is {stated}"
        try:
            ours = session.run(None, {"x": x})[0]
        except Exception as error:
            yield f"{sizes} onnxruntime: {str(error).splitlines()[0]}"
            continue
        if unlike(ours, wanted):
            yield f"{sizes} onnxruntime differs"


def check_many(op: str, rank: int, most: int) -> None:
    accepted, found = 0, []
    for number, settings in enumerate(drawn(op, rank, most)):
        text = text_of(op, settings, ", ".join(SYMBOLS[:rank]))
        net = net_of(text)
        if net is not None:
            accepted += 1
            found += [f"{settings} {c}" for c in complaints(net, rank, 1 + number % 2)]
    assert accepted
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("op", SETTINGS)
def test_what_is_accepted_runs(op: str, rank: int) -> None:
    if op.startswith("pixel") and rank != 2:
        pytest.skip("images alone")
    check_many(op, rank, 6)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("op", SETTINGS)
def test_what_is_accepted_runs_with_every_setting(op: str, rank: int) -> None:
    if op.startswith("pixel") and rank != 2:
        pytest.skip("images alone")
    check_many(op, rank, 150)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_filter_for_every_place_runs(rank: int) -> None:
    """Sizes are fixed here, so each is a network of its own."""
    found = []
    for size, kernel, stride, pad in itertools.product((1, 2, 5), (1, 2, 3), (1, 2), (0, 1, "same")):
        shape = ", ".join(["3", str(size), "2"][:rank])
        settings = {"channels": 4, "kernel": kernel, "stride": stride, "pad": pad}
        net = net_of(text_of("locally_connected", settings, shape))
        found += [f"{shape} {settings} {c}" for c in complaints(net, rank, 2)] if net is not None else []
    assert not found, "\n".join(found[:20])


UNPOOLED = """
net A {{
  input x [4, {shape}]
  (kept, places): x -> maxpool({kernel}, stride={stride}, pad={pad}, indices=true)
  output y: ({bundle}) -> max_unpool({kernel}, stride={stride}, pad={pad})
}}
"""


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("bundle", ["kept, places", "kept, places, x"])
def test_what_was_pooled_is_put_back_at_its_place(bundle: str, rank: int) -> None:
    """Without the pooled tensor only at sizes that pooling does not forget; PyTorch is right or refuses, never neither."""
    found, symbols = [], ", ".join(SYMBOLS[:rank])
    accepted = set()
    for kernel, stride, pad in itertools.product((1, 2, 3), (1, 2, 3), (0, 1)):
        text = UNPOOLED.format(shape=symbols, kernel=kernel, stride=stride, pad=pad, bundle=bundle)
        net = net_of(text) if pad <= kernel // 2 else None
        if net is None:
            continue
        accepted.add((kernel, stride))
        found += [f"{(kernel, stride, pad)} {c}" for c in complaints(net, rank, 2)]
        for sizes in sizes_of(net, rank):
            assert net.outputs[0].value.type.at(sizes).spatial == tuple(sizes.values())
    assert {(2, 2), (3, 3)} <= accepted
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_what_is_added_up_at_places_runs(size: int, rank: int) -> None:
    """Along every axis, at places that the map itself says: of its channels, of a row, of all positions."""
    symbols, found = ", ".join(SYMBOLS[:rank]), []
    for axis, axes in itertools.product(range(rank + 1), (1, 2)):
        if axis + axes > rank + 1:
            continue
        chosen = "".join(f" -> slice({i}, end=1)" for i in range(rank + 1) if not axis <= i < axis + axes)
        flat = f" -> reshape([{', '.join(['4', *SYMBOLS[:rank]][axis : axis + axes])}])"
        text = (
            f"net A {{\n  input x [4, {symbols}]\n  at: x * 3 -> abs -> to(int){chosen}{flat}\n"
            f"  output y: (x, at % {size}) -> scatter_add({size}, axis={axis})\n}}\n"
        )
        net = load_text(text).net()
        found += [f"{(axis, axes)} {c}" for c in complaints(net, rank, 2)]
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize("causal", ["false", "true"])
@pytest.mark.parametrize("scale", ["", ", scale=0.5", ", scale=-2", ", scale=0"])
def test_attention_over_positions_runs(scale: str, causal: str) -> None:
    """Queries are the positions along one axis, keys and values those along the other."""
    text = (
        "net A {\n  input x [4, D, H]\n  queries: x -> mean(axis=2) -> transpose\n  keys: x -> mean(axis=1) -> transpose\n"
        f"  output y: (queries, keys, keys) -> attention(causal={causal}{scale})\n}}\n"
    )
    assert not [*complaints(load_text(text).net(), 2, 2)]


@pytest.mark.parametrize("corners", ["false", "true"])
@pytest.mark.parametrize("rim", ["zeros", "border"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_images_read_between_pixels_run(mode: str, rim: str, corners: str) -> None:
    """At their own pixels, between them and beyond the rim; a single pixel has no corners and is refused."""
    text = (
        f"net A {{\n  input x [4, D, H]\n  at: (x -> grid(align_corners={corners})) * 1.3 + 0.17\n"
        f"  output y: (x, at) -> grid_sample(mode={mode}, pad={rim}, align_corners={corners})\n}}\n"
    )
    net = load_text(text).net()
    smallest = min(min(sizes.values()) for sizes in sizes_of(net, 2))
    assert smallest == (2 if corners == "true" else 1)
    assert not [*complaints(net, 2, 2)]


REFUSED = [
    ("[2, 3, 5, 5]", "avgpool(4)", "a window of 4 does not fit into 3"),
    ("[2, 2, 5, 5]", "avgpool(3, pad=1)", "kernel 3, which 2 is not"),
    ("[2, 1, 1]", "instancenorm", "more than one position"),
    ("[4, 1, 1]", "groupnorm(4)", "one number"),
    ("[4]", "groupnorm(4)", "one number"),
    ("[2, 1]", "maxpool(2, pad=1, dilation=2)", "nothing of 1 but padding"),
    ("[3, 5, 5]", "conv_transpose(2, 4, pad=same)", "`pad=same` would cut 3 off each axis"),
]


@pytest.mark.parametrize(("shape", "layer", "said"), REFUSED)
def test_refusals_speak_of_what_was_written(shape: str, layer: str, said: str) -> None:
    with pytest.raises(NetError) as raised:
        load_text(f"net A {{\n  input x {shape}\n  output y: {layer}\n}}\n").net()
    (found,) = raised.value.diagnostics
    assert said in found.message
    assert found.labels[0].span.line == 3
    assert "output_padding" not in f"{found.message}{found.help}"
