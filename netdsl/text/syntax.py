"""The syntax tree of a `.net` file: what was written, every node with its place, nothing resolved."""

from __future__ import annotations

from netdsl.base.record import record
from netdsl.text.source import Source, Span, is_library

# ---------------------------------------------------------------- expressions


@record
class Name:
    """A word: an arrow, a layer, a compile-time value or a setting such as `same`."""

    span: Span
    id: str


@record
class Previous:
    """`_`, the value of the row before."""

    span: Span


@record
class Literal:
    """A number, a string, `true` or `false`. `300M` is the number 300000000."""

    span: Span
    value: int | float | str | bool


@record
class ListOf:
    """`[1, 2, 3]`; where it follows an arrow it is a `Claim` instead."""

    span: Span
    items: tuple[Expr, ...]


@record
class TupleOf:
    """`(a, b)`: a bundle of arrows, or a tuple of numbers. `(a)` is `a`, `(a,)` holds it, `()` nothing."""

    span: Span
    items: tuple[Expr | Spread, ...]


@record
class Spread:
    """`*seen` in `(*seen, x)`: all that a bundle or a list holds, one by one."""

    span: Span
    value: Expr


@record
class Argument:
    """`64` or `stride = 2` in a call."""

    span: Span
    name: Name | None
    value: Expr


@record
class Call:
    """`conv(64, 3)`. `function` is nearly always a `Name`."""

    span: Span
    function: Expr
    arguments: tuple[Argument, ...]


@record
class Attribute:
    """`x.channels`."""

    span: Span
    value: Expr
    name: Name


@record
class Index:
    """`x.shape[0]`."""

    span: Span
    value: Expr
    index: Expr


@record
class Unary:
    """`-x` or `not x`."""

    span: Span
    operator: str
    operand: Expr


@record
class Binary:
    """`+ - * / // % **`, `== != < <= > >=`, `and`, `or`, `in`."""

    span: Span
    operator: str
    operator_span: Span
    left: Expr
    right: Expr


@record
class Claim:
    """`-> [96, 55, 55]`: a shape that must hold here. `int[T]` has the kind `int`."""

    span: Span
    dims: tuple[Expr, ...]
    kind: Name | None = None


@record
class Pipeline:
    """`a -> b -> [64, H, W]`. The first stage is the head; later stages are layers or claims."""

    span: Span
    stages: tuple[Expr | Claim, ...]


@record
class If:
    """`if c { … } else { … }`, a value or a row. `otherwise` is None without an `else`."""

    span: Span
    condition: Expr
    then: Body
    otherwise: Body | None


LoopNames = Name | tuple["LoopNames", ...]
"""What a part of an item is called in a loop; in brackets, the parts of that part."""


def words_of(target: LoopNames) -> tuple[Name, ...]:
    """The names of a target, those in inner brackets too, in order."""
    return tuple(n for part in target for n in words_of(part)) if isinstance(target, tuple) else (target,)


@record
class Each:
    """`each b in [1, 2] { … }`: one branch an item, as a bundle."""

    span: Span
    target: tuple[LoopNames, ...]
    items: Expr
    body: Body


Expr = Name | Previous | Literal | ListOf | TupleOf | Call | Attribute | Index | Unary | Binary | Pipeline | If | Each

# ---------------------------------------------------------------- rows


@record
class Body:
    """The rows between two braces."""

    span: Span
    rows: tuple[BodyRow, ...]


@record
class InputItem:
    """`image [3, H, W]`, `tokens int[T]`, or `x` alone in a block.

    A dimension is an expression, or a `SizedSymbol`.
    """

    span: Span
    name: Name
    kind: Name | None
    dims: tuple[Expr | SizedSymbol, ...] | None


@record
class SizedSymbol:
    """`H = 224` in an input's shape: a symbol with the size that a report takes when none is given."""

    span: Span
    name: Name
    size: Expr


@record
class InputRow:
    """`input image [3, H, W]`; `given memory [S, C]` of a recurrent block is there whole at every step, and of a
    `batch input scores [N, C]` the first axis are the samples."""

    span: Span
    items: tuple[InputItem, ...]
    given: bool = False
    batch: bool = False


@record
class OutputRow:
    """`output fc8`, `output mask: conv(2, 1)`, `output a, b`, `output aux side: …`.

    Either `names` (of rows before), or one `name` with its `pipeline`.
    """

    span: Span
    aux: bool
    names: tuple[Name, ...]
    pipeline: Pipeline | None
    frozen: bool = False


