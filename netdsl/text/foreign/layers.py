"""Words for layers in PyTorch, Keras, TensorFlow, Caffe, ONNX, MXNet and papers, and what is written for them here.

`WAYS` lead to a text that can be written, `LIBRARY` to a block that is there. Both are data for messages, read when a
word is not known, and every text in them is tried out by tests/text/test_foreign.py. Words are compared without
capitals, `_` and dots (see `netdsl.text.foreign.plain`).
"""

from __future__ import annotations

from netdsl.base.record import record

IMAGE = "x [16, 32, 32]"
PAIR = "x [16, 32, 32], y [16, 32, 32]"
VECTOR = "x [64]"
SEQUENCE = "x [16, 64]"
WORDS = "x int[16]"
TRUTHS = "x bool[16], y bool[16]"


@record
class Way:
    """What to write for some words. `on` is the input that the text is tried on."""

    write: str
    on: str
    words: str
    """Parted by spaces."""
    inferred: int = -1
    """Which number of PyTorch's call tells the size of the input, which is inferred here; -1 for none."""
    says: str = ""
    """A sentence that stands before the text."""
    first: str = ""
    """The setting that the first number, or a `size`, is for, where that is not the first here."""
    third: str = ""
    """The setting that a third number by its place is for."""
    names_kernel: bool = False
    """Whether the word itself says the kernel, so that a call gives the channels alone: `conv1x1(16)`."""


