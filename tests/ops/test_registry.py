"""What holds for every operation by its being in the registry: documented, exemplified, emitted, explained."""

from __future__ import annotations

import inspect
import re

import pytest
from one_more import EVERY

from netdsl.dims import Dim
from netdsl.ops.axes import channels_last
from netdsl.ops.base import INTERNAL, Op
from netdsl.ops.declared import Declared
from netdsl.ops.fields import INITIALISERS
from netdsl.program import check_text
from netdsl.recipe import AUGMENT, DATA, OPTIMIZERS, SCHEDULES, WEIGHTS
from netdsl.recipe import SETTINGS as VALUES
from netdsl.reference import words
from netdsl.reference.operations import (
    composites,
    entry,
    example_net,
    example_node,
    family,
    operations,
    signature,
)

OPERATIONS = operations()
ROWS: list[type[Declared]] = [*DATA.values(), *OPTIMIZERS.values(), *SCHEDULES.values(), *WEIGHTS.values()]
RECIPES = [*ROWS, *AUGMENT.values()]


def by_name(declared: type[Declared]) -> str:
    return declared.name


@pytest.mark.parametrize("op", OPERATIONS, ids=by_name)
def test_every_operation_is_documented(op: type[Op]) -> None:
    assert "__doc__" in op.__dict__, f"{op.name} says nothing about itself"
    first = inspect.cleandoc(op.__doc__ or "").split("\n")[0]
    assert first.endswith((".", ":", "?")) or "\n" in inspect.cleandoc(op.__doc__ or "")
    assert family(op) in words.FAMILIES


@pytest.mark.parametrize("op", OPERATIONS, ids=by_name)
def test_every_example_elaborates_and_uses_its_operation(op: type[Op]) -> None:
    found = [d for d in check_text(example_net(op)) if d.code != "unused-input"]
    assert found == []
    node = example_node(op)
    assert isinstance(node.op, op)
    assert node.results


@pytest.mark.parametrize("op", OPERATIONS, ids=by_name)
def test_every_operation_states_its_costs(op: type[Op]) -> None:
    made = example_node(op).op
    assert isinstance(made, Op)
    for fact in (made.macs(), made.bias_adds(), made.pointwise(), made.transcendentals()):
        assert isinstance(fact, int)
        assert fact >= 0


@pytest.mark.parametrize("target", EVERY)
@pytest.mark.parametrize("op", OPERATIONS, ids=by_name)
def test_every_target_has_a_rule_or_declines(op: type[Op], target: str) -> None:
    """What it declines it says a reason for, which an author can act upon."""
    rules = EVERY[target].rules()
    assert op.name in rules.table or rules.declined(op)


@pytest.mark.parametrize("target", EVERY)
def test_no_rule_is_for_nothing(target: str) -> None:
    known = {op.name for op in OPERATIONS} | {op.name for op in INTERNAL.values()}
    assert set(EVERY[target].rules().table) <= known


def test_every_setting_is_explained() -> None:
    used = {field.name for op in OPERATIONS for field in op.settings()}
    assert used == set(words.SETTINGS)
    assert {field.name for item in ROWS for field in item.settings()} == set(words.RECIPE)
    assert {field.name for item in AUGMENT.values() for field in item.settings()} == set(words.AUGMENT)
    assert set(VALUES) == set(words.ROWS)
    assert set(INITIALISERS) == set(words.INITIALISERS)


@pytest.mark.parametrize("op", OPERATIONS, ids=by_name)
def test_an_entry_names_every_setting_and_input(op: type[Op]) -> None:
    shown = "\n".join(entry(op))
    for field in op.settings():
        assert f"| `{field.name}` |" in shown
    for field in op.inputs():
        assert re.search(rf"\b{field.name}\b", signature(op))


@pytest.mark.parametrize("item", RECIPES, ids=by_name)
def test_every_word_of_a_recipe_is_documented(item: type[Declared]) -> None:
    assert "__doc__" in item.__dict__


@pytest.mark.parametrize("name", composites())
def test_every_block_of_the_library_is_documented(name: str) -> None:
    definitions = composites()[name]
    assert definitions
    assert [d.name.id for d in definitions if not d.doc] == []


ROW = re.compile(r"^\| (?P<names>`[^|]*) \| 0 \| (?P<flops>[^|]+) \| (?P<transcendentals>[^|]+) \|$", re.MULTILINE)
PER_ELEMENT = re.compile(r"(?:(\d+) an element|0)$")


