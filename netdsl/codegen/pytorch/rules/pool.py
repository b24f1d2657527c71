"""PyTorch spellings of pooling."""

from typing import Any

from netdsl.codegen.python.spelling import Infix, Made, Operand, Raw, Spelling
from netdsl.codegen.pytorch.rules.conv import flat, torch_pads, unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.ops.pool import AdaptiveAvgpool, AdaptiveMaxpool, Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool


def windowed(op: Maxpool | Avgpool, kind: str, filler: Raw, **more: Any) -> Spelling:
    """A sliding pool; padding that PyTorch's pool cannot do is a step of its own, filled with `filler`."""
    rank = len(op.kernels)
    kernel, stride = flat(op.kernels), flat(op.strides)
    strides = () if op.strides == op.kernels else (stride,)
    alike = op.simple_pads()
    padding = unlike(padding=(flat(tuple(before for before, _ in op.pads)), 0)) if alike else {}
    keywords = {**padding, **more}
    operand: Any = Operand()
    module = Made(f"nn.{kind}Pool{rank}d", (kernel,), {**({"stride": stride} if strides else {}), **keywords})
    if not alike:
        pads = torch_pads(op.pads)
        operand = Made("F.pad", (operand, pads), {"value": filler})
        module = Made("nn.Sequential", (Made(f"nn.ConstantPad{rank}d", (pads, filler)), module))
    call = Made(f"F.{kind.lower()}_pool{rank}d", (operand, kernel, *strides), keywords)
    return Spelling(module=module, call=call)


@rules.lowers(Maxpool)
def maxpool(op: Maxpool) -> Spelling:
    more = unlike(
        dilation=(flat(op.dilations), 1), ceil_mode=(op.ceil, False), return_indices=(op.indices, False)
    )  # fmt: skip
    return windowed(op, "Max", Raw('float("-inf")'), **more)


@rules.lowers(Avgpool)
def avgpool(op: Avgpool) -> Spelling:
    more = unlike(ceil_mode=(op.ceil, False), count_include_pad=(op.count_padding, True))
    return windowed(op, "Avg", Raw("0.0"), **more)


@rules.lowers(AdaptiveAvgpool, AdaptiveMaxpool)
def adaptive(op: AdaptiveAvgpool | AdaptiveMaxpool) -> Spelling:
    kind, rank, size = "Avg" if isinstance(op, AdaptiveAvgpool) else "Max", len(op.sizes), flat(op.sizes)
    call = Made(f"F.adaptive_{kind.lower()}_pool{rank}d", (Operand(), size))
    return Spelling(module=Made(f"nn.Adaptive{kind}Pool{rank}d", (size,)), call=call)


@rules.lowers(GlobalAvgpool)
def global_avgpool(op: GlobalAvgpool) -> Spelling:
    rank = op.x.type.rank - 1
    pooled = Made(f"nn.AdaptiveAvgPool{rank}d", (1,))
    if op.keep:
        return Spelling(module=pooled, call=Made(f"F.adaptive_avg_pool{rank}d", (Operand(), 1)))
    axes = str(tuple(range(-rank, 0))) if rank > 1 else "-1"
    module = Made("nn.Sequential", (pooled, Made("nn.Flatten")))
    return Spelling(module=module, call=Infix(f"{{0}}.mean(dim={axes})", tight=True))


@rules.lowers(GlobalMaxpool)
def global_maxpool(op: GlobalMaxpool) -> Spelling:
    # Not `amax`: its gradient is spread over ties, which a pool gives to one of them.
    rank = op.x.type.rank - 1
    pooled = Made(f"nn.AdaptiveMaxPool{rank}d", (1,))
    call = Made(f"F.adaptive_max_pool{rank}d", (Operand(), 1))
    if op.keep:
        return Spelling(module=pooled, call=call)
    module = Made("nn.Sequential", (pooled, Made("nn.Flatten")))
    return Spelling(module=module, call=Made("torch.flatten", (call, 1 if op.x.type.batched else 0)))
