"""Any network of timm that has spatial features (Wightman: "PyTorch Image Models", 2019)."""

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
"""Arguments by which timm's transformers take images of any size."""

INSTEAD: Mapping[str, str] = {
    "checkpoint_path": "write  pretrained: PATH",
    "features_only": "leave it out: maps are all that is taken",
    "in_chans": "leave it out: the dataset says how many channels there are",
    "out_indices": "write it beside model_args",
    "output_stride": "write it beside model_args",
    "pretrained_cfg": "write  pretrained: PATH  and  normalization: {…}",
    "pretrained": "write it beside model_args",
}
"""What is not left to ``model_args``, and what is meant by it. The first that begins a name counts:
all of timm's ``pretrained_…`` are about weights, which are no part of a network."""


class TimmBackbone(PretrainedBackbone):
    """The feature maps of a network of timm, from fine to coarse.

    ``model``: timm's name; with a tag (``resnet50.a1_in1k``) it means particular weights.
    ``out_indices``: which of its maps; by default timm's choice, for most networks one a stride.
    ``output_stride``: strides beyond it are taken out, later filters spread apart. Where layers
    that look at whole maps forbid it, timm's own dilation is taken, if it offers one: its scores
    are not quite those of the coarse network.
    ``model_args``: further arguments of the network, as timm has them, none of `INSTEAD`.
    ``pretrained``: timm's weights, none, or a file.
    ``input_channels``: how the filters of channels beyond the three colors start.
    ``normalization``: what the weights of a file expect that does not say so itself.

    Raises: PluxelError if timm has no such network, or the network no such features or arguments.
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
        """Let timm dilate the network if nothing exact can be done, and say so."""
        try:
            return super().without_strides(in_channels, output_stride)
        except NotEquivariant as error:
            dilated = _dilated(self.variant, self.arguments, in_channels, output_stride)
            if dilated is None:
                raise
            log_once(
                logging.WARNING,
                f"{self.variant}: strides are taken out by timm, which gives another function than "
                f"the weights were trained for ({error})",
            )
            self.net = dilated
            return None

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps that timm gives, channels first."""
        maps = self.net(image)
        return [one.permute(0, 3, 1, 2) if self.channels_last else one for one in maps]

    def load_usual(self) -> LoadReport:
        """Load timm's weights, converted by timm where a network asks for it."""
        overlay = {"file": str(self._usual_file())}
        arguments = self.arguments | {"pretrained": True, "pretrained_cfg_overlay": overlay}
        source = _create(self.variant, arguments, in_channels=len(self.usual.mean))
        return self.load_state({f"net.{k}": value for k, value in source.state_dict().items()})

    def own_names(self, state: StateDict) -> StateDict:
        """Accept the names of the whole network.

        timm's feature extractors prefix them, or flatten stages: ``stages.0`` becomes ``stages_0``.
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
    known = timm.list_models(f"{architecture}.*", pretrained=True)
    if tag and model not in known:
        raise _unknown(model, model, known)


def _check_arguments(model_args: Mapping[str, Any]) -> None:
    for name in model_args:
        for refused, instead in INSTEAD.items():
            if name.startswith(refused):
                raise PluxelError(f"model_args cannot set {name!r}; {instead}")


def _unknown(model: str, word: str, known: Sequence[str]) -> PluxelError:
    near = suggest(word, known)
    hint = f"Did you mean {near!r}?" if near else "timm.list_models() has them all"
    return PluxelError(f"timm has no model {model!r}. {hint}")


def _create(model: str, arguments: Mapping[str, Any], in_channels: int) -> nn.Module:
    """Create a feature extractor, or say which argument stood in the way.

    timm's errors have no common type: a network that cannot do a thing asserts, or raises anything.
    """
    try:
        return timm.create_model(model, features_only=True, in_chans=in_channels, **arguments)
    except Exception as error:
        named = [name for name in arguments if name in str(error)]
        if not named and isinstance(error, AssertionError | IndexError):
            named = [name for name in ("out_indices", "output_stride") if name in arguments]
        problem = f"does not take this {', '.join(named)}" if named else "has no usable features"
        reason = f"{type(error).__name__}: {error}"
        raise PluxelError(f"timm's model {model!r} {problem}", [reason]) from error


def _dilated(
    model: str, arguments: Mapping[str, Any], in_channels: int, output_stride: int
) -> nn.Module | None:
    """Return the network with an output stride that timm gives it; None where it does not."""
    try:
        net = _create(model, {**arguments, "output_stride": output_stride}, in_channels)
    except PluxelError:
        return None
    # Some take the argument and leave it at that.
    return net if max(net.feature_info.reduction()) == output_stride else None  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]


def _any_size(model: str) -> dict[str, bool]:
    """Return those of the ``ANY_SIZE`` arguments that the network's class has."""
    with torch.device("meta"):
        try:
            accepted = inspect.signature(type(timm.create_model(model))).parameters
        except Exception:  # noqa: BLE001 - ``_create`` will meet it again, and say so
            return {}
    return {name: value for name, value in ANY_SIZE.items() if name in accepted}


def _bare(name: str) -> str:
    return name.removeprefix("net.").removeprefix("model.").replace(".", "_")
