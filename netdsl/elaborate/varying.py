"""The `augment` row of a recipe: its stages in order, held against the net, its data and what reads their masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from netdsl.dims import Dim
from netdsl.dims.tensors import TensorType
from netdsl.elaborate.context import Site
from netdsl.elaborate.declarations import declaration
from netdsl.graph import Net, Recipe
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span

if TYPE_CHECKING:
    from netdsl.recipe.augment import Augmentation

NONE = "none"
"""What the row says where pictures stay as they are."""
DEFAULT = -100
"""What losses ignore where nothing is said."""
MOST = 50
"""Stages of a row."""


def stages(site: Site, row: syntax.RecipeRow) -> tuple[Augmentation, ...]:
    """What the row says, stage by stage."""
    from netdsl.recipe import AUGMENT

    written = row.value.stages
    if len(written) == 1 and isinstance(written[0], syntax.Name) and written[0].id == NONE:
        return ()
    if len(written) > MOST:
        site.error(
            "too-many-layers", f"`augment` has more than {MOST} stages", written[MOST].span, help="leave some out"
        )
    if len(written) == 1 and isinstance(written[0], syntax.ListOf | syntax.TupleOf):
        help = f"write `augment {' -> '.join(item.span.text for item in written[0].items)}`"
        site.error("wrong-kind", "stages follow one another by arrows, not in a list", written[0].span, help=help)
    found: list[Augmentation] = []
    for stage in written:
        if isinstance(stage, syntax.Claim):
            message = "a stage of `augment` changes one sample's picture, whose shape is no claim here"
            site.error("wrong-kind", message, stage.span, help="leave it out: the input says what pictures become")
        alone = syntax.RecipeRow(stage.span, row.keyword, None, syntax.Pipeline(stage.span, (stage,)))
        found.append(declaration(site, AUGMENT, alone))  # type: ignore[arg-type]
    return tuple(found)


def check(site: Site, net: Net, recipe: Recipe, row: syntax.RecipeRow) -> None:
    """Refuse stages that the data, the sizes of the net or its losses give no meaning."""
    if not recipe.augment:
        return
    if recipe.data is None:
        message = "`augment` varies the pictures of the data, but the recipe has no `data`"
        site.error("missing-data", message, row.value.span, help="add a row such as `data digits`, or leave this out")
    inputs = {value.name: value.type for value in net.fed}
    pictures, masks = recipe.data.moved(inputs)
    if not pictures:
        message = f"`augment` varies pictures, but `{recipe.data.name}` has none"
        site.error("wrong-augment", message, row.value.span, help="leave the row out")
    spans = [stage.span for stage in row.value.stages]
    _check_rigid(site, recipe, spans)
    _check_scales(site, recipe.augment, spans)
    _check_size(site, net, recipe, inputs[pictures[0]], spans)
    for mask in masks:
        _check_mixed(site, recipe.augment, mask, spans)
        _check_holes(site, recipe, mask, spans)


def _check_rigid(site: Site, recipe: Recipe, spans: Sequence[Span]) -> None:
    """Where other fields tell of places in a picture, its pixels stay where they are."""
    data = recipe.data
    for stage, span in zip(recipe.augment, spans, strict=True):
        if data is not None and data.rigid() and (stage.moves or stage.mixes):
            message = f"`{stage.name}` moves what is in a picture of `{data.name}`: {data.rigid()}"
            site.error("wrong-augment", message, span, help="keep to stages that change colours, such as `colour`")


def _check_scales(site: Site, found: Sequence[Augmentation], spans: Sequence[Span]) -> None:
    """A picture that is scaled and then brought to the input's size is the picture as it was."""
    from netdsl.recipe.augment import Scale

    for place, stage in enumerate(found):
        if isinstance(stage, Scale) and not any(s.name in ("crop", "resized_crop") for s in found[place + 1 :]):
            message = "`scale` changes nothing here: pictures are brought to the input's size behind the row"
            help = f"cut a window out, as in `{spans[place].text} -> crop(224)`"
            site.error("wrong-augment", message, spans[place], help=help)


