"""Captions as the tokens that a net reads and says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdsl.base.errors import DataError
from netdsl.dims import at
from netdsl.recipe.data.captions import MASK, TARGET, Captioned
from netdsl.runtime.data.fields import TYPES
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.data.sets import Request
from netdsl.runtime.data.texts import counted
from netdsl.runtime.data.vocabulary import TextVocabulary, from_file, kept, learned, rows_of, spoken_rows


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
    words, notes = vocabulary_of(data, request, texts["train"])
    words.mask, words.length = MASK, length
    rows = {split: rows_of(own, words, length - 1, name) for split, own in texts.items()}
    parts = {}
    for split, own in rows.items():
        target, label, mask = spoken_rows(own, words, length, data.ignore)
        parts[split] = {TARGET: target, "label": label, MASK: mask.astype(TYPES[types[MASK].dtype], copy=False)}
    return SpokenRows(parts, words, [*notes, *counted(TARGET, words, rows, length - 1)])


def vocabulary_of(data: Captioned, request: Request, texts: Sequence[str]) -> tuple[TextVocabulary, list[str]]:
    """The one that the weights keep, that of the tokenizer file, or what training captions have."""
    by = "tokenizer" if data.tokenizer else data.tokens
    found = kept(request.facts).get(TARGET)
    if found is not None:
        if (found.by, found.spoken) != (by, True):
            raise DataError(f"`{data.name}` cuts captions by {by}, where the weights were trained on {found.by}s")
        return found, []
    if data.tokenizer:
        return from_file(Path(data.tokenizer).expanduser(), True), []
    tokens, many = learned(texts, by, data.lower, data.vocabulary, True)
    left = many - (len(tokens) - 4)
    notes = [f"{left:,} of {many:,} different {by}s are left out of the vocabulary, as rare ones"] if left else []
    return TextVocabulary(by, tokens, data.lower, spoken=True), notes
