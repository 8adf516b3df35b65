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
from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.opening import open_dataset
from pgan_tf.data.order import prefetch
from pgan_tf.errors import UserError
from pgan_tf.run import DatasetFacts, apply_changes
from pgan_tf.runtime import Runtime
from pgan_tf.training import advice, identity
from pgan_tf.training.callbacks import Callback, TickEnd
from pgan_tf.training.feed import Feed, Iteration, iterations
from pgan_tf.training.first_lines import first_lines
from pgan_tf.training.interrupts import Interrupts
from pgan_tf.training.opening import OpenedRun, open_run
from pgan_tf.training.operations import iteration_operations
from pgan_tf.training.pacing import Clock, TimeLeft
from pgan_tf.training.recorder import ChiefRecorder, Recorder
from pgan_tf.training.saving import Position, Save, newest_save, restore
from pgan_tf.training.setup import build_networks
from pgan_tf.training.step import TrainStep, optimizer_is_reset
from pgan_tf.training.transfer import start_from

_LOOK_EVERY = 25  # iterations between two checks for divergence: each waits for the device
_MOST_SKIPPED_FP16 = 70  # updates in a row; then the loss scale is being sought, not the run lost


class Interrupted(KeyboardInterrupt):
    """The user stopped the training; everything is saved."""


def train(
    config: Config,
    results: str | os.PathLike = "results",
    new: bool = False,
    resume: str | os.PathLike | None = None,
    callbacks: Sequence[Callback] = (),
    command: str = "python -m pgan_tf.train",
    from_start: bool = False,
) -> Path:
    """Trains: begins a run, or continues one at its last save.

    It measures nothing by itself; `pgan_tf.train.train` adds `train.metrics` to the callbacks.

    Args:
      config: all options.
      results: the directory that holds the runs.
      new: begin a new run in any case. By default the newest run with the same options on the
        same data is continued; see `identity.find`.
      resume: the run to continue. Where `config` differs from the run's options, the run changes
        from the save on, and the difference is written to its change log.
      callbacks: what is plugged in: metrics, for example.
      command: the training command without its data set; messages print it with one added.
      from_start: with `resume`, a run that has no save begins again from 0 images.
    Returns: the run's directory.
    Raises:
      UserError: before any training, for options or data that can't be trained with; later,
        when the networks diverge or saving fails. Earlier saves stay as they are.
      Interrupted: on Ctrl-C or SIGTERM, after the iteration is finished and everything is saved.
    """
    runtime = Runtime.start(config.train.gpus, config.train.precision)
    dataset = open_dataset(config.data, command)
    _check(config, dataset, runtime)
    facts = identity.facts_of(dataset)
    with open_run(results, config, facts, new, resume, from_start) as run:
        save, notes = run.save, run.notes
        accepted = False
        while True:
            try:
                loop = _begin(run, save, dataset, facts, callbacks)
            except UserError:
                if run.is_new and save is None:
                    run.directory.discard()
                raise
            if not accepted:
                run.accept()
                accepted = True
            with loop:
                for line in notes:
                    loop.recorder.say(line)
                loop.run()
            if loop.finished:
                return run.directory.path
            save, notes = newest_save(run.directory)  # options change here
            run.directory.go_back_to(save.position.nimg if save else 0)


def _check(config: Config, dataset: Dataset | SyntheticDataset, runtime: Runtime) -> None:
    resolution = config.data.resolution or dataset.resolution
    schedule.check(config, resolution, runtime.replicas)
    if config.train.image_layout == "row_per_class" and dataset.labels is None:
        raise UserError(
            f"train.image_layout=row_per_class, but {config.data.path} has no labels file"
        )


def _begin(
    run: OpenedRun,
    save: Save | None,
    dataset: Dataset | SyntheticDataset,
    facts: DatasetFacts,
    callbacks: Sequence[Callback],
) -> "Loop":
    """Returns the loop from a save, or from 0 images, to the next change of options."""
    nimg = save.position.nimg if save else 0
    config = apply_changes(run.first_config, run.changes, nimg)
    until = min((change.nimg for change in run.changes if change.nimg > nimg), default=math.inf)
    runtime = Runtime.start(config.train.gpus, config.train.precision)
    _check(config, dataset, runtime)
    return Loop(config, runtime, dataset, facts, run, callbacks, save, until)


