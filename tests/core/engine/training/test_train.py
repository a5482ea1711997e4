import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import torch
from pluxel.core import make_deterministic
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.training.signals import Interrupted
from pluxel.core.engine.training.state import Diverged
from pluxel.core.engine.training.train import Trainer
from pluxel.core.model.objective import Objective
from pluxel.registry import PluxelError

LIVELY = (
    "training.ema=0.9",
    "training.accumulate=2",
    "training.schedule={type: poly, warmup_steps: 2}",
    "augment.train=[{RandomCrop: {height: 16, width: 16}}, HorizontalFlip, RandomGamma]",
)


def records(run):
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def same(one, other):
    first, second = read_tensors(one)[0], read_tensors(other)[0]
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def stop_at(experiment, step, number=signal.SIGTERM):
    """Train, and send a signal in step ``step``."""
    trainer = Trainer(experiment, resume=True)
    backward = trainer.current.updater._backward

    def interrupted(*batch):
        if trainer.current.progress.step == step - 1:
            os.kill(os.getpid(), number)
        return backward(*batch)

    trainer.current.updater._backward = interrupted
    trainer.train()


def test_training_writes_all_files_of_a_run(train):
    run = train()
    assert {path.name for path in run.directory.iterdir()} == {
        "config.yaml",
        "last",
        "metrics.jsonl",
        "results.json",
        "statistics.npz",
        "training.json",
        "weights.safetensors",
    }
    results = json.loads(run.results_of("val").read_text())
    head = results["heads"]["semantic"]
    assert set(head["overall"]) >= {
        "pixel_accuracy",
        "mean_accuracy",
        "mean_iou",
        "frequency_weighted_iou",
    }
    assert set(head["per_class"]) == {"ground", "square"}
    assert [image["name"] for image in head["per_image"]] == [f"val{i}" for i in range(10)]
    assert results["loss"] > 0


@pytest.mark.parametrize("optimizer", ["{type: sgd, lr: 0.01}", "{type: adamw, lr: 0.01}"])
@pytest.mark.parametrize("step", [2, 3])
def test_resumed_training_equals_uninterrupted_training_bit_for_bit(make, train, optimizer, step):
    chosen = (*LIVELY, f"training.optimizer={optimizer}")
    whole = train(*chosen, name="whole")
    with pytest.raises(Interrupted):
        stop_at(make(*chosen, name="parts"), step)
    parts = train(*chosen, name="parts", resume=True)
    assert same(whole.weights, parts.weights)
    assert same(whole.state, parts.state)
    assert records(whole) == records(parts)


def test_comparison_of_runs_can_fail(train):
    one, other = train(*LIVELY, name="one"), train(*LIVELY, "seed=1", name="other")
    assert not same(one.weights, other.weights)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_saves_the_state_and_sets_the_exit_code(make, number, code):
    experiment = make()
    with pytest.raises(Interrupted, match="after step 2 of 6.*--resume auto") as stopped:
        stop_at(experiment, 2, number)
    assert stopped.value.exit_code == code
    assert read_tensors(experiment.run.state)[1]["progress"]["step"] == 2


def test_nan_loss_stops_and_keeps_the_last_good_checkpoint(make):
    loss = "{type: weighted_sum, terms: [{loss: cross_entropy}, {loss: {type: breaks, after: 4}}]}"
    experiment = make(f"loss={loss}")
    with pytest.raises(Diverged, match=r"nan in step 5\. .*breaks.*The batch: train\d+") as error:
        Trainer(experiment).train()
    assert "The last good checkpoint is kept" in str(error.value)
    tensors, metadata = read_tensors(experiment.run.state)
    assert metadata["progress"]["step"] == 3
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_error_names_the_bad_pass_before_an_update(make, monkeypatch):
    loss = "loss={type: breaks, after: 4}"  # the second pass of the third step
    trainer = Trainer(make(loss, "training.accumulate=3", "training.batch_size=1"))
    seen, before = [], {}
    backward = trainer.current.updater._backward

    def remembered(batch, shares):
        seen.append(batch.names[0])
        before.update(
            {n: p.detach().clone() for n, p in trainer.current.state.model.named_parameters()}
        )
        return backward(batch, shares)

    monkeypatch.setattr(trainer.current.updater, "_backward", remembered)
    with pytest.raises(Diverged, match=r"step 2\. Not finite: Breaks .*") as error:
        trainer.train()
    assert f"The batch: {seen[4]}." in str(error.value)
    for name, parameter in trainer.current.state.model.named_parameters():
        assert torch.equal(parameter, before[name])


