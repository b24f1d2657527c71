"""The way out for a word that is not known, or a call that cannot be read: words of other frameworks first, names of
the author's own second, spelling last. Read when a mistake is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from netdsl.base.slips import nearest
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.functions import FUNCTIONS
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import LAYERS, UNKNOWN, Bundle
from netdsl.ops import REGISTRY
from netdsl.ops.base import RuleError, read_setting
from netdsl.ops.declared import Declared, Field
from netdsl.ops.fields import BoolKind, FloatKind, IntKind, SizesKind
from netdsl.ops.loss import ClassLoss
from netdsl.ops.metric import Metric
from netdsl.stdlib import STDLIB
from netdsl.text import foreign, syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.foreign.calls import ONE_OF, CallReader, call_text, given, layer_of, parts
from netdsl.text.foreign.settings import OF_SCORES
from netdsl.text.foreign.special import GivenArgument
from netdsl.text.foreign.values import NOWHERE, elsewhere, left_out, named_here, several_here, value_here
from netdsl.text.source import Span

TERMS = ("loss", "metric")
"""The graphs of rows that compute a number of a recipe."""
NOT_YET = "netdsl has no such layer yet"


def reader(site: Site) -> CallReader:
    """How calls are read that stand in a scope."""
    arrows = {n for s in site.scope.chain() for n, b in s.names.items() if _flows(b.value)}
    blocks = {
        name: {p.name.id: p.default is None for p in found.parameters} for name, found in definitions(site).items()
    }
    return CallReader(arrows, blocks)


def _flows(value: object) -> bool:
    return value is UNKNOWN or isinstance(value, (Value, Bundle, *LAYERS))


def definitions(site: Site) -> dict[str, syntax.Definition]:
    """The blocks and nets in reach."""
    found = {name: site.library.definition(site.scope, name) for name in site.library.names(site.scope)}
    return {name: definition[0] for name, definition in found.items() if definition is not None}


def own(scope: Scope) -> list[str]:
    """Names of arrows and values in reach, those of the nearest rows last."""
    return list(scope.known())


def layers_known(site: Site) -> list[str]:
    """The layers and functions that may be offered."""
    return sorted((set(REGISTRY) - NOWHERE) | site.library.names(site.scope) | set(FUNCTIONS))


# ---------------------------------------------------------------- words


TRUTHS = {**dict.fromkeys(("yes", "on"), "write `true`"), **dict.fromkeys(("no", "off"), "write `false`")}


def unknown(site: Site, word: str, text: str = "", more: Iterable[str] = ()) -> str | None:
    """Help for a word that names nothing; `text` is the call in which it stands."""
    return (
        TRUTHS.get(word)
        or _foreign(site, word, text or word)
        or _library(word)
        or did_you_mean(word, own(site.scope), [*layers_known(site), *more])
        or _misspelt_foreign(site, word, text or word)
    )


def _foreign(site: Site, word: str, text: str) -> str | None:
    if any(word in s.names for s in site.scope.chain()):
        return None
    if text == word and foreign.no_loss(word) and site.build.graph.name in TERMS:
        return foreign.loss(word)
    reading = reader(site)
    written = reading.rewrite(text) if text != word else None
    found = foreign.way(word)
    if written is not None:
        return "; ".join([f"write `{written}`", *dict.fromkeys(reading.lost)])
    needless = foreign.needless(word)
    if needless is not None:
        return needless
    if found is not None:
        return f"{found.says}: write `{found.write}`" if found.says else f"write `{found.write}`"
    loss = foreign.loss(word)
    if loss is not None:
        return loss
    gap = foreign.missing(word)
    if gap is not None:
        return _not_yet(gap)
    same = layer_of(word) if word not in REGISTRY else None
    return f"write `{_example(same)}`" if same else None


def _example(layer: str) -> str:
    """A layer as it may be written, with what it must be given."""
    op = REGISTRY[layer]
    if not any(f.required for f in op.settings()):
        return layer
    found = re.search(rf"{layer}\([^()]*(?:\([^()]*\))?[^()]*\)", op.example)
    return found[0] if found else layer


def _not_yet(gap: foreign.Missing) -> str:
    if gap.instead:
        return f"{NOT_YET}; `{gap.instead}` computes the same"
    return f"{NOT_YET}; {gap.says}" if gap.says else NOT_YET


def _library(word: str) -> str | None:
    """A block of the standard library that no `use` row asks for."""
    for path in sorted(STDLIB.glob("*.net")):
        names = re.findall(r"^block (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        wanted = foreign.plain(foreign.library(word) or word)
        found = next((n for n in names if foreign.plain(n) == wanted), None)
        if found and path.stem != "prelude":
            return f"add `use std.{path.stem} {{ {found} }}` at the top of the file"
    return None


def _misspelt_foreign(site: Site, word: str, text: str) -> str | None:
    near = nearest(foreign.plain(word), foreign.ways()) if len(word) > 4 else None
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
    reading = reader(site)
    written = reading.rewrite(call) if reading.settings(title) is not None else None
    so = f": write `{written}`" if written else ""
    several = several_here(name, argument.value.span.text, names)
    if several is not None:
        return f"write `{several}`"
    here = named_here(name, names)
    if here is not None and written and not fits(declared, _calling(title, written)):
        return f"it is called `{here}` here{_taking(declared, here)}"
    if here is not None:
        return f"it is called `{here}` here{so}"
    if elsewhere(name):
        act = layer_of(value_here(argument.value.span.text) or "") or "relu"
        return f"an activation is a layer of its own: write `{written or f'{title}(…) -> {act}'}`"
    why = left_out(name)
    if why is not None:
        return f"{why}{so}" if so else f"{why}: leave `{name}` out"
    return did_you_mean(name, names)


def _calling(title: str, written: str) -> str:
    """The call of a layer in a pipeline of several."""
    return next((part for part in written.split(" -> ") if re.match(rf"{title}\b", part)), title)


def _taking(op: type[Declared] | None, name: str) -> str:
    kinds = {f.name: f.kind for f in op.settings()} if op else {}
    kind = kinds.get(name)
    return f", and takes {kind.says}" if kind is not None else ""


def too_many(
    site: Site, title: str, declared: type[Declared] | None, names: Sequence[str],
    arguments: Sequence[syntax.Argument], most: int,
) -> str:  # fmt: skip
    """Help for more settings by place than a layer takes so."""
    call = f"{title}({', '.join(a.span.text for a in arguments)})"
    arrows = reader(site).rewrite(call)
    if arrows is not None and arrows not in (call, title) and not arrows.startswith(f"{title}("):
        return f"layers are applied by arrows: write `{arrows}`"
    inner = reader(site).stage(arguments[0].span.text) if arguments else None
    if inner is not None and most == 0:
        rest = ", ".join(a.span.text for a in arguments[1:])
        return f"layers are joined by arrows: write `{inner} -> {title}{f'({rest})' if rest else ''}`"
    axis = _counted(title, declared, arguments, most) or _axis(title, names, arguments, most)
    if axis is not None:
        return axis
    bracketed = _bracketed(title, declared, names, arguments, most)
    if bracketed is not None and fits(declared, bracketed):
        return f"several numbers are one setting in brackets: `{bracketed}`"
    if most == 0 and names and len(arguments) == 1 and _switch(declared, names[0], arguments[0].span.text):
        return f"write `{title}`, or `{title}({names[0]}=true)`"
    by_name = _by_name(title, declared, names, arguments, most)
    word = _word(declared, arguments, most)
    if word is not None:
        kept = [a.span.text for i, a in enumerate(arguments) if i != most]
        return f"write `{title}({', '.join([*kept, word])})`"
    inferred = _without_inputs(site, title, arguments) if REGISTRY.get(title) is declared else None
    if inferred is not None and fits(declared, inferred):
        also = by_name is not None and _number(declared, names, most)
        return f"the inputs are inferred: write `{inferred}`" + (
            f", or `{by_name}` where that is the {names[most]}" if also else ""
        )
    if by_name is not None:
        return f"write `{by_name}`" if most else f"write `{title}`, or `{by_name}` where that is the {names[0]}"
    listed = _listed(title, declared, arguments) if most else None
    return listed or _shortened(title, declared, names, arguments, most)


def _listed(title: str, declared: type[Declared] | None, arguments: Sequence[syntax.Argument]) -> str | None:
    """`unpool(2, 2)`: one number an axis."""
    texts = [a.span.text for a in arguments]
    if declared is None or any(a.name for a in arguments) or len(texts) > 3 or not all(map(_whole, texts)):
        return None
    written = f"{title}(({', '.join(texts)}))"
    return f"several numbers are one setting in brackets: `{written}`" if fits(declared, written) else None


def _whole(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None


def _shortened(
    title: str, declared: type[Declared] | None, names: Sequence[str], arguments: Sequence[syntax.Argument], most: int
) -> str:
    """The call with no more than it takes, and what that is."""
    written = call_text(title, names, {n: a.span.text for n, a in zip(names, arguments[:most], strict=False)})
    if declared is None or not fits(declared, written) or any(a.name for a in arguments):
        return takes(title, names)
    return f"write `{written}`; {takes(title, names)}"


def fits(declared: type[Declared] | None, written: str) -> bool:
    """Whether every setting of a call that a help offers is of a kind that it may have; names may stand for any."""
    if declared is None:
        return True
    fields = {f.name: f for f in declared.settings()}
    texts = [given(p) for p in parts(written.partition("(")[2].rpartition(")")[0])]
    names = [g.name or name for g, name in zip(texts, [*fields, *[""] * len(texts)], strict=False)]
    both = [n for n in ONE_OF.get(declared.name, ()) if n in names and n in ("size", "scale", "margin")]
    return len(both) < 2 and all(n in fields and _reads(fields[n], g.value) for n, g in zip(names, texts, strict=True))


def _reads(field: Field, text: str) -> bool:
    value = _literal(text)
    if value is None or field.kind is None:
        return True
    try:
        read_setting(field, value)
    except RuleError:
        return False
    return True


def _literal(text: str) -> bool | int | float | str | list[object] | None:
    """A value as it is written in a text; None for a name, which may stand for any."""
    if text in ("true", "false"):
        return text == "true"
    if text[:1] == text[-1:] == '"':
        return text[1:-1]
    if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
        return [_literal(p) for p in parts(text[1:-1])]
    if _whole(text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text) else None


def _bracketed(
    title: str, declared: type[Declared] | None, names: Sequence[str], arguments: Sequence[syntax.Argument], most: int
) -> str | None:
    """`resize(64, 64)`, `crop(24, 24)`: where a second number could be no stride, all are of one setting."""
    if declared is None or most != 1 or isinstance(declared.settings()[0].kind, IntKind | FloatKind):
        return None
    placed = [a.span.text for a in arguments if a.name is None]
    numbers = all(re.fullmatch(r"-?\w+", text) for text in placed)
    if len(placed) > 3 and names[0] in ("amount", "size"):  # no image has so many axes
        return None
    if not numbers or (len(names) > 1 and (names[1] == "stride" or placed[1].isalpha())):
        return None
    rest = "".join(f", {a.span.text}" for a in arguments if a.name is not None)
    return f"{title}(({', '.join(placed)}){rest})"


def takes(title: str, names: Sequence[str]) -> str:
    return f"`{title}` takes " + (", ".join(names) if names else "no settings")


def _of_scores(title: str, name: str, argument: syntax.Argument, call: str) -> str | None:
    """`miou(num_classes=4)`, `accuracy(topk=5)`: what losses and metrics of other libraries are told."""
    kept = [part for part in parts(call.partition("(")[2][:-1]) if part != argument.span.text]
    without = f"{title}({', '.join(kept)})" if kept else title
    if title == "accuracy" and foreign.plain(name) in ("topk", "k", "top"):
        return f"write `top_k({argument.value.span.text})`"
    why = left_out(name, OF_SCORES)
    return f"{why}: write `{without}`" if why else None


AXES = ("axis", "axes", "start")


def _counted(
    title: str, declared: type[Declared] | None, arguments: Sequence[syntax.Argument], most: int
) -> str | None:
    """`miou(4)`: other libraries are told how many classes there are."""
    if declared is None or most or not issubclass(declared, Metric | ClassLoss):
        return None
    if not arguments[0].span.text.isdecimal():
        return None
    rest = ", ".join(a.span.text for a in arguments if a.name is not None)
    return f"the classes are inferred: write `{title}{f'({rest})' if rest else ''}`"


def _axis(title: str, names: Sequence[str], arguments: Sequence[syntax.Argument], most: int) -> str | None:
    """`softmax(1)`: PyTorch counts the batch, this language does not."""
    text = arguments[0].span.text
    if len(arguments) != 1 or len(names) <= most or names[most] not in AXES or not text.isdecimal():
        return None
    here = f"{title}({names[most]}={text})"
    if int(text) == 0:
        return f"write `{here}`; the batch is not counted"
    shifted = f"{title}({names[most]}={int(text) - 1})" if int(text) > 1 else title
    return f"axes are counted without the batch: write `{shifted}`, or `{here}` where that axis is meant"


def _by_name(
    title: str, declared: type[Declared] | None, names: Sequence[str], arguments: Sequence[syntax.Argument], most: int
) -> str | None:
    """The same call with names for what may not stand by its place, where the values are of the kinds of these."""
    placed = [a for a in arguments if a.name is None]
    if len(placed) > len(names):
        return None
    texts = [a.span.text if i < most else f"{names[i]}={a.span.text}" for i, a in enumerate(placed)]
    texts += [a.span.text for a in arguments if a.name is not None]
    written = f"{title}({', '.join(texts)})"
    return written if fits(declared, written) else None


def _word(declared: type[Declared] | None, arguments: Sequence[syntax.Argument], most: int) -> str | None:
    """`pad=same` for a word by its place."""
    text = arguments[most].span.text if len(arguments) > most else ""
    fields = declared.settings() if declared else ()
    return next((f"{f.name}={text}" for f in fields if f.kind is not None and text in f.kind.words()), None)


def _number(declared: type[Declared] | None, names: Sequence[str], most: int) -> bool:
    """Whether the first setting behind those by place is a number, as a stride is."""
    fields = {f.name: f.kind for f in declared.settings()} if declared else {}
    return most > 0 and len(names) > most and isinstance(fields.get(names[most]), IntKind | SizesKind)


def _switch(declared: type[Declared] | None, name: str, text: str) -> bool:
    """Whether a setting is true or false, and a number is given for it."""
    kind = next((f.kind for f in declared.settings() if f.name == name), None) if declared else None
    return isinstance(kind, BoolKind) and text not in ("true", "false")


def _without_inputs(site: Site, title: str, arguments: Sequence[syntax.Argument]) -> str | None:
    """What PyTorch's call means here, where a layer of PyTorch is told the size of its input."""
    place = next((w.inferred for w in foreign.WAYS if w.inferred >= 0 and w.write.split("(")[0] == title), -1)
    if place < 0:
        return None
    texts = [given(a.span.text) for a in arguments]
    if any(a.value in ("true", "false") for a in texts[: place + 2]):
        return None
    kept = texts[:place] + texts[place + 1 :]
    return reader(site).written(title, title, kept)


__all__ = ["GivenArgument", "call_text", "parts", "place", "takes", "too_many", "unknown", "unknown_setting"]
