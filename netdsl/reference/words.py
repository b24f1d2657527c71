"""What the reference pages say in words that no declaration holds: families, settings, initialisers, conventions."""

from __future__ import annotations

FAMILIES: dict[str, str] = {
    "conv": "Convolutions",
    "linear": "Fully connected layers and look-up tables",
    "activation": "Activations",
    "pool": "Pooling",
    "normalize": "Normalisation",
    "dropout": "Dropout",
    "noise": "Noise",
    "resize": "Resizing and unpooling",
    "sample": "Reading between pixels",
    "shape": "Joining and rearranging",
    "cut": "Cutting, padding and rolling",
    "arithmetic": "Arithmetic",
    "whole": "Whole numbers and kinds of numbers",
    "compare": "Comparisons and choices",
    "reduce": "Summaries",
    "sort": "Sorting",
    "recurrent": "Recurrence",
    "attention": "Attention",
    "value": "Values that no arrow brings",
    "loss": "Losses",
    "metric": "Metrics",
    "tally": "Metrics of classes",
    "ranking": "Metrics of rankings",
    "deviation": "Metrics of numbers",
}
"""Titles of the families in the order of the page, by the module of `netdsl.ops` that declares them."""

SETTINGS: dict[str, str] = {
    "absent": "what a class counts that is neither labelled nor predicted",
    "activation": "the function at the end of each step",
    "affine": "whether a learned scale and shift follow",
    "always": "whether numbers are drawn at inference too",
    "align_corners": "whether the corner pixels stay in place",
    "alpha": "the factor before the exponential part",
    "amount": "the width of the rim",
    "approximate": "which formula: `none` is the exact one",
    "axes": "how many axes, counted from the last",
    "axis": "counted from 0 without the batch, or from the end when negative; `none` lets the operation choose",
    "beta": "the power of the sum; of a loss, the difference from which it is a line",
    "average": "which mean over classes",
    "bias": "whether something learned is added to each output",
    "biases": "bias vectors for each gate: PyTorch has 2, textbooks 1",
    "bidirectional": "whether the sequence is read both ways",
    "bins": "how many thresholds are counted at; `none` keeps every score",
    "causal": "whether a position is kept from reading what comes later",
    "ceil": "whether a partial window at the far side counts",
    "channels": "channels that come out",
    "classes": "how many classes there are",
    "count": "how many symbols there are",
    "count_padding": "whether padding counts as zeros in the mean",
    "descending": "whether the largest comes first",
    "largest": "whether the largest are taken, or the smallest",
    "delta": "the difference from which the loss is a line",
    "dilation": "the distance between the taps of a window",
    "end": "the first position not taken; `none` is the end",
    "eps": "added to the variance",
    "factor": "how many times larger each axis becomes",
    "features": "outputs",
    "groups": "into how many groups the channels are split",
    "heads": "how many parts attend side by side",
    "hidden": "units of the hidden state",
    "high": "the largest value that stays; `none` for no bound",
    "ignore": "the label that counts nowhere",
    "indices": "whether the places of what is found are a second result",
    "init": "how the weights start",
    "k": "how many of the highest are taken",
    "keep": "whether the axes stay, of size 1",
    "kernel": "the size of the window",
    "kind": "what the numbers become",
    "kv_heads": "how many heads keys and values have; `none` is as many as queries",
    "layers": "how many layers read one another",
    "low": "the smallest value that stays; `none` for no bound",
    "margin": "how far the right score shall be ahead",
    "merge": "the class that each becomes before it is counted, -1 for none",
    "mode": "how new positions get their values",
    "frozen": "whether scale, shift and statistics are buffers, which stay as they are",
    "momentum": "the share of a new batch in the running averages",
    "offset": "where the part begins; `none` is the middle",
    "only": "the class that alone is measured",
    "order": "the axes in their new order; empty swaps two",
    "output_padding": "what is added to the size at the far side",
    "pad": "positions added before and after each spatial axis, or `same`",
    "parts": "how many equal parts, or the size of each",
    "per_channel": "whether every channel learns a slope of its own",
    "raw": "whether scores are ranked as they come: probabilities already",
    "rate": "the probability of becoming zero",
    "scale": "what the sizes are multiplied by",
    "reverse": "whether it is summed up from the end",
    "shape": "the size of each axis",
    "shift": "how many positions each axis moves on",
    "size": "the size that comes out",
    "slope": "the factor below zero",
    "smoothing": "the share of the target that all classes get alike",
    "start": "the first position taken",
    "step": "take every so many",
    "stride": "from one window to the next; `none` is the size of the window",
    "threshold": "where a lone score begins to say class 1",
    "unbiased": "whether the sum is divided by one less than there are",
    "value": "the number",
    "weight": "one number a class; `none` weighs all alike",
    "whole": "whether it is a whole number",
    "width": "numbers in each vector",
}
"""What each setting of an operation is, by its name."""

