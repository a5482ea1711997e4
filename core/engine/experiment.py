"""What training and evaluation share: data, model, objective and device of one configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from ...registry import Host, PluxelError
from ..build import Blueprint, build_model, build_objective, draw_blueprint
from ..config import Config, load_config
from ..contracts import Dataset
from ..data import EvaluationData, Loader, class_frequencies, evaluation_loader, open_split
from ..files import write_json
from ..logs import logger
from ..model import SegmentationModel
from ..objective import Objective
from ..progress import track
from ..weights import copy_matching, read_state_dict
from .checkpoint import read_tensors
from .devices import make_accelerator, make_deterministic
from .evaluate import Evaluation, Evaluator
from .run import Run, open_run


class Experiment:
    """One configuration brought to life in the directory of a run; parts are made when needed."""

    def __init__(self, config: Config, run: Run, blueprint: Blueprint | None = None) -> None:
        pipeline = config.pipeline
        self.config = config
        self.run = run
        self.accelerator: Accelerator = make_accelerator(
            pipeline.device, pipeline.training.precision
        )
        self._datasets: dict[str, Dataset] = {}
        make_deterministic(pipeline.seed, strict=pipeline.deterministic)
        if blueprint is None:
            blueprint = draw_blueprint(config, self.dataset("train"))
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
        # Convolutions in bfloat16, and all on GPUs, are faster with the channels last; in float32
        # on CPUs they are a quarter slower.
        if self.accelerator.mixed_precision == "no" and self.accelerator.device.type == "cpu":
            return model
        return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @cached_property
    def objective(self) -> Objective:
        """The losses of all heads, on the device."""
        objective = build_objective(self.config, self.spaces, self._frequencies)
        for loss in objective.losses.values():
            if isinstance(loss, nn.Module):
                loss.to(self.accelerator.device)
            for name, weight in getattr(loss, "chosen_weights", {}).items():
                logger.info("weight of class %s: %.3g", name, weight)
        return objective

    def initialise(self) -> None:
        """Give the model its starting weights: those of ``init_from``, else the pretrained ones."""
        source = self.config.pipeline.init_from
        state = {}
        if source is not None:
            with self.config.at("init_from"):
                state = read_state_dict(Run(source).weights if source.is_dir() else source)
        for name, stream in self.model.streams.items():
            wanted = {f"streams.{name}.{key}" for key in stream.state_dict()}
            load = getattr(stream.backbone, "load_pretrained", None)
            if load is None or wanted <= state.keys():
                continue  # what is about to be overwritten is not fetched
            with self.config.at("streams", name, "backbone"):
                report = load()
            logger.info("backbone: %s", report or "random weights")
            stream.adopt_normalisation()
        if state:
            logger.info("from %s: %s", source, copy_matching(self.model, state))

    @property
    def fill(self) -> list[float]:
        """The colour, in 8-bit pixel values, that normalises to zero: for what lies outside."""
        names = self.model.input_names
        image = "image" if "image" in names else names[0]  # what the colour is for
        stream = next(s for s in self.model.streams.values() if image in s.inputs)
        mean = stream.normalise.mean.flatten()[stream.normalise.order]
        counts = [self.blueprint.channels[name] for name in stream.inputs]
        first = sum(counts[: stream.inputs.index(image)])
        return [255 * value for value in mean[first:][: self.blueprint.channels[image]].tolist()]

    def _frequencies(self, head: str) -> Sequence[int]:
        """Return the pixels of each class in the training split: counted once a run."""
        file = self.run.class_frequencies
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        space = self.spaces[head]
        if list(known.get(head, ())) != list(space.class_names):
            dataset = self.dataset("train")
            with track("counting the pixels of each class", len(dataset)) as advance:
                counts = class_frequencies(
                    dataset,
                    space,
                    source=self.blueprint.targets[head],
                    progress=lambda _done, _count: advance(),
                )
            known[head] = dict(zip(space.class_names, counts, strict=True))
            write_json(file, known)
        return list(known[head].values())

    def evaluation_batches(self, role: str) -> Loader:
        """Return this process's share of the split that plays a role."""
        options = self.config.pipeline.evaluation
        data = EvaluationData(
            self.dataset(role),
            self.spaces,
            inputs=self.model.input_names,
            sources=self.blueprint.targets,
            on_bad_sample=self.config.pipeline.training.on_bad_sample,
        )
        return evaluation_loader(
            data,
            options.batch_size,
            workers=options.workers,
            pin_memory=self.accelerator.device.type == "cuda",
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
        )

    @cached_property
    def evaluator(self) -> Evaluator:
        """What evaluates models on the splits."""
        return Evaluator(self.spaces, self.objective, self.accelerator)

    def evaluate(self, model: SegmentationModel, role: str) -> Evaluation:
        """Evaluate a model, on its device already, on the split that plays a role."""
        return self.evaluator(model, self.evaluation_batches(role), role)


def read_weights(run: Run) -> tuple[dict, Blueprint, int]:
    """Return the tensors of a run's weights, its blueprint, and the step that they are from."""
    tensors, metadata = read_tensors(run.weights)
    try:
        return tensors, Blueprint.from_json(metadata["blueprint"]), metadata["step"]
    except KeyError as error:
        raise PluxelError(f"{run.weights} was not written by a training: no {error}") from error


def evaluate_run(
    directory: Path,
    split: str,
    overrides: Sequence[str] = (),
    *,
    host: Host,
    output: Path | None = None,
) -> tuple[dict[str, Any], Path]:
    """Evaluate the weights of a run; return the results and the file that they were written to.

    ``split``: a role of the run's ``splits``, or a split of its dataset. ``overrides`` change the
    run's configuration, such as ``dataset.root=/elsewhere``.
    """
    run = open_run(directory)
    config = load_config(run.config, overrides, host=host)
    tensors, blueprint, step = read_weights(run)
    experiment = Experiment(config, run, blueprint)
    experiment.model.load_state_dict(tensors)
    model = experiment.model.to(experiment.accelerator.device)
    results = {"split": split, "step": step} | experiment.evaluate(model, split).to_json()
    written = output or run.results_of(split)
    write_json(written, results)
    return results, written
