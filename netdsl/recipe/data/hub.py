"""Shards of a folder, or a set by its name on the Hugging Face hub: more than memory holds, with fields by column."""

from collections.abc import Mapping
from typing import ClassVar

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.fields import Count, Floats, Fraction, Text, Whole
from netdsl.recipe.data.base import Inputs
from netdsl.recipe.data.images import Fit, OptionalSizes, require_scale
from netdsl.recipe.data.tables import Divided, OptionalName


class Hub(Divided):
    """Samples of a folder of `.parquet` files or of `.tar` files (webdataset), or a set of the Hugging Face hub.

    Each column, or each ending of the files in a `.tar`, is a field under its name, the `target` is `label` as well; an
    input that is no column takes the only one of pictures. Pictures become inputs as those of `imagefolder`; where the
    input leaves its size open, `size` says it. A label `[H, W]` reads a picture as the numbers of its pixels; all else
    is numbers or lists of them. Samples stay in their files: training goes over them in pieces of about `buffer`, drawn
    anew each epoch, and shuffles each piece. Several processes read parts of their own, as far as they can.

    Folders or names of files say the splits (`train-0001.parquet`, `test/…`); of those to train on, which `split` names
    where they are not `train`, `validation` and `test` are held out where they have no files, drawn by `seed`. A name
    is of the hub where no such folder is: `datasets` loads it, with its `subset`, and never runs code from there.
    """

    positional: ClassVar[int] = 1
    files: ClassVar[str] = (
        '`hub("shards")` reads a folder of `.parquet` or `.tar` files, beside the text or where the command runs; a '
        'name such as `hub("ylecun/mnist")` is one of the Hugging Face hub'
    )

    source: Text  # type: ignore[misc]  # a field that must be given, first in its class
    target: OptionalName = None
    split: OptionalName = None
    subset: OptionalName = None
    size: OptionalSizes = None
    fit: Fit = "crop"
    mean: Floats = (0.0,)
    std: Floats = (1.0,)
    buffer: Count = 1000
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: Whole = 0

    def prepare(self) -> None:
        super().prepare()
        require_scale(self.size, self.mean, self.std)

    def paths(self) -> dict[str, str]:
        return {"source": self.source}

    def moved(self, inputs: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
        pictures = [name for name, type in inputs.items() if is_picture(type)]
        return tuple(pictures[:1]), ()

    def input_name(self, inputs: Inputs) -> str:
        """The first that may be a picture, else the first: all are fed by fields of their names."""
        return next((name for name, type in inputs.items() if is_picture(type)), super().input_name(inputs))

    def sides(self) -> tuple[int, int] | None:
        """Height and width that `size` asks for."""
        if self.size is None:
            return None
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)  # type: ignore[return-value]

    def prepared(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, object]:
        if not any(map(is_picture, inputs.values())):
            return {}
        sides = {} if self.size is None else {"size": self.size}
        return {"mean": tuple(self.mean), "std": tuple(self.std), "fit": self.fit, **sides}


def is_picture(type: TensorType) -> bool:
    """Whether an input may be a picture: `[channels, height, width]` with one or three channels."""
    return type.dtype is DType.FLOAT and type.rank == 3 and type.shape[0] in (1, 3)
