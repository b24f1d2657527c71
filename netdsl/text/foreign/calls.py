"""Calls of other frameworks written anew: `nn.Conv2d(1, 6, 5)` as `conv(6, 5)`, `relu(f(x))` as `x -> f -> relu`.

Works on texts, so that messages of syntax and of meaning say the same. What it cannot translate with certainty gives
None, and the message shows the example of the table instead.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager

from netdsl.ops import REGISTRY
from netdsl.text.foreign import (
    arithmetic,
    borders,
    conversions,
    patterns,
    placed,
    plain,
    several,
    signatures,
    special,
    way,
)
from netdsl.text.foreign.inflow import (
    JOINS,
    OF_ARROWS,
    Inflow,
    across,
    among,
    chained,
    chosen,
    headed,
    joined,
    lacks,
    least,
    most,
)
from netdsl.text.foreign.pieces import applied, balanced, called, chain, given, parts
from netdsl.text.foreign.rows import asked, flattened, kept, layer_of
from netdsl.text.foreign.settings import INFERRED, LOST
from netdsl.text.foreign.special import GivenArgument
from netdsl.text.foreign.values import elsewhere, freezes, left_out, named_here, value_here
from netdsl.text.foreign.weighed import is_weighed, is_weight, piped

NAME = re.compile(r"(?:self\.)?([A-Za-z_]\w*)")
WRAPPERS = frozenset(("jit", "checkpoint", "dataparallel"))
"""Words around a layer that say nothing here."""
ON_ITEMS = frozenset(("timedistributed", "batchapply", "vmap"))
"""Words around a layer that is applied to every item of an axis."""


class CallReader:
    """How texts of calls are read.

    `arrows` are names that stand for arrows of the file, `numbers` those that stand for numbers (None where
    that is not known yet); `blocks` are its blocks with their parameters, each with whether it must be given, and
    `most` how many of these may be given by place. `counts` are texts that stand for arrows with how many each of them
    is, and `layers` the layers and blocks of the file with how many arrows they take.
    """

    def __init__(
        self, arrows: Container[str] = (), blocks: Mapping[str, Mapping[str, bool]] | None = None,
        most: Mapping[str, int] | None = None, numbers: Container[str] | None = None,
        counts: Mapping[str, int] | None = None, layers: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.arrows = arrows
        self.blocks = blocks or {}
        self.most = most or {}
        self.numbers = numbers
        self.counts = counts or {}
        self.layers = layers or {}
        self.ranks: dict[str, int] = {}
        """Arrows with how many axes they have; "" is what comes in."""
        self.shapes: dict[str, Sequence[str]] = {}
        """Their sizes, as texts."""
        self.free: Container[str] = ()
        """Those that are one for all samples: no batch is counted among their axes."""
        self.batched: Container[str] = ()
        """Those that differ from sample to sample, as no weight does."""
        self.truths: Mapping[str, bool] = {}
        """Arrows with whether they hold truth values; "_" is what comes in."""
        self.reads = ""
        """The arrow that the call at hand is given; "" for what comes in."""
        self.lost: list[str] = []
        """What is said of settings that no text here stands for, of the calls read so far."""
        self.unread: list[str] = []
        """Settings for which nothing is written, as nothing is known of them."""
        self.doubted: list[str] = []
        """First numbers that may be sizes of inputs, which is not certain; they are read so if `inputs_first`."""
        self.inputs_first = False

    def settings(self, layer: str) -> list[str] | None:
        """The names of a layer's settings; None for what is no layer."""
        if layer in REGISTRY:
            return [f.name for f in REGISTRY[layer].settings()]
        return list(self.blocks[layer]) if layer in self.blocks else None

    def rewrite(self, text: str) -> str | None:
        """The pipeline that a call means; None where that is not certain."""
        found = called(text.strip())
        if found is None:
            return self.called_on(text.strip()) if chain(text.strip())[1] else None
        if not balanced(found[2]):
            return self.called_on(text.strip())
        arguments = [given(part) for part in parts(found[2])]
        word = among(found[1], arguments)
        arrow, _, method = word.partition(".")
        if method and arrow in self.arrows:  # `x.split(2)`
            arguments = [GivenArgument(None, arrow), *arguments]
            word = among(f"torch.{method}", arguments) if method in OF_ARROWS else f"F.{method}"
        if plain(word) in ("sequential", "stacksequential", "modulelist"):
            listed = arguments[0].value if len(arguments) == 1 and arguments else ""
            items = parts(listed[1:-1]) if listed[:1] == "[" else [a.value for a in arguments]
            stages = [self.stage(item) for item in items]
            return chained([s for s in stages if s]) if all(stages) and stages else None
        if plain(word) == "bidirectional" and len(arguments) == 1:
            return special.both_ways(self.stage(arguments[0].value) or "")
        if plain(word) in WRAPPERS | ON_ITEMS and arguments and arguments[0].name is None:
            inner = (self.stage(arguments[0].value) or "").removeprefix("flatten -> ") or None
            return special.on_items(inner, arguments[1:]) if inner and plain(word) in ON_ITEMS else inner
        return self.call(word, arguments)

    def called_on(self, text: str) -> str | None:
        """`Conv2D(6, 5)(x)`, `Add()([a, b])`: Keras calls a layer on its inputs; `relu(x).mean(1)`: a method of it."""
        base, method, inside = chain(text)
        if method:
            before = self.operand(base) or self.stage(base)
            word = f"{'torch' if method in OF_ARROWS else 'F'}.{method}"
            behind = self.rewrite(f"{word}(_{', ' * bool(inside)}{inside})") or ""
            led = before is not None and behind.startswith("_ -> ")
            return (before if behind == "_ -> identity" else f"{before} -> {behind[5:]}") if led else None
        head, on = applied(text)
        found = re.match(r"(?:self\.)?([A-Za-z_][\w.]*)\s*\(", head)
        if found is None:
            return None
        layer = layer_of(found[1])
        if layer in JOINS:
            return self.call(found[1], [*map(given, parts(head[found.end() : -1])), GivenArgument(None, on)])
        arrow = self.operand(on)
        with self.reading(arrow):
            written = self.rewrite(head)
        return headed([arrow], written) if written is not None and arrow is not None else None

    def stage(self, text: str) -> str | None:
        """A layer given to another: a call, a name, or several joined by arrows."""
        pieces = arithmetic.split(arithmetic.bracketed(text) or text)
        if len(pieces) > 1:
            stages = [self.stage(piece) for piece in pieces[::2]] if set(pieces[1::2]) == {"->"} else [None]
            return chained([s for s in stages if s]) if all(stages) else None
        if NAME.fullmatch(text) and (layer := layer_of(text)):
            return layer if self.settings(layer) is not None else None
        return self.rewrite(text)

    def layer(self, word: str) -> str | None:
        return word if word in self.layers else layer_of(word)

    def call(self, word: str, arguments: list[GivenArgument]) -> str | None:
        word, arguments = special.meant(word, arguments)
        layer = self.layer(word)
        flow = Inflow(self.operand, layer or word, arguments)
        return self.sent(word, layer, flow.arrows, flow.rest)

    def flow(self, text: str, numbers: bool = False) -> Inflow | None:
        """What a call is given, that of a layer called on arrows too; arithmetic may be given `numbers` alone."""
        call = called(text)
        head, on = (text, "") if call is None or balanced(call[2]) else applied(text)
        found = called(head)
        if found is None:
            return None
        given_here = [given(part) for part in (*parts(found[2]), *parts(on))]
        word = among(found[1], given_here)
        return Inflow(self.operand, self.layer(word) or word, given_here, word, numbers)

    def led(self, flow: Inflow, coming: str) -> list[str]:
        """The pipelines that `coming -> call` may mean, for a call that is given arrows."""
        layer = self.layer(flow.word)
        most = self.takes(layer or flow.word)
        taken = [a for a in flow.led(coming) if len(a) <= most or is_weighed(flow.word, a, self.batched, self.layers)]
        ways = [self.sent(flow.word, layer, arrows, flow.rest) for arrows in taken]
        return [way for way in ways if way]

    def sent(self, word: str, layer: str | None, arrows: list[str], rest: list[GivenArgument]) -> str | None:
        """Arrows into the layer of a word with its settings; None where that is not certain."""
        count = sum(self.counts.get(arrow, 1) for arrow in arrows)
        if is_weighed(word, arrows, self.batched, self.layers):
            return piped(word, arrows, rest)
        if plain(word) in ("einsum", "reduce") and word not in self.layers:
            return patterns.read(plain(word), arrows, rest, self.ranks)
        if count > self.takes(layer or word):
            return across(layer or word, arrows) if count == len(arrows) and not rest else None
        row = way(word)
        if row is not None and row.says == "it is a row of layers" and word not in self.layers:
            return headed(arrows, row.write) if not rest else None
        if layer is None or (layer in self.layers and layer not in self.blocks):
            return headed(arrows, word) if arrows and word in self.layers and not rest else None
        views = plain(word) in SPECIAL or (plain(word) == "reshape" and signatures.TORCH_NAME.match(word) is not None)
        if views and word not in self.layers:
            with self.reading(arrows[0] if arrows else None):
                written = self.special(word, rest)
        elif layer in JOINS:
            return self.join(word, layer, arrows, rest)
        elif layer == "relu" and (capped := special.capped(rest)):
            written = capped
        else:
            with self.reading(arrows[0] if arrows else None):
                sized = layer == "split" and plain(word) == "split" and signatures.TORCH_NAME.match(word)
                told = several.equal_parts(rest, self.shapes.get(self.reads, ())) if sized else rest
                written = None if told is None else self.written(layer if sized else word, layer, told, bool(arrows))
        if written is None or (arrows and lacks(layer, written, len(arrows))):
            return None
        return headed(arrows, written)

    @contextmanager
    def reading(self, arrow: str | None) -> Iterator[None]:
        """While the call is read that is given an arrow; none stands for what comes in."""
        before, self.reads = self.reads, arrow or self.reads
        try:
            yield
        finally:
            self.reads = before

    def takes(self, layer: str) -> int:
        """How many arrows a layer may be given."""
        return most(layer) if layer in REGISTRY else self.layers.get(layer, 1)

    def special(self, word: str, arguments: list[GivenArgument]) -> str | None:
        """A call that another layer than that of its word may stand for."""
        if plain(word) in special.POOLING:
            meant = special.pooling(arguments)
            return self.written(meant[0], meant[0], meant[1]) if meant is not None else None
        if plain(word) in ACTIVATION:
            act = special.activation(arguments)
            none = act and value_here(act) in (None, "linear")
            return "identity" if none else self.stage(value_here(act or "") or "")
        if plain(word) == "rearrange":
            return patterns.rearranged(arguments, self.shapes.get(self.reads, ()))
        if plain(word) == "permute":
            return special.permuted(arguments)
        if plain(word) in ("view", "reshape"):
            return special.reshaped(arguments)
        return special.narrowed(plain(word), arguments)

    def operand(self, text: str) -> str | None:
        """An arrow that a call is given: a row, a call of layers on one, a pipeline, or arithmetic with one."""
        found = NAME.fullmatch(text)
        if found:
            return found[1] if found[1] == "_" or found[1] in self.arrows else None
        if text in self.counts or is_weight(text, self.layers):
            return text.removeprefix("self.")
        if len(arithmetic.split(text)) > 1 or text[:1] == "-":
            return self.computed(text)
        inside = arithmetic.bracketed(text)
        if inside is not None:
            within = self.operand(inside) if len(parts(inside)) == 1 else None
            return f"({within})" if within else None
        call = called(text)
        if call is not None and not balanced(call[2]):
            return self.called_on(text)
        flow = self.flow(text)
        method = call is not None and call[1].partition(".")[0] in self.arrows
        written = self.rewrite(text) if method or (flow is not None and flow.arrows) else None
        signs = arithmetic.split(written)[1::2] if written is not None and method else []
        return arithmetic.enclosed(str(written)) if signs and not {*signs} <= {"->", "**"} else written

    def computed(self, text: str) -> str | None:
        """`0.5 * x`, `relu(a) + b`: arithmetic with an arrow in it, each call in it written anew."""
        pieces = arithmetic.split(text)
        if "->" in pieces[1::2]:
            head, rest = arithmetic.led(text)
            arrow = self.operand(head)
            return f"{arrow} -> {rest}" if arrow else None
        if not all(sign in arithmetic.JOINS_ARROWS for sign in pieces[1::2]):
            return None
        minus = [piece[: len(piece) - len(piece.lstrip("-+ "))] for piece in pieces[::2]]
        terms = [piece[len(sign) :] for piece, sign in zip(pieces[::2], minus, strict=True)]
        arrows = [self.operand(term) for term in terms]
        if not any(arrows) or not all(a or arithmetic.number(t) for a, t in zip(arrows, terms, strict=True)):
            return None
        texts = [f"({a})" if a and arithmetic.flowing(a) else a or t for a, t in zip(arrows, terms, strict=True)]
        signed = [f"{sign}{t}" for sign, t in zip(minus, texts, strict=True)]
        return "".join([signed[0], *(f" {s} {t}" for s, t in zip(pieces[1::2], signed[1:], strict=True))])

    def join(self, word: str, layer: str, arrows: list[str], rest: list[GivenArgument]) -> str | None:
        """`torch.cat([a, b], dim=1)`: a bundle into a layer, or two arrows around an operator."""
        if layer in ("concat", "stack") and any(a.name == "dim" or word != layer for a in rest if a.value == "0"):
            self.lost.append("along the batch, which is `0` there, nothing is joined here")
        if not arrows and JOINS[layer] == "->" and rest and all(a.name for a in rest):
            if layer not in ("concat", "stack") or self.ranks.get("") in (None, 3):
                return self.written(word, layer, rest)
            axis = conversions.joined_along(word, layer, rest, self.ranks.get(""))
            return None if axis is None else f"{layer}(axis={axis})" if axis else layer
        arrows = chosen(arrows, self.truths) if layer == "where" else arrows
        if sum(self.counts.get(arrow, 1) for arrow in arrows) < least(layer):
            return None
        if layer in ("concat", "stack"):
            axis = conversions.joined_along(word, layer, rest, self.ranks.get(arrows[0]))
            return None if axis is None else headed(arrows, f"{layer}(axis={axis})" if axis else layer)
        written = self.written(word, layer, rest) if rest else layer
        if JOINS[layer] == "->" or (len(arrows) < 2 and written is not None):
            return headed(arrows, written) if written else None
        return joined(layer, arrows) if written == layer else None

    def written(self, word: str, layer: str, arguments: list[GivenArgument], applied: bool = False) -> str | None:
        """The layer with its settings, and the activation that another framework takes as a setting.

        A word alone stands for the text of its row in the table, if it is not `applied` to something.
        """
        names = self.settings(layer)
        row = way(word) if word != layer else None
        alone = not arguments and not applied and not signatures.ONNX_NAME.match(word)
        if names is None or (row is not None and alone):
            return row.write if row is not None and names is not None else None
        arguments = conversions.in_place(word, layer, arguments)
        found: dict[str, str] = {}
        after = ["last"] if special.last_alone(word, layer, arguments) else []
        factor = row is not None and row.first and word.islower()  # `upsample(2)`: PyTorch's `Upsample(2)` is a size
        told = signatures.named(word, arguments, names) if word != layer and not factor else None
        inferred = self.without_inputs(word, layer, arguments, applied) if told is None else told
        if (said := conversions.meant(word, layer, inferred, self.unread)) is None:
            return None
        if not all(self.placed_or_named(word, layer, p, a, told is not None, found, after) for p, a in enumerate(said)):
            return None
        if row is not None and row.names_kernel and (sum(a.name is None for a in arguments) > 1 or "kernel" in found):
            return None  # the sizes of the input and of the output, in an order that is not certain
        if any(not conversions.truth(layer, name, value) for name, value in found.items()):
            return None
        if row is not None and layer == "noise" and "kind" in found:
            return None  # a number, where the word itself says what is drawn
        if row is not None:
            found = {**kept(row), **found}
        if layer in self.blocks and "pad" in names and word != layer and signatures.unpadded(word):
            found.setdefault("pad", "0")  # which is not what blocks have without
        if any(name not in found for name in self.required(layer)):
            return None
        if row is not None and not applied and asked(row) and not any(n in found for n in asked(row)):
            return None
        if plain(word).startswith("batchnormali") and "momentum" in found:
            found["momentum"] = special.rest_of(found["momentum"])
        behind = borders.keeping(word, layer, said, found, self.shapes.get(self.reads, ()))
        if behind is None:
            self.unread.append("padding")
            return None
        self.lost += behind[1]
        if (border := borders.before(said, found, self.unread)) is None:
            return None
        before = [*flattened(word, self.ranks.get(self.reads)), *border]
        return " -> ".join([*before, *self.stacked(layer, said, found), *behind[0], *after])

    def placed_or_named(
        self, word: str, layer: str, place: int, argument: GivenArgument, certain: bool,
        found: dict[str, str], after: list[str],
    ) -> bool:  # fmt: skip
        """Read one argument by its name or, where it is `certain` whose that is there, its place, as `take` does."""
        names = self.settings(layer) or []
        name = argument.name or (names[place] if place < len(names) else None)
        if layer in REGISTRY and name in names and (self.rewrite(argument.value) or self.operand(argument.value)):
            return False  # a layer or an arrow where a number is wanted
        rank, free = self.ranks.get(self.reads), self.reads in self.free
        value = argument.value if free else conversions.counted(word, layer, name, argument, rank)
        if value is None:
            return False
        if argument.name is None and word != layer and place >= self.placed(layer):
            act = self.stage(value_here(value) or value)
            if act is not None and "activation" not in names:
                after.append(act)
                return True
            if act is None and not certain and name not in ("stride", "pad"):
                return False  # whose place it is there is not known
            name, value = ("activation", act) if act is not None else (name, value)
        return name is not None and self.take(layer, name, value, found, after)

    def stacked(self, layer: str, arguments: list[GivenArgument], found: Mapping[str, str]) -> list[str]:
        """The layer, or several where PyTorch drops between them: `lstm(32, layers=2, dropout=0.5)`."""
        rate = next((a.value for a in arguments if a.name == "dropout"), None)
        count = found.get("layers", "1")
        if rate is None or not count.isdecimal() or not 1 < int(count) <= 6:
            return [self.text(layer, found)]
        self.lost = [words for words in self.lost if words != left_out("dropout", value=rate)]
        one = self.text(layer, {name: text for name, text in found.items() if name != "layers"})
        return [one, *[f"dropout({rate})", one] * (int(count) - 1)]

    def placed(self, layer: str) -> int:
        """How many settings of a layer may be given by place."""
        return REGISTRY[layer].positional if layer in REGISTRY else self.most.get(layer, len(self.blocks[layer]))

    def text(self, layer: str, found: Mapping[str, str]) -> str:
        """`conv(6, 5, stride=2)`: by place what may be, the rest by name."""
        names, first = self.settings(layer) or [], list[str]()
        for name in names[: self.placed(layer)]:
            if name not in found:
                break
            first.append(found[name])
        rest = [f"{n}={found[n]}" for n in names if n in found and n not in names[: len(first)]]
        given = ", ".join([*first, *rest])
        return f"{layer}({given})" if given else layer

    def take(self, layer: str, name: str, text: str, found: dict[str, str], after: list[str]) -> bool:
        """Read one argument into `found`, or into the layers `after` it; False where its meaning is not certain."""
        names = self.settings(layer) or []
        if name == "return_sequences" and text.lower() == "false" and "last" not in after:
            after.append("last")
        if elsewhere(name) and named_here(name, names) is None:
            return self.follow(layer, value_here(text), after)
        target = name if name in names else named_here(name, names)
        value = conversions.read(layer, target, text, self.numbers)
        if target is None and not left_out(name):
            self.unread.append(name)
            return False
        counted = re.fullmatch(r"[\d.]+", text) is not None and not left_out(name, [INFERRED])
        if target is None and (name in LOST or counted or freezes(name, text)):
            self.lost.append(str(left_out(name, value=text)))
        if target is None or value is None:
            return True
        if target in found or value == conversions.UNREAD:
            return False
        found[target] = value
        return True

    def follow(self, layer: str, act: str | None, after: list[str]) -> bool:
        """Read the activation that another framework takes as a setting."""
        known = act if act and act != "linear" else None  # Keras' word for none
        stage = (self.stage(known) or special.blocked(known, self.lost)) if known else None
        after += [stage] if stage else []
        return stage is not None or act in (None, "linear")

    def required(self, layer: str) -> list[str]:
        if layer in REGISTRY:
            return [f.name for f in REGISTRY[layer].settings() if f.required]
        return [name for name, needed in self.blocks.get(layer, {}).items() if needed]

    def lacking(self, layer: str, rest: Sequence[GivenArgument]) -> list[str]:
        """The settings that a layer needs beside those that it is given."""
        placed = (self.settings(layer) or [])[: sum(a.name is None for a in rest)]
        return [name for name in self.required(layer) if name not in (*placed, *(a.name for a in rest))]

    def without_inputs(
        self, word: str, layer: str, arguments: list[GivenArgument], applied: bool
    ) -> list[GivenArgument]:
        """The arguments without the size of the input, which is inferred here."""
        if not applied and placed.doubtful(word, self.settings(layer) or [], arguments):
            self.doubted.append(arguments[0].value)
            arguments = arguments[self.inputs_first :]
        return placed.without_inputs(word, layer_of(word), self.required(layer_of(word) or ""), arguments)


ACTIVATION = frozenset(("activation", "activationlayer", "act"))
SPECIAL = frozenset((*special.POOLING, *ACTIVATION, "narrow", "select", "permute", "rearrange", "view"))
