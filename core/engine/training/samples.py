"""The samples that a training sees, from a prepared configuration."""

from __future__ import annotations

from ...contracts.kinds import Dataset
from ...data.cells import CellSampling
from ...data.samples import TrainingData
from ...model.network import SegmentationModel
from ..preparation import Prepared


def training_data(
    prepared: Prepared, model: SegmentationModel, dataset: Dataset, seed: int
) -> TrainingData:
    """Return the augmented samples of a dataset; ``seed``: of their order and augmentation.

    ``model``: already with the normalization of its weights, unless it has no memory.
    """
    pipeline = prepared.config.pipeline
    probability = pipeline.training.keep_cells
    heads = model.heads if probability < 1 else {}
    return TrainingData(
        dataset,
        prepared.blueprint.label_spaces(),
        pipeline.augment.get("train", []),
        seed=seed,
        sampling=pipeline.training.sampling,
        on_bad_sample=pipeline.training.on_bad_sample,
        inputs=model.input_names,
        sources=prepared.blueprint.targets,
        fill=_fill(model),
        specs=model.input_specs,
        cells={name: CellSampling(probability, model.coarsest_grid(name)) for name in heads},
    )


def _fill(model: SegmentationModel) -> list[float] | None:
    """Return the padding color, in 8-bit values that normalize to zero; None without one."""
    specs = model.input_specs
    colors = [name for name in model.input_names if specs[name].kind == "color"]
    if not colors:
        return None
    image = "image" if "image" in colors else colors[0]
    stream = next(s for s in model.streams.values() if image in s.inputs)
    return [255 * value for value in stream.mean_of(image)]
