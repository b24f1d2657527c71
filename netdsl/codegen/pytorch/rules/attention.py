"""PyTorch spellings of attention."""

from netdsl.codegen.python.spelling import Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.conv import unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.ops.attention import Attention, MultiheadAttention


@rules.lowers(Attention)
def attention(op: Attention) -> Spelling:
    operands = (Operand(0), Operand(1), Operand(2))
    return Spelling(call=Made("F.scaled_dot_product_attention", operands, unlike(is_causal=(op.causal, False))))


@rules.lowers(MultiheadAttention)
def multihead_attention(op: MultiheadAttention) -> Spelling:
    keywords = unlike(bias=(op.bias, True), kdim=(op.key_width, op.width), vdim=(op.value_width, op.width))
    module = Made("nn.MultiheadAttention", (op.width, op.heads), {**keywords, "batch_first": True})
    keys = 0 if op.k is None else 1
    values = keys if op.v is None else len(tuple(op.operands())) - 1
    mask = ", attn_mask=causal_mask({0}), is_causal=True" if op.causal else ""
    use = f"{{m}}({{0}}, {{{keys}}}, {{{values}}}{mask}, need_weights=False)[0]"
    return Spelling(module=module, use=use, support=("causal_mask",) if op.causal else ())
