"""What an operation is: typed fields and the facts about it, stated once.

A subclass of `Op` declares its inputs (fields annotated `Value`, `Values` or `Value | None`) and its settings (any
other annotated field), in the order in which the text may give them, and answers for one sample (batch left out):
`result()`, `weights()`, `contractions()`, and where they are not what the base class says, the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import add, mul
from typing import Any, ClassVar, Protocol, Self

from netdsl.base.record import record
from netdsl.base.registry import Registry
from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import DType, TensorType, Value, Weight
from netdsl.ops.declared import Declared, Field
from netdsl.ops.fields import FieldError, beyond


class RuleError(Exception):
    """A use of an operation that cannot be. `field` names the setting or input to point at."""

    def __init__(self, message: str, *, code: str = "wrong-setting", field: str | None = None, help: str | None = None):
        super().__init__(message)
        self.code = code
        self.field = field
        self.help = help


@record
class Requirement:
    """`left == right` or `left >= right`, which must hold for the operation to be possible.

    Sizes may be symbolic: then a requirement that holds for some sizes restricts them.
    """

    left: Extent
    relation: str
    right: Extent
    message: str
    code: str = "shape-mismatch"
    field: str | None = None
    help: str | None = None


@record
class Numbering:
    """Whole numbers that name one of `count` things, from 0 on; `ignore` names none of them and passes."""

    value: Value
    count: Extent
    ignore: int | None = None


@record
class Window:
    """How one output position reads one axis: `kernel` taps `dilation` apart, every `stride`, from `-pad`.

    For an upsampling step `stride` divides: `up` output positions lie in one input position.
    """

    size: Extent
    kernel: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False
    up: int = 1
    transposed: bool = False
    """Turned round: input positions, `up` apart, paint windows of the output, of which `before` are cut off."""
    mirrored: bool = False
    """True when what lies before and after shows positions of the input again, not nothing."""

    @property
    def reach(self) -> int:
        """How many positions one window spans."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def upward(self) -> bool:
        """True when its positions lie on the finer grid of the result."""
        return self.transposed or self.up != 1


@record
class Follows:
    """An axis of an operand along which a position of the result moves: one to one, or through a window."""

    axis: int
    """The result's axis that moves along it."""
    window: Window | None = None


@record
class Read:
    """An axis of an operand of which every position of the result reads all from `first` to `stop`."""

    first: Extent = 0
    stop: Extent | None = None
    """The end when None."""
    features: bool = False
    """True when the numbers along it are channels or features: no positions of an image or a sequence."""


@record
class Mingled:
    """An axis of an operand whose positions go somewhere along some axes of the result, by no window."""

    axes: tuple[int, ...]
    growing: bool = False
    """True when a position reads all up to its own, the last one everything: what is causal."""
    picks: bool = False
    """True when fewer positions come out than go in because some are read by none."""
    features: bool = False
    """As `Read.features`, where only some of them are read: those of a group."""


Reading = tuple[Follows | Read | Mingled, ...]
"""How a result reads one operand: an answer for each of the operand's axes."""

EVERYTHING = Read()
FEATURES = Read(features=True)
GROUP = Mingled((0,), features=True)


class Tape(Protocol):
    """Where an operation writes its training form and its gradient: a graph under construction."""

    def __call__(self, op: type["Op"], *operands: Any, **settings: Any) -> Value:
        """Append an operation of one result; returns it."""

    def several(self, op: type["Op"], *operands: Any, **settings: Any) -> tuple[Value, ...]:
        """Append an operation; returns its results."""

    def number(self, value: float) -> Value:
        """A scalar constant."""

    @property
    def frozen(self) -> bool:
        """Whether nothing that the operation at work owns is trained, running statistics included."""

    def weight(self, name: str) -> Value:
        """A weight of the operation at work, as a value without a batch."""

    def carry(self, name: str, value: Value) -> None:
        """Give a buffer of the operation at work, which was read, its value for the next step (running statistics)."""

    def saved(self, name: str) -> Value:
        """What the training form kept for the gradient under that name."""

    def save(self, name: str, value: Value) -> None:
        """Keep a value of the training form for the gradient."""

    def wants(self, name: str) -> bool:
        """Whether anything needs the gradient of that input field or weight."""

    def maker(self, value: Value) -> "Op | None":
        """The operation of this graph that gives a value."""

    def seed(self) -> tuple[Value, int]:
        """The step's seed, a whole number, and a number that no other place that draws random numbers has."""


Gradients = Mapping[str, Value | Sequence[Value | None] | None]
"""Gradients by the name of the input field (a tuple for a field of many) or weight; None or left out is zero."""


class NoGradient(Exception):
    """An operation that nothing can be learned through: argmax, one_hot, a metric."""


