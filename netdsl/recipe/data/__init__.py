"""The data sets a `train` section may name, a file a kind: declarations only. `DATA` finds them by their words."""

from netdsl.recipe.data.base import DATA, Data, OpenData

__all__ = ["DATA", "Data", "OpenData"]

DATA.found_in(
    {
        "captions": "captions shape_captions",
        "frames": "frames",
        "generated": "shape_classes roads blobs",
        "hub": "hub",
        "images": "digits mnist cifar10 imagefolder",
        "masks": "masks",
        "multilabel": "multilabel",
        "objects": "moving_object",
        "points": "curve points",
        "polygons": "polygons",
        "segmentation": "voc coco_stuff ade20k cityscapes camvid kitti mapillary bdd100k idd idd_lite davis deepglobe "
        "spacenet synthia",
        "shapes": "shapes shape_patches",
        "tables": "table arrays",
        "text": "text",
        "tokens": "labelled_text pairs sentiments numerals",
        "videos": "moving_shapes",
    }
)
