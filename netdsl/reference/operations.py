"""`docs/operations.md`: every operation, block and recipe word, from the declarations themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence

from netdsl.analysis import counts
from netdsl.analysis.counts import LayerAt
from netdsl.analysis.settings import value_text
from netdsl.codegen.target import TARGETS, Rules
from netdsl.graph import Node
from netdsl.ops import REGISTRY
from netdsl.ops.base import Op
from netdsl.ops.declared import Declared, Field
from netdsl.program import load_text
from netdsl.reference.words import AUGMENT as STAGES
from netdsl.reference.words import CONVENTION, FAMILIES, INITIALISERS, OF_DATA, OWN, RECIPE, ROWS, SETTINGS
from netdsl.stdlib import STDLIB
from netdsl.text import syntax

ARROW = re.compile(r"(\w+) ((?:int|bool)?\[[^\]]*\])")


def operations() -> list[type[Op]]:
    """Every operation that a text can name, once, by family and in the order of declaration."""
    order = list(FAMILIES)
    return sorted(dict.fromkeys(REGISTRY.values()), key=lambda op: order.index(family(op)))


def family(op: type[Op]) -> str:
    """The module of `netdsl.ops` that declares it."""
    return op.__module__.rsplit(".", 1)[1]


# ---------------------------------------------------------------- examples


def example_net(op: type[Op]) -> str:
    """The example of an operation as a whole net: arrows that stand with a shape become inputs.

    A name without a shape is a learned tensor of the shape `[1, 32]`; the example of a `param` is added to an input.
    """
    if op.example.startswith("param "):
        declared = ARROW.search(op.example)
        assert declared is not None
        return f"net Example {{\n  input x {declared[2]}\n  {op.example}\n  x + {declared[1]}\n}}\n"
    head, arrow, rest = op.example.partition(" -> ")
    inputs = [f"  input {name} {type}" for name, type in ARROW.findall(head)]
    bare = [w for w in re.findall(r"[(,] *(\w+) *(?=[,)])", head) if not w.isdigit()]
    params = [f"  param {name} [1, 32]" for name in bare]
    row = "  made: " + ARROW.sub(r"\1", head) + arrow + rest
    return "\n".join(["net Example {", *inputs, *params, row, "  output made", "}", ""])


def example_node(op: type[Op]) -> Node:
    """The node that an operation's example makes."""
    net = load_text(example_net(op), f"the example of {op.name}").net()
    return next(node for _, node in net.walk() if node.op.name == op.name)


# ---------------------------------------------------------------- the page


def operations_page() -> str:
    """The whole page."""
    parts = [HEAD, CONVENTION, *_kinds(), *_index()]
    for name, title in FAMILIES.items():
        parts += [f"## {title}", ""]
        parts += [line for op in operations() if family(op) == name for line in entry(op)]
    return "\n".join([*parts, *_composites(), *_recipes()])


HEAD = """\
# Operations

<!-- Made by `python -m netdsl.reference docs` from the declarations in netdsl/ops, netdsl/recipe and netdsl/stdlib. -->

What can stand in a row. Names mean what they mean in PyTorch where PyTorch has the thing. Shapes are those of one
sample: the batch is never written. Images are `[channels, height, width]`, volumes `[channels, depth, height, width]`,
signals `[channels, length]`, sequences `[steps, features]`.

An example gives an arrow its shape where it stands first; `image [3, 8, 8] -> relu` is short for an `input` row and a
row `image -> relu`. The first arrow of a signature is what comes in, or a bundle `(a, b)`; arrows in `[ ]` may be left
out. Settings without a default must be given. Those before the `;` may be given by place, those behind it are given by
name; what a layer reads, such as the channels that come in, is inferred and never given.

## What is counted
"""


def _kinds() -> list[str]:
    rows = [f"| `{name}` | {text} |" for name, text in INITIALISERS.items()]
    return [
        "## How weights start",
        "",
        "`init` takes one of these words; fan in is the number of inputs that one output reads. Where an `init` is",
        "given, biases start at 0.",
        "",
        "| word | meaning |",
        "|---|---|",
        *rows,
        "",
    ]


