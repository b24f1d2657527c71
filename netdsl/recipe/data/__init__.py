"""The data sets a `train` section may name, a file a kind: declarations only. `DATA` holds them all."""

import netdsl.recipe.data.captions
import netdsl.recipe.data.frames
import netdsl.recipe.data.generated
import netdsl.recipe.data.hub
import netdsl.recipe.data.images
import netdsl.recipe.data.masks
import netdsl.recipe.data.multilabel
import netdsl.recipe.data.objects
import netdsl.recipe.data.points
import netdsl.recipe.data.polygons
import netdsl.recipe.data.segmentation
import netdsl.recipe.data.shapes
import netdsl.recipe.data.tables
import netdsl.recipe.data.text
import netdsl.recipe.data.tokens
import netdsl.recipe.data.videos  # noqa: F401  # each registers what it declares
from netdsl.recipe.data.base import DATA, Data, OpenData

__all__ = ["DATA", "Data", "OpenData"]
