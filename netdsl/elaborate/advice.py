"""The way out for a word that is not known, or a call that cannot be read: words of other frameworks first, names of
the author's own second, spelling last. Read when a mistake is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import netdsl.elaborate.features as features
import netdsl.elaborate.made as made
import netdsl.elaborate.numbers as numbers
import netdsl.elaborate.orders as orders
import netdsl.elaborate.places as places
import netdsl.elaborate.terms as terms
import netdsl.elaborate.tied as tied
from netdsl.base.slips import nearest, slips
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.files import shipped
from netdsl.elaborate.functions import FUNCTIONS
from netdsl.elaborate.habits import own_block
from netdsl.elaborate.meant import fits, takes, value_of
from netdsl.elaborate.reading import reader
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import Bundle
from netdsl.graph import TERMS
from netdsl.ops import REGISTRY
from netdsl.ops.declared import Declared
from netdsl.ops.loss import ClassLoss
from netdsl.ops.metric import Metric
from netdsl.stdlib import STDLIB
from netdsl.text import foreign, syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.foreign import arithmetic, conversions, inflow, several, special
from netdsl.text.foreign.calls import ACTIVATION, CallReader
from netdsl.text.foreign.conversions import KEPT_SHARE
from netdsl.text.foreign.pieces import bundled, given, given_in, inside
from netdsl.text.foreign.rows import SIGNS, layer_of, leading
from netdsl.text.foreign.settings import OF_SCORES, UNTRAINED
from netdsl.text.foreign.values import NOWHERE, elsewhere, freezes, left_out, named_here, several_here, value_here
from netdsl.text.source import Span

NOT_YET = "netdsl has no such layer yet"


def own(scope: Scope) -> list[str]:
    """Names of arrows and values in reach, those of the nearest rows last."""
    return list(scope.known())


def arrows_in_reach(site: Site) -> str | None:
    """The last arrows that a row may read."""
    arrows = [n for s in site.scope.chain() for n, b in s.names.items() if isinstance(b.value, Value | Bundle)]
    return f"arrows in reach: {', '.join(arrows[-6:])}" if arrows else None


def layers_known(site: Site) -> list[str]:
    """The layers and functions that may be offered."""
    return sorted((set(REGISTRY) - NOWHERE) | site.library.names(site.scope) | set(FUNCTIONS))


# ---------------------------------------------------------------- words


TRUTHS = {**dict.fromkeys(("yes", "on"), "write `true`"), **dict.fromkeys(("no", "off"), "write `false`")}


def unknown(site: Site, word: str, text: str = "", more: Iterable[str] = (), near: Span | None = None) -> str | None:
    """Help for a word that names nothing; `text` is the call in which it stands, `near` where."""
    numbered = special.NUMBER_BY_NUMBER.match(text or word)
    if numbered is not None:
        other = {"gather": "take_along_dim", "scatter_add": "scatter"}[numbered[1]]
        return _foreign(site, other, other)
    made_here = made.told(site, word, text or word, near) if near is not None else None
    if made_here is not None:
        return made_here
    of_arrows = word.removeprefix("torch.") in inflow.OF_ARROWS
    known = not any(word in s.names for s in site.scope.chain()) and (layer_of(word) or of_arrows)
    views = known and near is not None and foreign.plain(word) in ("view", "reshape")
    counted = numbers.told(site, text, near) if text and near is not None else None
    return (
        TRUTHS.get(word)
        or counted
        or (orders.viewed(site, text, near) if views and near is not None else None)
        or (places.led(site, reader(site), near, False, text) if known and near is not None and text else None)
        or _foreign(site, word, text or word, near)
        or _library(site, word)
        or did_you_mean(word, own(site.scope), [*layers_known(site), *more])
        or _misspelt_foreign(site, word, text or word)
        or own_block(word, text)
    )


def at_head(site: Site, name: syntax.Name, of_layers: str | None) -> str | None:
    """Help for a word that may name an arrow, as at the head of a pipeline; `of_layers` is said of it as a layer."""
    place = places.place_of(site, name.span, False)
    layer = any(foreign.plain(name.id) == foreign.plain(known) for known in layers_known(site))
    if place is None or place.alone or place.coming or layer or not name.id.islower() or of_layers is None:
        return of_layers
    mine, reach = did_you_mean(name.id, own(site.scope)), arrows_in_reach(site)
    elsewhere = foreign.way(name.id) or foreign.missing(name.id) or foreign.needless(name.id)
    output = name.span.source.line(name.span.line).lstrip().startswith("output")
    if elsewhere and place.row and place.end == name.span.end and not output:
        return of_layers  # a row of one word: `up: deconv`
    if mine or reach is None:
        return mine or of_layers
    if elsewhere:
        return reach if place.term else f"{reach}; where a layer is meant, {of_layers}"
    return of_layers if _spelt(of_layers) and not name.id[-1].isdigit() else reach


def _spelt(help: str) -> bool:
    """Whether a help tells a layer here that was misspelt, and no more."""
    return re.fullmatch(r"did you mean `(\w+)`\?", help) is not None


def _foreign(site: Site, word: str, text: str, near: Span | None = None) -> str | None:
    if any(word in s.names for s in site.scope.chain()):
        return None
    if text == word and foreign.no_loss(word) and site.build.graph.name in TERMS:
        return foreign.loss(word)
    if foreign.plain(word) in orders.WORDS and (moved := orders.called(site, text)):
        return moved
    act = _wanting(word, text)
    if act is not None:
        told = list[str]()
        block = special.blocked(act, told)
        return f"write `{block}`; {told[0]}" if block else _foreign(site, act, act, near)
    reading = reader(site)
    written, also = _read(site, reading, text) if text != word else (None, "")
    found = foreign.way(word)
    if written is not None and written.startswith(inflow.BRANCHED) and near is not None:
        return places.branched(site, near, written, reading.lost)
    joins = _behind(site, found.write, near) if found is not None and written in (None, found.write) else None
    if joins is not None and not _settings(text, reading, word):
        return f"write `{joins}`"
    if written is not None and near is not None and written.partition(" -> ")[2] and _term(site, near):
        written = arithmetic.enclosed(written)
    if written is not None and UNTRAINED in reading.lost and layer_of(word):
        return _frozen(written)
    if written is not None:
        more = [*dict.fromkeys(reading.lost), *_otherwise(word, text, written)]
        return "; ".join([*features.said(site, reading, word, text, written, also), *more])
    needless = foreign.needless(word)
    if needless is not None:
        return needless
    settled = [part for part in _settings(text, reading, word) if reading.operand(given(part).value) is None]
    if found is not None and settled:
        return _in_its_words(reading, found)
    if found is not None:
        return f"{found.says}: write `{found.write}`" if found.says else f"write `{found.write}`"
    layers = site.build.graph.name not in TERMS and layer_of(word) is not None
    loss = None if layers else terms.told(text, site.build.graph.name) or foreign.loss(word)
    if loss is not None:
        return loss
    gap = foreign.missing(word)
    if gap is not None:
        return _not_yet(gap, settled, word) + _called(site, gap, word, text, near)
    same = layer_of(word) if word not in REGISTRY else None
    if same and settled:
        return _in_its_words(reading, foreign.Way(_example(same), "", ""))
    return f"write `{_example(same)}`" if same else None


def _term(site: Site, near: Span) -> bool:
    """Whether a word stands in arithmetic, where a pipeline needs brackets."""
    place = places.place_of(site, near, False)
    return place is not None and place.term


def _behind(site: Site, write: str, near: Span | None) -> str | None:
    """The layer that joins what an arrow leads into a word: `mul` for `x * y`; None for any other word or place."""
    place = places.place_of(site, near, False) if near is not None and write[:2] in ("(x", "x ") else None
    layer = SIGNS.get(write, write.rpartition("-> ")[2])
    return layer if place is not None and place.coming and layer in REGISTRY else None


def _read(site: Site, reading: CallReader, text: str) -> tuple[str | None, str]:
    """What is written for a call, and what else where its first number may be the size of the input or not."""
    written = reading.rewrite(text)
    if not reading.doubted:
        return written, ""
    first, coming = value_of(site, reading.doubted[0]), site.build.coming
    shape = coming.shape if isinstance(coming, Value) else ()
    channels = [*shape[:1], *shape[1:] * (len(shape) == 2)] if shape else [None]  # of a sequence they may come last
    if isinstance(first, int) and all(isinstance(n, int) and first != n for n in channels):
        return written, ""
    of_inputs = reader(site)
    of_inputs.inputs_first = True
    inferred = of_inputs.rewrite(text)
    if inferred is None or written is None:
        return inferred or written, ""
    return inferred, f", or `{written}` where `{reading.doubted[0]}` counts what comes out"


def _wanting(word: str, text: str) -> str | None:
    """The word in `Activation("selu")`, where that is no layer yet."""
    act = special.activation(given_in(text)) if foreign.plain(word) in ACTIVATION else None
    here = value_here(act) if act is not None else None
    return here if here is not None and foreign.missing(here) is not None else None


def _otherwise(word: str, text: str, written: str) -> list[str]:
    """What goes without saying in Keras, and is another here."""
    leaf = foreign.plain(word)
    recurrent = written.startswith(("lstm(", "rnn(")) and ("-> last" in written or "return_sequences" in text)
    if recurrent and "biases" not in written:
        return ["Keras' has one bias where this one has two: `biases=1` says so"]
    own = {"batchnormali": ("eps=1e-3", "momentum=0.01"), "layernormali": ("eps=1e-3",)}.get(leaf[:12], ())
    unsaid = [f"`{setting}`" for setting in own if setting.partition("=")[0] not in written]
    return [f"Keras' has {' and '.join(unsaid)} unless told otherwise"] if unsaid else []


def _settings(text: str, reading: CallReader, word: str) -> list[str]:
    """The settings in the text of a call that change what it computes."""
    layer = layer_of(word) or ""
    names = [*(reading.settings(layer) or []), *reading.unread]
    return [p for p in inside(text) if left_out(n := given(p).name or "") is None or named_here(n, names)]


def _in_its_words(reading: CallReader, way: foreign.Way) -> str:
    """Help for a call whose settings mean nothing certain here: a text with others would be another net."""
    layer = leading(way.write)
    names = reading.settings(layer) if layer is not None else None
    why = f"nothing here stands for `{reading.unread[0]}`; " if reading.unread else ""
    so = f"{why}it is written as in `{way.write}`"
    return f"{so}: {takes(str(layer), names)}" if names is not None else so


def _example(layer: str) -> str:
    """A layer as it may be written, with what it must be given."""
    op = REGISTRY[layer]
    if not any(f.required for f in op.settings()):
        return layer
    found = re.search(rf"{layer}\([^()]*(?:\([^()]*\))?[^()]*\)", op.example)
    return found[0] if found else layer


def _computed(gap: foreign.Missing) -> bool:
    """Whether a text in place of a layer is said of an arrow `x`, as the body of a block is."""
    return re.search(r"\bx\b", gap.instead) is not None


def _leaf(word: str) -> str:
    """The name of a block for a layer that there is not: `selu` for `nn.SELU`."""
    return word if word.isidentifier() else foreign.plain(word)


def _called(site: Site, gap: foreign.Missing, word: str, text: str, near: Span | None) -> str:
    """How a block for a layer that there is not is then used, where its call cannot stay as it is."""
    place = places.place_of(site, near, False) if near is not None and _computed(gap) else None
    flow = reader(site).flow(text)
    if place is None or flow is None or place.alone or len(flow.arrows) > 1:
        return ""
    if place.coming and flow.arrows:
        ways = {inflow.headed([arrow], _leaf(word)): None for arrow in (place.coming, *flow.arrows)}
        return f": write the pipeline up to here as `{'` or `'.join(ways)}` then" if not flow.rest else ""
    written = inflow.headed(flow.arrows, _leaf(word))
    stays = not flow.arrows and word.isidentifier()
    return "" if stays or flow.rest else f": write `{arithmetic.enclosed(written) if place.term else written}` then"


def _not_yet(gap: foreign.Missing, settled: Sequence[str], word: str) -> str:
    if gap.instead and settled:
        return f"{NOT_YET}; without settings it is the same as `{gap.instead}`"
    if _computed(gap):
        return f"{NOT_YET}; `block {_leaf(word)} {{ {gap.instead} }}` above the net computes the same"
    if gap.instead:
        return f"{NOT_YET}; `{gap.instead}` computes the same"
    return f"{NOT_YET}; {gap.says}" if gap.says else NOT_YET


def _library(site: Site, word: str) -> str | None:
    """A block of the standard library that a word means, with the `use` row that asks for it."""
    wanted = foreign.plain(foreign.library(word) or word)
    for stem in sorted({path.stem for path in STDLIB.glob("*.net")} - {"prelude"}):
        file = shipped(site.library.parse, f"std.{stem}")
        blocks = [d for d in (file.items if file else ()) if isinstance(d, syntax.Definition)]
        block = next((d for d in blocks if foreign.plain(d.name.id) == wanted), None)
        if block is not None:
            name = block.name.id
            known = site.library.definition(site.scope, name) is not None
            use = "" if known else f"add `use std.{stem} {{ {name} }}` at the top of the file"
            if name == word:
                return use or None
            told = takes(name, [p.name.id for p in block.parameters])
            return f"{use}; it is called `{name}` here: {told}".removeprefix("; ")
    return None


def _misspelt_foreign(site: Site, word: str, text: str) -> str | None:
    bare = foreign.plain(word)
    alike = [w for w in foreign.ways() if w[:1] == bare[:1] and len(w) - len(bare) <= slips(bare)]
    near = nearest(bare, alike) if len(word) > 4 else None
    if near is None:
        return None
    return _foreign(site, near, text.replace(word, near, 1) if text != word else near)


def place(site: Site, help: str | None, near: Span) -> tuple[Label, ...]:
    """Where the name stands that a help offers, when that is one of the author's own: it may be the misspelt one."""
    found = re.fullmatch(r"did you mean `(\w+)`\?", help or "")
    if found is None:
        return ()
    bound = site.scope.find(found[1])
    defined = site.library.definition(site.scope, found[1])
    span = bound.span if bound else defined[0].name.span if defined else None
    return (Label(span, "named here"),) if span is not None and span.source is near.source else ()


