"""Texts by split, made fields of tokens for a net: with vocabularies of the training texts, or those of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.dims import at
from netdsl.recipe.data.captions import Captioned
from netdsl.recipe.data.tokens import Tokenized
from netdsl.runtime.data.fields import TYPES
from netdsl.runtime.data.sets import Dataset, InMemory, Request, SampleSplit
from netdsl.runtime.data.vocabulary import (
    TextVocabulary,
    TokenRows,
    from_file,
    kept,
    learned,
    rows_of,
    spared,
    spoken_rows,
)

TextSplits = Mapping[str, Sequence[str]]


@dataclass
class TextFields:
    """The fields that are made of texts, as they are gathered."""

    data: Tokenized
    request: Request
    name: str
    """Where the texts are from, for what is said of them."""
    parts: dict[str, dict[str, Array]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    words: dict[str, TextVocabulary] = field(default_factory=dict)
    """By input: its vocabulary."""

    def __post_init__(self) -> None:
        self.known = kept(self.request.facts)
        self.inputs = [name for name in self.request.asked.inputs if name not in self.data.masks.values()]
        types = {name: type.shape[0] for name, type in self.request.asked.inputs.items() if name in self.inputs}
        self.lengths = {name: at(size, {}) for name, size in types.items()}

    def read(self, place: int, texts: TextSplits) -> None:
        """The fields of the texts that the input of a place reads, and its mask."""
        name, rows = self._rows(place, texts, 0)
        for split, own in rows.items():
            self._put(split, {name: own.tokens, self._mask(place): own.mask})

    def speak(self, place: int, texts: TextSplits, ignore: int) -> None:
        """The same of texts that are to be said, token by token, with the label."""
        name, rows = self._rows(place, texts, 1)
        for split, own in rows.items():
            target, label, mask = spoken_rows(own, self.words[name], self.lengths[name], ignore)
            self._put(split, {name: target, self._mask(place): mask, "label": label})

    def _mask(self, place: int) -> str:
        return list(self.data.masks.values())[place]

    def _put(self, split: str, fields: Mapping[str, Array]) -> None:
        own = self.request.asked.fields
        made = {n: v.astype(TYPES[own[n].dtype], copy=False) for n, v in fields.items()}
        self.parts.setdefault(split, {}).update(made)

    def _rows(self, place: int, texts: TextSplits, begins: int) -> tuple[str, dict[str, TokenRows]]:
        """An input's name, and by split its texts as numbers, `begins` of which are for the begin."""
        name = self.inputs[place]
        by = self.data.tokens[min(place, len(self.data.tokens) - 1)]
        known = self.known.get(name)
        words, notes = vocabulary_of(self.data, by, known, texts["train"], spoken=place == 1)
        self.words[name] = words
        words.mask, words.length = self._mask(place), self.lengths[name]
        rows = {split: rows_of(own, words, words.length - begins, self.name) for split, own in texts.items()}
        if not any(own.mask.any() for own in rows.values()):
            raise DataError(f"{self.name}: there are no tokens in its texts")
        self.notes += [*notes, *counted(name, words, rows, words.length - begins)]
        return name, rows

    def dataset(self, classes: Sequence[str], labels: Mapping[str, Array] | None = None) -> Dataset:
        """All of it; `labels` by split are beside."""
        for split, own in (labels or {}).items():
            self._put(split, {"label": own})
        splits: dict[str, SampleSplit] = {split: InMemory(fields) for split, fields in self.parts.items()}
        facts: dict[str, Any] = {"words": {name: words.facts() for name, words in self.words.items()}}
        return Dataset(splits, tuple(classes), self.notes, facts=facts)


def vocabulary_of(
    data: Tokenized | Captioned, cut: str, known: TextVocabulary | None, texts: Sequence[str], spoken: bool
) -> tuple[TextVocabulary, list[str]]:
    """The one that weights keep, that of the tokenizer file, or what training texts have; and what is to be said of it.

    `cut` is what texts are cut into without a tokenizer.
    """
    by = "tokenizer" if data.tokenizer else cut
    if known is not None:
        if (known.by, known.spoken) != (by, spoken):
            what = "captions" if isinstance(data, Captioned) else "texts"
            raise DataError(f"`{data.name}` cuts {what} by {by}, where the weights were trained on {known.by}s")
        return known, []
    if data.tokenizer:
        return from_file(Path(data.tokenizer).expanduser(), spoken), []
    tokens, many = learned(texts, by, data.lower, data.vocabulary, spoken)
    left = many + len(spared(spoken)) - len(tokens)
    notes = [f"{left:,} of {many:,} different {by}s are left out of the vocabulary, as rare ones"] if left else []
    return TextVocabulary(by, tokens, data.lower, spoken=spoken), notes


def counted(name: str, words: TextVocabulary, rows: Mapping[str, TokenRows], length: int) -> list[str]:
    """What a run should say of its tokens: how many there are, how long texts are, what is unknown and cut off."""
    lengths = np.array([n for own in rows.values() for n in own.longest])
    what = "tokens" if words.by == "tokenizer" else f"{words.by}s"
    told = f"`{name}`: {len(words.tokens):,} numbers for {what}; texts have {lengths.min():,} to {lengths.max():,}"
    found = [f"{told}, half of them up to {int(np.median(lengths)):,}"]
    cut = int((lengths > length).sum())
    if cut:
        found.append(f"{cut / len(lengths):.1%} of them are cut to {length:,}")
    unknown, all_ = sum(own.unknown for own in rows.values()), int(lengths.sum())
    if unknown:
        found.append(f"`{name}`: {unknown / all_:.1%} of the {what} are not in the vocabulary")
    return found
