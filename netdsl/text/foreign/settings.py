"""Words for settings in other frameworks: what they are called here, or why there is none. Data, as in `layers`."""

from __future__ import annotations

from netdsl.base.record import record

RENAMED: dict[str, str] = {
    "channels": "out_channels features filters num_filter num_filters num_output nout n_filters out_ch "
    "output_channels out_planes depth out",
    "features": "out_features units num_output num_units num_hidden n_out output_dim out_dim width size "
    "hidden out_channels out",
    "kernel": "kernel_size ksize kernel_shape filter_size pool_size window window_shape kernel_dim k filter kernel_h",
    "stride": "strides subsample subsample_length step steps stride_h",
    "pad": "padding pads pad_width border_mode auto_pad pad_type pad_h",
    "margin": "cropping",
    "amount": "padding pads pad paddings pad_width",
    "dilation": "dilation_rate dilations rate atrous_rate dilate",
    "groups": "group num_group num_groups feature_group_count n_groups cardinality",
    "bias": "use_bias bias_term has_bias with_bias",
    "rate": "p prob drop_rate dropout_rate dropout_ratio drop_prob ratio dropout",
    "eps": "epsilon eps_value",
    "heads": "num_heads n_heads nhead n_head head_num num_attention_heads",
    "count": "num_embeddings vocab_size input_dim vocabulary n_vocab",
    "width": "embedding_dim output_dim embed_size embed_dim dim features",
    "hidden": "hidden_size units num_hidden num_units hidden_dim features n_hidden",
    "layers": "num_layers n_layers",
    "bidirectional": "bidir",
    "slope": "negative_slope alpha leak leakiness",
    "axis": "dim dims axes concat_dim dimension",
    "shift": "shifts",
    "axes": "axis dim begin_norm_axis",
    "keep": "keepdim keepdims keep_dims",
    "ceil": "ceil_mode round_mode",
    "indices": "return_indices",
    "count_padding": "count_include_pad count_include_padding",
    "scale": "scale_factor scales upsample_factor factor",
    "factor": "upscale_factor downscale_factor block_size blocksize scale_factor scale gamma",
    "size": "num_segments dim_size output_size target_shape target_size out_size local_size n output_shape img_size "
    "image_size kernel",
    "mode": "interpolation method interp resample padding_mode",
    "align_corners": "align",
    "affine": "elementwise_affine center scale learnable",
    "init": "kernel_initializer weight_init initializer weight_initializer weights_initializer "
    "embeddings_initializer weight_filler",
    "kv_heads": "num_kv_heads n_kv_heads num_key_value_heads",
    "causal": "is_causal unidirectional use_causal_mask",
    "low": "min min_value min_val minimum",
    "high": "max max_value max_val maximum",
    "classes": "num_classes depth n_classes",
    "ignore": "ignore_index ignore_label",
    "smoothing": "label_smoothing smooth",
    "weight": "class_weight pos_weight",
    "shape": "target_shape newshape new_shape dims",
    "start": "start_dim start_axis begin starts",
    "end": "end_dim end_axis stop ends",
    "parts": "chunks num_or_size_splits num_outputs sections",
    "order": "perm dims permutation",
    "activation": "nonlinearity",
    "per_channel": "num_parameters",
    "lr": "learning_rate base_lr eta",
    "beta1": "beta_1 momentum",
    "beta2": "beta_2",
    "weight_decay": "wd",
    "momentum": "mom",
    "alpha": "rho smoothing_constant",
    "every": "step_size stepsize T_0",
    "growth": "T_mult",
    "rise": "pct_start",
    "warmup": "warmup_epochs",
    "power": "degree",
    "floor": "alpha end_factor min_lr_ratio min_lr_rate",
    "folder": "root path dir directory data_dir",
    "file": "path filename",
    "validation": "val validation_split val_split",
    "test": "test_split",
    "std": "stddev",
    "target": "label label_column target_column",
}
"""A setting's name here, with what it is called elsewhere. The first that a layer has is taken."""


@record
class LeftOut:
    """Settings that have no place here, and why: `says` completes "write …", `{}` in it stands for the value."""

    says: str
    words: str


INFERRED = LeftOut(
    "the inputs are inferred",
    "in_channels in_features input_size input_shape in_dim input_dim num_features normalized_shape in_units in_planes "
    "in_ch num_channels embed_dim d_model batch_input_shape num_input n_in input_channels in1_features nin hidden_in "
    "input_width input_length in",
)

