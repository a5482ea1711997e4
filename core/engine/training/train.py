"""Train all phases of a training, one after the other."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from ....registry import PluxelError
from ...common.files import write_text
from ...common.logs import logger
from ...contracts.kinds import TrackedEnd
from ..checkpoint import read_metadata
from ..session_log import SessionLog, now
from .claim import held_by_all
from .experiment import Experiment
from .monitor import TrainingProgress
from .phase import PhaseTrainer
from .signals import end_reported
from .tracking import Tracking


class Trainer:
    """Trains the model of an experiment, in all phases of its configuration.

    A phase starts from the weights that the phase before kept, with a new optimizer and new moving
    averages; these weights and their scores stay in ``phases/NAME``. The constructor loads the
    starting weights, or the checkpoint if ``resume`` is set and one exists. Only ``train`` writes
    files. ``current``: the present phase. ``tracking``: the trackers of the configuration, in the
    main process.

    Raises: ConfigError for weights, groups or a monitor that do not fit, and for trackers that
    cannot work; PluxelError for a checkpoint of another model, optimizer or phase, and without
    ``resume`` for a directory with a run, which ``experiment.clear_run()`` deletes.
    """

    def __init__(self, experiment: Experiment, *, resume: bool = False) -> None:
        self._whole, self.run = experiment.whole, experiment.run
        self.run.check_claim(experiment.config.source, resume=resume, overwrite=False)
        # Not a method of the experiment, whose model must not outlive its phase.
        self._claimed = partial(held_by_all, experiment.claim, experiment.processes)
        is_main = experiment.processes.is_main_process
        self.tracking = Tracking(self._whole.config if is_main else None)
        self._session_log = SessionLog()
        if resume and self.run.state.exists():
            stored = experiment.in_phase(self._stored_phase())
            self.current = PhaseTrainer(stored, None, self.tracking)
        else:
            start = TrainingProgress(experiment.config.phase)
            self.current = PhaseTrainer(experiment, start, self.tracking)

    def _stored_phase(self) -> int:
        """Return the index of the phase of the checkpoint."""
        phase = self._stored_progress().phase
        names = [each.config.phase for each in self._whole.phases]
        if phase in names:
            return names.index(phase)
        stored = f"a checkpoint of phase '{phase}'" if phase else "of a training without phases"
        named = ", ".join(f"'{name}'" for name in names if name) or "no phases"
        raise PluxelError(f"{self.run.state} is {stored}, but the configuration has {named}")

    def _stored_progress(self) -> TrainingProgress:
        return TrainingProgress(**read_metadata(self.run.state)["progress"])

    def train(self) -> None:
        """Train to the end.

        Raises: Diverged, Interrupted (after saving the state), the errors of bad data, or
        PluxelError if another training uses the run directory or has used it since the constructor.
        """
        with self._claimed():
            self._check_untouched()
            self.current.processes.on_main_process(self._begin)
            tracked = self.tracking.of_run(self.run, self.current.progress.total)
            with end_reported(self._record_end), tracked:
                self.current.train()
                while self.current.experiment.phase + 1 < len(self._whole.phases):
                    self._next_phase()
                    self.current.train()

    def _begin(self) -> None:
        """Write what the run is from now on; drop what comes after the checkpoint."""
        progress, processes = self.current.progress, self.current.processes
        self.run.remove_unfinished()
        write_text(self.run.config, self._whole.config.dump())
        self.run.forget_after(progress.total)
        self._session_log = SessionLog.to_continue(self.run.session_log)
        self._session_log.origins = self._whole.config.origins()
        self._session_log.begin(progress.total, processes.device, processes.num_processes)
        self._record_plan()

    def _record_plan(self) -> None:
        """Record at which step the present phase ends, and how to read its ``monitor``."""
        session, current = self._session_log.sessions[-1], self.current
        session.planned_steps = current.progress.earlier + current.plan.steps
        session.monitor_mode = current.monitor_mode
        self._session_log.write(self.run.session_log)

    def _record_end(self, status: TrackedEnd) -> None:
        """Record in ``training.json`` how the training ended."""
        if not self._session_log.sessions:  # not the main process
            return
        session = self._session_log.sessions[-1]
        session.status, session.ended = status, now()
        if (current := getattr(self, "current", None)) is not None:  # None between phases
            session.last_step = current.progress.total
        with suppress(PluxelError):  # the error that ended the training is the one to report
            self._session_log.write(self.run.session_log)

    def _check_untouched(self) -> None:
        stored = self._stored_progress().total if self.run.state.exists() else 0
        if stored != self.current.progress.total:
            raise PluxelError(
                f"{self.run.state} is a checkpoint of step {stored}, but this Trainer is at step "
                f"{self.current.progress.total}: make another Trainer, with resume=True"
            )

    def _next_phase(self) -> None:
        ended, experiment = self.current, self.current.experiment
        name, config = ended.progress.phase, experiment.config
        ended.owned.write(lambda: self.run.keep_phase(name, config.dump()))
        logger.info("phase '%s' ended: %s", name, self.run.phase(name).directory)
        following = experiment.in_phase(experiment.phase + 1)
        start = ended.progress.next_phase(following.config.phase)
        processes = ended.processes
        del self.current, ended, experiment
        processes.free_memory()
        self.current = PhaseTrainer(following, start, self.tracking)
        processes.on_main_process(self._record_plan)
        # From here on, the kept weights may be those of this phase: never go back behind it.
        self.current.save_state()
