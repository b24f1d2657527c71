"""PyTorch spellings of summaries."""

from netdsl.codegen.python.measures import dim
from netdsl.codegen.python.spelling import Infix, Made, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.ops.reduce import Argmax, Cumsum, Mean, OneHot, ReduceMax, ReduceMin, Reduction, Sum, Variance

METHODS = {"mean": "mean", "sum": "sum", "reduce_max": "amax", "reduce_min": "amin"}


@rules.lowers(Mean, Sum, ReduceMax, ReduceMin)
def reduction(op: Mean | Sum | ReduceMax | ReduceMin) -> Spelling:
    return _along(op, METHODS[op.name])


@rules.lowers(Variance)
def variance(op: Variance) -> Spelling:
    return _along(op, "var", "" if op.unbiased else ", correction=0")


def _along(op: Reduction, method: str, more: str = "") -> Spelling:
    axes = tuple(dim(a, op.x) for a in op.along)
    named = str(axes[0]) if len(axes) == 1 else str(axes)
    keep = ", keepdim=True" if op.keep else ""
    return Spelling(call=Infix(f"{{0}}.{method}(dim={named}{more}{keep})", tight=True))


@rules.lowers(Cumsum)
def cumsum(op: Cumsum) -> Spelling:
    axis = dim(op.along, op.x)
    turned = f".flip({axis})" if op.reverse else ""
    return Spelling(call=Infix(f"{{0}}{turned}.cumsum(dim={axis}){turned}", tight=True))


@rules.lowers(Argmax)
def argmax(op: Argmax) -> Spelling:
    return Spelling(call=Infix(f"{{0}}.argmax(dim={dim(op.along, op.x)})", tight=True))


@rules.lowers(OneHot)
def one_hot(op: OneHot) -> Spelling:
    """A layer, since only a module knows of which kind its numbers are; what is no class gives zeros."""
    axis = {} if op.along == op.x.type.rank else {"dim": dim(op.along, op.x)}
    return Spelling(module=Made("OneHot", (op.classes,), axis), support=("OneHot",))
