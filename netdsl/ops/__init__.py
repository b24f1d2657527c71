"""Facts about every operation, which `REGISTRY` finds by the word for it in a text.

The modules are read when a word of theirs is first asked for: a report needs ten of the hundred operations.
"""

from netdsl.ops.base import INTERNAL, REGISTRY

__all__ = ["INTERNAL", "REGISTRY"]

REGISTRY.found_in(
    {
        "shape": "concat stack split flatten reshape transpose tokens squeeze unsqueeze",
        "arithmetic": "add mul sub div power minimum maximum exp log sqrt sin cos abs neg clamp matmul",
        "reduce": "mean variance sum reduce_max reduce_min cumsum argmax one_hot",
        "activation": "identity detach relu leaky_relu prelu relu6 elu gelu silu hardswish sigmoid hardsigmoid tanh "
        "softplus softmax log_softmax",
        "attention": "attention multihead_attention",
        "compare": "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not where",
        "value": "constant free_param per_sample",
        "conv": "conv conv_transpose locally_connected",
        "cut": "slice crop pad roll",
        "loss": "cross_entropy nll binary_cross_entropy binary_cross_entropy_with_logits mse l1 huber smooth_l1 hinge "
        "multi_margin",
        "metric": "accuracy pixel_accuracy top_k_accuracy perplexity",
        "deviation": "mae rmse r2",
        "dropout": "dropout spatial_dropout dropout2d drop_path",
        "linear": "linear embedding gather scatter_add",
        "noise": "noise",
        "normalize": "batchnorm bn layernorm rmsnorm normalize groupnorm instancenorm lrn",
        "pool": "maxpool avgpool adaptive_avgpool adaptive_maxpool global_avgpool global_maxpool",
        "tally": "mean_accuracy miou mdice precision recall f1 iou",
        "ranking": "auc average_precision",
        "recurrent": "rnn lstm gru last reverse",
        "resize": "resize unpool max_unpool pixel_shuffle pixel_unshuffle",
        "sample": "grid grid_sample",
        "sort": "top_k sort",
        "whole": "floor_div remainder floor ceil round to",
    }
)
INTERNAL.found_in(
    {
        "value": "weight_of batch_of_one only_one into_batch out_of_batch all_samples each_sample by_phase",
        "const": "const",
        "step": "squared_norm correction select finite both rescale batch_mean",
        "loss": "cross_entropy_gradient nll_gradient counted",
        "weighed": "linear_with conv_with",
    }
)
