"""Measures streams of images with several metrics, in one pass over each stream."""

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from metrics import registry
from metrics.collector import Arrays, Collector, describe_sizes
from metrics.metric import Metric
from metrics.results import Plan, Result, describe
from metrics.statistics_file import Statistics
from metrics.streams import ImageStream, Part
from metrics.tools import Tools
from pgan_tf.errors import UserError

Measurable = ImageStream | Statistics
Counts = dict[type[Collector], int]
Outcomes = dict[type[Collector], Arrays | Exception]
Progress = Callable[[str, int, int], None]

# Numbers of random streams. Passes over other reals have the numbers in between.
FAKES = 1 << 20
_REALS = 0


class Evaluator:
    """Measures streams one after another, against the same or different reals.

    Args:
      metrics: names of metrics.
      tools: seed, cache and networks.
      num_images: number of images for every metric; None: each metric's default.
    Raises: UserError for an unknown metric.
    """

    def __init__(self, metrics: Sequence[str], tools: Tools, num_images: int | None = None):
        self.metrics = registry.metrics_named(metrics)
        self.tools, self.num_images = tools, num_images
        self._reals: Measurable | None = None  # the reals whose arrays are in `_kept`
        self._kept: dict[tuple[type[Collector], int], Arrays] = {}  # (collector, count) -> arrays

    @property
    def needs_reals(self) -> bool:
        """True if any metric needs reals."""
        return any(metric.needs_reals for metric in self.metrics)

    @property
    def most_images(self) -> int:
        """The largest number of images that any metric uses."""
        return self.num_images or max(metric.num_images for metric in self.metrics)

    def plan(
        self,
        stream: Measurable,
        reals: Measurable | None,
        names: Sequence[str] | None = None,
    ) -> list[Plan]:
        """Returns each metric's numbers of images, or why it can't be computed, before any work.

        Args: see `measure`.
        Raises: UserError when a stream has fewer images than `num_images`; a `Part` may have fewer.
        """
        chosen = [m for m in self.metrics if names is None or m.name in names]
        compared = [metric for metric in chosen if metric.needs_reals]
        for each, metrics in ((stream, chosen), (reals, compared)):
            if not metrics or each is None or isinstance(each, Part):
                continue
            if (self.num_images or 0) > _available(each):
                raise UserError(
                    f"{each.name} has {each.num_images} images, fewer than the {self.num_images}"
                    " asked for with --num-images"
                )
        counts = self._counts(stream, chosen, reals)
        real_counts = self._counts(reals, compared, stream) if reals is not None else {}
        return [self._plan_metric(metric, stream, reals, counts, real_counts) for metric in chosen]

    def measure(
        self,
        stream: Measurable,
        reals: Measurable | None,
        random_stream: int = FAKES,
        progress: Progress = lambda name, done, total: None,
        names: Sequence[str] | None = None,
    ) -> list[Result]:
        """Measures a stream.

        Args:
          stream: the images to measure.
          reals: the images to compare with. Their statistics are kept for further calls with the
            same object, and in the cache if the object has a `key`.
          random_stream: number of the stream of random numbers to use; image streams that are
            compared need different ones.
          progress: called with (stream's name, images done, images in all).
          names: the metrics to compute; None: all.
        Returns: one result per metric; the failure of one doesn't affect the others.
        """
        started = time.monotonic()
        self.tools.forget_failures()
        plans = self.plan(stream, reals, names)
        real_outcomes = self._arrays_of_reals(reals, plans, progress)
        counts = _counts_of_plans(plans, "num_images")
        outcomes = self._arrays(stream, counts, random_stream, progress)
        results = []
        for plan in plans:
            fields = {"num_images": plan.num_images, "notes": plan.notes}
            try:
                fields |= self._compute(plan, outcomes, real_outcomes)
            except Exception as error:
                fields["error"] = describe(error)
            results.append(Result(plan.metric, seconds=time.monotonic() - started, **fields))
        return results

    def _compute(self, plan: Plan, outcomes: Outcomes, real_outcomes: Outcomes) -> dict:
        """Returns the fields of a successful `Result`. Raises: whatever made the metric fail."""
        metric = plan.metric
        if plan.error:
            raise UserError(plan.error)
        images = _arrays_or_raise(outcomes[metric.collector])
        reals = _arrays_or_raise(real_outcomes[metric.collector]) if metric.needs_reals else None
        values = metric.compute(reals, images, self.tools)
        if not np.all(np.isfinite(list(values.values()))):
            raise UserError(f"the value is {values[metric.headline]}")
        uses_network = plan.num_images is not None or plan.num_reals is not None
        weights = metric.collector.weights(self.tools) if uses_network else {}
        return {"values": values, "weights": weights, "num_reals": plan.num_reals}

    def _counts(
        self, stream: Measurable, metrics: Sequence[Metric], other: Measurable | None
    ) -> Counts:
        """Returns the number of the stream's images for each collector."""
        counts: Counts = {}
        for metric in metrics:
            available = _available(stream)
            if metric.collector.one_to_one and other is not None:
                available = min(available, _available(other))
            count = int(min(self.num_images or metric.num_images, available))
            counts[metric.collector] = max(counts.get(metric.collector, 0), count)
        return counts

    def _plan_metric(
        self,
        metric: Metric,
        stream: Measurable,
        reals: Measurable | None,
        counts: Counts,
        real_counts: Counts,
    ) -> Plan:
        collector = metric.collector
        num_images = None if isinstance(stream, Statistics) else counts[collector]
        num_reals = None
        if metric.needs_reals and not isinstance(reals, Statistics):
            num_reals = real_counts.get(collector)
        error = _obstacle(metric, stream, num_images, "image(s)", "these")
        if metric.needs_reals and not error:
            if reals is None:
                error = "there are no reals to compare with"
            else:
                error = _obstacle(metric, reals, num_reals, "real image(s)", "the reals")
        if collector.one_to_one and not error and list(stream.sizes) != list(reals.sizes):
            error = (
                f"images and reals must be of one size; these are {describe_sizes(stream.sizes)},"
                f" the reals {describe_sizes(reals.sizes)}"
            )
        if error:
            return Plan(metric, num_images, num_reals, error)
        notes = [
            metric.caution(_num_different(stream, num_images), _num_different(reals, num_reals))
        ]
        if left := (num_images or 0) % collector.group:
            which = "last is" if left == 1 else f"last {left} are"
            notes.append(f"{collector.grouping}; of the {num_images} images the {which} left out")
            num_images -= left
        num_reals = num_reals and num_reals // collector.group * collector.group
        return Plan(metric, num_images, num_reals, notes=tuple(filter(None, notes)))

    def _arrays_of_reals(
        self, reals: Measurable | None, plans: Sequence[Plan], progress: Progress
    ) -> Outcomes:
        """Returns the arrays of the reals: from memory, from the cache, or computed and kept.

        Failures are not kept: the next call tries again.
        """
        comparing = [plan for plan in plans if plan.metric.needs_reals]
        counts = _counts_of_plans(comparing, "num_reals")
        if reals is None or isinstance(reals, Part | Statistics):
            return self._arrays(reals, counts, _REALS, progress)
        if reals is not self._reals:
            self._reals, self._kept = reals, {}
        missing: Counts = {}
        outcomes: Outcomes = {}
        for collector, count in counts.items():
            try:
                arrays = self._kept.get((collector, count))
                if arrays is None and hasattr(reals, "key"):
                    arrays = self.tools.cache.load(self._key(reals, collector, count))
            except Exception as error:  # the key needs a network that can't be loaded
                outcomes[collector] = error
                continue
            if arrays is None:
                missing[collector] = count
            else:
                self._kept[collector, count] = outcomes[collector] = arrays
        for collector, arrays in self._arrays(reals, missing, _REALS, progress).items():
            outcomes[collector] = arrays
            if not isinstance(arrays, Exception):
                self._kept[collector, missing[collector]] = arrays
                self._cache(reals, collector, missing[collector], arrays)
        return outcomes

    def _cache(
        self, reals: Measurable, collector: type[Collector], count: int, arrays: Arrays
    ) -> None:
        if not hasattr(reals, "key"):
            return
        try:
            self.tools.cache.save(self._key(reals, collector, count), arrays)
        except OSError as error:
            print(
                f"can't cache the statistics of {reals.name} in {self.tools.cache.directory}:"
                f" {error.strerror}",
                file=sys.stderr,
            )

    def _key(self, reals: ImageStream, collector: type[Collector], count: int) -> dict:
        key = {"collector": collector.name, "count": count, "patches_seed": self.tools.seed}
        for digest in collector.weights(self.tools).values():
            key["weights"] = digest
        return key | reals.key

    def _arrays(
        self, stream: Measurable | None, counts: Counts, random_stream: int, progress: Progress
    ) -> Outcomes:
        """Returns each collector's arrays, or the error that prevented them."""
        if isinstance(stream, Statistics):
            return {collector: stream.arrays for collector in counts}
        outcomes: Outcomes = {}
        if isinstance(stream, Part) and stream.whole is self._reals:
            for (collector, _), arrays in self._kept.items():
                if collector in counts:
                    positions = stream.positions[: counts[collector]]
                    if (subset := collector.subset(arrays, positions)) is not None:
                        outcomes[collector] = subset
        missing = {c: count for c, count in counts.items() if c not in outcomes}
        return outcomes | self._collect(stream, missing, random_stream, progress)

    def _collect(
        self, stream: ImageStream, counts: Counts, random_stream: int, progress: Progress
    ) -> Outcomes:
        """Feeds a stream to all collectors in one pass; returns their arrays or errors."""
        outcomes: Outcomes = {}
        collectors: dict[type[Collector], Collector] = {}
        for kind, count in counts.items():
            shape = stream.sizes[0] if len(stream.sizes) == 1 else None
            try:
                collectors[kind] = kind(count, shape, self.tools, random_stream)
            except Exception as error:
                outcomes[kind] = error
        total = max((counts[kind] for kind in collectors), default=0)
        done = 0
        for images in stream.blocks(total) if total else ():
            for kind, collector in list(collectors.items()):
                needed = images[: max(counts[kind] - done, 0)]
                if len(needed):
                    try:
                        collector.add(needed)
                    except Exception as error:
                        outcomes[kind] = error
                        del collectors[kind]
            done += len(images)
            progress(stream.name, done, total)
            if not collectors:
                break
        for kind, collector in collectors.items():
            try:
                outcomes[kind] = collector.finish()
            except Exception as error:
                outcomes[kind] = error
        return outcomes