OWN: dict[str, dict[str, str]] = {
    "crop": {"margin": "what is cut off each side"},
    "flatten": {"start": "the first axis taken"},
    "lrn": {
        "alpha": "the factor before the sum of squares",
        "k": "the constant in the sum",
        "size": "how many neighbouring channels take part",
    },
    "scatter_add": {"size": "how many items there are"},
    "grid_sample": {"mode": "how what lies between pixels is read", "pad": "what is read beyond the rim"},
    "rmsnorm": {"eps": "added to the mean square; `none`, which is not written, is 2 to the power of -23"},
    "multihead_attention": {"bias": "whether the projections of queries, keys, values and result have one"},
    "noise": {
        "kind": "the distribution",
        "shape": "the size of each axis of a sample; `none` is that of what comes in",
    },
    "normalize": {"eps": "what divides where the norm is smaller"},
    "pixel_unshuffle": {"factor": "how many times smaller each axis becomes"},
}
"""What a setting is in one operation, where its name means something else in others."""

RECIPE: dict[str, str] = {
    "alpha": "the share that the old average keeps",
    "beta1": "the share that the average of gradients keeps",
    "beta2": "the share that the average of squares keeps",
    "buffer": "samples that are shuffled together, and held",
    "centered": "whether the mean is taken off the squares",
    "classes": "the figures to draw, in the order of their numbers",
    "coefficients": "those of 1, x, x² and so on",
    "columns": "what an input takes that is no column itself; `[]` is every other column of numbers",
    "cooldown": "epochs behind a reduction that do not count as worse",
    "count": "how many samples there are",
    "eps": "added to a divisor",
    "every": "epochs between two reductions, or to the first restart; `none` is without",
    "factor": "what the learning rate is multiplied by",
    "figure": "`clouds`, `rings` or `spirals`",
    "figures": "the most that an image has",
    "file": "the file to read",
    "fit": "`crop` scales the shorter side and cuts, `stretch` does not keep proportions",
    "floor": "the share of the learning rate to end at",
    "digits": "the most digits that a string has",
    "folder": "the folder that holds the files",
    "ignore": "the label of pixels that do not count; `none` where all do",
    "image_end": "what names of pictures end with before the dot, besides what masks share with them",
    "image": "the column of the paths of pictures",
    "images": "the folder of the pictures; `{split}` stands for the name of a split",
    "label_end": "what names of masks end with before the dot",
    "labels": "the folder of the masks",
    "masks": "the folder of the masks; without, a label is the class that the video lies in",
    "stride": "frames from one window to the next; `none` is behind the window",
    "video": "the one video of which the first frame is for training; all of them without",
    "grid": "rows and columns of the raster that corners lie in",
    "label": "what `label` is",
    "film": "the one film of which the first frame is for training; all of them without",
    "side": "height and width of the images that patches are cut out of",
    "lines": "the most roads that a picture has",
    "points": "the most corners that a polygon has",
    "length": "characters or tokens in a piece, for pairs also `(source, target)`; `none` is what the input says",
    "level": "the level of the label map, from the coarsest, 1; `none` is the finest",
    "lists": "a folder of lists of names, one a split, or their path with `{split}`",
    "growth": "how many times longer it is from each restart to the next",
    "layer_decay": "what the learning rate is multiplied by from each layer to the one before it",
    "linear": "whether it goes along straight lines",
    "lower": "whether capitals are taken as small letters",
    "lr": "the learning rate",
    "lr_decay": "how the learning rate falls from step to step",
    "map": "of data a label map, one that comes along or a file (`.tsv`); of weights what its names are here (`.map`)",
    "mean": "what is taken off each channel",
    "momentum": "the share of the last step that is taken again",
    "nesterov": "whether momentum looks ahead",
    "partial": "whether what does not fit is left as it was initialised",
    "no_decay": "whether biases and normalisations are exempt from weight decay",
    "noise": "the standard deviation of what is added to each pixel",
    "patience": "epochs that may be no better before a reduction",
    "power": "the exponent",
    "rise": "the share of all steps in which the learning rate climbs",
    "seed": "what the drawing starts from",
    "sequence": "a pattern of names that says which belong to one `{sequence}`; without it a folder is one",
    "shares": "how pictures are shared out to training, validation and test where no folders or lists say it",
    "size": "the size of the images; `none` is what the input says",
    "start": "the share of the learning rate to begin with",
    "stored": "the level of the map whose classes the masks hold; `none` where they hold ids",
    "subset": "which of several sets under one name on the hub",
    "split": "a column that says the split of a row; for masks whether pictures are drawn singly or in sequences",
    "source": "the file of the texts to translate",
    "standardize": "whether inputs have mean 0 and deviation 1 over the training rows",
    "std": "what each channel is divided by",
    "target": "the columns that `label` is",
    "text": "the column of the texts",
    "tokens": "what texts are cut into: `word` or `character`; for pairs also one for each side",
    "tokenizer": "a file of the `tokenizers` library that cuts texts",
    "test": "the share held out for testing",
    "threshold": "the share by which a better epoch is better",
    "validation": "the share held out for validation",
    "vocabulary": "the most tokens that are told apart, padding and unknown among them",
    "warmup": "epochs in which the learning rate climbs to its full value",
    "weight_decay": "how strongly weights are drawn to zero",
}
"""What each setting of a data set, an optimizer or a schedule is, by its name."""