def test_step_reads_its_losses_once(make, monkeypatch):
    """Each read makes the host wait for the device; threads of other tests do not count."""
    trainer = Trainer(make("training.accumulate=3", "training.optimizer={type: sgd, lr: 0.01}"))
    batches = next(trainer.current.batches())
    looks, here = [], threading.get_ident()

    def counting(name):
        whole = getattr(torch.Tensor, name)

        def look(tensor):
            if tensor.is_floating_point() and threading.get_ident() == here:
                file = Path(sys._getframe(1).f_code.co_filename)
                if "torch" not in file.parts:  # a device context calls it once more
                    looks.append((name, file.name))
            return whole(tensor)

        return look

    for name in ("item", "tolist"):
        monkeypatch.setattr(torch.Tensor, name, counting(name))
    trainer.current.step(batches, lambda **_: None)
    assert looks == [("tolist", "update.py")]


@pytest.mark.parametrize("part", ["weight", "running_var", "average"])
def test_weights_that_are_not_finite_are_not_saved(make, part):
    trainer = Trainer(make("training.ema=0.9"))
    trainer.train()
    before = trainer.run.state.read_bytes()
    model = (
        trainer.current.state.averaged if part == "average" else trainer.current.experiment.model
    )
    broken = next(v for n, v in model.state_dict().items() if part == "average" or part in n)
    broken.flatten()[0] = torch.nan
    for save in (trainer.current.state.save, trainer.current.state.save_weights):
        with pytest.raises(Diverged, match="the values of .* are not finite"):
            save(trainer.run, {})
    assert trainer.run.state.read_bytes() == before


def test_accumulated_gradients_are_averaged(train):
    """As Caffe's iter_size; so with a loss summed over pixels, two rounds halve the rate."""
    still = ("backbone.norm=false", "loss.reduction=sum", "training.steps=3")
    crop = "augment.train=[{RandomCrop: {height: 16, width: 16}}]"
    rates = [f"training.optimizer={{type: sgd, lr: {lr}}}" for lr in ("1e-6", "2e-6")]
    large = train(*still, crop, rates[0], "training.batch_size=4", name="large")
    halves = ("training.batch_size=2", "training.accumulate=2")
    small = train(*still, crop, rates[1], *halves, name="small")
    one, other = (read_tensors(run.weights)[0] for run in (large, small))
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-4, atol=1e-6)


def test_any_metric_can_select_the_best_weights(train):
    run = train("training.monitor=val/iou/square", "training.eval_every=1", "training.steps=8")
    values = {r["step"]: r["val/iou/square"] for r in records(run) if "val/iou/square" in r}
    best = max(values, key=lambda step: values[step])
    assert json.loads(run.results_of("val").read_text())["step"] == best
    assert read_tensors(run.weights)[1]["step"] == best


def test_smaller_loss_is_better(train):
    run = train("training.monitor=val/loss", "training.eval_every=1", "training.steps=5")
    values = {r["step"]: r["val/loss"] for r in records(run) if "val/loss" in r}
    assert json.loads(run.results_of("val").read_text())["step"] == min(values, key=values.get)


def test_last_weights_are_kept_without_a_monitor(train):
    run = train("training.monitor=null", "training.eval_every=2", "training.steps=5")
    assert json.loads(run.results_of("val").read_text())["step"] == 5


def test_training_stops_early(train):
    run = train(
        "training.early_stop={patience: 2, min_delta: 0.9}",
        "training.eval_every=1",
        "training.steps=50",
    )
    assert read_tensors(run.state)[1]["progress"]["step"] == 3


def test_early_stopped_training_does_not_resume(train):
    chosen = (
        "training.early_stop={patience: 2, min_delta: 0.9}",
        "training.eval_every=1",
        "training.steps=50",
    )
    before = train(*chosen).state.read_bytes()
    assert train(*chosen, resume=True).state.read_bytes() == before


def test_unknown_monitor_raises_before_training(train):
    with pytest.raises(PluxelError, match=r"'val/iou/squre'\. Did you mean 'val/iou/square'\?"):
        train("training.monitor=val/iou/squre")


def test_monitor_without_a_split_to_evaluate_raises(train):
    with pytest.raises(PluxelError, match="monitor: null"):
        train("splits={train: train}")
    run = train("splits={train: train}", "training.monitor=null")
    assert run.weights.exists()
    assert not run.results_of("val").exists()


def test_checkpoint_of_another_model_raises(train):
    train("training.steps=3")
    with pytest.raises(PluxelError, match="does not fit the model of the configuration"):
        train("backbone.width=8", resume=True)


