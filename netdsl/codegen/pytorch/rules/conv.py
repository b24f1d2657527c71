"""PyTorch spellings of convolutions."""

from typing import Any

from netdsl.codegen.python.spelling import Made, Operand, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import Init
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.weighed import ConvWith
from netdsl.ops.windows import Sides, even, spread_padding


def flat(sizes: tuple[object, ...]) -> Any:
    """`3` instead of `(3, 3)`."""
    return sizes[0] if all(size == sizes[0] for size in sizes) else sizes


def torch_pads(pads: Sides) -> tuple[int, ...]:
    """Padding as `F.pad` takes it: the last axis first."""
    return tuple(side for pair in reversed(pads) for side in pair)


def unlike(**settings: tuple[Any, Any]) -> dict[str, Any]:
    """The keywords whose value (first) is not PyTorch's default (second)."""
    return {name: value for name, (value, default) in settings.items() if value != default}


def starts(op: Conv | ConvTranspose | LocallyConnected | Any) -> dict[str, Init]:
    """The initial values that an author chose; PyTorch's own need no words."""
    return {} if op.init.kind == "torch" else {weight.name: weight.init for weight in op.weights()}


@rules.lowers(Conv)
def conv(op: Conv) -> Spelling:
    rank = len(op.kernels)
    arguments = (op.in_channels, op.channels, flat(op.kernels))
    same = set(op.strides) == {1} and op.pads == spread_padding("same", op.kernels, op.dilations)
    function, padding = f"nn.Conv{rank}d", dict[str, Any]()
    support: tuple[str, ...] = ()
    if even(op.pads):
        padding = unlike(padding=(flat(tuple(before for before, _ in op.pads)), 0))
    elif same:
        padding = {"padding": "same"}
    else:
        function, support, padding = f"PaddedConv{rank}d", (f"PaddedConv{rank}d",), {"pads": torch_pads(op.pads)}
    keywords = {
        **unlike(stride=(flat(op.strides), 1)),
        **padding,
        **unlike(dilation=(flat(op.dilations), 1), groups=(op.groups, 1), bias=(op.bias, True)),
    }
    return Spelling(module=Made(function, arguments, keywords), support=support, init=starts(op))


@rules.lowers(ConvWith)
def conv_with(op: ConvWith) -> Spelling:
    layer, rank = op.layer, len(op.layer.kernels)
    x: Made | Operand = Operand(0)
    padding = unlike(padding=(flat(tuple(before for before, _ in layer.pads)), 0)) if even(layer.pads) else {}
    if not even(layer.pads):
        x = Made("F.pad", (x, torch_pads(layer.pads)))
    keywords = {
        **unlike(stride=(flat(layer.strides), 1)),
        **padding,
        **unlike(dilation=(flat(layer.dilations), 1), groups=(op.groups, 1)),
    }
    weights = map(Operand, range(1, 2 + (op.bias is not None)))
    return Spelling(call=Made(f"F.conv{rank}d", (x, *weights), keywords))


@rules.lowers(ConvTranspose)
def conv_transpose(op: ConvTranspose) -> Spelling:
    keywords = unlike(
        stride=(flat(op.strides), 1),
        padding=(flat(tuple(before for before, _ in op.pads)), 0),
        output_padding=(flat(op.extra), 0),
        groups=(op.groups, 1),
        bias=(op.bias, True),
        dilation=(flat(op.dilations), 1),
    )
    function = f"nn.ConvTranspose{len(op.kernels)}d"
    return Spelling(module=Made(function, (op.in_channels, op.channels, flat(op.kernels)), keywords), init=starts(op))


@rules.lowers(LocallyConnected)
def locally_connected(op: LocallyConnected) -> Spelling:
    pads = torch_pads(op.pads)
    keywords = unlike(stride=(op.strides, (1,) * len(op.strides)), pads=(pads, (0,) * len(pads)), bias=(op.bias, True))
    made = Made("LocallyConnected", (op.in_channels, op.channels, op.positions, op.kernels), keywords)
    return Spelling(module=made, support=("LocallyConnected",), init=starts(op))
