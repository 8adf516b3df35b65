"""The training loop."""

import collections
import contextlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from pgan_tf import schedule
from pgan_tf.config import Config
from pgan_tf.data.order import prefetch
from pgan_tf.devices import allow_tf32, make_strategy
from pgan_tf.errors import DamagedError, UserError, nearest
from pgan_tf.images import ImageGenerator, enlarge, grid_size, make_grid, save_png
from pgan_tf.networks import Generator, GrowingNetwork
from pgan_tf.snapshot import (
    Snapshot,
    load_snapshot,
    nimg_of,
    save_snapshot,
    snapshots_of,
)
from pgan_tf.training.feed import Feed, Iteration, iterations
from pgan_tf.training.interrupts import Interrupts
from pgan_tf.training.reports import Clock, Reporter, TimeLeft
from pgan_tf.training.run_directory import RunDirectory
from pgan_tf.training.setup import build_networks, open_dataset
from pgan_tf.training.step import TrainStep, optimizer_is_reset

_LONG_ON_A_CPU = 2000  # kimg
_LOOK_EVERY = 25  # iterations between two looks for divergence: each waits for the device


def train(config: Config, results: str = "results", new: bool = False) -> Path:
    """Trains, or continues the newest run of the same options.

    Args:
      config: all options.
      results: the directory that holds the runs.
      new: start a new run whatever is there.
    Returns: the run's directory.
    Raises:
      UserError: for options or data that can't be trained with, before any training; when
        the networks diverge; or when saving fails, the snapshots before staying as they are.
      Interrupted: on Ctrl-C or SIGTERM, after the iteration is finished and all is saved.
    """
    allow_tf32(config.train.precision == "tf32")
    strategy = make_strategy(config.train.gpus)
    dataset = open_dataset(config)
    schedule.check(
        config, config.data.resolution or dataset.resolution, strategy.num_replicas_in_sync
    )
    run = None if new else RunDirectory.find(results, config)
    directory = run or RunDirectory.create(results, config)
    with directory.locked():
        try:
            training = _Training(config, strategy, dataset, directory)
        except UserError:
            if run is None:
                directory.discard()
            raise
        with training as t:
            t.resume()
            t.run()
    return directory.path


def _shape(G: Generator) -> str:
    """Returns the shape of a network's images and labels, for people."""
    labels = f", {G.label_size} classes" if G.label_size else ""
    return f"{G.resolution}x{G.resolution}, {G.num_channels} channel(s){labels}"


class Interrupted(KeyboardInterrupt):
    """The user stopped the training; everything is saved."""