UNTRAINED = "weights are trained where no `frozen` stands in front of their row"
"""What is said of settings that say whether the weights of a layer are trained."""

LEFT_OUT: tuple[LeftOut, ...] = (
    INFERRED,
    LeftOut("each head has its share of the width", "key_dim value_dim head_dim"),
    LeftOut("a row is named by its label: `name: …`", "name scope layer_name"),
    LeftOut("nothing is changed in place", "inplace in_place"),
    LeftOut("`pad(1, mode=reflect)` before the layer says what a border holds", "padding_mode"),
    LeftOut(
        "nothing is dropped inside a layer, `dropout({})` is a layer of its own",
        "dropout",
    ),
    LeftOut("nothing is dropped between the steps of a sequence yet", "recurrent_dropout"),
    LeftOut("every row of a table is learned alike", "padding_idx mask_zero"),
    LeftOut("the batch is never written", "batch_first batch_size time_major batch_axis"),
    LeftOut("channels always come first", "data_format dim_ordering layout data_layout channels_last order"),
    LeftOut("where a net runs is said on the command line", "device dtype"),
    LeftOut(UNTRAINED, "trainable requires_grad frozen freeze"),
    LeftOut("whether a net trains is said where it runs", "training is_training"),
    LeftOut("running averages are always kept", "track_running_stats"),
    LeftOut(
        "every step of a sequence comes out, `last` takes the last",
        "return_sequences return_state return_last",
    ),
    LeftOut("what goes from call to call is a `state` row of the net", "stateful"),
    LeftOut(
        "a `train` section says how weights decay",
        "kernel_regularizer bias_regularizer weight_decay activity_regularizer",
    ),
    LeftOut("`init=` says how weights begin", "weight_filler"),
    LeftOut("a scale begins at 1 and a shift at 0", "gamma_initializer beta_initializer"),
    LeftOut(
        "biases begin at 0 where `init` is given, as in `init=xavier_uniform`, with which Keras begins",
        "bias_initializer bias_filler",
    ),
)

SEVERAL: dict[str, tuple[str, ...]] = {"betas": ("beta1", "beta2")}
"""Settings that elsewhere hold in one what is several here."""

OF_SCORES: tuple[LeftOut, ...] = (
    LeftOut("the classes are inferred", "num_classes n_classes classes nc num_labels num_class"),
    LeftOut("a loss is the mean over what counts", "reduction reduce size_average average normalization normalize"),
    LeftOut("scores are taken as they come, before any softmax", "from_logits logits with_logits"),
    LeftOut("what it computes follows from its inputs", "task multiclass mdmc_average subset_accuracy sparse"),
)
"""What losses and metrics of other libraries are told, and need no telling here."""

ACTIVATIONS = "activation act activation_fn nonlinearity activation_function act_layer act_type hidden_act"
"""Settings that name a layer of its own."""

VALUES: dict[str, str] = {
    "same": "same_upper same_lower samepadding",
    "he_normal": "kaiming_normal kaiming he msra MSRAPrelu msrafiller he_init",
    "he_uniform": "kaiming_uniform",
    "xavier_normal": "glorot_normal xaviernormal",
    "xavier_uniform": "glorot_uniform glorot xavier",
    "lecun_normal": "lecun lecun_init",
    "normal": "gaussian random_normal randomnormal randn",
    "uniform": "random_uniform",
    "truncated_normal": "trunc_normal",
    "zeros": "zero",
    "ones": "one",
    "bilinear": "linear tri_linear trilinear",
    "nearest": "nearest_neighbor nearest_neighbour nearestneighbor",
    "reflect": "reflection mirror",
    "replicate": "edge border",
    "border": "edge replicate clamp_to_edge",
    "constant": "zero",
    "int": "int8 int16 int32 int64 uint8 long integer",
    "float": "float16 float32 float64 bfloat16 half double",
    "bool": "bool_ boolean",
}
"""Words that settings take, with what they are called elsewhere."""

NOTHING = "valid none null notset"
"""Values that are the same as leaving a setting out."""


@record
class ForeignRow:
    """A row of a `train` section, for words of other frameworks' training code."""

    write: str
    words: str


