import gc
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import yaml
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.phase import PhaseTrainer

from .conftest import PLUXEL, TOY, TOYS, environment, start


def wait_for(condition, process):
    """Poll until a condition holds; fail if the process ends before."""
    while not condition():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise AssertionError(process.communicate())


def step_of(run):
    """Return the step of the last complete line, or 0; the training may be writing the next."""
    text = (run / "metrics.jsonl").read_text()
    lines = text[: text.rfind("\n") + 1].splitlines()
    return json.loads(lines[-1])["step"] if lines else 0


def test_training_reports_progress_and_result_files(trained):
    assert (
        json.loads((trained / "results.json").read_text())["heads"]["semantic"]["overall"][
            "mean_iou"
        ]
        > 0.5
    )
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["backbone"]["type"] == "toys.py/toy"
    assert config["decoder"]["type"] == "pluxel/fcn32s"
    assert config["training"]["optimizer"]["weight_decay"] == 0.01


def test_garbage_is_collected_in_training_but_not_at_its_start(command, toy, tmp_path, monkeypatch):
    seen = []

    def noting(whole):
        return lambda *arguments: seen.append(gc.isenabled()) or whole(*arguments)

    monkeypatch.setattr(Experiment, "initialize", noting(Experiment.initialize))
    monkeypatch.setattr(PhaseTrainer, "step", noting(PhaseTrainer.step))
    run = ("--run", str(tmp_path / "run"), "training.steps=1")
    assert command("--plugin", str(TOYS), "train", str(toy), *run)[0] == 0
    assert seen[0] is False
    assert seen[-1] is True


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_resuming_continues_after_a_signal(pluxel, toy, tmp_path, number, code):
    process = start("train", toy, "training.steps=100000", "training.log_every=1", cwd=tmp_path)
    run = tmp_path / "runs" / "toy"
    wait_for(lambda: (run / "metrics.jsonl").exists() and step_of(run) > 3, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "--resume auto" in err
    assert "Traceback" not in err
    stopped = step_of(run)
    resumed = pluxel("train", toy, f"training.steps={stopped + 5}", "--resume", "auto")
    assert resumed.returncode == 0, resumed.stderr
    assert f"resuming after step {stopped} of {stopped + 5}" in resumed.stderr
    assert step_of(run) == stopped + 5


def test_resuming_continues_after_a_kill(pluxel, toy, tmp_path):
    settings = ("training.steps=100000", "training.log_every=1", "training.checkpoint_every=5")
    process = start("train", toy, *settings, cwd=tmp_path)
    run = tmp_path / "runs" / "toy"
    wait_for(lambda: (run / "last").exists() and step_of(run) > 12, process)
    process.kill()
    process.communicate()
    resumed = pluxel("train", toy, "training.steps=200", "--resume", "auto")
    assert resumed.returncode == 0, resumed.stderr
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)
    assert steps[-1] == 200


@pytest.mark.parametrize("second", [(), ("--overwrite",), ("--resume", "auto")])
def test_a_second_training_of_the_same_run_is_refused(pluxel, toy, tmp_path, second):
    run = tmp_path / "runs" / "toy"
    first = start("train", toy, "training.steps=100000", "training.log_every=1", cwd=tmp_path)
    wait_for(lambda: (run / "metrics.jsonl").exists() and step_of(run) > 3, first)
    refused = pluxel("train", toy, "training.steps=5", *second)
    assert refused.returncode == 2
    expected = "already contains a run" if not second else "belongs to another training (process"
    assert expected in refused.stderr
    first.send_signal(signal.SIGTERM)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 143, err
    assert sorted(path.name for path in run.iterdir()) == [
        *("config.yaml", "last", "metrics.jsonl", "training.json"),
    ]


def test_run_is_not_overwritten_by_default(pluxel, toy, trained):
    refused = pluxel("train", toy, "--run", trained)
    assert refused.returncode == 2
    assert "--resume auto continues it" in refused.stderr
    assert (trained / "weights.safetensors").exists()


