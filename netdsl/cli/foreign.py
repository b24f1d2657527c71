"""Options of other programs, and what says the same here. Read when a command line cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from netdsl.diagnostics import did_you_mean

SAME = {
    "--batch VALUE": "batch-size bs batchsize b mini-batch",
    "--epochs VALUE": "epoch num-epochs n-epochs max-epochs e",
    "--optimizer 'sgd(lr=VALUE)'": "lr learning-rate base-lr",
    "--optimizer 'sgd(lr=0.1, momentum=VALUE)'": "momentum",
    "--optimizer 'sgd(lr=0.1, weight_decay=VALUE)'": "weight-decay wd",
    "--device cuda": "gpu gpus cuda use-cuda accelerator",
    "--device cpu": "cpu no-cuda",
    "--output VALUE": "out outfile output-file save",
    "--folder VALUE": "out output output-dir save-dir save out-dir logdir log-dir checkpoint-dir name project",
    "--engine onnx": "onnxruntime ort",
    "--data VALUE": "dataset data-dir datadir data-path root",
    "--size H=224,W=224": "img-size imgsz image-size input-size input-shape shape resolution",
    "--workers VALUE": "num-workers j",
    "--precision bf16": "amp fp16 half bf16 mixed-precision",
    "--seed VALUE": "random-seed manual-seed",
    "--net VALUE": "model arch network model-name architecture",
    "--weights VALUE": "checkpoint ckpt pretrained load params",
    "--to VALUE": "target backend",
    "--top VALUE": "topk top-k k",
    "--split VALUE": "subset set-name",
    "--resume": "continue",
    "--overwrite": "force f exist-ok",
    "--quiet": "silent q no-progress",
    "--format json": "json",
    "--explain": "v verbose debug details",
}
"""Texts of options here, and what other programs call them."""


def help_of(unknown: Sequence[str], options: Iterable[str]) -> str:
    """The way out for arguments that a command with some options does not take."""
    first, known = unknown[0], sorted(o for o in options if o.startswith("--"))
    if not first.startswith("-"):
        return "a command takes one file: give the others their own"
    word, _, glued = first.lstrip("-").partition("=")
    value = glued or next(iter([u for u in unknown[1:2] if not u.startswith("-")]), "…")
    plain = word.lower().replace("_", "-")
    for text, words in SAME.items():
        if plain in words.split() and text.split()[0] in known:
            return f"write `{text.replace('VALUE', value)}`"
    if plain in SAME["--explain"].split():
        return "leave it out: everything there is to say is printed"
    near = did_you_mean(f"--{word}", known)
    if near is not None:
        return near
    if "--set" in known and re.fullmatch(r"\w+", plain.replace("-", "_")) and len(word) > 1:
        return (
            f"a setting of the net is given by `--set {word.replace('-', '_')}={value}`; options are {', '.join(known)}"
        )
    return f"options are {', '.join(known)}"
