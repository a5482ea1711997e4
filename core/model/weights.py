"""Weights from files: read without running code, and fitted to a module with an account of it."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...registry import PluxelError
from ..common.files import require_file
from ..contracts.normalization import Normalization
from ..contracts.offers import offers
from ..contracts.optional import AdaptsState

StateDict = dict[str, Tensor]

InputChannels = Literal["mean", "zero", "repeat", "random"]
"""How the filters of additional input channels start."""

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the weights in their checkpoints."""

PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""

ALIASES = "aliases"
"""Key of a safetensors file's metadata: JSON, name of a tied tensor -> the name it is under."""


@dataclass(frozen=True)
class LoadReport:
    """Names of parameters and buffers by what became of them.

    ``missing``: in the module only. ``unexpected``: in the file only. ``mismatched``: of another
    shape, and left as they were.
    """

    loaded: Sequence[str] = field(default=())
    missing: Sequence[str] = field(default=())
    unexpected: Sequence[str] = field(default=())
    mismatched: Sequence[str] = field(default=())

    def __str__(self) -> str:
        kinds = ("missing", "unexpected", "mismatched")
        return ", ".join(
            [f"{len(self.loaded)} loaded", *(_count(getattr(self, kind), kind) for kind in kinds)]
        )


def _count(names: Sequence[str], kind: str) -> str:
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} {kind}" + (f" ({shown})" if names else "")


