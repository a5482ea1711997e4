"""What the backbones made of timm networks share (Wightman: "PyTorch Image Models", 2019)."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from ...core import Normalization
from ...core.authoring import (
    WEIGHTS_FILES,
    LoadReport,
    PretrainedBackbone,
    StateDict,
    hub_file,
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


class TimmNetwork(PretrainedBackbone):
    """A backbone whose layers are a feature extractor of timm, and timm's weights for it.

    A constructor calls ``create``, then ``finish``.
    """

    def create(self, in_channels: int, model: str, arguments: Mapping[str, Any]) -> None:
        """Create the network, for images of any size if timm can.

        Raises: PluxelError if timm does not have the network, or the network does not have the
        features or arguments.
        """
        check_known(model)
        self.variant = model
        self.arguments = any_size(model) | dict(arguments)
        self.net = create(model, self.arguments, in_channels)
        self.channels_last = str(getattr(self.net, "output_fmt", "NCHW")).endswith("NHWC")

    @property
    def timms_normalization(self) -> Normalization:
        """The normalization of timm's weights."""
        config = timm.get_pretrained_cfg(self.variant)
        return Normalization(mean=config.mean, std=config.std) if config else Normalization()

    @classmethod
    def model_families(cls) -> Mapping[str, Sequence[str]]:
        """Return the name of every timm network, by the timm module that defines it."""
        return timm_families(timm.list_models())

    @classmethod
    def model_library(cls) -> str:
        """Return timm's version."""
        return f"timm {timm.__version__}"

    def timms_maps(self, image: Tensor) -> list[Tensor]:
        """Return timm's maps, channels first."""
        maps = self.net(image)
        return [one.permute(0, 3, 1, 2) if self.channels_last else one for one in maps]

    def load_usual(self) -> LoadReport:
        """Load timm's weights; timm converts them if the network requires it."""
        overlay = {"file": str(self._usual_file())}
        arguments = self.arguments | {"pretrained": True, "pretrained_cfg_overlay": overlay}
        source = create(self.variant, arguments, in_channels=len(self.usual.mean))
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


def timm_families(models: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Return names of timm networks by the timm module that defines them."""
    families: dict[str, list[str]] = {}
    for model in models:
        module = timm.model_entrypoint(model).__module__.rpartition(".")[2]
        families.setdefault(module, []).append(model)
    return families


def check_known(model: str) -> None:
    architecture, _, tag = model.partition(".")
    if not timm.is_model(model):
        raise _unknown(model, architecture, timm.list_models())
    tagged = timm.list_models(f"{architecture}.*", pretrained=True)
    if tag and model not in tagged:
        raise _unknown(model, model, tagged)


def check_arguments(model_args: Mapping[str, Any]) -> None:
    for name in model_args:
        for refused, instead in INSTEAD.items():
            if name.startswith(refused):
                raise PluxelError(f"model_args cannot set {name!r}; {instead}")


def _unknown(model: str, word: str, known: Sequence[str]) -> PluxelError:
    near = suggest(word, known)
    hint = f"Did you mean {near!r}?" if near else "timm.list_models() lists all models"
    return PluxelError(f"timm has no model {model!r}. {hint}")


def create(model: str, arguments: Mapping[str, Any], in_channels: int) -> nn.Module:
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


def any_size(model: str) -> dict[str, bool]:
    """Return the ``ANY_SIZE`` arguments that the network's class accepts."""
    if not any(name in _parameters(one) for one in _networks(model) for name in ANY_SIZE):
        return {}
    with torch.device("meta"):
        try:
            accepted = _parameters(type(timm.create_model(model)))
        except Exception:  # noqa: BLE001 - ``create`` will raise it again, and report it
            return {}
    return {name: value for name, value in ANY_SIZE.items() if name in accepted}


def _networks(model: str) -> list[type[nn.Module]]:
    """Return the classes that the module of a network defines or imports."""
    module = sys.modules[timm.model_entrypoint(model).__module__]
    classes = [one for one in vars(module).values() if isinstance(one, type)]
    return [one for one in classes if issubclass(one, nn.Module)]


def _parameters(network: type[nn.Module]) -> set[str]:
    """Return the names that a constructor accepts; ``**kwargs`` are those of the base class."""
    names: set[str] = set()
    for base in network.__mro__:
        if "__init__" in vars(base):
            own = inspect.signature(base).parameters.values()
            names |= {parameter.name for parameter in own}
            if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in own):
                break
    return names


def own_size(model: str, arguments: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the (height, width) that timm builds a network for, in pixels; None if unknown."""
    config = timm.get_pretrained_cfg(model)
    size = arguments.get("img_size", config.input_size[1:] if config else None)
    if isinstance(size, int):
        return size, size
    return None if size is None else (size[0], size[1])


def _bare(name: str) -> str:
    return name.removeprefix("net.").removeprefix("model.").replace(".", "_")
