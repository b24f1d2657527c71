"""A dialect: the words of one target's Python source, and the few forms that are more than a word."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from netdsl.codegen.python.spelling import Made
from netdsl.codegen.python.text import Atom, Called, Doc, unused
from netdsl.codegen.target import Rules, Unsupported
from netdsl.dims.tensors import DType, Init

BUILTINS = frozenset(dir(builtins))
PYTHON = BUILTINS | {*keyword.kwlist, *keyword.softkwlist, "math", "OrderedDict", "self"}
"""What no variable of a source is called, whatever the target."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Names in order, and the defaults of those that have one."""

    names: tuple[str, ...]
    defaults: dict[str, Any]


@cache
def read_signature(text: str) -> Signature:
    """The signature that `in_channels, kernel_size, stride=1` says."""
    fields = [f.strip().split("=") for f in text.split(", ")]
    defaults = {f[0]: ast.literal_eval(f[1]) for f in fields if len(f) > 1}
    return Signature(tuple(f[0] for f in fields), defaults)


@dataclass(frozen=True)
class Freezing:
    """The forms of layers that are not trained."""

    after: str
    """What stands behind a module that is made."""
    parameter: Mapping[str, Any]
    """How a free parameter is made."""
    keep: str
    """The function, among what a source may contain, that lets a module keep to its running statistics."""
    method: Callable[[str, Sequence[str]], list[str]]
    """The method of a class of that name that runs those statements whenever training begins or ends."""
    settle: str
    """The statement that calls it first."""


@dataclass(frozen=True)
class Unrolling:
    """The forms of a recurrent block: how the steps of a sequence are had, and what states start from."""

    steps: Callable[[str], str]
    """What goes over axis 1 of a sequence: `x.unbind(1)`."""
    stacked: Callable[[str], str]
    """A list of results as one sequence."""
    repeated: Callable[[str, str], str]
    """A state that is given once, for as many samples as the second text says."""
    filled: Callable[[str, Sequence[str], float, DType | None], Called]
    """A state of such sizes and one number, of the type that a value has or of a kind of its own."""
    buffer: Callable[[str, str], Doc]
    """The statement that keeps a number as an attribute, where no input tells of which type a state is."""
    spread: Callable[[str, Sequence[str]], Called]
    """A state of such sizes, made from that attribute."""


@dataclass(frozen=True)
class Rerunning:
    """The forms of blocks that keep only what comes in, and run again in the backward pass."""

    made: str
    """The class, among what a source may contain, that runs them so."""
    statements: Callable[[Sequence[str]], list[str]]
    """What the constructor of the net ends with, for the keys of their modules."""


def _set(key: str, made: Doc, free: bool) -> Called:
    return Called("setattr", (("", Atom("self")), ("", Atom(key)), ("", made)))


def _assigned(name: str, made: Doc) -> Called:
    return _set(repr(name), made, True)


def _same(function: str, slot: str) -> str:
    return slot


def _no_start(init: Init, shape: tuple[int, ...]) -> tuple[str, dict[str, str]]:
    raise Unsupported(f"weights cannot start as `{init.kind}` says")


