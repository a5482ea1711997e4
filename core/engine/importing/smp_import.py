"""Turn a model of segmentation_models.pytorch into a run directory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import torch

from ....registry import Host, PluxelError
from ...common.files import write_text
from ...common.json_files import require_json
from ...config._config import Config
from ...config._load import load_config
from ...config.tree.problems import ConfigError
from ...contracts.colors import unpack
from ...contracts.inputs import InputSpec
from ...contracts.labels import MAIN, LabelMap, LabelSpace, raw_id
from ...contracts.offers import offers
from ...contracts.optional import ConvertsNames
from ...data.splits import MissingData
from ...model.blueprint import Blueprint, make_blueprint
from ...model.build import build_without_memory
from ...model.network import SegmentationModel
from ...model.stand_in import declared_blueprint
from ...model.weight_reading import read_state_dict
from ..preparation import open_role
from .renaming import Named, complete
from .smp import SMPModel
from .writing import Imported, claimed, write_run

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""What ``save_pretrained`` writes into a folder."""
RECIPE = "folder_fcn8s_resnet18"
"""The shipped configuration for the user's own images, from which a run takes what the model does
not say."""
BACKBONE = "streams.image.backbone."
DECODER = "heads.semantic.decoders.image."


def read_smp(
    path: Path, *, name: str | None, encoder: str | None, options: Mapping[str, Any]
) -> SMPModel:
    """Read what ``save_pretrained`` wrote into a folder, or a file with a state dict.

    ``name``: of the model's class, ``encoder``: its name, and ``options``: the model's other
    arguments. A folder has all; a file has none.

    Raises: PluxelError for a file that is missing or damaged, and if the name is missing.
    """
    config: dict[str, Any] = {}
    file = path
    if path.is_dir():
        found = [path / one for one in WEIGHTS if (path / one).is_file()]
        if not found:
            raise PluxelError(f"{path} has no {' or '.join(WEIGHTS)}")
        file = found[0]
        config = require_json(path / CONFIG)
    name = name or config.pop("_model_class", None)
    if name is None or (encoder is None and not config):
        raise PluxelError(
            f"{path} does not say which model it is: give --model, such as Unet, and --encoder, "
            "such as resnet34"
        )
    given = {} if encoder is None else {"encoder_name": encoder}
    return SMPModel(file, name, config | given | dict(options), read_state_dict(file))


def import_smp(
    source: SMPModel,
    directory: Path,
    overrides: Sequence[str] = (),
    *,
    overwrite: bool = False,
    host: Host,
) -> Imported:
    """Write a run whose network computes what a model of segmentation_models.pytorch does.

    ``overrides``: of its configuration, such as ``dataset.classes={0: sky, 1: road}``.
    ``overwrite``: replace the files of an existing run.

    Raises: PluxelError if no network here computes the same, or if the import would overwrite other
    files; ConfigError for a mistake in the overrides. Nothing is written then.
    """
    run = claimed(directory, overwrite)
    config, blueprint, model = _built(source, overrides, host)
    stream, head = model.streams["image"], model.heads[MAIN]
    decoder = head.decoders["image"]
    own = complete(model, _named(source, stream.backbone, decoder), str(source), source.file)
    source.check_upsampling(_stride_of_scores(model, source.in_channels))
    notes = [*source.notes(), *_notes(source, overrides)]
    return write_run(run, str(source), model, own, config, blueprint, notes)


def _built(
    source: SMPModel, overrides: Sequence[str], host: Host
) -> tuple[Config, Blueprint, SegmentationModel]:
    """Return the network without memory: with the backbone whose deepest map has the stride."""
    for backbone in source.backbones():
        config = _configuration(source, backbone, overrides, host)
        blueprint = _blueprint(config, source)
        model = build_without_memory(config, blueprint)
        specs = model.streams["image"].backbone.feature_specs
        if max(spec.grid.stride for spec in specs) == (Fraction(source.stride),) * 2:
            return config, blueprint, model
    raise PluxelError(
        f"{source.file}: {source.encoder} has no map of stride {source.stride} here, "
        f"unlike in {source}"
    )


def _configuration(
    source: SMPModel, backbone: Mapping[str, Any], overrides: Sequence[str], host: Host
) -> Config:
    names = ["background", *(f"class {n}" for n in range(1, source.num_classes))]
    dataset: dict[str, Any] = {"classes": dict(enumerate(names))}
    if source.in_channels != 3:
        dataset["channels"] = source.in_channels
    content = {
        "base": RECIPE,
        "backbone": backbone,
        "decoder": source.decoder(),
        "dataset": dataset,
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        write_text(path, json.dumps(content))
        return load_config(path, overrides, host=host)


def _blueprint(config: Config, source: SMPModel) -> Blueprint:
    found = declared_blueprint(config)
    if found is None:  # the classes depend on files
        try:
            dataset = open_role(config, next(iter(config.pipeline.splits)))
        except ConfigError as error:
            classes = config.pipeline.dataset.params.get("classes")
            if not isinstance(error.__cause__, MissingData) or not classes:
                raise
            # The images to train on may not exist yet; the user's own classes are known.
            labels, channels = {MAIN: _labels(classes)}, {"image": source.in_channels}
            dataset = cast("Any", SimpleNamespace(labels=labels, channels=channels, inputs={}))
        found = make_blueprint(config, dataset)
    own = LabelSpace(found.labels[MAIN]).num_classes
    if own != source.num_classes:
        with config.at("dataset"):
            raise PluxelError(
                f"{config.pipeline.dataset} has {own} classes, but {source.file} scores "
                f"{source.num_classes}"
            )
    spec = InputSpec(kind="color" if source.in_channels == 3 else "map")
    return replace(found, channels={"image": source.in_channels}, inputs={"image": spec})


def _labels(classes: Mapping[int | str, str] | Sequence[str]) -> LabelMap:
    """Return the label map of classes by raw id, or in their order."""
    keys = classes if isinstance(classes, Mapping) else dict(enumerate(classes))
    ids = {raw_id(key): name for key, name in keys.items()}
    is_colored = any(isinstance(key, str) for key in keys)
    palette = {name: unpack(raw) for raw, name in ids.items()} if is_colored else {}
    return LabelMap(ids, palette, is_colored)


def _stride_of_scores(model: SegmentationModel, channels: int) -> float:
    side = 256
    with torch.no_grad():
        images = {"image": torch.zeros(1, channels, side, side, device="meta")}
        scores = model.eval()(images)[MAIN]
    return side / scores.tensor.shape[-1]


def _named(source: SMPModel, backbone: Any, decoder: Any) -> Iterator[Named]:
    encoder, kept = source.encoder_tensors(), backbone.state_dict()
    own_names = backbone.own_names(encoder) if offers(backbone, ConvertsNames) else encoder
    for own, value in own_names.items():
        if own in kept:  # an encoder keeps layers that no map needs
            yield BACKBONE + own, f"encoder.{own}", value
    for own, value in source.decoder_tensors(decoder.state_dict()).items():
        yield DECODER + own, own, value


def _notes(source: SMPModel, overrides: Sequence[str]) -> Iterator[str]:
    if not any(text.startswith(("dataset=", "dataset.classes=")) for text in overrides):
        yield (
            f"{source.file.name} does not name its {source.num_classes} classes; to name them, add "
            " dataset.classes='{0: …, 1: …}'"
        )
    if not any("normalization" in text for text in overrides):
        yield (
            "images are normalized as for the encoder's published weights; if yours were trained "
            "otherwise, set backbone.normalization"
        )