def called_on(site: Site, word: str, arrow: str, arguments: Sequence[str], near: Span) -> str | None:
    """Help for `x.relu()`, `x.max(1)`: a layer that is called as what an arrow has."""
    first, *rest = arguments or ("",)
    axis = word in inflow.OF_ARROWS and re.fullmatch(r"(?:(?:dim|axis)\s*=\s*)?-?\d+", first) is not None
    given_here = ", ".join([arrow, f"dim={first.rpartition('=')[2]}", *rest] if axis else [arrow, *arguments])
    called = inflow.OF_ARROWS[word][not axis and len(arguments) > 0] if word in inflow.OF_ARROWS else word
    help = unknown(site, called, f"F.{called}({given_here})", near=near)
    if help != f"did you mean `{word}`?" or word not in REGISTRY:
        return help
    names = [f.name for f in REGISTRY[word].settings()]
    return f"as in `{arrow} -> {_example(word)}`, with axes counted without the batch: {takes(word, names)}"


# ---------------------------------------------------------------- settings


def unknown_setting(site: Site, title: str, names: Sequence[str], argument: syntax.Argument, call: str) -> str | None:
    """Help for a setting that a layer does not take."""
    assert argument.name is not None
    name = argument.name.id
    declared = REGISTRY.get(title)
    if declared is not None and issubclass(declared, Metric | ClassLoss):
        said = _of_scores(title, name, argument, call)
        if said is not None:
            return said
    if title in ("attention", "multihead_attention") and re.search(r"mask", name) and "causal" not in name:
        return _masked(site, title, argument, call)
    drawn = made.setting(site, argument, call) if title == "noise" else None
    flowing = drawn or tied.setting(site, title, argument, call) or places.given(site, argument)
    if flowing is not None:
        return flowing
    reading = reader(site)
    written, also = _read(site, reading, call) if reading.settings(title) is not None else (None, "")
    if freezes(name, argument.value.span.text) or UNTRAINED in reading.lost:
        return _frozen(written or f"{title}(…)")
    lost = [says for says in dict.fromkeys(reading.lost) if says != left_out(name, value=argument.value.span.text)]
    so = "; ".join([f": write `{written}`{also}", *lost]) if written else ""
    if title == "split" and name == "dim":
        return _parts(site, call, argument)
    if written and " -> " not in written and leading(written) != title and not elsewhere(name):
        return f"write `{written}`"
    if name in KEPT_SHARE and written:
        return f"`rate` is the share that is dropped{so}"
    several = several_here(name, argument.value.span.text, names)
    if several is not None:
        return f"write `{several}`"
    here = conversions.named(title, name, argument.value.span.text) or named_here(name, names)
    if here is not None and written and not fits(site, title, declared, written):
        return f"it is called `{here}` here{_taking(declared, here)}"
    if here is not None:
        return f"it is called `{here}` here{so}"
    if elsewhere(name):
        return "; ".join([_activation(title, argument.value.span.text, written), *dict.fromkeys(reading.lost)])
    if name == "track_running_stats" and argument.value.span.text.lower() == "false":
        return f"after training `{title}` always uses running averages: there is no variant without them yet"
    why = left_out(name, value=argument.value.span.text)
    if why is not None and name in reading.unread and not written:
        return f"nothing here stands for `{argument.span.text}`: {takes(title, names)}"
    if name in ("training", "is_training") and argument.value.span.text.lower() == "false":
        return f"{why}; `frozen` in front of a row keeps its weights and normalises by running statistics"
    if why is not None:
        return f"{why}{so}" if so else f"{why}: leave `{name}` out"
    return did_you_mean(name, names) or (f"write `{written}`" if written else None)


