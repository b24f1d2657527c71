"""PyTorch spellings of attention."""

from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.python.terms import term_of
from netdsl.codegen.pytorch.rules.conv import unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import DType, Value
from netdsl.ops.attention import Attention, MultiheadAttention


@rules.lowers(Attention)
def attention(op: Attention) -> Spelling:
    plain = op.bias is None and op.q.shape[-2] == op.k.shape[-2]
    later = op.causal and not plain
    keywords = {
        **({"attn_mask": _mask(op, later)} if later or op.bias is not None else {}),
        **unlike(is_causal=(op.causal and plain, False), scale=(op.scale, None), enable_gqa=(_is_grouped(op), False)),
    }
    operands = (Operand(0), Operand(1), Operand(2))
    call = Made("F.scaled_dot_product_attention", operands, keywords)
    return Spelling(call=call, support=("may_read",) if later else ())


def _is_grouped(op: Attention) -> bool:
    """Whether heads of queries share one of keys, or are as many only by chance of their names' numbers."""
    terms = [term_of(x.shape[-3]) if x.type.rank > 2 else None for x in (op.q, op.k, op.v)]
    named = all(term and term.names() for term in terms)
    return op.groups > 1 or (named and terms[0] != terms[1] == terms[2])


def _mask(op: Attention, later: bool) -> Operand | Infix:
    """What is added to the scores or masks them, which also hides later keys."""
    return Infix(_hiding(op.bias, later, 1), tight=not later or op.bias is None or op.bias.type.dtype is DType.FLOAT)


def _hiding(bias: Value | None, later: bool, keys: int) -> str:
    read = f"may_read({{0}}, {{{keys}}})"
    if bias is None or not later:
        return read if bias is None else "{3}"
    return f"{{3}} & {read}" if bias.type.dtype is DType.BOOL else f'{{3}}.masked_fill(~{read}, float("-inf"))'


@rules.lowers(MultiheadAttention)
def multihead_attention(op: MultiheadAttention) -> Spelling:
    keys = 0 if op.k is None else 1
    values = keys if op.v is None else 2
    read = f"{{0}}, {{{keys}}}, {{{values}}}"
    if op.whole and op.mask is None and op.aligned >= op.causal and op.result().rank == 2:
        mask = ", attn_mask=causal_mask({0}), is_causal=True" if op.causal else ""
        use = f"{{m}}({read}{mask}, need_weights=False)[0]"
        return Spelling(module=_whole(op), use=use, support=("causal_mask",) if op.causal else ())
    later = op.causal and (op.mask is not None or not op.aligned)
    mask = f", {_hiding(op.mask, later, keys)}" if later or op.mask is not None else ""
    causal = ", causal=True" if op.causal and not later else ""
    own = "MaskedAttention" if op.whole else "GroupedAttention"
    module = _whole(op, own) if op.whole else _grouped(op)
    return Spelling(module=module, use=f"{{m}}({read}{mask}{causal})", support=(own, *["may_read"] * later))


def _whole(op: MultiheadAttention, name: str = "nn.MultiheadAttention") -> Made:
    keywords = {**unlike(bias=(op.bias[0], True)), **_widths(op)}
    return Made(name, (op.width, op.heads), {**keywords, "batch_first": True})


def _grouped(op: MultiheadAttention) -> Made:
    keywords = {**unlike(bias=(op.bias, (True,) * len(op.bias))), **_widths(op)}
    return Made("GroupedAttention", (op.width, op.heads, op.few), keywords)


def _widths(op: MultiheadAttention) -> dict[str, int]:
    """Those of keys and values where they are not the queries', or the queries' only by chance."""
    found = {"kdim": op.key_width, "vdim": op.value_width}
    return {name: width for name, width in found.items() if (width, term_of(width)) != (op.width, term_of(op.width))}