ROWS: tuple[ForeignRow, ...] = (
    ForeignRow(
        "batch 64",
        "batch_size batchsize bs mini_batch minibatch samples_per_batch ims_per_batch train_batch_size "
        "per_device_train_batch_size samples_per_gpu",
    ),
    ForeignRow("epochs 20", "n_epochs num_epochs max_epochs epoch max_epoch num_train_epochs"),
    ForeignRow("optimizer sgd(lr=0.1)", "opt optim optimiser solver"),
    ForeignRow(
        "schedule cosine",
        "scheduler lr_scheduler lr_policy learning_rate_schedule lr_schedule lr_scheduler_type lr_decay_style sched",
    ),
    ForeignRow("data digits", "dataset data_loader dataloader train_data training_data datasource input"),
    ForeignRow("augment flip", "augmentation augmentations transform transforms aug flip hflip random_flip"),
    ForeignRow("loss (logits, label) -> cross_entropy", "criterion objective loss_fn cost loss_function losses"),
    ForeignRow("metric (logits, label) -> accuracy", "metrics eval_metric evaluate score"),
    ForeignRow(
        "clip 1.0",
        "grad_clip gradient_clip clip_norm clip_grad clip_gradient clip_grad_norm max_norm max_grad_norm "
        "global_clipnorm gradient_clip_val",
    ),
    ForeignRow(
        "accumulate 4",
        "gradient_accumulation grad_accum accumulation accumulation_steps accumulate_grad_batches "
        "gradient_accumulation_steps iter_size grad_accum_steps update_freq",
    ),
    ForeignRow("precision fp16", "amp use_amp mixed_precision autocast fp16 half"),
    ForeignRow("precision bf16", "bf16 bfloat16"),
    ForeignRow("seed 1", "random_seed manual_seed random_state seed_everything"),
    ForeignRow("patience 5", "early_stopping early_stop earlystopping early_stopping_patience stop_patience"),
    ForeignRow(
        "ema 0.999",
        "model_ema model_ema_decay ema_decay use_ema ModelEma ModelEMA AveragedModel ExponentialMovingAverage "
        "exponential_moving_average moving_average weight_averaging polyak polyak_averaging ema_momentum "
        "swa StochasticWeightAveraging swa_model",
    ),
    ForeignRow(
        "checkpoint stem",
        "gradient_checkpointing grad_checkpointing activation_checkpointing activation_checkpoint recompute remat "
        "gradient_checkpoint grad_checkpoint checkpoint_activations checkpointing use_checkpoint with_cp "
        "set_grad_checkpointing gradient_checkpointing_enable",
    ),
    ForeignRow("workers 2", "num_workers n_workers dataloader_num_workers workers_per_gpu"),
)

PARTS: dict[str, str] = {
    "optimizer.lr": "lr learning_rate base_lr lr0 init_lr initial_lr initial_learning_rate",
    "optimizer.momentum": "momentum mom",
    "optimizer.weight_decay": "weight_decay wd",
    "optimizer.layer_decay": "layer_decay layerwise_decay layer_lr_decay llrd",
    "optimizer.nesterov": "nesterov",
    "optimizer.beta1": "beta1 beta_1 adam_beta1",
    "optimizer.beta2": "beta2 beta_2 adam_beta2",
    "optimizer.eps": "eps epsilon adam_epsilon opt_eps",
    "schedule.warmup": "warmup warmup_epochs lr_warmup_epochs",
    "schedule.every": "step_size lr_step_size decay_epochs lr_decay_epochs",
    "schedule.factor": "gamma lr_gamma",
    "schedule.power": "power",
}
"""Rows that are settings of the optimizer or of the schedule, with the words for them."""

