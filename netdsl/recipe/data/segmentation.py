"""Published sets of pictures with masks: where their files lie, and which label map says their classes."""

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Text
from netdsl.recipe.data.base import Inputs
from netdsl.recipe.data.masks import Level, PairLayout, Preset

YEAR = {"train": ("train2017",), "validation": ("val2017",)}


class Voc(Preset):
    """Pascal VOC (Everingham et al., 2010): 21 classes, in the folder of a year such as `VOCdevkit/VOC2012`.

    Training and validation are those of `ImageSets/Segmentation`; there is no public test set.
    """

    map = "voc"
    place = PairLayout("JPEGImages", "SegmentationClass", lists="ImageSets/Segmentation")


class CocoStuff(Preset):
    """COCO-Stuff (Caesar, Uijlings and Ferrari, 2018): 171 things and stuffs, masks of `stuffthingmaps_trainval2017`.

    In the folder lie `images/train2017`, `images/val2017`, `annotations/train2017` and `annotations/val2017`.
    """

    map = "coco_stuff"
    place = PairLayout("images/{split}", "annotations/{split}", names=YEAR)


class Ade20k(Preset):
    """ADE20K as the scene parsing benchmark has it (Zhou et al., 2017): 150 classes; other objects do not count."""

    map = "ade20k"
    place = PairLayout(
        "images/{split}", "annotations/{split}", names={"train": ("training",), "validation": ("validation",)}
    )


class Cityscapes(Preset):
    """Cityscapes (Cordts et al., 2016), fine annotations: 19 classes, `level=1` for the 7 categories.

    The masks are `labelIds`. The public test set has no labels, so that there is none here.
    """

    map = "cityscapes"
    place = PairLayout(
        "leftImg8bit/{split}", "gtFine/{split}", "_leftImg8bit", "_gtFine_labelIds",
        names={"train": ("train",), "validation": ("val",)},
    )  # fmt: skip


class Camvid(Preset):
    """CamVid (Brostow, Fauqueur and Cipolla, 2009) in the 11 classes, sizes and splits of SegNet's copy."""

    map = "camvid"
    place = PairLayout("{split}", "{split}annot")


class Kitti(Preset):
    """KITTI's pixel-level semantics (Alhaija et al., 2018): 200 pictures with the labels of Cityscapes, 19 classes."""

    map = "cityscapes"
    place = PairLayout("training/image_2", "training/semantic")


class Mapillary(Preset):
    """Mapillary Vistas (Neuhold et al., 2017) with the labels of v1.2: 65 classes."""

    map = "mapillary"
    place = PairLayout(
        "{split}/images", "{split}/v1.2/labels", names={"train": ("training",), "validation": ("validation",)}
    )


class Bdd100k(Preset):
    """BDD100K (Yu et al., 2020), semantic segmentation: the 10K images, 19 classes as of Cityscapes."""

    map = "bdd100k"
    place = PairLayout(
        "images/10k/{split}", "labels/sem_seg/masks/{split}", names={"train": ("train",), "validation": ("val",)}
    )


class Idd(Preset):
    """India Driving Dataset (Varma et al., 2019) at one of four levels of labels: 7, 16, 26 or 30 classes.

    The masks are those of ids (`createLabels.py --id-type id`); `stored=3` reads those of level 3 (`level3Id`), which
    also make levels 2 and 1. Level 4 does not decide level 3. The public test set has no labels.
    """

    map = "idd"
    place = PairLayout(
        "leftImg8bit/{split}", "gtFine/{split}", "_leftImg8bit", "_gtFine_labelids",
        names={"train": ("train",), "validation": ("val",)},
    )  # fmt: skip
    level: Level = 3  # type: ignore[misc]
    stored: Level = None  # type: ignore[misc]

    def layout(self) -> PairLayout:
        end = "_gtFine_labelids" if self.stored is None else f"_gtFine_labellevel{self.stored}Ids"
        own = self.place
        return PairLayout(own.images, own.labels, own.image_end, end, names=own.names).within(self.folder)


class IddLite(Preset):
    """IDD-Lite: small pictures of the India Driving Dataset with the 7 classes of its level 1."""

    map = "idd_lite"
    place = PairLayout(
        "leftImg8bit/{split}", "gtFine/{split}", "_image", "_label", names={"train": ("train",), "validation": ("val",)}
    )


class Davis(Preset):
    """DAVIS 2017 (Pont-Tuset et al., 2017), 480p: frames of videos, all objects one class against the background.

    `video="dog"` takes the frames of one video alone, the first for training and all others for testing: what one-shot
    segmentation fits a net to, that it has trained on all videos (Caelles et al., "One-Shot Video Object Segmentation",
    2017).
    """

    map = "davis"
    place = PairLayout(
        "JPEGImages/480p", "Annotations/480p", lists="ImageSets/2017",
        names={"train": ("train",), "validation": ("val",)},
    )  # fmt: skip
    video: Text = ""  # type: ignore[misc]

    def prepare(self) -> None:
        super().prepare()
        if self.video and self.said & {"shares", "split"}:
            message = "`video` takes its first frame for training and the others for testing: nothing is shared out"
            raise RuleError(message, field="video", help="leave `shares` and `split` out")


class RoadMasks(Preset, abstract=True):
    """Masks of roads, of which it follows how these run, and what is left of them with gaps."""

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        orientation, erased = TensorType(type.spatial, DType.INT), TensorType((1, *type.spatial))
        return {**super().beside(type), "orientation": orientation, "erased": erased}

    def moved(self, inputs: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (self.input_name(inputs),), ("label",)


class Deepglobe(RoadMasks):
    """DeepGlobe road extraction (Demir et al., 2018): roads in satellite pictures. Only its `train` has masks.

    Fields `orientation` and `erased` are made of the masks, as those of `spacenet` are.
    """

    map = "deepglobe"
    place = PairLayout("train", "train", "_sat", "_mask")


class Spacenet(RoadMasks):
    """SpaceNet 3, roads (Van Etten, Lindenbaum and Bacastow, 2018), as Batra et al. (2019) prepare it for learning.

    It is published as lines on a map; their scripts draw these as masks that fade with the distance from a road, of
    which 0.76 and more says road, and lay them beside pictures of 8 bits in `train` and `val`. Fields beside `image`
    and `label`, made of the label as the network takes it where they are read, are `orientation` `int[height,
    width]`, in which of 36 directions a road runs within 10 pixels, as of `roads`, and 36 where there is none (masks
    are thinned to lines, and these to straight pieces, as Batra et al. do), and `erased` `[1, height, width]`, the
    mask with gaps and with some that are no roads, other ones for each part of a picture.
    """

    map = "spacenet"
    place = PairLayout("{split}/images", "{split}/gt", names={"train": ("train",), "validation": ("val",)})


class Synthia(Preset):
    """SYNTHIA-RAND-CITYSCAPES (Ros et al., 2016): 22 classes, the first of the three numbers of `GT/LABELS`."""

    map = "synthia"
    place = PairLayout("RGB", "GT/LABELS")
