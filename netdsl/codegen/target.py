"""What a target is: a name, what it makes, rules by operation name. All that depends on a target is asked of it.

`TARGETS` is the table that commands, pages and tests read. A target is imported when it is asked for, and its rules and
libraries only when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from netdsl.base.record import keyed
from netdsl.graph import Net, Node
from netdsl.graph.trail import Around, trail_of
from netdsl.ops.base import Op, RuleError
from netdsl.text.diagnostics import Collector
from netdsl.text.source import Span
from netdsl.text.trail import Trail

Rule = TypeVar("Rule", bound=Callable[..., Any])


class Unsupported(Exception):
    """An operation that a target declines, or a use of one that it cannot say. Becomes a diagnostic at its place."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


class Rules:
    """One rule an operation; an operation without one is an error at its place in the text, never a skip.

    `lacks` is what is said of such an operation, `{}` its name. `declines` are operations that have no rule on purpose,
    by class, with the reason: what an author can do instead. It holds for all operations of the class.
    """

    def __init__(self, target: str, lacks: str, declines: Mapping[type[Op], str] | None = None) -> None:
        self.target = target
        self.lacks = lacks
        self.declines = dict(declines or {})
        self.table: dict[str, Callable[..., Any]] = {}

    def lowers(self, *ops: type[Op]) -> Callable[[Rule], Rule]:
        """Register the function below as the rule of these operations."""

        def register(rule: Rule) -> Rule:
            for op in ops:
                assert op.name not in self.table, f"{self.target} has a rule for {op.name} already"
                self.table[op.name] = rule
            return rule

        return register

    def find(self, op: Op) -> Callable[..., Any] | None:
        return self.table.get(op.name)

    def rule(self, op: Op) -> Callable[..., Any]:
        """The rule of an operation. Raises `Unsupported` where there is none, with the reason."""
        found = self.find(op)
        if found is None:
            raise Unsupported(self.lacks.format(op.name), self.declined(type(op)))
        return found

    def declined(self, op: type[Op]) -> str | None:
        """Why an operation has no rule, where that is on purpose."""
        return next((self.declines[c] for c in op.__mro__ if c in self.declines), None)


class Refusals:
    """What a target cannot say of a graph, once a place, each where the elaborator would show it."""

    def __init__(self) -> None:
        self.collector = Collector()
        self.places: set[Span] = set()

    def add(self, problem: Unsupported | RuleError, node: Node, chain: Around) -> None:
        """What is wrong with a node; `chain` are the nodes of blocks around it."""
        self.report(str(problem), trail_of(node, chain), problem.help)

    def report(self, message: str, at: Trail, help: str | None = None) -> None:
        if at.span not in self.places:
            self.places.add(at.span)
            self.collector.report("not-supported-by-target", message, at.span, notes=at.notes(), help=help)

    @property
    def full(self) -> bool:
        """Nothing more is taken."""
        return self.collector.full

    @property
    def failed(self) -> bool:
        return self.collector.failed

    def check(self) -> None:
        """Raise `NetError` with everything that cannot be said."""
        self.collector.check()


@keyed
class Target:
    """What nets can be written as. Either `emit` or `save` is given."""

    name: str
    """The word behind `--to`."""
    title: str
    """What people call it; targets that share their rules share it."""
    makes: str
    """What it gives, in a sentence: `an ONNX model`."""
    ending: str
    """The ending of its files."""
    rules: Callable[[], Rules]
    """Its rules, all there. Nothing of it is imported before."""
    emit: Callable[[Net, Mapping[str, Any]], str] | None = None
    """A net as a text, for a terminal or a file. Raises `NetError` with what cannot be said."""
    save: Callable[[Net, Path, Mapping[str, Any]], None] | None = None
    """Write a net to a file, where that is no text. Raises `NetError` with what cannot be said."""
    files: Callable[[Net, Path], list[Path]] = lambda net, path: [path]
    """What is written where a file of that name is asked for: several, where a net needs several."""
    options: frozenset[str] = frozenset()
    """Options of `netdsl compile` that it takes, which `emit` and `save` get by name."""
    trains: bool = False
    """Whether it needs the `train` section."""
    notes: Callable[[Net], list[str]] = lambda net: []
    """What its author may not expect of what is made of a net, in sentences."""

    @property
    def needs_file(self) -> bool:
        """Whether what it makes is nothing for a terminal."""
        return self.emit is None

    def write(self, net: Net, path: Path, options: Mapping[str, Any]) -> None:
        """Write a net to a file, the whole of it or nothing."""
        from netdsl.base.files import write_text

        if self.emit is not None:
            write_text(path, self.emit(net, options))
        elif self.save is not None:
            self.save(net, path, options)


class TargetTable(Mapping[str, Target]):
    """Targets by name. `places` has where each is declared, as `module:attribute`: known without any import."""

    def __init__(self, places: dict[str, str]) -> None:
        self.places = places

    def __getitem__(self, name: str) -> Target:
        module, _, attribute = self.places[name].partition(":")
        target: Target = getattr(import_module(module), attribute)
        return target

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


TARGETS = TargetTable(
    {
        "pytorch": "netdsl.codegen.pytorch.target:PYTORCH",
        "onnx": "netdsl.codegen.onnx.target:ONNX",
        "onnx-train": "netdsl.codegen.onnx.target:ONNX_TRAIN",
    }
)
"""Everything that a net can be written as: a target more is a line here."""