WAYS: tuple[Way, ...] = (
    # convolutions
    Way("conv(64, 3)", IMAGE, "Conv Conv1d Conv2d Conv3d SlimConv2d conv_layer conv_nd", 0),
    Way(
        "conv(64, 3)",
        IMAGE,
        "LazyConv2d Convolution Convolution1D Convolution2D Convolution3D ConvolutionLayer SpatialConvolution",
    ),
    Way("conv(64, 3, pad=1)", IMAGE, "conv3x3", names_kernel=True),
    Way("conv(64, 3, pad=1)", IMAGE, "conv2d_same Conv2dSame SamePadConv same_conv", 0),
    Way(
        "conv(64, 1)",
        IMAGE,
        "conv1x1 pointwise pointwise_conv PointwiseConv2D OneByOneConv network_in_network nin mlpconv",
        names_kernel=True,
    ),
    Way(
        "conv_transpose(64, 2, stride=2)",
        IMAGE,
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d",
        0,
    ),
    Way(
        "conv_transpose(64, 2, stride=2)",
        IMAGE,
        "LazyConvTranspose2d deconv deconv2d deconvolution Deconvolution2D Conv2DTranspose Conv3DTranspose "
        "Convolution2DTranspose upconv up_conv "
        "up_convolution transposed_conv transposed_convolution transpose_conv tconv trans_conv "
        "conv_trans fractionally_strided_conv "
        "backward_conv",
    ),
    Way("depthwise(3)", IMAGE, "DepthwiseConv DepthwiseConv1D DepthwiseConv2D depthwise_conv dwconv dw_conv conv_dw"),
    Way(
        "separable_conv(64, 3)",
        IMAGE,
        "SeparableConv1D SeparableConv2D SeparableConvolution2D sepconv sep_conv depthwise_separable "
        "depthwise_separable_conv",
    ),
    Way(
        "conv(64, 3, pad=2, dilation=2)",
        IMAGE,
        "atrous atrous_conv AtrousConv2D AtrousConvolution2D dilated_conv DilatedConv2d dilated_convolution a_trous",
        third="dilation",
    ),
    Way(
        "conv(64, 3, pad=1, groups=4)",
        IMAGE,
        "grouped_conv group_conv GroupedConv2d grouped_convolution gconv",
        third="groups",
    ),
    Way("locally_connected(8, 3)", IMAGE, "LocallyConnected1D LocallyConnected2D local_conv unshared_conv LocalLinear"),
    Way(
        "conv_bn_relu(64, 3)",
        IMAGE,
        "ConvBNReLU ConvNormAct ConvModule BasicConv2d conv_block cbr conv_bn",
    ),
    Way("conv_bn_relu(64, 3)", IMAGE, "Conv2dNormActivation", 0),
    # fully connected
    Way(
        "flatten -> linear(10)",
        IMAGE,
        "fc fc_layer FullyConnected fully_connected FullyConnectedLayer InnerProduct Gemm dense "
        "DenseLayer affine affine_layer MatMulLayer perceptron",
    ),
    Way("linear(10)", VECTOR, "LazyLinear Linear_layer nn_linear Projection TimeDistributedDense"),
    Way("linear(10)", VECTOR, "Linear", 0),
    Way("embedding(1000, 64)", WORDS, "Embed lookup_table EmbeddingLayer embedding_lookup word_embedding Embeddings"),
    # pooling
    Way(
        "maxpool(2)",
        IMAGE,
        "MaxPool1d MaxPool2d MaxPool3d MaxPooling MaxPooling1D MaxPooling2D MaxPooling3D "
        "max_pool_2d SpatialMaxPooling Pooling "
        "Pool Pool2D downsample subsample subsampling mp",
    ),
    Way(
        "avgpool(2)",
        IMAGE,
        "AvgPool1d AvgPool2d AvgPool3d AveragePool AveragePooling AveragePooling1D AveragePooling2D AvgPooling "
        "MeanPool mean_pooling SpatialAveragePooling ave_pool average_pool_2d",
    ),
    Way(
        "global_avgpool",
        IMAGE,
        "GlobalAveragePool GlobalAveragePooling GlobalAveragePooling1D GlobalAveragePooling2D "
        "GlobalAvgPool2D GlobalPool gap "
        "global_pooling global_average_pool global_mean_pool reduce_mean_hw",
    ),
    Way(
        "global_maxpool",
        IMAGE,
        "GlobalMaxPool GlobalMaxPooling GlobalMaxPool2D GlobalMaxPooling1D GlobalMaxPooling2D gmp",
    ),
    Way(
        "adaptive_avgpool(7)",
        IMAGE,
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveAveragePooling2D "
        "adaptive_average_pool adaptive_pool",
    ),
    Way("adaptive_maxpool(7)", IMAGE, "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AdaptiveMaxPooling2D"),
    Way(
        "each b in [1, 2, 4] { adaptive_maxpool(b) -> flatten } -> concat",
        IMAGE,
        "spp SpatialPyramidPooling spatial_pyramid_pool",
    ),
    Way("unpool(2)", IMAGE, "unpooling Unpooling2D"),
    # sizes
    Way(
        "resize(scale=2)",
        IMAGE,
        "interpolate ResizeNearestNeighbor image_resize",
    ),
    Way(
        "resize(scale=2)",
        IMAGE,
        "UpSampling1D UpSampling2D UpSampling3D upscale upsample Upsample2d UpsamplingNearest2d up_sample Upsampling "
        "resize_nearest nearest_neighbor_upsample",
        first="scale",
    ),
    Way(
        "resize(scale=2, mode=bilinear)",
        IMAGE,
        "BilinearUpsample ResizeBilinear BilinearInterp bilinear_resize bilinear_upsample",
    ),
    Way("resize(scale=2, mode=bilinear, align_corners=true)", IMAGE, "UpsamplingBilinear2d"),
    Way("resize(size=(64, 64))", IMAGE, "Resizing resize_images resize_image"),
    Way("pixel_shuffle(2)", IMAGE, "PixelShuffle subpixel subpixel_conv sub_pixel_conv"),
    Way("pixel_unshuffle(2)", IMAGE, "PixelUnshuffle"),
    Way("pad(1)", IMAGE, "ZeroPad1d ZeroPad2d ZeroPadding1D ZeroPadding2D ConstantPad2d padding zero_pad pad2d"),
    Way("pad(1, mode=reflect)", IMAGE, "ReflectionPad1d ReflectionPad2d MirrorPad reflection_padding reflect_pad"),
    Way("pad(1, mode=replicate)", IMAGE, "ReplicationPad2d edge_pad replicate_pad EdgePadding"),
    Way("crop(24)", IMAGE, "CenterCrop center_crop centre_crop CenterCropPad"),
    Way("crop(margin=2)", IMAGE, "Cropping2D Cropping1D Cropping3D", first="margin"),
    # normalisation
    Way("batchnorm", IMAGE, "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm", 0),
    Way(
        "batchnorm",
        IMAGE,
        "BatchNormalization BatchNormalisation batch_normalization batch_normalisation BatchNormLayer BNorm "
        "LazyBatchNorm2d SpatialBatchNormalization bn2d",
    ),
    Way("batchnorm(frozen=true)", IMAGE, "FrozenBatchNorm2d FrozenBatchNorm FrozenBN", 0),
    Way("layernorm", SEQUENCE, "LayerNorm ln", 0),
    Way("layernorm", SEQUENCE, "LayerNormalization LayerNormalisation"),
    Way("rmsnorm", SEQUENCE, "RMSNorm rms_norm", 0),
    Way("rmsnorm", SEQUENCE, "RMSNormalization RMSNormalisation LlamaRMSNorm T5LayerNorm SimplifiedLayerNormalization"),
    Way("groupnorm(8)", IMAGE, "GroupNorm gn", 1),
    Way("groupnorm(8)", IMAGE, "GroupNormalization GroupNormalisation"),
    Way("instancenorm", IMAGE, "InstanceNorm1d InstanceNorm2d InstanceNorm3d", 0),
    Way("instancenorm", IMAGE, "InstanceNormalization InstanceNormalisation contrast_norm"),
    Way(
        "lrn(5)",
        IMAGE,
        "LocalResponseNorm LocalResponseNormalization LocalResponseNormalisation local_response_normalization "
        "CrossMapLRN2d SpatialCrossMapLRN response_norm",
    ),
    # dropout
    Way("dropout(0.5)", VECTOR, "Dropout1d DropoutLayer drop_out drop"),
    Way("spatial_dropout(0.2)", IMAGE, "Dropout3d SpatialDropout1D SpatialDropout2D SpatialDropout3D channel_dropout"),
    Way("drop_path(0.1)", IMAGE, "DropPath StochasticDepth stochastic_depth"),
    # activations
    Way("relu", IMAGE, "rectifier rectified_linear rectified_linear_unit ReluLayer RectifiedLinear ramp"),
    Way("relu", IMAGE, "Activation ActivationLayer act", says="an activation is a layer under its own name"),
    Way("leaky_relu(0.1)", IMAGE, "LReLU leakyrectify leaky LeakyRectifiedLinear"),
    Way("silu", IMAGE, "swish SiLU_layer swish1"),
    Way("hardswish", IMAGE, "h_swish hswish hard_swish"),
    Way("hardsigmoid", IMAGE, "h_sigmoid hard_sigmoid"),
    Way("sigmoid", IMAGE, "logistic sigm expit sigmoid_layer"),
    Way("tanh", IMAGE, "hyperbolic_tangent TanH_layer"),
    Way("softmax", VECTOR, "Softmax1d Softmax2d SoftmaxLayer soft_max softmax_layer"),
    Way("gelu(approximate=tanh)", IMAGE, "gelu_new gelu_tanh FastGelu gelu_fast quick_gelu"),
    Way("clamp(low=-1, high=1)", IMAGE, "hardtanh hard_tanh"),
    Way("clamp(-1, 1)", IMAGE, "clip ClipByValue clip_by_value clampmin relu1"),
    # joins
    Way(
        "(x, y) -> concat",
        PAIR,
        "cat concatenate Concatenate merge ConcatLayer concat_v2 JoinTable DepthConcat channel_concat hconcat vconcat",
    ),
    Way(
        "x + y",
        PAIR,
        "Eltwise elemwise_add add_n AddV2 skip_add elementwise_add ElementwiseSum residual_add CAddTable bias_add",
    ),
    Way("x * y", PAIR, "Multiply elemwise_mul elementwise_mul CMulTable hadamard dot_mul"),
    Way("x - y", PAIR, "Subtract elemwise_sub difference"),
    Way("x / y", PAIR, "Divide true_divide elemwise_div"),
    Way("x // y", PAIR, "floor_divide FloorDivide floordiv elementwise_floordiv"),
    Way("x % y", PAIR, "mod floormod floor_mod FloorMod modulo elementwise_mod"),
    Way("x < y", PAIR, "lt less_than lesser"),
    Way("x <= y", PAIR, "less_or_equal lesser_equal less_than_or_equal"),
    Way("x > y", PAIR, "gt greater_than"),
    Way("x >= y", PAIR, "greater_or_equal greater_than_or_equal"),
    Way("x == y", PAIR, "equals equal_to"),
    Way("x != y", PAIR, "neq not_equals not_equal_to"),
    Way("x and y", TRUTHS, "bitwise_and elementwise_and"),
    Way("x or y", TRUTHS, "bitwise_or elementwise_or"),
    Way("(x, y, z) -> where", "x bool[4, 8], y [4, 8], z [4, 8]", "tf_where select_v2 np_where jnp_where"),
    Way("(y, 0, x) -> where", "x [4, 8], y bool[4, 8]", "masked_fill masked_fill_"),
    Way("(x + y) / 2", PAIR, "Average average_layer AverageLayer"),
    Way("(x, y) -> maximum", PAIR, "elementwise_max eltwise_max element_max"),
    Way("(x, y) -> stack", PAIR, "torch_stack Pack"),
    Way("(x, y) -> matmul", "x [4, 8], y [8, 2]", "bmm mm dot Dot batch_dot BatchMatMul batch_matmul linalg_matmul"),
    Way("x ** 2", IMAGE, "Pow"),
    Way("x * x", IMAGE, "square"),
    Way("x ** -0.5", IMAGE, "rsqrt"),
    # shapes
    Way("flatten", IMAGE, "FlattenLayer Flatten2d ravel view_flat Unroll"),
    Way("reshape([16, -1])", IMAGE, "view Reshape ReshapeLayer Unflatten resize_to"),
    Way("transpose([1, 2, 0])", IMAGE, "permute Permute swapaxes swap_axes moveaxis movedim DimShuffle Rearrange"),
    Way("unsqueeze(0)", IMAGE, "expand_dims ExpandDims newaxis add_axis"),
    Way("slice(0, end=8)", IMAGE, "narrow StridedSlice strided_slice slice_axis"),
    Way("slice(0, end=1) -> squeeze(0)", IMAGE, "select"),
    Way(
        "split(2)",
        IMAGE,
        "chunk tensor_split SliceChannel SplitLayer",
        says="it takes the number of parts",
    ),
    Way("one_hot(10)", WORDS, "OneHot onehot to_categorical OneHotEncoding"),
    Way("identity", IMAGE, "contiguous cuda", says="memory and devices are no part of a net"),
    Way("linear(256) -> gelu -> linear(64)", VECTOR, "mlp ffn feed_forward", says="it is a row of layers"),
    Way("identity", IMAGE, "noop StopGradient_off pass_through passthrough"),
    Way("mean(axis=(1, 2))", IMAGE, "reduce_mean ReduceMean torch_mean mean_hw"),
    Way("variance(axis=0, unbiased=true)", IMAGE, "var torch_var"),
    Way("variance(axis=0)", IMAGE, "reduce_variance ReduceVariance"),
    Way("normalize", IMAGE, "L2Normalize l2_normalize l2norm LpNormalization UnitNormalization"),
    Way("cumsum", SEQUENCE, "cumulative_sum cumsum_layer"),
    Way("roll(1, axis=0)", IMAGE, "shift circular_shift torch_roll"),
    Way("noise(normal)", IMAGE, "randn_like normal_like RandomNormalLike"),
    Way("noise(uniform)", IMAGE, "rand_like uniform_like RandomUniformLike"),
    Way("detach", IMAGE, "stop_gradient StopGradient BlockGrad no_grad"),
    Way("sum(axis=0)", IMAGE, "reduce_sum ReduceSum Reduction"),
    Way("reduce_max(axis=0)", IMAGE, "amax torch_max ReduceMax"),
    Way("reduce_min(axis=0)", IMAGE, "amin torch_min ReduceMin"),
    Way("argmax", IMAGE, "ArgMaxLayer arg_max"),
    Way("(x -> top_k(3))[0]", VECTOR, "topk_values top_values"),
    Way("(x -> sort(indices=true))[1]", VECTOR, "argsort"),
    Way("0 - x", IMAGE, "negative Negate"),
    Way("round", IMAGE, "rint round_half_to_even torch_round"),
    Way("to(float)", WORDS, "cast CastLayer astype as_type to_float ToFloat float float32 float64"),
    Way("to(int)", IMAGE, "long to_int ToInt int32 int64 Int8 uint8"),
    Way("to(bool)", IMAGE, "to_bool ToBool bool boolean"),
    Way("relu", IMAGE, "nonlinearity activation_fn"),
    # sequences
    Way("lstm(32)", SEQUENCE, "LSTM", 0),
    Way("lstm(32)", SEQUENCE, "CuDNNLSTM LSTMLayer long_short_term_memory"),
    Way("gru(32)", SEQUENCE, "GRU", 0),
    Way("gru(32)", SEQUENCE, "CuDNNGRU GRULayer gated_recurrent_unit"),
    Way("rnn(32)", SEQUENCE, "RNN", 0),
    Way("rnn(32)", SEQUENCE, "SimpleRNN vanilla_rnn ElmanRNN RNNLayer"),
    Way("lstm(32, bidirectional=true)", SEQUENCE, "Bidirectional bilstm blstm BidirectionalLSTM"),
    Way("multihead_attention(4)", SEQUENCE, "MultiheadAttention", 0),
    Way(
        "multihead_attention(4)",
        SEQUENCE,
        "mha MultiHeadAttentionLayer self_attention SelfAttention MultiHeadSelfAttention msa",
    ),
    Way(
        "(x, y, z) -> attention",
        "x [4, 16, 8], y [4, 16, 8], z [4, 16, 8]",
        "scaled_dot_product_attention sdpa dot_product_attention flash_attention",
    ),
    Way("(x, y) -> gather", "x [16, 64], y int[8]", "take index_select IndexSelect batch_gather lookup fancy_indexing"),
    Way("(x, y) -> scatter_add(16)", "x [100, 8], y int[100]", "unsorted_segment_sum segment_sum scatter_sum"),
    Way("(x, y) -> grid_sample", "x [3, 8, 8], y [8, 8, 2]", "warp resampler"),
    Way("last", SEQUENCE, "take_last last_step return_last"),
    Way("reverse", SEQUENCE, "flip reverse_sequence ReverseSequence fliplr"),
    Way("tokens", IMAGE, "flatten_patches img2seq"),
    Way("conv(64, 8, stride=8) -> tokens", IMAGE, "PatchEmbed patch_embedding patchify patch_embed"),
    # blocks
    Way("squeeze_excite(4)", IMAGE, "se SELayer SqueezeExcitation SqueezeExcite se_block SEModule"),
    Way("residual(conv(16, 3, pad=1))", IMAGE, "skip_connection shortcut_connection res residual_connection"),
)

