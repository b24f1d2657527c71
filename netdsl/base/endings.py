"""How files end, and what those hold."""

from __future__ import annotations

from itertools import chain

HOLDS = {
    "weights": (
        *(".pth", ".pt", ".h5", ".hdf5", ".keras", ".pb", ".safetensors"),
        *(".ckpt", ".bin", ".npz", ".pkl", ".caffemodel", ".tflite"),
    ),
    "a model": (".onnx",),
    "a picture": (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    "a notebook": (".ipynb",),
    "a program in Python": (".py",),
    "settings of another program": (".yaml", ".yml", ".json", ".toml", ".prototxt", ".cfg"),
    "numbers": (".npy", ".csv"),
}
"""What files hold whose names end so: none of them is the text of a net, and none is written over."""
WORK = (".net", ".jsonl", *chain.from_iterable(HOLDS.values()))
"""Endings of files that hold work: a text, what a run keeps, and all of the above."""