@record
class LayerRow:
    """`[name:] pipeline`; `(a, b): …` names the arrows of a bundle; `shared` makes a layer of it."""

    span: Span
    names: tuple[Name, ...]
    pipeline: Pipeline
    bundle: bool = False
    shared: bool = False
    frozen: bool = False
    """Its weights are not trained, so of all rows that can be."""


@record
class LetRow:
    span: Span
    name: Name
    value: Expr


@record
class ParamRow:
    """`param position [197, 768] = normal(0.02)`."""

    span: Span
    name: Name
    dims: tuple[Expr, ...]
    init: Expr | None
    frozen: bool = False


@record
class ConstRow:
    """`const mean [3, 1, 1] = [0.485, 0.456, 0.406]`; `const k int[T] = arange` says a kind of number."""

    span: Span
    name: Name
    kind: Name | None
    dims: tuple[Expr, ...]
    start: Expr


@record
class SetRow:
    """`set conv(bias=false)`."""

    span: Span
    name: Name
    arguments: tuple[Argument, ...]


@record
class AssertRow:
    span: Span
    condition: Expr
    message: str | None
    at: tuple[SizedSymbol, ...] = ()  # of a budget: where it is counted


@record
class ForRow:
    span: Span
    target: tuple[LoopNames, ...]
    items: Expr
    body: Body


@record
class StateRow:
    """`state h [hidden] = 0`; `state word int[] = 0` says a kind of number."""

    span: Span
    name: Name
    kind: Name | None
    dims: tuple[Expr, ...] | None
    initial: Expr


@record
class NextRow:
    """`next h: pipeline`."""

    span: Span
    name: Name
    pipeline: Pipeline
    frozen: bool = False


@record
class StepsRow:
    """`steps = 20`: how often a recurrent block runs that goes over no sequence."""

    span: Span
    count: Expr


@record
class RecipeRow:
    """`loss (logits, label) -> cross_entropy`; `metric top5: …` has a label."""

    span: Span
    keyword: Name
    label: Name | None
    value: Pipeline


@record
class RecipePart:
    """`part critic { moves critic … }`, inside a recipe; none may hold another."""

    span: Span
    name: Name
    rows: tuple[RecipeRow, ...]
    parts: tuple[RecipePart, ...] = ()


@record
class RecipeBody:
    """What stands in the braces of a recipe, or of a part of one."""

    rows: tuple[RecipeRow, ...]
    parts: tuple[RecipePart, ...]


BodyRow = (
    InputRow
    | OutputRow
    | LayerRow
    | LetRow
    | ParamRow
    | ConstRow
    | SetRow
    | AssertRow
    | ForRow
    | If
    | StateRow
    | NextRow
    | StepsRow
    | RecipeRow
)

# ---------------------------------------------------------------- items of a file


@record
class Parameter:
    """`classes = 1000`, `c: int`, `act: layer = relu`."""

    span: Span
    name: Name
    kind: Name | None
    default: Expr | None


@record
class Definition:
    """A `net`, `block` or `recurrent`. `doc` is the comment right above it, without the `#`."""

    span: Span
    keyword: str
    name: Name
    parameters: tuple[Parameter, ...]
    body: Body
    doc: str = ""

    @property
    def positional(self) -> int:
        """How many settings may be given by their place.

        All of an author's own; of the standard library's those without a default and a `kernel`, or the first.
        """
        if not is_library(self.span.source.name):
            return len(self.parameters)
        behind = (i for i, p in enumerate(self.parameters) if i and p.default is not None and p.name.id != "kernel")
        return next(behind, len(self.parameters))


@record
class Train:
    """`train LeNet { … }`; in `train small of LeNet { … }` the recipe has a name."""

    span: Span
    name: Name | None
    net: Name
    rows: tuple[RecipeRow, ...]
    parts: tuple[RecipePart, ...] = ()


@record
class Use:
    """`use std.resnet { bottleneck }` (a dotted path) or `use "./my_blocks.net" { … }` (a string)."""

    span: Span
    path: str
    path_span: Span
    is_file: bool
    names: tuple[Name, ...]


@record
class Comment:
    """`# …` with its place; `own_line` when nothing stands before it."""

    span: Span
    own_line: bool


Item = Definition | Train | Use | LetRow | LayerRow


@record
class File:
    """A parsed file."""

    source: Source
    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = ()

    @property
    def head(self) -> str:
        """The comment that the file begins with, without the `#`."""
        lines: list[str] = []
        end = 0
        for comment in self.comments:
            if not comment.own_line or self.source.text[end : comment.span.start].strip(" \t\r\n"):
                break
            if lines and "\n" in self.source.text[end : comment.span.start].strip(" \t\r").removeprefix("\n"):
                break
            lines.append(comment.span.text.lstrip("#").strip())
            end = comment.span.end
        return "\n".join(lines)