LIBRARY: dict[str, str] = {
    "encoder_layer": "TransformerEncoderLayer transformer_encoder TransformerEncoder transformer_block encoder_block",
    "bottleneck": "bottleneck_block BottleneckBlock ResNetBottleneck",
    "basic": "BasicBlock basic_block residual_block ResBlock ResidualBlock resnet_block",
    "preactivation": "PreActBlock preact_block pre_activation",
    "inverted_residual": "InvertedResidual mbconv MBConv inverted_bottleneck",
    "inception": "InceptionModule inception_block inception_module",
    "pyramid": "PyramidPooling PPM psp_module pyramid_pooling",
    "aspp": "ASPPModule atrous_spatial_pyramid_pooling",
    "lstm_cell": "LSTMCell",
    "gru_cell": "GRUCell",
    "conv_lstm_cell": "ConvLSTM ConvLSTM2D convlstm_cell ConvLSTMCell",
    "focal": "focal_loss FocalLoss",
    "binary_focal": "sigmoid_focal_loss BinaryFocalLoss",
    "dice": "DiceLoss dice_loss SoftDiceLoss",
    "tversky": "TverskyLoss tversky_loss",
    "lovasz_softmax": "LovaszLoss LovaszSoftmax lovasz_loss",
    "lovasz_hinge": "LovaszHinge LovaszHingeLoss",
    "ohem_cross_entropy": "ohem OhemCrossEntropy OhemCELoss",
    "contrast": "info_nce InfoNCE NTXent NTXentLoss",
}
"""Blocks of the standard library that a `use` row asks for, with what they are called elsewhere."""
LOSSES = (
    "focal", "binary_focal", "dice", "tversky", "lovasz_softmax", "lovasz_hinge", "ohem_cross_entropy",
    "balanced_cross_entropy", "contrast",
)  # fmt: skip
"""Those of `std.losses`."""
