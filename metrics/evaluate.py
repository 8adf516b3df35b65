"""Measures sources of images with several metrics in one pass over them."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from metrics.cache import Cache
from metrics.collectors import Arrays, Codes, Collector, Descriptors, Features, Similarities
from metrics.inception import Inception
from metrics.measures import METRICS, Metric, Tools
from metrics.mnist_modes import DigitClassifier
from metrics.sources import Source
from pgan_tf.errors import UserError, nearest

Thing = TypeVar("Thing")
_REALS, _FAKES = 0, 1 << 20  # streams of random numbers; passes over other reals are between


@dataclass(frozen=True)
class Result:
    """What a metric said of a source.

    Attributes:
      metric: its definition.
      values: by column; empty when it failed.
      error: why it failed, in one line.
      num_images: measured.
      seconds: what it took, shared passes counted whole, a classifier's training too.
      num_reals: that it compared with; None without.
      weights: hash of the weights of the network that it used, by that network's name in files.
    """

    metric: Metric
    num_images: int
    seconds: float
    values: dict[str, float] = field(default_factory=dict)
    error: str = ""
    num_reals: int | None = None
    weights: dict[str, str] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The headline value."""
        return self.values[self.metric.headline]


class Evaluator:
    """Measures one source after the other against the same reals.

    Args:
      metrics: names.
      cache: for statistics of reals.
      num_images: for every metric; None: each metric's own.
      seed: of everything random, except the sources'.
      load_inception: gives the network that fid, is and kid need; called until it succeeds, once
        in each `measure`.
      load_classifier: gives the digit classifier that modes needs; likewise.
    Raises: UserError for an unknown metric.
    """

    def __init__(
        self,
        metrics: Sequence[str],
        cache: Cache,
        num_images: int | None = None,
        seed: int = 0,
        load_inception: Callable[[], Inception] | None = None,
        load_classifier: Callable[[], DigitClassifier] | None = None,
    ):
        if not metrics:
            raise UserError(f"no metric given; there are {', '.join(METRICS)}")
        for name in metrics:
            if name not in METRICS:
                raise UserError(
                    f"unknown metric {name!r}{nearest(name, METRICS)}; there are"
                    f" {', '.join(METRICS)}"
                )
        self.metrics = [METRICS[name] for name in dict.fromkeys(metrics)]
        self.cache, self.num_images, self.seed = cache, num_images, seed
        self.inception = _Once(load_inception, "the Inception network is needed")
        self.classifier = _Once(load_classifier, "a digit classifier is needed")
        self._reals: dict[str, Arrays] = {}

    def counts(self, source: Source, metrics: Sequence[Metric]) -> dict[str, int]:
        """Returns {collector: number of images of the source that it takes}.

        Raises: UserError when the source has fewer than asked for.
        """
        if self.num_images is not None and (source.num_images or np.inf) < self.num_images:
            raise UserError(
                f"{source.name} has {source.num_images} images, fewer than the"
                f" {self.num_images} asked for with --num-images"
            )
        counts: dict[str, int] = {}
        for metric in metrics:
            wanted = min(self.num_images or metric.num_images, source.num_images or 1 << 62)
            counts[metric.collector] = max(counts.get(metric.collector, 0), wanted)
        return counts

    def measure(
        self,
        source: Source,
        reals: Source | None,
        stream: int = _FAKES,
        progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    ) -> list[Result]:
        """Measures a source with all metrics.

        Args:
          source: what is measured.
          reals: what it is compared with; its statistics are kept for further calls, which
            must give the same reals, and in the cache if it has a `key`.
          stream: tells the random numbers of sources that are measured with one another apart.
          progress: is told (source's name, images done, images in all).
        Returns: a result for each metric; one that fails doesn't hinder the others.
        """
        started = time.monotonic()
        self.inception.forget_failure()
        self.classifier.forget_failure()
        compared = [metric for metric in self.metrics if metric.needs_reals]
        counts = self.counts(source, self.metrics)
        too_few = self._too_few(counts, self.metrics, "image(s)")
        wanted: dict[str, int] = {}
        failed: dict[str, Exception] = {}
        if reals is not None:
            wanted = self._common(self.counts(reals, compared), source)
            counts = self._common(counts, reals)
            too_few = self._too_few(wanted, compared, "real image(s)") | too_few
            needed = self._needed(wanted, compared, too_few)
            failed = self._collect_reals(reals, needed, progress)
        needed = self._needed(counts, self.metrics, too_few)
        arrays = self._collect(source, needed, stream, progress)
        results = []
        for metric in self.metrics:
            count = counts[metric.collector]
            try:
                if metric.name in too_few:
                    raise UserError(too_few[metric.name])
                mine = _raised(arrays[metric.collector])
                theirs = None
                if metric.needs_reals:
                    if reals is None:
                        raise UserError("there are no reals to compare with")
                    theirs = _raised((self._reals | failed)[metric.collector])
                values = metric.compute(theirs, mine, self._tools(metric))
                if not np.all(np.isfinite(list(values.values()))):
                    raise UserError(f"came out as {values[metric.headline]}")
                outcome = {"values": values, "weights": self._weights(metric)}
                if metric.needs_reals:
                    outcome["num_reals"] = wanted[metric.collector]
            except Exception as error:
                outcome = {"error": describe(error)}
            results.append(Result(metric, count, time.monotonic() - started, **outcome))
        return results

    @staticmethod
    def _too_few(counts: dict[str, int], metrics: Sequence[Metric], what: str) -> dict[str, str]:
        """Returns, by metric, that there are too few for it."""
        return {
            m.name: f"{counts[m.collector]} {what} are too few; at least {m.least} are needed"
            for m in metrics
            if counts[m.collector] < m.least
        }

    @staticmethod
    def _needed(
        counts: dict[str, int], metrics: Sequence[Metric], too_few: dict[str, str]
    ) -> dict[str, int]:
        """Returns the counts of the collectors of metrics that have enough images."""
        return {m.collector: counts[m.collector] for m in metrics if m.name not in too_few}

    def _weights(self, metric: Metric) -> dict[str, str]:
        if metric.collector == "features":
            return {"inception_sha256": self.inception().weights_hash}
        if metric.collector == "codes":
            return {"classifier_sha256": self.classifier().weights_hash}
        return {}

    @staticmethod
    def columns(metric: Metric, source: Source) -> list[str]:
        """Returns the names of a metric's values; none where the source can't be measured."""
        try:
            return metric.columns(source.shape[0])
        except ValueError:
            return []

    @staticmethod
    def _common(counts: dict[str, int], other: Source) -> dict[str, int]:
        """Descriptors are compared one to one: both sets must have as many."""
        if other.num_images is not None and "descriptors" in counts:
            counts["descriptors"] = min(counts["descriptors"], other.num_images)
        return counts

    def _collect_reals(
        self, reals: Source, counts: dict[str, int], progress
    ) -> dict[str, Exception]:
        """Fills in statistics of reals that are not known yet, from the cache or the reals.

        Returns why some can't be had now; the next time they are tried anew.
        """
        cacheable = hasattr(reals, "key")
        missing, failed = {}, {}
        for name, count in counts.items():
            if name in self._reals:
                continue
            try:
                cached = self.cache.load(self._key(reals, name, count)) if cacheable else None
            except Exception as error:  # no network for the features
                failed[name] = error
                continue
            if cached is None:
                missing[name] = count
            else:
                self._reals[name] = cached
        for name, arrays in self._collect(reals, missing, _REALS, progress).items():
            if isinstance(arrays, Exception):
                failed[name] = arrays
                continue
            self._reals[name] = arrays
            if cacheable:
                try:
                    self.cache.save(self._key(reals, name, missing[name]), arrays)
                except OSError as error:
                    print(
                        f"statistics of {reals.name} are not kept in {self.cache.directory}:"
                        f" {error.strerror}",
                        file=sys.stderr,
                    )
        return failed

    def _tools(self, metric: Metric) -> Tools:
        return Tools(self.seed, self.inception() if metric.collector == "features" else None)

    def _key(self, reals: Source, collector: str, count: int) -> dict:
        key = {"collector": collector, "count": count, "patches_seed": self.seed, **reals.key}
        if collector == "features":
            key["weights"] = self.inception().weights_hash
        return key

    def _collect(
        self, source: Source, counts: dict[str, int], stream: int, progress
    ) -> dict[str, Arrays | Exception]:
        """Passes over a source once for all collectors."""
        outcomes: dict[str, Arrays | Exception] = {}
        collectors: dict[str, Collector] = {}
        for name, count in counts.items():
            try:
                collectors[name] = self._collector(name, count, source, stream)
            except Exception as error:
                outcomes[name] = error
        total = max((counts[name] for name in collectors), default=0)
        done = 0
        for images in source.blocks(total) if total else ():
            for name, collector in list(collectors.items()):
                mine = images[: max(counts[name] - done, 0)]
                if len(mine):
                    try:
                        collector.add(mine)
                    except Exception as error:
                        outcomes[name] = error
                        del collectors[name]
            done += len(images)
            progress(source.name, done, total)
            if not collectors:
                break
        for name, collector in collectors.items():
            try:
                outcomes[name] = collector.finish()
            except Exception as error:
                outcomes[name] = error
        return outcomes

    def _collector(self, name: str, count: int, source: Source, stream: int) -> Collector:
        if name == "descriptors":
            return Descriptors(count, source.shape, (self.seed, stream), self.cache)
        if name == "similarities":
            return Similarities(count, source.shape)
        if name == "codes":
            return Codes(count, source.shape, self.classifier)
        gaussian = stream == _REALS or any(metric.name == "fid" for metric in self.metrics)
        return Features(count, self.inception(), gaussian)


class _Once(Generic[Thing]):
    """Loads a thing when it is first called; a failure is repeated until it is to be forgotten."""

    def __init__(self, load: Callable[[], Thing] | None, without: str):
        self._load, self._thing = load, None
        self._error = UserError(without) if load is None else None

    def __call__(self) -> Thing:
        if self._error is not None:
            raise self._error
        if self._thing is None:
            try:
                self._thing = self._load()
            except Exception as error:
                self._error = error
                raise
        return self._thing

    def forget_failure(self) -> None:
        if self._load is not None:
            self._error = None


def describe(error: Exception) -> str:
    """Returns an error as one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UserError | ValueError):
        return text
    return f"{type(error).__name__}: {text[:300]}"


def _raised(outcome: Arrays | Exception) -> Arrays:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
