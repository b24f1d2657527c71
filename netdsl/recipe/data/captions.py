"""Pictures with sentences that tell of them."""

from typing import Annotated, ClassVar

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Bool, ChoiceKind, Count, Floats, Fraction, Int, IntKind, Text, Whole
from netdsl.recipe.data.base import Inputs, check_shares, refuse
from netdsl.recipe.data.generated import Generated
from netdsl.recipe.data.images import Fit, Images, OptionalSizes
from netdsl.recipe.data.masks import SPLIT
from netdsl.recipe.data.tokens import CHARACTER, LONGEST, MOST, WORD
from netdsl.recipe.options import OptionKind

OptionalTokens = Annotated[int | None, OptionKind(IntKind(2))]
CutInto = Annotated[str, ChoiceKind((CHARACTER, WORD))]
TARGET, MASK = "target", "target_mask"
LEAST = 4
"""Numbers of a vocabulary that are no tokens of captions."""


class Captioned(Images, abstract=True):
    """Pictures with a caption each, as tokens.

    Fields `image`; `target` `int[T]`, which begins with 2 and then has the tokens of the caption; `label` `int[T]`, the
    token after each of `target`, of which the last, 3, says that the caption ends, and behind it `ignore`; and
    `target_mask`, true where `label` counts. `T` is what the input `target` says, or `length`. The captions of training
    make the vocabulary: 0 is the padding, 1 whatever is not in it, and the most frequent tokens follow from 4 on.
    """

    tokens: ClassVar[str] = WORD
    tokenizer: ClassVar[str] = ""
    lower: ClassVar[bool] = False
    vocabulary: ClassVar[int] = MOST
    native_length: ClassVar[int] = 24

    length: OptionalTokens = None
    ignore: Int = 0

    def prepare(self) -> None:
        super().prepare()
        if self.length is not None and self.length > LONGEST:
            raise RuleError(f"`length` is at most {LONGEST:,} tokens", field="length")

    def ignored(self) -> int | None:
        return self.ignore

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        row = TensorType((self.length or self.native_length,), DType.INT)
        return {TARGET: row, "label": row, MASK: TensorType(row.shape, DType.BOOL)}

    def others(self, inputs: Inputs) -> dict[str, TensorType]:
        found, given = super().others(inputs), inputs.get(TARGET)
        if given is None:
            return found
        if given.dtype is not DType.INT or given.rank != 1:
            raise refuse(self, given, f"`{TARGET}` as tokens in a row", f"declare it as `input {TARGET} int[T]`")
        if isinstance(given.shape[0], int) and self.length not in (None, given.shape[0]):
            message = f"`length` asks for {self.length} tokens, but the input `{TARGET}` is {given}"
            raise RuleError(message, code="wrong-data", field="length", help="leave `length` out")
        mask = inputs.get(MASK, TensorType(given.shape, DType.BOOL))
        if mask.shape != given.shape:
            message = f"`{self.name}` gives a mask as long as its tokens, but the input `{MASK}` is {mask}"
            raise RuleError(message, code="wrong-data")
        return {**found, TARGET: given, "label": given, MASK: mask}


class Captions(Captioned):
    """Pictures of a folder with captions of a JSON file: as those of COCO (Lin et al., 2014; Chen et al., 2015), with
    `images` and `annotations`, or an object that has for each file a caption or a list of them.

    Each caption is a sample; the captions of one picture are in one split. `validation` and `test` are shares of the
    pictures, drawn by `seed`. In both paths `{split}` may stand for the name of a split: `train`, `val`, `test`. Texts
    are cut as those of `labelled_text`, by `tokens`, `lower`, `vocabulary` or a `tokenizer` file. A picture becomes an
    input as one of `imagefolder` does.
    """

    positional: ClassVar[int] = 2
    files: ClassVar[str] = (
        '`captions("images", "captions.json")` reads the pictures of a folder that a JSON file has captions for; both '
        "are looked for beside the text and where the command runs"
    )

    images: Text  # type: ignore[misc]  # fields that must be given, first in their class
    file: Text  # type: ignore[misc]
    tokens: CutInto = WORD  # type: ignore[misc]  # of generated captions the class says it
    tokenizer: Text = ""  # type: ignore[misc]
    lower: Bool = True  # type: ignore[misc]
    vocabulary: Count = 10_000  # type: ignore[misc]
    length: OptionalTokens = None
    ignore: Int = 0
    size: OptionalSizes = None
    fit: Fit = "crop"
    mean: Floats = (0.0,)
    std: Floats = (1.0,)
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: Whole = 0

    def prepare(self) -> None:
        super().prepare()
        check_shares(self.validation, self.test)
        if not LEAST < self.vocabulary <= MOST:
            message = f"`vocabulary` is from {LEAST + 1} to {MOST:,}, of which {LEAST} are no tokens of captions"
            raise RuleError(message, field="vocabulary")
        if (SPLIT in self.images or SPLIT in self.file) and self.said & {"validation", "test"}:
            raise RuleError(f"`{SPLIT}` says that the splits are there: leave the shares out", field="validation")
        own = next((n for n in ("tokens", "lower", "vocabulary") if n in self.said), None) if self.tokenizer else None
        if own is not None:
            raise RuleError(f"`tokenizer` says what tokens are: leave `{own}` out", field=own)

    def paths(self) -> dict[str, str]:
        given = {"images": self.images, "file": self.file, "tokenizer": self.tokenizer}
        return {name: path.partition(SPLIT)[0] for name, path in given.items() if path}


class ShapeCaptions(Captioned, Generated):
    """Generated pictures of one or two figures with a sentence each: "a red disc left of a blue box".

    Fields are those of `captions`. Colours are named; of two figures the left or the upper one comes first. The longest
    has 8 words.
    """

    native_length: ClassVar[int] = 10

    size: OptionalSizes = None
    count: Count = 1000
    length: OptionalTokens = None
    ignore: Int = 0
    seed: Whole = 0
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def rigid(self) -> str:
        return "what its caption says would be wrong"