@dataclass(frozen=True, eq=False)
class Dialect:
    """What a target says in its own words. All else about its source is the same for every target."""

    title: str
    """What messages call the source: `… source: …`."""
    rules: Rules
    """The target's spellings: each rule takes an operation and gives a `Spelling`."""
    header: Callable[[set[str]], list[str]]
    """The import lines for the names that a source uses, those of Python itself apart."""

    # the words
    module: str
    """The class that the classes of a source derive from."""
    tensor: str
    """The type of a value."""
    sequence: str
    """What runs modules one after the other, made from an `OrderedDict` of them."""
    table: str
    """What holds modules by name, made from a dict of them."""
    identity: str
    """The module that does nothing."""
    parameter: str
    """What makes a tensor a free parameter of a module."""
    empty: Callable[[tuple[Any, ...]], Made]
    """A tensor of a shape, whatever its numbers."""
    forward: str = "forward"
    """The method that runs a module."""
    opening: str = ""
    """The first line of a constructor."""
    training: str = "self.training"
    """The condition that a module is in training."""
    modules: str = "__dict__"
    """The attribute of a module where its modules lie by name."""
    parameters: str = "__dict__"
    """The attribute of a module where its free parameters lie by name."""
    registered: Callable[[str, Doc, bool], Called] = _set
    """The statement that gives a module an attribute whose name is computed; the last says a free parameter."""
    kept: Callable[[str, Doc], Called] = _assigned
    """The statement that keeps a tensor as an attribute which no file of weights has."""
    start: Callable[[Init, tuple[int, ...]], tuple[str, dict[str, str]]] = _no_start
    """The function that starts a weight of a shape, and what it is given besides the weight."""
    unrolling: Unrolling | None = None
    """None for a target that cannot say a recurrent block."""
    freezing: Freezing | None = None
    """None for a target that cannot say that some weights are not trained."""

    # what is known of the names
    imported: frozenset[str] = frozenset()
    """Names that the header may bring: no variable's."""
    attributes: frozenset[str] = frozenset()
    """What a module has already, underscored names apart: no layer's attribute."""
    container_attributes: frozenset[str] = frozenset()
    """What `sequence` and `table` have beside those."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    """Names and defaults of what a source constructs and calls, so that layers that differ only in a setting left at
    its default can share one class."""
    keywords: Mapping[str, str] = field(default_factory=dict)
    """What the target calls settings of layers, where it is not their own name."""
    slot: Callable[[str, str], str] = _same
    """What a new constructor argument is called that stands at a place of a call; "" for no word of its own."""
    support: Mapping[str, str] = field(default_factory=dict)
    """Source of classes and functions that a file may have to contain, by name."""
    rerunning: Rerunning | None = None
    """None where a target keeps what it keeps, whatever a recipe says."""
    start_support: Mapping[str, str] = field(default_factory=dict)
    """The same for functions that only constructors call."""

    # ------------------------------------------------------------ names

    def identifier(self, name: str) -> str:
        """A name for a variable or an argument: ASCII, no keyword, hides nothing that the source needs.

        Two names of a text never come to one. Classes have a way of their own with names that begin with `__`.
        """
        made = re.sub(r"\W|[^\x00-\x7f]", "_", name) or "x"
        if made[0].isdigit() or re.match("x*__", made):
            made = f"x{made}"
        return f"{made}_" if self._is_taken(made.rstrip("_")) else made

    def class_name(self, name: str, taken: Collection[str] = ()) -> str:
        """`double_conv` → `DoubleConv`; numbered when it is taken."""
        words = [w for w in re.split(r"\W|_|[^\x00-\x7f]", name) if w]
        made = "".join(w[0].upper() + w[1:] for w in words) or "Block"
        made = f"Net{made}" if made[0].isdigit() else made
        return unused(f"{made}Block" if self._is_taken(made) else made, taken, first=2)

    def _is_taken(self, name: str) -> bool:
        return name in PYTHON or name in self.imported

    def is_plain(self, name: str) -> bool:
        """Whether a layer's name can be an attribute as it is."""
        ordinary = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
        return ordinary and not name.startswith("_") and name not in self.attributes

    def is_spoken_for(self, name: str) -> bool:
        """Whether a table of modules itself has something of that name, and would refuse the key."""
        inner = name.startswith("_") and not name[-1].isdigit()
        return inner or name in self.attributes or name in self.container_attributes

    def attribute(self, label: str, free: bool = False) -> str:
        """How an attribute is reached; one that a module has a use for lies in the table alone.

        `row.layer` is a layer that the table of a row has under such a name.
        """
        row, dot, rest = label.rpartition(".")
        if dot:
            return f'{self.attribute(row)}.{self.modules}["{rest}"]'
        table = self.parameters if free else self.modules
        return f"self.{label}" if self.is_plain(label) else f'self.{table}["{label}"]'

    def inside(self, access: str, key: str) -> str:
        """How a weight is reached that a module has under a key: `self.words.weight`."""
        *modules, weight = key.split(".")
        tables = [*((self.modules, m) for m in modules), (self.parameters, weight)]
        plain = [self.is_plain(word) and word not in self.container_attributes for _, word in tables]
        steps = (f".{w}" if p else f'.{table}["{w}"]' for (table, w), p in zip(tables, plain, strict=True))
        return "".join([access, *steps])

    # ------------------------------------------------------------ calls

    def signature(self, function: str) -> Signature | None:
        """The signature of a function of the target, None when it is not listed."""
        text = self.signatures.get(function)
        return read_signature(text) if text is not None else None

    def defaults(self, function: str) -> dict[str, Any]:
        """The defaults of a function of the target, as far as they are listed."""
        signature = self.signature(function)
        return signature.defaults if signature else {}

    def free_parameter(self, shape: tuple[Any, ...], frozen: bool = False) -> Made:
        """A free parameter of a shape."""
        return Made(
            self.parameter, (self.empty(shape),), dict(self.freezing.parameter) if frozen and self.freezing else {}
        )