class Loop:
    """Trains with one set of options, until the run's end or the next change of options.

    Use it in a `with` block, which catches Ctrl-C and SIGTERM and closes the files.

    Args:
      config: the options in force.
      runtime: strategy and place among the workers.
      dataset: the data set to train on.
      facts: what identifies it.
      run: the run to train in.
      callbacks: what is plugged in; only the chief's are called.
      save: the save to continue from; None to begin at 0 images.
      until: images shown at which options change; infinity if they don't.

    Attributes:
      recorder: writes what the run leaves behind.
      position: where the training stands.
      finished: whether the run has reached its length.
    """

    def __init__(
        self,
        config: Config,
        runtime: Runtime,
        dataset: Dataset | SyntheticDataset,
        facts: DatasetFacts,
        run: OpenedRun,
        callbacks: Sequence[Callback] = (),
        save: Save | None = None,
        until: float = math.inf,
    ):
        self.config, self.runtime, self.facts, self.until = config, runtime, facts, until
        self.directory, self.is_found_again = run.directory, run.is_found_again
        self.finished = False
        self.resolution = config.data.resolution or dataset.resolution
        label_size = dataset.label_size if config.data.labels else 0
        with runtime.strategy.scope():
            self.G, self.D, self.Gs = build_networks(
                config, self.resolution, dataset.num_channels, label_size
            )
        self.step = TrainStep(self.G, self.D, self.Gs, config, runtime)
        self.feed = Feed(dataset, config, self.G.latent_size, runtime)
        networks = {"G": self.G, "D": self.D, "Gs": self.Gs}
        state = self.step.state()
        self.position = Position(**vars(save.position)) if save else Position()
        self.recorder = Recorder()
        if runtime.is_chief:
            self.recorder = ChiefRecorder(
                config, run.directory, networks, state, dataset, facts, self.feed, callbacks,
                saved_nimg=self.position.nimg,
            )  # fmt: skip
        if save is not None:
            restore(save, networks, state)
        self.clock = Clock(save.time if save else 0.0)
        self.left = TimeLeft(
            config, self.resolution, runtime.replicas,
            lambda stage: iteration_operations(self.G, self.D, stage, config.train.D_repeats),
        )  # fmt: skip
        self._shown: collections.Counter[int] = collections.Counter()  # in the tick, by resolution
        self._began = 0.0  # seconds of work when this loop began
        self._maintenance = 0.0  # seconds between the last tick and this one
        self._diverged = False
        self._interrupts = Interrupts()

    def __enter__(self) -> "Loop":
        self._interrupts.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        try:
            self.recorder.close()
        finally:
            self._interrupts.__exit__(*exception)

    def run(self) -> None:
        """Trains until `train.total_kimg` or the next change of options; then all is saved."""
        total = int(self.config.train.total_kimg * 1000)
        say, path, nimg = self.recorder.say, self.directory.path, self.position.nimg
        if nimg >= total:
            self.recorder.tidy()
            say(
                f"{path} is finished: {nimg / 1000:.1f} kimg; to train it longer: "
                + advice.longer(self.directory, self.config, nimg)
            )
            self.finished = True
            return
        for line in first_lines(
            self.directory, self.config, self.runtime, self.facts, self.G, self.D, self._phase(),
            self.left, nimg,
        ):  # fmt: skip
            say(line)
        try:
            self._train(total)
        except (UserError, OSError) as error:
            raise self._after_failure(error) from None
        except tf.errors.OpError as error:
            if about := compiled.trouble(error):
                raise self._after_failure(UserError(about)) from None
            if isinstance(error, tf.errors.ResourceExhaustedError):
                raise self._out_of_memory() from None
            raise
        nimg = self.position.nimg
        self.finished = nimg >= total and nimg < self.until  # the log may lengthen it here
        if self.finished:
            say(f"Finished {nimg / 1000:.1f} kimg: {path}")

    def _train(self, total: int) -> None:
        place = self.position
        if not place.nimg:
            if self.config.train.init:
                self.recorder.say(start_from(self.config.train.init, self.G, self.D, self.Gs))
            self.recorder.begin(self._phase().lod)
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
                if is_new and self._stop_asked():  # before minutes of compiling
                    raise self._interrupted()
                self.iterate(iteration, batches)
                since_look += 1
                if since_look >= _LOOK_EVERY:
                    since_look = 0
                    self._check_divergence()
                if place.nimg < total and self._stop_asked():
                    raise self._interrupted()
                shown = place.nimg - place.tick_nimg
                if shown >= iteration.phase.tick_kimg * 1000 or place.nimg >= total:
                    self._end_tick(iteration.phase, last=place.nimg >= total)
                else:
                    seconds = self.clock() - place.tick_time
                    self.recorder.show_progress(
                        shown / 1000, iteration.phase.tick_kimg, shown / max(seconds, 1e-9)
                    )
                if self.until <= place.nimg < total:
                    self.recorder.save(place, self.clock())
                    return
        finally:
            feed.close()

    def _stop_asked(self) -> bool:
        """Whether the user asked any of the workers to stop."""
        return self.runtime.agree(self._interrupts.asked)

    def _phase(self) -> schedule.Phase:
        return schedule.phase_at(
            self.config.schedule, self.position.phase_nimg, self.resolution, self.runtime.replicas
        )

    def iterate(self, iteration: Iteration, batches) -> None:
        """Runs one iteration.

        Args:
          iteration: where it stands.
          batches: what `Feed.batches` made for it.
        """
        phase, place = iteration.phase, self.position
        if (
            self.config.train.reset_optimizer
            and place.lod is not None
            and optimizer_is_reset(place.lod, phase.lod)
        ):
            self.step.reset_optimizers()
        place.lod, place.phase_nimg = phase.lod, phase.nimg
        d_batches, g_batch = batches
        before, is_compiled = self.clock(), self.step.is_compiled(phase)
        if not is_compiled:
            size = f"{phase.resolution}x{phase.resolution}"
            self.recorder.say(f"compiling for {size}{', fading in' if phase.fade > 0 else ''}")
        self.step(d_batches, g_batch, phase)
        shown = phase.minibatch * len(d_batches)
        if is_compiled:
            self._shown[phase.resolution] += shown
        else:
            self.step.skipped_in_a_row()  # waits for the device
            self.left.add_first_iteration(self.clock() - before)
        place.nimg = iteration.nimg + shown

    def _end_tick(self, phase: schedule.Phase, last: bool) -> None:
        """Records a tick and what is due at its end."""
        report = self.step.take_report()  # waits for the device: the time below is all work
        self._check_divergence()
        place, now = self.position, self.clock()
        stats = self._stats(phase, report, now)
        place.tick += 1
        place.tick_nimg, place.tick_time = place.nimg, now
        # Networks whose updates are being skipped may be spoilt.
        most = _MOST_SKIPPED_FP16 if self.config.train.precision == "fp16" else 0
        may_save = report["skipped_in_a_row"] <= most
        end = TickEnd(place.tick, place.nimg, phase.lod, last)
        self.recorder.end_tick(end, stats, place, self.clock, may_save)
        place.tick_time = self.clock()
        self._maintenance = place.tick_time - now

    def _stats(self, phase: schedule.Phase, report: Mapping[str, Any], now: float) -> dict:
        """Returns a tick's line of `stats.jsonl`, without the tick's number."""
        place = self.position
        shown = place.nimg - place.tick_nimg
        seconds = now - place.tick_time
        here = now - max(place.tick_time, self._began)  # without what an earlier process did
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

    def _interrupted(self) -> Interrupted:
        """Saves what is not saved yet; returns the exception to raise."""
        if self.position.nimg > self.recorder.saved_nimg:
            self.recorder.save(self.position, self.clock())
            self.recorder.tidy()
        message = advice.stopped(self.directory, self.position.nimg, self.is_found_again)
        self.recorder.log(message)
        return Interrupted(message)

    def _check_divergence(self) -> None:
        """Raises UserError if no update has been finite for a while; it tells how to continue."""
        skipped = self.step.skipped_in_a_row()
        if skipped >= self.config.train.max_skipped:
            self.recorder.end_progress()
            self._diverged = True
            message = advice.diverged(
                self.directory, self.config, self._phase(), self.position.nimg, skipped,
                self.recorder.saved_nimg,
            )  # fmt: skip
            self.recorder.log(message)
            raise UserError(message)

    def _out_of_memory(self) -> UserError:
        """Returns the exception to raise. D may be ahead of G, so nothing is saved."""
        self.recorder.end_progress()
        message = advice.out_of_memory(
            self.directory, self.config, self._phase(), self.runtime.replicas,
            self.recorder.saved_nimg,
        )  # fmt: skip
        self.recorder.log(message)
        return UserError(message)

    def _after_failure(self, error: UserError | OSError) -> UserError:
        """Saves what the failure would lose, if possible; returns the exception to raise."""
        self.recorder.end_progress()
        message, nimg = str(error), self.position.nimg
        if isinstance(error, OSError):
            message = f"{error.filename or self.directory.path}: {error.strerror or error}"
        if nimg > self.recorder.saved_nimg and not self._diverged and self.recorder.can_save:
            try:
                self.recorder.save(self.position, self.clock())
                message += f"; saved at {nimg / 1000:.1f} kimg in {self.directory.path}"
            except (UserError, OSError):
                message += f"; {self.directory.path} can't be saved in either, earlier saves remain"
        elif isinstance(error, OSError):
            command = identity.resume_command(
                self.directory, from_start=not self.recorder.saved_nimg
            )
            message += f"; earlier saves are untouched; to continue: {command}"
        with contextlib.suppress(OSError):  # the disk may be full
            self.recorder.log(message)
        return UserError(message)
