"""What operations and words of recipes are made of: each attribute is a field, or declared as what follows from them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Annotated, Any

import pytest

import netdsl.ops
import netdsl.recipe
from netdsl.dims.tensors import Value
from netdsl.ops.base import Op
from netdsl.ops.declared import Declared, Values
from netdsl.ops.fields import FloatKind, derived
from netdsl.reference.operations import example_node, operations

MODULES = sorted(
    module.name for room in (netdsl.ops, netdsl.recipe) for module in walk_packages(room.__path__, f"{room.__name__}.")
)


def declared_classes() -> list[type[Declared]]:
    modules = [import_module(name) for name in MODULES]
    found = [c for m in modules for c in vars(m).values() if inspect.isclass(c) and c.__module__ == m.__name__]
    return [c for c in found if issubclass(c, Declared) and c is not Declared]


CLASSES = declared_classes()


def stored(method: ast.FunctionDef) -> Iterator[str]:
    """The attributes of itself that a method sets."""
    for node in ast.walk(method):
        own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
        if own and isinstance(node.ctx, ast.Store):
            yield node.attr


def undeclared(cls: type[Declared]) -> set[str]:
    tree = ast.parse(inspect.getsource(inspect.getmodule(cls)))
    body = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__).body
    set_here = {name for method in body if isinstance(method, ast.FunctionDef) for name in stored(method)}
    return set_here - cls.derived - {f.name for f in cls.fields}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
def test_no_operation_sets_an_undeclared_attribute(cls: type[Declared]) -> None:
    assert undeclared(cls) == set()


@pytest.mark.parametrize("op", operations(), ids=lambda op: op.name)
def test_what_is_declared_is_what_an_operation_has(op: type[Op]) -> None:
    made = example_node(op).op
    assert set(vars(made)) == {f.name for f in op.fields} | op.derived


def test_an_attribute_that_follows_is_no_setting() -> None:
    class Halved(Declared):
        size: int
        half: int = derived()

        def prepare(self) -> None:
            self.half = self.size // 2

    made = Halved(7)
    assert ([f.name for f in Halved.fields], made.half) == (["size"], 3)
    assert not hasattr(Halved, "half")
    with pytest.raises(TypeError):
        Halved(7, half=3)


def test_what_a_class_declares_is_read_from_its_annotations() -> None:
    number = Annotated[float, FloatKind()]
    live = {
        "x": Value,
        "others": Values,
        "like": Value | None,
        "factor": number,
        "most": Annotated[float | None, FloatKind()],
    }
    Scaled: Any = type("Scaled", (Declared,), {"__annotations__": live, "like": None, "most": None})
    assert [(f.name, f.many, f.optional) for f in Scaled.inputs()] == [
        ("x", False, False), ("others", True, False), ("like", False, True),
    ]  # fmt: skip
    assert [(f.name, f.required) for f in Scaled.settings()] == [("factor", True), ("most", False)]
    assert (Scaled.name, Scaled(1, (), factor=2.0).given()) == ("scaled", {"factor": 2.0})
    with pytest.raises(TypeError, match="scaled needs others"):
        Scaled(1, factor=2.0)
    with pytest.raises(TypeError, match="scaled takes no size"):
        Scaled(1, (), factor=2.0, size=3)


def test_the_classes_are_found() -> None:
    assert len(CLASSES) > 150
