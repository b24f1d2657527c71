"""Gradients worded by hand: what a row computes and gives back, as formulas with its numbers in them."""

from __future__ import annotations

from netdsl.lesson.wording import (
    attending,
    dense,
    interpolated,
    losses,
    moving,
    normal,
    pairs,
    pointwise,
    shapes,
    through_time,
    windowed,
)
from netdsl.lesson.wording.table import TABLE, Board, Worded, worded

__all__ = [
    "TABLE",
    "Board",
    "Worded",
    "attending",
    "dense",
    "interpolated",
    "losses",
    "moving",
    "normal",
    "pairs",
    "pointwise",
    "shapes",
    "through_time",
    "windowed",
    "worded",
]
