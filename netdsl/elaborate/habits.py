"""The way out where something stands in the place of something else: a list of arrows for a bundle, an index for a
layer, a tuple for a claim, a size for an input. Read when a mistake is made."""

from __future__ import annotations

import re
from typing import Any

from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import LAYERS, Bundle
from netdsl.ops.base import Op
from netdsl.ops.const import STARTS
from netdsl.ops.fields import INITIALISERS, Word
from netdsl.ops.loss import Loss
from netdsl.text import foreign, syntax
from netdsl.text.foreign.papers import row_of
from netdsl.text.foreign.pieces import inside
from netdsl.text.foreign.values import known_value
from netdsl.text.source import Span

BATCH = ("None", "N", "B", "n", "b", "bs", "batch", "batch_size", "batchsize")


def instead_of_row(pipeline: syntax.Pipeline, value: Any) -> str | None:
    """Help for a row that starts with a list or a number."""
    head = pipeline.stages[0]
    rest = "".join(f" -> {stage.span.text}" for stage in pipeline.stages[1:])
    if isinstance(value, (list, tuple)):
        return _listed(head, list(value), rest)
    return "rows carry tensors; `let` names numbers" if isinstance(value, int | float) else None


def _listed(head: syntax.Expr | syntax.Claim, items: list[Any], rest: str) -> str | None:
    repeated = isinstance(head, syntax.Binary) and head.operator == "*"
    listed = head.left if isinstance(head, syntax.Binary) else head
    times = head.right.span.text if isinstance(head, syntax.Binary) and repeated else ""
    texts = [i.span.text for i in listed.items] if isinstance(listed, syntax.ListOf | syntax.TupleOf) else []
    if texts and all(isinstance(i, LAYERS) for i in items):
        row = " -> ".join(texts)
        inner = f"({row})" if times and len(texts) > 1 else row
        what = "layers are joined by arrows" if len(texts) > 1 else "a layer needs no brackets around it"
        return f"{what}: write `{inner}{f' * {times}' if times else ''}{rest}`"
    if texts and not times and all(isinstance(i, Value | Bundle) for i in items):
        bundle = f"({', '.join(texts)})" if len(texts) > 1 else texts[0]
        return f"arrows stand side by side in round brackets: write `{bundle}{rest or ' -> concat'}`"
    return "a shape claim follows an arrow: `-> [64, 8, 8]`" if not rest else None


LAYER_LIKE = re.compile(r"(?:conv|fc|linear|dense|lstm|gru|rnn|bn|norm|attn|mlp|emb|layer|block|proj)")
"""How rows are called that are named for their layer."""


def not_a_layer(stage: syntax.Expr, value: Any) -> str | None:
    """Help for what stands behind an arrow and is no layer."""
    if isinstance(stage, syntax.Each):
        return "each branch reads the row before: what leads into them stands there, or begins a row in the braces"
    if isinstance(value, Value | Bundle):
        joined = "to join arrows write `(a, b) -> concat`; to start from an arrow begin the row with it"
        layer = isinstance(stage, syntax.Name) and LAYER_LIKE.match(stage.id)
        return f"{joined}; a layer of several rows is `shared {stage.span.text}: …`" if layer else joined
    if isinstance(value, Word) and value.name.lower() == "none":
        return "a layer that does nothing is `identity`: write `layer = identity` behind the setting's colon"
    if isinstance(stage, syntax.TupleOf) and isinstance(value, tuple):
        behind = stage.span.source.text[stage.span.end :].partition("\n")[0].lstrip()
        if all(isinstance(i, LAYERS) for i in value) and re.match(
            r"->\s*(?:concat|add|mul|stack|max|min|mean)", behind
        ):
            return "branches are rows that begin with the same arrow, and are joined by their names: `(a, b) -> concat`"
        if all(isinstance(i, LAYERS) for i in value):
            return f"layers are joined by arrows: write `{' -> '.join(i.span.text for i in stage.items)}`"
        return f"a shape is claimed in square brackets: write `-> [{', '.join(i.span.text for i in stage.items)}]`"
    if isinstance(value, int) and not isinstance(value, bool):
        text = stage.span.text
        return f"write `linear({text})` for a layer of {text} features, or `-> [{text}]` to claim the shape"
    return None


def own_block(word: str, text: str) -> str | None:
    """Help for `Block(64)`, a class of one's own that is not in the text."""
    if not re.fullmatch(r"[A-Z]\w*", word) or not text.startswith(f"{word}("):
        return None
    settings = ", ".join(f"c{i}" if i else "c" for i, _ in enumerate(inside(text)))
    name = "unit" if word == "Block" else word.lower()
    return f"a layer of your own is a block above the net: `block {name}({settings}) {{ … }}`"


