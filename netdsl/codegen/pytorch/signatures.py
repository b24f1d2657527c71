"""Parameter names and defaults of what emitted source constructs and calls, so that layers that differ only in a
setting left at its default can share one class. A test holds them against PyTorch's own signatures.
"""

from __future__ import annotations

_CONV = "in_channels, out_channels, kernel_size, stride=1, padding=0"
_GROUPS = "dilation=1, groups=1, bias=True, padding_mode='zeros'"
_TRANSPOSED = f"{_CONV}, output_padding=0, groups=1, bias=True, dilation=1"
_POOL = "kernel_size, stride=None, padding=0"
_BATCH_NORM = "num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True"
_INSTANCE_NORM = "num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False"
_RNN = "input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False"

DECLARED = {
    **{f"nn.Conv{n}d": f"{_CONV}, {_GROUPS}" for n in (1, 2, 3)},
    **{f"nn.ConvTranspose{n}d": _TRANSPOSED for n in (1, 2, 3)},
    **{f"nn.MaxPool{n}d": f"{_POOL}, dilation=1, return_indices=False, ceil_mode=False" for n in (1, 2, 3)},
    **{f"nn.AvgPool{n}d": f"{_POOL}, ceil_mode=False, count_include_pad=True" for n in (1, 2, 3)},
    **{f"nn.Adaptive{k}Pool{n}d": "output_size" for n in (1, 2, 3) for k in ("Avg", "Max")},
    **{f"nn.BatchNorm{n}d": _BATCH_NORM for n in (1, 2, 3)},
    **{f"nn.InstanceNorm{n}d": _INSTANCE_NORM for n in (1, 2, 3)},
    **{f"nn.Dropout{n}": "p=0.5, inplace=False" for n in ("", "1d", "2d", "3d")},
    "nn.Linear": "in_features, out_features, bias=True",
    "nn.Embedding": "num_embeddings, embedding_dim, padding_idx=None",
    "nn.LayerNorm": "normalized_shape, eps=1e-05, elementwise_affine=True, bias=True",
    "nn.RMSNorm": "normalized_shape, eps=None, elementwise_affine=True",
    "nn.GroupNorm": "num_groups, num_channels, eps=1e-05, affine=True",
    "nn.LocalResponseNorm": "size, alpha=0.0001, beta=0.75, k=1.0",
    "nn.LeakyReLU": "negative_slope=0.01, inplace=False",
    "nn.PReLU": "num_parameters=1, init=0.25",
    "nn.ELU": "alpha=1.0, inplace=False",
    "nn.GELU": "approximate='none'",
    "nn.Softplus": "beta=1.0, threshold=20.0",
    "nn.Softmax": "dim=None",
    "nn.LogSoftmax": "dim=None",
    "nn.Flatten": "start_dim=1, end_dim=-1",
    "nn.Upsample": "size=None, scale_factor=None, mode='nearest', align_corners=None",
    "nn.RNN": "input_size, hidden_size, num_layers=1, nonlinearity='tanh', " + _RNN.split("num_layers=1, ")[1],
    "nn.LSTM": _RNN,
    "nn.GRU": _RNN,
}
