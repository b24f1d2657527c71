"""Words of other frameworks that need no layer here, and what is said of them."""

from __future__ import annotations

NO_LAYERS: dict[str, str] = {
    "arithmetic stands in a row by itself, with `_` for what comes in, as in `_ * 2`": "Lambda LambdaLayer",
    "leave it out: `netdsl report FILE` prints the shape of every row": "print printf println print_shape "
    "print_summary summary show display debug torchinfo plot_model",
    "the kind of number is said at the input, as in `input words int[8]`, and `to` changes it": "type_as ToTensor half "
    "double float16 bfloat16",
    "a layer in `along( … )` acts on every item of an axis, as in `along(conv(8, 3))`": "TimeDistributed BatchApply "
    "vmap vectorized_map map_fn",
    "a net begins with a row such as `input image [3, 224, 224]`": "Input InputLayer placeholder InputSpec Placeholder "
    "DummyData",
    "a network is `net Name(setting = 1) { … }`, a reusable part `block name(c) { … }`": "Module Model Layer "
    "LightningModule HybridBlock BaseModel Functional",
    "leave it out: training is a section of its own, as in `train Name { … }`": "fit backward zero_grad train_on_batch "
    "optimizer_step init_weights initialize",
    "it begins a row of a recipe, `train Name { … }`, not of a net": "loss metric criterion optimizer schedule",
    "pictures are varied by a row of the recipe, as in `augment flip -> crop(32, pad=4)`": "random_crop "
    "RandomResizedCrop random_flip "
    "RandomHorizontalFlip random_horizontal_flip RandomVerticalFlip "
    "RandomRotation random_rotation ColorJitter color_jitter random_erasing RandomErasing RandomZoom "
    "RandomTranslation RandomContrast",
    "`frozen` stands in front of the row whose weights are not trained, as in `frozen stem: conv(64, 3)`": "freeze "
    "requires_grad_ set_trainable freeze_layer freeze_layers freeze_weights frozen_layer",
    "leave it out: memory and devices are no part of a net": "to_device eval_mode checkpoint "
    "data_parallel DataParallel",
}
"""What is said of words that need no layer, with the words for them elsewhere."""
