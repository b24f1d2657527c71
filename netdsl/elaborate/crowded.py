"""More settings by their place than a layer takes so: what each of them is meant for.

Numbers stand for settings in order, or for the inputs that PyTorch is told; words for a value that one setting takes,
for a switch, or for the activation behind the layer. Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod

import netdsl.elaborate.cuts as cuts
import netdsl.elaborate.features as features
import netdsl.elaborate.made as made
import netdsl.elaborate.numbers as numbers
import netdsl.elaborate.orders as orders
import netdsl.elaborate.places as places
from netdsl.base.record import record
from netdsl.base.slips import nearest
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.meant import fields_of, fits, reads, takes, value_of, whole
from netdsl.elaborate.orders import reordered
from netdsl.elaborate.reading import reader
from netdsl.ops import REGISTRY
from netdsl.ops.declared import Declared, Field
from netdsl.ops.fields import BoolKind, FloatKind, IntKind, SizesKind, TextKind, Word
from netdsl.ops.loss import ClassLoss
from netdsl.ops.metric import Metric
from netdsl.text import foreign, syntax
from netdsl.text.diagnostics import did_you_mean
from netdsl.text.foreign import special
from netdsl.text.foreign.borders import BEHIND
from netdsl.text.foreign.calls import CallReader
from netdsl.text.foreign.conversions import NO_USUAL, ROWS, meant
from netdsl.text.foreign.pieces import given
from netdsl.text.foreign.special import GivenArgument, broken, shifted
from netdsl.text.foreign.values import key, named_here, value_here
from netdsl.text.limits import FOREIGN


@record
class Crowded:
    """A call with more settings by their place than its layer takes so."""

    site: Site
    title: str
    declared: type[Declared] | None
    """What says the settings; None for a block."""
    names: Sequence[str]
    given: Sequence[GivenArgument]
    most: int
    reading: CallReader
    before: Sequence[str] = ()
    """Layers that the settings begin with: this one reads what they make."""
    after: Sequence[str] = ()
    """Layers behind this one, by words among its settings."""

    @property
    def placed(self) -> list[str]:
        return [g.value for g in self.given if g.name is None]

    @property
    def named(self) -> list[GivenArgument]:
        return [g for g in self.given if g.name is not None]

    @property
    def is_layer(self) -> bool:
        """Whether it is no word of a recipe."""
        return self.declared is None or REGISTRY.get(self.title) is self.declared

    def text(self, given: Sequence[GivenArgument]) -> str | None:
        """The call with these settings instead, in the words of this language; None where it cannot take them."""
        written = self.reading.written(self.title, self.title, list(given)) if self.is_layer else None
        inside = ", ".join(shown(g) for g in given)
        text = written or (f"{self.title}({inside})" if inside else self.title)
        return self.around(text) if fits(self.site, self.title, self.declared, text) else None

    def around(self, text: str) -> str:
        """The layer in a pipeline with those that stand among its settings."""
        return " -> ".join([*self.before, text, *self.after])

    def with_given(self, given: Sequence[GivenArgument], layers: Sequence[str], first: bool) -> Crowded:
        """The same with other settings, and the layers around it, of which one may stand `first`."""
        around = (layers[:1], layers[1:]) if first else ((), layers)
        return Crowded(self.site, self.title, self.declared, self.names, given, self.most, self.reading, *around)


def shown(argument: GivenArgument) -> str:
    return f"{argument.name}={argument.value}" if argument.name else argument.value


def too_many(
    site: Site, title: str, declared: type[Declared] | None, names: Sequence[str],
    arguments: Sequence[syntax.Argument], most: int,
) -> str:  # fmt: skip
    """Help for more settings by place than a layer takes so."""
    if sum(len(a.span.text) for a in arguments) > FOREIGN:
        return takes(title, names)
    texts = [given(a.span.text) for a in arguments]
    own = {"noise": made.crowded, "slice": cuts.crowded}.get(title)
    flowing = (own(site, arguments) if own is not None else None) or places.given(site, arguments[0])
    if flowing is not None:
        return flowing
    counted = numbers.told(site, f"{title}({', '.join(a.span.text for a in arguments)})", arguments[0].span, True)
    if counted is not None:
        return counted
    viewed = special.reshaped(texts) if title == "reshape" and orders.batched(site, [t.value for t in texts]) else None
    if viewed is not None:
        return f"the batch is never written: write `{viewed}`"
    call = Crowded(site, title, declared, names, texts, most, reader(site))
    help = _layers(call) or _worded(call) or _numbers(call)
    if re.search(r"stride=.*pad=same", help):
        call.reading.lost.append(BEHIND)
    return "; ".join([help, *dict.fromkeys(call.reading.lost)])


def _layers(call: Crowded) -> str | None:
    """Layers in the brackets, where settings stand here."""
    texts = [shown(g) for g in call.given]
    inner = call.reading.stage(texts[0]) if texts and call.most == 0 and call.is_layer else None
    if inner is None or _named(call, texts[0]):
        return None
    rest = call.with_given(call.given[1:], [inner], first=True)
    text = rest.text(rest.given) if not rest.placed else None
    return f"layers are joined by arrows: write `{text}`" if text is not None else _numbers(rest)


# ---------------------------------------------------------------- words


def _worded(call: Crowded) -> str | None:
    """Help for a call with words by their place that stand for something else than numbers."""
    words = [g for place, g in enumerate(call.given) if g.name is None and _is_word(call, place, g.value)]
    if not words:
        return None
    if any(g.name is None and g not in words for g in call.given[call.given.index(words[0]) :]):
        in_order = _by_name(call)  # a number behind a word: all stand in their places
        if in_order is not None:
            return f"write `{in_order}`"
    kept, after = [g for g in call.given if g not in words], list[str]()
    for word in words:
        meant = _meant(call, word.value.strip("'\""))
        if meant is None or (meant.name in [g.name for g in kept] and meant.name):
            return _unread(call, word.value.strip("'\""))
        if call.title in special.GATED and not meant.name and meant.value:
            return special.gates(call.title)
        kept += [meant] if meant.name else []
        after += [meant.value] if not meant.name and meant.value else []
    first = words[0] is call.given[0] and _meant(call, words[0].value) == GivenArgument(None, after[0] if after else "")
    rest = call.with_given(kept, after, first)
    if len(rest.placed) > call.most:
        return _numbers(rest)
    text = rest.text(kept)
    return f"write `{text}`" if text is not None else takes(call.title, call.names)


def _is_word(call: Crowded, place: int, text: str) -> bool:
    fields = list(fields_of(call.site, call.title, call.declared).values())
    value = value_of(call.site, text)
    if isinstance(value, str) and any(isinstance(f.kind, TextKind) for f in fields):
        return False
    return isinstance(value, Word | str) and not (place < call.most and reads(call.site, fields[place], text))


def _meant(call: Crowded, word: str) -> GivenArgument | None:
    """What a word by its place means: a setting, or without a name the layer that follows ("" for none at all)."""
    named, fields = _named(call, word), fields_of(call.site, call.title, call.declared)
    if named is not None:
        return named
    foreign_words = ((n, value_here(word, n)) for n in fields if n != "init")
    found = next(((n, v) for n, v in foreign_words if v and v != word and _says(call, fields[n], v)), None)
    if found is not None:
        return GivenArgument(*found)
    if call.title in special.GATED and key(word) == "tanh":
        return GivenArgument(None, "")  # with which it computes
    if (key(word) == "valid" and "pad" in fields) or key(word) in ("linear", "none"):
        return GivenArgument(None, "")
    act = (call.reading.stage(word) or special.blocked(word, call.reading.lost)) if call.is_layer else None
    if act is not None:
        return GivenArgument(None, act)
    init = value_here(word, "init") if "init" in fields else None
    return GivenArgument("init", init) if init and _says(call, fields["init"], init) else None


def _named(call: Crowded, word: str) -> GivenArgument | None:
    """The setting that takes a word as it is written, or the switch of that name."""
    fields = fields_of(call.site, call.title, call.declared)
    taker = next((n for n, f in fields.items() if _says(call, f, word)), None)
    if taker is not None:
        return GivenArgument(taker, word)
    switch = named_here(word, call.names) if word.isidentifier() else None
    return GivenArgument(switch, "true") if switch and isinstance(fields[switch].kind, BoolKind) else None


def _says(call: Crowded, field: Field, word: str) -> bool:
    """Whether a setting takes a word as a word."""
    return field.kind is not None and not isinstance(field.kind, TextKind) and reads(call.site, field, word)


def _unread(call: Crowded, word: str) -> str:
    """Help for a word that means nothing by its place."""
    name = named_here(word, call.names) if word.isidentifier() else None
    if name is not None:
        return f"give it a value, `{name}=…`: {takes(call.title, call.names)}"
    fields = fields_of(call.site, call.title, call.declared).values()
    values = {w: f"{f.name}={w}" for f in fields if f.kind and f.name != "init" for w in f.kind.words()}
    near = nearest(word, values)
    numbers = call.site.scope.known() if near is None else set[str]()
    guess = f"did you mean `{values[near]}`?" if near else did_you_mean(word, sorted(numbers))
    gap = foreign.missing(word) if call.is_layer else None
    why = f"netdsl has no `{word}` yet" if gap is not None else f"nothing is called `{word}`"
    return guess or f"{why}; {takes(call.title, call.names)}"


# ---------------------------------------------------------------- numbers


def _numbers(call: Crowded) -> str:
    """Help for numbers by their place that are more than may stand so."""
    axis = _counted(call) or _axis(call)
    if axis is not None:
        return axis
    moved = reordered(call.site.build.coming, call.placed) if call.title == "transpose" and not call.named else None
    if moved is not None:
        return moved
    along = call.names[1:2] == ["axis"]  # several numbers go along several axes, which are named
    bracketed = None if along else _bracketed(call)
    if bracketed is not None:
        return f"several numbers are one setting in brackets: `{bracketed}`"
    capped = special.capped(call.given) if call.title == "relu" else None
    if capped is not None:
        return f"write `{call.around(capped)}`"
    if call.title == "prelu" and len(call.placed) == 1 and call.placed[0].isdecimal() and call.placed[0] != "1":
        return f"write `{call.text([GivenArgument('per_channel', 'true')])}`"  # PyTorch counts its slopes
    if call.most == 0 and call.names and len(call.given) == 1 and _switched(call):
        return f"write `{call.around(call.title)}`, or `{call.around(f'{call.title}({call.names[0]}=true)')}`"
    if along:
        return _ordered(call) or takes(call.title, call.names)
    return _ordered(call) or (_listed(call) if call.most else None) or _shortened(call)


def _ordered(call: Crowded) -> str | None:
    """The numbers as the settings in order, or with one for the inputs, as PyTorch has it."""
    by_name, inferred = _by_name(call), _without_inputs(call)
    first = call.names[call.most] if len(call.names) > call.most else ""
    if inferred is None:
        if by_name is None or call.most or len(call.placed) > 1 or broken(call.placed[0]):
            return f"write `{by_name}`" if by_name else None
        return f"write `{call.around(call.title)}`, or `{by_name}` where that is the {first}"
    also = by_name is not None and _number(call)
    comes, told = _comes(call), value_of(call.site, _told(call))
    if call.title in ROWS and isinstance(told, int):
        other = features.not_the_last(call.site.build.coming, call.title, told, inferred)
        if other is not None:
            return other
    if comes is not None and also and not _grows(call):
        return f"{_told(call)} cannot be the inputs, since {comes} comes in: write `{by_name}`"
    since = f", and {comes} comes in" if comes is not None else ""
    return f"the inputs are inferred{since}: write `{inferred}`" + (
        f", or `{by_name}` where that is the {first}" if also and comes is None else ""
    )


def _by_name(call: Crowded) -> str | None:
    """The same call with names for what may not stand by its place, where the values are of the kinds of these."""
    if len(call.placed) > len(call.names):
        return None
    named = [GivenArgument(n, v) for n, v in zip(call.names[call.most :], call.placed[call.most :], strict=False)]
    return call.text([*(GivenArgument(None, v) for v in call.placed[: call.most]), *named, *call.named])


def _inputs_at(call: Crowded) -> int:
    """Which number of PyTorch's call is the size of the input; -1 for none."""
    if call.declared is None:
        return 0 if _convolves(call) else -1
    at = (w.inferred for w in foreign.WAYS if w.inferred >= 0 and w.write.split("(")[0] == call.title)
    return next(at, -1) if call.is_layer else -1


