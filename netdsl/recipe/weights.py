"""What a training starts from, where it is not drawn from the seed."""

from os import PathLike, fspath
from typing import Annotated, ClassVar

from netdsl.base.asking import named
from netdsl.base.errors import ArgumentError
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

    def prepare(self) -> None:
        """A path of Python becomes its name. `ArgumentError` where what is given is no name of a file."""
        self.file = _name("file", self.file)
        if not isinstance(self.partial, bool):
            raise ArgumentError("partial", f"`partial` of netdsl.Weights is True or False, not {named(self.partial)}")
        self.map = None if self.map is None else _name("map", self.map)


def _name(setting: str, given: object) -> str:
    found = fspath(given) if isinstance(given, PathLike) else given
    if not isinstance(found, str):
        way = ": arrays by key are given as they are, under the names of the net" if setting == "file" else ""
        raise ArgumentError(setting, f"`{setting}` of netdsl.Weights is the name of a file, not {named(given)}{way}")
    return found


WEIGHTS: dict[str, type[Weights]] = {Weights.name: Weights}
