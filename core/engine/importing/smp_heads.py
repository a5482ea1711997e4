"""The decoders of segmentation_models.pytorch: their options and tensors, and those here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

Renaming = Sequence[tuple[str, str]]
"""Pattern of a name there -> the name here, both without ``decoder.``."""

ATTENTION: Renaming = (
    (r"(attention\d)\.attention\.cSE\.", r"\1.channel."),
    (r"(attention\d)\.attention\.sSE\.", r"\1.spatial."),
)


def _mean(aspp: str) -> Renaming:
    """Return the names of the view of the mean, in which pooling is a layer of its own there."""
    return (
        (rf"^{aspp}\.convs\.4\.1\.", "aspp.convs.4.0."),
        (rf"^{aspp}\.convs\.4\.2\.", "aspp.convs.4.1."),
    )


@dataclass(frozen=True)
class ForeignHead:
    """A decoder of segmentation_models.pytorch: its name here, its options, and its tensors.

    ``options``: of the model there -> of the decoder here. ``renaming``: the first pattern that
    matches counts. ``unused``: pattern of tensors that the network there does not use.
    ``encoder_depth``: how many maps the model has by default. ``output_stride``: likewise.
    """

    decoder: str
    options: Mapping[str, str] = field(default_factory=dict)
    renaming: Renaming = ()
    unused: str = "$."
    encoder_depth: int = 5
    output_stride: int | None = None

    def name_here(self, name: str) -> str | None:
        """Return the name of a tensor in the decoder here; None if it is not used."""
        if name.startswith("segmentation_head."):
            return name.replace("segmentation_head.0.", "score.")
        name = name.removeprefix("decoder.")
        if re.match(self.unused, name):
            return None
        for pattern, replacement in self.renaming:
            if re.search(pattern, name):
                return re.sub(pattern, replacement, name)
        return name


_UNET = {"decoder_channels": "channels", "decoder_attention_type": "attention"}
_DEEPLAB = {
    "decoder_channels": "channels",
    "decoder_atrous_rates": "atrous_rates",
    "decoder_aspp_separable": "aspp_separable",
    "decoder_aspp_dropout": "aspp_dropout",
}
HEADS: Mapping[str, ForeignHead] = {
    "Unet": ForeignHead("unet", _UNET, ATTENTION),
    # The center is never called there.
    "UnetPlusPlus": ForeignHead("unetplusplus", _UNET, ATTENTION, r"center\."),
    "Linknet": ForeignHead("linknet", renaming=[(r"^(blocks\.\d)\.block\.", r"\1.")]),
    "FPN": ForeignHead(
        "fpn",
        {
            "decoder_pyramid_channels": "pyramid_channels",
            "decoder_segmentation_channels": "segmentation_channels",
            "decoder_merge_policy": "merge_policy",
            "decoder_dropout": "dropout",
        },
        [
            (r"^p5\.", "laterals.0."),
            (r"^p4\.skip_conv\.", "laterals.1."),
            (r"^p3\.skip_conv\.", "laterals.2."),
            (r"^p2\.skip_conv\.", "laterals.3."),
            (r"^seg_blocks\.(\d)\.block\.(\d)\.block\.", r"levels.\1.\2."),
        ],
    ),
    "PSPNet": ForeignHead(
        "pspnet",
        {"psp_out_channels": "out_channels", "psp_dropout": "dropout"},
        [(r"^(psp\.blocks\.\d)\.pool\.1\.", r"\1.")],
        encoder_depth=3,
    ),
    "DeepLabV3": ForeignHead(
        "deeplabv3",
        _DEEPLAB,
        [(r"^conv\.", "conv.0."), (r"^bn\.", "conv.1."), *_mean("aspp")],
        output_stride=8,
    ),
    "DeepLabV3Plus": ForeignHead(
        "deeplabv3plus",
        _DEEPLAB,
        [
            (r"^aspp\.1\.", "smooth.0."),
            (r"^aspp\.2\.", "smooth.1."),
            *_mean(r"aspp\.0"),
            (r"^aspp\.0\.", "aspp."),
        ],
        output_stride=16,
    ),
    "UPerNet": ForeignHead(
        "upernet",
        {"decoder_channels": "channels"},
        [
            # From fine to coarse there.
            *((rf"^feature_norms\.{3 - level}\.", f"feature_norms.{level}.") for level in range(4)),
            (r"^(psp\.blocks\.\d)\.1\.", r"\1."),
            (r"^psp\.out_conv\.", "out_conv."),
            (r"^fpn_lateral_blocks\.(\d)\.conv_norm_relu\.", r"laterals.\1."),
            (r"^fpn_conv_blocks\.", "smooth."),
            (r"^fusion_block\.", "fusion."),
        ],
    ),
    "Segformer": ForeignHead(
        "segformer",
        {"decoder_segmentation_channels": "segmentation_channels"},
        [(r"^(mlp_stage\.\d)\.linear\.", r"\1.")],
    ),
}
"""The name of a model there -> what it is here."""


def options_here(model: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the decoder here, for the configuration of a ``model`` there."""
    head = HEADS[model]
    options = {here: config[there] for there, here in head.options.items() if there in config}
    bilinear = config.get("decoder_interpolation") == "bilinear"
    return {"type": head.decoder, **options, "resampling": "smp-bilinear" if bilinear else "smp"}


def tensors_here(
    model: str, state: Mapping[str, Tensor], wanted: Iterable[str]
) -> dict[str, Tensor]:
    """Return the tensors of the decoder here, by their names; those that nothing uses are left out.

    ``state``: of the model there, without its encoder. ``wanted``: the names here.
    """
    names, found = {*wanted}, {}
    for there, value in state.items():
        here = HEADS[model].name_here(there)
        # The attention of a step without a skip is never called there.
        if here is None or (".attention1." in here and here not in names):
            continue
        is_linear = model == "Segformer" and value.ndim == 2
        found[here] = value[:, :, None, None] if is_linear else value
    return found
