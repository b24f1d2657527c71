"""What a rule of the ONNX target works with: names in, names out, nodes added on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NewType, Protocol

from numpy.typing import ArrayLike
from onnx import GraphProto, TensorProto

from netdsl.codegen.target import Rules
from netdsl.dims import Extent

rules = Rules("onnx", "`{}` has no ONNX form")
"""Rules take `(op, inputs, build)` and return the name of the result, or a tuple of names."""

TensorName = NewType("TensorName", str)
"""What a tensor of the model is called: a node's result, an input, a weight or a constant."""

NodeSetting = float | str | Sequence[int] | Sequence[float] | Sequence[str] | TensorProto | GraphProto
"""A setting of an ONNX node."""


class Builder(Protocol):
    """The place where a rule writes its nodes. Names are made unique and carry the node's path.

    Tensors have the batch axis in front unless the value's type is not `batched`.
    """

    training: bool
    """True while a training graph is written (batchnorm with batch statistics, dropout active)."""

    @property
    def cuda(self) -> bool:
        """Whether the graph is spelt for CUDA's kernels; it means the same either way."""

    def node(self, op_type: str, inputs: Sequence[str], **attributes: NodeSetting) -> TensorName:
        """Add a node of the default ONNX domain; returns the name of its (first) result.

        An input may be "" (left out).
        """

    def nodes(
        self, op_type: str, inputs: Sequence[str], outputs: int, **attributes: NodeSetting
    ) -> tuple[TensorName, ...]:
        """As `node`, of so many results; returns the name of each."""

    def weight(self, name: str = "") -> TensorName:
        """The initialiser of this operation's weight of that name (shared with whoever shares the layer)."""

    def constant(self, value: ArrayLike, dtype: str = "float32") -> TensorName:
        """A small constant tensor (numbers or nested lists); equal ones are stored once."""

    def ints(self, *values: int) -> TensorName:
        """A 1-D int64 constant."""

    def counts_samples(self, size: str) -> None:
        """A size of this name is from here on the number of samples."""

    def seed(self) -> tuple[TensorName, int]:
        """The seed of a run, an int64 number that becomes an input, and a number that no other place that draws has."""

    def shape_of(self, name: TensorName, start: int | None = None, end: int | None = None) -> TensorName:
        """The runtime shape of a tensor (or a slice of it) as a 1-D int64 tensor."""

    def extents(self, *values: Extent | TensorName) -> TensorName:
        """A 1-D int64 tensor of sizes, each an int, a `Dim` computed from the graph's inputs at run time, or the
        name of a 1-D int64 tensor that is put in place."""
