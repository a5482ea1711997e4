"""Any timm network with spatial features (Wightman: "PyTorch Image Models", 2019)."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import timm
import torch
from pydantic import Field
from torch import Tensor, nn

from ...core import Normalization
from ...core.authoring import (
    WEIGHTS_FILES,
    Dilation,
    InputChannels,
    LoadReport,
    NotEquivariant,
    OutputStride,
    Pretrained,
    PretrainedBackbone,
    StateDict,
    hub_file,
    log_once,
    url_file,
)
from ...registry import PluxelError, suggest

ANY_SIZE: Mapping[str, bool] = {"dynamic_img_size": True, "strict_img_size": False}
"""Arguments that make timm's transformers accept images of any size."""

INSTEAD: Mapping[str, str] = {
    "checkpoint_path": "use  pretrained: PATH",
    "features_only": "omit it: the backbone always returns maps",
    "in_chans": "omit it: the dataset determines the number of channels",
    "out_indices": "set it next to model_args",
    "output_stride": "set it next to model_args",
    "pretrained_cfg": "use  pretrained: PATH  and  normalization: {…}",
    "pretrained": "set it next to model_args",
}
"""Arguments that ``model_args`` does not accept -> what to do instead. The first key that starts an
argument's name applies: all of timm's ``pretrained_…`` concern weights, not the network."""


class TimmBackbone(PretrainedBackbone):
    """The feature maps of a timm network, from fine to coarse.

    ``model``: timm's name; a tag (``resnet50.a1_in1k``) selects particular weights.
    ``out_indices``: which maps to return; by default timm's choice, for most networks one per
    stride.
    ``output_stride``: larger strides are removed, and later filters dilated. If layers that depend
    on whole maps prevent this, use timm's own dilation if there is one; its scores differ slightly
    from those of the coarse network.
    ``model_args``: further arguments of the timm network, except those in `INSTEAD`.
    ``pretrained``: timm's weights, none, or a file.
    ``input_channels``: initialization of filters for channels beyond the three colors.
    ``normalization``: expected by the weights, for files that do not contain it.

    Raises: PluxelError if timm does not have the network, or the network does not have the features
    or arguments.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        model: str,
        out_indices: Annotated[tuple[int, ...], Field(min_length=1)] | None = None,
        output_stride: OutputStride = None,
        model_args: dict[str, Any] = {},  # noqa: B006 - the schema's default; never written to
        pretrained: Pretrained = False,
        input_channels: InputChannels = "mean",
        normalization: Normalization | None = None,
    ) -> None:
        super().__init__()
        _check_known(model)
        _check_arguments(model_args)
        self.variant = model
        chosen = {} if out_indices is None else {"out_indices": out_indices}
        self.arguments = _any_size(model) | model_args | chosen
        self.net = _create(model, self.arguments, in_channels)
        self.channels_last = str(getattr(self.net, "output_fmt", "NCHW")).endswith("NHWC")
        config = timm.get_pretrained_cfg(model)
        usual = Normalization(mean=config.mean, std=config.std) if config else Normalization()
        self.finish(
            in_channels,
            self.net.feature_info.module_name(),  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
            pretrained=pretrained,
            input_channels=input_channels,
            normalization=normalization,
            usual=usual,
            output_stride=output_stride,
        )

    def without_strides(self, in_channels: int, output_stride: int) -> Dilation | None:
        """Let timm dilate the network, with a warning, if exact dilation is not possible."""
        try:
            return super().without_strides(in_channels, output_stride)
        except NotEquivariant as error:
            dilated = _dilated(self.variant, self.arguments, in_channels, output_stride)
            if dilated is None:
                raise
            log_once(
                logging.WARNING,
                f"{self.variant}: timm removes the strides, which changes the function that the "
                f"weights were trained for ({error})",
            )
            self.net = dilated
            return None

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return timm's maps, channels first."""
        maps = self.net(image)
        return [one.permute(0, 3, 1, 2) if self.channels_last else one for one in maps]

    def load_usual(self) -> LoadReport:
        """Load timm's weights; timm converts them if the network requires it."""
        overlay = {"file": str(self._usual_file())}
        arguments = self.arguments | {"pretrained": True, "pretrained_cfg_overlay": overlay}
        source = _create(self.variant, arguments, in_channels=len(self.usual.mean))
        return self.load_state({f"net.{k}": value for k, value in source.state_dict().items()})

    def own_names(self, state: StateDict) -> StateDict:
        """Accept the names of the whole network.

        timm's feature extractors add a prefix or flatten stages: ``stages.0`` becomes ``stages_0``.
        """
        own = {_bare(name): name for name in self.state_dict()}
        return {own.get(_bare(name), name): value for name, value in state.items()}

    def _usual_file(self) -> Path:
        config = timm.get_pretrained_cfg(self.variant)
        if config is not None and config.hf_hub_id:
            names = [config.hf_hub_filename] if config.hf_hub_filename else WEIGHTS_FILES
            return hub_file(config.hf_hub_id, names, self.usual)
        if config is not None and isinstance(config.url, str) and config.url:
            return url_file(config.url, self.usual)
        tagged = timm.list_pretrained(self.variant.split(".")[0] + "*")
        hint = f"; it has some for {', '.join(tagged[:5])}" if tagged else ""
        raise PluxelError(f"timm has no weights for {self.variant!r}{hint}")