def _masked(site: Site, title: str, argument: syntax.Argument, call: str) -> str:
    """`multihead_attention(4, attn_mask=mask)`: what is added to the scores, or masks them, is a fourth arrow."""
    layer = _without(title, argument, call)
    value, place = argument.value.span.text, places.place_of(site, argument.span, True)
    if re.search(r"causal|tril|triu|subsequent", value):
        says = "that no step sees a later one is said by" if layer != title else "write"
        return f"{says} `{several.with_setting(layer, 'causal=true')}`"
    coming = (place.coming if place is not None else "") or "x"
    three = bundled(coming) if len(bundled(coming)) == 3 else [coming] * 3
    return f"a mask is a fourth arrow, `true` where one may look: `({', '.join([*three, value])}) -> {layer}`"


def _without(title: str, argument: syntax.Argument, call: str) -> str:
    """A call without one of its arguments."""
    kept = [text for text in inside(call) if text != argument.span.text]
    return f"{title}({', '.join(kept)})" if kept else title


def _frozen(written: str) -> str:
    """`conv(16, 3, trainable=false)`: a word in front of a row, which freezes all that stands in it."""
    return f"{UNTRAINED}: write `frozen {written}`, in a row of its own"


def _activation(title: str, text: str, written: str | None) -> str:
    """Help for an activation among the settings of a layer."""
    says, word = "an activation is a layer of its own", value_here(text) or ""
    act = layer_of(word)
    if written is None and title in special.GATED:
        return special.gates(title)
    if written is None and act is None and word:
        return f"{says}, and netdsl has none called `{word}`"
    so = written or f"{title}(…) -> {act or 'relu'}"
    return f"{says}: write `{so}`"


