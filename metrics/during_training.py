"""Measures a network while it trains."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metrics import registry
from metrics.best_snapshot import BestSnapshot
from metrics.evaluate import Evaluator
from metrics.measuring import make_tools
from metrics.report import append_results
from metrics.results import Result, describe, messages
from metrics.streams import Fakes, Reals
from pgan_tf import __version__
from pgan_tf.config import TrainOptions
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.errors import UserError, nearest
from pgan_tf.networks import Generator
from pgan_tf.training.callbacks import Context, NoCallback, TickEnd

_NETWORKS = (None, "inception")  # networks that collectors may use during training


class Measured(NamedTuple):
    """The outcome of a measurement during training.

    Attributes:
      values: {column: value}; empty when all metrics failed.
      append: appends one line per result to `metric-<name>.jsonl` in the run's directory. Its
        argument is the name of the snapshot of the measured networks, or None if none was saved.
        If writing fails, it reports the error and does not raise.
    """

    values: dict[str, float]
    append: Callable[[str | None], None]


class TrainingMetrics:
    """Measures the current Gs on each call, and records the best snapshot.

    A call takes (lod, images shown) and returns a `Measured`. A metric that fails is reported and
    left out; the call does not raise, so the training goes on. In a loop:

        values, append = metrics(lod, nimg)
        if metrics.is_best(values):
            path = save()
            metrics.mark_best(values, path)
        append(path.name if path else None)

    Args:
      options: `metrics`, `metric_images`, `best_metric`, `inception`, `seed` and `xla` are used.
        The same latents are measured every time.
      Gs, dataset, resolution, mirror, labels: the training's; labels [num, label_size] or None.
      directory: the run's directory.
      say: called with a line about each failure and each note on the values.
    Raises: UserError, before any measuring, for an unknown metric, a metric that can't be measured
      in this training, or a best_metric that is not one of the values.
    """

    def __init__(
        self,
        options: TrainOptions,
        Gs: Generator,
        dataset: Dataset | SyntheticDataset,
        resolution: int,
        mirror: bool,
        labels: np.ndarray | None,
        directory: Path,
        say: Callable[[str], None] = print,
    ):
        names = check_names(options)
        tools = make_tools(
            seed=options.seed,
            inception=options.inception,
            options=("--set train.inception=PATH", ""),
        )
        self._evaluator = Evaluator(names, tools, options.metric_images)
        self._fakes = Fakes(Gs, Gs.lod, options.seed, labels, "metrics", options.xla)
        self._check(options, registry.metrics_named(names))
        check_names(options, resolution)
        self._reals = Reals(dataset, resolution, mirror, options.seed)
        self._best = BestSnapshot(directory, options.best_metric) if options.best_metric else None
        self._directory, self._say = directory, say
        self._reported: set[str] = set()
        self._about = {
            "seed": options.seed,
            "resolution": resolution,
            "mirror": mirror,
            "dataset": dataset.name,
            "version": __version__,
            "training": True,
        }

    def _check(self, options: TrainOptions, metrics: Sequence) -> None:
        """Raises UserError if a metric can't be measured in this training."""
        where, count = f"train.metrics={options.metrics}", options.metric_images
        for metric in metrics:
            collector = metric.collector
            if collector.network not in _NETWORKS:
                raise UserError(
                    f"{where}: {metric.name} can't be measured during training; use"
                    " python -m metrics.run"
                )
            try:
                collector.check(self._fakes.sizes)
            except UserError as error:
                raise UserError(f"{where}: {metric.name}: {error}") from None
            if count % collector.group:
                multiple = count + collector.group - count % collector.group
                raise UserError(
                    f"train.metric_images={count}: with {metric.name} {collector.grouping}; use a"
                    f" multiple of {collector.group}, such as {multiple}"
                )

    def __call__(self, lod: float, nimg: int) -> Measured:
        """Measures Gs at a lod.

        Args:
          lod: level of detail.
          nimg: number of images shown so far.
        """
        try:
            self._fakes.lod = lod
            results = self._evaluator.measure(self._fakes, self._reals)
            dataset_hash = self._reals.key["dataset"]
        except Exception as error:
            self._say(f"the metrics could not be measured: {describe(error)}")
            return Measured({}, lambda snapshot: None)
        for message in messages(results):
            if message not in self._reported:
                self._reported.add(message)
                self._say(message)
        about = {"kimg": nimg / 1000, "lod": lod, **self._about, "dataset_hash": dataset_hash}

        def append(snapshot: str | None) -> None:
            self._append(results, {"snapshot": snapshot, **about})

        return Measured({c: value for r in results for c, value in r.values.items()}, append)

    def _append(self, results: Sequence[Result], about: Mapping) -> None:
        try:
            append_results(self._directory, results, about)
        except OSError as error:
            self._say(f"{error.filename or self._directory}: {error.strerror}")

    def is_best(self, values: Mapping[str, float]) -> bool:
        """Returns True if these values are better than the best snapshot's."""
        return self._best is not None and self._best.is_beaten(values)

    def mark_best(self, values: Mapping[str, float], snapshot: Path) -> None:
        """Records a snapshot of the run as the best; call it only if `is_best` is True."""
        self._best.mark(values, snapshot)

    @property
    def best_snapshot(self) -> Path | None:
        """The best snapshot so far, which must not be removed; None if there is none."""
        return self._best.snapshot if self._best else None


