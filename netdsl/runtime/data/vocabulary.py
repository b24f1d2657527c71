"""Texts cut into tokens and back: by characters, by words, or as a file of the `tokenizers` library says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, first_line
from netdsl.recipe.data.tokens import CHARACTER, WORD
from netdsl.runtime.data.cells import quoted
from netdsl.runtime.data.sets import LARGEST
from netdsl.runtime.runs import kinds

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING, UNKNOWN, BEGIN, END = range(4)
RUNNING = "running"
"""How one long text is cut whose pieces neither begin nor end: into characters, numbered from 0 on, and no others."""
NAMES = ("<pad>", "<unk>", "<s>", "</s>")
"""What these are called where a token is shown."""
WORDS = re.compile(r"\w+|[^\w\s]")
"""A run of letters and digits, or one sign."""
LARGEST_FILE = 2**24
"""The largest tokenizer file, in bytes; a run keeps it whole."""
OF_FILES = {
    PADDING: ("<pad>", "[PAD]", "<|padding|>", "<|pad|>"),
    BEGIN: ("<s>", "[BOS]", "<bos>", "[CLS]", "<|startoftext|>", "<pad>"),
    END: ("</s>", "[EOS]", "<eos>", "[SEP]", "<|endoftext|>"),
}
"""By what they are for: the names that tokens of tokenizer files have."""
SHOWN = 3


@dataclass
class TextVocabulary:
    """The tokens of a field by number, and how a text becomes them."""

    by: str
    """`character`, `word`, `tokenizer` or `running`."""
    tokens: tuple[str, ...] = ()
    lower: bool = False
    json: str = ""
    """The content of a tokenizer file."""
    name: str = "the tokenizer that the weights keep"
    mask: str = ""
    """The field that says where tokens are."""
    length: int = 0
    """How many numbers a text becomes."""
    spoken: bool = False
    """Whether texts begin with a token that says so, and end with one."""
    padding: int = PADDING
    begin: int = BEGIN
    end: int = END

    def numbers(self, text: str) -> list[int]:
        """The tokens of a text by number. What is not in the vocabulary is 1; in a running text it is a `DataError`."""
        if self.by == "tokenizer":
            return encoded(self.cutter, text, not self.spoken, self.name)
        if self.by == RUNNING:
            return list(map(int, characters(text, self.tokens, "the text")))
        return [self.places.get(token, UNKNOWN) for token in cut(text, self.by, self.lower)]

    def text(self, numbers: Iterable[int]) -> str:
        """What numbers say, up to the end and without padding."""
        if self.by == RUNNING:
            return "".join(self.tokens[n] for n in numbers)
        said: list[int] = []
        for number in numbers:
            if self.spoken and number == self.end:
                break
            if number not in (self.padding, *((self.begin,) if self.spoken else ())):
                said.append(number)
        if self.by == "tokenizer":
            return self.cutter.decode(said)
        return ("" if self.by == CHARACTER else " ").join(self.tokens[n] for n in said if n < len(self.tokens))

    @cached_property
    def places(self) -> dict[str, int]:
        """The numbers of the tokens."""
        return {token: i for i, token in enumerate(self.tokens)}

    @cached_property
    def cutter(self) -> Tokenizer:
        return opened(self.json, self.name)

    def facts(self) -> dict[str, Any]:
        """What weights keep of it."""
        own = () if self.by == "tokenizer" else self.tokens
        return {"tokens": own, **{name: getattr(self, name) for name in KEPT}}


def cut(text: str, by: str, lower: bool) -> list[str]:
    """The tokens of a text as they are written."""
    said = text.lower() if lower else text
    return list(said) if by == CHARACTER else WORDS.findall(said)


def characters(text: str, known: Sequence[str], name: str) -> Array:
    """Characters by their places among those that are known; `DataError` names the first other one with its line."""
    places = {character: i for i, character in enumerate(known)}
    if others := set(text) - places.keys():
        strange = min(map(text.index, others))
        line = text.count("\n", 0, strange) + 1
        raise DataError(
            f"{name}, line {line:,}: {quoted(text[strange])} is none of the {len(known):,} characters that training had"
        )
    return np.fromiter((places[character] for character in text), np.int64, len(text))


def learned(texts: Iterable[str], by: str, lower: bool, most: int, spoken: bool) -> tuple[tuple[str, ...], int]:
    """The most frequent tokens of some texts, at most so many with those that no text has; and how many there were.

    Among equally frequent ones those of the smaller letters come first.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(cut(text, by, lower))
    first = spared(spoken)
    ordered = sorted(counts, key=lambda token: (-counts[token], token))
    return (*first, *ordered[: most - len(first)]), len(counts)


def spared(spoken: bool) -> tuple[str, ...]:
    """The tokens that no text has."""
    return NAMES if spoken else NAMES[:2]


# ---------------------------------------------------------------- files of the library


def from_file(path: Path, spoken: bool) -> TextVocabulary:
    """The vocabulary of a tokenizer file; `DataError` says what is wrong with it."""
    if not path.is_file():
        raise DataError(f"{path}: not a file: `tokenizer` is a file of the `tokenizers` library, `tokenizer.json`")
    if path.stat().st_size > LARGEST_FILE:
        raise DataError(f"{path}: {path.stat().st_size:,} bytes; a tokenizer has at most {LARGEST_FILE:,}")
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a text in UTF-8 ({first_line(error)})") from None
    found = TextVocabulary("tokenizer", json=content, name=str(path), spoken=spoken)
    cutter = found.cutter
    found.tokens = tuple(cutter.id_to_token(i) or str(i) for i in range(cutter.get_vocab_size()))
    found.padding = _own(cutter, PADDING) or 0
    if spoken:
        places = {what: _own(cutter, what) for what in (PADDING, BEGIN, END)}
        lost = next((what for what, place in places.items() if place is None), None)
        if lost is not None:
            what = {PADDING: "padding", BEGIN: "the begin", END: "the end"}[lost]
            names = " or ".join(f"`{name}`" for name in OF_FILES[lost])
            raise DataError(f"{path}: has no token for {what} of a text, {names}: add one to the tokenizer")
        found.padding, found.begin, found.end = (places[w] or 0 for w in (PADDING, BEGIN, END))
    return found