def _index() -> list[str]:
    lines = ["## All operations", ""]
    for name, title in FAMILIES.items():
        links = ", ".join(f"[`{op.name}`](#{op.name})" for op in operations() if family(op) == name)
        lines.append(f"- {title}: {links}")
    return [*lines, "- Blocks: [the standard library](#blocks-of-the-standard-library)", ""]


def entry(op: type[Op]) -> list[str]:
    """The section of one operation."""
    node = example_node(op)
    alias = f" Also called {', '.join(f'`{a}`' for a in op.aliases)}." if op.aliases else ""
    return [
        f"### {op.name}",
        "",
        f"`{signature(op)}`",
        "",
        *paragraphs(op, alias),
        "",
        f"Example: `{op.example}`",
        "",
        *table(op.settings(), {**SETTINGS, **OWN.get(op.name, {})}),
        *facts(op, node),
        "",
    ]


def signature(op: type[Op]) -> str:
    """`x -> conv(channels, kernel; stride=1)`."""
    arrows = [f"[{f.name}]" if not f.required else f"{f.name}…" if f.many else f.name for f in op.inputs()]
    start = "" if not arrows else (arrows[0] if len(arrows) == 1 else f"({', '.join(arrows)})") + " -> "
    return start + call(op)


def call(declared: type[Declared]) -> str:
    """`conv(channels, kernel; stride=1)`: what may be given by place stands before the `;`."""
    settings = [f.name if f.required else f"{f.name}={default(f)}" for f in declared.settings()]
    return f"{declared.name}({placed(settings, declared.positional)})" if settings else declared.name


def placed(settings: Sequence[str], most: int) -> str:
    """Settings, those that are given by name behind a `;`."""
    by_place, by_name = ", ".join(settings[:most]), ", ".join(settings[most:])
    return f"{by_place}; {by_name}" if by_place and by_name else by_place or f"; {by_name}"


def default(field: Field) -> str:
    """A default as the language spells it."""
    if field.default is None:
        return "none"
    from netdsl.recipe.steering import AimsKind  # late, as all of recipes

    if field.default == ():
        return "none" if isinstance(field.kind, AimsKind) else "[]"
    return value_text(field.default)


def paragraphs(declared: type, more: str = "") -> list[str]:
    """A class's documentation as Markdown."""
    return (inspect.cleandoc(declared.__doc__ or "") + more).split("\n")


def table(fields: Iterable[Field], meanings: Mapping[str, str]) -> list[str]:
    """Settings with what they take and what they are; nothing where there are none."""
    rows = [f"| `{f.name}` | {_takes(f)} | {_default_cell(f)} | {_meaning(f, meanings)} |" for f in fields]
    return ["| setting | takes | default | |", "|---|---|---|---|", *rows, ""] if rows else []


def _meaning(field: Field, meanings: Mapping[str, str]) -> str:
    """What a setting is; what `none` means is left out where it is not the default."""
    meaning = meanings[field.name]
    return meaning if field.default is None else meaning.partition("; `none`")[0]


def _takes(field: Field) -> str:
    assert field.kind is not None
    return "an initialiser" if field.kind.says.startswith("an initialiser") else field.kind.says


def _default_cell(field: Field) -> str:
    return "must be given" if field.required else f"`{default(field)}`"


def facts(op: type[Op], node: Node) -> list[str]:
    """What the example owns and costs, who can emit it, whether it states a gradient."""
    made = node.op
    assert isinstance(made, Op)
    weights = ", ".join(
        f"`{w.name or 'itself'}` {list(w.shape)}{' (buffer)' if w.buffer else ''}" for w in made.weights()
    )
    lines = [f"- Results of the example: {', '.join(f'`{v.type}`' for v in node.results)}"]
    lines.append(f"- Weights of the example: {weights or 'none'}")
    lines.append(f"- Counted for the example: {_counted(made)}")
    lines.append(f"- Targets: {targets(op)}; gradient: {gradient(op)}")
    return lines


