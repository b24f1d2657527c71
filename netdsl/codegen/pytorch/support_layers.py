"""Layers that PyTorch does not have, as source that an emitted file includes when it uses them.

Each entry stands alone but for `torch`, `nn` and `F`.
"""

from __future__ import annotations

PADDED_CONV = '''
class PaddedConv{rank}d(nn.Conv{rank}d):
    """A convolution padded unevenly: `pads` is what `F.pad` takes, before and after, the last axis first."""

    def __init__(self, in_channels, out_channels, kernel_size, pads, stride=1, dilation=1, groups=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, stride, 0, dilation, groups, bias)
        self.pads = pads

    def forward(self, x):
        return super().forward(F.pad(x, self.pads))
'''

LOCALLY_CONNECTED = '''
class LocallyConnected(nn.Module):
    """A convolution with filters of its own at every output position; `pads` is what `F.pad` takes."""

    def __init__(self, in_channels, out_channels, positions, kernel_size, stride=None, pads=None, bias=True):
        super().__init__()
        self.positions = positions
        self.kernel_size = kernel_size
        self.stride = stride or (1,) * len(kernel_size)
        self.pads = pads
        self.weight = nn.Parameter(torch.empty(*positions, out_channels, in_channels, *kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels, *positions)) if bias else None
        bound = self.weight[(0,) * (len(positions) + 1)].numel() ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x):
        rank = len(self.positions)
        if self.pads:
            x = F.pad(x, self.pads)
        for axis, (size, step) in enumerate(zip(self.kernel_size, self.stride, strict=True), start=2):
            x = x.unfold(axis, size, step)
        patches = x.movedim(1, rank + 1).flatten(rank + 1).flatten(1, rank)  # [N, positions, C * kernel]
        filters = self.weight.flatten(rank + 1).flatten(0, rank - 1)  # [positions, out_channels, C * kernel]
        out = torch.einsum("npk,pok->nop", patches, filters).unflatten(2, self.positions)
        return out if self.bias is None else out + self.bias
'''

BED_OF_NAILS = '''
def bed_of_nails(x, factors):
    """Enlarge the last axes: each value at the start of its cell, zeros in the rest of it."""
    sizes = [size * factor for size, factor in zip(x.shape[-len(factors) :], factors, strict=True)]
    out = x.new_zeros(*x.shape[: -len(factors)], *sizes)
    out[(..., *(slice(None, None, factor) for factor in factors))] = x
    return out
'''

LAYERS: dict[str, str] = {
    **{f"PaddedConv{rank}d": PADDED_CONV.format(rank=rank).strip() for rank in (1, 2, 3)},
    "LocallyConnected": LOCALLY_CONNECTED.strip(),
    "bed_of_nails": BED_OF_NAILS.strip(),
}
"""Name to source."""