OF_DATA: dict[str, dict[str, str]] = {
    "curve": {
        "coefficients": "what 1, x, x² and so on are multiplied by",
        "count": "how many points there are",
        "noise": "the standard deviation of what is added to each value",
    },
    "shape_patches": {"side": "height and width of the images that patches are cut out of"},
    "points": {
        "figure": "how classes lie",
        "classes": "how many classes there are",
        "count": "how many points there are",
        "noise": "the standard deviation of what is added to each coordinate",
    },
    "hub": {
        "source": "a folder of shards, or a name on the hub",
        "split": "which files, or which split of the hub, to train on, where they are not called `train`",
        "target": "the column that is `label`",
    },
    "captions": {"length": "tokens of a caption; `none` is what the input says, or 24", "file": "the JSON file"},
    "shape_captions": {"length": "tokens of a caption; `none` is what the input says, or 10"},
    "labelled_text": {"target": "the column of the classes"},
    "masks": {"classes": "how many classes there are, or their names by number"},
    "multilabel": {
        "classes": "how many classes there are, or their names, which columns have",
        "target": "a column with all names of a picture's classes, `|` between them",
    },
    "frames": {
        "every": "each how many-th frame is taken",
        "classes": "how many classes the masks have, or their names by number",
        "length": "frames of a sample; `none` is what the input says, or 8",
        "shares": "how videos are shared out to training, validation and test where no folders say it",
        "split": "`sequence` keeps videos whole, `window` shares out single windows",
    },
    "moving_object": {
        "count": "how many films there are",
        "film": "the one film of which the first frame is for training; all of them without",
        "length": "frames of a film",
        "figures": "how many a film has, one of which is the object",
    },
    "moving_shapes": {
        "length": "frames of a sample; `none` is what the input says, or 8",
        "figures": "the most that a film has",
    },
    "numerals": {"ignore": "the label behind the end of a text"},
    "pairs": {
        "ignore": "the label behind the end of a text",
        "target": "the file of what they are in the other language",
    },
}
"""What a setting is in one data set, where its name means something else in others."""

