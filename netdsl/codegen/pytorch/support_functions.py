"""Functions and layers that PyTorch does not have, as source that an emitted file includes when it uses them.

Each entry stands alone but for `torch`, `nn` and `F`, and for `drop_hidden_biases`, which stands before its users. Each
stays as it is under a formatter at 88 columns.
"""

from __future__ import annotations

KEEP_STATISTICS = '''
def keep_statistics(module):
    """Let the batch norms of a module be as they are at inference."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            part.eval()
'''

CENTER_CROP = '''
def center_crop(x, size):
    """The middle of a size out of the last axes of `x`, rounded towards the front."""
    for axis, length in enumerate(size, start=x.dim() - len(size)):
        x = x.narrow(axis, (x.shape[axis] - length) // 2, length)
    return x
'''

CAUSAL_MASK = '''
def causal_mask(x):
    """True where a position of `x` [N, T, E] meets a later one, hidden from it."""
    steps = x.shape[1]
    return torch.ones(steps, steps, dtype=torch.bool, device=x.device).triu(1)
'''

MAY_READ = '''
def may_read(q, k):
    """True where a query of `q` [..., T, d] reads a key of `k`: all up to its own.

    The last query stands at the last key.
    """
    queries, keys = q.shape[-2], k.shape[-2]
    every = torch.ones(queries, keys, dtype=torch.bool, device=q.device)
    return every.tril(keys - queries)
'''

LOOK_UP = '''
def look_up(table, places, dim):
    """The parts of `table` along `dim` that whole numbers name."""
    found = table.index_select(dim, places.flatten())
    return found.reshape([*table.shape[:dim], *places.shape, *table.shape[dim + 1 :]])
'''

LOOK_UP_EACH = '''
def look_up_each(table, places, dim):
    """The parts of each sample's table along `dim` that its own numbers name."""
    before, after = table.shape[:dim], table.shape[dim + 1 :]
    rows = places.reshape(len(places), *[1] * (dim - 1), -1, *[1] * len(after))
    found = table.gather(dim, rows.expand(*before, -1, *after))
    return found.reshape(*before, *places.shape[1:], *after)
'''

ADD_UP = '''
def add_up(values, places, size, dim):
    """Items of `values` along `dim` added up at the places that whole numbers name."""
    before, after = values.shape[:dim], values.shape[dim + places.dim() :]
    items = values.reshape(*before, -1, *after)
    zeros = values.new_zeros(*before, size, *after)
    return zeros.index_add(dim, places.flatten(), items)
'''

ADD_UP_EACH = '''
def add_up_each(values, places, size, dim):
    """Items of each sample's values along `dim` added up at its own places."""
    before, after = values.shape[:dim], values.shape[dim + places.dim() - 1 :]
    items = values.reshape(*before, -1, *after)
    rows = places.reshape(len(places), *[1] * (dim - 1), -1, *[1] * len(after))
    zeros = values.new_zeros(*before, size, *after)
    return zeros.scatter_add(dim, rows.expand(items.shape), items)
'''

LARGEST = '''
def largest(x, k, dim):
    """The k largest numbers along `dim` and their places; of equal ones the first."""
    values, places = x.sort(dim=dim, descending=True, stable=True)
    return values.narrow(dim, 0, k), places.narrow(dim, 0, k)
'''

SMALLEST = '''
def smallest(x, k, dim):
    """The k smallest numbers along `dim` and their places; of equal ones the first."""
    values, places = x.sort(dim=dim, stable=True)
    return values.narrow(dim, 0, k), places.narrow(dim, 0, k)
'''

GRID_OF = '''
def grid_of(x, align_corners=False):
    """Where the pixels of `x` lie, across and down from -1 to 1: [H, W, 2]."""
    still = torch.eye(2, 3, dtype=x.dtype, device=x.device)[None]
    size = (1, 1, *x.shape[-2:])
    return F.affine_grid(still, size, align_corners=align_corners)[0]
'''

HINGE_LOSS = '''
def hinge_loss(scores, labels, margin=1.0):
    """The mean of `max(0, margin - y * score)`: y is 1 for labels above 0, else -1."""
    signs = torch.where(labels > 0, 1.0, -1.0).to(scores)
    return F.relu(margin - signs * scores).mean()
'''

NAN_OUTSIDE = '''
def nan_outside(known, loss):
    """The loss where all is known, else NaN, which its gradients are too."""
    return loss * torch.ones_like(loss).where(known.all(), float("nan"))
'''