WARM = "`warmup=` of the schedule says for how many epochs the rate climbs, as in `schedule cosine(warmup=3)`"
LEAST = "`floor=` of the schedule says to which share of it the rate falls, as in `schedule cosine(floor=0.01)`"
RESTARTS = "`every=` of `cosine` counts the epochs to its first restart, as in `schedule cosine(every=10, growth=2)`"
SELF = "leave the row out: "
NO_ROWS: dict[str, str] = {
    "a training is as long as its `epochs`, each of which is every training sample once": "max_iter max_iters "
    "iterations steps max_steps train_steps num_steps total_steps num_iterations",
    WARM: "warmup_steps warmup_iters warmup_ratio warmup_lr warmup_proportion lr_warmup_steps",
    LEAST: "min_lr lr_min eta_min end_learning_rate final_lr",
    "weights and products are float32 unless a row says `precision fp16` or `precision bf16`": "dtype torch_dtype",
    "both shares of Adam stand in its row, as in `optimizer adam(beta1=0.9, beta2=0.999)`": "betas opt_betas",
    "`clip` is the largest norm of the whole gradient, as in `clip 1.0`: no other bound is known here": "clipvalue "
    "clip_value gradient_clip_algorithm",
    "labels are smoothed by the loss, as in `loss (logits, label) -> cross_entropy(smoothing=0.1)`": "smoothing "
    "label_smoothing",
    SELF + "the command says where it computes, as in `netdsl train FILE --device cuda`": "device gpu gpus cuda "
    "devices accelerator use_gpu num_gpus solver_mode",
    SELF + "the command says where the run is kept, as in `netdsl train FILE --folder runs/mine`": "folder output_dir "
    "out_dir run_dir log_dir logdir output_folder work_dir experiment run_name save_path output_path",
    'weights to start from are a row of their own, as in `weights "resnet18.safetensors"`': "pretrained pretrain "
    "init_from init_checkpoint finetune finetune_from load_from load_weights pretrained_path initial_checkpoint "
    "ckpt_path pretrained_weights from_pretrained model_name_or_path",
    SELF + "training draws a new order every epoch by itself": "shuffle shuffling random_order",
    SELF + "a run keeps its checkpoint and the weights of its best epoch by itself": "checkpoints save "
    "save_best save_dir callbacks callback snapshot save_steps save_freq save_every save_interval checkpoint_interval "
    "checkpoint_hist save_strategy save_model",
    SELF + "a run keeps its metrics, a line an epoch, and curves in its folder by itself": "log logger log_every "
    "logging tensorboard wandb print_every display verbose print_freq log_interval log_freq logging_steps report_to "
    "log_wandb log_every_n_steps eval_steps eval_interval test_interval eval_every check_val_every_n_epoch",
    SELF + 'what is held out is a setting of the data, as in `imagefolder("photos", validation=0.1)`': "val_split "
    "validation validation_split test_split split val valid valid_split test test_size val_size train_split holdout",
    SELF + "dropout is a layer of the net, as in `dropout(0.5)`": "dropout drop_rate dropout_rate",
    SELF + "training is begun by the command `netdsl train FILE`": "fit run main train compile",
}
"""What is said of rows that a recipe does not need, with the words for them elsewhere."""

SAID: dict[str, dict[str, str]] = {
    "optimizer": {
        "Keras decays the rate by `decay`, other programs the weights: here a `schedule` lowers the rate, and "
        "`weight_decay=` shrinks the weights": "decay",
        "`weight_decay=` adds that share of each weight to its gradient, as half the square of the weights in a loss "
        "would": "l2 regularization kernel_regularizer",
        "there is no such variant yet: leave `{}` out": "amsgrad maximize dampening",
        "it changes how fast a step is computed, not what: leave `{}` out": "foreach fused capturable differentiable",
        "the weights are those of the net: leave `{}` out": "params parameters",
    },
    "schedule": {
        WARM: "warmup_steps warmup_iters warmup_ratio num_warmup_steps warmup_lr warmup_start_lr start_factor",
        LEAST: "min_lr lr_min eta_min end_learning_rate final_lr",
        "a schedule lasts as long as the training, whose length is the row `epochs`: leave `{}` out": "T_max "
        "t_initial total_iters total_steps max_epochs epochs num_epochs steps num_training_steps max_iters max_steps",
        RESTARTS: "t_mul m_mul cycle restarts num_cycles cycle_limit",
        "a schedule counts epochs, not steps: leave `{}` out": "decay_steps",
        "`every=` counts epochs": "milestones step_epochs",
        "nothing of it is needed: leave `{}` out": "last_epoch verbose optimizer staircase steps_per_epoch",
        "the highest rate is `lr=` of the optimizer: leave `{}` out": "max_lr peak_lr",
        "the first metric says whether that is high or low: leave `{}` out": "mode monitor metric",
    },
    "data": {
        "nothing is downloaded: leave `{}` out": "download",
        "all splits are read, each for what it is: leave `{}` out": "train split subset is_train",
        "pictures become numbers from 0 to 1, then `mean=` and `std=` are applied: leave `{}` out": "transform "
        "transforms target_transform to_tensor normalize loader",
        "it is a row of the recipe: write `augment flip`, or more, as in `flip -> crop(224, pad=8)`": "flip hflip "
        " horizontal_flip random_flip augment augmentation",
        "the last batch may be smaller: leave `{}` out": "drop_last",
        "workers hand on their pictures by themselves, the row `workers` says how many there are: leave `{}` "
        "out": "pin_memory persistent_workers prefetch prefetch_factor",
    },
}
"""What is said of settings that an optimizer, a schedule or data have elsewhere; `{}` stands for the setting."""