def _check_known(model: str) -> None:
    architecture, _, tag = model.partition(".")
    if not timm.is_model(model):
        raise _unknown(model, architecture, timm.list_models())
    tagged = timm.list_models(f"{architecture}.*", pretrained=True)
    if tag and model not in tagged:
        raise _unknown(model, model, tagged)


def _check_arguments(model_args: Mapping[str, Any]) -> None:
    for name in model_args:
        for refused, instead in INSTEAD.items():
            if name.startswith(refused):
                raise PluxelError(f"model_args cannot set {name!r}; {instead}")


def _unknown(model: str, word: str, known: Sequence[str]) -> PluxelError:
    near = suggest(word, known)
    hint = f"Did you mean {near!r}?" if near else "timm.list_models() lists all models"
    return PluxelError(f"timm has no model {model!r}. {hint}")


def _create(model: str, arguments: Mapping[str, Any], in_channels: int) -> nn.Module:
    """Create a feature extractor, or raise PluxelError with the argument that it rejects.

    timm's errors have no common type: networks fail assertions or raise other exceptions.
    """
    try:
        return timm.create_model(model, features_only=True, in_chans=in_channels, **arguments)
    except Exception as error:
        named = [name for name in arguments if name in str(error)]
        if not named and isinstance(error, AssertionError | IndexError):
            named = [name for name in ("out_indices", "output_stride") if name in arguments]
        problem = f"does not accept this {', '.join(named)}" if named else "has no usable features"
        reason = f"{type(error).__name__}: {error}"
        raise PluxelError(f"timm's model {model!r} {problem}", [reason]) from error


def _dilated(
    model: str, arguments: Mapping[str, Any], in_channels: int, output_stride: int
) -> nn.Module | None:
    """Return the network with timm's own output stride; None if timm does not support it."""
    try:
        net = _create(model, {**arguments, "output_stride": output_stride}, in_channels)
    except PluxelError:
        return None
    # Some networks accept the argument and ignore it.
    return net if max(net.feature_info.reduction()) == output_stride else None  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]


def _any_size(model: str) -> dict[str, bool]:
    """Return the ``ANY_SIZE`` arguments that the network's class accepts."""
    with torch.device("meta"):
        try:
            accepted = inspect.signature(type(timm.create_model(model))).parameters
        except Exception:  # noqa: BLE001 - ``_create`` will raise it again, and report it
            return {}
    return {name: value for name, value in ANY_SIZE.items() if name in accepted}


def _bare(name: str) -> str:
    return name.removeprefix("net.").removeprefix("model.").replace(".", "_")