class _Training:
    """One part of a run, from its start or continuation to its end or interruption."""

    def __init__(self, config: Config, strategy, dataset, directory: RunDirectory):
        self.config = config
        self.strategy = strategy
        self.dataset = dataset
        self.directory = directory
        self.resolution = config.data.resolution or dataset.resolution
        self.replicas = strategy.num_replicas_in_sync
        label_size = dataset.label_size if config.data.labels else 0
        with strategy.scope():
            self.G, self.D, self.Gs = build_networks(
                config, self.resolution, dataset.num_channels, label_size
            )
        self.step = TrainStep(self.G, self.D, self.Gs, config, strategy)
        self._dataset_hash = dataset.content_hash()
        self.feed = Feed(dataset, config, self.G.latent_size)
        self.reporter = Reporter(directory)
        self.left = TimeLeft(config, self.resolution, self.replicas, dataset.num_channels)
        self.clock = Clock()
        self.nimg = 0  # images shown
        self.phase_nimg = 0  # when the schedule was last looked up
        self.tick = 0
        self.tick_nimg = 0  # at the start of the tick
        self.tick_time = 0.0  # likewise, seconds of work
        self._shown: collections.Counter[int] = collections.Counter()  # in the tick, by resolution
        self._began = 0.0  # seconds of work, when this part of the run began
        self._maintenance = 0.0  # seconds between the last tick and this one
        self.lod: float | None = None  # of the last iteration
        self.saved_nimg = 0
        self.diverged = self.save_failed = False
        self._stack = contextlib.ExitStack()
        self._grid = grid_size(config.train.image_grid, self.resolution)
        self._generate = ImageGenerator(self.Gs, xla=config.train.xla)
        self._measure, self._best = self._metrics()

    def _metrics(self):
        """Returns what measures Gs, and what keeps the best snapshot; None where not asked for.

        Raises: UserError for a name that no metric has, or that can't be measured here.
        """
        train = self.config.train
        if not train.metrics:
            if train.best_metric:
                raise UserError("train.best_metric is set, but train.metrics names no metric")
            return None, None
        # Only now: a training without metrics needs nothing of theirs.
        from metrics.best_snapshot import BestSnapshot
        from metrics.during_training import training_metrics
        from metrics.registry import columns_of, parse_names

        names = parse_names(train.metrics)
        measure = training_metrics(
            names,
            self.Gs,
            self.dataset,
            self.resolution,
            self.config.data.mirror,
            self.directory.path,
            num_images=train.metric_images,
            seed=train.seed,
            labels=self.feed.labels,
            inception=train.inception,
            xla=train.xla,
            say=self.reporter.say,
        )
        if not train.best_metric:
            return measure, None
        columns = columns_of(names, self.resolution)
        if train.best_metric not in columns:
            raise UserError(
                f"train.best_metric={train.best_metric} is none of the values of"
                f" train.metrics={train.metrics}{nearest(train.best_metric, columns)}; there are"
                f" {', '.join(columns)}"
            )
        return measure, BestSnapshot(self.directory.path, train.best_metric)

    def __enter__(self):
        self._interrupts = self._stack.enter_context(Interrupts())
        self._stack.callback(self.reporter.close)
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def resume(self) -> None:
        """Continues from the newest save that is whole, if the run has any.

        What is newer is told and set aside.

        Raises: UserError when there are saves but none is whole, or the data set is another.
        """
        faults: list[tuple[UserError, Path]] = []
        for path in self.directory.states():
            try:
                snapshot, arrays, meta = self._load(path)
            except DamagedError as fault:
                faults.append((fault, path))
                continue
            self._restore(snapshot, arrays, meta)
            newer = [s for s in snapshots_of(self.directory.path) if nimg_of(s) > self.nimg]
            messages = [str(fault) for fault, _ in faults]
            if newer and not faults:
                messages = [f"{newer[-1]} has no training state beside it"]
            for message in messages:
                self.reporter.say(f"{message}; going back to {self.nimg / 1000:.1f} kimg")
            for file in [*newer, *(state for _, state in faults)]:
                self.directory.set_aside(file)
            return
        if faults:
            raise UserError(f"{faults[0][0]}; start a new run with --new")
        if snapshots := snapshots_of(self.directory.path):
            raise UserError(
                f"{snapshots[-1]} has no training state beside it to continue from; start a new"
                " run with --new"
            )

    def _load(self, path: Path) -> tuple[Snapshot, dict[str, np.ndarray], dict]:
        """Returns the snapshot that a state goes with, and the state.

        Raises: DamagedError; UserError when they can't be read, or the data set is another.
        """
        arrays, meta = self.directory.load_state(path)
        snapshot = load_snapshot(self.directory.path / meta["snapshot"])
        if snapshot.nimg != meta["nimg"]:
            raise DamagedError(f"{snapshot.path} and {path.name} are of different moments")
        if _shape(snapshot.G) != _shape(self.G) or meta["dataset"] != self._dataset_hash:
            raise UserError(
                f"{self.directory.path} was trained on other images ({_shape(snapshot.G)}) than"
                f" {self.dataset.path or self.dataset.name} holds now ({_shape(self.G)}); restore"
                " the data set, or start a new run with --new"
            )
        networks = self._networks(snapshot)
        fits = all(
            [v.shape for v in a.variables] == [v.shape for v in b.variables] for a, b in networks
        )
        wanted = {name: tuple(variable.shape) for name, variable in self.step.state().items()}
        if not fits or {name: array.shape for name, array in arrays.items()} != wanted:
            raise DamagedError(f"{snapshot.path} or {path.name} is of other networks")
        return snapshot, arrays, meta

    def _networks(self, snapshot: Snapshot) -> list[tuple[GrowingNetwork, GrowingNetwork]]:
        return [(self.G, snapshot.G), (self.D, snapshot.D), (self.Gs, snapshot.Gs)]

    def _restore(self, snapshot: Snapshot, arrays: dict[str, np.ndarray], meta: dict) -> None:
        for ours, theirs in self._networks(snapshot):
            for variable, value in zip(ours.variables, theirs.variables, strict=True):
                variable.assign(value.numpy())
        for name, variable in self.step.state().items():
            variable.assign(arrays[name])
        self.nimg, self.phase_nimg = meta["nimg"], meta["phase_nimg"]
        self.tick, self.tick_nimg, self.lod = meta["tick"], meta["tick_nimg"], meta["lod"]
        self.saved_nimg = self.nimg
        self.clock, self.tick_time = Clock(meta["time"]), meta["tick_time"]
        self.directory.rewind(self.nimg)
        self.directory.save_config(self.config)

    def run(self) -> None:
        """Trains until `train.total_kimg`."""
        total = int(self.config.train.total_kimg * 1000)
        say, where = self.reporter.say, self.directory.path
        if self.nimg >= total:
            say(
                f"{where} is finished: {self.nimg / 1000:.1f} kimg; a larger train.total_kimg"
                " would go on with it"
            )
            return
        say(f"{'Continuing' if self.nimg else 'Training'} in {where} on {self._devices()}")
        try:
            self._train(total)
        except (UserError, OSError) as error:
            raise self.rescued(error) from None
        except tf.errors.ResourceExhaustedError:
            raise self.out_of_memory() from None
        say(f"Finished {self.nimg / 1000:.1f} kimg: {where}")

    def _train(self, total: int) -> None:
        """Does what `run` tells of."""
        say, where = self.reporter.say, self.directory.path
        if not self.nimg:
            if self.config.train.total_kimg >= _LONG_ON_A_CPU and "CPU" in self._devices():
                say(
                    "No GPU here: on a CPU a schedule of this length takes months; --config"
                    " openmoji --data-dir DIR has one that takes minutes"
                )
            self.directory.rewind(0)
            self.save_reals()
            self.save_fakes(self._phase().lod)
        self._began = self.clock()
        if self.tick_nimg == self.nimg:
            self.tick_time = self._began
        plan = iterations(self.config, self.resolution, self.replicas, self.nimg, self.phase_nimg)
        feed = prefetch(plan, self.feed.batches)
        since_look = 0
        try:
            for iteration, batches in feed:
                self.iterate(iteration, batches)
                since_look += 1
                if since_look >= _LOOK_EVERY:
                    since_look = 0
                    self.check_divergence()
                if self._interrupts.asked and self.nimg < total:
                    self.save()
                    self.tidy()
                    message = (
                        f"stopped at {self.nimg / 1000:.1f} kimg, saved in {where};"
                        " the same command continues"
                    )
                    self.directory.append("log.txt", message)
                    raise Interrupted(message)
                shown = self.nimg - self.tick_nimg
                if shown >= iteration.phase.tick_kimg * 1000 or self.nimg >= total:
                    self.end_tick(iteration, last=self.nimg >= total)
                else:
                    seconds = self.clock() - self.tick_time
                    self.reporter.progress(
                        shown / 1000, iteration.phase.tick_kimg, shown / max(seconds, 1e-9)
                    )
        finally:
            feed.close()

    def rescued(self, error: UserError | OSError) -> UserError:
        """Saves what a failure would lose, if it can be; returns the error to end with."""
        self.reporter.end_progress()
        message = str(error)
        if isinstance(error, OSError):
            message = f"{error.filename or self.directory.path}: {error.strerror or error}"
        if self.nimg > self.saved_nimg and not self.diverged and not self.save_failed:
            try:
                self.save()
                message += f"; saved at {self.nimg / 1000:.1f} kimg in {self.directory.path}"
            except (UserError, OSError):
                message += f"; nor can be saved in {self.directory.path}, what was saved stays"
        elif isinstance(error, OSError):
            message += "; what was saved is untouched, and the same command continues"
        return UserError(message)

    def out_of_memory(self) -> UserError:
        """Returns the error to end with; nothing can be saved, D perhaps being ahead of G."""
        self.reporter.end_progress()
        phase = self._phase()
        share = phase.minibatch // self.replicas
        return UserError(
            f"out of memory at {phase.resolution}x{phase.resolution} with a minibatch of {share}"
            f" per replica; set schedule.max_minibatch_per_gpu={phase.resolution}:N lower, or use"
            f" --precision fp16; the last save is of {self.saved_nimg / 1000:.1f} kimg"
        )

    def _devices(self) -> str:
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        if self.replicas == 1:
            return f"the {kind}"
        return f"{self.replicas} {kind}{'s' * (self.replicas > 1)}"

    def _phase(self) -> schedule.Phase:
        return schedule.phase_at(
            self.config.schedule, self.phase_nimg, self.resolution, self.replicas
        )

    def iterate(self, iteration: Iteration, batches) -> None:
        """Runs one iteration."""
        phase = iteration.phase
        if (
            self.config.train.reset_optimizer
            and self.lod is not None
            and optimizer_is_reset(self.lod, phase.lod)
        ):
            self.step.reset_optimizers()
        self.lod, self.phase_nimg = phase.lod, phase.nimg
        d_batches, g_batch = batches
        before, compiled = self.clock(), self.step.is_compiled(phase)
        if not compiled:
            size = f"{phase.resolution}x{phase.resolution}"
            self.reporter.say(f"compiling for {size}{', fading in' if phase.fade > 0 else ''}")
        self.step(d_batches, g_batch, phase)
        if compiled:
            self._shown[phase.resolution] += phase.minibatch * len(d_batches)
        else:
            self.step.skipped_in_a_row()  # waits for the device
            self.left.starts_up(self.clock() - before)
        self.nimg = iteration.nimg + phase.minibatch * len(d_batches)

    def check_divergence(self) -> None:
        """Stops a run whose updates have all been skipped for a while.

        Raises: UserError naming the last good snapshot.
        """
        skipped = self.step.skipped_in_a_row()
        if skipped >= self.config.train.max_skipped:
            self.reporter.end_progress()
            snapshots = snapshots_of(self.directory.path)
            last = f"the last good snapshot is {snapshots[-1]}" if snapshots else "no snapshot yet"
            message = (
                f"diverged at {self.nimg / 1000:.1f} kimg: {skipped:.0f} updates in a row had"
                f" gradients that are not finite; {last}; try lower schedule.G_lrate_base and"
                " D_lrate_base"
            )
            self.diverged = True
            self.directory.append("log.txt", message)
            raise UserError(message)

    def end_tick(self, iteration: Iteration, last: bool) -> None:
        """Reports the tick and saves what is due."""
        report = self.step.take_report()  # waits for the device: the time below is all work
        self.check_divergence()
        now = self.clock()
        shown = self.nimg - self.tick_nimg
        seconds = now - self.tick_time
        per_kimg = seconds / (shown / 1000)
        phase = iteration.phase
        here = now - max(self.tick_time, self._began)  # not in an earlier part of the run
        self.left.takes(self._shown, here, self._maintenance)
        self._shown.clear()
        stage_left, run_left = self.left.estimate(self.nimg / 1000, self.step.is_compiled)
        self.tick += 1
        self.tick_nimg, self.tick_time = self.nimg, now
        stats = {
            "tick": self.tick,
            "nimg": self.nimg,
            "kimg": self.nimg / 1000,
            "lod": phase.lod,
            "resolution": phase.resolution,
            "minibatch": phase.minibatch,
            "time": now,
            "sec_per_tick": seconds,
            "sec_per_kimg": per_kimg,
            "maintenance": self._maintenance,
            "images_per_sec": shown / seconds,
            "G_lrate": phase.G_lrate,
            "D_lrate": phase.D_lrate,
            "stage_left": stage_left,
            "run_left": run_left,
            **report,
        }
        train = self.config.train
        values, append = {}, None
        if self._measure and (last or self.is_due(train.metric_ticks)):
            self.reporter.end_progress()
            values, append = self._measure(phase.lod, self.nimg)
        snapshot = None
        try:
            self.reporter.tick(stats, values)
            if last or self.is_due(train.image_snapshot_ticks):
                self.save_fakes(phase.lod)
            is_best = self._best is not None and self._best.is_beaten(values)
            # Networks whose updates are skipped may be spoilt; in float16 the scale is sought.
            sound = report["skipped_in_a_row"] <= (70 if train.precision == "fp16" else 0)
            if last or (sound and (is_best or self.is_due(train.network_snapshot_ticks))):
                self.save()
                snapshot = self.directory.snapshot_path(self.nimg).name
        finally:
            if append:
                append(snapshot)
        if is_best and sound:
            self._best.mark(values, self.directory.snapshot_path(self.nimg))
        self.tidy()
        self.tick_time = self.clock()
        self._maintenance = self.tick_time - now

    def is_due(self, every: int) -> bool:
        """True every so many ticks; with 0 only at the end."""
        return every > 0 and self.tick % every == 0

    def save(self) -> None:
        """Saves a snapshot and the state that goes with it.

        Raises: UserError when the disk is full or can't be written.
        """
        path = self.directory.snapshot_path(self.nimg)
        meta = {
            "nimg": self.nimg,
            "phase_nimg": self.phase_nimg,
            "lod": self.lod,
            "dataset": self._dataset_hash,
            "tick": self.tick,
            "tick_nimg": self.tick_nimg,
            "tick_time": self.tick_time,
            "time": self.clock(),
            "snapshot": path.name,
        }
        try:
            with self.directory.saving_state(self.step.state(), meta):
                save_snapshot(path, self.G, self.D, self.Gs, self.config, self.nimg, self.lod)
        except OSError as error:
            self.save_failed = True
            raise UserError(
                f"can't save in {path.parent}: {error.strerror}; what was saved before is"
                " untouched; make room, then run the same command to continue"
            ) from None
        self.saved_nimg = self.nimg

    def tidy(self) -> None:
        """Removes snapshots that are no longer wanted."""
        best = self._best.snapshot if self._best else None
        self.directory.remove_old_snapshots(self.config.train.keep_snapshots, best)

    def save_reals(self) -> None:
        """Writes the grid of reals, at full resolution."""
        columns, rows = self._grid
        indices, _, _ = self.feed.grid(columns, rows)
        picture = make_grid(self.dataset.read(self.resolution, indices), columns)
        save_png(picture, self.directory.path / "reals.png")
        self.reporter.image("reals", picture, 0)

    def save_fakes(self, lod: float) -> None:
        """Writes the grid of Gs's images of the fixed latents, enlarged to full resolution."""
        columns, rows = self._grid
        _, latents, labels = self.feed.grid(columns, rows)
        self._generate.lod = lod
        images = enlarge(self._generate(latents, labels), self.resolution)
        picture = make_grid(images, columns)
        save_png(picture, self.directory.path / f"fakes{self.nimg // 1000:06d}.png")
        self.reporter.image("fakes", picture, self.nimg)
