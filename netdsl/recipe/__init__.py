"""What a `train` section may name: data, stages that vary pictures, optimizers, schedules, weights, plain settings.

Declarations only. They are read by the same kinds as the settings of operations; `netdsl.runtime` carries them out.
"""

from netdsl.recipe.augment import AUGMENT, Augmentation
from netdsl.recipe.data import DATA, Data
from netdsl.recipe.optimizers import OPTIMIZERS, Optimizer
from netdsl.recipe.options import AIMS, SETTINGS, default_settings
from netdsl.recipe.schedules import SCHEDULES, Schedule
from netdsl.recipe.steering import Aim, Steering, steering_of
from netdsl.recipe.weights import WEIGHTS, Weights

__all__ = [
    "AIMS",
    "AUGMENT",
    "DATA",
    "OPTIMIZERS",
    "SCHEDULES",
    "SETTINGS",
    "WEIGHTS",
    "Aim",
    "Augmentation",
    "Data",
    "Optimizer",
    "Schedule",
    "Steering",
    "Weights",
    "default_settings",
    "steering_of",
]
