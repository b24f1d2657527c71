"""Options and commands of other programs, and what says the same here. Data, read when a command line cannot be."""

from __future__ import annotations

from netdsl.base.record import record

SAME = {
    "--batch VALUE": "batch-size bs batchsize b mini-batch",
    "--epochs VALUE": "epoch num-epochs n-epochs max-epochs e",
    "--output VALUE": "out outfile output-file save export-dir",
    "--folder VALUE": "out output output-dir save-dir save out-dir logdir log-dir checkpoint-dir name project work-dir "
    "model-dir default-root-dir o experiment exp-name",
    "--engine onnx": "onnxruntime ort",
    "--workers VALUE": "num-workers j",
    "--seed VALUE": "random-seed manual-seed seed-everything",
    "--net VALUE": "model arch network model-name architecture a m",
    "--weights VALUE": "checkpoint ckpt load params resume pretrained initial-checkpoint load-from init-from finetune "
    "model-name-or-path pretrained-weights load-weights",
    "--tolerance VALUE": "rtol tol threshold epsilon eps",
    "--to VALUE": "target backend format include",
    "--top VALUE": "topk top-k k",
    "--split VALUE": "subset set-name",
    "--depth VALUE": "max-depth d",
    "--width VALUE": "columns col-width line-width",
    "--steps 1": "dry-run fast-dev-run dryrun smoke-test",
    "--resume": "continue auto-resume",
    "--overwrite": "force f exist-ok overwrite-output-dir",
    "--quiet": "silent q no-progress disable-tqdm no-progress-bar",
    "--format json": "json",
    "--format csv": "csv",
    "--format markdown": "markdown md",
    "--format html": "html page browser",
    "--explain": "v verbose details",
    "--check": "diff dry-run dryrun",
    "--stdout": "print",
}
"""Texts of options here, and what other programs call them."""

NUMBERS = frozenset(("--batch", "--epochs", "--workers", "--seed", "--top", "--depth", "--width", "--tolerance"))
"""Options that take a number: a word of another program that stands without one means something else."""


@record
class Said:
    """What is said of options that nothing here is the same as. `commands` are those that it is said for."""

    says: str
    words: str
    commands: str = ""
    usual: str = "100"
    """What stands for `{}` in the words where no number is given."""


SEVERAL = "several processes are begun by `torchrun --nproc-per-node {} -m netdsl train FILE --folder RUN`"
DATA = "dataset data-dir datadir data-path root data-root dataset-dir train-data train-dir"
"""Options that say which data, or where they lie."""
SIZES = "img-size imgsz image-size input-size input-shape shape resolution img-sz"
"""Options that say how large pictures are."""
GROUPS = "trainer model data optimizer lr-scheduler train optim solver training scheduler init-args"
"""What stands before a dot in options such as `--trainer.max_epochs`."""
RECIPE = (
    "the recipe stands in the text: a row of it is replaced by an option such as `--epochs 3`, a setting of the net "
)
RECIPE += "by `--set name=value`"

