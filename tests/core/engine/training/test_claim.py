"""A run directory belongs to one training at a time, however the earlier one ended."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pluxel.core import Run
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training import claim
from pluxel.core.engine.training.claim import Claim
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import PluxelError

pytestmark = pytest.mark.slow

OWNER = """
import sys
from pathlib import Path
from pluxel.core.engine.training import claim
claim._HEARTBEAT = 0.1
with claim.Claim(Path(sys.argv[1])).held():
    print("owns it", flush=True)
    sys.stdin.read(1)
"""


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "SIGN_OF_LIFE", 1.0)
    monkeypatch.setattr(claim, "_HEARTBEAT", 0.1)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns ``tmp_path / "run"`` until it reads a letter."""
    script = OWNER.replace("= 0.1", "= 0.1\nclaim.SIGN_OF_LIFE = 1.0")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "owns it\n"
        yield process
        process.kill()


def forge(file: Path, **fields: str) -> None:
    """Change fields of a lease in place; its other fields stay those of a real owner."""
    text = file.read_text()
    for name, value in fields.items():
        text = re.sub(f"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
    file.write_text(text)


def test_a_living_owner_keeps_the_directory(tmp_path, owner, caplog):
    caplog.set_level("INFO")
    run = tmp_path / "run"
    with pytest.raises(PluxelError) as caught, Claim(run).held():
        pass
    assert str(caught.value) == (
        f"{run} belongs to another training (process {owner.pid} on "
        f"{claim_host(run)}): wait for its end, or choose another directory with --run DIRECTORY. "
        f"If no training runs, delete {run}/training.lock"
    )
    assert f"{run}: waiting for a sign of life of the training that owns it" in caplog.text
    owner.communicate("x")
    with Claim(run).held():
        assert (run / "training.lock").exists()
    assert not run.exists()


def claim_host(run: Path) -> str:
    (host,) = re.findall("^host=([^?\n]*)", (run / "training.lock").read_text(), re.MULTILINE)
    return host


def test_a_killed_owner_is_known_to_be_dead(tmp_path, owner, caplog):
    caplog.set_level("INFO")
    run = Run(tmp_path / "run")
    assert run.is_training()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert not run.is_training()
    with Claim(tmp_path / "run").held():
        assert "waiting" not in caplog.text
    assert not (tmp_path / "run" / "training.lock").exists()


@pytest.mark.parametrize("fields", [{"host": "elsewhere"}, {"host": "elsewhere", "pid": "1"}])
def test_a_lease_of_another_machine_ends_without_signs_of_life(tmp_path, owner, caplog, fields):
    """The process may have this number here, too."""
    caplog.set_level("INFO")
    owner.kill()
    owner.wait()
    forge(tmp_path / "run" / "training.lock", **fields)
    assert Run(tmp_path / "run").is_training()  # for all that is known here
    held = Claim(tmp_path / "run")
    with held.held():
        held.check()
    assert "on elsewhere) (up to 1 s)" in caplog.text


def test_a_living_owner_on_another_machine_keeps_the_directory(tmp_path, owner):
    owner.kill()
    owner.wait()
    file = tmp_path / "run" / "training.lock"
    forge(file, host="elsewhere")
    alive = threading.Event()

    def beat() -> None:
        while not alive.wait(0.1):
            file.touch()

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(PluxelError, match="on elsewhere"), Claim(tmp_path / "run").held():
            pass
    finally:
        alive.set()
        thread.join()


def test_another_process_with_the_number_of_a_dead_owner_is_not_the_owner(tmp_path, owner):
    owner.kill()
    owner.wait()
    forge(tmp_path / "run" / "training.lock", pid="1")  # alive, but it started at another time
    with Claim(tmp_path / "run").held():
        pass


def test_blocks_of_one_training_nest(tmp_path):
    own = Claim(tmp_path)
    with own.held():
        with own.held():
            own.check()
        own.check()
        with (
            pytest.raises(PluxelError, match="belongs to another training"),
            Claim(tmp_path).held(),
        ):
            pass
    with Claim(tmp_path).held():
        pass
    assert not [*tmp_path.iterdir()]


def test_a_lost_directory_is_noticed_before_the_next_write(tmp_path):
    own, other = Claim(tmp_path), Claim(tmp_path)
    with own.held():
        own.file.unlink()
        with pytest.raises(PluxelError) as caught:
            own.check()
        assert str(caught.value) == (
            f"{tmp_path} no longer belongs to this training: {own.file} was deleted"
        )
        with other.held():
            with pytest.raises(PluxelError, match=r": another training owns it \(process \d+ on "):
                own.check()
            other.check()


def test_a_directory_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(PluxelError, match=r"^cannot write .*training\.lock: "),
        Claim(tmp_path / "file").held(),
    ):
        pass


def test_a_trainer_does_not_overwrite_later_steps(make, train):
    """Another training used the run after this Trainer had read the checkpoint."""
    run = train("training.steps=3")
    waiting = Trainer(make(), resume=True)
    train(resume=True)
    before = run.weights.read_bytes(), run.metrics.read_text()
    with pytest.raises(PluxelError) as caught:
        waiting.train()
    assert str(caught.value) == (
        f"{run.state} is a checkpoint of step 6, but this Trainer is at step 3: "
        "make another Trainer, with resume=True"
    )
    assert (run.weights.read_bytes(), run.metrics.read_text()) == before


def test_a_training_that_lost_its_directory_writes_nothing_more(make, train):
    """As after a suspension during which another training took the directory over."""
    trainer = Trainer(make("training.log_every=1"))
    own = trainer.current.experiment.claim
    after_step = trainer.current._after_step
    taken = Claim(own.directory)

    def lose_it() -> None:
        own.file.unlink()
        taken._acquire()
        after_step()

    trainer.current._after_step = lose_it
    with pytest.raises(PluxelError, match="no longer belongs to this training"):
        trainer.train()
    (line,) = trainer.run.metrics.read_text().splitlines()
    assert json.loads(line)["step"] == 1
    assert not trainer.run.state.exists()
    taken.check()
    taken._lease.release()


def test_evaluation_beside_a_training_keeps_the_scores_of_its_weights(
    make, train, host, monkeypatch, caplog
):
    """The training replaces the weights while an earlier checkpoint is evaluated."""
    run = train("training.steps=3", "training.eval_every=3")
    caplog.set_level("INFO")
    trained = open_trained(run.directory, device="cpu", host=host)
    train("training.steps=6", "training.monitor=null", resume=True)
    after = run.results_of("val").read_bytes()
    results, written = evaluate_run(trained, "val")
    assert f"{run.directory}: weights of step 3" in caplog.text
    assert (results["step"], written) == (3, None)
    assert run.results_of("val").read_bytes() == after
    assert f"{run.directory}: a training replaced the weights during the evaluation" in caplog.text


def test_scores_of_deleted_weights_are_returned(train, host, caplog):
    """A training with --overwrite deleted them during the evaluation."""
    run = train("training.steps=3")
    trained = open_trained(run.directory, device="cpu", host=host)
    run.weights.unlink()
    results, written = evaluate_run(trained, "val")
    assert (results["step"], written) == (3, None)
