"""The training loop."""

import collections
import contextlib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pgan_tf import compiled, schedule
from pgan_tf import config as config_module
from pgan_tf import run as names
from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.opening import open_dataset
from pgan_tf.data.order import prefetch
from pgan_tf.errors import UserError
from pgan_tf.run import DatasetFacts, apply_changes
from pgan_tf.runtime import Runtime
from pgan_tf.training import advice, identity
from pgan_tf.training.callbacks import Callback, Context, TickEnd
from pgan_tf.training.feed import Feed, Iteration, iterations
from pgan_tf.training.grids import Grids
from pgan_tf.training.interrupts import Interrupts
from pgan_tf.training.operations import iteration_operations
from pgan_tf.training.pacing import Clock, TimeLeft
from pgan_tf.training.reporting import Reporter
from pgan_tf.training.run_directory import RunDirectory
from pgan_tf.training.saving import Position, Save, Saver, check_same_data, newest_save
from pgan_tf.training.setup import build_networks
from pgan_tf.training.step import TrainStep, optimizer_is_reset
from pgan_tf.training.transfer import start_from

_LOOK_EVERY = 25  # iterations between two looks for divergence: each waits for the device


class Interrupted(KeyboardInterrupt):
    """The user stopped the training; everything is saved."""


def train(
    config: Config,
    results: str | os.PathLike = "results",
    new: bool = False,
    resume: str | os.PathLike | None = None,
    callbacks: Sequence[Callback] = (),
    command: str = "python -m pgan_tf.train",
) -> Path:
    """Trains: begins a run, or continues one at its last save.

    Args:
      config: all options.
      results: the directory that holds the runs.
      new: begin a new run whatever is there; else the newest run that the options stand for is
        continued, see `identity.find`.
      resume: the run to continue. What `config` has otherwise than the run changes from the save
        on, if it can; it is written to the run's change log.
      callbacks: told what happens.
      command: that trains, without a data set; advice names it with one.
    Returns: the run's directory.
    Raises:
      UserError: for options or data that can't be trained with, before any training; when
        the networks diverge; or when saving fails, the snapshots before staying as they are.
      Interrupted: on Ctrl-C or SIGTERM, after the iteration is finished and all is saved.
    """
    runtime = Runtime.start(config.train.gpus, config.train.precision)
    dataset = open_dataset(config.data, command)
    _check(config, dataset, runtime)
    facts = identity.facts_of(dataset)
    run, notes = _choose_run(results, config, facts, new, resume)
    directory = run or RunDirectory.create(results, config, facts)
    with directory.locked():
        first, changes, save = config, [], None
        if run is not None:
            save, lines = newest_save(run)
            first, changes, told = _with_changes(directory, config, facts, save, bool(resume))
            notes += [*lines, *told]
        part = None
        while part is None or not part.finished:
            try:
                part = _begin(first, changes, save, dataset, facts, directory, callbacks)
            except UserError:
                if run is None and save is None:
                    directory.discard()
                raise
            with part:
                for line in notes:
                    part.reporter.say(line)
                part.run()
            if not part.finished:  # the log says that options change here
                save, notes = newest_save(directory)
    return directory.path


def _check(config: Config, dataset: Dataset | SyntheticDataset, runtime: Runtime) -> None:
    resolution = config.data.resolution or dataset.resolution
    schedule.check(config, resolution, runtime.replicas)
    if config.train.image_layout == "row_per_class" and dataset.labels is None:
        raise UserError(
            f"train.image_layout=row_per_class, but {config.data.path} has no labels file"
        )


def _choose_run(
    results: str | os.PathLike,
    config: Config,
    facts: DatasetFacts,
    new: bool,
    resume: str | os.PathLike | None,
) -> tuple[RunDirectory | None, list[str]]:
    """Returns the run to continue, None for a new one, and lines for the user."""
    if resume:
        return RunDirectory(RunDirectory.open(resume).path), []
    if new:
        return None, []
    return identity.find(results, config, facts)