SAYS: tuple[Said, ...] = (
    Said(
        "a training is as long as its `--epochs`; `--steps {}` only tries a recipe and keeps nothing",
        "max-steps max-iters max-iter iterations num-steps train-steps total-steps num-iterations steps-per-epoch "
        "limit-train-batches max-train-steps lr-decay-iters",
        "train",
    ),
    Said(
        "a training begins with its first epoch, a resumed one with the next: leave it out",
        "start-epoch initial-epoch last-epoch",
        "train",
    ),
    Said(
        "a trained net is scored by a command of its own: `netdsl evaluate RUN`",
        "evaluate eval e eval-only test-only do-eval do-test do-predict test validate val-only test-first",
        "train",
    ),
    Said("that is what `netdsl train` does: leave it out", "do-train fit train-only", "train"),
    Said(SEVERAL, "nproc-per-node nnodes world-size rank local-rank dist-url dist-backend launcher num-nodes "
         "strategy multiprocessing-distributed distributed ddp num-processes num-machines master-addr master-port "
         "node-rank multi-gpu data-parallel", "train", "2"),
    Said(
        "batches are of one size, for training and for scoring, as `--batch 64` says it: leave it out",
        "test-batch-size val-batch-size eval-batch-size validation-batch-size vb per-device-eval-batch-size",
        "train",
    ),
    Said(RECIPE, "config c cfg config-file cfg-options opts options hparams yaml hyp config-name config-path"),
    Said(
        "one run after another makes the same numbers from the same `--seed`: leave it out",
        "deterministic use-deterministic-algorithms benchmark cudnn-benchmark diff-seed worker-seeding",
        "train",
    ),
    Said(
        "memory and speed are looked after by the engine: leave it out",
        "channels-last pin-mem pin-memory persistent-workers prefetch compile torchcompile torch-compile jit fuser xla "
        "cache cache-dataset cache-images no-prefetcher sync-bn",
        "train evaluate predict",
    ),
    Said(
        "the row `augment` varies pictures, as in `--augment 'resized_crop -> flip -> mixup(0.2)'`",
        "mixup cutmix mixup-alpha cutmix-alpha reprob random-erase auto-augment aa color-jitter hflip vflip",
        "train",
    ),
    Said(
        "the row `checkpoint` names blocks that run again in the backward pass: `--checkpoint '(stage1, stage2)'`",
        "grad-checkpointing gradient-checkpointing activation-checkpointing use-checkpoint",
        "train",
    ),
    Said(
        "the row `ema` keeps averages of the weights, as in `--ema 0.9999`",
        "model-ema model-ema-decay ema-decay ema-rate use-ema",
        "train",
    ),
    Said(
        "that is a setting of the optimizer, as in `--optimizer 'adamw(layer_decay=0.75)'`",
        "layer-decay lr-layer-decay",
        "train",
    ),
    Said("that is a layer of the net, `drop_path`", "drop-path drop-path-rate", "train"),
    Said(
        "there is no such thing in a recipe yet: leave it out",
        "aug-repeats swa lookahead teacher distill",
        "train",
    ),
    Said("what a net is does not depend on its recipes: leave it out", "recipe", "report parity"),
    Said("all recipes are looked at: leave it out", "recipe", "check"),
    Said("each part of a recipe is written to a file of its own: leave it out", "part parts", "compile"),
    Said("the parts of a recipe take turns as the text says: leave it out", "part parts moves", "train"),
    Said(
        "pictures are brought to the size that the row `input` of the net says; where that is a symbol, the data has "
        "it, as in `--data 'shapes(size=64)'`",
        "img-size imgsz image-size input-size input-shape shape resolution size crop-size train-crop-size crop-pct "
        "val-crop-size val-resize-size",
        "train evaluate predict",
    ),
    Said(
        "a trained net is named by the folder of its run, as in `netdsl {} runs/LeNet`",
        "ckpt-path model-path checkpoint-path run folder",
        "evaluate predict",
    ),
    Said(
        "the sample stands behind the model, as in `netdsl predict runs/LeNet photo.png`",
        "image images source input img file sample path i",
        "predict",
    ),
    Said(
        "the likeliest classes are shown with their probabilities, `--top` says how many: leave it out",
        "conf threshold conf-thres iou iou-thres confidence prob score-thr",
        "predict",
    ),
    Said("the recipe of the run has that: leave it out", "batch batch-size bs b workers num-workers j seed loss metric "
         "metrics eval precision epochs amp fp16 half bf16 lr optimizer schedule", "evaluate predict"),
    Said("several views of a picture are averaged by --scales 0.75,1,1.25, --flip and --window",
         "tta augment multi-scale ms multiscale sliding-window", "evaluate"),
    Said("there is no such thing yet: leave it out", "tta augment multi-scale flip", "predict"),
    Said(
        "an ensemble is a net that uses another several times; each use is filled by its label, as in `netdsl {} "
        "FILE.net --weights a=runs/one --weights b=runs/two`",
        "ensemble models checkpoints",
        "evaluate predict",
    ),
    Said("there is no such thing yet: leave it out", "ema", "evaluate predict"),
    Said("what is found is printed, and kept by `> FILE` behind the command: leave it out",
         "out output o outfile output-file save export log-file", "report check evaluate parity"),
    Said(
        "any number of samples may come in, and a size that is a symbol in the text stays open: leave it out",
        "dynamic dynamic-axes dynamic-batch dynamic-shapes batch-size batch b static input-shape input-size imgsz "
        "img-size shape size height width",
        "compile",
    ),
    Said(
        "inputs and outputs have the names that the text gives them: leave it out",
        "input-names output-names inputs outputs input-name output-name",
        "compile",
    ),
    Said(
        "a model is simplified and checked as it is written: leave it out",
        "simplify sim simplified optimize optimise check verify constant-folding do-constant-folding check-model",
        "compile",
    ),
    Said(
        "a model computes in float32, as the text says; `precision bf16` in the recipe is for `--to onnx-train`",
        "half fp16 bf16 int8 quantize precision dtype amp float16",
        "compile",
    ),
    Said("numbers of a report are those of one pass over the net, whatever its weights: leave it out",
         "weights checkpoint pretrained load ckpt", "report check"),
    Said("a report has it in every row, or below them: leave it out", "flops macs params shapes summary memory "
         "receptive-field layers show-input show-weights show-parent-layers col-names row-settings", "report"),
    Said("differences are held against the largest value, by `--tolerance`: leave it out", "atol abs-tol", "parity"),
    Said("files are written in place unless `--check` or `--stdout` says otherwise: leave it out",
         "write w in-place inplace i fix", "fmt"),
    Said("there is one form for every text, without settings: leave it out",
         "line-length l tab-width indent config style", "fmt"),
    Said("mistakes are mended by hand; `netdsl fmt` brings a text into its form", "fix", "check"),
    Said("every mistake and every warning is shown, and only mistakes make the exit code 1: leave it out",
         "strict werror warnings severity level ignore select", "check"),
)  # fmt: skip
"""What is said of options for which there is no other word."""

