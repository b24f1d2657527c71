"""How other programs write the rows of a recipe: the order of their settings, what their names imply, kinds of numbers.
Data, as in `settings`."""

from __future__ import annotations

TORCH: dict[str, str] = {
    "sgd": "lr momentum dampening weight_decay nesterov",
    "adam": "lr betas eps weight_decay amsgrad",
    "adamw": "lr betas eps weight_decay amsgrad",
    "rmsprop": "lr alpha eps weight_decay momentum centered",
    "adagrad": "lr lr_decay weight_decay initial_accumulator_value eps",
    "step": "step_size gamma last_epoch",
    "cosine": "T_max eta_min last_epoch",
    "polynomial": "total_iters power last_epoch",
    "linear": "start_factor end_factor total_iters",
    "plateau": "mode factor patience threshold threshold_mode cooldown min_lr eps",
    "onecycle": "max_lr total_steps epochs steps_per_epoch pct_start anneal_strategy",
    "mnist": "root train transform target_transform download",
    "cifar10": "root train transform target_transform download",
    "imagefolder": "root transform target_transform loader",
}
"""Settings in PyTorch's order, behind the weights or the optimizer."""

KERAS: dict[str, str] = {
    "sgd": "learning_rate momentum nesterov weight_decay",
    "adam": "learning_rate beta_1 beta_2 epsilon amsgrad weight_decay",
    "adamw": "learning_rate weight_decay beta_1 beta_2 epsilon amsgrad",
    "rmsprop": "learning_rate rho momentum epsilon centered weight_decay",
    "adagrad": "learning_rate initial_accumulator_value epsilon weight_decay",
    "cosine": "initial_learning_rate decay_steps alpha",
    "polynomial": "initial_learning_rate decay_steps end_learning_rate power",
}

HANDED = "params parameters weights model optimizer opt optim optimiser"
"""Names of what PyTorch hands on first: the weights, or the optimizer whose rate a schedule changes."""

IMPLIED: dict[str, str] = {
    "polynomiallr": "power=1",
    "polynomialdecay": "power=1",
    "nesterov": "nesterov=true",
    "sgdnesterov": "nesterov=true",
}
"""What a name says that the name here does not."""

WITH_MOMENTUM = "momentum momentumsgd sgdmomentum momentumoptimizer nesterov sgdnesterov"
"""Names, in small letters, that are about a setting of the optimizer here."""
RESTARTED = "cosineannealingwarmrestarts cosinedecayrestarts cosinerestarts cosinewithrestarts sgdr"
"""Schedules, in small letters, that begin again."""
RESTARTS = "T_0 T_mult eta_min last_epoch"
"""Their settings in PyTorch's order, behind the optimizer."""
WARMING = "linearlr constantlr warmuplr linearwarmup linearwarmuplr warmup gradualwarmupscheduler"
"""Schedules, in small letters, whose rate climbs at first and then stays."""

PRECISIONS: dict[str, str] = {
    "fp16": "fp16 float16 half 16 16-mixed mixed_float16 f16 o1 o2",
    "bf16": "bf16 bfloat16 bf16-mixed mixed_bfloat16",
    "no": "no fp32 float32 float 32 32-true full none single false off 0 o0",
}
"""Kinds of numbers to compute in, by the words and numbers of other programs."""

ASKED = frozenset(("true", "yes", "on", "1", "native", "apex"))
"""Values that ask for what the row itself is called."""
