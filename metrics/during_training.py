"""Metrics of a network while it trains."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metrics import inception_weights, ms_ssim, swd
from metrics.cache import Cache
from metrics.evaluate import Evaluator, describe
from metrics.report import append_results
from metrics.sources import Fakes, Reals
from pgan_tf import __version__
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.errors import UserError
from pgan_tf.networks import Generator


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


def training_metrics(
    metrics: Sequence[str],
    Gs: Generator,
    dataset: Dataset | SyntheticDataset,
    resolution: int,
    mirror: bool,
    directory: Path,
    num_images: int | None = None,
    seed: int = 0,
    labels: np.ndarray | None = None,
    inception: str = "",
    xla: bool = True,
    say: Callable[[str], None] = print,
) -> Callable[[float, int], Measured]:
    """Returns a function that measures Gs as it is then: (lod, images shown) -> Measured.

    A metric that fails is left out, and said; it never raises for that, so a training goes on.

    Args:
      metrics: names, such as swd, msssim.
      Gs, dataset, resolution, mirror, labels: the training's; labels [num, label_size] or None.
      directory: the run's.
      num_images: for every metric; None: each metric's own number, which takes long.
      seed: of latents and all else that is random; the same latents are measured every time.
      inception: file of the Inception network's weights, for fid, is and kid; "" for the one in
        the cache directory, or a download.
      xla: compile the generator with XLA.
      say: is told what failed.
    Raises: UserError, at once, for an unknown metric, or one that has no place in this training.
    """
    if "modes" in metrics:
        raise UserError("modes can't be measured during training; use python -m metrics.run")
    pyramids = [name for name in metrics if name in ("swd", "msssim")]
    if pyramids and resolution < max(swd.MIN_RESOLUTION, ms_ssim.MIN_RESOLUTION):
        raise UserError(
            f"train.metrics={','.join(metrics)}: {pyramids[0]} needs images of 16x16 or more, and"
            f" these are {resolution}x{resolution}"
        )
    if "msssim" in metrics and num_images is not None and num_images % 2:
        raise UserError(
            f"train.metric_images={num_images}: msssim compares pairs; take an even one"
        )
    cache = inception_weights.default_cache()

    def load_inception():
        option = "--set train.inception=PATH"
        return inception_weights.load(inception or None, cache, option=option)

    evaluator = Evaluator(metrics, Cache(cache), num_images, seed, load_inception)
    reals = Reals(dataset, resolution, mirror, seed)
    said: set[str] = set()
    fakes = Fakes(Gs, Gs.lod, seed, labels, "metrics", xla)

    def measure(lod: float, nimg: int) -> Measured:
        try:
            return measured(lod, nimg)
        except Exception as error:
            say(f"not measured: {describe(error)}")
            return Measured({}, lambda snapshot: None)

    def measured(lod: float, nimg: int) -> Measured:
        fakes.lod = lod
        results = evaluator.measure(fakes, reals)
        errors = dict.fromkeys(result.error for result in results if result.error)
        for error in [error for error in errors if error not in said]:
            said.add(error)
            names = ", ".join(result.metric.name for result in results if result.error == error)
            say(f"{names}: {error}")
        about = {
            "kimg": nimg / 1000,
            "lod": lod,
            "seed": seed,
            "resolution": resolution,
            "mirror": mirror,
            "dataset": dataset.name,
            "dataset_hash": reals.key["dataset"],
            "version": __version__,
            "training": True,
        }

        def append(snapshot: str | None) -> None:
            try:
                append_results(directory, results, {"snapshot": snapshot, **about})
            except OSError as error:
                say(f"{error.filename or directory}: {error.strerror}")

        return Measured({c: value for r in results for c, value in r.values.items()}, append)

    return measure
