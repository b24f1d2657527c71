"""Captions as the tokens that a net reads and says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netdsl.dims import at
from netdsl.recipe.data.captions import MASK, TARGET, Captioned
from netdsl.runtime.data.fields import TYPES
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.data.sets import Request
from netdsl.runtime.data.texts import counted, vocabulary_of
from netdsl.runtime.data.vocabulary import TextVocabulary, kept, rows_of, spoken_rows


@dataclass
class SpokenRows:
    """The fields of the captions by split, `[captions, T]` each; their vocabulary, and what is worth saying."""

    parts: dict[str, Fields]
    words: TextVocabulary
    notes: list[str]

    def facts(self) -> dict[str, Any]:
        """What weights keep of it."""
        return {"words": {TARGET: self.words.facts()}}


def spoken(data: Captioned, request: Request, texts: Mapping[str, Sequence[str]], name: str) -> SpokenRows:
    """Captions by split as tokens; `name` is where they are from."""
    types = request.asked.fields
    length = at(types[TARGET].shape[0], {})
    known = kept(request.facts).get(TARGET)
    words, notes = vocabulary_of(data, data.tokens, known, texts["train"], spoken=True)
    words.mask, words.length = MASK, length
    rows = {split: rows_of(own, words, length - 1, name) for split, own in texts.items()}
    parts = {}
    for split, own in rows.items():
        target, label, mask = spoken_rows(own, words, length, data.ignore)
        parts[split] = {TARGET: target, "label": label, MASK: mask.astype(TYPES[types[MASK].dtype], copy=False)}
    return SpokenRows(parts, words, [*notes, *counted(TARGET, words, rows, length - 1)])
