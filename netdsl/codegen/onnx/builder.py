"""Where rules write: one netdsl node after another, into a graph of the model being made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from netdsl.codegen.onnx.lowering import NodeSetting, TensorName
from netdsl.codegen.onnx.scope import GraphScope
from netdsl.codegen.onnx.sizes import RuntimeSizes
from netdsl.dims import Extent
from netdsl.graph import joined


class NodeBuilder:
    """The `lowering.Builder` of one node: names carry its path, weights its key."""

    training = False

    def __init__(
        self,
        scope: GraphScope,
        sizes: RuntimeSizes,
        path: str,
        key: str,
        notes: dict[str, str],
        contracts: bool = False,
    ) -> None:
        self.scope = scope
        self.sizes = sizes
        self.path = path
        """`/d1/conv1`, the prefix of the names of its ONNX nodes."""
        self.key = key
        """`d1.conv1`, the prefix of its weights in the state dict."""
        self.notes = notes
        self.contracts = contracts
        """Whether the operation states multiply-accumulates."""

    @property
    def cuda(self) -> bool:
        return self.scope.ledger.cuda

    def node(self, op_type: str, inputs: Sequence[str], **attributes: NodeSetting) -> TensorName:
        return self.nodes(op_type, inputs, 1, **attributes)[0]

    def nodes(
        self, op_type: str, inputs: Sequence[str], outputs: int, **attributes: NodeSetting
    ) -> tuple[TensorName, ...]:
        results = self.scope.add(self.path, op_type, inputs, attributes, outputs, self.notes)
        if self.contracts:
            self.scope.ledger.contractions.add(self.scope.nodes[-1].name)
        return results

    def weight(self, name: str = "") -> TensorName:
        return self.scope.ledger.weight(joined(self.key, name))

    def constant(self, value: ArrayLike, dtype: str = "float32") -> TensorName:
        return self.scope.ledger.constant(np.array(value, dtype))

    def ints(self, *values: int) -> TensorName:
        return self.constant(list(values), "int64")

    def counts_samples(self, size: str) -> None:
        self.sizes.samples.add(size)

    def seed(self) -> tuple[TensorName, int]:
        ledger = self.scope.ledger
        ledger.draws += 1
        return self.scope.seed or ledger.seed(), ledger.draws

    def shape_of(self, name: TensorName, start: int | None = None, end: int | None = None) -> TensorName:
        bounds = {k: v for k, v in (("start", start), ("end", end)) if v is not None}
        return self.scope.once(self.path, "Shape", [name], **bounds)

    def extents(self, *values: Extent | TensorName) -> TensorName:
        """Sizes side by side; neighbouring numbers become one constant."""
        pieces: list[TensorName] = []
        run: list[int] = []
        for value in values:
            if isinstance(value, (int, np.integer)):
                run.append(int(value))
                continue
            pieces += [self.ints(*run)] if run else []
            run = []
            pieces.append(value if isinstance(value, str) else self.sizes.name(value))
        pieces += [self.ints(*run)] if run or not pieces else []
        return pieces[0] if len(pieces) == 1 else self.scope.once(self.path, "Concat", pieces, axis=0)