def of_place(name: syntax.Name) -> str | None:
    """Help for a word that means something elsewhere by where it stands."""
    text, start = name.span.source.text, name.span.start
    before = text[text.rfind("\n", 0, start) + 1 : start].rstrip()
    if name.id in ("output", "outputs", "out", "Output", "result") and before.endswith("->"):
        label = re.match(r"\s*(\w+)\s*:", before)
        named = f"`output {label[1]}` in the next row" if label else "the row `output y: …`"
        return f"the last row is what comes out; {named} says it aloud: take ` -> {name.id}` away"
    asked = re.match(r"[.]\w+", text[name.span.end :])
    if asked is not None and name.id in ("output", "out", "result", "y"):
        return f"`_` is the value of the row before: write `_{asked[0]}`"
    dashed = re.match(r"[A-Za-z]\w*(?:-\w+)+", text[start:])
    if dashed and (written := row_of(dashed[0])):
        return f"write `{written}`"
    if name.id in ("None", "null", "nil") and re.search(r"adaptive_\w+\([^()]*\([^()]*$", before):
        return "a size that stays is asked of the arrow that comes in, as in `(x.height, 7)` for an arrow `x`"
    if name.id in BATCH and re.search(r"reshape\(\s*[(\[]$", before):
        return f"the batch is never written: leave `{name.id}` out"
    claim = re.search(r"->\s*(?:int|bool|float)?\[([^\[\]\n]*)$", before)
    if claim is not None:
        return _of_claim(name, claim[1])
    if name.id in ("None", "null", "nil"):
        return "there is no such value: leave out what has none"
    return None


def _of_claim(name: syntax.Name, before: str) -> str | None:
    """Help for a word in a claim that names no size."""
    behind = name.span.source.text[name.span.end :].partition("]")[0]
    before = before + " " * before.endswith(",")
    if not before.strip() and name.id in BATCH and name.id != "None" and behind.strip():
        return f"the batch is never written: write `[{behind.strip().removeprefix(',').strip()}]`"
    return f"any size is claimed by `_`: write `[{before}_{behind}]`"


def looked_up(site: Site, expr: syntax.Index, value: Any, term: bool) -> str | None:
    """Help for `table[ids]`, where both are arrows."""
    bound = site.scope.find(expr.index.id) if isinstance(expr.index, syntax.Name) else None
    if not isinstance(value, Value) or bound is None or not isinstance(bound.value, Value):
        return None
    written = f"({expr.value.span.text}, {expr.index.span.text}) -> gather"
    if bound.value.type.dtype is not DType.INT:
        return f"an arrow is looked up by whole numbers, as in `{written}` for `int` ones"
    return f"whole numbers look up rows: write `{f'({written})' if term else written}`"


def item_of(expr: syntax.Index, value: Any, term: bool) -> str | None:
    """Help for `h[-1]`, where `h` is an arrow or a layer; a pipeline needs brackets where it is a `term`."""
    if isinstance(value, LAYERS):
        return _of_layer(expr, value)
    help = _cut(expr, value) if isinstance(value, Value) else None
    return re.sub(r"`([^`]* -> [^`]*)`", r"`(\1)`", help) if term and help else help


def _of_layer(expr: syntax.Index, layer: Any) -> str:
    """`lstm(64)[-1]`, `lstm(64)[0]` as in PyTorch, where it gives its states too; `split(2)[0]`."""
    text, at = expr.value.span.text, expr.index.span.text
    if layer.title in ("lstm", "gru", "rnn"):
        last = f"`{text} -> last` is its last step"
        return f"{last}, and `{text}` alone gives all of them" if at != "-1" else last
    return f"items are taken of a row's name: write `parts: {text}`, and below it `parts[{at}]`"


def _cut(expr: syntax.Index, value: Value) -> str:
    """`h[-1]`, `h[0]`, `h[None]`."""
    name, at = expr.value.span.text, expr.index.span.text
    if at in ("None", "newaxis", "np.newaxis", "tf.newaxis"):
        return f"an axis more is made by a layer: write `{name} -> unsqueeze(0)`, counted without the batch"
    if re.fullmatch(r"-?\d+", at) is None:
        return f"an arrow is cut by a layer, as in `{name} -> slice(0, start=0, end=1)`"
    if at == "-1" and value.type.rank == 2:
        return f"the last step of a sequence is `{name} -> last`"
    start = int(at)
    end = f", end={start + 1}" if start != -1 else ""
    return f"an arrow is cut by a layer: write `{name} -> slice(0, start={start}{end}) -> squeeze(0)`"