def stated() -> list[tuple[str, int, int]]:
    """Operations with the FLOPs and transcendentals an element that the table of conventions gives them."""
    found = []
    for row in ROW.finditer(words.CONVENTION):
        flops, transcendentals = (PER_ELEMENT.match(row[part]) for part in ("flops", "transcendentals"))
        if flops and transcendentals:
            each = int(flops[1] or 0), int(transcendentals[1] or 0)
            found += [(name, *each) for name in re.findall(r"`(\w+)`", row["names"])]
    return found


@pytest.mark.parametrize(("name", "flops", "transcendentals"), stated(), ids=lambda value: str(value))
def test_the_table_of_conventions_is_what_operations_state(name: str, flops: int, transcendentals: int) -> None:
    node = example_node(next(op for op in OPERATIONS if op.name == name))
    assert isinstance(node.op, Op)
    elements = node.results[0].type.elements
    assert (node.op.macs(), node.op.pointwise(), node.op.transcendentals()) == (
        0,
        flops * elements,
        transcendentals * elements,
    )


def test_the_table_of_conventions_is_read() -> None:
    assert len(stated()) > 15


AWKWARD = ("relu * 2", "relu -> tanh", "twin", "twin(c=3) * 2", "normal(relu * 2)", "kept", "kept * 2")
"""Layers where numbers belong."""
SETTING = [(op.name, f.name) for op in OPERATIONS for f in op.settings() if not op.example.startswith("param ")]


@pytest.mark.parametrize("written", AWKWARD)
def test_a_setting_shows_what_it_cannot_take_in_the_words_of_the_text(written: str) -> None:
    settings = SETTING[AWKWARD.index(written) :: len(AWKWARD)]
    seen = 0
    for op, name in settings:
        rows = f"  input x [3, 8, 8]\n  shared kept: relu\n  x -> {op}({name}={written})\n"
        for d in check_text(f"block twin(c = 2) {{ relu -> tanh }}\nnet N {{\n{rows}}}\n"):
            assert not re.search(r"Layer\(|Repeat|Chain|Shared|Span|object at", d.message), d.message
            seen += written.split("(")[0] in d.message
    assert seen > len(settings) // 2


@pytest.mark.parametrize("declared", RECIPES, ids=lambda d: d.name)
def test_a_recipe_refuses_what_it_cannot_take(declared: type[Declared]) -> None:
    """Empty lists, lists of lists and words: said in a message, whatever the setting."""
    word = next(word for word, table in KEYWORDS if declared in table.values())
    for f in declared.settings():
        for value in ("[]", "[[]]", "relu", "1e30"):
            given = [f"{g.name}=1" for g in declared.settings() if g.required and g is not f]
            row = f"  {word} {declared.name}({', '.join([*given, f'{f.name}={value}'])})"
            rows = {"data": "  data digits", "optimizer": "  optimizer adam", word: row}
            text = "net N {\n  input x [1, 8, 8]\n  output logits: flatten -> linear(10)\n}\ntrain N {\n"
            text += "\n".join(rows.values()) + "\n  loss (logits, label) -> cross_entropy\n}\n"
            assert all(d.message for d in check_text(text)), text


KEYWORDS: tuple[tuple[str, dict[str, type]], ...] = (
    ("data", DATA),
    ("augment", AUGMENT),
    ("optimizer", OPTIMIZERS),
    ("schedule", SCHEDULES),
    ("weights", WEIGHTS),
)


@pytest.mark.parametrize("op", [*OPERATIONS, *INTERNAL.values()], ids=by_name)
def test_an_operation_has_a_gradient_or_says_why_not(op: type[Op]) -> None:
    assert (op.gradient is not Op.gradient) != bool(op.no_gradient)


ALONG = ("slice(0, end=1)", "concat", "split(1)", "last", "reverse", "argmax", "softmax", "log_softmax", "squeeze(0)")
"""Rows that go along an axis."""


@pytest.mark.parametrize("row", ALONG)
def test_a_number_has_no_axis_to_go_along(row: str) -> None:
    (found,) = check_text(f"net N {{\n  input x []\n  output y: x -> {row}\n}}\n")
    assert (found.code, "needs at least one axis" in found.message) == ("wrong-rank", True)


def test_what_looks_like_channels_last() -> None:
    """Few channels behind two sizes that are none."""
    for shape in ([224, 224, 3], [32, 8, 1], [8, 32, 4], [Dim.symbol("H"), 9, 3]):
        assert channels_last(shape), shape
    for shape in ([3, 224, 224], [224, 7, 3], [7, 224, 3], [224, 224, 2], [224, 224], [2, 224, 224, 3]):
        assert not channels_last(shape), shape
