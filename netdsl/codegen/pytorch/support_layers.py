"""Layers that PyTorch does not have, as source that an emitted file includes when it uses them.

Each entry stands alone but for `torch`, `nn` and `F`, and stays as it is under a formatter at 88 columns.
"""

from __future__ import annotations

FROZEN_BATCH_NORM = '''
class FrozenBatchNorm(nn.Module):
    """A batch norm of which scale, shift and statistics are buffers."""

    def __init__(self, num_features, eps=1e-5, affine=True):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(num_features) if affine else None)
        self.register_buffer("bias", torch.zeros(num_features) if affine else None)
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        scale = {"weight": self.weight, "bias": self.bias, "eps": self.eps}
        return F.batch_norm(x, self.running_mean, self.running_var, **scale)
'''

PADDED_CONV = '''
class PaddedConv{rank}d(nn.Conv{rank}d):
    """A convolution padded unevenly: `pads` is as in `F.pad`, the last axis first."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        pads,
        stride=1,
        dilation=1,
        groups=1,
        bias=True,
    ):
        size = (in_channels, out_channels, kernel_size)
        super().__init__(*size, stride, 0, dilation, groups, bias)
        self.pads = pads

    def forward(self, x):
        return super().forward(F.pad(x, self.pads))
'''

LOCALLY_CONNECTED = '''
class LocallyConnected(nn.Module):
    """A convolution with filters of its own at every output position.

    `pads` is what `F.pad` takes, the last axis first.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        positions,
        kernel_size,
        stride=None,
        pads=None,
        bias=True,
    ):
        super().__init__()
        self.positions = positions
        self.kernel_size = kernel_size
        self.stride = stride or (1,) * len(kernel_size)
        self.pads = pads
        filters = torch.empty(*positions, out_channels, in_channels, *kernel_size)
        self.weight = nn.Parameter(filters)
        self.bias = None
        if bias:
            self.bias = nn.Parameter(torch.empty(out_channels, *positions))
        bound = filters[(0,) * (len(positions) + 1)].numel() ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x):
        rank = len(self.positions)
        if self.pads:
            x = F.pad(x, self.pads)
        for axis, size in enumerate(self.kernel_size):
            x = x.unfold(axis + 2, size, self.stride[axis])
        # [N, positions, taps] times [positions, out_channels, taps]
        patches = x.movedim(1, rank + 1).flatten(rank + 1).flatten(1, rank)
        filters = self.weight.flatten(rank + 1).flatten(0, rank - 1)
        out = torch.einsum("npt,pot->nop", patches, filters)
        out = out.unflatten(2, self.positions)
        return out if self.bias is None else out + self.bias
'''

BED_OF_NAILS = '''
def bed_of_nails(x, factors):
    """Enlarge the last axes: each value at the start of its cell, zeros elsewhere."""
    first = x.dim() - len(factors)
    sizes = [x.shape[first + i] * factor for i, factor in enumerate(factors)]
    out = x.new_zeros(*x.shape[:first], *sizes)
    out[(..., *(slice(None, None, factor) for factor in factors))] = x
    return out
'''

ONE_HOT = '''
class OneHot(nn.Module):
    """Whole numbers as vectors along `dim`: a one at their place, or all zeros.

    The numbers are of the kind that the module is.
    """

    def __init__(self, classes, dim=-1):
        super().__init__()
        self.classes = classes
        self.dim = dim
        self.register_buffer("one", torch.ones(()), persistent=False)

    def forward(self, x):
        hot = x.unsqueeze(-1) == torch.arange(self.classes, device=x.device)
        return hot.to(self.one.dtype).movedim(-1, self.dim)
'''

REAL = '''
class Real(nn.Module):
    """Whole numbers and truth values as numbers of the kind that the module is."""

    def __init__(self):
        super().__init__()
        self.register_buffer("one", torch.ones(()), persistent=False)

    def forward(self, x):
        return x.to(self.one.dtype)
'''