def _own(cutter: Tokenizer, what: int) -> int | None:
    return next((n for name in OF_FILES[what] if (n := cutter.token_to_id(name)) is not None), None)


def opened(content: str, name: str) -> Tokenizer:
    """A tokenizer of the library by the content of its file."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise DataError(
            f"{name}: tokenizer files are read by `tokenizers`, which is not installed: "
            "`pip install 'netdsl[tokenizers]'`, or cut texts into words, `tokens=word`"
        ) from None
    try:
        found = Tokenizer.from_str(content)
    except Exception as error:  # the library raises Exception itself
        raise DataError(f"{name}: not a tokenizer file ({first_line(error)})") from None
    found.no_padding()
    found.no_truncation()
    return found


def encoded(cutter: Tokenizer, text: str, special: bool, name: str) -> list[int]:
    """The tokens of a text by number; `DataError` quotes one that the tokenizer cannot cut."""
    try:
        return list(cutter.encode(text, add_special_tokens=special).ids)
    except Exception as error:  # the library raises Exception itself
        raise DataError(f"{name}: cannot cut {quoted(text)} into tokens ({first_line(error)})") from None


# ---------------------------------------------------------------- rows of numbers


@dataclass
class TokenRows:
    """Texts as numbers of tokens, all of one length."""

    tokens: Array
    """int64 `[texts, length]`."""
    mask: Array
    """bool `[texts, length]`: where tokens are."""
    longest: list[int] = field(default_factory=list)
    """By text: how many tokens it has."""
    unknown: int = 0
    """How many tokens are in no vocabulary."""


def rows_of(texts: Sequence[str], vocabulary: TextVocabulary, length: int, name: str) -> TokenRows:
    """Texts cut into tokens, cut off or padded to one length; `DataError` where they are too many to be held."""
    if 9 * len(texts) * length > LARGEST:
        raise DataError(
            f"{name}: {len(texts):,} texts of {length:,} tokens are more than {LARGEST:,} bytes: make `length` smaller"
        )
    found = TokenRows(np.full((len(texts), length), vocabulary.padding), np.zeros((len(texts), length), bool))
    for row, text in enumerate(texts):
        numbers = vocabulary.numbers(text)
        found.longest.append(len(numbers))
        found.unknown += numbers.count(UNKNOWN) if vocabulary.by != "tokenizer" else 0
        own = numbers[:length]
        found.tokens[row, : len(own)] = own
        found.mask[row, : len(own)] = True
    return found


def spoken_rows(said: TokenRows, vocabulary: TextVocabulary, length: int, ignore: int) -> tuple[Array, Array, Array]:
    """What is read, `[texts, length]` with the begin in front; the token after each; and where that one counts.

    `said` are the texts at one less than that length.
    """
    count = len(said.tokens)
    target = np.full((count, length), vocabulary.padding)
    target[:, 0], target[:, 1:] = vocabulary.begin, said.tokens
    label, mask = np.full((count, length), ignore), np.ones((count, length), bool)
    many = said.mask.sum(axis=1)
    mask[:, 1:] = said.mask
    label[:, :-1] = np.where(said.mask, said.tokens, ignore)
    label[np.arange(count), many] = vocabulary.end
    return target, label, mask


# ---------------------------------------------------------------- what a run keeps

KEPT = {
    "by": kinds.text, "lower": kinds.flag, "json": kinds.text, "mask": kinds.text, "length": kinds.whole(1),
    "spoken": kinds.flag, "padding": kinds.whole(0), "begin": kinds.whole(0), "end": kinds.whole(0),
}  # fmt: skip
"""What is kept of a vocabulary beside its tokens, under the names that it has there."""
_kept = kinds.fields(tokens=kinds.listed(kinds.text), **KEPT)


def kept(facts: Mapping[str, Any]) -> dict[str, TextVocabulary]:
    """By input: the vocabulary that weights keep; empty without, `DataError` where it is damaged."""
    stored = facts.get("words", {})
    said = kinds.mapped(_kept)(stored, "words")
    if said:
        raise DataError(f"what the weights keep of their words is damaged: {said}")
    found = {}
    for name, one in stored.items():
        found[name] = TextVocabulary(tokens=tuple(one["tokens"]), **{key: one[key] for key in KEPT})
        if found[name].by not in (CHARACTER, WORD, RUNNING, "tokenizer"):
            raise DataError("what the weights keep of their words is damaged: `words.by` is no kind of token")
    return found


def shown_unknown(text: str, vocabulary: TextVocabulary) -> Iterator[str]:
    """A note on tokens of a text that training did not have."""
    if vocabulary.by in (RUNNING, "tokenizer"):
        return
    tokens = cut(text, vocabulary.by, vocabulary.lower)
    strange = list(dict.fromkeys(token for token in tokens if token not in vocabulary.places))
    if strange:
        few = ", ".join(f'"{t}"' for t in strange[:SHOWN]) + (" …" if len(strange) > SHOWN else "")
        yield f"not in the vocabulary: {few}"