def _convolves(call: Crowded) -> bool:
    """Whether a block is called as a convolution is: `conv_bn_relu(3, 16, 3)`, `depthwise(3, 3)`."""
    return list(call.names[: call.most]) in (["channels", "kernel"], ["kernel"])


def _without_inputs(call: Crowded) -> str | None:
    """What PyTorch's call means here, where a layer of PyTorch is told the size of its input."""
    place = _inputs_at(call)
    if place < 0 or any(v in ("true", "false") for v in call.placed[: place + 2]):
        return None
    if broken(call.placed[place] if len(call.placed) > place else ""):
        return None  # no width is a broken number: `rmsnorm(1e-6)`
    place += _outputs_first(call, place)
    kept = [*call.given[:place], *call.given[place + 1 :]]
    return call.text(_over_rows(call, kept) if call.title in ROWS else kept)


def _over_rows(call: Crowded, kept: Sequence[GivenArgument]) -> list[GivenArgument]:
    """`layernorm((16, 30, 30), 1e-6)`: the settings by name, behind them how many axes the shape is of."""
    said = meant(call.title, call.title, [GivenArgument("normalized_shape", call.placed[0])], []) or []
    names = [*call.names, *[""] * len(kept)]
    return [*(g._replace(name=g.name or n) for g, n in zip(kept, names, strict=False)), *said]


