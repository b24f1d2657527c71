"""PyTorch spellings of noise: a module where it knows whether it trains, a call where that is no matter."""

from netdsl.codegen.python.measures import Numbers
from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.ops.noise import Noise

LIKE = {"normal": "torch.randn_like", "uniform": "torch.rand_like"}
FILLED = {"normal": "{}.normal_()", "uniform": "{}.uniform_()", "gumbel": "-{}.exponential_().log()"}


@rules.lowers(Noise)
def noise(op: Noise) -> Spelling:
    if not op.always:
        shape = () if op.shape is None else (op.shape,)
        return Spelling(module=Made("Noise", (op.kind, *shape)), support=("Noise",))
    if op.shape is None and op.kind in LIKE:
        return Spelling(call=Made(LIKE[op.kind], (Operand(),)))
    numbers = Numbers()
    sizes = ", ".join(["{0}.shape[0]", *(numbers.put(n) for n in op.shape or ())])
    empty = "torch.empty_like({0})" if op.shape is None else f"{{0}}.new_empty({sizes})"
    return Spelling(call=Infix(FILLED[op.kind].format(empty), tuple(numbers.values), tight=op.kind != "gumbel"))