REGISTRY: Registry[type["Op"]] = Registry("netdsl.ops")
INTERNAL: Registry[type["Op"]] = Registry("netdsl.ops")
"""Operations that only passes make: backward forms, random numbers. A text cannot name them."""


class Op(Declared, abstract=True):
    """An operation. Everything is said of one sample; a fact that is left out is an error, never a zero."""

    example: ClassVar[str] = ""
    """A pipeline that uses it, such as `image [3, 8, 8] -> conv(4, 3)`: documentation and test in one."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other words for it in the text (`bn`). The registry finds it under each; `name` is the one that is shown."""
    word: ClassVar[str] = ""
    """What an author calls it, where that is the name of another operation."""
    broadcasts: ClassVar[bool] = False
    """True when what is the same for all samples may stand beside values of samples; else it is repeated for each."""
    measures: ClassVar[tuple[str, ...]] = ("like",)
    """Inputs that are read for their size alone: whether they have a batch says nothing of the result."""
    alike: ClassVar[tuple[str, ...]] = ()
    """Inputs that may be the same for all samples where the others are not, and are then not repeated."""
    needs_batch: ClassVar[bool] = False
    """True when it is spelt for a batch alone: what is the same for all samples is then a batch of one."""
    crowded: ClassVar[str] = "join them first: `(a, b) -> concat`"
    """What is said where more arrows come in than it takes."""
    training_differs: ClassVar[bool] = False
    """True when training computes something else than inference: dropout, batchnorm."""

    spelt: ClassVar[Mapping[str, str]] = {
        "kernel": "kernels", "stride": "strides", "pad": "pads", "dilation": "dilations", "output_padding": "extra",
        "size": "sizes", "factor": "factors", "margin": "margins", "amount": "rims",
        "axis": "along", "start": "begin", "order": "axes",
    }  # fmt: skip
    """Settings with the attribute in which `prepare()` writes them out, of operations that derive it."""

    no_gradient: ClassVar[str] = ""
    """Why nothing can be learned through it, as the rest of a sentence; one that does not say so has a `gradient`."""

    internal: ClassVar[bool] = False
    """True for an operation that only passes make."""

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__(abstract)
        if not abstract:
            table = INTERNAL if cls.internal else REGISTRY
            for word in (cls.name, *cls.__dict__.get("aliases", ())):
                table.add(word, cls)

    def normal(self) -> Iterator[tuple[str, Any]]:
        """The settings as `prepare()` writes them out: those of equal operations are equal, however they are given."""
        for setting in self.settings():
            whole = self.spelt.get(setting.name)
            name = whole if whole in self.derived and hasattr(self, whole) else setting.name
            yield setting.name, getattr(self, name)

    def result(self) -> TensorType | tuple[TensorType, ...]:
        """Type of the result, or of each result."""
        raise NotImplementedError(f"{self.name} states no result")

    def requirements(self) -> Iterator[Requirement]:
        """What must hold before `result` may be asked."""
        return iter(())

    def weights(self) -> tuple[Weight, ...]:
        """All tensors it owns, under PyTorch's names. The only statement about parameters."""
        return ()

    def changes(self) -> bool:
        """Whether training changes buffers of it: running statistics."""
        return any(w.buffer for w in self.weights())

    def constants(self) -> tuple[Weight, ...]:
        """Tensors of the text that it keeps: buffers that no file of weights has."""
        return ()

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        """Multiply-accumulates as products of factors to be added up: `((55, 55, 11, 11, 3, 96),)`."""
        raise NotImplementedError(f"{self.name} does not state its multiply-accumulates")

    def macs(self) -> Extent:
        """Multiply-accumulates of contractions for one sample: no bias, padding counted as if dense."""
        return reduce(add, (reduce(mul, factors, 1) for factors in self.contractions()), 0)

    def bias_adds(self) -> Extent:
        """Additions of a bias: the output elements of a layer that has one."""
        return 0

    def pointwise(self) -> Extent:
        """FLOPs beside `2 * macs + bias`: comparisons, additions and scalings, as `docs/operations.md` lists."""
        raise NotImplementedError(f"{self.name} does not state its elementwise operations")

    def transcendentals(self) -> Extent:
        """Evaluations of exp, log, pow, sqrt and tanh, counted apart."""
        return 0

    def estimated(self) -> str:
        """What else than shapes decides what it does element by element; nothing where its costs are exact.

        A whole thought, in lower case: it stands behind the rows of which it is said (`netdsl/analysis/certainty.py`).
        """
        return ""

    def formulas(self) -> tuple[str, ...]:
        """What it computes at each step, as it is written on a board; nothing where its name says it."""
        return ()

    def windows(self) -> tuple[Window, ...] | None:
        """How each spatial axis is read; () means one to one, None means every output sees the whole input."""
        return ()

    def reading(self, place: int, result: int = 0) -> Reading:
        """How a result reads operand number `place`, axis by axis: as `windows()` say, unless it moves axes about."""
        operand = tuple(self.operands())[place].type
        windows = self.windows()
        if windows is None:
            return (EVERYTHING,) * operand.rank
        if not windows:
            return aligned(operand.shape, _type(self, result).shape)
        channels = GROUP if getattr(self, "groups", 1) > 1 else FEATURES if self.weights() else Follows(0)
        return (channels, *(Follows(i, window) for i, window in enumerate(windows, 1)))

    def beside(self) -> int | None:
        """The axis of the result along which operands, or places of one operand, come to lie side by side."""
        return None

    def numberings(self) -> tuple[Numbering, ...]:
        """The inputs whose numbers must lie in a range: labels and indices, but no numbers that are only counted."""
        return ()

    def probabilities(self) -> tuple[Value, ...]:
        """The inputs whose numbers must lie from 0 to 1: probabilities, and targets that are such."""
        return ()

    def in_place(self) -> bool:
        """True when the result can be a view of the input, so that it needs no memory: flatten, inference dropout."""
        return False

    def training(self, tape: Tape) -> tuple[Value, ...] | None:
        """What it computes while training where that differs, written to the tape; None when it does not."""
        return None

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        """Gradients of its inputs and weights from those of its results, written in operations.

        `outgoing` has None for a result that nothing learns from. Raises `NoGradient` where there is none.
        """
        raise NoGradient(f"`{self.name}` {self.no_gradient or 'has no gradient'}")

    def on(self, operands: Sequence[Value]) -> Self:
        """The same operation on other values of the same types: what was worked out of those stands.

        The types agree for all sizes that the net allows, not always in how they are written.
        """
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        rest = list(operands)
        for declared in self.inputs():
            old = getattr(self, declared.name)
            if declared.many:
                setattr(made, declared.name, tuple(rest[: len(old)]))
                del rest[: len(old)]
            elif old is not None:
                setattr(made, declared.name, rest.pop(0))
        return made

    def operands(self) -> Iterator[Value]:
        """The values it reads, in order."""
        for declared in self.inputs():
            value = getattr(self, declared.name)
            yield from value if declared.many else () if value is None else (value,)


