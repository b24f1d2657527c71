"""PyTorch spellings of losses."""

from netdsl.codegen.python.measures import Numbers
from netdsl.codegen.python.spelling import Infix, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims.tensors import DType
from netdsl.ops.loss import (
    L1,
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    ClassLoss,
    CrossEntropy,
    Hinge,
    Huber,
    Mse,
    MultiMargin,
    Nll,
    PairLoss,
    SmoothL1,
)


def operands(op: ClassLoss) -> str:
    """Scores and labels as PyTorch wants them: the classes right after the batch."""
    if op.along == 0:
        return "{0}, {1}"
    if op.along == op.x.type.rank - 1:
        return f"{{0}}.flatten(0, {op.along}), {{1}}.flatten()"
    return f"{{0}}.movedim({op.along + 1}, 1), {{1}}"


@rules.lowers(CrossEntropy, Nll)
def class_loss(op: CrossEntropy | Nll) -> Spelling:
    numbers = Numbers()
    text = operands(op)
    if op.weight is not None:
        places = ", ".join(numbers.put(w) for w in op.weight)
        text += f", weight={{0}}.new_tensor([{places}])"
    if op.ignore != -100:
        text += f", ignore_index={numbers.put(op.ignore)}"
    if isinstance(op, CrossEntropy) and op.smoothing:
        text += f", label_smoothing={numbers.put(op.smoothing)}"
    function = "cross_entropy" if isinstance(op, CrossEntropy) else "nll_loss"
    return Spelling(call=Infix(f"F.{function}({text})", tuple(numbers.values), tight=True))


def label_of(op: PairLoss, real: bool) -> str:
    """The labels in the shape of the scores, and as real numbers where the loss wants them so."""
    text = "{1}.unsqueeze(1)" if op.lone else "{1}"
    return f"{text}.to({{0}}.dtype)" if real and op.label.type.dtype is not DType.FLOAT else text


@rules.lowers(BinaryCrossEntropy, BinaryCrossEntropyWithLogits)
def binary_loss(op: BinaryCrossEntropy | BinaryCrossEntropyWithLogits) -> Spelling:
    """By functions that give NaN: PyTorch's raise for probabilities only, and on a GPU end the process."""
    call = Infix(f"{op.name}({{0}}, {label_of(op, real=True)})", tight=True)
    return Spelling(call=call, support=("nan_outside", op.name))


@rules.lowers(Mse, L1)
def distance(op: Mse | L1) -> Spelling:
    return Spelling(call=Infix(f"F.{op.name}_loss({{0}}, {label_of(op, real=True)})", tight=True))


@rules.lowers(Huber, SmoothL1)
def bent(op: Huber | SmoothL1) -> Spelling:
    """A square near 0 and a line beyond."""
    numbers = Numbers()
    word, bend = ("delta", op.delta) if isinstance(op, Huber) else ("beta", op.beta)
    more = f", {word}={numbers.put(bend)}" if bend != 1.0 else ""
    text = f"F.{op.name}_loss({{0}}, {label_of(op, real=True)}{more})"
    return Spelling(call=Infix(text, tuple(numbers.values), tight=True))


def _margin(op: Hinge | MultiMargin, numbers: Numbers) -> str:
    return f", margin={numbers.put(op.margin)}" if op.margin != 1.0 else ""


@rules.lowers(Hinge)
def hinge(op: Hinge) -> Spelling:
    numbers = Numbers()
    text = f"hinge_loss({{0}}, {label_of(op, real=False)}{_margin(op, numbers)})"
    return Spelling(call=Infix(text, tuple(numbers.values), tight=True), support=("hinge_loss",))


@rules.lowers(MultiMargin)
def multi_margin(op: MultiMargin) -> Spelling:
    numbers = Numbers()
    text = f"F.multi_margin_loss({{0}}, {{1}}{_margin(op, numbers)})"
    return Spelling(call=Infix(text, tuple(numbers.values), tight=True))