def _counted(op: Op) -> str:
    layer = LayerAt(op)
    numbers = {
        "MACs": counts.macs(layer), "bias additions": counts.bias_adds(layer),
        "elementwise FLOPs": counts.pointwise(layer), "transcendentals": counts.transcendentals(layer),
    }  # fmt: skip
    said = [f"{value:,} {name}" for name, value in numbers.items() if value]
    said += [f"{name} not stated" for name in layer.missing]
    why = op.estimated()
    return (", ".join(said) or "nothing") + (f"; an estimate of FLOPs: {why}" if why else "")


def targets(op: type[Op]) -> str:
    """The targets that have a rule for it."""
    return ", ".join(title for title, rules in target_rules().items() if op.name in rules.table) or "none"


def target_rules() -> dict[str, Rules]:
    """The tables of rules by the title of their target."""
    return {target.title: target.rules() for target in TARGETS.values()}


def gradient(op: type[Op]) -> str:
    """Whether the operation states a gradient of its own (PyTorch finds its own in any case)."""
    return "none of its own" if op.no_gradient else "stated"


# ---------------------------------------------------------------- blocks and recipes


def composites() -> dict[str, list[syntax.Definition]]:
    """The blocks of the standard library by the name of their file, `std.prelude` first."""
    from netdsl.text.diagnostics import Collector
    from netdsl.text.parser import parse
    from netdsl.text.source import Source

    found: dict[str, list[syntax.Definition]] = {}
    for path in sorted(STDLIB.glob("*.net"), key=lambda p: (p.stem != "prelude", p.stem)):
        collector = Collector()
        file = parse(Source(f"std.{path.stem}", path.read_text(encoding="utf-8")), collector)
        collector.check()
        found[f"std.{path.stem}"] = [i for i in file.items if isinstance(i, syntax.Definition)]
    return found


def _composites() -> list[str]:
    lines = [
        "## Blocks of the standard library", "",
        "Written in the language itself, in `netdsl/stdlib`. Those of `std.prelude` are there in every file; of the",
        "others a file says `use std.resnet { bottleneck }`.", "",
    ]  # fmt: skip
    for module, definitions in composites().items():
        lines += [f"### {module}", "", "| block | |", "|---|---|"]
        lines += [f"| `{_definition_call(d)}` | {' '.join(d.doc.split())} |" for d in definitions]
        lines.append("")
    return lines


def _definition_call(definition: syntax.Definition) -> str:
    parameters = [p.span.text for p in definition.parameters]
    return f"{definition.name.id}({placed(parameters, definition.positional)})" if parameters else definition.name.id


def _recipes() -> list[str]:
    from netdsl.recipe import AUGMENT, DATA, OPTIMIZERS, SCHEDULES, WEIGHTS, Augmentation, Optimizer, Schedule
    from netdsl.recipe import SETTINGS as VALUES
    from netdsl.recipe.data.images import Images

    return [
        "## Recipes", "", "What the rows of a `train` section may say.", "",
        *_declared("Data", Images, DATA), *_declared("Augmentation", Augmentation, AUGMENT, STAGES),
        *_declared("Optimizers", Optimizer, OPTIMIZERS),
        *_declared("Schedules", Schedule, SCHEDULES), *_declared("Weights", Declared, WEIGHTS),
        "### Values", "", *table(VALUES.values(), ROWS),
    ]  # fmt: skip


def _declared(
    title: str, base: type[Declared], items: Mapping[str, type[Declared]], explained: Mapping[str, str] = RECIPE
) -> list[str]:
    """A section on one kind of declarations, headed by what they have in common."""
    lines = [f"### {title}", "", *paragraphs(base), ""]
    tables: dict[str, str] = {}
    for item in items.values():
        own = table(item.settings(), {**explained, **OF_DATA.get(item.name, {})})
        first = tables.setdefault("\n".join(own), item.name)
        lines += [
            f"#### {item.name}",
            "",
            f"`{call(item)}`",
            "",
            *paragraphs(item),
            "",
            *(own if first == item.name or not own else [f"Settings as of `{first}`.", ""]),
        ]
    return lines