def test_folder_with_a_handwritten_configuration_is_not_a_run(pluxel, tmp_path):
    (tmp_path / "config.yaml").write_text(TOY)
    (tmp_path / "thesis.txt").touch()
    for asked in ((), ("--overwrite",)):
        refused = pluxel("train", "config.yaml", "--run", ".", *asked)
        assert refused.returncode == 2
        assert refused.stderr.startswith("training would overwrite config.yaml: a run saves its")
    assert (tmp_path / "config.yaml").read_text() == TOY
    assert (tmp_path / "thesis.txt").exists()


def test_failed_overwrite_keeps_the_earlier_run(pluxel, toy, tmp_path):
    run = tmp_path / "runs" / "toy"
    assert pluxel("train", toy, "training.steps=2").returncode == 0
    (run / "notes.txt").touch()
    weights = "loss.class_weights={squer: 2}"
    groups = "training.groups=[{match: nothing}]"
    for mistake in ("decoder=fcn8s", "init_from=gone", "training.monitor=val/x", weights, groups):
        assert pluxel("train", toy, mistake, "--overwrite").returncode == 2
    assert (run / "weights.safetensors").exists()
    assert pluxel("train", toy, "training.steps=3", "--overwrite").returncode == 0
    assert (run / "notes.txt").exists()


def test_run_resumes_from_another_folder_with_its_configuration(pluxel, toy, tmp_path):
    assert pluxel("train", toy, "training.steps=2").returncode == 0
    (tmp_path / "elsewhere").mkdir()
    process = start(
        *("train", "../runs/toy/config.yaml", "training.steps=4"),
        *("--run", "../runs/toy", "--resume", "auto"),
        cwd=tmp_path / "elsewhere",
    )
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert step_of(tmp_path / "runs" / "toy") == 4


def test_unwritable_run_directory(pluxel, toy):
    failed = pluxel("train", toy, "--run", toy / "run")
    assert failed.returncode == 2
    assert failed.stderr == (f"cannot write to {toy}/run: {toy} is not a writable directory\n")


@pytest.mark.slow
def test_two_processes_share_a_run(toy, tmp_path):
    command = ["train", "toy.yaml", "training.steps=4", "loss.class_weights=auto", "--overwrite"]
    assert start(*command, cwd=tmp_path).wait(timeout=120) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    both = subprocess.run(
        [*torchrun, *PLUXEL[1:], *command],
        check=False,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert both.returncode == 0, both.stderr
    assert both.stdout.count("weights: ") == 1
    assert both.stderr.count("weight of class square") == 1
    assert both.stderr.count("trained 4 steps") == 1


def test_overwrite_starts_again(pluxel, toy, tmp_path):
    assert pluxel("train", toy, "training.steps=2").returncode == 0
    again = pluxel("train", toy, "training.steps=3", "--overwrite")
    assert again.returncode == 0
    assert step_of(tmp_path / "runs" / "toy") == 3


def test_full_disk_stops_training_and_keeps_the_checkpoint(pluxel, toy, tmp_path):
    assert pluxel("train", toy, "training.steps=4").returncode == 0
    state = tmp_path / "runs" / "toy" / "last" / "state.safetensors"
    before = state.read_bytes()

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, resource.RLIM_INFINITY))

    full = pluxel("train", toy, "training.steps=8", "--resume", "auto", preexec_fn=small_disk)
    assert full.returncode == 2
    assert "cannot write" in full.stderr
    kept = f"The last good checkpoint is kept: {state.relative_to(tmp_path)}"
    assert f"  note: {kept}; --resume auto continues from it\n" in full.stderr
    assert "Traceback" not in full.stderr
    assert state.read_bytes() == before
    assert pluxel("train", toy, "training.steps=8", "--resume", "auto").returncode == 0


