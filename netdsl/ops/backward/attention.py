"""What attention keeps for its gradient."""

from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.fields import Bool


class Match(Backward):
    """How much each query reads of each key: `softmax(q k')`; a causal one reads none that come later."""

    q: Value
    k: Value
    causal: Bool = False

    def result(self) -> TensorType:
        return self.q.type.with_shape(*self.q.shape[:-1], self.k.shape[-2])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.result().shape, self.q.shape[-1]),)