def _outputs_first(call: Crowded, place: int) -> bool:
    """`linear(10, 3072)` where 3072 come in: the second number is the size of the input."""
    value = call.site.build.coming
    if call.title != "linear" or len(call.placed) <= place + 1 or not isinstance(value, Value) or not value.shape:
        return False
    first, second = (value_of(call.site, v) for v in call.placed[place : place + 2])
    return second == value.shape[-1] != first


def _told(call: Crowded) -> str:
    """What PyTorch would take for the size of the input."""
    return call.placed[_inputs_at(call)]


def _grows(call: Crowded) -> bool:
    """Whether the second number is the larger: outputs may be more than inputs, but a kernel than channels is not."""
    first, second = (value_of(call.site, v) for v in call.placed[:2])
    return isinstance(first, int) and isinstance(second, int) and second > first


CHANNELS_FIRST = ("conv", "conv_transpose", "batchnorm", "groupnorm", "instancenorm")


def _comes(call: Crowded) -> str | None:
    """The shape that comes in, where a number cannot be its width; None where it may be."""
    told, value = value_of(call.site, _told(call)), call.site.build.coming
    if not isinstance(told, int) or not isinstance(value, Value) or not value.shape:
        return None
    shape = value.shape
    in_front = call.title in CHANNELS_FIRST or call.declared is None
    width = shape[0] if in_front else shape[-1]
    flat = [] if in_front or not all(isinstance(n, int) for n in shape) else [prod(shape)]
    return str(value.type) if isinstance(width, int) and told not in (width, *flat) else None


