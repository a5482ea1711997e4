"""Read a model of segmentation_models.pytorch, and say which network here computes the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....registry import PluxelError, suggest
from .foreign import State
from .smp_heads import HEADS, ForeignHead, options_here, tensors_here

RESNETS = {
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnext50_32x4d", "resnext101_32x8d", "resnext101_32x16d", "resnext101_32x32d"),
}
VGGS = {f"vgg{depth}{suffix}" for depth in (11, 13, 16, 19) for suffix in ("", "_bn")}
RENAMED = ("timm-regnet", "timm-res2", "timm-resnest", "timm-mobilenetv3", "timm-gernet")
"""Beginnings of former names of encoders that are timm's networks."""

NORMS = {"batchnorm": "batch", True: "batch", "identity": "none", False: "none"}
READ = (
    *("encoder_name", "encoder_depth", "encoder_output_stride", "encoder_weights", "in_channels"),
    *("classes", "activation", "aux_params", "upsampling", "decoder_use_norm"),
    *("decoder_use_batchnorm", "decoder_interpolation"),
)
"""Options of all models there. Others are options of one decoder, or arguments of timm."""


@dataclass(frozen=True)
class SMPModel:
    """A model of segmentation_models.pytorch.

    ``file``: of its weights. ``name``: of its class. ``config``: its arguments; those that are
    missing have their defaults. ``state``: its tensors.

    Raises: PluxelError for another model.
    """

    file: Path
    name: str
    config: Mapping[str, Any]
    state: State

    def __post_init__(self) -> None:
        if self.name not in HEADS:
            near = suggest(self.name, [*HEADS])
            hint = f"Did you mean {near!r}?" if near else f"Known are {', '.join(HEADS)}"
            raise PluxelError(f"{self.file}: unknown model {self.name!r}. {hint}")
        if "segmentation_head.0.bias" not in self.state:
            raise PluxelError(
                f"{self.file} is not a model of segmentation_models.pytorch: it has no "
                "segmentation_head.0.bias"
            )

    def __str__(self) -> str:
        return f"{self.name} on {self.encoder}"

    @property
    def head(self) -> ForeignHead:
        """What the decoder is here."""
        return HEADS[self.name]

    @property
    def encoder(self) -> str:
        """The name of the encoder; that of timm's networks begins with ``tu-``."""
        name = str(self.config.get("encoder_name", "resnet34"))
        if name.startswith(RENAMED):
            return "tu-" + ("tf_" if "mobilenetv3" in name else "") + name.removeprefix("timm-")
        return name

    @property
    def depth(self) -> int:
        """How often the encoder halves the image."""
        return self.config.get("encoder_depth") or self.head.encoder_depth

    @property
    def output_stride(self) -> int | None:
        """The stride of the last map, if it is less than usual."""
        stride = self.config.get("encoder_output_stride") or self.head.output_stride
        return stride if stride and stride < 2**self.depth else None

    @property
    def num_classes(self) -> int:
        """How many classes are scored; a model of one logit has two."""
        return max(2, len(self.state["segmentation_head.0.bias"]))

    @property
    def in_channels(self) -> int:
        """How many channels images have."""
        return int(self.config.get("in_channels", 3))

    def notes(self) -> Iterator[str]:
        """Yield what the run does not do as the model."""
        if activation := self.config.get("activation"):
            yield f"the activation {activation!r} is left out: a run predicts from scores"
        if self.config.get("aux_params"):
            yield "the classification head is left out"

    def decoder(self) -> dict[str, Any]:
        """Return the section ``decoder``. Raises: PluxelError for an option that none here has."""
        section = options_here(self.name, self.config)
        norm = self.config.get("decoder_use_norm", self.config.get("decoder_use_batchnorm", True))
        if isinstance(norm, dict) or norm not in NORMS:
            raise self._refusal(f"decoder_use_norm={norm!r}: known are 'batchnorm' and 'identity'")
        if self.name in ("Unet", "UnetPlusPlus", "Linknet", "PSPNet"):
            section["norm"] = NORMS[norm]
        elif NORMS[norm] != "batch":
            raise self._refusal(f"decoder_use_norm={norm!r}: known is 'batchnorm'")
        if self.name == "Unet" and "decoder.center.0.0.weight" in self.state:
            section["center"] = True
        if self.name == "Linknet":
            section["steps"] = self.depth
        return section

    def backbones(self) -> Iterator[dict[str, Any]]:
        """Yield sections ``backbone``; it is the one whose deepest map has ``stride``.

        Raises: PluxelError for an encoder that no backbone here is equal to.
        """
        model = self.encoder.removeprefix("tu-")
        section: dict[str, Any] = {"type": "timm", "model": model, "pretrained": False}
        if self.encoder == model and model not in RESNETS | VGGS:
            raise self._refusal(
                f"the encoder {model!r}: known are those whose names begin with tu-, and resnet, "
                "resnext and vgg"
            )
        if self.output_stride:
            if self.encoder == model:
                raise self._refusal(
                    f"the encoder {model!r} at output stride {self.output_stride}: it dilates the "
                    f"first convolution of a stage as well; 'tu-{model}' does not"
                )
            section["output_stride"] = self.output_stride
        known = {*READ, *self.head.options}
        arguments = {
            name: value
            for name, value in self.config.items()
            if name not in known and not name.startswith("_") and value is not None
        }
        if arguments:
            section["model_args"] = arguments
        if self.depth == 5 and model not in VGGS:
            yield section
            return
        # Maps of the image's own size are left out; some networks begin at stride 4.
        for first, last in ((1, self.depth + 1), (0, self.depth), (0, self.depth - 1)):
            yield section | {"out_indices": [*range(first, last)]}

    @property
    def stride(self) -> int:
        """The stride of the deepest map."""
        return self.output_stride or 2**self.depth

    def encoder_tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the encoder."""
        found = {k: v for k, v in self.state.items() if k.startswith("encoder.")}
        return {name.removeprefix("encoder.").removeprefix("model."): found[name] for name in found}

    def decoder_tensors(self, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors of the decoder here, by name. ``wanted``: those that it has."""
        ends = ("encoder.", "classification_head.")
        rest = {name: value for name, value in self.state.items() if not name.startswith(ends)}
        found = tensors_here(self.name, rest, wanted)
        for name in ("score.weight", "score.bias"):
            if len(found[name]) == 1:
                # The sigmoid of s is the softmax of 0 and s.
                found[name] = torch.cat([torch.zeros_like(found[name]), found[name]])
        return found

    def check_upsampling(self, stride: float) -> None:
        """Raise PluxelError unless the model upsamples scores of this stride to the image."""
        given = self.config.get("upsampling")
        if given is not None and given != stride:
            raise self._refusal(
                f"upsampling={given}: its scores have stride {stride:g}, so its masks do not have "
                "the size of the image"
            )

    def _refusal(self, what: str) -> PluxelError:
        return PluxelError(f"{self.file}: {self.name} cannot be imported with {what}")
