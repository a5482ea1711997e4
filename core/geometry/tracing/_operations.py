"""The rule for each operation of the dispatcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import _layers as layers
from . import _layout as layout
from ._call import Rule

_RULES: Sequence[tuple[Rule, str]] = (
    (
        layout.keep,
        "alias alpha_dropout batch_norm clone contiguous cudnn_batch_norm detach dropout dropout_ "
        "feature_dropout hardswish hardswish_ lift_fresh native_batch_norm native_dropout to "
        "_native_batch_norm_legit_no_training _to_copy",
    ),
    (layout.elementwise, "prelu"),
    (
        layout.view,
        "flatten reshape reshape_as squeeze squeeze_ unflatten unsqueeze unsqueeze_ view view_as "
        "_reshape_alias _unsafe_view",
    ),
    (layout.expand, "expand expand_as"),
    (layout.permute, "permute"),
    (layout.transpose, "swapaxes swapdims t transpose"),
    (layout.slice_, "slice"),
    (layout.take, "chunk select split split_with_sizes tensor_split unbind"),
    (layout.cat, "cat concat"),
    (layout.stack, "stack"),
    (layout.pixel_unshuffle, "pixel_unshuffle"),
    (layout.roll, "roll"),
    (
        layers.convolution,
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution",
    ),
    (
        layers.pool,
        "avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool2d_with_indices max_pool3d "
        "max_pool3d_with_indices",
    ),
    (layers.adaptive_pool, "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d"),
    (
        layers.pad,
        "constant_pad_nd pad reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d",
    ),
    (layers.upsample(taps=1), "upsample_nearest2d _upsample_nearest_exact2d"),
    (layers.upsample(taps=2), "upsample_bilinear2d"),
    (layers.upsample(taps=4), "upsample_bicubic2d"),
    (layers.resample, "resample"),
    (
        layers.reduce,
        "amax amin linalg_vector_norm logsumexp max mean min norm prod std std_mean sum var "
        "var_mean",
    ),
    (
        layers.normalize_along,
        "layer_norm log_softmax native_layer_norm softmax _log_softmax _softmax",
    ),
    (layers.normalize_maps, "group_norm instance_norm native_group_norm"),
    (layers.linear, "linear"),
    (layers.matmul, "bmm matmul mm"),
    (layers.attention, "scaled_dot_product_attention"),
)

OPERATIONS: Mapping[str, Rule] = {name: rule for rule, names in _RULES for name in names.split()}
"""Name of an operation, without its overload -> the rule for its positions."""
