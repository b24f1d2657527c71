"""PyTorch spellings of attention."""

from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.conv import unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import DType
from netdsl.ops.attention import Attention, MultiheadAttention


@rules.lowers(Attention)
def attention(op: Attention) -> Spelling:
    plain = op.bias is None and op.q.shape[-2] == op.k.shape[-2]
    later = op.causal and not plain
    keywords = {
        **({"attn_mask": _mask(op, later)} if later or op.bias is not None else {}),
        **unlike(is_causal=(op.causal and plain, False), scale=(op.scale, None), enable_gqa=(op.groups > 1, False)),
    }
    operands = (Operand(0), Operand(1), Operand(2))
    call = Made("F.scaled_dot_product_attention", operands, keywords)
    return Spelling(call=call, support=("may_read",) if later else ())


def _mask(op: Attention, later: bool) -> Operand | Infix:
    """What is added to the scores or masks them, which also hides later keys."""
    if not later:
        return Operand(3)
    if op.bias is None:
        return Infix("may_read({0}, {1})", tight=True)
    if op.bias.type.dtype is DType.BOOL:
        return Infix("{3} & may_read({0}, {1})")
    return Infix('{3}.masked_fill(~may_read({0}, {1}), float("-inf"))', tight=True)


@rules.lowers(MultiheadAttention)
def multihead_attention(op: MultiheadAttention) -> Spelling:
    keywords = unlike(bias=(op.bias, True), kdim=(op.key_width, op.width), vdim=(op.value_width, op.width))
    module = Made("nn.MultiheadAttention", (op.width, op.heads), {**keywords, "batch_first": True})
    keys = 0 if op.k is None else 1
    values = keys if op.v is None else len(tuple(op.operands())) - 1
    mask = ", attn_mask=causal_mask({0}), is_causal=True" if op.causal else ""
    use = f"{{m}}({{0}}, {{{keys}}}, {{{values}}}{mask}, need_weights=False)[0]"
    return Spelling(module=module, use=use, support=("causal_mask",) if op.causal else ())