def resolution_of(stream: Measurable) -> int | None:
    """Returns the height of a stream's images; None if their sizes differ or are unknown."""
    return stream.sizes[0][0] if len(stream.sizes) == 1 else None


def _available(stream: Measurable) -> float:
    return np.inf if stream.num_images is None else stream.num_images


def _num_different(stream: Measurable | None, count: int | None) -> int | None:
    """Returns the number of different images among the first `count` of a stream."""
    different = getattr(stream, "num_different", None)
    return count if count is None or different is None else min(count, different)


def _obstacle(
    metric: Metric, stream: Measurable, count: int | None, noun: str, subject: str
) -> str:
    """Returns why a metric can't measure `count` images of a stream, or ""."""
    if isinstance(stream, Statistics):
        if metric.from_statistics:
            return ""
        return f"needs images; {stream.name} holds only the mean and covariance of their features"
    if count < metric.min_images:
        return f"{count} {noun} are too few; at least {metric.min_images} are needed"
    try:
        metric.collector.check(stream.sizes, subject)
    except UserError as error:
        return str(error)
    return ""


def _counts_of_plans(plans: Sequence[Plan], attribute: str) -> Counts:
    """Returns {collector: number of images} of the plans without an error.

    Args:
      attribute: `num_images` or `num_reals`.
    """
    return {p.metric.collector: getattr(p, attribute) for p in plans if not p.error}


def _arrays_or_raise(outcome: Arrays | Exception) -> Arrays:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
