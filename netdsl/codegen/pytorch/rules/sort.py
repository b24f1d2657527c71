"""PyTorch spellings of numbers put in order."""

from netdsl.codegen.python.measures import dim
from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.ops.sort import Sort, TopK


@rules.lowers(TopK)
def top_k(op: TopK) -> Spelling:
    """By a function, since `topk` takes any of equal numbers."""
    word = "largest" if op.largest else "smallest"
    return Spelling(call=Made(word, (Operand(), op.k, dim(op.along, op.x))), support=(word,))


@rules.lowers(Sort)
def sort(op: Sort) -> Spelling:
    largest = ", descending=True" if op.descending else ""
    values = "" if op.indices else ".values"
    call = f"{{0}}.sort(dim={dim(op.along, op.x)}{largest}, stable=True){values}"
    return Spelling(call=Infix(call, tight=True))