def _check_size(site: Site, net: Net, recipe: Recipe, type: TensorType, spans: Sequence[Span]) -> None:
    """The size of the last window is that of the input, or one that its symbols can take."""
    from netdsl.recipe.augment import asked_size

    asked = asked_size(recipe.augment)
    if asked is None or type.rank == 1:
        return
    place, (high, wide) = asked
    span, stage, axes = spans[place], recipe.augment[place].name, type.shape[-2:]
    assert recipe.data is not None
    known = recipe.data.sizes({v.name: v.type for v in net.fed}, net.defaults)
    taken: dict[str, int] = {}
    for axis, size, what in zip(axes, (high, wide), ("height", "width"), strict=True):
        fits = axis == size or (isinstance(axis, Dim) and str(axis) in known and taken.get(str(axis), size) == size)
        if not fits:
            message = f"`{stage}` makes pictures of {high}×{wide}, but the input is {type}"
            sides = [known.get(str(a), a) if isinstance(a, Dim) else a for a in axes]
            help = (
                f"write `{stage}({sides[0]})`" if sides[0] == sides[1] else f"write `{stage}(({sides[0]}, {sides[1]}))`"
            )
            site.error("wrong-augment", message, span, help=f"{help}, the {what} of the input as well")
        if isinstance(axis, Dim):
            taken[str(axis)] = size
    _check_taken(site, net, taken, f"`{stage}` makes pictures of {high}×{wide}", span)


def _check_taken(site: Site, net: Net, taken: Mapping[str, int], what: str, span: Span) -> None:
    """The net must be possible at the sizes that it trains at."""
    for symbol, size in taken.items():
        allowed = net.domain.sizes(symbol)
        if size not in allowed:
            site.error("wrong-augment", f"{what}, but `{net.name}` needs {allowed.describe(symbol)}", span,
                       help="choose a size that it takes")  # fmt: skip
    for demand in net.domain.unmet(taken):
        message = f"{what}, which `{net.name}` cannot take: {demand.source.message}"
        site.error("wrong-augment", message, span, help="choose a size that it takes")


def _check_mixed(site: Site, found: Sequence[Augmentation], mask: str, spans: Sequence[Span]) -> None:
    """Between two numbers of classes there is no third."""
    for place, stage in enumerate(found):
        if stage.name == "mixup":
            message = f"`mixup` lays two pictures over one another, but `{mask}` holds a class for each pixel"
            help = "`cutmix` puts a part of one picture into another, with its mask"
            site.error("wrong-augment", message, spans[place], help=help)


def _check_holes(site: Site, recipe: Recipe, mask: str, spans: Sequence[Span]) -> None:
    """Where a stage leaves places empty, all that reads the mask must ignore the number that stands there."""
    place = next((i for i, stage in enumerate(recipe.augment) if empties(recipe, i)), None)
    if place is None or recipe.data is None or recipe.data.ignored() is not None:  # which all are told to ignore
        return
    stage = recipe.augment[place].name
    from netdsl.graph.classes import mask_readers  # late: most recipes have no masks

    terms = [*recipe.losses, *recipe.metrics]
    readers = list(mask_readers((t.graph for t in terms), mask))
    numbers = {number for _, number in readers}
    if len(numbers) < 2 and None not in numbers:
        return
    blind = next((node for node, number in readers if number is None), None)
    if blind is not None:
        wrong, message = blind, f"which no class of `{mask}` is for, and a row counts all of it"
        help = "keep to stages that leave none, as `flip` and `resized_crop`"
    else:
        said = {number: node for node, number in reversed(readers)}
        one, other = sorted(said, key=lambda n: (n == DEFAULT, n or 0))[:2]
        wrong = said[other]
        each = f"{one} in `{said[one].kind}`, {other} in `{wrong.kind}`"
        message = f"where `{mask}` gets the number to ignore: {each}"
        help = f"say the same for all, as in `{wrong.kind}(ignore={one})`"
    where = next((t.span for t in terms if any(node is wrong for _, node in t.graph.walk())), spans[place])
    site.error("wrong-augment", f"`{stage}` leaves places empty, {message}", spans[place], Label(where, "read here"),
               help=help)  # fmt: skip


def empties(recipe: Recipe, place: int) -> bool:
    """Whether a stage may leave places empty; a window inside of all pictures leaves none."""
    from netdsl.recipe.augment import RandomCrop, made_size, sides

    stage = recipe.augment[place]
    if not isinstance(stage, RandomCrop):
        return stage.empties
    _, *stored = getattr(recipe.data, "native", (0, 0, 0))
    before = made_size(recipe.augment[:place], (stored[0], stored[1]) if stored[0] else None, (0, 0))
    high, wide = sides(stage.size)
    return bool(stage.pad) or before is None or before[0] < high or before[1] < wide
