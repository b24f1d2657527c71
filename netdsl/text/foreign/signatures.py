"""What PyTorch and Keras take by which place: the parameters of their layers and functions, in their order.

Data, compared with PyTorch's own signatures by tests/text/test_kept.py. A default follows its parameter, since an
argument that says what goes without saying may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from netdsl.text.foreign.special import GivenArgument
from netdsl.text.foreign.values import elsewhere, named_here

CONV = "in_channels out_channels kernel_size stride=1 padding=0"
RECURRENT = "bias=True batch_first=False dropout=0.0 bidirectional=False proj_size=0"
NORM = "num_features eps=1e-05 momentum=0.1"
PYTORCH: dict[str, str] = {
    "Conv1d Conv2d Conv3d": f"{CONV} dilation=1 groups=1 bias=True padding_mode=zeros",
    "ConvTranspose1d ConvTranspose2d ConvTranspose3d": f"{CONV} output_padding=0 groups=1 bias=True dilation=1 "
    "padding_mode=zeros",
    "LazyConv1d LazyConv2d LazyConv3d": "out_channels kernel_size stride=1 padding=0 dilation=1 groups=1 bias=True "
    "padding_mode=zeros",
    "LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d": "out_channels kernel_size stride=1 padding=0 "
    "output_padding=0 groups=1 bias=True dilation=1 padding_mode=zeros",
    "LazyLinear": "out_features bias=True",
    "LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d": "eps=1e-05 momentum=0.1 affine=True track_running_stats=True "
    "bias=True",
    "Linear": "in_features out_features bias=True",
    "Embedding": "num_embeddings embedding_dim padding_idx=None max_norm=None norm_type=2.0 scale_grad_by_freq=False "
    "sparse=False",
    "MaxPool1d MaxPool2d MaxPool3d": "kernel_size stride=None padding=0 dilation=1 return_indices=False "
    "ceil_mode=False",
    "AvgPool1d": "kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True",
    "AvgPool2d AvgPool3d": "kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True "
    "divisor_override=None",
    "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d": "output_size",
    "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d": "output_size return_indices=False",
    "BatchNorm1d BatchNorm2d BatchNorm3d": f"{NORM} affine=True track_running_stats=True bias=True",
    "SyncBatchNorm": f"{NORM} affine=True track_running_stats=True process_group=None bias=True",
    "InstanceNorm1d InstanceNorm2d InstanceNorm3d": f"{NORM} affine=False track_running_stats=False bias=True",
    "LayerNorm": "normalized_shape eps=1e-05 elementwise_affine=True bias=True",
    "RMSNorm": "normalized_shape eps=None elementwise_affine=True",
    "GroupNorm": "num_groups num_channels eps=1e-05 affine=True bias=True",
    "LocalResponseNorm": "size alpha=0.0001 beta=0.75 k=1.0",
    "CrossMapLRN2d": "size alpha=0.0001 beta=0.75 k=1",
    "Dropout Dropout1d Dropout2d Dropout3d": "p=0.5 inplace=False",
    "ReLU ReLU6 SiLU Hardswish Hardsigmoid": "inplace=False",
    "LeakyReLU": "negative_slope=0.01 inplace=False",
    "ELU": "alpha=1.0 inplace=False",
    "PReLU": "num_parameters=1 init=0.25",
    "GELU": "approximate=none",
    "Hardtanh": "min_val=-1.0 max_val=1.0 inplace=False",
    "Softplus": "beta=1.0 threshold=20.0",
    "Softmax LogSoftmax": "dim=None",
    "Flatten": "start_dim=1 end_dim=-1",
    "Unflatten": "dim unflattened_size",
    "LSTM GRU": f"input_size hidden_size num_layers=1 {RECURRENT}",
    "RNN": f"input_size hidden_size num_layers=1 nonlinearity=tanh {RECURRENT}",
    "MultiheadAttention": "embed_dim num_heads dropout=0.0 bias=True add_bias_kv=False add_zero_attn=False kdim=None "
    "vdim=None batch_first=False",
    "Upsample": "size=None scale_factor=None mode=nearest align_corners=None recompute_scale_factor=None",
    "UpsamplingNearest2d UpsamplingBilinear2d": "size=None scale_factor=None",
    "PixelShuffle": "upscale_factor",
    "PixelUnshuffle": "downscale_factor",
    "ZeroPad1d ZeroPad2d ZeroPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d "
    "ReplicationPad3d": "padding",
    "ConstantPad1d ConstantPad2d ConstantPad3d": "padding value",
}
"""The layers of torch.nn."""

FUNCTIONAL: dict[str, str] = {
    "max_pool1d max_pool2d max_pool3d": "kernel_size stride=None padding=0 dilation=1 ceil_mode=False "
    "return_indices=False",
    "avg_pool1d": "kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True",
    "avg_pool2d avg_pool3d": "kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True "
    "divisor_override=None",
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d": "output_size",
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d": "output_size return_indices=False",
    "dropout dropout1d dropout2d dropout3d": "p=0.5 training=True inplace=False",
    "relu relu6 silu hardswish hardsigmoid": "inplace=False",
    "leaky_relu": "negative_slope=0.01 inplace=False",
    "elu": "alpha=1.0 inplace=False",
    "gelu": "approximate=none",
    "hardtanh": "min_val=-1.0 max_val=1.0 inplace=False",
    "softplus": "beta=1 threshold=20",
    "softmax log_softmax": "dim=None",
    "normalize": "p=2.0 dim=1 eps=1e-12 out=None",
    "interpolate": "size=None scale_factor=None mode=nearest align_corners=None recompute_scale_factor=None "
    "antialias=False",
    "upsample": "size=None scale_factor=None mode=nearest align_corners=None",
    "pad": "pad mode=constant value=None",
    "pixel_shuffle": "upscale_factor",
    "pixel_unshuffle": "downscale_factor",
    "local_response_norm": "size alpha=0.0001 beta=0.75 k=1.0",
    "layer_norm": "normalized_shape weight=None bias=None eps=1e-05",
    "rms_norm": "normalized_shape weight=None eps=None",
    "group_norm": "num_groups weight=None bias=None eps=1e-05",
    "flatten": "start_dim=0 end_dim=-1",
    "flip": "dims",
    "clamp": "min=None max=None",
    "mean sum amax amin": "dim=None keepdim=False",
    "argmax": "dim=None keepdim=False",
    "var": "dim=None unbiased=True keepdim=False",
    "roll": "shifts dims=None",
    "cumsum": "dim",
    "index_select": "dim",
    "grid_sample": "mode=bilinear padding_mode=zeros align_corners=None",
    "topk": "k dim=-1 largest=True sorted=True",
    "sort": "dim=-1 descending=False stable=False",
    "squeeze unsqueeze": "dim",
    "chunk": "chunks dim=0",
    "split": "split_size_or_sections dim=0",
    "one_hot": "num_classes=-1",
}
"""The functions of torch and torch.nn.functional that an arrow is given first, without that arrow."""

KERAS_CONV = "filters kernel_size strides=1 padding=valid data_format=None"
KERAS_POOL = "pool_size=2 strides=None padding=valid data_format=None"
KERAS: dict[str, str] = {
    "Conv1D Conv2D Conv3D": f"{KERAS_CONV} dilation_rate=1 groups=1 activation=None use_bias=True",
    "Conv1DTranspose Conv2DTranspose Conv3DTranspose": "filters kernel_size strides=1 padding=valid "
    "output_padding=None data_format=None dilation_rate=1 activation=None use_bias=True",
    "DepthwiseConv1D DepthwiseConv2D": "kernel_size strides=1 padding=valid depth_multiplier=1 data_format=None "
    "dilation_rate=1 activation=None use_bias=True",
    "SeparableConv1D SeparableConv2D SeparableConvolution2D": f"{KERAS_CONV} dilation_rate=1 depth_multiplier=1 "
    "activation=None use_bias=True",
    "Dense": "units activation=None use_bias=True",
    "Embedding": "input_dim output_dim",
    "MaxPooling1D MaxPooling2D MaxPooling3D MaxPool1D MaxPool2D MaxPool3D AveragePooling1D AveragePooling2D "
    "AveragePooling3D AvgPool1D AvgPool2D AvgPool3D": KERAS_POOL,
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D GlobalAvgPool2D "
    "GlobalMaxPool2D": "data_format=None keepdims=False",
    "BatchNormalization": "axis=-1 momentum=0.99 epsilon=0.001 center=True scale=True",
    "LayerNormalization": "axis=-1 epsilon=0.001 center=True scale=True",
    "RMSNormalization": "axis=-1 epsilon=1e-06",
    "GroupNormalization": "groups=32 axis=-1 epsilon=0.001 center=True scale=True",
    "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D": "rate noise_shape=None seed=None",
    "LeakyReLU": "negative_slope=0.3",
    "ELU": "alpha=1.0",
    "Softmax": "axis=-1",
    "UpSampling1D": "size=2",
    "UpSampling2D": "size=2 data_format=None interpolation=nearest",
    "ZeroPadding1D": "padding=1",
    "ZeroPadding2D": "padding=1 data_format=None",
    "Cropping1D": "cropping=1",
    "Cropping2D": "cropping=0 data_format=None",
    "Reshape": "target_shape",
    "LSTM GRU": "units activation=tanh recurrent_activation=sigmoid use_bias=True",
    "SimpleRNN": "units activation=tanh use_bias=True",
    "MultiHeadAttention": "num_heads key_dim value_dim=None dropout=0.0 use_bias=True",
}
"""The layers of Keras, as far as their first parameters go."""

ONNX: dict[str, str] = {
    "ReduceMean ReduceSum ReduceMax ReduceMin": "axes=None keepdims=1",
    "LpNormalization": "axis=-1 p=2",
}
"""Operators of ONNX, whose attributes always stand by name."""

UNPADDED = frozenset(("BasicConv2d", "ConvModule"))
"""Blocks of torchvision and mmcv that pad nothing of themselves; their signatures are not certain."""

TORCHVISION: dict[str, str] = {
    "ConvNormActivation Conv2dNormActivation Conv3dNormActivation": "in_channels out_channels kernel_size=3 stride=1 "
    "padding=None groups=1",
}
"""Blocks that torchvision has beside PyTorch's layers, as far as their first parameters go."""

