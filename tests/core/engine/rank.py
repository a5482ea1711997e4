"""One of two training processes: ``rank.py FOLDER``, with the environment of torchrun.

Each process writes its results to the folder, where test_distributed.py compares them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from pluxel.core import load_config
from pluxel.core.cli import main
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.state import Diverged
from pluxel.core.engine.training.train import Trainer
from pluxel.core.engine.training.update import Updater
from pluxel.registry import Host, PluxelError
from safetensors.torch import save_file

TOYS = Path(__file__).with_name("toys.py")
FOLDER = Path(sys.argv[1])
CONFIG = FOLDER / "toy.yaml"
RANK = int(os.environ["RANK"])
LIKE_ONE = json.loads((FOLDER / "like_one.json").read_text())
HOST = Host(files=[TOYS])


def trainer(name: str, *overrides: str) -> Trainer:
    config = load_config(CONFIG, overrides, host=HOST)
    return Trainer(Experiment(prepare(config), Run(FOLDER / name)))


def note(name: str, text: str) -> None:
    (FOLDER / f"{name}-{RANK}").write_text(text)


def to_the_end() -> None:
    metrics = "evaluation.metrics=[dice, boundary_f1, per_image]"
    whole = trainer("whole", "training.ema=0.5", "training.accumulate=2", metrics)
    losses: list[float] = []
    exchanged = whole.current.updater._exchanged

    def remembering(passes, *others):
        losses.extend(each.losses["loss"].item() for each in passes)
        return exchanged(passes, *others)

    whole.current.updater._exchanged = remembering
    whole.train()
    note("losses", json.dumps(losses))
    state = whole.current.state
    tensors = {f"averaged/{name}": value for name, value in state.averaged.state_dict().items()}
    tensors |= {f"model/{name}": value for name, value in state.model.named_parameters()}
    save_file(tensors, FOLDER / f"weights-{RANK}")


def like_one_process() -> None:
    for name, overrides in LIKE_ONE.items():
        accumulate = 2 if name == "accumulated" else 1
        rates = "training.optimizer={type: sgd, lr: 0.1}", f"training.accumulate={accumulate}"
        trained = trainer(name, *overrides, *rates)
        trained.train()
        save_file(dict(trained.current.state.model.named_parameters()), FOLDER / f"{name}-{RANK}")


def diverging() -> None:
    after = 1000 if RANK == 0 else 3
    try:
        trainer("diverged", f"loss={{type: breaks, after: {after}}}").train()
    except Diverged as error:
        note("diverged", str(error))


def unwritable(processes) -> None:
    def write() -> None:
        raise PluxelError("the disk is full")

    try:
        processes.on_main_process(write)
    except PluxelError as error:
        note("unwritable", str(error))


def stopped() -> None:
    update = Updater.update

    def interrupted(self, batches, step, *others):
        if RANK == 1 and step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(self, batches, step, *others)

    Updater.update = interrupted
    main(["--plugin", str(TOYS), "train", str(CONFIG), "--run", str(FOLDER / "stopped")])


to_the_end()
like_one_process()
diverging()
unwritable(trainer("unwritable").current.processes)
stopped()