def whole_numbers(op: type[Op], call: str, value: Any) -> str | None:
    """Help for a layer of real numbers that words, or other whole numbers, come into."""
    first = value.items[0] if isinstance(value, Bundle) and value.items else value
    if issubclass(op, Loss) and isinstance(first, Value) and first.name.startswith("argmax"):
        return f"leave `argmax` out: `{op.name}` takes the scores themselves"
    if not isinstance(value, Value) or value.type.dtype is not DType.INT or op.name in ("embedding", "one_hot"):
        return None
    if op.name == "noise":
        return f"the numbers themselves are not read: write `to(float) -> {call or op.name}`"
    if value.type.rank <= 1:
        after = f" -> {call}" if call else ""
        return f"whole numbers, such as those of words, are looked up first: write `embedding(1000, 64){after}`"
    return f"real numbers need no kind: write `input {value.name} {value.type}`".replace("int[", "[")


def real_numbers(value: Value, given: bool) -> str | None:
    """Help for a layer that looks up by whole numbers, where real ones come in; `given` as an input of the body."""
    if value.type.dtype is not DType.FLOAT:
        return None
    if given and value.name:
        return f"whole numbers are declared: write `{value.name} int{value.type}` in the `input` row"
    return "whole numbers come from an input that is declared so, as in `input words int[T]`"


def without_batch(text: str, rank: int, field: str) -> str:
    """Help for a setting that names an axis which is not there: other languages count the batch."""
    name, equals, value = text.rpartition("=")
    numbers = [int(n) for n in re.findall(r"-?\d+", value)]
    counted = re.fullmatch(r"[\s\d,()\[\]-]+", value) is not None and bool(numbers)
    if counted and field == "order" and numbers[0] == 0 and len(numbers) == rank + 1:
        numbers = numbers[1:]
    if not counted or not all(0 < n <= rank or -rank <= n < 0 for n in numbers):
        return "axes are counted from 0, without the batch"
    moved = [str(n - 1 if n > 0 else n) for n in numbers]
    shown = f"({', '.join(moved)})" if value.strip()[:1] in "([" else moved[0]
    return f"axes are counted without the batch: write `{name}{equals}{shown}`"


# ---------------------------------------------------------------- inputs

SHAPED = re.compile(
    r"\b(?:(?:in_|input_|batch_)?(?:shape|size|dims?)|input|inputs|image|x|size)\s*[:=]\s*[\[(]([^\[\]()]*)[\])]"
)
"""A shape that is given as a setting or a number would be."""


def missing_input(definition: syntax.Definition) -> tuple[Span, str]:
    """Where a net without an input is wrong, and its help: the row that is meant, where a shape stands elsewhere."""
    text = re.sub(r"#[^\n]*", lambda found: " " * len(found[0]), definition.span.text)
    found = SHAPED.search(text)
    row = foreign.input_row("image", found[1]) if found else None
    drawn = re.search(r"\b(?:randn|rand|noise)\(", text)
    if (found is None or row is None) and drawn is not None:
        rows = "`input start [8]`, `z: start -> noise(normal, always=true)`"
        return definition.name.span, f"a net that is drawn from has an input too, whose shape alone is read: {rows}"
    if found is None or row is None:
        return definition.name.span, "add a row such as `input image [3, 224, 224]`"
    start = definition.span.start
    place = Span(definition.span.source, start + found.start(), start + found.end())
    return place, f"an input is a row of its own: write `{row}`"


KNOWN = {"identity": "eye", "zero": "zeros", "one": "ones", "range": "arange", "linspace": "arange", "diag": "eye"}
"""What the starts of a constant are called elsewhere."""


def instead_of_constant(row: syntax.ConstRow, value: object) -> str | None:
    """The way out for what no constant is known as."""
    name = row.name.id
    if isinstance(value, Value | Bundle):
        return f"it is known before the network runs; an arrow is named by a row, `{name}: {row.start.span.text}`"
    if isinstance(value, Word) and value.name == "constant" and value.values:
        return f"write `{value.values[0]}`"
    drawn = known_value(value.name, list(INITIALISERS)) if isinstance(value, Word) else None
    if isinstance(value, Word) and drawn and value.name not in STARTS and drawn not in STARTS:
        rest = row.span.text.removeprefix("const").strip()
        if value.name == "randn":
            rest = rest.replace("randn", "normal(1)")
        return (
            f"numbers that are drawn once and kept with the weights are a `frozen param`: write `frozen param {rest}`"
        )
    same = KNOWN.get(value.name) if isinstance(value, Word) else None
    return f"did you mean `{same}`?" if same else None
