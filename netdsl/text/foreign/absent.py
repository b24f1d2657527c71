"""Words for layers that netdsl does not have yet, some with a text that computes the same.

Data for messages, read when a word is not known; every text is tried out by tests/text/test_foreign.py.
"""

from __future__ import annotations

from netdsl.base.record import record
from netdsl.text.foreign.layers import IMAGE, VECTOR


@record
class Missing:
    """A layer that netdsl does not have yet."""

    words: str
    instead: str = ""
    """A text that computes the same, for inputs as `on` declares them."""
    on: str = IMAGE
    says: str = ""


MISSING: tuple[Missing, ...] = (
    # a word of this table that becomes a layer, a block of `std` or a function moves up to `WAYS`, or out
    Missing(
        "GatherElements take_along_axis take_along_dim",
        says="`(x, y) -> gather` looks up whole items along an axis, `(x, y) -> along(gather)` in each item of axis 0",
    ),
    Missing("GatherND"),
    Missing("index_fill index_put"),
    Missing(
        "scatter scatter_reduce ScatterElements index_add ScatterND tensor_scatter_nd_update tensor_scatter_nd_add",
        says="`(x, y) -> scatter_add(16)` adds whole items up at places along an axis",
    ),
    Missing("masked_select condition boolean_mask"),
    Missing("cumprod cummax cumulative_product"),
    Missing("einsum tensordot Einsum EinsumDense"),
    Missing("deform_conv DeformConv2d DeformableConvolution deformable_conv dcn"),
    Missing("involution CondConv dynamic_conv octave_conv"),
    Missing("roi_align roi_pool RoIAlign RoIPool ROIPooling PSROIPooling crop_and_resize"),
    Missing("nms non_max_suppression NonMaxSuppression"),
    Missing(
        "affine_grid SpatialTransformer stn grid_generator meshgrid",
        says="`x -> grid` are the positions of an image's pixels, `(x, y) -> grid_sample` reads it at positions, and "
        "specs/spatial_transformer.net turns and shifts them",
    ),
    Missing("fractional_max_pool FractionalMaxPool2d FractionalPool stochastic_pool lp_pool LPPool2d mixed_pool"),
    Missing("weight_norm spectral_norm WeightNormalization SpectralNormalization weight_standardization"),
    Missing("BilinearLayer bilinear nn_bilinear"),
    Missing("embedding_bag EmbeddingBag"),
    Missing(
        "unfold fold im2col col2im extract_patches Unfold_layer window_partition window_reverse",
        says="windows are cut by `reshape` and `transpose`, and put together by them, as in specs/swin.net",
    ),
    Missing("gumbel_softmax GumbelSoftmax", "x + (x -> noise(gumbel)) -> softmax", VECTOR),
    Missing("entmax sparsemax"),
    Missing("Softmin softmin", "0 - x -> softmax", VECTOR),
    Missing("mish", "x * (x -> softplus -> tanh)"),
    Missing("selu", "1.0507 * (x -> elu(alpha=1.67326))"),
    Missing("celu", "x -> elu"),
    Missing(
        "DepthToSpace depth_to_space",
        says="`pixel_shuffle(2)` is that of `mode=CRD`: ONNX and TensorFlow order the channels otherwise without it",
    ),
    Missing(
        "SpaceToDepth space_to_depth reorg focus",
        says="`pixel_unshuffle(2)` makes the same shape, but orders the channels otherwise",
    ),
    Missing("circular_pad CircularPad1d CircularPad2d CircularPad3d wrap_pad"),
    Missing("softsign", "x / (1 + (x -> abs))"),
    Missing("tanhshrink", "x - (x -> tanh)"),
    Missing("logsigmoid log_sigmoid", "0 - (0 - x -> softplus)"),
    Missing("unbind unstack", says="`split` cuts an axis into parts of one, and `squeeze` takes it away in each"),
    Missing("glu GLULayer gated_linear_unit", "(x -> split(2, axis=-1))[0] * ((x -> split(2, axis=-1))[1] -> sigmoid)"),
    Missing("swiglu SwiGLU", "((x -> split(2, axis=-1))[0] -> silu) * (x -> split(2, axis=-1))[1]"),
    Missing("maxout", "x -> split(2) -> maximum"),
    Missing("crelu", "(x -> relu, 0 - x -> relu) -> concat"),
    Missing("threshold hardshrink softshrink rrelu thresholded_relu ThresholdedReLU"),
    Missing("alpha_dropout AlphaDropout FeatureAlphaDropout GaussianDropout"),
    Missing("gaussian_noise GaussianNoise GaussianNoiseLayer", "x + 0.1 * (x -> noise(normal))"),
    Missing("dropblock DropBlock zoneout"),
    Missing("dropconnect DropConnect", says="`drop_path` leaves out a whole branch, as EfficientNet does by that name"),
    Missing(
        "channel_shuffle ChannelShuffle shuffle_channels",
        says="`reshape` into groups, `transpose` and `reshape` back do the same",
    ),
    Missing("capsule CapsuleLayer PrimaryCaps"),
    Missing(
        "rnn_cell RNNCell StackedRNNCells",
        says="a `recurrent` block says what a step does: see docs/language.md",
    ),
    Missing(
        "TransformerDecoder TransformerDecoderLayer decoder_layer", says="`encoder_layer` of std.transformer is there"
    ),
    Missing(
        "repeat tile expand RepeatVector Tile broadcast_to expand_as",
        says="arithmetic repeats an axis of size 1 by itself, as in `x + (y -> unsqueeze(0))`; where all of it must be "
        "there, as in front of a `concat`, that is the sum with a `const still [8, 64] = zeros`",
    ),
    Missing("repeat_interleave"),
    Missing(
        "reparameterize reparametrize reparameterization reparam reparameterise",
        says="it is arithmetic: `x + (0.5 * y -> exp) * (x -> noise(normal))` for a mean `x` and a log variance `y`",
    ),
    Missing(
        "tril triu causal_mask generate_square_subsequent_mask",
        says="that no step sees a later one is said by `causal=true` of `attention` and `multihead_attention`",
    ),
    Missing(
        "pack_padded_sequence pad_packed_sequence pad_sequence",
        says="all steps of a sequence are computed; a mask says which of them count",
    ),
    Missing("fft rfft ifft dct stft"),
    Missing("std", "x -> variance(axis=0, unbiased=true) -> sqrt"),
    Missing("reduce_std std_dev", "x -> variance(axis=0) -> sqrt"),
    Missing("moments", "(x -> mean(axis=0), x -> variance(axis=0)) -> stack"),
    Missing("median quantile mode_layer kthvalue"),
    Missing("norm ReduceL2 reduce_l2", "(x * x -> sum(axis=0)) -> sqrt"),
    Missing("logsumexp log_sum_exp", "(x -> exp -> sum(axis=0)) -> log"),
    Missing("prod reduce_prod product", says="`x * y` multiplies two arrows"),
    Missing("tan atan sinh cosh asin"),
    Missing("erf erfinv lgamma digamma"),
    Missing("sign signum"),
    Missing("fmod trunc fix truncate"),
    Missing("log1p", "(x + 1) -> log"),
    Missing("expm1", "(x -> exp) - 1"),
    Missing("reciprocal", "1 / x"),
    Missing("argmin argmin_layer", "0 - x -> argmax"),
    Missing("isnan isinf isclose logical_xor"),
    Missing("nonzero unique bincount histc masked"),
    Missing("inverse det cholesky svd qr eigh solve"),
    Missing("bernoulli", "(x -> noise(uniform, always=true)) < x -> to(float)", VECTOR),
    Missing(
        "linspace logspace",
        says="`const step [8] = arange` counts from 0 on, and arithmetic makes of it what lies between two ends",
    ),
    Missing("multinomial Categorical", "(x -> log) + (x -> noise(gumbel, always=true)) -> argmax", VECTOR),
    Missing(
        "arange eye ones_like zeros_like full random_normal",
        says="`param` names a learned tensor, numbers stand in arithmetic: `2 * x`",
    ),
    Missing("cosine_similarity CosineSimilarity cosine_distance pairwise_distance PairwiseDistance cdist"),
    Missing("scale_layer ScaleLayer Scale AffineChannel channel_affine"),
)