BINARY_CROSS_ENTROPY = '''
def binary_cross_entropy(probabilities, labels):
    """NaN where a probability or a label is outside 0 to 1."""
    known = (probabilities >= 0) & (probabilities <= 1) & (labels >= 0) & (labels <= 1)
    pair = probabilities.where(known, 0.5), labels.where(known, 0.5)
    loss = F.binary_cross_entropy(*pair)
    return nan_outside(known, loss)
'''

BINARY_CROSS_ENTROPY_WITH_LOGITS = '''
def binary_cross_entropy_with_logits(scores, labels):
    """NaN where a label is outside 0 to 1."""
    loss = F.binary_cross_entropy_with_logits(scores, labels)
    return nan_outside((labels >= 0) & (labels <= 1), loss)
'''

DROP_HIDDEN_BIASES = '''
def drop_hidden_biases(layer):
    """Leave a recurrent layer one bias vector a gate.

    The other becomes a zero that is neither learned nor saved.
    """
    names = [name for name, _ in layer.named_parameters()]
    for name in [name for name in names if name.startswith("bias_hh")]:
        zeros = torch.zeros_like(getattr(layer, name), requires_grad=False)
        delattr(layer, name)
        layer.register_buffer(name, zeros, persistent=False)
    layer._init_flat_weights()
'''

ONE_BIAS = '''
class OneBias{kind}(nn.{kind}):
    """An `nn.{kind}` with one bias vector a gate, as textbooks write it."""

    def __init__(self, *sizes, **settings):
        super().__init__(*sizes, **settings)
        drop_hidden_biases(self)
'''

STILL_STATISTICS = '''
class StillStatistics:
    """While it lasts, batch norms of modules count nothing in their statistics."""

    def __init__(self, modules):
        kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
        parts = [part for module in modules for part in module.modules()]
        self.norms = [part for part in parts if isinstance(part, kinds)]

    def __enter__(self):
        self.kept = [dict(norm._buffers) for norm in self.norms]
        for norm, kept in zip(self.norms, self.kept, strict=True):
            copies = {name: b.clone() for name, b in kept.items() if b is not None}
            norm._buffers.update(copies)

    def __exit__(self, *error):
        for norm, kept in zip(self.norms, self.kept, strict=True):
            norm._buffers.update(kept)
'''

RERUN = '''
class Rerun:
    """How a block runs that in training keeps only what comes in.

    It runs a second time when its gradient arrives (`torch.utils.checkpoint`).
    """

    def __init__(self, block):
        self.block = block

    def __call__(self, *inputs):
        forward = type(self.block).forward
        if not (self.block.training and torch.is_grad_enabled()):
            return forward(self.block, *inputs)
        given = (self.block, *inputs)
        modules = [part for part in given if isinstance(part, nn.Module)]

        def contexts():
            return torch.enable_grad(), StillStatistics(modules)

        checkpoint = torch.utils.checkpoint.checkpoint
        return checkpoint(forward, *given, use_reentrant=False, context_fn=contexts)
'''

FUNCTIONS: dict[str, str] = {
    "StillStatistics": STILL_STATISTICS.strip(),
    "Rerun": RERUN.strip(),
    "keep_statistics": KEEP_STATISTICS.strip(),
    "center_crop": CENTER_CROP.strip(),
    "causal_mask": CAUSAL_MASK.strip(),
    "may_read": MAY_READ.strip(),
    "look_up": LOOK_UP.strip(),
    "look_up_each": LOOK_UP_EACH.strip(),
    "add_up": ADD_UP.strip(),
    "add_up_each": ADD_UP_EACH.strip(),
    "largest": LARGEST.strip(),
    "smallest": SMALLEST.strip(),
    "grid_of": GRID_OF.strip(),
    "hinge_loss": HINGE_LOSS.strip(),
    "nan_outside": NAN_OUTSIDE.strip(),
    "binary_cross_entropy": BINARY_CROSS_ENTROPY.strip(),
    "binary_cross_entropy_with_logits": BINARY_CROSS_ENTROPY_WITH_LOGITS.strip(),
    "drop_hidden_biases": DROP_HIDDEN_BIASES.strip(),
    **{f"OneBias{kind}": ONE_BIAS.format(kind=kind).strip() for kind in ("RNN", "LSTM", "GRU")},
}
"""Name of a function or class to its source."""
