"""What training and evaluation share: data, model, objective and device of one configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property

from accelerate import Accelerator
from torch import Tensor

from ....registry import PluxelError
from ...common.logs import logger
from ...config._config import Config
from ...contracts.kinds import Dataset
from ...data.splits import open_split
from ...model.blueprint import Blueprint, make_blueprint, resolve, resolve_decoders
from ...model.build import build_model
from ...model.network import SegmentationModel
from ...model.objective import Objective
from ...model.weights import copy_matching, read_state_dict
from ..distributed import (
    make_accelerator,
    make_deterministic,
    on_main_process,
    with_fast_layout,
)
from ..evaluation.evaluate import Evaluation, Evaluator, evaluation_batches
from ..evaluation.losses import objective_of_run
from ..run import Run, weights_file


class Experiment:
    """One configuration brought to life in the directory of a run; parts are made when needed."""

    def __init__(self, config: Config, run: Run, blueprint: Blueprint | None = None) -> None:
        pipeline = config.pipeline
        self.config = config
        self.run = run
        self.accelerator: Accelerator = make_accelerator(
            pipeline.device, pipeline.training.precision
        )
        if not self.accelerator.is_main_process:
            logger.setLevel(logging.WARNING)  # what all processes do is told once
        self._datasets: dict[str, Dataset] = {}
        self._initialized = False
        make_deterministic(pipeline.seed, strict=pipeline.deterministic)
        if blueprint is None:
            self.config = resolve(config, self.dataset("train"))
            blueprint = make_blueprint(self.config, self.dataset("train"))
            if "val" in pipeline.splits:
                self.dataset("val")  # what is missing is told now, not at the first evaluation
        self.blueprint = blueprint
        self.spaces = blueprint.label_spaces()

    def dataset(self, role: str) -> Dataset:
        """Return the dataset of the split that plays a role (``train``, ``val`` …), or is named.

        Raises: ConfigError at ``dataset``, where it has no such split.
        """
        split = self.config.pipeline.splits.get(role, role)
        if split not in self._datasets:
            with self.config.at("dataset"):
                self._datasets[split] = open_split(
                    lambda name: self.config.pipeline.dataset(split=name), split
                )
        return self._datasets[split]

    @cached_property
    def model(self) -> SegmentationModel:
        """The model with fresh weights."""
        model = build_model(self.config, self.blueprint)
        self.config = resolve_decoders(self.config, model)
        return with_fast_layout(model, self.accelerator)

    @cached_property
    def objective(self) -> Objective:
        """The losses of all heads, on the device."""
        return objective_of_run(
            self.config,
            self.blueprint,
            self.model,
            self.run,
            lambda: self.dataset("train"),
            self.accelerator,
        )

    def clear_run(self) -> None:
        """Delete what an earlier training left in the run, once the new model has its weights."""
        self.initialize()
        self.accelerator.wait_for_everyone()  # until each process has looked at what is there
        on_main_process(self.accelerator, self.run.delete)

    def initialize(self) -> None:
        """Give the model its starting weights: those of ``init_from``, else the pretrained ones.

        Later calls do nothing.

        Raises: ConfigError if they cannot be had, or if nothing of ``init_from`` fits.
        """
        if self._initialized:
            return
        source = self.config.pipeline.init_from
        state = {}
        if source is not None:
            with self.config.at("init_from"):
                state = read_state_dict(weights_file(source))
        for name, stream in self.model.streams.items():
            wanted = {f"streams.{name}.{key}" for key in stream.state_dict()}
            load = getattr(stream.backbone, "load_pretrained", None)
            if load is None or wanted <= state.keys():
                continue  # what is about to be overwritten is not fetched
            # One process of a machine downloads, the others find the file.
            with (
                self.config.at("streams", name, "backbone"),
                self.accelerator.local_main_process_first(),
            ):
                report = load()
            logger.info("backbone: %s", report or "random weights")
            stream.adopt_normalization()
        if state:
            with self.config.at("init_from"):
                self._adopt(state)
        for name, head in self.model.heads.items():
            for decoder in head.decoders.values():
                self._prepare(name, decoder)
        self._initialized = True

    def _prepare(self, head: str, decoder: object) -> None:
        """Let a decoder load what it does not learn."""
        if (load := getattr(decoder, "load_pretrained", None)) is None:
            return
        with self.config.at("heads", head, "decoder"), self.accelerator.local_main_process_first():
            report = load()
        logger.info("decoder: %s", report)

    def _adopt(self, state: Mapping[str, Tensor]) -> None:
        source = self.config.pipeline.init_from
        report = copy_matching(self.model, state)
        # A normalization fits always; of what is learned, something must.
        if not {*report.loaded}.intersection(name for name, _ in self.model.named_parameters()):
            theirs, ours = (", ".join([*names][:3]) for names in (state, self.model.state_dict()))
            raise PluxelError(
                f"{source}: none of its weights fit: {theirs}, … instead of {ours}, …"
            )
        logger.info("from %s: %s", source, report)

    @property
    def fill(self) -> list[float]:
        """The color, in 8-bit pixel values, that normalizes to zero: for what lies outside."""
        names = self.model.input_names
        image = "image" if "image" in names else names[0]  # what the color is for
        stream = next(s for s in self.model.streams.values() if image in s.inputs)
        mean = stream.normalize.mean.flatten()[stream.normalize.order]
        counts = [self.blueprint.channels[name] for name in stream.inputs]
        first = sum(counts[: stream.inputs.index(image)])
        return [255 * value for value in mean[first:][: self.blueprint.channels[image]].tolist()]

    @cached_property
    def evaluator(self) -> Evaluator:
        """What evaluates models on the splits."""
        return Evaluator(self.spaces, self.objective, self.accelerator)

    def evaluate(self, model: SegmentationModel, role: str) -> Evaluation:
        """Evaluate a model, on its device already, on the split that plays a role."""
        batches = evaluation_batches(
            self.config, self.blueprint, self.dataset(role), model.input_names, self.accelerator
        )
        return self.evaluator(model, batches, role)