TORCH_NAME = re.compile(r"(?:torch|nn|F|functional)\.")
ONNX_NAME = re.compile(r"(?:Reduce(?:Mean|Sum|Max|Min)|LpNormalization)$")
KERAS_NAME = re.compile(r"(?:tf|keras|layers)\.")


@cache
def _table(framework: str) -> Mapping[str, list[tuple[str, str | None]]]:
    rows = {"torch": {**PYTORCH, **TORCHVISION}, "functional": FUNCTIONAL, "keras": KERAS, "onnx": ONNX}[framework]
    return {word: [_parameter(p) for p in row.split()] for words, row in rows.items() for word in words.split()}


def _parameter(text: str) -> tuple[str, str | None]:
    name, told, default = text.partition("=")
    return name, default if told else None


@cache
def _plainly(framework: str) -> Mapping[str, list[tuple[str, str | None]]]:
    """The table by words as they are compared, without capitals and `_`."""
    return {_bare(word): row for word, row in _table(framework).items()}


def _bare(word: str) -> str:
    return word.replace("_", "").lower()


def signature(word: str, arguments: Sequence[GivenArgument]) -> list[tuple[str, str | None]] | None:
    """The parameters of another framework's layer and their defaults; None where it is not certain whose word it is."""
    leaf = word.rpartition(".")[2]
    torch, functional, keras = (_table(t).get(leaf) for t in ("torch", "functional", "keras"))
    if TORCH_NAME.match(word):
        return torch or functional or _plainly("torch").get(_bare(leaf))
    if KERAS_NAME.match(word):
        return keras or _plainly("keras").get(_bare(leaf))
    if leaf == word and leaf in _table("onnx"):
        return _table("onnx")[leaf]
    if torch is None and keras is None:
        alike = [found for t in ("torch", "keras") if (found := _plainly(t).get(_bare(leaf))) is not None]
        return alike[0] if len(alike) == 1 else None
    if torch is None or keras is None:
        return torch or keras
    return torch if sum(a.name is None for a in arguments) > 1 else None


