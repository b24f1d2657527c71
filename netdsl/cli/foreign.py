"""Options of other programs, and what says the same here. Read when a command line cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from netdsl.text.diagnostics import did_you_mean

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

TRAINING = frozenset(("--optimizer", "--epochs", "--data", "--workers", "--precision", "--seed", "--resume"))
"""Options that other commands may lack: `netdsl train` has them."""

COMMANDS: dict[str, str] = {
    "report": "summary summarize summarise show print info describe inspect view visualize plot stats flops params",
    "check": "lint validate verify",
    "fmt": "format reformat beautify",
    "compile": "convert export build generate emit translate to",
    "train": "fit run learn resume finetune",
    "evaluate": "eval test score validation val",
    "predict": "infer inference classify forward detect",
    "parity": "compare diff",
    "--help": "help usage",
    "--version": "version",
}
"""Commands here, and what other programs call them."""


def command_of(word: str) -> str | None:
    """The way out for a command of another program."""
    found = next((here for here, words in COMMANDS.items() if word.lower() in words.split()), None)
    return f"write `netdsl {found}`" if found else None


def help_of(unknown: Sequence[str], options: Iterable[str], line: Sequence[str] = ()) -> str:
    """The way out for arguments that a command with some options does not take; `line` is the whole command line.

    The value of an option is what stands behind it there: where a value is no argument that the command has a place
    for, argparse takes it for the file, and the file for one too many.
    """
    first, known = unknown[0], sorted(o for o in options if o.startswith("--"))
    if not first.startswith("-"):
        if re.fullmatch(r"[A-Za-z_]\w*=\S+", first) and "--set" in known:
            return f"a setting of the net is given by `--set {first}`"
        return "a command takes one file: give the others their own"
    word, _, glued = first.lstrip("-").partition("=")
    after = [*line[line.index(first) + 1 :]] if first in line else [*unknown[1:]]
    value = glued or next(iter([u for u in after[:1] if not u.startswith("-") and not u.endswith(".net")]), "…")
    plain = word.lower().replace("_", "-")
    for text, words in SAME.items():
        if plain in words.split() and text.split()[0] in known:
            return f"write `{text.replace('VALUE', value)}`"
    elsewhere = next((text for text, words in SAME.items() if plain in [text.split()[0][2:], *words.split()]), "")
    if elsewhere.split()[:1] and elsewhere.split()[0] in TRAINING and "--set" in known:
        return f"training is told of it: `netdsl train FILE {elsewhere.replace('VALUE', value)}`"
    if plain in SAME["--explain"].split():
        return "leave it out: everything there is to say is printed"
    near = did_you_mean(f"--{word}", known)
    if near is not None:
        return near
    if not elsewhere and "--set" in known and re.fullmatch(r"\w+", plain.replace("-", "_")) and len(word) > 1:
        return (
            f"a setting of the net is given by `--set {word.replace('-', '_')}={value}`; options are {', '.join(known)}"
        )
    return f"options are {', '.join(known)}"
