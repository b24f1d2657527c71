"""What a lesson says of a net, as plain records: a part of the report's document, made where `--backward` asks."""

from __future__ import annotations

from netdsl.base.record import keyed

ShapeText = tuple[str, ...]
"""Sizes as texts, for the batch is a letter: `("N", "84")`."""


@keyed
class Gradient:
    """What a row gives back to one of its weights or inputs."""

    of: str
    """As it is written: `∂J/∂W`."""
    name: str
    """The weight's key in the state dict, or what the input comes from."""
    learned: bool
    """Whether it is of a weight."""
    shape: ShapeText
    formula: str
    factors: str = ""
    """The sizes of what a product multiplies: `[10, N] · [N, 84]`."""
    macs: int = 0
    """Multiply-accumulates of a batch of one; 0 where the row tells only those of all its gradients together."""
    numbers: str = ""
    """With numbers for all letters: `2/1 · (2 − 5) = −6`."""
    values: tuple[float, ...] = ()
    """What it comes to then, row by row."""


@keyed
class Lecture:
    """One row on the way back."""

    path: str
    layer: str
    """As an author would write it."""
    computes: str = ""
    """What it computes, in the letters of its gradients."""
    shape: ShapeText = ()
    """Of what it gives, and so of what arrives."""
    arrives: str = ""
    """Where what arrives comes from, unless it is the row behind alone."""
    where: tuple[str, ...] = ()
    """What letters stand for."""
    steps: tuple[str, ...] = ()
    """What is computed at each step of a sequence, from the last to the first."""
    gives: tuple[Gradient, ...] = ()
    macs: int = 0
    """Multiply-accumulates of all its gradients, of a batch of one."""
    notes: tuple[str, ...] = ()
    picture: tuple[str, ...] = ()
    """Lines that belong together: a convolution as a matrix."""
    numbers: tuple[str, ...] = ()
    """With numbers for all letters what it computes, and what arrives."""
    values: tuple[float, ...] = ()
    """What it computes then, row by row."""


@keyed
class UpdateRule:
    """How weights follow their gradients."""

    optimizer: str
    """As an author would write it."""
    lines: tuple[str, ...]
    where: tuple[str, ...] = ()
    source: str = ""


@keyed
class WeightMove:
    """How the first update moves a weight, with its numbers row by row."""

    name: str
    shape: ShapeText
    before: tuple[float, ...]
    gradient: tuple[float, ...]
    after: tuple[float, ...]
    lines: tuple[str, ...]
    """The optimizer's rule with the numbers in it."""


@keyed
class WayBack:
    """The way back from the losses that move weights together; a recipe has one, or one for each of its parts."""

    part: str = ""
    """The name of the recipe's part."""
    begins: str
    """Where it begins: the loss as a formula, or the outputs whose gradients are given."""
    losses: tuple[Lecture, ...] = ()
    """Rows of the recipe, the last first."""
    rows: tuple[Lecture, ...] = ()
    """Rows of the net, the last first."""
    board: tuple[str, ...] = ()
    """The whole in the letters of a course, where the net is one that courses begin with: a line fit."""
    shared: tuple[str, ...] = ()
    """Weights that several rows read."""
    left: tuple[str, ...] = ()
    """What has no gradient, and why."""
    update: UpdateRule | None = None
    moves: tuple[WeightMove, ...] = ()
    """With numbers for all letters, the last row first."""
    first_rate: str = ""
    """The learning rate of the first step where a schedule changes it, as an equation."""
    given: tuple[str, ...] = ()
    """The numbers that it is told with: `x = 2`."""
    samples: int | None = None
    """How many samples these are of."""
    forward_macs: int = 0
    """Of a batch of one, of all that is run in training, losses included."""
    backward_macs: int = 0


@keyed
class NetLesson:
    """How a net learns, row by row from the loss back."""

    batch: int | None = None
    """N as the recipe has it."""
    turns: tuple[WayBack, ...] = ()


PARTS: tuple[type, ...] = (Gradient, Lecture, UpdateRule, WeightMove, WayBack, NetLesson)
"""Each after the parts that it holds."""