TOLD = {
    "normalize": (GivenArgument("dim", "1"),),
    "var": (GivenArgument("unbiased", "true"),),
    **{f"Reduce{kind}": (GivenArgument("keepdims", "1"),) for kind in ("Mean", "Sum", "Max", "Min")},
    "LpNormalization": (GivenArgument("axis", "-1"),),
}
"""What another framework leaves unsaid and is another here: a layer that goes along the last of two axes, or divides by
how many there are."""


def unpadded(word: str) -> bool:
    """Whether a layer of another framework pads nothing if it is not told to."""
    leaf = word.rpartition(".")[2]
    return leaf in UNPADDED or dict(_table("keras").get(leaf, [])).get("padding") == "valid"


def named(word: str, arguments: Sequence[GivenArgument], settings: Sequence[str]) -> list[GivenArgument] | None:
    """Arguments each under the name that they have there, without what says nothing here; None where none is known."""
    parameters = signature(word, arguments)
    if parameters is None or sum(a.name is None for a in arguments) > len(parameters):
        return None
    places = iter(parameters)
    full = [a if a.name else a._replace(name=next(places)[0]) for a in arguments]
    usual = dict(parameters)
    if len(arguments) == 1 and not arguments[0].name and sum(d is None for d in usual.values()) > 1:
        return None  # `nn.Linear(120)`: without the size of the input, which needs no saying here either
    said = [a for a in full if not _goes_without_saying(a, usual.get(str(a.name)), settings)]
    return [*said, *(a for a in TOLD.get(word.rpartition(".")[2], ()) if all(a.name != s.name for s in said))]


def _goes_without_saying(argument: GivenArgument, usual: str | None, settings: Sequence[str]) -> bool:
    """Whether an argument that no setting here stands for says what would be so without it."""
    name = str(argument.name)
    same = usual is not None and argument.value.strip("'\"").lower() == usual.lower()
    return same and named_here(name, settings) is None and not elsewhere(name)
