"""What autograd records in eager PyTorch: tensors, what each call keeps for the backward pass, and the pass itself.

Nothing is computed. A tensor dies when nothing names it, as in PyTorch, and with it what was kept for it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from heapq import heappop, heappush
from typing import NamedTuple

from netdsl.fitting.ledger import NOTHING, Growing, MemoryLedger, TensorStorage, plus, times

FULL, HALF = 4, 2
"""Bytes of a real number."""


class Lying(Enum):
    """How the numbers of a tensor lie in its storage."""

    WHOLE = "in order"
    TURNED = "densely, in another order"
    CUT = "with gaps"


class Tensor:
    """A view of a storage; `made` is the call whose gradient leads on, `weight` the key of a weight that is learned."""

    __slots__ = ("count", "layout", "made", "place", "real", "storage", "weight", "width")

    def __init__(
        self, storage: TensorStorage | None, count: Growing, width: int, real: bool = True, layout: Lying = Lying.WHOLE
    ) -> None:
        self.storage = storage
        self.count = count
        """How many numbers it has."""
        self.width = width
        self.real = real
        self.layout = layout
        self.made: Recorded | None = None
        self.place = 0
        self.weight: str | None = None

    @property
    def size(self) -> Growing:
        return times(self.count, self.width)

    @property
    def learns(self) -> bool:
        return self.made is not None or self.weight is not None


class Edge(NamedTuple):
    """Where a gradient goes: to a result of an earlier call, or to a weight."""

    entry: Recorded | None
    place: int
    weight: str | None
    numbers: Growing
    width: int
    shares: bool
    """Whether it is the very gradient that came in, or a view of it."""


class Recorded:
    """One call that autograd has recorded."""

    __slots__ = ("again", "edges", "macs", "number", "path", "saved", "times", "until", "work")

    def __init__(self, number: int, path: str, scale: int) -> None:
        self.number = number
        self.path = path
        self.times = scale
        self.edges: list[Edge] = []
        self.saved: list[TensorStorage] = []
        self.again: RunAgain | None = None
        """What runs it a second time, of which nothing was kept the first time."""
        self.until: Recorded | None = None
        """The call up to whose gradient the one that comes here is there, for the steps of a loop read parts of it."""
        self.work = NOTHING
        """Bytes that its gradient takes beside what comes out of it."""
        self.macs = NOTHING
        """Multiply-accumulates of its gradient."""


RunAgain = Callable[[Mapping[int, Tensor]], "list[Tensor | None]"]
"""From the gradients of results, by place, those of the inputs that learn."""


class Traffic:
    """What rows read, write and multiply, by phase and path: bytes, and multiply-accumulates."""

    def __init__(self) -> None:
        self.moved: dict[tuple[str, str], Growing] = {}
        self.macs: dict[tuple[str, str], Growing] = {}

    def move(self, phase: str, path: str, size: Growing) -> None:
        self.moved[phase, path] = plus(self.moved.get((phase, path), NOTHING), size)

    def multiply(self, phase: str, path: str, macs: Growing) -> None:
        self.macs[phase, path] = plus(self.macs.get((phase, path), NOTHING), macs)


class GradTape:
    """A forward pass being recorded.

    `half` is whether real numbers of products are halves, as under autocast; `card` whether PyTorch runs on a CUDA
    device rather than on a CPU.
    """

    def __init__(
        self, ledger: MemoryLedger, traffic: Traffic, half: bool = False, card: bool = False, records: bool = True
    ) -> None:
        self.ledger = ledger
        self.traffic = traffic
        self.half = half
        self.card = card
        self.records = records
        self.casts: dict[str, Tensor] = {}
        """Weights as halves, which autocast makes once a forward pass."""
        self.scale = 1
        """How often what runs now runs: the steps of a loop."""
        self.first: Recorded | None = None
        """The first call that was recorded since this was last set."""
        self.saved: set[int] = set()
        """The identities of what calls keep, since this was last emptied."""
        self.phase = "forward"
        """What is counted goes to this pass."""
        self._number = 0

    # ------------------------------------------------------------ tensors

    def new(self, count: Growing, width: int = FULL, real: bool = True, layout: Lying = Lying.WHOLE) -> Tensor:
        return Tensor(TensorStorage(self.ledger, times(count, width)), count, width, real, layout)

    def bytes(self, size: Growing) -> TensorStorage:
        return TensorStorage(self.ledger, size)

    def call(
        self,
        *inputs: Tensor,
        count: Growing | None = None,
        width: int | None = None,
        layout: Lying = Lying.WHOLE,
        saves: Iterable[Tensor] = (),
        saves_result: bool = False,
        extra: Sequence[Growing] = (),
        work: Growing = NOTHING,
        back: Growing = NOTHING,
        shares: bool = False,
    ) -> Tensor:
        """One operation that gives a new tensor, as large as its first input unless told.

        `saves` are kept for the backward pass where anything is learned, `extra` are bytes made for it; `work` is
        free again after the call, `back` after its gradient. `shares`: gradients go on as they come in.
        """
        held = [self.bytes(size) for size in extra]
        worked = self.bytes(work) if work != NOTHING else None
        result = self.new(count or inputs[0].count, width or inputs[0].width, layout=layout)
        del worked
        self.moved(inputs, [result], extra)
        kept: list[Tensor | TensorStorage] = [*saves, *held]
        self.record(inputs, [result], kept, saves_result, back, shares)
        return result

    def view(self, x: Tensor, count: Growing | None = None, layout: Lying | None = None) -> Tensor:
        """Another look at the same numbers."""
        result = Tensor(x.storage, count or x.count, x.width, x.real, layout or x.layout)
        self.record([x], [result], [], shares=result.count == x.count)
        return result

    def unlearned(self, like: Tensor, count: Growing | None = None, width: int = 8, real: bool = False) -> Tensor:
        """Whole numbers or truth values: nothing is learned through them."""
        result = self.new(count or like.count, width, real)
        self.moved([like], [result])
        return result

    def moved(self, inputs: Iterable[Tensor], results: Iterable[Tensor], extra: Sequence[Growing] = ()) -> None:
        """Count what a call reads and writes."""
        sizes = [*(t.size for t in inputs), *(t.size for t in results), *extra]
        self.traffic.move(self.phase, self.ledger.path, times(plus(*sizes), self.scale))

    def record(
        self, inputs: Iterable[Tensor], results: Sequence[Tensor], saved: Sequence[Tensor | TensorStorage],
        saves_result: bool = False, back: Growing = NOTHING, shares: bool = False,
    ) -> None:  # fmt: skip
        """Let the results lead back to the inputs that learn, if any does."""
        learning = [x for x in inputs if x.learns and x.real]
        if not learning or not self.records:
            return
        entry = self.entry([])
        whole, width = results[0].count, results[0].width
        entry.edges = [
            Edge(x.made, x.place, x.weight, x.count, x.width, shares and (x.count, x.width) == (whole, width))
            for x in learning
        ]
        kept = [s.storage if isinstance(s, Tensor) else s for s in (*saved, *(results if saves_result else ()))]
        entry.saved = [s for s in kept if s is not None]
        self.saved.update(map(id, entry.saved))
        entry.work = back
        for place, result in enumerate(results):
            if result.real:
                result.made, result.place = entry, place

    def entry(self, edges: list[Edge]) -> Recorded:
        """A call that is recorded now."""
        self._number += 1
        made = Recorded(self._number, self.ledger.path, self.scale)
        made.edges = edges
        self.first = self.first or made
        return made

    # ------------------------------------------------------------ kinds of numbers

    def cast(self, x: Tensor, width: int) -> Tensor:
        """Real numbers of another width; themselves where they have it."""
        if not x.real or x.width == width:
            return x
        if x.weight is not None and x.weight in self.casts:
            return self.casts[x.weight]
        made = self.call(x, width=width, layout=x.layout)
        if x.weight is not None:
            self.casts[x.weight] = made
        return made

    def low(self, *tensors: Tensor) -> list[Tensor]:
        """As an operation gets them that autocast runs in half precision."""
        return [self.cast(x, HALF) for x in tensors] if self.half else list(tensors)

    def high(self, *tensors: Tensor) -> list[Tensor]:
        """As one gets them that it runs in full precision."""
        return [self.cast(x, FULL) for x in tensors] if self.half else list(tensors)

    def wide(self, *tensors: Tensor) -> list[Tensor]:
        """As one gets them that wants all alike: as wide as the widest."""
        widest = max((x.width for x in tensors if x.real), default=FULL)
        return [self.cast(x, widest) for x in tensors]

    def whole(self, x: Tensor) -> Tensor:
        """The same numbers in order: a copy where they are not."""
        if x.layout is Lying.WHOLE:
            return x
        return self.call(x, shares=True)


class BackwardPass:
    """The backward pass: calls in the reverse of their order, each with the gradients that came in."""

    def __init__(self, tape: GradTape, grads: dict[str, Tensor]) -> None:
        self.tape = tape
        self.ledger = tape.ledger
        self.grads = grads
        """Of weights, by key; what is there is added to."""
        self.waiting: dict[tuple[int, int], Tensor] = {}
        self.queue: list[tuple[int, Recorded]] = []
        self.held: list[TensorStorage | None] = []
        """Gradients of results."""

    def run(self, roots: Iterable[Tensor]) -> None:
        """From some results on, with gradients of their own, which whoever gives them holds."""
        for root in roots:
            if root.made is not None:
                grad = self.tape.new(root.count, root.width)
                self.held.append(grad.storage)
                self._put(root.made, root.place, grad)
            root.made = None
        while self.queue:
            self._one(heappop(self.queue)[1])

    def _one(self, entry: Recorded) -> None:
        self.ledger.at("backward", entry.path)
        if entry.again is not None:
            self._again(entry, entry.again)
            return
        coming = [self.waiting.pop(k) for k in [k for k in self.waiting if k[0] == entry.number]]
        work = self.tape.bytes(entry.work) if entry.work != NOTHING else None
        going = [self._gradient(edge, coming) for edge in entry.edges]
        self._moved(entry, coming, going)
        if entry.macs != NOTHING:
            self.tape.traffic.multiply("backward", entry.path, entry.macs)
        del work
        if entry.until is not None:
            entry.until.saved += [grad.storage for grad in coming if grad.storage is not None]
        edges, often, entry.edges, entry.saved = entry.edges, entry.times > 1, [], []
        del entry, coming
        for place, edge in enumerate(edges):
            self._deliver(edge, going, place, often)

    def _again(self, entry: Recorded, again: RunAgain) -> None:
        """Run a call once more, and go back through what is recorded then."""
        coming = {k[1]: self.waiting.pop(k) for k in [k for k in self.waiting if k[0] == entry.number]}
        going = again(coming)
        edges, entry.edges, entry.saved, entry.again = entry.edges, [], [], None
        del coming, entry, again
        found = [(edge, grad) for edge, grad in zip(edges, going, strict=True) if grad is not None]
        del going
        while found:
            edge, grad = found.pop(0)
            one = [grad]
            del grad
            self._deliver(edge, one, 0, False)

    def through(self, roots: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
        """From some results on, with the gradients that came in."""
        for root, grad in zip(roots, grads, strict=True):
            if root.made is not None:
                self._put(root.made, root.place, grad)
            root.made = None
        while self.queue:
            self._one(heappop(self.queue)[1])

    def _gradient(self, edge: Edge, coming: Sequence[Tensor]) -> Tensor:
        if edge.shares and coming:
            return coming[0]
        return self.tape.new(edge.numbers, edge.width)

    def _moved(self, entry: Recorded, coming: Sequence[Tensor], going: Sequence[Tensor]) -> None:
        kept = [s.size for s in entry.saved]
        new = [g.size for g in going if all(g is not c for c in coming)]
        if new:
            size = plus(*(c.size for c in coming), *kept, *new)
            self.tape.traffic.move("backward", entry.path, times(size, entry.times))

    def _deliver(self, edge: Edge, going: list[Tensor], place: int, often: bool) -> None:
        grad = going[place]
        going[place] = Tensor(None, NOTHING, FULL)
        if edge.entry is not None:
            self._put(edge.entry, edge.place, grad)
        elif edge.weight is not None and edge.weight not in self.grads:
            shared = self._waiting(grad) or grad.storage in self.held
            self.grads[edge.weight] = self.tape.new(edge.numbers, edge.width) if shared else grad
            if often:  # the gradient of the next step comes beside it, and then the sum of both
                _both = self.tape.new(edge.numbers, edge.width), self.tape.new(edge.numbers, edge.width)
                del _both

    def _put(self, entry: Recorded, place: int, grad: Tensor) -> None:
        """Hand a gradient to a call; two of them are added, into the memory of one that nothing else reads."""
        key = entry.number, place
        old = self.waiting.get(key)
        if old is None:
            if not any(k[0] == entry.number for k in self.waiting):
                heappush(self.queue, (-entry.number, entry))
            self.waiting[key] = grad
        else:
            self.waiting[key] = self._sum(old, grad)

    def _sum(self, old: Tensor, grad: Tensor) -> Tensor:
        if self._waiting(old) == 1 and old.storage not in self.held:
            return old
        alone = not self._waiting(grad) and grad.storage not in self.held
        return grad if alone else self.tape.new(old.count, old.width)

    def _waiting(self, grad: Tensor) -> int:
        """How many gradients wait that stand in the memory of this one."""
        return sum(g.storage is grad.storage for g in self.waiting.values())