def check_names(options: TrainOptions, resolution: int | None = None) -> list[str]:
    """Returns the names of the metrics to measure while training.

    Args:
      options: `metrics` and `best_metric` are checked.
      resolution: the resolution of the images; None: don't check best_metric's name yet.
    Raises: UserError for an unknown metric, and for a best_metric that is none of their values.
    """
    names = registry.parse_names(options.metrics)
    if options.best_metric and not names:
        raise UserError("train.best_metric is set, but train.metrics names no metric")
    if names:
        registry.metrics_named(names)
    if not options.best_metric or resolution is None:
        return names
    try:
        columns = registry.columns_of(names, resolution)
    except ValueError as error:
        raise UserError(f"train.metrics={options.metrics}: {error}") from None
    if options.best_metric not in columns:
        raise UserError(
            f"train.best_metric={options.best_metric} is not a value of"
            f" train.metrics={options.metrics}{nearest(options.best_metric, columns)}; choose from"
            f" {', '.join(columns)}"
        )
    return names


class MetricsCallback(NoCallback):
    """Connects `TrainingMetrics` to a training: measures, appends results, records the best.

    It does nothing while the options name no metric.
    """

    def begin(self, context: Context) -> None:
        """Prepares the metrics. Raises: UserError when the options ask for something impossible."""
        config = context.config
        self._every = config.train.metric_ticks
        self._measured = Measured({}, lambda snapshot: None)
        self._metrics = None
        if config.train.metrics or config.train.best_metric:
            self._metrics = TrainingMetrics(
                config.train, context.Gs, context.dataset, context.resolution, config.data.mirror,
                context.labels, context.run.path, context.say,
            )  # fmt: skip

    def at_tick(self, end: TickEnd) -> dict[str, float]:
        """Measures if a measurement is due; returns the values."""
        self._measured = Measured({}, lambda snapshot: None)
        if self._metrics is not None and end.is_due(self._every):
            self._measured = self._metrics(end.lod, end.nimg)
        return dict(self._measured.values)

    def wants_save(self, end: TickEnd) -> bool:
        """Returns True if this tick's values are the best so far."""
        return self._metrics is not None and self._metrics.is_best(self._measured.values)

    def after_tick(self, end: TickEnd, snapshot: Path | None) -> None:
        """Appends the tick's results, and records the snapshot if it is the best."""
        self._measured.append(snapshot.name if snapshot else None)
        if snapshot is not None and self.wants_save(end):
            self._metrics.mark_best(self._measured.values, snapshot)
