"""Sets of pictures with a class each."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import ChoiceKind, Floats, Fraction, SizesKind, Text
from netdsl.recipe.data.base import LABEL, Data, Inputs, PublishedFile, assign, check_shares, refuse
from netdsl.recipe.options import OptionKind

OptionalSizes = Annotated[int | tuple[int, ...] | None, OptionKind(SizesKind())]
Fit = Annotated[str, ChoiceKind(("crop", "stretch"))]
DIGITS = tuple(map(str, range(10)))
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Images(Data, abstract=True):
    """Pictures with a class each: values from 0 to 1, then `(x - mean) / std` by channel.

    They are brought to the input's size by bilinear interpolation between pixel centres ("half-pixel"), without
    antialiasing. A file of another size than the samples is first scaled and cut to theirs, with antialiasing. A grey
    picture is repeated over three channels, a coloured one averaged into one. An input `[H, W]` reads a grey picture
    as rows, an input `[N]` reads it flat.
    """

    native: ClassVar[tuple[int, int, int]] = (3, 0, 0)
    """Channels, height and width as stored; zeros when each file has its own."""

    size: OptionalSizes = None
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def prepare(self) -> None:
        require_scale(self.size, self.mean, self.std)

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        self.check(type)
        return self.beside(type)

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": LABEL}

    def moved(self, inputs: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
        name = self.input_name(inputs)
        others = {} if self.rigid() else self.companions(inputs[name])
        return (name,), tuple(n for n, type in others.items() if type.rank == 2 and type.dtype is DType.INT)

    def check(self, type: TensorType) -> None:
        """Refuse an input that no picture of this set can become."""
        if type.dtype is not DType.FLOAT or type.rank not in (1, 2, 3):
            raise refuse(self, type, "images", "declare it as `input image [channels, height, width]`")
        channels, height, width = self.picture(type)
        if channels not in (1, 3):
            raise refuse(self, type, f"{self.native[0]} channel(s), and can make 1 or 3")
        for values, name in ((self.mean, "mean"), (self.std, "std")):
            if len(values) not in (1, channels):
                raise RuleError(f"`{name}` takes one number, or one for each of the {channels} channels", field=name)
        self._check_size(type, (height, width))

    def _check_size(self, type: TensorType, found: tuple[int, int]) -> None:
        if not all(found):
            raise RuleError(
                f"`{self.name}` must know the size of its images, which the input {type} leaves open",
                code="wrong-data", field="size", help=f"say `{self.name}(…, size=224)`",
            )  # fmt: skip
        if self.size is not None and self.sides() != found:
            high, wide = self.sides()
            raise RuleError(
                f"`size` asks for {high}×{wide} images, but the input is {type}",
                code="wrong-data", field="size", help="leave `size` out: images are resized to the input",
            )  # fmt: skip
        if type.rank == 1 and math.prod(self.picture(type)) != type.shape[0] and isinstance(type.shape[0], int):
            raise refuse(self, type, "pictures of {}×{}×{}".format(*self.picture(type)))

    def frame(self, type: TensorType) -> TensorType:
        """The type of one picture of an input."""
        return type

    def sides(self) -> tuple[int, int]:
        """Height and width that `size` asks for, else those stored."""
        if self.size is None:
            return self.native[1], self.native[2]
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)  # type: ignore[return-value]

    def picture(self, type: TensorType, defaults: Mapping[str, int] | None = None) -> tuple[int, int, int]:
        """Channels, height and width of a picture before it is laid out as the input wants it."""
        type = self.frame(type)
        high, wide = self.sides()
        channels = self.native[0]
        known = defaults or {}
        if self.size is not None:
            known = {}
        if type.rank == 1:
            grey = isinstance(type.shape[0], int) and type.shape[0] == high * wide
            return (1 if grey else channels), high, wide
        axes = (1, *type.shape) if type.rank == 2 else type.shape
        wanted = zip(axes, (channels, high, wide), strict=True)
        found = [known.get(str(a), size) if isinstance(a, Dim) else a for a, size in wanted]
        return found[0], found[1], found[2]

    def sizes(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, int]:
        type = inputs[self.input_name(inputs)]
        picture = self.picture(type, defaults)
        wanted = {1: (math.prod(picture),), 2: picture[1:], 3: picture}[type.rank]
        return {**self.sizes_beside(inputs, wanted), **assign(type.shape, wanted, {})}

    def sizes_beside(self, inputs: Inputs, wanted: tuple[int, ...]) -> dict[str, int]:
        """Numbers for the symbols of the other inputs, where the main one has these sizes."""
        name = self.input_name(inputs)
        if len(inputs) == 1:
            return {}
        known = self.beside(TensorType(wanted, inputs[name].dtype))
        pairs = ((inputs[n], type) for n, type in known.items() if n in inputs)
        return {s: n for given, own in pairs for s, n in assign(given.shape, own.shape, {}).items()}  # type: ignore[arg-type]

    def facts(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        type = inputs[self.input_name(inputs)]
        self.check(type)
        return {**super().facts(inputs, defaults), "picture": self.preparation(type, defaults)}

    def prepared(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        type = inputs[self.input_name(inputs)]
        return prepared_picture(self.preparation(type, defaults), type)

    def natural(self) -> dict[str, TensorType]:
        high, wide = self.sides()
        shape = (self.native[0], high or Dim.symbol("H"), wide or Dim.symbol("W"))
        return {self.main: TensorType(shape)}

    def preparation(self, type: TensorType, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        """All that makes an input of a stored picture, under the names that an ONNX file's metadata has too."""
        channels, height, width = self.picture(type, defaults)
        stored = self.native if self.native[1] else None
        fit = getattr(self, "fit", "crop")  # a setting of those whose files have sizes of their own
        return {
            "channels": channels, "height": height, "width": width,
            "mean": tuple(self.mean), "std": tuple(self.std), "fit": fit, "stored": stored,
        }  # fmt: skip

    def adaptations(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> list[str]:
        """What is done to the stored images, one phrase each: for the head of a run."""
        type = inputs[self.input_name(inputs)]
        channels, high, wide = self.picture(type, defaults)
        notes: list[str] = []
        stored = self.native
        if stored[1] and (high, wide) != stored[1:]:
            notes.append(f"{stored[1]}×{stored[2]} images resized to {high}×{wide} (bilinear, half-pixel centres)")
        if channels != stored[0]:
            notes.append("grey repeated over 3 channels" if channels == 3 else "colours averaged to grey")
        return notes


def require_scale(size: int | tuple[int, ...] | None, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Refuse sizes and scales that no picture can have."""
    if isinstance(size, tuple) and len(size) != 2:
        raise RuleError("`size` takes a side or `(height, width)`", field="size")
    if any(s <= 0 for s in std):
        raise RuleError("`std` must be above 0", field="std")
    for name, values, least in (("mean", mean, 0.0), ("std", std, 1e-6)):
        if not values:
            raise RuleError(f"`{name}` takes one number, or one for each channel, not none", field=name)
        if any(not least <= abs(v) < 1e6 for v in values):
            raise RuleError(f"`{name}` is for pixels from 0 to 1: up to 1e6, and no `std` below 1e-6", field=name)


def prepared_picture(picture: Mapping[str, object], type: TensorType) -> dict[str, Any]:
    """The settings that make such a picture (`Images.preparation`) of samples of any set, for an input of a type."""
    found = {name: picture[name] for name in ("mean", "std", "fit")}
    if any(isinstance(axis, Dim) for axis in type.shape):
        found["size"] = (picture["height"], picture["width"])
    return found


class Digits(Images):
    """1,797 handwritten digits of 8×8 (Alpaydin and Kaynak, 1998, as scikit-learn ships them); comes with netdsl.

    Fields `image` and `label` (0 to 9). A fixed split, the same for every run: 80 % of each digit for training, 10 %
    for validation, 10 % for testing.
    """

    native: ClassVar[tuple[int, int, int]] = (1, 8, 8)

    def class_names(self) -> tuple[str, ...]:
        return DIGITS


class Mnist(Images):
    """Handwritten digits of 28×28 (LeCun et al., 1998) from the four IDX files in `folder`, plain or `.gz`.

    The last 5,000 training images (or a tenth, when there are fewer than 50,000) are for validation.
    """

    positional: ClassVar[int] = 1

    native: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    files: ClassVar[str] = (
        '`mnist("data/mnist")` reads from that folder, beside the text or where the command runs, the four files of '
        "the MNIST database of handwritten digits (LeCun, Cortes and Burges), unpacked or `.gz`: "
        "train-images-idx3-ubyte (47,040,016 bytes unpacked), train-labels-idx1-ubyte (60,008), "
        "t10k-images-idx3-ubyte (7,840,016), t10k-labels-idx1-ubyte (10,008). Nothing is downloaded"
    )
    published: ClassVar[tuple[PublishedFile, ...]] = (  # as torchvision/datasets/mnist.py has the sums
        PublishedFile("train-images-idx3-ubyte", 47_040_016, 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        PublishedFile("train-labels-idx1-ubyte", 60_008, 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
        PublishedFile("t10k-images-idx3-ubyte", 7_840_016, 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
        PublishedFile("t10k-labels-idx1-ubyte", 10_008, 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
    )

    folder: Text  # type: ignore[misc]  # a field that must be given, first in its class
    size: OptionalSizes = None
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def class_names(self) -> tuple[str, ...]:
        return DIGITS


class Cifar10(Images):
    """Photographs of 32×32 in ten classes (Krizhevsky, 2009): the binary version's `.bin` files in `folder`.

    The last 5,000 training images (or a tenth, when there are fewer than 50,000) are for validation.
    """

    positional: ClassVar[int] = 1

    name: ClassVar[str] = "cifar10"
    native: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    files: ClassVar[str] = (
        '`cifar10("data/cifar10")` reads from that folder, beside the text or where the command runs, the six files of '
        "the binary version of CIFAR-10 (Krizhevsky, University of Toronto; `cifar-10-binary.tar.gz`): "
        "data_batch_1.bin to data_batch_5.bin and test_batch.bin, of 30,730,000 bytes each. Nothing is downloaded"
    )
    published: ClassVar[tuple[PublishedFile, ...]] = tuple(
        PublishedFile(f"{stem}.bin", 30_730_000) for stem in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
    )
    source: ClassVar[str] = (
        "they come in cifar-10-binary.tar.gz: 170,052,171 bytes, MD5 c32a1d4ab5d03f1284b67883e8d87530 as its page says"
    )

    unpacked: ClassVar[str] = "cifar-10-batches-bin"

    folder: Text  # type: ignore[misc]  # a field that must be given, first in its class
    size: OptionalSizes = None
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def class_names(self) -> tuple[str, ...]:
        return CIFAR10


class Imagefolder(Images):
    """Image files in one folder a class: `folder/class/x.png`, or under `train`, `validation` (`val`) and `test`.

    `fit=crop` scales the shorter side and cuts the centre, `fit=stretch` ignores proportions. Pillow scales
    (bilinear, with antialiasing when it shrinks, as torchvision does with image files). Without split
    folders, `validation` and `test` say what share of each class is held out; with `train` alone, both are taken from
    it.
    """

    positional: ClassVar[int] = 1
    files: ClassVar[str] = (
        '`imagefolder("pictures")` reads image files from one folder a class: pictures/cat/1.jpg, pictures/dog/1.jpg; '
        "the path is looked for beside the text and where the command runs"
    )

    folder: Text  # type: ignore[misc]  # a field that must be given, first in its class
    size: OptionalSizes = None
    fit: Fit = "crop"
    mean: Floats = (0.0,)
    std: Floats = (1.0,)
    validation: Fraction = 0.1
    test: Fraction = 0.1

    def prepare(self) -> None:
        super().prepare()
        check_shares(self.validation, self.test)
