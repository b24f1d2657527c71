"""Texts cut into tokens: with a class each, or with what they are in another language."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Bool, ChoiceKind, Count, Fraction, Int, ListKind, NameKind, Text, Whole
from netdsl.recipe.data.base import LABEL, Data, Inputs, assign, check_count, check_shares, refuse
from netdsl.recipe.data.images import OptionalSizes
from netdsl.recipe.data.tables import OptionalName

CHARACTER, WORD = "character", "word"
ColumnName = Annotated[str, NameKind()]
CutBy = Annotated[tuple[str, ...], ListKind(ChoiceKind((CHARACTER, WORD)))]
MOST = 1_000_000
"""The most tokens of a vocabulary, and the most texts that are drawn."""
LONGEST = 1_000_000
"""The most tokens of a text."""


class Tokenized(Data, abstract=True):
    """Texts as numbers of tokens, cut or padded to one length. `mask` is true where a token is, false on the padding.

    `tokens` says what texts are cut into: words, which are runs of letters and digits, and single signs; or characters.
    With `lower` capitals are small letters first. The training texts make the vocabulary: 0 is the padding, 1 whatever
    is not in it, and then the most frequent tokens follow, `vocabulary` numbers in all at most. `tokenizer` is a file
    of the `tokenizers` library (`tokenizer.json`), which says all of this itself.
    """

    main: ClassVar[str] = "tokens"
    masks: ClassVar[Mapping[str, str]] = {"tokens": "mask"}
    """By field of tokens: the field that is true where it has some."""
    native: ClassVar[tuple[int, ...]] = (64,)
    """How long texts are where nothing says it, by field."""
    least: ClassVar[int] = 2
    """Numbers that every vocabulary has beside the tokens of texts."""

    tokens: ClassVar[tuple[str, ...]] = (WORD,)
    tokenizer: ClassVar[str] = ""
    lower: ClassVar[bool] = False
    vocabulary: ClassVar[int] = MOST

    length: OptionalSizes = None

    def prepare(self) -> None:
        many = len(self.masks)
        if len(self.tokens) not in (1, many):
            both = ", or one for each of both" if many > 1 else ""
            raise RuleError(f"`tokens` says once what texts are cut into{both}", field="tokens")
        own = (
            next((n for n in ("tokens", "lower", "vocabulary") if n in self.given()), None) if self.tokenizer else None
        )
        if own is not None:
            raise RuleError(f"`tokenizer` says what tokens are: leave `{own}` out", field=own)
        if not self.least < self.vocabulary <= MOST:
            message = f"`vocabulary` is from {self.least + 1} to {MOST:,}, of which {self.least} are no tokens of texts"
            raise RuleError(message, field="vocabulary")
        self._check_length(many)

    def _check_length(self, many: int) -> None:
        lengths = self.length if isinstance(self.length, tuple) else (self.length,)
        if len(lengths) not in (1, many):
            both = ", or `(source, target)`" if many > 1 else ""
            raise RuleError(f"`length` is a number of tokens{both}", field="length")
        if any(n is not None and n > LONGEST for n in lengths):
            raise RuleError(f"`length` is at most {LONGEST:,} tokens", field="length")

    # ------------------------------------------------------------ fields

    def input_name(self, inputs: Inputs) -> str:
        return self.input_names(inputs)[0]

    def input_names(self, inputs: Inputs) -> tuple[str, ...]:
        """The inputs of the net that read tokens, one for each field of them."""
        if len(self.masks) > 1:
            missing = next((name for name in self.masks if name not in inputs), None)
            if missing is not None:
                known = ", ".join(f"`{n}`" for n in inputs)
                raise RuleError(
                    f"`{self.name}` gives `{missing}`, but the inputs of the net are {known}", code="wrong-data",
                    help=f"declare it as `input {missing} int[T]`",
                )  # fmt: skip
            return tuple(self.masks)
        others = {name: type for name, type in inputs.items() if name not in self.masks.values()}
        return (super().input_name(others or inputs),)

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": LABEL}

    def sample(self, inputs: Inputs) -> dict[str, TensorType]:
        names = self.input_names(inputs)
        found = {name: inputs[name] for name in names}
        for name, mask, length in zip(names, self.masks.values(), self._lengths(), strict=True):
            self._check(name, inputs[name], length)
            found[mask] = self._mask(mask, inputs, inputs[name])
        found |= self.companions(inputs[names[-1]])
        missing = next((n for n in inputs if n not in found), None)
        if missing is not None:
            given = ", ".join(f"`{n}`" for n in found)
            raise RuleError(f"`{self.name}` gives {given}, but the net also needs `{missing}`", code="wrong-data")
        return found

    def _check(self, name: str, type: TensorType, length: int | None) -> None:
        if type.dtype is not DType.INT or type.rank != 1:
            raise refuse(self, type, "rows of tokens", f"declare it as `input {name} int[T]`")
        if isinstance(type.shape[0], int) and length not in (None, type.shape[0]):
            raise RuleError(
                f"`length` asks for {length} tokens, but the input `{name}` is {type}",
                code="wrong-data", field="length", help="leave `length` out: texts are as long as the input",
            )  # fmt: skip

    def _mask(self, mask: str, inputs: Inputs, type: TensorType) -> TensorType:
        """The type of a mask: truth values, or what the net's input of its name asks for."""
        found = inputs.get(mask, TensorType(type.shape, DType.BOOL))
        if found.shape != type.shape:
            raise RuleError(
                f"`{self.name}` gives a mask as long as its tokens, but the input `{mask}` is {found}",
                code="wrong-data", help=f"declare it as `input {mask} {TensorType(type.shape, DType.BOOL)}`",
            )  # fmt: skip
        return found

    # ------------------------------------------------------------ sizes

    def _lengths(self) -> tuple[int | None, ...]:
        """By field of tokens: the length that was asked for."""
        return self.length if isinstance(self.length, tuple) else (self.length,) * len(self.masks)

    def natural_lengths(self) -> tuple[int, ...]:
        """By field of tokens: how long it is where the input leaves it open."""
        return tuple(said or own for said, own in zip(self._lengths(), self.native, strict=True))

    def sizes(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, int]:
        known = {} if self.length is not None else defaults or {}
        found: dict[str, int] = {}
        for name, length in zip(self.input_names(inputs), self.natural_lengths(), strict=True):
            found = assign(inputs[name].shape, (length,), known) | found
        return found

    def natural(self) -> dict[str, TensorType]:
        pairs = zip(self.masks, self.natural_lengths(), strict=True)
        return {name: TensorType((length,), DType.INT) for name, length in pairs}

    def described(self, inputs: Inputs) -> dict[str, TensorType]:
        return self.sample(inputs)

    def prepared(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        sizes = self.sizes(inputs, defaults)
        lengths = tuple(sizes.get(str(axis), axis) for n in self.input_names(inputs) for axis in inputs[n].shape)
        cut = {"tokenizer": self.tokenizer} if self.tokenizer else {"tokens": self.tokens, "lower": self.lower}
        return {"length": lengths[0] if len(lengths) == 1 else lengths, **cut}

    def paths(self) -> dict[str, str]:
        return {**super().paths(), **({"tokenizer": self.tokenizer} if self.tokenizer else {})}


class LabelledText(Tokenized):
    """Rows of a table with a text and its class each, in the columns `text` and `target` (CSV, `.tsv` or `.parquet`).

    Fields `tokens` and `mask`, as long as the input or `length`, and `label`: a class, counted from 0 in the sorted
    names of the training rows. A text that is longer is cut at its end. `validation` and `test` are shares of each
    class, drawn by `seed`; instead of them a column may say `train`, `validation` or `test`: `split=column`.
    """

    positional: ClassVar[int] = 1
    files: ClassVar[str] = (
        '`labelled_text("reviews.csv")` reads a file whose first line names the columns (CSV in UTF-8, `.tsv` or '
        "`.parquet`), of which one is `text` and one the class (`label`), beside the text or where the command runs"
    )

    file: Text  # type: ignore[misc]  # a field that must be given, first in its class
    text: ColumnName = "text"
    target: ColumnName = "label"
    tokens: CutBy = (WORD,)  # type: ignore[misc]  # of generated texts the class says it
    tokenizer: Text = ""  # type: ignore[misc]
    lower: Bool = False  # type: ignore[misc]
    vocabulary: Count = 10_000  # type: ignore[misc]
    length: OptionalSizes = None
    split: OptionalName = None
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: Whole = 0

    def prepare(self) -> None:
        super().prepare()
        check_shares(self.validation, self.test)
        columns = [c for c in (self.text, self.target, self.split) if c is not None]
        twice = next((c for c in columns if columns.count(c) > 1), None)
        if twice is not None:
            raise RuleError(f"the column `{twice}` can be one of text, class and split", field="target")


class Translated(Tokenized, abstract=True):
    """Texts with what they are in another language: a vocabulary for each side.

    Fields `source` and `source_mask`; `target`, which begins with a token that says so (2) and then has those of the
    translation; `label`, the token after each of `target`, of which the last says that the translation ends (3); and
    `target_mask`, true where `label` counts. Behind the end `label` is `ignore`.
    """

    main: ClassVar[str] = "source"
    masks: ClassVar[Mapping[str, str]] = {"source": "source_mask", "target": "target_mask"}
    native: ClassVar[tuple[int, ...]] = (64, 64)
    least: ClassVar[int] = 4

    ignore: Int = 0

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": type}

    def ignored(self) -> int | None:
        return self.ignore


class LinePairs(Translated):
    """Two files of texts, of which each line belongs to the line of the same number in the other (UTF-8).

    Fields are `source` and `target` with their masks, and `label`, the token after each one of `target`. Lines that are
    longer than their input, or than `length`, are cut. Both files are cut into the same kind of token, or into one
    each: `tokens=[character, word]`. `validation` and `test` are shares of the lines, drawn by `seed`.
    """

    name: ClassVar[str] = "pairs"
    positional: ClassVar[int] = 2
    files: ClassVar[str] = (
        '`pairs("de.txt", "en.txt")` reads two texts in UTF-8 with as many lines each, beside the text or where the '
        "command runs"
    )

    source: Text  # type: ignore[misc]  # fields that must be given, first in their class
    target: Text  # type: ignore[misc]
    tokens: CutBy = (WORD,)  # type: ignore[misc]  # of generated texts the class says it
    tokenizer: Text = ""  # type: ignore[misc]
    lower: Bool = False  # type: ignore[misc]
    vocabulary: Count = 10_000  # type: ignore[misc]
    length: OptionalSizes = None
    ignore: Int = 0
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: Whole = 0

    def prepare(self) -> None:
        super().prepare()
        check_shares(self.validation, self.test)

    def paths(self) -> dict[str, str]:
        return {**super().paths(), "source": self.source, "target": self.target}


class Sentiments(Tokenized):
    """Generated sentences that praise or blame, with words that say so, words that turn them round, and others.

    Fields `tokens`, `mask` and `label`: 0 is `negative`, 1 `positive`. Sentence number `i` follows from `seed` and `i`
    alone; the first 80 % are for training, then 10 % for validation and 10 % for testing. The longest has 14 tokens.
    """

    native: ClassVar[tuple[int, ...]] = (16,)

    count: Count = 1000
    seed: Whole = 0
    tokens: CutBy = (WORD,)  # type: ignore[misc]  # of others the class says it
    length: OptionalSizes = None

    def prepare(self) -> None:
        super().prepare()
        check_count(self.count, MOST)

    def class_names(self) -> tuple[str, ...]:
        return ("negative", "positive")


class Numerals(Translated):
    """Generated strings of digits and their words from the last digit to the first: 407 is "seven zero four".

    Fields are those of `pairs`: `source` is cut into characters, `target` into words. No string occurs twice; each has
    1 to `digits` digits and follows from `seed`. The first 80 % are for training, then 10 % for validation and 10 % for
    testing.
    """

    tokens: ClassVar[tuple[str, ...]] = (CHARACTER, WORD)

    count: Count = 2000
    digits: Count = 5
    seed: Whole = 0
    length: OptionalSizes = None
    ignore: Int = 0

    def prepare(self) -> None:
        if self.digits > 9:
            raise RuleError("`digits` is at most 9", field="digits")
        super().prepare()
        check_count(self.count, MOST)
        most = 10**self.digits // 2
        if self.count > most:
            message = f"of {self.digits} digits at most {most:,} strings are drawn, not {self.count:,}"
            raise RuleError(message, field="count", help=f"say `count={most}`, or more `digits`")

    def natural_lengths(self) -> tuple[int, ...]:
        said = self._lengths()
        return (said[0] or self.digits, said[1] or self.digits + 1)