LOSSES: tuple[ForeignRow, ...] = (
    ForeignRow(
        "(logits, label) -> cross_entropy",
        "CrossEntropyLoss SoftmaxWithLoss CrossEntropy softmax_cross_entropy "
        "categorical_crossentropy sparse_categorical_crossentropy SparseCategoricalCrossentropy "
        "SoftmaxCrossEntropyLoss "
        "softmax_loss xent softmax_cross_entropy_with_logits ce",
    ),
    ForeignRow("(logits, label) -> nll", "NLLLoss negative_log_likelihood nll_loss NegativeLogLikelihoodLoss"),
    ForeignRow("(logits, label) -> multi_margin", "MultiMarginLoss multiclass_hinge"),
    ForeignRow(
        "(logits, label) -> accuracy", "acc categorical_accuracy binary_accuracy sparse_categorical_accuracy top1"
    ),
    ForeignRow(
        "(logits, label) -> top_k_accuracy(5)",
        "top5 top5_accuracy topk_accuracy top_k_categorical_accuracy sparse_top_k_categorical_accuracy",
    ),
    ForeignRow("(logits, label) -> f1", "f1_score F1Score fscore f_score MulticlassF1Score BinaryF1Score"),
    ForeignRow("(logits, label) -> precision", "precision_score positive_predictive_value ppv"),
    ForeignRow("(logits, label) -> recall", "recall_score sensitivity tpr true_positive_rate"),
    ForeignRow(
        "(logits, label) -> mean_accuracy", "balanced_accuracy balanced_accuracy_score macc mean_class_accuracy"
    ),
    ForeignRow("(logits, label) -> auc", "roc_auc roc_auc_score AUROC auc_roc area_under_curve"),
    ForeignRow("(logits, label) -> average_precision", "average_precision_score pr_auc auprc auc_pr"),
    ForeignRow("(logits, label) -> perplexity", "ppl"),
    ForeignRow("(logits, label) -> miou", "mean_iou MeanIoU jaccard jaccard_index JaccardIndex jaccard_score"),
    ForeignRow("(logits, label) -> mdice", "mean_dice dice_score DiceScore dice_coefficient dice_coef"),
)
"""Losses and metrics over the scores and the label of a sample."""
PAIRS: tuple[ForeignRow, ...] = (
    ForeignRow("(x, label) -> mse", "MSELoss mean_squared_error l2 l2_loss EuclideanLoss MeanSquaredError"),
    ForeignRow("(x, label) -> l1", "L1Loss mae mean_absolute_error absolute_error MeanAbsoluteError"),
    ForeignRow(
        "(x, label) -> binary_cross_entropy_with_logits",
        "BCEWithLogitsLoss SigmoidCrossEntropyLoss sigmoid_cross_entropy sigmoid_cross_entropy_with_logits "
        "bce_with_logits bce_logits binary_crossentropy_with_logits sigmoid_bce",
    ),
    ForeignRow("(x, label) -> binary_cross_entropy", "BCELoss bce BinaryCrossentropy binary_crossentropy"),
    ForeignRow("(x, label) -> hinge", "HingeLoss"),
    ForeignRow("(x, label) -> smooth_l1", "SmoothL1Loss SmoothL1"),
    ForeignRow("(x, label) -> huber", "HuberLoss huber_fn"),
    ForeignRow("(x, label) -> rmse", "root_mean_squared_error RootMeanSquaredError"),
    ForeignRow("(x, label) -> r2", "r2_score R2Score coefficient_of_determination r_squared"),
)
"""Losses over two arrows of one shape."""
NO_LOSS = (
    "KLDivLoss kl_div CTCLoss ctc TripletMarginLoss triplet contrastive_loss CosineEmbeddingLoss PoissonNLLLoss "
    "wing_loss HingeEmbeddingLoss"
)
"""Losses and metrics that netdsl does not have yet."""
DECAY = (
    "l1 l2 l1_reg l2_reg l1_loss l2_loss l1_regularization l2_regularization l1_penalty l2_penalty reg regularization "
    "regularizer reg_loss regularization_loss weight_decay penalty weight_norm"
)
"""What other programs add to a loss for the size of the weights."""