def _with_changes(
    directory: RunDirectory, config: Config, facts: DatasetFacts, save: Save | None, resumed: bool
) -> tuple[Config, list[names.Change], list[str]]:
    """Writes down what changes in a run that is continued.

    Returns: the options that it began with, its change log, and lines for the user.
    Raises: UserError for what can't change.
    """
    if save is not None:
        check_same_data(directory, save, facts)
    nimg = save.position.nimg if save else 0
    before = directory.changes
    wanted = config if resumed else identity.continued(directory, config)
    changes, first = identity.changed(directory, wanted, nimg)
    directory.save_changes(changes)
    directory.save_config(first)
    directory.save_dataset(facts)
    told = [
        f"from {nimg / 1000:.1f} kimg on {change.option}={config_module.value_text(change.new)}"
        f" (before: {config_module.value_text(change.old)})"
        for change in changes
        if change not in before
    ]
    return first, changes, told


def _begin(
    first: Config,
    changes: Sequence[names.Change],
    save: Save | None,
    dataset: Dataset | SyntheticDataset,
    facts: DatasetFacts,
    directory: RunDirectory,
    callbacks: Sequence[Callback],
) -> "_Training":
    """Returns the training from a save, or from the start, to the next change of the log."""
    nimg = save.position.nimg if save else 0
    config = apply_changes(first, changes, nimg)
    until = min((change.nimg for change in changes if change.nimg > nimg), default=math.inf)
    runtime = Runtime.start(config.train.gpus, config.train.precision)
    _check(config, dataset, runtime)
    training = _Training(config, runtime, dataset, facts, directory, callbacks, until)
    if save is not None:
        training.restore(save)
    return training


