"""Which nets of the zoo are trained here, each by which recipe and with which settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from netdsl.graph import Net
from netdsl.program import load_file

SMALL = ("small", "")
"""The recipe of a net that trains here: the first of these whose data come along or are drawn."""
BESIDES: dict[str, tuple[str, ...]] = {"PointsMLP": ("overfit",), "OSVOS": ("small_one_frame",)}
"""Further recipes that show something of their own."""
PARENTS = {"OSVOS-small_one_frame": "OSVOS", "PolygonShapes": "FirstVertexShapes"}
"""Lessons that start from the weights of another, as far as they have them."""
MEMBERS = {"BlobsEnsemble": ("WiderDeepLabBlobs", "abcd")}
"""Nets that are put together of runs of another from the seeds 0, 1, …, each under a label."""
BLOBS = "width=8 classes=2"
SPELLER = "read=12 words=14 width=16 hidden=64 drop=0"
SETTINGS = {
    "ClockworkFCN": "width=8 hidden=128 classes=2",
    "DeconvNet": "width=4 hidden=64 classes=2",
    "DeepLabV3PlusResNet101": BLOBS,
    "DeepLabV3PlusXception65": "units=1 width=32 classes=2",
    "DeepLabV3ResNet101": BLOBS,
    "DeepLabV3ResNet50": BLOBS,
    "DRND22Seg": "width=2 classes=2",
    "DRND38Seg": "width=2 classes=2",
    "ERFNet": BLOBS,
    "ERFNetEncoder": BLOBS,
    "FCN32s": f"{BLOBS} hidden=128",
    "FCN16s": f"{BLOBS} hidden=128",
    "FCN8s": f"{BLOBS} hidden=128",
    "FCNAlexNet": f"{BLOBS} hidden=128",
    "FCNResNet50": BLOBS,
    "FCNResNet101": BLOBS,
    "LinkNet34": "width=8",
    "LinkNet34MTL": "width=8",
    "NeuroIoU": BLOBS,
    "OSVOS": "width=16",
    "PointsMLP-overfit": "hidden=128",
    "PSPNet50": BLOBS,
    "PSPNet101": BLOBS,
    "RoadAudit": "classes=2 groups=[[1]]",
    "RoadRefinerTurns": "width=8",
    "SegNet": BLOBS,
    "SegNetBasic": BLOBS,
    "Sentiment": "vocab=100 width=16 hidden=32 drop=0",
    "Seq2Seq": f"{SPELLER} layers=1",
    "Context": SPELLER,
    "Attention": SPELLER,
    "StackedHourglass": "width=8 units=1",
    "UNetBilinear": "width=8",
    "UNetResNet34": "width=16",
    "UNetSameBN": "width=8",
}
"""By the name of a lesson: what its recipe's comment asks to be set, to make a wide net narrow."""


@dataclass(frozen=True)
class Lesson:
    """A net with the recipe that trains it here."""

    path: Path
    """Of its text."""
    net: str
    recipe: str
    """Nothing of the recipe without a name."""

    @property
    def name(self) -> str:
        """What its picture is called."""
        return f"{self.net}-{self.recipe}" if self.recipe in BESIDES.get(self.net, ()) else self.net

    @property
    def settings(self) -> dict[str, str]:
        """By name, in the language's own syntax."""
        said = SETTINGS.get(self.name, SETTINGS.get(self.net, ""))
        return dict(word.split("=", 1) for word in said.split())

    @property
    def command(self) -> str:
        """What trains it from the folder of the project; of a net that is put together of others what evaluates it."""
        member, labels = MEMBERS.get(self.name, ("", ""))
        words = ["netdsl evaluate" if member else "netdsl train", f"specs/{self.path.name}", f"--net {self.net}"]
        words += [f"--recipe {self.recipe}"] if self.recipe else []
        words += [f"--set {name}={value}" for name, value in self.settings.items()]
        runs = [(f"{label}=", f"{member}-{seed}") for seed, label in enumerate(labels)]
        runs += [("", PARENTS[self.name])] if self.name in PARENTS else []
        words += [f"--weights {label}runs/{run}" for label, run in runs]
        return " ".join([*words, *["--partial"] * (self.name in PARENTS)])

    def others(self) -> list[str]:
        """The nets of its file."""
        return load_file(self.path).names

    def load(self) -> Net:
        """The net with its recipe; `NetError` with what is wrong."""
        return load_file(self.path, self.settings, by=self.recipe or None).net(self.net)


def lessons(specs: Path) -> Iterator[Lesson]:
    """Of every text in the folder `specs`, in the order of their names."""
    for path in sorted(specs.glob("*.net")):
        program = load_file(path)
        for name in program.names:
            net = program.net(name, trained=False)
            if name.endswith("Speak"):  # it has the weights of another
                continue
            yield from (Lesson(path, name, recipe) for recipe in _recipes(net, path))


def _recipes(net: Net, path: Path) -> Iterator[str]:
    """The names of those that find their data."""
    recipes = {name: section.recipe for name, section in net.sections.items() if section.recipe is not None}
    found = {name for name, recipe in recipes.items() if recipe.data is not None and _comes(recipe.data.paths(), path)}
    yield from [name for name in SMALL if name in found][:1]
    yield from (name for name in BESIDES.get(net.name, ()) if name in found)


def _comes(paths: Mapping[str, str], text: Path) -> bool:
    """Whether all files of data come along, in the folder of the project or beside the text."""
    bases = (text.parent.parent, text.parent)
    return all(any((base / path).exists() for base in bases) for path in paths.values())