COUNTED = "gpus devices num-gpus ngpu ngpus n-gpu num-devices gpus-per-node"
"""Options that say how many devices there are to be."""
INDEXED = "gpu gpu-id gpu-ids cuda-device device-id device-ids visible-devices g"
"""Options that say which."""
DEVICES = {
    "cuda": "cuda use-cuda use-gpu accelerator device-type",
    "cpu": "cpu no-cuda no-gpu no-accel use-cpu no-mps",
}
"""Options for a kind of device; `accelerator` says its kind behind it."""

PRECISIONS = {
    "fp16": "fp16 float16 half 16 16-mixed mixed_float16 f16 o1 o2",
    "bf16": "bf16 bfloat16 bf16-mixed mixed_bfloat16",
    "no": "no fp32 float32 float 32 32-true full none single",
}
"""Kinds of numbers to compute in, by the words and numbers of other programs."""
PRECISION = (
    "autocast float16 bfloat16 amp fp16 half bf16 mixed-precision use-amp "
    "precision dtype amp-dtype torch-dtype native-amp apex-amp"
)
"""Options that say them."""

COMMANDS: dict[str, str] = {
    "report": "summary summarize summarise show print info describe inspect view stats flops params "
    "torchinfo torch-info torchsummary torch-summary thop ptflops fvcore",
    "report FILE --sweep": "sweep",
    "report FILE --training": "memory vram",
    "draw": "visualize visualise visualization plot picture diagram graph plot_model dot svg netron viz torchviz",
    "check": "lint validate verify",
    "fmt": "format reformat beautify",
    "compile": "convert export build generate emit translate to torch pytorch onnx",
    "train": "fit run learn resume finetune",
    "evaluate": "eval test score validation val",
    "predict": "infer inference classify forward detect",
    "parity": "compare diff",
    "--help": "help usage",
    "--version": "version",
}
"""Commands here, and what other programs call them."""
