"""What a data set declares: what a sample holds, and how it meets the inputs of a network."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from netdsl.base.record import record
from netdsl.base.registry import Registry
from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.declared import Declared
from netdsl.ops.fields import derived

DATA: Registry[type["Data"]] = Registry("netdsl.recipe.data")

Inputs = Mapping[str, TensorType]
LABEL = TensorType((), DType.INT)


@record
class PublishedFile:
    """A file of a data set as its makers publish it: its name and bytes; packed it ends in `.gz` and has an MD5 sum."""

    name: str
    bytes: int
    packed: int = 0
    md5: str = ""


class Data(Declared, abstract=True):
    """Where samples come from. A sample is a set of named fields, of which some are inputs of the network.

    (`fields`, as in every declaration, is the tuple of its settings; what a sample holds is `sample(inputs)`.)
    """

    main: ClassVar[str] = "image"
    """The field that the network reads; it takes the name of the network's input when there is only one."""
    open: ClassVar[bool] = False
    """Whether fields beside those of `sample` are what losses ask for, by name: the files are held against them."""
    files: ClassVar[str] = ""
    """What has to lie where the declaration says: the files by their standard names, and whose they are."""
    published: ClassVar[tuple[PublishedFile, ...]] = ()
    """Those files one by one, where they are always the same."""
    source: ClassVar[str] = ""
    """What is known of the archive that they come in."""
    unpacked: ClassVar[str] = ""
    """The folder that the archive unpacks to, which may lie in the one that the declaration names."""
    loader: ClassVar[str] = ""
    """The module of `netdsl.runtime.datasets` that reads it; nothing where that has the name of the set."""

    said: frozenset[str] = derived()
    """Which settings were given, be it with their defaults."""

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__(abstract)
        if not abstract:
            DATA.add(cls.name, cls)

    def __init__(self, *given: Any, **named: Any) -> None:
        self.said = frozenset(named) | {f.name for f, _ in zip(self.fields, given, strict=False)}
        super().__init__(*given, **named)

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        """The fields beside the main one, given the type of the main one; `RuleError` when it cannot be."""
        raise NotImplementedError

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        """As `companions`, of a type that leaves sizes open too."""
        return self.companions(type)

    def described(self, inputs: Inputs) -> dict[str, TensorType]:
        """The fields of a sample with their types, as they are told of: sizes may be open."""
        name = self.input_name(inputs)
        return {name: inputs[name], **self.beside(inputs[name])}

    def sizes(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, int]:
        """Numbers for the symbols of the main input: settings first, the file's defaults next, else as stored."""
        raise NotImplementedError

    def class_names(self) -> tuple[str, ...]:
        """The classes by number, where the declaration settles them; empty where only the files can say."""
        return ()

    def natural(self) -> dict[str, TensorType]:
        """The inputs of a net that takes samples as they are stored; `RuleError` where only a net can say."""
        raise RuleError(
            f"the fields of `{self.name}` depend on the net that reads them", code="wrong-data",
            help="name a `.net` file whose recipe has it",
        )  # fmt: skip

    def ignored(self) -> int | None:
        """The number of labels that do not count, which losses and metrics have to be told; None where all count."""
        return None

    def paths(self) -> dict[str, str]:
        """The settings that name files or folders, each with the part of its path that has to be there."""
        return {name: getattr(self, name) for name in ("folder", "file") if hasattr(self, name)}

    def facts(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        """What a model should know to read files as it read its samples: `classes` by number, `picture`."""
        names = self.class_names()
        return {"classes": names} if names else {}

    def prepared(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        """The settings by which a sample becomes an input, as they are in force."""
        return {}

    def prepared_like(self, known: Mapping[str, object]) -> "Data":
        """The same data, prepared as is `known` of other data wherever this declaration leaves it unsaid."""
        own = {f.name for f in self.settings()} - self.said
        return self.changed(**{name: value for name, value in known.items() if name in own})

    def changed(self, **settings: Any) -> Self:
        """The same data with other settings; what else was said stays said, and what was not is not."""
        return type(self)(**{**{name: getattr(self, name) for name in self.said}, **settings})

    def moved(self, inputs: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The fields that are pictures, and those that are their masks: what an `augment` row moves together."""
        return (), ()

    def rigid(self) -> str:
        """Why stages of `augment` may not move pixels, or lay samples over one another: what would be wrong then."""
        return ""

    def input_name(self, inputs: Inputs) -> str:
        """Which input of the network the main field feeds."""
        if self.main in inputs:
            return self.main
        if len(inputs) == 1:
            return next(iter(inputs))
        known = ", ".join(f"`{n}`" for n in inputs)
        raise RuleError(f"`{self.name}` gives `{self.main}`, but the inputs of the net are {known}", code="wrong-data")

    def others(self, inputs: Inputs) -> dict[str, TensorType]:
        """The fields beside the main one, given all inputs of the net."""
        return self.companions(inputs[self.input_name(inputs)])

    def sample(self, inputs: Inputs) -> dict[str, TensorType]:
        """The fields of a sample with their types, symbols kept; `RuleError` when the net cannot take them."""
        main = self.input_name(inputs)
        known = {n: _agreed(self, n, type, inputs.get(n)) for n, type in self.others(inputs).items()}
        found = {main: inputs[main], **known}
        missing = [n for n in inputs if n not in found]
        if missing:
            raise RuleError(
                f"`{self.name}` gives {_listed(found)}, but the net also needs `{missing[0]}`", code="wrong-data"
            )
        return found


class OpenData(Data, abstract=True):
    """Data with fields of any names: those that the inputs of a net and its losses have."""

    open: ClassVar[bool] = True

    def natural(self) -> dict[str, TensorType]:
        """None that is known before what is stored has been looked at."""
        return {}

    def sizes(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, int]:
        """None: what is stored says them."""
        return {}

    def described(self, inputs: Inputs) -> dict[str, TensorType]:
        return dict(inputs)

    def input_name(self, inputs: Inputs) -> str:
        """The first: all are fed by fields of their names."""
        return next(iter(inputs), "")

    def sample(self, inputs: Inputs) -> dict[str, TensorType]:
        return dict(inputs)


def _agreed(data: Data, name: str, type: TensorType, given: TensorType | None) -> TensorType:
    """The type of a field: as an input that reads it has it, which must be one that the field can be."""
    if given is None:
        return type
    axes = zip(given.shape, type.shape, strict=False)
    if given.dtype is not type.dtype or given.rank != type.rank or any(not _fits(*pair) for pair in axes):
        raise RuleError(f"`{data.name}` gives `{name}` as {type}, but the input is {given}", code="wrong-data")
    return given


def _fits(given: Extent, own: Extent) -> bool:
    return given == own or isinstance(given, Dim) or isinstance(own, Dim)


def _listed(names: Mapping[str, object]) -> str:
    return " and ".join(f"`{n}`" for n in names)


def refuse(data: Data, type: TensorType, needs: str, help: str | None = None) -> RuleError:
    """An input that cannot be what the data gives."""
    return RuleError(f"`{data.name}` gives {needs}, but the input is {type}", code="wrong-data", help=help)


def check_shares(validation: float, test: float) -> None:
    """Refuse shares that are held out of everything there is."""
    if validation + test >= 1:
        raise RuleError("`validation` and `test` leave nothing to train on", field="validation")


def check_count(count: int, most: int) -> None:
    """Refuse fewer samples that are drawn than there are splits, and too many."""
    if count < 3:
        raise RuleError("`count` must be at least 3, to be split three ways", field="count")
    if count > most:
        raise RuleError(f"`count` is at most {most:,}", field="count")


def assign(axes: tuple[Extent, ...], wanted: tuple[int, ...], defaults: Mapping[str, int]) -> dict[str, int]:
    """Numbers for the axes that are symbols."""
    pairs = zip(axes, wanted, strict=True)
    return {str(axis): defaults.get(str(axis), size) for axis, size in pairs if isinstance(axis, Dim)}