AUGMENT: dict[str, str] = {
    "alpha": "how often the two are about equal: small numbers leave most samples nearly alone",
    "amount": "of brightness, contrast and saturation each",
    "area": "the least share of the picture",
    "aspect": "how far the sides change against one another",
    "axis": "`horizontal`, left for right, or `vertical`",
    "brightness": "`none` is `amount`",
    "contrast": "`none` is `amount`",
    "count": "how many changes one after the other",
    "degrees": "the largest angle",
    "fill": "the grey where nothing is, from 0 to 1",
    "high": "the largest factor, or standard deviation",
    "hue": "the largest part of the circle of colours",
    "least": "the smallest share of the picture",
    "low": "the smallest factor, or standard deviation",
    "most": "the largest share of the picture",
    "pad": "pixels put around the picture before",
    "part": "the largest part of a side",
    "saturation": "`none` is `amount`",
    "share": "how many samples are changed",
    "size": "height and width; `none` are those of the input",
    "std": "the standard deviation of what is added to each number",
    "strength": "from 0 to 30",
}
"""What each setting of a stage of `augment` is, by its name."""

ROWS: dict[str, str] = {
    "epochs": "how often the training split is gone through",
    "batch": "samples in one step",
    "seed": "what weights, order, dropout and noise start from",
    "clip": "the largest norm that the whole gradient may have",
    "accumulate": "batches that one optimizer step adds up",
    "precision": "mixed precision on a device that has it",
    "workers": "processes that decode images ahead",
    "patience": "epochs without a better one after which the run ends",
    "ema": "the share that the running average of the weights keeps at a step",
    "freeze": "rows of the net that are not trained, or not in the first epochs",
    "rate": "rows of the net whose learning rate is multiplied",
    "decay": "rows of the net whose weight decay is multiplied",
    "checkpoint": "rows of the net whose blocks run again in the backward pass, to keep less",
}
"""Rows of a recipe that hold one value."""

INITIALISERS: dict[str, str] = {
    "torch": "what PyTorch does for the layer: the default",
    "zeros": "0",
    "ones": "1",
    "constant": "`constant(c)`; a bare number means the same",
    "normal": "normal distribution, `normal(0.02)` gives the standard deviation",
    "truncated_normal": "as `normal`, nothing beyond two standard deviations",
    "uniform": "from -a to a, `uniform(0.1)`",
    "xavier_normal": "normal, variance 2 / (fan in + fan out) (Glorot and Bengio, 2010)",
    "xavier_uniform": "uniform of the same variance",
    "he_normal": "normal, variance 2 / fan in (He et al., 2015)",
    "he_uniform": "uniform of the same variance",
    "lecun_normal": "normal, variance 1 / fan in (LeCun et al., 1998)",
    "orthogonal": "rows that are orthogonal (Saxe et al., 2014)",
    "bilinear": "bilinear interpolation, for a `conv_transpose` that enlarges (Long et al., 2015)",
}
"""How weights can start."""

