"""What a training starts from, where it is not drawn from the seed."""

from typing import Annotated, ClassVar

from netdsl.ops.declared import Declared
from netdsl.ops.fields import Bool, Text, TextKind
from netdsl.recipe.options import OptionKind

OptionalText = Annotated[str | None, OptionKind(TextKind())]


class Weights(Declared):
    """Weights of a file, where a training starts: `weights "resnet18.safetensors"`, or with settings by this name.

    The file is safetensors, the index of its shards, a folder that holds one of these, or a `.pth` of PyTorch. It lies
    beside the text or where the command runs. `map` renames what another program calls otherwise; with `partial` what
    does not fit is left as it was initialised.
    """

    name: ClassVar[str] = "file"
    positional: ClassVar[int] = 1
    files: ClassVar[str] = 'as in `weights "resnet18.safetensors"`'

    file: Text
    map: OptionalText = None
    partial: Bool = False


WEIGHTS: dict[str, type[Weights]] = {Weights.name: Weights}
