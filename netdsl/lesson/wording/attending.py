"""Attention: every position reads every other, weighted by how well they match (Vaswani et al., 2017)."""

from __future__ import annotations

from math import isqrt

from netdsl.dims.tensors import Value
from netdsl.lesson.algebra import AsRows, AxisPart, Formula, Letter, Numeral, SumOver, Transposed, called, times
from netdsl.lesson.wording.dense import matrices
from netdsl.lesson.wording.table import Board, Worded, fitted, says, summed
from netdsl.ops.attention import Attention, MultiheadAttention

P, D = Letter("p"), Letter("d")
Definitions = tuple[tuple[str, Formula | str], ...]


def _scaled(scores: Formula, width: int) -> Formula:
    """`q · kᵀ / √64`, with the root worked out where it is whole."""
    root = isqrt(width)
    return scores / (Numeral(root) if root * root == width else called("√", Numeral(width)))


def _softmax(scores: Formula, causal: bool) -> Formula:
    """The shares of the keys; where it is causal those behind a query have none."""
    return called("softmax", called("causal", scores) if causal else scores, axis=-1)


def _slope(of_shares: Formula) -> Formula:
    """What the scores are given, of what their softmax `p` is."""
    return P * (of_shares - SumOver(of_shares * P, (-1,), "j", keep=True))


@says(Attention)
def attention(op: Attention, board: Board) -> Worded | None:
    """Of as many heads of keys as of queries; `d` is what the scores are given."""
    masked = op.bias is not None and op.bias.type.dtype != "float"
    if op.groups > 1 or masked:
        return None
    q, k, v = (board.letter(name) for name in "qkv")
    scores, kind = op.scores(), op.result()
    raw = q @ Transposed(k)
    scaled = _scaled(raw, board.size(op.q.shape[-1])) if op.scale is None else times(Numeral(op.scale), raw)
    bias = board.letter("bias")
    shares = _softmax(scaled if op.bias is None else scaled + bias, op.causal)
    where: Definitions = (("p", shares), ("d", _slope(board.dy @ Transposed(v))))

    def given(term: Formula, value: Value) -> Formula:
        own = _scaled(term, board.size(op.q.shape[-1])) if op.scale is None else times(Numeral(op.scale), term)
        return matrices(own, scores, value.type)

    found = {"q": given(D @ k, op.q), "k": given(Transposed(D) @ q, op.k)}
    found["v"] = matrices(Transposed(P) @ board.dy, kind, op.v.type)
    if op.bias is not None:
        found["bias"] = fitted(D, scores, op.bias.type)
    return Worded(P @ v, found, where)


@says(MultiheadAttention)
def multihead(op: MultiheadAttention, board: Board) -> Worded | None:
    """Of a sequence that attends to itself; `o` are the heads' results, `δ` what `Q`, `K` and `V` are given."""
    if op.mask is not None or not op.packed:
        return None
    if op.k is not None:
        return across(op, board)
    x, width, rank = board.letter("q"), op.width, op.q.type.rank
    w, out, b = Letter("W"), Letter("W_o"), Letter("b")
    projected = x @ Transposed(w)
    projected = projected + b if op.bias[0] else projected
    heads, each = f"{op.heads} heads", width // op.heads
    parts = {name: called(heads, AxisPart(projected, rank, i * width, (i + 1) * width)) for i, name in enumerate("QKV")}
    q, k, v, come = (Letter(name) for name in ("Q", "K", "V", "c"))
    given = (_scaled(D @ k, each), _scaled(Transposed(D) @ q, each), Transposed(P) @ come)
    where: Definitions = (
        *parts.items(),
        ("p", _softmax(_scaled(q @ Transposed(k), each), op.causal)),
        ("o", called("side by side", P @ v)),
        ("c", called(heads, board.dy @ out)),
        ("d", _slope(come @ Transposed(v))),
        ("δ", called("joined", *(called("side by side", part) for part in given), axis=-1)),
    )
    o, delta = Letter("o"), Letter("δ")
    y = o @ Transposed(out)
    rows = op.result()
    found: dict[str, Formula] = {
        "in_proj_weight": Transposed(AsRows(delta)) @ AsRows(x),
        "out_proj.weight": Transposed(AsRows(board.dy)) @ AsRows(o),
        "q": delta @ w,
    }
    if op.bias[0]:
        axes = tuple(range(rank))
        found |= {"in_proj_bias": summed(delta, rows, axes), "out_proj.bias": summed(board.dy, rows, axes)}
        y = y + Letter("b_o")
    return Worded(y, found, where)


def across(op: MultiheadAttention, board: Board) -> Worded | None:
    """Of a sequence that attends to another: as of one that attends to itself, each projection from its own."""
    kinds = [value.type for value in (op.q, op.keys, op.values)]
    if len({(kind.shape[:-2], kind.batched) for kind in kinds}) > 1:
        return None  # what is repeated has its gradient summed, which no formula here says
    width, rows, axes = op.width, op.result(), tuple(range(kinds[0].rank))
    each, heads, biased = width // op.heads, f"{op.heads} heads", op.bias[0]
    w, out, b = Letter("W"), Letter("W_o"), Letter("b")
    own = [name for name in "qkv" if getattr(op, name) is not None]
    reads = {"Q": board.letter("q"), "K": board.letter("k"), "V": board.letter("v" if "v" in own else "k")}
    shares = {name: AxisPart(w, 0, i * width, (i + 1) * width) for i, name in enumerate(reads)}
    projected = {name: reads[name] @ Transposed(shares[name]) for name in reads}
    if biased:
        projected = {n: projected[n] + AxisPart(b, 0, i * width, (i + 1) * width) for i, n in enumerate(reads)}
    q, k, v, come, o = (Letter(name) for name in "QKVco")
    slopes = {"Q": _scaled(D @ k, each), "K": _scaled(Transposed(D) @ q, each), "V": Transposed(P) @ come}
    where: Definitions = (
        *((name, called(heads, term)) for name, term in projected.items()),
        ("p", _softmax(_scaled(q @ Transposed(k), each), op.causal)),
        ("o", called("side by side", P @ v)),
        ("c", called(heads, board.dy @ out)),
        ("d", _slope(come @ Transposed(v))),
        *((f"δ{name}", called("side by side", term)) for name, term in slopes.items()),
    )
    given = {name: Letter(f"δ{name}") for name in reads}
    back = {name: given[name] @ shares[name] for name in reads}
    found: dict[str, Formula] = {
        "in_proj_weight": called("joined", *(Transposed(AsRows(given[n])) @ AsRows(reads[n]) for n in reads), axis=0),
        "out_proj.weight": Transposed(AsRows(board.dy)) @ AsRows(o),
        "q": back["Q"],
        "k": back["K"] if "v" in own else back["K"] + back["V"],
    }
    found |= {"v": back["V"]} if "v" in own else {}
    y = o @ Transposed(out)
    if biased:
        sums = (summed(given[name], rows, axes) for name in reads)
        found |= {"in_proj_bias": called("joined", *sums, axis=0), "out_proj.bias": summed(board.dy, rows, axes)}
        y = y + Letter("b_o")
    return Worded(y, found, where)
