"""Measures images in one call from Python, and makes the rows that `metrics.run` prints."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metrics import inception_weights, inputs, mnist_modes, registry
from metrics.cache import Cache
from metrics.evaluate import Evaluator, Measurable, Progress, resolution_of
from metrics.inception import Inception
from metrics.results import Plan, Result, messages
from metrics.streams import IndexedStream, halves
from metrics.tools import Tools
from pgan_tf import __version__
from pgan_tf.errors import UserError
from pgan_tf.files import cache_directory
from pgan_tf.snapshots import load_snapshot

DEFAULT_METRICS = ("swd", "msssim")


class MetricError(UserError):
    """Some metrics could not be computed.

    Attributes:
      values: {column: value} of the metrics that could be computed.
    """

    def __init__(self, message: str, values: Mapping[str, float]):
        super().__init__(message)
        self.values = dict(values)


def measure(
    images: inputs.Input,
    metrics: str | Sequence[str] = DEFAULT_METRICS,
    reals: inputs.Input | None = None,
    *,
    num_images: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    inception: str | os.PathLike | Inception | None = None,
    inception_sha256: str | None = None,
    mnist_dir: str | os.PathLike | None = None,
    cache: str | os.PathLike | None = None,
    say: Callable[[str], None] = print,
    progress: Progress = lambda name, done, total: None,
) -> dict[str, float]:
    """Measures images, or the images of a snapshot's Gs, with one or more metrics.

    Args:
      images, reals: each a path of a snapshot, a run, a folder or zip file of images, a data set,
        or statistics (.npz); or an array, uint8 [N, H, W, C]; see `inputs.open_pair`. Without
        reals a snapshot is compared with the data set that it was trained on.
      metrics: names, such as ["swd", "fid"] or "swd,fid"; `registry.METRICS` lists them all.
      num_images: number for every metric; None: each metric's default, or all images if fewer.
      seed: seeds latents, patches and all other random numbers.
      skip_bad: leave out image files that can't be used instead of failing.
      inception: the Inception network for fid, is and kid, or a file of its weights; None: use
        the file in the cache directory, or download it.
      inception_sha256: expected hash of that file.
      mnist_dir: directory of MNIST's files, for modes.
      cache: directory of statistics and weights; None: `~/.cache/pgan-tf`.
      say: called with each note on the values, such as that there are few images.
      progress: called with (current step, images done, images in all).
    Returns: {name of the value: value}, such as {"SWDx1e3_avg": 5.4, "FID": 7.3}.
    Raises: MetricError when a metric can't be computed, before any work if that is known then;
      UserError when images or reals can't be opened.
    """
    names = registry.parse_names(metrics) if isinstance(metrics, str) else list(metrics)
    tools = make_tools(
        cache, seed, inception, inception_sha256, mnist_dir, say,
        options=("inception=PATH", "mnist_dir=DIR"),
    )  # fmt: skip
    evaluator = Evaluator(names, tools, num_images)
    most = evaluator.most_images
    stream, others = inputs.open_pair(
        images, reals, needs_reals=evaluator.needs_reals, seed=seed, max_images=most,
        max_reals=most,
        skip_bad=skip_bad, say=say, progress=progress,
    )  # fmt: skip
    plans = evaluator.plan(stream, others)
    _require_success(plans, {})
    for message in messages(plans):
        say(message)
    results = evaluator.measure(stream, others, progress=progress)
    values = {column: value for r in results for column, value in r.values.items()}
    _require_success(results, values)
    return values


def _require_success(results: Sequence[Plan | Result], values: Mapping[str, float]) -> None:
    if failed := [result for result in results if result.error]:
        raise MetricError("; ".join(messages(failed)), values)


def make_tools(
    cache: str | os.PathLike | None = None,
    seed: int = 0,
    inception: str | os.PathLike | Inception | None = None,
    inception_sha256: str | None = None,
    mnist_dir: str | os.PathLike | None = None,
    say: Callable[[str], None] = print,
    options: tuple[str, str] = ("--inception PATH", "--mnist-dir DIR"),
) -> Tools:
    """Returns the tools of the metrics; networks are loaded on first use.

    Args:
      options: the options, as printed in messages, that name the weights and MNIST's directory.
      others: see `measure`.
    """
    directory = Path(cache) if cache else cache_directory()

    def load_inception() -> Inception:
        if isinstance(inception, str | os.PathLike | None):
            return inception_weights.load(
                inception or None, directory, inception_sha256, options[0]
            )
        return inception

    def load_classifier() -> mnist_modes.DigitClassifier:
        if not mnist_dir:
            raise UserError(f"MNIST's .gz files are needed; name their directory: {options[1]}")
        classifier = mnist_modes.load_classifier(mnist_dir, directory)
        say(f"Digit classifier: {classifier.accuracy:.2%} of the held-out digits are read right")
        return classifier

    networks = {"inception": load_inception, "digits": load_classifier}
    return Tools(Cache(directory), seed, networks)


@dataclass(frozen=True)
class Row:
    """The results of one measurement in a series.

    Attributes:
      name: name of the measured images.
      results: one result per metric.
      about: keys that describe the measurement in the results file.
      is_floor: True if reals were measured against reals.
      error: why nothing was measured, or "".
    """

    name: str
    results: Sequence[Result] = ()
    about: Mapping = ()
    is_floor: bool = False
    error: str = ""


class Watcher:
    """Receives the progress of measurements; this one ignores it."""

    def begin(self, stream: Measurable, plans: Sequence[Plan]) -> None:
        """Called before a stream is measured, with the plan of each metric."""

    def progress(self, name: str, done: int, total: int) -> None:
        """Called when `done` of the `total` images of the stream `name` are done."""

    def say(self, text: str) -> None:
        """Called with a line that the user should know of."""


def image_rows(
    evaluator: Evaluator,
    stream: Measurable,
    reals: Measurable,
    real_passes: int = 1,
    watcher: Watcher = Watcher(),  # noqa: B008 (it has no state)
) -> Iterator[Row]:
    """Yields a stream's values, then the floor: the values of random halves of the reals.

    Each half is measured against the other, which shows the values of images of the same kind.
    Halves have fewer images than the reals, and fewer images tend to give higher values.

    Args:
      real_passes: how many times the reals are halved.
    """
    seed = evaluator.tools.seed
    about = {
        "reals": reals.name,
        "seed": seed,
        "resolution": resolution_of(stream),
        "mirror": getattr(reals, "mirror", False),
        "version": __version__,
    }
    watcher.begin(stream, evaluator.plan(stream, reals))
    results = evaluator.measure(stream, reals, progress=watcher.progress)
    yield Row(stream.name, results, {"images": stream.name, **about})
    measured = [result.metric.name for result in results if result.values]
    if not measured or not isinstance(reals, IndexedStream) or (reals.num_images or 0) < 2:
        return
    about["resolution"] = resolution_of(reals)
    for number in range(1, real_passes + 1):
        name = f"reals, halves of {reals.num_images // 2}"
        one, other = halves(reals, seed, number, name)
        results = evaluator.measure(one, other, number, watcher.progress, measured)
        yield Row(name, results, {"reals_pass": number, **about}, is_floor=True)


def snapshot_rows(
    evaluator: Evaluator,
    paths: Sequence[Path],
    data_dir: str | os.PathLike | None = None,
    real_passes: int = 1,
    watcher: Watcher = Watcher(),  # noqa: B008 (it has no state)
) -> Iterator[Row]:
    """Yields the floor, the values of other reals against the reals, then those of each snapshot.

    Args:
      paths: snapshots of one run.
      data_dir: the data set to compare with; None: the one that they were trained on.
      real_passes: how many times other reals are measured.
    Raises: UserError when the data set is missing, or its images don't fit the networks.
    """
    reals = None
    is_first = True
    for path in paths:
        try:
            snapshot = load_snapshot(path)
        except UserError as error:
            yield Row(path.name, error=str(error))
            continue
        if is_first:  # all snapshots are compared with the data set of the first
            dataset = inputs.dataset_of(snapshot, data_dir, evaluator.needs_reals)
            if dataset is not None:
                reals = inputs.reals_of(snapshot, dataset, evaluator.tools.seed)
                if other := inputs.other_images(snapshot, dataset):
                    watcher.say(other)
        fakes = inputs.fakes_of(snapshot, dataset, evaluator.tools.seed)
        watcher.begin(fakes, evaluator.plan(fakes, reals))
        about = {
            "seed": evaluator.tools.seed,
            "resolution": snapshot.Gs.resolution,
            "mirror": reals.mirror if reals else inputs.is_mirrored(snapshot),
            "dataset": dataset.name if dataset else None,
            "dataset_hash": reals.key["dataset"] if reals else None,
            "version": __version__,
        }
        if is_first and reals is not None:
            for number in range(1, real_passes + 1):
                first, name = number * evaluator.most_images, f"reals, pass {number}"
                others = inputs.reals_of(snapshot, dataset, evaluator.tools.seed, first, name)
                results = evaluator.measure(others, reals, number, watcher.progress)
                yield Row(name, results, {"reals_pass": number, **about}, is_floor=True)
        is_first = False
        results = evaluator.measure(fakes, reals, progress=watcher.progress)
        own = {"snapshot": path.name, "kimg": snapshot.kimg, "lod": snapshot.lod}
        yield Row(path.stem, results, {**own, **about})