def _type(op: Op, place: int) -> TensorType:
    result = op.result()
    return result[place] if isinstance(result, tuple) else result


def aligned(operand: Sequence[Extent], result: Sequence[Extent]) -> Reading:
    """One to one, aligned at the last axis; an axis of size 1 that is repeated is read by every position."""
    start = len(result) - len(operand)
    pairs = zip(operand, result[start:], strict=True)
    return tuple(EVERYTHING if o == 1 != r else Follows(i) for i, (o, r) in enumerate(pairs, start))


class Elementwise(Op, abstract=True):
    """One operation an element; the result has the operand's shape. Subclasses say what an element costs."""

    broadcasts: ClassVar[bool] = True

    x: Value

    flops_each: ClassVar[int] = 1
    transcendentals_each: ClassVar[int] = 0

    def result(self) -> TensorType:
        return self.x.type

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return self.x.type.elements * self.flops_each

    def transcendentals(self) -> Extent:
        return self.x.type.elements * self.transcendentals_each


def read_setting(declared: Field, value: object) -> Any:
    """A setting's value in normal form; `FieldError` with the field's name when it cannot be."""
    assert declared.kind is not None
    try:
        read = declared.kind.read(value)
    except FieldError as error:
        raise RuleError(f"`{declared.name}` {error}", code="wrong-kind", field=declared.name) from None
    wrong = beyond(read, declared.kind.most)
    if wrong is not None:
        raise RuleError(f"`{declared.name}`: {wrong}", code="number-too-large", field=declared.name)
    return read


def require_rank(value: Value, ranks: tuple[int, ...], what: str, help: str | None = None) -> None:
    """Refuse an input of another rank, in words: "conv needs [channels, height, width] …"."""
    if value.type.rank not in ranks:
        raise RuleError(f"{what}, but its input is {value.type}", code="wrong-rank", field="x", help=help)


def require_dtype(value: Value, dtype: DType, what: str, field: str = "x", help: str | None = None) -> None:
    """Refuse elements of another kind, in words: "embedding needs whole numbers"."""
    if value.type.dtype is not dtype:
        raise RuleError(f"{what}, but its input is {value.type}", code="wrong-dtype", field=field, help=help)


def fixed(extent: Extent, what: str, help: str | None = None) -> int:
    """A size that must be a number because a weight has it."""
    if isinstance(extent, Dim):
        raise RuleError(
            f"{what} must be a fixed number, but it is `{extent}`", code="size-not-fixed", field="x", help=help
        )
    return extent