def _listed(call: Crowded) -> str | None:
    """`unpool(2, 2)`: one number an axis."""
    texts = call.placed
    if call.declared is None or call.named or len(texts) > 3 or not all(map(whole, texts)):
        return None
    written = call.text([GivenArgument(None, f"({', '.join(texts)})")])
    return f"several numbers are one setting in brackets: `{written}`" if written is not None else None


def _shortened(call: Crowded) -> str:
    """The call with no more than it takes, where what is left out says nothing else; and what that is."""
    kept, over = call.placed[: call.most], call.placed[call.most :]
    if call.named or not all(v in (*kept, "true", "false") for v in over):
        return takes(call.title, call.names)
    written = call.text([GivenArgument(None, v) for v in kept])
    return (
        f"write `{written}`; {takes(call.title, call.names)}" if written is not None else takes(call.title, call.names)
    )


def _bracketed(call: Crowded) -> str | None:
    """`resize(64, 64)`, `crop(24, 24)`: where a second number could be no stride, all are of one setting."""
    names, placed = call.names, call.placed
    if call.declared is None or call.most != 1 or isinstance(call.declared.settings()[0].kind, IntKind | FloatKind):
        return None
    numbers = all(re.fullmatch(r"-?\w+", text) for text in placed)
    if len(placed) > 3 and names[0] in ("amount", "size"):  # no image has so many axes
        return None
    if not numbers or (len(names) > 1 and (names[1] == "stride" or placed[1].isalpha())):
        return None
    return call.text([GivenArgument(None, f"({', '.join(placed)})"), *call.named])