def test_typo_is_reported_with_its_place_before_training(pluxel, tmp_path):
    (tmp_path / "toy.yaml").write_text(TOY.replace("fcn32s", "fcn32"))
    failed = pluxel("train", "toy.yaml")
    assert failed.returncode == 2
    assert failed.stderr.startswith(
        "toy.yaml:2:11: unknown decoder 'fcn32'. Did you mean 'fcn32s'?"
    )
    assert not (tmp_path / "runs").exists()


def test_missing_strides_name_decoder_and_backbone(pluxel, tmp_path):
    (tmp_path / "toy.yaml").write_text(TOY.replace("fcn32s", "fcn8s"))
    failed = pluxel("train", "toy.yaml")
    assert failed.returncode == 2
    assert (
        "toy.yaml:2:11: decoder 'fcn8s' needs 3 maps whose strides double, such as 8, 16, 32; "
        "backbone 'toy' gives strides 2, 4" in failed.stderr
    )


def test_nan_loss_names_term_and_batch(pluxel, tmp_path):
    (tmp_path / "toy.yaml").write_text(
        TOY.replace("{type: cross_entropy}", "{type: breaks, after: 7}")
    )
    failed = pluxel("train", "toy.yaml", "training.eval_every=5")
    assert failed.returncode == 2
    assert (
        "the loss is nan in step 8. Not finite: Breaks of head 'semantic'. The batch: train"
        in failed.stderr
    )
    assert "The last good checkpoint is kept" in failed.stderr


def test_crashing_plugin_does_not_affect_others(pluxel, toy, tmp_path):
    (tmp_path / "bad.py").write_text("import torchh\n")
    trained = pluxel("--plugin", tmp_path / "bad.py", "train", toy, "training.steps=1")
    assert trained.returncode == 0, trained.stderr
    unknown = pluxel("--plugin", tmp_path / "bad.py", "train", toy, "decoder.type=theirs")
    assert unknown.returncode == 2
    assert "plugin bad.py (ModuleNotFoundError: No module named 'torchh') failed" in unknown.stderr


def test_worker_count_does_not_change_samples(pluxel, toy, tmp_path):
    for workers in (0, 2):
        result = pluxel(
            "train", toy, "training.steps=3", "training.log_every=1", f"training.workers={workers}",
            "--run", tmp_path / str(workers),
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    logs = [
        [json.loads(line) for line in (tmp_path / n / "metrics.jsonl").read_text().splitlines()]
        for n in ("0", "2")
    ]
    losses = [[line.get("train/loss") for line in log] for log in logs]
    assert losses[0] == losses[1]


def test_resuming_needs_no_starting_weights(pluxel, toy, tmp_path):
    assert pluxel("train", toy, "training.steps=1").returncode == 0
    start = tmp_path / "runs" / "start"
    (tmp_path / "runs" / "toy").rename(start)
    settings = ("train", toy, "--run", "other", f"init_from={start}")
    assert pluxel(*settings, "training.steps=1").returncode == 0
    start.rename(tmp_path / "moved")
    resumed = pluxel(*settings, "training.steps=2", "--resume", "auto")
    assert resumed.returncode == 0, resumed.stderr


def test_run_files_are_readable_by_everyone(trained):
    modes = {file.stat().st_mode & 0o777 for file in trained.rglob("*") if file.is_file()}
    plain = trained.parent / "plain"
    plain.touch()
    assert modes == {plain.stat().st_mode & 0o777}


def test_no_file_of_a_run_contains_pickle(trained):
    for folder, _, files in os.walk(trained):
        assert {name.rpartition(".")[2] for name in files} <= {
            "html",
            "safetensors",
            "json",
            "jsonl",
            "npz",
            "yaml",
        }, folder
        for name in files:
            if name.endswith(".npz"):
                with np.load(Path(folder, name), allow_pickle=False) as arrays:
                    assert all(arrays[key].dtype != object for key in arrays)
