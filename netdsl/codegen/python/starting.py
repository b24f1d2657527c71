"""What a state holds before the first step, or the first call, where it starts as a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from netdsl.codegen.python.dialect import Unrolling
from netdsl.codegen.python.forward import ForwardWriter
from netdsl.codegen.python.parameters import Parameters
from netdsl.codegen.python.text import lay, literal, unused
from netdsl.codegen.python.uses import BlockUse
from netdsl.dims.tensors import DType, Value
from netdsl.graph import State


@dataclass
class Starting:
    """Writes the lines in which states start."""

    parameters: Parameters
    forward: ForwardWriter
    forms: Unrolling
    uses: Sequence[BlockUse]
    entering: Sequence[tuple[str, Value]]
    """What has come in, by its name here."""
    samples: str
    """How many samples there are, in words."""
    along: Callable[[Sequence[Any]], str]
    """A size of what has come in."""
    taken: set[str]
    """What the class has attributes for."""

    def lines(self, state: State, name: str, shapes: Sequence[Sequence[Any]], depth: int = 2) -> list[str]:
        """The state called `name` filled with its number; `shapes` are those that each use has."""
        assert not isinstance(state.initial, Value)
        sizes = [self._extent(state, [shape[i] for shape in shapes]) for i in range(state.current.type.rank)]
        size, kind = (self.samples, *sizes), state.current.type.dtype
        like = next((n for n, v in self.entering if v.type.dtype is kind), "")
        if kind is not DType.FLOAT:
            some = like or self.samples.partition(".")[0]
            return lay(self.forms.filled(some, size, state.initial, None if like else kind), f"{name} = ", "", depth)
        if like:
            return lay(self.forms.filled(like, size, float(state.initial), None), f"{name} = ", "", depth)
        return lay(self.forms.spread(f"self.{self._kept(state)}", size), f"{name} = ", "", depth)

    def _kept(self, state: State) -> str:
        """A buffer with the number that a state starts from, so that it is of the kind that the module is."""
        attribute = unused(self.forward.dialect.identifier(f"{state.name}_0"), {*self.taken, *self.forward.buffers})
        assert not isinstance(state.initial, Value)
        self.forward.buffers[attribute] = self.forms.buffer(attribute, literal(float(state.initial)))
        return attribute

    def _extent(self, state: State, values: Sequence[Any]) -> str:
        """One size of a state, in words that are right for every use."""
        return self.parameters.value(values, self.uses, f"{state.name}_size", True, self.along).text
