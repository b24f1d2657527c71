"""Whether loading starves the device: the share of an epoch in which training waits for a batch.

Makes an image folder of JPEG files of 500×375 and trains a net of `specs` on it, varied as for ImageNet:

    python benchmarks/loading.py --workers 2 --images 512 --net ResNet18

prints, for the second epoch (the first starts the workers), images a second and the share of waiting, which should be
below 5 %. `--augment none` takes the pictures as they are.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import netdsl

RECIPE = """
train {net} {{
  data    imagefolder("{folder}", size={size}, mean=0.5, std=0.5, validation=0, test=0)
  augment {augment}
  loss    (logits, label) -> cross_entropy
  epochs  2
  batch   {batch}
  workers {workers}
}}
"""
SIDES = (500, 375)


def write_images(folder: Path, count: int) -> None:
    """Smooth pictures with some noise, as large as photographs of that size are as files."""
    draw = np.random.default_rng(0)
    for number in range(count):
        smooth = Image.fromarray(draw.integers(0, 256, (12, 16, 3), np.uint8)).resize(SIDES, Image.Resampling.BICUBIC)
        pixels = np.asarray(smooth, np.int16) + draw.normal(0, 8, (*SIDES[::-1], 3)).astype(np.int16)
        path = folder / f"class{number % 10}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--net", default="ResNet18")
    parser.add_argument("--spec", type=Path, default=Path(__file__).parents[1] / "specs" / "resnet.net")
    parser.add_argument("--augment", default="resized_crop -> flip -> colour(0.4)")
    parser.add_argument("--engine", choices=("torch", "onnx"), default="torch")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "images"
        folder.mkdir()
        write_images(folder, given.images)
        recipe = RECIPE.format(folder=folder, **vars(given))
        net = netdsl.load_text(given.spec.read_text(encoding="utf-8") + recipe, given.net, classes=10)
        run = netdsl.train(net, Path(place) / "run", quiet=True, engine=given.engine)
        last = run.history[-1]
        print(f"{given.net}, {given.workers} workers: {given.images / last['seconds']:.0f} images a second, "
              f"{last['waiting']:.1%} of the training waiting")  # fmt: skip


if __name__ == "__main__":
    main()