AXES = ("axis", "axes", "start")


def _counted(call: Crowded) -> str | None:
    """`miou(4)`: other libraries are told how many classes there are."""
    if call.declared is None or call.most or not issubclass(call.declared, Metric | ClassLoss):
        return None
    if not call.placed[0].isdecimal():
        return None
    rest = ", ".join(map(shown, call.named))
    return f"the classes are inferred: write `{call.title}{f'({rest})' if rest else ''}`"


def _axis(call: Crowded) -> str | None:
    """`softmax(1)`, `mean((2, 3))`: PyTorch counts the batch, this language does not."""
    text, names = call.placed[-1], call.names
    counted = text.isdecimal() or re.fullmatch(r"[\[(]\s*\d+[\d,\s]*[\])]", text) is not None
    name = names[call.most] if len(call.placed) == call.most + 1 and len(names) > call.most else ""
    if name not in AXES or call.title == "slice" or not counted:
        return None
    here = _along(call, text)
    moved = shifted(text)
    if moved is None:
        return f"write `{here}`; the batch is not counted"
    elsewhere = "where that axis is meant" if text.isdecimal() else "where those axes are meant"
    other = f", or `{here}` {elsewhere}" if here is not None and _reaches(call, text) else ""
    return f"axes are counted without the batch: write `{_along(call, moved)}`{other}"


def _along(call: Crowded, axes: str) -> str | None:
    """The call along some axes, which are left out where they are the usual ones."""
    usual = axes == "0" and call.placed[-1] != "0" and call.title not in NO_USUAL and not call.named
    given = [GivenArgument(None, text) for text in call.placed[:-1]]
    if usual:
        return call.text(given) if given else call.around(call.title)
    return call.text([*given, GivenArgument(call.names[call.most], axes), *call.named])


def _reaches(call: Crowded, axes: str) -> bool:
    """Whether what comes in may have such axes."""
    coming = call.site.build.coming
    return not isinstance(coming, Value) or all(int(n) < coming.type.rank for n in re.findall(r"\d+", axes))


def _number(call: Crowded) -> bool:
    """Whether the first setting behind those by place is a number, as a stride is."""
    if call.declared is None:
        return list(call.names[call.most : call.most + 1]) == ["stride"]
    fields = fields_of(call.site, call.title, call.declared)
    kind = fields[call.names[call.most]].kind if len(call.names) > call.most else None
    return call.most > 0 and isinstance(kind, IntKind | SizesKind)


def _switched(call: Crowded) -> bool:
    """Whether a setting is true or false, and a number is given for it."""
    field = fields_of(call.site, call.title, call.declared)[call.names[0]]
    return isinstance(field.kind, BoolKind) and call.placed[0] in ("0", "1", "yes", "no", "on", "off")