CONVENTION = """\
Everything is counted from shapes alone, for one batch at inference. Three numbers are kept apart.

- **MACs**: multiply-accumulates of contractions (convolutions, products of matrices, recurrent products), no bias,
  padding counted as if it were dense. This is the rule of lectures, `H · W · F² · D₁ · D₂`, and half of what
  `torch.utils.flop_counter` says.
- **FLOPs**: `flops_core = 2 · MACs + additions of a bias`, and `flops = flops_core + what is done element by element`.
  A report tells both, each by the name that budgets, CSV and JSON have for it. Where only `FLOPs` stands, as in tables
  over sizes and in formulas, it is `flops_core`, which other tools come nearest to.
- **transcendentals**: evaluations of exp, log, pow, sqrt and tanh, in a column of their own.

| operation | MACs | FLOPs beside `2 · MACs + bias` | transcendentals |
|---|---|---|---|
| `conv`, `locally_connected` | outputs · kernel · input channels / groups | 0 | 0 |
| `conv_transpose` | **input** positions · kernel · input channels · channels / groups | 0 | 0 |
| `linear` | positions · inputs · outputs | 0 | 0 |
| `matmul` | all axes of the result · the axis summed over | 0 | 0 |
| `attention` | `q k'` and `p v`; `causal`: pairs that are read | 5n − 2 a row of n keys, and n for a bias | n a row |
| `multihead_attention` | as `attention`, and four projections | 5n − 2 a row and head | n a row and head |
| `rnn` | steps · hidden · (inputs + hidden) | 1 a unit (2 with relu) | 1 a unit (0 with relu) |
| `gru` | 3 times as many | 14 a unit | 3 a unit |
| `lstm` | 4 times as many | 17 a unit | 5 a unit |
| `embedding`, `one_hot`, `gather` | 0 | 0 | 0 |
| `scatter_add` | 0 | 1 an element of what is added up | 0 |
| `relu`, `relu6`, `abs`, `neg`, `clamp`, `floor`, `ceil`, `round` | 0 | 1 an element | 0 |
| `leaky_relu`, `prelu` | 0 | 2 an element | 0 |
| `sigmoid`, `elu` | 0 | 3 an element | 1 an element |
| `tanh`, `exp`, `log`, `sqrt`, `sin`, `cos`, `power` | 0 | 0 | 1 an element |
| `gelu` | 0 | 4 an element, 8 with `approximate=tanh` | 1 an element |
| `silu` | 0 | 4 an element | 1 an element |
| `hardsigmoid`, `hardswish` | 0 | 3 and 4 an element | 0 |
| `softplus` | 0 | 1 an element | 2 an element |
| `softmax` | 0 | 4n − 2 a row of n | n a row |
| `log_softmax` | 0 | 4n − 2 a row of n | n + 1 a row |
| `batchnorm` at inference | 0 | 2 an element | 0 |
| `layernorm`, `groupnorm`, `instancenorm` | 0 | 8 an element (6 without scale and shift), 1 a mean | 1 a mean |
| `rmsnorm` | 0 | 4 an element (3 without scale), 1 a mean | 1 a mean |
| `normalize` | 0 | 3 an element | 1 a norm |
| `lrn` over n channels | 0 | n + 3 an element | 1 an element |
| `maxpool` | 0 | kernel − 1 an output | 0 |
| `avgpool` | 0 | kernel an output | 0 |
| `adaptive_maxpool` | 0 | window − 1 an output | 0 |
| `global_avgpool`, `adaptive_avgpool`, `mean` | 0 | 1 an input element | 0 |
| `variance` | 0 | 4 an input element | 0 |
| `cumsum` | 0 | n − 1 a row of n | 0 |
| `sum`, `reduce_max`, `reduce_min`, `global_maxpool`, `argmax` | 0 | input elements − outputs | 0 |
| `grid_sample(mode=bilinear)` | 0 | 7 an output | 0 |
| `resize(mode=bilinear)` | 0 | 7 an output of an image (3, 7, 15 for one to three spatial axes) | 0 |
| `top_k` | 0 | k · n − k (k + 1) / 2 a row of n | 0 |
| `add`, `mul`, `sub`, `div`, `minimum`, `maximum` | 0 | 1 an element and further operand | 0 |
| `floor_div`, `remainder`, `less`, `less_equal`, `greater`, `greater_equal` | 0 | 1 an element | 0 |
| `equal`, `not_equal`, `logical_and`, `logical_or`, `logical_not` | 0 | 1 an element | 0 |
| everything that only moves numbers | 0 | 0 | 0 |

What moves numbers: `flatten`, `reshape`, `concat`, `split`, `crop`, `pad`, `slice`, `transpose`, `resize` to the
nearest, `unpool`, `max_unpool`, `last`, `roll`, `sort`, `detach`, `to`, `where`, and `dropout`, `spatial_dropout`,
`drop_path` and `noise` at inference; what it costs to draw numbers there (`always=true`) is not counted. Biases of
recurrent layers are bias additions: `gates · biases` a unit and step. An operation that does not state a number is
listed under the report's table as not counted.

Each row is **exact**, an **estimate**, or has a number that is **not counted** (`counted` in JSON and CSV). Exact is
what shapes alone decide: parameters, buffers, MACs, additions of a bias, memory of results and receptive fields are
always so, and elementwise FLOPs and transcendentals where they are what the formula of the operation does, whatever the
numbers are. The elementwise FLOPs of these are an estimate: `top_k` and `sort`, for how often numbers are compared
depends on them and on the method; `grid_sample`, where finding the pixels is left out; and `adaptive_avgpool` whose
windows overlap. Such a row has `≈` behind its layer in the table, and the report says why. Of the totals `flops` is
then an estimate, and `peak_inference_bytes` always is one: what runs the net may take its rows in another order, and
room of its own. So are the times by `--device`. `--strict`, of `report` and `check`, refuses what is not counted; an
estimate it lets pass.
"""
"""What is counted, as the operations state it."""
