"""Weights of shared layers as arrows, by their keys: `words.weight`, `tower.conv1.weight`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import netdsl.elaborate.nodes as nodes
from netdsl.dims.tensors import Value, Weight
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import UNKNOWN, Bundle, Failed, Shared
from netdsl.graph import Block, Node
from netdsl.ops.value import WeightOf
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span

MANY = 8
"""Weights that a message lists."""


def check_place(site: Site, shared: Shared, span: Span) -> None:
    """Refuse a use in another body, and one in a frozen row of what is not frozen."""
    if site.build.graph is not shared.graph and shared.key is None:
        message = f"`{shared.name}` is shared in the body that declares it, and this is another one"
        site.error("shared-outside", message, span, Label(shared.span, "declared here"))
    first = site.context.keyed.setdefault(shared.name, shared) if shared.key is not None else shared
    if first is not shared:
        message = f"two files share a layer called `{shared.name}`, which is the name of its weights in the net"
        places = (Label(shared.span, "declared here"), Label(first.span, "and here"))
        site.error("duplicate-name", message, span, *places, help="call one of them something else")
    if site.context.frozen and not shared.frozen:
        message = f"`{shared.name}` has one set of weights, which is frozen where it is declared or nowhere"
        help = f"write `frozen shared {shared.name}: …`"
        site.error("shared-mismatch", message, span, Label(shared.span, "declared here"), help=help)


def weights(node: Node) -> dict[str, Weight]:
    """What a layer owns, by its key inside it."""
    if isinstance(node.op, Block):
        return dict(node.op.body.weights())
    return {w.name: w for w in node.op.weights()}


def read(site: Site, expr: syntax.Attribute) -> Value | None:
    """The weight that dots behind a shared layer lead to; None where they are no such thing."""
    names, root = [expr.name.id], expr.value
    while isinstance(root, syntax.Attribute):
        names.append(root.name.id)
        root = root.value
    bound = site.scope.find(root.id) if isinstance(root, syntax.Name) else None
    if bound is None or bound.value is UNKNOWN:
        return None
    if isinstance(bound.value, Value | Bundle) and names[0] in ("weight", "bias"):
        assert isinstance(root, syntax.Name)
        _not_shared(site, root, bound.span, bound.value, expr)
    if not isinstance(bound.value, Shared):
        return None
    shared, key = bound.value, ".".join(reversed(names))
    inner = key.rpartition(".")[0]
    asked = shared.first is not None and inner in weights(shared.first)  # `words.weight.features`
    return None if asked else _weight_of(site, shared, key, expr.span)


def _not_shared(
    site: Site, root: syntax.Name, place: Span, value: Value | Bundle, expr: syntax.Attribute
) -> None:  # fmt: skip
    if isinstance(value, Bundle) and expr.name.id in value.names:
        return
    message = f"`{root.id}` is what a row gives, and no layer: it has no `.{expr.name.id}`"
    import netdsl.elaborate.tied as tied  # late: right texts need none

    site.error("unknown-attribute", message, expr.span, help=tied.row_of(site, root, place))


def _weight_of(site: Site, shared: Shared, key: str, span: Span) -> Value:
    """A weight of a shared layer, the same arrow for all that read it."""
    check_place(site, shared, span)
    place = (id(site.build.graph), key)
    if place not in shared.weights:
        shared.weights[place] = _arrow(site, shared, key, span)
    return shared.weights[place]


def _arrow(site: Site, shared: Shared, key: str, span: Span) -> Value:
    owner = shared.first
    if owner is None:
        message = f"`{shared.name}` has no weights before it is used: what comes into it decides their shapes"
        help = f"move this below a row that uses it, as in `x -> {shared.name}`"
        site.error("not-known-yet", message, span, Label(shared.span, "declared here"), help=help)
    learned = {k: w for k, w in weights(owner).items() if not w.buffer}
    if key not in learned:
        _no_weight(site, shared, key, learned, span)
    weight = learned[key]
    op = WeightOf(key, weight.shape, weight.init, weight.trainable and not owner.frozen)
    value = nodes.append(site, f"{shared.name}.{key}", op, (), [op.result()], span, {})
    node = site.build.fresh.pop()
    node.name = site.build.names.unique(f"{shared.name}_{key.replace('.', '_')}")
    node.frozen = owner.frozen
    node.keyed, node.shares = (shared.key, None) if shared.key is not None else (None, owner)
    assert isinstance(value, Value)
    return value


def _no_weight(site: Site, shared: Shared, key: str, learned: Mapping[str, Weight], span: Span) -> NoReturn:
    if site.library.damage:
        raise Failed
    inside = [k for k in learned if k.startswith(f"{key}.")]
    several = ", ".join(f"`{shared.name}.{k}`" for k in (inside or list(learned))[:MANY])
    more = ", …" if len(inside or learned) > MANY else ""
    near = None if inside else did_you_mean(key, learned)
    help = near or (f"there are {several}{more}" if learned else "it has nothing that is learned")
    what = "is no weight" if inside else "is not there"
    site.error(
        "unknown-attribute", f"`{shared.name}.{key}` {what}", span, Label(shared.span, "declared here"), help=help
    )