DROP_PATH = '''
class DropPath(nn.Module):
    """While training, leaves out whole samples, and scales the others up."""

    def __init__(self, rate=0.5):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if not self.training:
            return x
        ones = x.new_ones(x.shape[0], *[1] * (x.dim() - 1))
        return x * F.dropout(ones, self.rate)
'''

NOISE = '''
class Noise(nn.Module):
    """While training, numbers drawn anew for each sample; zero otherwise."""

    def __init__(self, kind, shape=None):
        super().__init__()
        self.kind = kind
        self.shape = shape

    def forward(self, x):
        zeros = x.new_zeros(x.shape if self.shape is None else (len(x), *self.shape))
        if not self.training:
            return zeros
        if self.kind == "normal":
            return zeros.normal_()
        if self.kind == "uniform":
            return zeros.uniform_()
        return -zeros.exponential_().log()
'''

MASKED_ATTENTION = '''
class MaskedAttention(nn.MultiheadAttention):
    """Attention with any axes before the last two, and a mask of the scores.

    The mask is added, or says by truth values which keys a query reads.
    """

    def forward(self, q, k, v, mask=None, causal=False):
        if self._qkv_same_embed_dim:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        has_bias = self.in_proj_bias is not None
        biases = self.in_proj_bias.chunk(3) if has_bias else (None,) * 3
        heads = [
            F.linear(x, w, b).unflatten(-1, (self.num_heads, -1)).transpose(-3, -2)
            for x, w, b in zip((q, k, v), weights, biases, strict=True)
        ]
        mixed = F.scaled_dot_product_attention(*heads, mask, is_causal=causal)
        return self.out_proj(mixed.transpose(-3, -2).flatten(-2))
'''

GROUPED_ATTENTION = '''
class GroupedAttention(nn.Module):
    """Attention in which several heads of queries may read one of keys and values.

    `bias` says which of the projections of queries, keys, values and result have one. A
    mask is added to the scores, or says by truth values which keys a query reads.
    """

    def __init__(self, width, heads, kv_heads, bias=(True,) * 4, kdim=None, vdim=None):
        super().__init__()
        self.heads = heads
        self.kv_heads = kv_heads
        inner = width // heads * kv_heads
        self.q_proj = nn.Linear(width, width, bias[0])
        self.k_proj = nn.Linear(kdim or width, inner, bias[1])
        self.v_proj = nn.Linear(vdim or width, inner, bias[2])
        self.out_proj = nn.Linear(width, width, bias[3])
        for layer in self.children():
            if layer is not self.out_proj:
                nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, q, k, v, mask=None, causal=False):
        q = self.q_proj(q).unflatten(-1, (self.heads, -1)).transpose(-3, -2)
        k = self.k_proj(k).unflatten(-1, (self.kv_heads, -1)).transpose(-3, -2)
        v = self.v_proj(v).unflatten(-1, (self.kv_heads, -1)).transpose(-3, -2)
        gqa = self.heads != self.kv_heads
        mixed = F.scaled_dot_product_attention(
            q, k, v, mask, is_causal=causal, enable_gqa=gqa
        )
        return self.out_proj(mixed.transpose(-3, -2).flatten(-2))
'''

LAYERS: dict[str, str] = {
    "FrozenBatchNorm": FROZEN_BATCH_NORM.strip(),
    **{f"PaddedConv{rank}d": PADDED_CONV.format(rank=rank).strip() for rank in (1, 2, 3)},
    "LocallyConnected": LOCALLY_CONNECTED.strip(),
    "DropPath": DROP_PATH.strip(),
    "Noise": NOISE.strip(),
    "MaskedAttention": MASKED_ATTENTION.strip(),
    "GroupedAttention": GROUPED_ATTENTION.strip(),
    "OneHot": ONE_HOT.strip(),
    "Real": REAL.strip(),
    "bed_of_nails": BED_OF_NAILS.strip(),
}
"""Name to source."""
