"""Layers whose weights come as arrows beside what they read: `(x, weight) -> linear`."""

from __future__ import annotations

from collections.abc import Mapping

from netdsl.elaborate.context import Site
from netdsl.elaborate.scope import Setting
from netdsl.elaborate.values import Arrows, OpLayer, arrows, written
from netdsl.ops.weighed import WEIGHED
from netdsl.text.source import Span

Settings = Mapping[str, Setting]


def weighed(
    site: Site, layer: OpLayer, value: Arrows, settings: Settings, span: Span
) -> tuple[OpLayer, dict[str, Setting]]:
    """The layer that takes its weights, and its settings; the layer itself where what comes in can be no weights."""
    if layer.op not in WEIGHED:
        return layer, dict(settings)
    op, (_, *given) = WEIGHED[layer.op], arrows(value)
    taken = [f.name for f in op.settings()]
    following = [name for name in layer.settings if name not in taken]
    if len(given) + 1 > len(op.inputs()) or (following and any(v.type.batched for v in given)):
        return layer, dict(settings)
    if following:
        _refuse_written(site, layer, following[0], taken, span)
    return OpLayer(op, layer.settings, layer.span), {k: s for k, s in settings.items() if k in taken}


def _refuse_written(site: Site, layer: OpLayer, name: str, taken: list[str], span: Span) -> None:
    """Refuse what the weight says already, or says alone."""
    kept = [written(s.span) for k, s in layer.settings.items() if k in taken]
    instead = f"{layer.op.name}({', '.join(kept)})" if kept else layer.op.name
    why = {
        "init": "weights that come as arrows start as they start where they are made",
        "bias": "a bias is one more arrow, `(x, weight, bias)`",
    }.get(name, f"its weight comes as an arrow, from which `{name}` follows")
    message = f"`{layer.op.name}` takes no `{name}` here: {why}"
    site.error("unknown-setting", message, layer.settings[name].span, help=f"write `{instead}`")
