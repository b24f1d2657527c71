"""The data sets a `train` section may name, a file a kind: declarations only. `DATA` finds them by their words."""

from netdsl.recipe.data.base import DATA, Data, OpenData

__all__ = ["DATA", "Data", "OpenData"]

DATA.found_in(
    {
        "images": "digits mnist cifar10 imagefolder",
        "generated": "shape_classes roads blobs",
        "masks": "masks",
        "tables": "table arrays",
        "tokens": "labelled_text pairs sentiments numerals",
        "captions": "captions shape_captions",
        "videos": "moving_shapes",
        "frames": "frames",
        "hub": "hub",
        "multilabel": "multilabel",
        "objects": "moving_object",
        "points": "curve points",
        "polygons": "polygons",
        "segmentation": "voc coco_stuff ade20k cityscapes camvid kitti mapillary bdd100k idd idd_lite davis deepglobe "
        "spacenet synthia",
        "shapes": "shapes shape_patches",
        "text": "text",
    }
)