def _parts(site: Site, call: str, argument: syntax.Argument) -> str:
    """`split(16, dim=1)`: PyTorch says how large a part is."""
    given_here = given_in(call)
    coming, place = site.build.coming, places.place_of(site, argument.span, True)
    shape = [*map(str, coming.shape)] if isinstance(coming, Value) else []
    count = next((g.value for g in given_here if g.name != "dim"), "")
    if place is not None and count == str(place.named):  # as many names stand in front of it
        shape = [str(int(count) ** 2)] * len(shape)
    told = several.equal_parts(given_here, shape)
    says = "it is called `axis` here"
    if count[:1] not in ("[", "("):
        says += ", and the number is how many parts there are, not how large one is"
    written = ", ".join(a.value if a.name is None else f"{a.name}={a.value}" for a in told or ())
    return f"{says}: write `split({written})`" if told else says


def _taking(op: type[Declared] | None, name: str) -> str:
    kinds = {f.name: f.kind for f in op.settings()} if op else {}
    kind = kinds.get(name)
    return f", and takes {kind.says}" if kind is not None else ""


def _of_scores(title: str, name: str, argument: syntax.Argument, call: str) -> str | None:
    """`miou(num_classes=4)`, `accuracy(topk=5)`: what losses and metrics of other libraries are told."""
    if title == "accuracy" and foreign.plain(name) in ("topk", "k", "top"):
        return f"write `top_k_accuracy({argument.value.span.text})`"
    why = left_out(name, OF_SCORES)
    return f"{why}: write `{_without(title, argument, call)}`" if why else None


__all__ = ["place", "reader", "takes", "unknown", "unknown_setting"]