def test_frozen_parameters_do_not_change(train, make):
    start = make().model.streams["image"].backbone.first.weight.detach().clone()
    run = train("training.groups=[{match: 'backbone.first', frozen: true}]")
    weights = read_tensors(run.weights)[0]
    assert torch.equal(weights["streams.image.backbone.first.weight"], start)
    assert not torch.equal(
        weights["heads.semantic.decoders.image.score.weight"], torch.zeros(2, 6, 1, 1)
    )


@pytest.mark.parametrize(("match", "same"), [("backbone", True), ("backbone.first", False)])
def test_frozen_norms_keep_their_statistics(train, match, same):
    run = train(f"training.groups=[{{match: '{match}', frozen: true}}]")
    tensors = read_tensors(run.state)[0]
    mean = tensors["model/streams.image.backbone.norm.running_mean"]
    assert torch.equal(mean, torch.zeros_like(mean)) == same


def test_init_from_copies_matching_weights_and_logs_them(train, caplog):
    source = train(name="source")
    with caplog.at_level("INFO", logger="pluxel"):
        run = train(
            f"init_from={source.directory}", "training.steps=1", "training.optimizer.lr=1e-30"
        )
    assert "from" in caplog.text
    assert "loaded" in caplog.text
    one, other = read_tensors(source.weights)[0], read_tensors(run.weights)[0]
    name = "heads.semantic.decoders.image.score.weight"
    torch.testing.assert_close(one[name], other[name])


@pytest.mark.parametrize(
    ("epochs", "batch_size", "accumulate", "steps"), [(2, 3, 1, 7), (3, 1, 5, 6), (3, 4, 1, 8)]
)
def test_epochs_are_rounded_up_once(train, epochs, batch_size, accumulate, steps):
    sizes = (f"training.batch_size={batch_size}", f"training.accumulate={accumulate}")
    run = train("training.steps=null", f"training.epochs={epochs}", *sizes)  # of 10 images
    assert read_tensors(run.state)[1]["progress"]["step"] == steps


def test_resumed_epochs_count_samples(train):
    train("training.steps=null", "training.epochs=2", "training.batch_size=5")
    epochs = ("training.steps=null", "training.epochs=3")
    run = train(*epochs, "training.batch_size=3", resume=True)
    progress = read_tensors(run.state)[1]["progress"]
    assert (progress["step"], progress["samples"]) == (4 + 4, 20 + 12)


def test_run_keeps_the_configuration_of_its_last_session(train):
    train("training.steps=3")
    run = train("training.steps=6", "training.log_every=5", resume=True)
    text = run.config.read_text()
    assert "steps: 6" in text
    assert "log_every: 5" in text


def test_training_without_a_checkpoint_restarts_its_log(train, make):
    experiment = make()
    experiment.run.directory.mkdir(parents=True)
    experiment.run.config.write_text(experiment.config.dump())
    experiment.run.log({"step": 2, "train/loss": 9.0})
    run = train(resume=True)
    assert [r["step"] for r in records(run) if "train/loss" in r] == [2, 4, 6]
    assert 9.0 not in [r.get("train/loss") for r in records(run)]


def test_deterministic_training_repeats_exactly(train):
    try:
        make_deterministic()
        one, other = (train("deterministic=true", name=name) for name in ("one", "other"))
    finally:
        torch.use_deterministic_algorithms(False)
    assert same(one.weights, other.weights)


@pytest.fixture
def own_choices():
    """Set global options that differ from the defaults; training must restore them."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    cudnn.benchmark, cudnn.deterministic = before
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("own_choices")
def test_training_restores_settings_of_the_script(make):
    cudnn = torch.backends.cudnn
    experiment = make()
    loss, seen = experiment.objective.losses["semantic"], set()

    def noting(*arguments):
        seen.add((torch.is_grad_enabled(), cudnn.benchmark, cudnn.deterministic))
        return loss(*arguments)

    experiment.objective = Objective({"semantic": noting}, {"semantic": 1})
    Trainer(experiment).train()
    assert seen == {(True, True, True), (False, False, True)}
    assert (cudnn.benchmark, torch.are_deterministic_algorithms_enabled()) == (False, True)


def test_training_can_use_class_weights_of_an_earlier_evaluation(make, caplog):
    experiment = make("loss={type: cross_entropy, class_weights: auto}")
    caplog.set_level("INFO", "pluxel")
    experiment.evaluate(experiment.model, "val")
    Trainer(experiment).train()
    assert "weight of class square" in caplog.text


def test_gradient_scale_of_float16_is_resumed(make):
    def trainer(scale: float) -> Trainer:
        experiment = make()
        experiment.processes.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        return Trainer(experiment, resume=True)

    before = trainer(8.0)
    before.current.state.save(before.run, before.current._metadata())
    assert trainer(65536.0).current.processes.scaler.get_scale() == 8.0