class _Training:
    """One part of a run, with the same options from its start or continuation to its end.

    Args:
      until: images shown at which options change; infinity where they don't.

    Attributes:
      finished: whether the run has reached its length.
    """

    def __init__(
        self,
        config: Config,
        runtime: Runtime,
        dataset: Dataset | SyntheticDataset,
        facts: DatasetFacts,
        directory: RunDirectory,
        callbacks: Sequence[Callback],
        until: float = math.inf,
    ):
        self.until, self.finished = until, False
        self.config, self.runtime, self.directory = config, runtime, directory
        self.dataset, self.facts = dataset, facts
        self.callbacks = callbacks if runtime.is_chief else ()
        self.resolution = config.data.resolution or dataset.resolution
        label_size = dataset.label_size if config.data.labels else 0
        with runtime.strategy.scope():
            self.G, self.D, self.Gs = build_networks(
                config, self.resolution, dataset.num_channels, label_size
            )
        self.step = TrainStep(self.G, self.D, self.Gs, config, runtime)
        self.feed = Feed(dataset, config, self.G.latent_size, runtime)
        self.reporter = Reporter(directory)
        self.grids = Grids(config, directory.path, self.Gs, dataset, self.feed, self.reporter)
        networks = {"G": self.G, "D": self.D, "Gs": self.Gs}
        self.saver = Saver(directory, networks, self.step.state(), config, facts)
        repeats = config.train.D_repeats
        self.left = TimeLeft(
            config, self.resolution, runtime.replicas,
            lambda stage: iteration_operations(self.G, self.D, stage, repeats),
        )  # fmt: skip
        self.clock = Clock()
        self.position = Position()
        self._shown: collections.Counter[int] = collections.Counter()  # in the tick, by resolution
        self._began = 0.0  # seconds of work, when this part of the run began
        self._maintenance = 0.0  # seconds between the last tick and this one
        self.diverged = False
        self._stack = contextlib.ExitStack()
        context = Context(
            config, self.Gs, dataset, self.resolution, self.feed.labels, directory,
            self.reporter.say,
        )  # fmt: skip
        for callback in self.callbacks:
            callback.begin(context)

    def __enter__(self):
        self._interrupts = self._stack.enter_context(Interrupts())
        self._stack.callback(self.reporter.close)
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def restore(self, save: Save) -> None:
        """Goes on from a save."""
        self.saver.restore(save)
        self.position = Position(**vars(save.position))
        self.clock = Clock(save.time)

    def run(self) -> None:
        """Trains until `train.total_kimg`, or until options change; there, all is saved."""
        total = int(self.config.train.total_kimg * 1000)
        say, where, nimg = self.reporter.say, self.directory.path, self.position.nimg
        if nimg >= total:
            self.saver.tidy()
            say(
                f"{where} is finished: {nimg / 1000:.1f} kimg; to go on with it: "
                + advice.longer(self.directory, self.config, nimg)
            )
            self.finished = True
            return
        for line in advice.first_lines(self, nimg):
            say(line)
        try:
            self._train(total)
        except (UserError, OSError) as error:
            raise self.rescued(error) from None
        except tf.errors.OpError as error:
            if about := compiled.trouble(error):
                raise self.rescued(UserError(about)) from None
            if isinstance(error, tf.errors.ResourceExhaustedError):
                raise self.out_of_memory() from None
            raise
        self.finished = self.position.nimg >= total
        if self.finished:
            say(f"Finished {self.position.nimg / 1000:.1f} kimg: {where}")

    def _train(self, total: int) -> None:
        place = self.position
        if not place.nimg:
            if self.config.train.init:
                self.reporter.say(start_from(self.config.train.init, self.G, self.D, self.Gs))
            self.grids.save_reals()
            self.grids.save_fakes(0, self._phase().lod)
        self._began = self.clock()
        if place.tick_nimg == place.nimg:
            place.tick_time = self._began
        plan = iterations(
            self.config, self.resolution, self.runtime.replicas, place.nimg, place.phase_nimg
        )
        feed = prefetch(plan, self.feed.batches)
        since_look = 0
        try:
            for iteration, batches in feed:
                is_new = not self.step.is_compiled(iteration.phase)
                if is_new and self.runtime.agree(self._interrupts.asked):  # before it is compiled
                    raise self.interrupted()
                self.iterate(iteration, batches)
                since_look += 1
                if since_look >= _LOOK_EVERY:
                    since_look = 0
                    self.check_divergence()
                if place.nimg < total and self.runtime.agree(self._interrupts.asked):
                    raise self.interrupted()
                shown = place.nimg - place.tick_nimg
                if shown >= iteration.phase.tick_kimg * 1000 or place.nimg >= total:
                    self.end_tick(iteration, last=place.nimg >= total)
                else:
                    seconds = self.clock() - place.tick_time
                    self.reporter.progress(
                        shown / 1000, iteration.phase.tick_kimg, shown / max(seconds, 1e-9)
                    )
                if self.until <= place.nimg < total:
                    self.save()
                    return
        finally:
            feed.close()

    def _phase(self) -> schedule.Phase:
        return schedule.phase_at(
            self.config.schedule, self.position.phase_nimg, self.resolution, self.runtime.replicas
        )

    def iterate(self, iteration: Iteration, batches) -> None:
        """Runs one iteration."""
        phase, place = iteration.phase, self.position
        if (
            self.config.train.reset_optimizer
            and place.lod is not None
            and optimizer_is_reset(place.lod, phase.lod)
        ):
            self.step.reset_optimizers()
        place.lod, place.phase_nimg = phase.lod, phase.nimg
        d_batches, g_batch = batches
        before, compiled = self.clock(), self.step.is_compiled(phase)
        if not compiled:
            size = f"{phase.resolution}x{phase.resolution}"
            self.reporter.say(f"compiling for {size}{', fading in' if phase.fade > 0 else ''}")
        self.step(d_batches, g_batch, phase)
        shown = phase.minibatch * len(d_batches)
        if compiled:
            self._shown[phase.resolution] += shown
        else:
            self.step.skipped_in_a_row()  # waits for the device
            self.left.add_first_iteration(self.clock() - before)
        place.nimg = iteration.nimg + shown

    def end_tick(self, iteration: Iteration, last: bool) -> None:
        """Reports the tick and saves what is due."""
        report = self.step.take_report()  # waits for the device: the time below is all work
        self.check_divergence()
        place, phase, now = self.position, iteration.phase, self.clock()
        stats = self._stats(phase, report, now)
        place.tick += 1
        place.tick_nimg, place.tick_time = place.nimg, now
        end = TickEnd(place.tick, place.nimg, phase.lod, last)
        values: dict[str, float] = {}
        snapshot = None
        try:
            for callback in self.callbacks:
                values |= callback.at_tick(end)
            self.reporter.tick({"tick": place.tick, **stats}, values)
            if end.is_due(self.config.train.image_snapshot_ticks):
                path = self.grids.save_fakes(place.nimg, phase.lod)
                for callback in self.callbacks:
                    callback.picture(end, path)
            # Networks whose updates are skipped may be spoilt; in float16 the scale is sought.
            most = 70 if self.config.train.precision == "fp16" else 0
            is_due = end.is_due(self.config.train.network_snapshot_ticks)
            is_due = is_due or any(callback.wants_save(end) for callback in self.callbacks)
            if last or (is_due and report["skipped_in_a_row"] <= most):
                self.save()
                snapshot = self.directory.path / names.snapshot_name(place.nimg)
        finally:
            for callback in self.callbacks:
                callback.after_tick(end, snapshot)
        self.saver.tidy()
        place.tick_time = self.clock()
        self._maintenance = place.tick_time - now

    def _stats(self, phase: schedule.Phase, report: Mapping[str, Any], now: float) -> dict:
        """Returns a tick's line for `stats.jsonl`, but for its number."""
        place = self.position
        shown = place.nimg - place.tick_nimg
        seconds = now - place.tick_time
        here = now - max(place.tick_time, self._began)  # not in an earlier part of the run
        self.left.add_tick(self._shown, here, self._maintenance)
        self._shown.clear()
        segment_left, run_left = self.left.estimate(place.nimg / 1000, self.step.is_compiled)
        return {
            "nimg": place.nimg,
            "kimg": place.nimg / 1000,
            "lod": phase.lod,
            "resolution": phase.resolution,
            "minibatch": phase.minibatch,
            "time": now,
            "sec_per_tick": seconds,
            "sec_per_kimg": seconds / (shown / 1000),
            "maintenance": self._maintenance,
            "images_per_sec": shown / seconds,
            "G_lrate": phase.G_lrate,
            "D_lrate": phase.D_lrate,
            "stage_left": segment_left,
            "run_left": run_left,
            **report,
        }

    def save(self) -> None:
        """Saves networks and state. Raises: UserError when that fails."""
        if self.runtime.is_chief:
            self.saver.save(self.position, self.clock())

    def interrupted(self) -> Interrupted:
        """Saves what is new; returns what to end with."""
        if self.position.nimg > self.saver.saved_nimg:
            self.save()
            self.saver.tidy()
        message = advice.stopped(self.directory, self.position.nimg)
        self.directory.append(names.LOG, message)
        return Interrupted(message)

    def check_divergence(self) -> None:
        """Stops a run whose updates have all been skipped for a while.

        Raises: UserError with a command that goes on from the last save.
        """
        skipped = self.step.skipped_in_a_row()
        if skipped >= self.config.train.max_skipped:
            self.reporter.end_progress()
            self.diverged = True
            message = advice.diverged(
                self.directory, self.config, self._phase(), self.position.nimg, skipped,
                self.saver.saved_nimg,
            )  # fmt: skip
            self.directory.append(names.LOG, message)
            raise UserError(message)

    def out_of_memory(self) -> UserError:
        """Returns the error to end with; nothing can be saved, D perhaps being ahead of G."""
        self.reporter.end_progress()
        return UserError(
            advice.out_of_memory(
                self.directory, self.config, self._phase(), self.runtime.replicas,
                self.saver.saved_nimg,
            )
        )  # fmt: skip

    def rescued(self, error: UserError | OSError) -> UserError:
        """Saves what a failure would lose, if it can be; returns the error to end with."""
        self.reporter.end_progress()
        message, nimg = str(error), self.position.nimg
        if isinstance(error, OSError):
            message = f"{error.filename or self.directory.path}: {error.strerror or error}"
        if nimg > self.saver.saved_nimg and not self.diverged and not self.saver.failed:
            try:
                self.save()
                message += f"; saved at {nimg / 1000:.1f} kimg in {self.directory.path}"
            except (UserError, OSError):
                message += f"; nor can be saved in {self.directory.path}, what was saved stays"
        elif isinstance(error, OSError):
            message += "; what was saved is untouched, and the same command continues"
        return UserError(message)
