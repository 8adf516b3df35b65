"""Metrics of a network while it trains."""

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

_NETWORKS = (None, "inception")  # that collectors can have while training


class Measured(NamedTuple):
    """What came out of a measurement while training.

    Attributes:
      values: by column; empty when all failed.
      append: adds a line per result to `metric-<name>.jsonl` in the run's directory, given the
        name of the snapshot that holds the networks measured, or None where none does; says what
        hinders it.
    """

    values: dict[str, float]
    append: Callable[[str | None], None]


class TrainingMetrics:
    """Measures Gs as it is when it is called, and keeps the mark of the best snapshot.

    Called with (lod, images shown) it returns a `Measured`. A metric that fails is left out, and
    said; a call never raises for that, so a training goes on. In a loop:

        values, append = metrics(lod, nimg)
        if metrics.is_best(values):
            path = save()
            metrics.mark_best(values, path)
        append(path.name if path else None)

    Args:
      options: `metrics`, `metric_images`, `best_metric`, `inception`, `seed` and `xla` are used;
        the same latents are measured every time.
      Gs, dataset, resolution, mirror, labels: the training's; labels [num, label_size] or None.
      directory: the run's.
      say: is told what failed, and what to know of the values.
    Raises: UserError, at once, for an unknown metric, one that has no place in this training, or
      a best_metric that is none of the values.
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
        names = registry.parse_names(options.metrics)
        if options.best_metric and not names:
            raise UserError("train.best_metric is set, but train.metrics names no metric")
        tools = make_tools(
            seed=options.seed,
            inception=options.inception,
            options=("--set train.inception=PATH", ""),
        )
        self._evaluator = Evaluator(names, tools, options.metric_images)
        self._fakes = Fakes(Gs, Gs.lod, options.seed, labels, "metrics", options.xla)
        self._check(options, registry.named(names))
        self._reals = Reals(dataset, resolution, mirror, options.seed)
        self._best = _best(options, names, resolution, directory)
        self._directory, self._say = directory, say
        self._said: set[str] = set()
        self._about = {
            "seed": options.seed,
            "resolution": resolution,
            "mirror": mirror,
            "dataset": dataset.name,
            "version": __version__,
            "training": True,
        }

    def _check(self, options: TrainOptions, metrics: Sequence) -> None:
        """Raises UserError for what can't be measured during this training."""
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
                wanted = "an even one" if collector.group == 2 else "another"
                raise UserError(
                    f"train.metric_images={count}: for {metric.name} {collector.grouping}; take"
                    f" {wanted}, such as {count + collector.group - count % collector.group}"
                )

    def __call__(self, lod: float, nimg: int) -> Measured:
        """Measures Gs at a lod, after so many images shown."""
        try:
            self._fakes.lod = lod
            results = self._evaluator.measure(self._fakes, self._reals)
            dataset_hash = self._reals.key["dataset"]
        except Exception as error:
            self._say(f"not measured: {describe(error)}")
            return Measured({}, lambda snapshot: None)
        for message in messages(results):
            if message not in self._said:
                self._said.add(message)
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
        """Returns whether these values are better than those of the marked snapshot."""
        return self._best is not None and self._best.is_beaten(values)

    def mark_best(self, values: Mapping[str, float], snapshot: Path) -> None:
        """Marks a snapshot of the run as the best; call it after `is_best`."""
        self._best.mark(values, snapshot)

    @property
    def best_snapshot(self) -> Path | None:
        """The marked snapshot, if there is one; it is to be kept."""
        return self._best.snapshot if self._best else None


def _best(
    options: TrainOptions, names: Sequence[str], resolution: int, directory: Path
) -> BestSnapshot | None:
    if not options.best_metric:
        return None
    columns = registry.columns_of(names, resolution)
    if options.best_metric not in columns:
        raise UserError(
            f"train.best_metric={options.best_metric} is none of the values of"
            f" train.metrics={options.metrics}{nearest(options.best_metric, columns)}; there are"
            f" {', '.join(columns)}"
        )
    return BestSnapshot(directory, options.best_metric)


class MetricsCallback(NoCallback):
    """Plugs `TrainingMetrics` into a training: measures, appends lines, keeps the best snapshot."""

    def begin(self, context: Context) -> None:
        """Raises: UserError for options that can't be measured by."""
        config = context.config
        self._every = config.train.metric_ticks
        self._metrics = TrainingMetrics(
            config.train, context.Gs, context.dataset, context.resolution, config.data.mirror,
            context.labels, context.run.path, context.say,
        )  # fmt: skip
        self._measured = Measured({}, lambda snapshot: None)

    def at_tick(self, end: TickEnd) -> dict[str, float]:
        """Measures, where it is due."""
        self._measured = Measured({}, lambda snapshot: None)
        if end.is_due(self._every):
            self._measured = self._metrics(end.lod, end.nimg)
        return dict(self._measured.values)

    def wants_save(self, end: TickEnd) -> bool:
        """Whether this tick's values are the best so far."""
        return self._metrics.is_best(self._measured.values)

    def after_tick(self, end: TickEnd, snapshot: Path | None) -> None:
        """Appends the tick's lines, and marks the best snapshot."""
        self._measured.append(snapshot.name if snapshot else None)
        if snapshot is not None and self._metrics.is_best(self._measured.values):
            self._metrics.mark_best(self._measured.values, snapshot)