def copy_matching(module: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """Copy every tensor whose name and shape fit into the module, whatever its type and device."""
    own = module.state_dict(keep_vars=True)
    report = _compare(own, state)
    with torch.no_grad():
        for name in report.loaded:
            own[name].copy_(state[name])
    return report


def loaded_share(module: nn.Module, report: LoadReport) -> float:
    """Return which share of a module's parameters was loaded: 0 to 1, by number of elements."""
    sizes = {name: value.numel() for name, value in module.named_parameters()}
    return sum(sizes.get(name, 0) for name in report.loaded) / max(1, sum(sizes.values()))


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    """Fill the model with exactly these weights; ``source``, for the error: where they are from.

    A module that offers ``adapt_state`` is asked first what becomes of those under its name.

    Raises: PluxelError if names or shapes differ; the model is then untouched.
    """
    state = _adapted(model, state)
    report = _compare(model.state_dict(), state)
    different = {
        "missing": report.missing,
        "unexpected": report.unexpected,
        "of another shape": report.mismatched,
    }
    if any(different.values()):
        found = ", ".join(_count(names, kind) for kind, names in different.items() if names)
        parts = dict.fromkeys(
            ".".join(name.split(".")[:2]) for names in different.values() for name in names
        )
        raise PluxelError(
            f"{source} is from another model than the configuration's: {found}",
            [
                f"they differ in {', '.join(parts)}: weights fit the backbone, the decoder, the "
                "inputs and the classes that they were trained with",
                "init_from, in the configuration of a new training, takes over all that fits",
            ],
        )
    copy_matching(model, state)


def _adapted(model: nn.Module, state: Mapping[str, Tensor]) -> StateDict:
    adapted = dict(state)
    for name, module in model.named_modules():
        if offers(module, AdaptsState):
            prefix = f"{name}." if name else ""
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            adapted |= {prefix + key: value for key, value in module.adapt_state(own).items()}
    return adapted


def _compare(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> LoadReport:
    same = {name for name in own if name in state and own[name].shape == state[name].shape}
    return LoadReport(
        loaded=[name for name in own if name in same],
        # Counters of old files, which batch norm with a fixed momentum does not read.
        missing=[n for n in own if n not in state and not n.endswith("num_batches_tracked")],
        unexpected=[name for name in state if name not in own],
        mismatched=[name for name in own if name in state and name not in same],
    )


def read_state_dict(path: Path) -> StateDict:
    """Read a state dict from a safetensors file, or from one of ``torch.save`` that holds no code.

    Checkpoints that wrap the weights are unwrapped, and prefixes of wrapped models removed.

    Raises: PluxelError for a file that is missing, damaged, or more than tensors.
    """
    require_file(path)
    content = read_safetensors(path)[0] if _is_safetensors(path) else _read_pickle(path)
    content = _unwrap(content)
    if not isinstance(content, Mapping) or not content:
        raise PluxelError(f"{path}: holds no state dict but {_describe(content)}")
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise PluxelError(f"{path}: {name!r} is not a tensor but {_describe(value)}")
    return {_plain_name(name): value for name, value in content.items()}


def read_safetensors(path: Path) -> tuple[StateDict, dict[str, str]]:
    """Return the tensors of a safetensors file, tied ones under all their names, and its metadata.

    Raises: PluxelError for a file that is missing, cut off or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        aliases = json.loads(metadata.pop(ALIASES, "{}"))
        return tensors | {alias: tensors[name] for alias, name in aliases.items()}, metadata
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error


def read_normalization(path: Path) -> Normalization | None:
    """Return the normalization in a safetensors file's metadata (key ``normalization``), if any.

    Raises: PluxelError if it is there but invalid.
    """
    if not _is_safetensors(path):
        return None
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("normalization")
        return None if text is None else Normalization.model_validate_json(text)
    except SafetensorError as error:
        raise _damaged(path, error) from error
    except ValidationError as error:
        raise PluxelError(f"{path}: its metadata 'normalization' is invalid: {error}") from error


def normalization_metadata(normalization: Normalization) -> dict[str, str]:
    """Return the metadata that ``read_normalization`` reads."""
    return {"normalization": json.dumps(normalization.model_dump())}


def adapt_input_channels(weight: Tensor, in_channels: int, method: InputChannels) -> Tensor:
    """Return filters (O, in_channels, h, w) made from those of a network for other images.

    The colors' filters are copied. Further channels get, by ``method``: their ``mean`` (FCN's
    RGB-D network, PAMI section 5), ``zero``, the colors' filters in turn (``repeat``), or
    ``random`` ones (He et al. 2015). With fewer channels each gets the mean, scaled so that an
    image that is alike in all of them gives the same response: gray then equals gray as RGB.
    """
    if method not in get_args(InputChannels):
        raise ValueError(f"unknown method {method!r}")
    known = weight.shape[1]
    mean = weight.mean(dim=1, keepdim=True)
    if in_channels == known:
        return weight
    if in_channels < known:
        return (mean * known / in_channels).expand(-1, in_channels, -1, -1).clone()
    extra = in_channels - known
    if method == "mean":
        more = mean.expand(-1, extra, -1, -1)
    elif method == "repeat":
        more = weight[:, [i % known for i in range(extra)]]
    else:
        more = weight.new_zeros(len(weight), extra, *weight.shape[2:])
        if method == "random":
            fan_in = in_channels * weight[0, 0].numel()
            nn.init.normal_(more, std=(2 / fan_in) ** 0.5)
    return torch.cat([weight, more], dim=1)


def adapt_input_layers(
    state: Mapping[str, Tensor], module: nn.Module, in_channels: int, method: InputChannels
) -> StateDict:
    """Return the state with the filters of its input layers adapted to the module's channels."""
    own = module.state_dict()
    adapted = dict(state)
    for name, weight in state.items():
        wanted = own[name].shape if name in own else weight.shape
        rest = slice(2, None)
        if (
            weight.shape != wanted
            and weight.ndim == len(wanted) == 4
            and wanted[1] == in_channels
            and (weight.shape[0], weight.shape[rest]) == (wanted[0], wanted[rest])
        ):
            adapted[name] = adapt_input_channels(weight, in_channels, method)
    return adapted


def _is_safetensors(path: Path) -> bool:
    return path.suffix == ".safetensors"


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():  # about versions of a format that is then refused
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error) or not _is_pickle(path):
            raise _damaged(path, error) from error
        raise PluxelError(
            f"{path}: holds Python objects beside tensors, which could run code; it is not read",
            ["where you trust it, save the weights alone: torch.save(model.state_dict(), FILE)"],
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def _is_pickle(path: Path) -> bool:
    """Tell by its first bytes: a pickle, or torch's archive of one."""
    with path.open("rb") as file:
        return file.read(2).startswith((b"\x80", b"PK"))


def _damaged(path: Path, error: Exception) -> PluxelError:
    reason = str(error).strip().split("\n")[0]
    return PluxelError(f"{path}: not a readable file of weights; it may be cut off", [reason])


def _unwrap(content: Any) -> Any:
    if isinstance(content, Mapping):
        for wrapper in WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                return _unwrap(content[wrapper])
    return content


def _plain_name(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _describe(value: object) -> str:
    if isinstance(value, Mapping):
        return "an empty dict"
    return f"{type(value).__name__} {value!r:.40}"