DECLARED: dict[str, str] = {
    "sgd": "GradientDescent momentum_sgd MomentumOptimizer momentum nesterov sgd_momentum sgd_nesterov "
    "stochastic_gradient_descent "
    "GradientDescentOptimizer",
    "adam": "AdamOptimizer",
    "adamw": "AdamWeightDecay adamw_torch adamw_hf adamw_torch_fused",
    "rmsprop": "RMSPropOptimizer",
    "cosine": "CosineAnnealingLR CosineAnnealingWarmRestarts CosineDecayRestarts cosine_restarts sgdr "
    "cosine_with_restarts CosineAnnealing CosineDecay cosine_lr CosineAnnealing_LR cosine_decay "
    "cosine_annealing get_cosine_schedule_with_warmup cosine_with_warmup WarmupCosine",
    "step": "StepLR StepDecay step_decay",
    "polynomial": "poly PolynomialLR PolynomialDecay get_polynomial_decay_schedule_with_warmup",
    "linear": "linear_decay get_linear_schedule_with_warmup linear_with_warmup WarmupLinear",
    "onecycle": "OneCycleLR one_cycle super_convergence",
    "plateau": "ReduceLROnPlateau reduce_on_plateau reduce_lr_on_plateau",
    "constant": "fixed none get_constant_schedule constant_with_warmup get_constant_schedule_with_warmup",
    "flip": "RandomHorizontalFlip random_horizontal_flip hflip horizontal_flip random_flip RandomFlip fliplr",
    "scale": "RandomScale random_scale RandomZoom random_zoom zoom",
    "crop": "RandomCrop random_crop",
    "resized_crop": "RandomResizedCrop random_resized_crop rrc RandomSizedCrop inception_crop",
    "rotate": "RandomRotation random_rotation RandomRotate rotation",
    "shear": "RandomShear random_shear",
    "shift": "RandomTranslation random_translation translate translation",
    "colour": "color ColorJitter ColourJitter color_jitter jitter RandomBrightness RandomContrast brightness contrast "
    "saturation hue",
    "grey": "gray grayscale greyscale RandomGrayscale ToGray",
    "blur": "GaussianBlur gaussian_blur",
    "noise": "GaussianNoise gaussian_noise GaussNoise",
    "erase": "RandomErasing random_erasing",
    "cutout": "CoarseDropout cut_out",
    "rand_augment": "randaug auto_augment TrivialAugment TrivialAugmentWide AutoAugment",
    "imagefolder": "ImageFolder folder images image_folder imagenet image_dataset_from_directory directory",
    "cifar10": "cifar CIFAR_10",
    "mnist": "FashionMNIST fashion_mnist",
    "text": "characters chars TextDataset shakespeare tinyshakespeare",
    "shapes": "synthetic fake FakeData toy",
    "hub": "load_dataset huggingface WebDataset",
}
"""Data sets, stages that vary pictures, optimizers and schedules, with what is near them elsewhere."""

UNDECLARED: dict[str, str] = {
    "optimizer": "nadam radam adadelta adamax lamb lars lion lbfgs ftrl adafactor shampoo sparse_adam asgd rprop muon",
    "schedule": "multistep MultiStepLR piecewise_constant exponential "
    "ExponentialLR exponential_decay inverse_sqrt noam cyclic CyclicLR lambda_lr",
    "data": "cifar100 svhn coco csv hdf5 tfrecord parquet lmdb celeba kmnist emnist stl10 usps "
    "wikitext imdb librispeech",
}
"""Optimizers, schedules and data sets that netdsl does not have yet: no other is offered for the look of its name."""

KINDS: dict[str, str] = {
    "size": "Size _size_1_t _size_2_t _size_3_t",
    "int": "integer int32 int64 long int8 uint8 Integer size_t",
    "float": "float32 float64 double real half float16 fp32",
    "number": "num scalar Number",
    "bool": "boolean bit logical",
    "text": "str string",
    "word": "symbol enum",
    "list": "tuple array sequence List",
    "layer": "module Module nn callable function",
    "init": "initializer initialiser",
}
"""Kinds of numbers and of settings."""

LOST = frozenset(
    ("dropout", "recurrent_dropout", "padding_idx", "mask_zero", "kernel_regularizer", "bias_regularizer",
     "activity_regularizer", "return_state", "stateful", "bias_initializer", "bias_filler")
)  # fmt: skip
"""Settings that no text here stands for, although they change what is computed."""
