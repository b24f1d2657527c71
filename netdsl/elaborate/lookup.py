"""Words looked up: the layer that one names, the value that it has, and what is said where it means nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

import netdsl.elaborate.functions as functions
import netdsl.elaborate.phases as phases
from netdsl.dims.tensors import DType
from netdsl.elaborate.context import Site
from netdsl.elaborate.scope import mark_used
from netdsl.elaborate.values import (
    LAYERS,
    UNKNOWN,
    BlockLayer,
    Chain,
    Failed,
    Layer,
    OpLayer,
)
from netdsl.ops import REGISTRY
from netdsl.ops.fields import Word
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean


def find_layer(site: Site, name: syntax.Name) -> Layer | None:
    """The operation, block or composite of that name, without settings."""
    if name.id in site.library.hiding:
        site.errors.give_up()
    op = REGISTRY.get(name.id)
    definition = site.library.definition(site.scope, name.id)
    if definition is not None:
        return BlockLayer(definition[0], definition[1], {}, name.span, tuple(site.library.at_work))
    return OpLayer(op, {}, name.span) if op is not None else None


NAMING = ("==", "!=", "in")
"""Comparisons that work on words too."""


def means_nothing(site: Site, expr: syntax.Expr) -> bool:
    """A word that names no value and no layer here; beside a word, a text or a layer it stands for itself."""
    if not isinstance(expr, syntax.Name) or expr.id == phases.WORD or expr.id in functions.FUNCTIONS:
        return False
    return site.scope.find(expr.id) is None and find_layer(site, expr) is None


def wordy(value: Any) -> bool:
    """Whether a value is compared by its letters, or is a list that holds such a one."""
    return isinstance(value, (Word, str, *LAYERS)) or (isinstance(value, list | tuple) and any(map(wordy, value)))


def unmeant(site: Site, expr: syntax.Expr) -> list[syntax.Name]:
    """The names of a condition that have to mean something, and do not."""
    if isinstance(expr, syntax.Binary):
        sides = [expr.left, expr.right]
        if expr.operator in NAMING and any(map(partial(_letters, site), sides)):
            return []
        return [name for side in sides for name in unmeant(site, side)]
    if isinstance(expr, syntax.Unary):
        return unmeant(site, expr.operand)
    return [expr] if isinstance(expr, syntax.Name) and means_nothing(site, expr) else []


def _letters(site: Site, side: syntax.Expr) -> bool:
    """Whether a side of a comparison is a word or a text as it stands."""
    found = site.scope.find(side.id) if isinstance(side, syntax.Name) else None
    value = side.value if isinstance(side, syntax.Literal) else found.value if found is not None else None
    return wordy(value)


def is_identity(layer: Layer) -> bool:
    """Whether a layer leaves its input as it is."""
    return isinstance(layer, OpLayer) and layer.op.name == "identity"


def chain(site: Site, pipeline: syntax.Pipeline) -> Chain:
    return Chain(pipeline, site.scope, pipeline.span, tuple(site.library.at_work))


def unknown_layer(site: Site, place: syntax.Expr, word: str, text: str) -> NoReturn:
    """A word that stands where a layer does, and is none."""
    import netdsl.elaborate.advice as advice  # late: right texts need none

    if word in site.library.broken(site.scope) or site.library.damaged():
        raise Failed
    help = advice.unknown(site, word, text, near=place.span) or _of_term(site)
    labels = advice.place(site, help, place.span)
    site.error("unknown-layer", f"there is no layer called `{word}`", place.span, *labels, help=help)


def _of_term(site: Site) -> str | None:
    """Which losses or metrics there are, in a row of such."""
    import netdsl.elaborate.terms as terms  # late: right texts need none

    return terms.listed(site.build.keyword)


def unknown_name(site: Site, name: syntax.Name, more: Sequence[str] = (), arrows_only: bool = False) -> NoReturn:
    """A name without a meaning: that of a later row, a misspelt one, or none at all.

    Where only an arrow can stand, layers are not offered.
    """
    if name.id in site.library.broken(site.scope) or site.library.damaged():
        raise Failed
    if name.id == phases.WORD:
        phases.word(site, name)
    later = site.build.labels.get(name.id)
    if later is not None and later.start > name.span.start:
        message = f"`{name.id}` is named only further down: rows read what stands above them"
        site.error("unknown-name", message, name.span, Label(later, "named here"), help="move this row below it")
    import netdsl.elaborate.advice as advice  # late: right texts need none
    import netdsl.elaborate.habits as habits
    import netdsl.elaborate.names as names

    names.refuse_setting(site, name)
    ended = names.ended(site, name)
    if ended is not None:
        site.error("unknown-name", ended.message, name.span, Label(ended.span, "named here"), help=ended.help)
    text = name.span.source.text
    signs = text[: name.span.start].rstrip()[-1:] + text[name.span.end :].lstrip(" ")[:1]
    arrows_only = arrows_only or re.search(r"[+*/]", signs) is not None
    of_layers = None if arrows_only else advice.unknown(site, name.id, more=more, near=name.span)
    help = habits.of_place(name) or (
        did_you_mean(name.id, advice.own(site.scope), more) if arrows_only else advice.at_head(site, name, of_layers)
    )
    if help is None:
        help = advice.arrows_in_reach(site)
        if site.build.keyword == "file":
            help = f"at the top of a file stand no settings: write `let {name.id} = …`, which `--set` reaches"
        if name.span.source.text[: name.span.start].rstrip().endswith("->"):
            help = _of_term(site) or (
                f"behind an arrow stands a layer; a row's name stands at its head, as in `{name.id}: conv(64, 3)`"
            )
    if name.id not in site.build.labels:
        site.build.scope.bind(name.id, UNKNOWN, name.span)  # told once
    labels = advice.place(site, help, name.span)
    site.error("unknown-name", f"nothing is called `{name.id}`", name.span, *labels, help=help)


def read_name(site: Site, expr: syntax.Name) -> Any:
    binding = site.scope.find(expr.id)
    assert binding is not None
    mark_used(binding.row)
    if binding.value is UNKNOWN:
        raise Failed
    return phases.settled(site, binding.value, expr.span, expr.id)


def dotted_name(site: Site, expr: syntax.Expr) -> str | None:
    """`nn.ReLU`: the text of dots that begin with a name that means nothing here."""
    root = expr
    while isinstance(root, syntax.Attribute):
        root = root.value
    if root is expr or not isinstance(root, syntax.Name) or site.scope.find(root.id):
        return None
    return expr.span.text if find_layer(site, root) is None else None


def check_label(site: Site, name: syntax.Name) -> None:
    """A label must not hide a layer, nor name two rows."""
    if name.id == phases.WORD:
        help = f"call it something else, such as `{name.id}1`"
        site.error("reserved-word", f"`{name.id}` is kept for conditions and cannot name a row", name.span, help=help)
    if is_layer(site, name.id):
        site.error(
            "shadowed-layer", f"`{name.id}` is the name of a layer: a row called so would hide it", name.span,
            help=f"call the row something else, such as `{name.id}1`",
        )  # fmt: skip
    check_common(site, name)
    found = site.build.scope.names.get(name.id)
    if found is not None and not site.build.loops:
        import netdsl.elaborate.names as names  # late: right texts need none

        help = names.taken(site, name, found.span)
        first = Label(found.span, "first here")
        site.error("duplicate-name", f"the name `{name.id}` is taken already", name.span, first, help=help)


def check_common(site: Site, name: syntax.Name) -> None:
    """What a body names must not hide what all nets of its file share."""
    common = site.context.shared.get(name.id)
    if common is not None and name.span.source is common.span.source:
        help = f"call this something else, such as `{name.id}1`"
        first = Label(common.span, "shared here")
        message = f"`{name.id}` is what all nets of the file share: what is called so here would hide it"
        site.error("duplicate-name", message, name.span, first, help=help)


def is_layer(site: Site, name: str) -> bool:
    """True for the name of an operation, or of a block in reach.

    Losses and metrics stand in recipes only, so rows may have their names: `l1` is a popular one.
    """
    op = REGISTRY.get(name)
    hidden = op is not None and not issubclass(op, Loss | Metric)
    return hidden or site.library.definition(site.build.scope, name) is not None


def kind_of(site: Site, kind: syntax.Name | None, name: syntax.Name | None = None) -> DType:
    """The kind of number that a word before a shape names, behind the `name` of what has it."""
    kinds = {k.value: k for k in DType}
    if kind is None:
        return DType.FLOAT
    if kind.id not in kinds:
        from netdsl.text import foreign  # late: right texts need none

        same = foreign.kind(kind.id, kinds)
        help = f"did you mean `{same}`?" if same else did_you_mean(kind.id, kinds) or f"kinds are {', '.join(kinds)}"
        if name is not None and (name.id in kinds or foreign.kind(name.id, kinds)):
            first = name.id if name.id in kinds else foreign.kind(name.id, kinds)
            help = f"the kind stands behind the name: `{kind.id} {first}[…]`"
        site.error("unknown-kind", f"there is no kind of number called `{kind.id}`", kind.span, help=help)
    return kinds[kind.id]
