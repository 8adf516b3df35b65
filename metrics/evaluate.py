"""Measures streams of images with several metrics in one pass over them."""

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

FAKES = 1 << 20
_REALS = 0  # streams of random numbers; passes over other reals are between


class Evaluator:
    """Measures one stream after the other, against the same reals or others.

    Args:
      metrics: names.
      tools: seed, cache and networks.
      num_images: for every metric; None: each metric's own.
    Raises: UserError for an unknown metric.
    """

    def __init__(self, metrics: Sequence[str], tools: Tools, num_images: int | None = None):
        self.metrics = registry.named(metrics)
        self.tools, self.num_images = tools, num_images
        self._reals: Measurable | None = None  # those whose statistics are kept:
        self._kept: dict[tuple[type[Collector], int], Arrays] = {}  # by number of images

    @property
    def compares(self) -> bool:
        """Whether any metric needs reals."""
        return any(metric.needs_reals for metric in self.metrics)

    @property
    def most_images(self) -> int:
        """The largest number of images that a metric takes."""
        return self.num_images or max(metric.num_images for metric in self.metrics)

    def plan(
        self,
        stream: Measurable,
        reals: Measurable | None,
        names: Sequence[str] | None = None,
    ) -> list[Plan]:
        """Says what each metric will be computed from, or why it can't be, before any work.

        Args: as those of `measure`.
        Raises: UserError when the number of images was given and there are fewer, except in a
          part of a stream.
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
        wanted = self._counts(reals, compared, stream) if reals is not None else {}
        return [self._planned(metric, stream, reals, counts, wanted) for metric in chosen]

    def measure(
        self,
        stream: Measurable,
        reals: Measurable | None,
        number: int = FAKES,
        progress: Progress = lambda name, done, total: None,
        names: Sequence[str] | None = None,
    ) -> list[Result]:
        """Measures a stream.

        Args:
          stream: what is measured.
          reals: what it is compared with; its statistics are kept for further calls with the
            same object, and in the cache if it has a `key`.
          number: tells the random numbers of streams that are measured with one another apart.
          progress: is told (stream's name, images done, images in all).
          names: of some of the metrics; None: with all.
        Returns: a result for each metric; one that fails doesn't hinder the others.
        """
        started = time.monotonic()
        self.tools.forget_failures()
        plans = self.plan(stream, reals, names)
        theirs = self._arrays_of_reals(reals, plans, progress)
        mine = self._arrays(stream, _needed(plans, "num_images"), number, progress)
        results = []
        for plan in plans:
            outcome = {"num_images": plan.num_images, "notes": plan.notes}
            try:
                outcome |= self._computed(plan, mine, theirs)
            except Exception as error:
                outcome["error"] = describe(error)
            results.append(Result(plan.metric, seconds=time.monotonic() - started, **outcome))
        return results

    def _computed(self, plan: Plan, mine: Outcomes, theirs: Outcomes) -> dict:
        """Returns what a result holds of a metric that came out. Raises: whatever hindered it."""
        metric = plan.metric
        if plan.error:
            raise UserError(plan.error)
        images = _raised(mine[metric.collector])
        reals = _raised(theirs[metric.collector]) if metric.needs_reals else None
        values = metric.compute(reals, images, self.tools)
        if not np.all(np.isfinite(list(values.values()))):
            raise UserError(f"came out as {values[metric.headline]}")
        by_images = plan.num_images is not None or plan.num_reals is not None
        weights = metric.collector.weights(self.tools) if by_images else {}
        return {"values": values, "weights": weights, "num_reals": plan.num_reals}

    def _counts(
        self, stream: Measurable, metrics: Sequence[Metric], other: Measurable | None
    ) -> Counts:
        """Returns how many of the stream's images each collector is to take."""
        counts: Counts = {}
        for metric in metrics:
            available = _available(stream)
            if metric.collector.one_to_one and other is not None:
                available = min(available, _available(other))
            count = int(min(self.num_images or metric.num_images, available))
            counts[metric.collector] = max(counts.get(metric.collector, 0), count)
        return counts

    def _planned(
        self,
        metric: Metric,
        stream: Measurable,
        reals: Measurable | None,
        counts: Counts,
        wanted: Counts,
    ) -> Plan:
        collector = metric.collector
        found = None if isinstance(stream, Statistics) else counts[collector]
        compared = None
        if metric.needs_reals and not isinstance(reals, Statistics):
            compared = wanted.get(collector)
        error = _obstacle(metric, stream, found, "image(s)", "these")
        if metric.needs_reals and not error:
            if reals is None:
                error = "there are no reals to compare with"
            else:
                error = _obstacle(metric, reals, compared, "real image(s)", "the reals")
        if collector.one_to_one and not error and list(stream.sizes) != list(reals.sizes):
            error = (
                f"images of one size can be compared; these are {describe_sizes(stream.sizes)},"
                f" the reals {describe_sizes(reals.sizes)}"
            )
        if error:
            return Plan(metric, found, compared, error)
        notes = [metric.caution(_different(stream, found), _different(reals, compared))]
        if left := (found or 0) % collector.group:
            which = "the last one" if left == 1 else f"the last {left}"
            notes.append(f"{collector.grouping}: {which} of the {found} images is left out")
            found -= left
        compared = compared and compared // collector.group * collector.group
        return Plan(metric, found, compared, notes=tuple(filter(None, notes)))

    def _arrays_of_reals(
        self, reals: Measurable | None, plans: Sequence[Plan], progress: Progress
    ) -> Outcomes:
        """Returns statistics of reals: those kept, those in the cache, or new ones, to be kept.

        Some may not be had now; the next time they are tried anew.
        """
        counts = _needed([plan for plan in plans if plan.metric.needs_reals], "num_reals")
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
            except Exception as error:  # no network for the features
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
                f"statistics of {reals.name} are not kept in {self.tools.cache.directory}:"
                f" {error.strerror}",
                file=sys.stderr,
            )

    def _key(self, reals: ImageStream, collector: type[Collector], count: int) -> dict:
        key = {"collector": collector.name, "count": count, "patches_seed": self.tools.seed}
        for digest in collector.weights(self.tools).values():
            key["weights"] = digest
        return key | reals.key

    def _arrays(
        self, stream: Measurable | None, counts: Counts, number: int, progress: Progress
    ) -> Outcomes:
        """Returns what collectors make of a stream."""
        if isinstance(stream, Statistics):
            return {collector: stream.arrays for collector in counts}
        outcomes: Outcomes = {}
        if isinstance(stream, Part) and stream.whole is self._reals:
            for (collector, _), arrays in self._kept.items():
                if collector in counts:
                    positions = stream.positions[: counts[collector]]
                    if (some := collector.subset(arrays, positions)) is not None:
                        outcomes[collector] = some
        missing = {c: count for c, count in counts.items() if c not in outcomes}
        return outcomes | self._collect(stream, missing, number, progress)

    def _collect(
        self, stream: ImageStream, counts: Counts, number: int, progress: Progress
    ) -> Outcomes:
        """Passes over a stream once for all collectors."""
        outcomes: Outcomes = {}
        collectors: dict[type[Collector], Collector] = {}
        for kind, count in counts.items():
            shape = stream.sizes[0] if len(stream.sizes) == 1 else None
            try:
                collectors[kind] = kind(count, shape, self.tools, number)
            except Exception as error:
                outcomes[kind] = error
        total = max((counts[kind] for kind in collectors), default=0)
        done = 0
        for images in stream.blocks(total) if total else ():
            for kind, collector in list(collectors.items()):
                mine = images[: max(counts[kind] - done, 0)]
                if len(mine):
                    try:
                        collector.add(mine)
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
    """Returns the height of a stream's images; None where it isn't the same for all."""
    return stream.sizes[0][0] if len(stream.sizes) == 1 else None


def _available(stream: Measurable) -> float:
    return np.inf if stream.num_images is None else stream.num_images


def _different(stream: Measurable | None, count: int | None) -> int | None:
    """Returns how many different images are among the first `count` of a stream."""
    different = getattr(stream, "num_different", None)
    return count if count is None or different is None else min(count, different)


def _obstacle(metric: Metric, stream: Measurable, count: int | None, what: str, whose: str) -> str:
    """Returns why a metric can't measure so many images of a stream, or ""."""
    if isinstance(stream, Statistics):
        if metric.from_statistics:
            return ""
        return f"images are needed; {stream.name} holds only their features' mean and covariance"
    if count < metric.least:
        return f"{count} {what} are too few; at least {metric.least} are needed"
    try:
        metric.collector.check(stream.sizes, whose)
    except UserError as error:
        return str(error)
    return ""


def _needed(plans: Sequence[Plan], number: str) -> Counts:
    """Returns the number of images for each collector of the metrics that can be computed."""
    return {p.metric.collector: getattr(p, number) for p in plans if not p.error}


def _raised(outcome: Arrays | Exception) -> Arrays:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
