"""Any network of timm that has spatial features (Wightman: "PyTorch Image Models", 2019)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from ...core.measuring import measure
from ...core.normalisation import Normalisation
from ...core.weights import InputChannels, LoadReport, State
from ...registry import PluxelError, suggest
from ._pretrained import file_normalisation, hub_file, load_file, load_state, url_file

ANY_SIZE: Mapping[str, bool] = {"dynamic_img_size": True, "strict_img_size": False}
"""Arguments by which timm's transformers accept images of any size."""


class TimmBackbone(nn.Module):
    """The feature maps of a network of timm, from fine to coarse.

    ``model``: timm's name, with a tag for particular weights (``resnet50.a1_in1k``).
    ``out_indices``: which of its maps; by default those that timm thinks best, usually one a stride.
    ``output_stride``: dilate instead of going below it, where the network can.
    ``model_args``: further arguments of the model, as timm has them.
    ``pretrained``: timm's weights, none, or a file. ``input_channels``: how the filters of channels
    beyond the three colours start. ``normalisation``: what a file without it was trained with.

    Raises: PluxelError if timm has no such model, or the model has no such features or arguments.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        model: str,
        out_indices: tuple[int, ...] | None = None,
        output_stride: Literal[4, 8, 16, 32] | None = None,
        model_args: dict[str, Any] = {},  # noqa: B006 - a default for the schema; never written to
        pretrained: bool | Path = False,
        input_channels: InputChannels = "mean",
        normalisation: Normalisation | None = None,
    ) -> None:
        super().__init__()
        if not timm.is_model(model):
            near = suggest(model, timm.list_models())
            hint = f" Did you mean {near!r}?" if near else " See timm.list_models()."
            raise PluxelError(f"timm has no model {model!r}.{hint}")
        self.variant = model
        self.pretrained = pretrained
        self._input = (in_channels, input_channels)
        chosen = {"out_indices": out_indices, "output_stride": output_stride}
        self._arguments = model_args | {k: v for k, v in chosen.items() if v is not None}
        self._arguments = _any_size(model) | self._arguments
        self.net = _create(model, self._arguments, in_channels)
        self._channels_last = str(getattr(self.net, "output_fmt", "NCHW")).endswith("NHWC")
        config = timm.get_pretrained_cfg(model)
        self._usual = Normalisation(mean=config.mean, std=config.std) if config else Normalisation()
        self._given = normalisation
        self.normalisation = normalisation or self._usual
        measured = measure(self, in_channels, self.net.feature_info.module_name())  # pyright: ignore
        self.feature_specs = measured.specs
        self.pad_multiple, self.minimum_size = measured.pad_multiple, measured.minimum_size
        self._check_stride(output_stride)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (N, in_channels, H, W), normalised; returns maps (N, channels, h, w)."""
        maps = self.net(image)
        return [one.permute(0, 3, 1, 2) if self._channels_last else one for one in maps]

    def load_pretrained(self) -> LoadReport | None:
        """Load what ``pretrained`` names, and adopt the normalisation that belongs to it."""
        if self.pretrained is False:
            return None
        if isinstance(self.pretrained, Path):
            self.normalisation = file_normalisation(self.pretrained, self._given, self._usual)
            return load_file(self, self.pretrained, *self._input, self._own_names)
        overlay = {"file": str(self._cached_file())}
        arguments = self._arguments | {"pretrained": True, "pretrained_cfg_overlay": overlay}
        source = _create(self.variant, arguments, in_channels=3)
        return load_state(self.net, source.state_dict(), *self._input)

    def _cached_file(self) -> Path:
        config = timm.get_pretrained_cfg(self.variant)
        if config is not None and config.hf_hub_id:
            names = [config.hf_hub_filename or "model.safetensors", "pytorch_model.bin"]
            return hub_file(config.hf_hub_id, names, self._usual)
        if config is not None and config.url:
            return url_file(config.url, self._usual)
        tagged = timm.list_pretrained(self.variant.split(".")[0] + "*")
        hint = f"; it has some for {', '.join(tagged[:5])}" if tagged else ""
        raise PluxelError(f"timm has no weights for {self.variant!r}{hint}")

    def _own_names(self, state: State) -> State:
        """Rename the weights of the whole network to those of its feature extractor.

        timm's extractors prefix names, and flatten stages: ``stages.0`` becomes ``stages_0``.
        """
        own = {_bare(name): name for name in self.state_dict()}
        return {own.get(_bare(name), name): value for name, value in state.items()}

    def _check_stride(self, output_stride: int | None) -> None:
        largest = max(max(spec.grid.stride) for spec in self.feature_specs)
        if output_stride is not None and largest != output_stride:
            raise PluxelError(
                f"timm's {self.variant!r} ignores output_stride: its coarsest map has stride {largest}"
            )


def _create(model: str, arguments: Mapping[str, Any], in_channels: int) -> nn.Module:
    """Create a feature extractor, or say which argument stood in the way.

    timm's errors have no common type: a model that cannot do something asserts, or raises anything.
    """
    try:
        return timm.create_model(model, features_only=True, in_chans=in_channels, **arguments)
    except Exception as error:
        named = [name for name in arguments if name in str(error) and name not in ANY_SIZE]
        if not named and isinstance(error, AssertionError) and "output_stride" in arguments:
            named = ["output_stride"]
        what = f"takes no {', '.join(named)} like this" if named else "cannot be built for its features"
        reason = f"{type(error).__name__}: {error}".strip(" :")
        raise PluxelError(f"timm's model {model!r} {what}", [reason]) from error


def _any_size(model: str) -> dict[str, bool]:
    """Return those of the ``ANY_SIZE`` arguments that the model's class has."""
    with torch.device("meta"):
        accepted = inspect.signature(type(timm.create_model(model))).parameters
    return {name: value for name, value in ANY_SIZE.items() if name in accepted}


def _bare(name: str) -> str:
    return name.removeprefix("net.").removeprefix("model.").replace(".", "_")
