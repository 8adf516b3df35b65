"""The metrics by name: what each needs, and how its values follow from that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from metrics import fid, inception_score, kid, mnist_modes, swd
from metrics.collectors import Arrays
from metrics.inception import Inception
from pgan_tf.errors import UserError, nearest


@dataclass(frozen=True)
class Tools:
    """What metrics use beside images' arrays."""

    seed: int
    inception: Inception | None = None


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
      name: what `--metrics` is given.
      collector: the collector whose arrays it is computed from.
      num_images: how many it takes unless told otherwise.
      least: how many it needs.
      needs_reals: whether it compares with reals.
      higher_is_better: how values rank snapshots.
      columns: square images' resolution -> names of the values.
      headline: the one that stands for the others.
      compute: (arrays of the reals or None, arrays of the images measured, tools) -> {column:
        value}.
    """

    name: str
    collector: str
    num_images: int
    least: int
    needs_reals: bool
    higher_is_better: bool
    columns: Callable[[int], list[str]]
    headline: str
    compute: Callable[[Arrays | None, Arrays, Tools], dict[str, float]]


def _swd_columns(resolution: int) -> list[str]:
    return [f"SWDx1e3_{r}" for r in swd.level_resolutions(resolution)] + ["SWDx1e3_avg"]


def _swd(reals: Arrays, fakes: Arrays, tools: Tools) -> dict[str, float]:
    if set(reals) != set(fakes):
        sizes = " and ".join(f"{r}x{r}" for r in (max(map(int, x)) for x in (reals, fakes)))
        raise UserError(f"images of one size can be compared; these are {sizes}")
    reals, fakes = ({int(name): array for name, array in x.items()} for x in (reals, fakes))
    return swd.distances(reals, fakes, tools.seed)


def _ms_ssim(reals: None, fakes: Arrays, tools: Tools) -> dict[str, float]:
    return {"MS-SSIM": float(fakes["similarities"].mean())}


def _fid(reals: Arrays, fakes: Arrays, tools: Tools) -> dict[str, float]:
    a, b = (fid.Gaussian(x["mean"], x["covariance"]) for x in (reals, fakes))
    return {"FID": fid.frechet_distance(a, b)}


def _inception_score(reals: None, fakes: Arrays, tools: Tools) -> dict[str, float]:
    logits = tools.inception.logits(fakes["features"])
    probabilities = inception_score.class_probabilities(logits)
    mean, deviation = inception_score.inception_score(probabilities)
    return {"IS_mean": mean, "IS_std": deviation}


def _kid(reals: Arrays, fakes: Arrays, tools: Tools) -> dict[str, float]:
    distances = kid.subset_distances(reals["features"], fakes["features"], tools.seed) * 1e3
    return {
        "KIDx1e3_mean": float(np.mean(distances)),
        "KIDx1e3_std": float(np.std(distances)),
    }


_MODES = ("Modes_mean", "Modes_std", "ModesKL_mean", "ModesKL_std")


def _modes(reals: None, fakes: Arrays, tools: Tools) -> dict[str, float]:
    return dict(zip(_MODES, mnist_modes.group_statistics(fakes["codes"]), strict=True))


METRICS = {
    metric.name: metric
    for metric in (
        Metric("swd", "descriptors", 16384, 1, True, False, _swd_columns, "SWDx1e3_avg", _swd),
        Metric(
            "msssim", "similarities", 20000, 2, False, False,
            lambda _: ["MS-SSIM"], "MS-SSIM", _ms_ssim,
        ),
        Metric(
            "fid", "features", 50000, fid.MIN_IMAGES, True, False,
            lambda _: ["FID"], "FID", _fid,
        ),
        Metric(
            "is", "features", 50000, inception_score.NUM_SPLITS, False, True,
            lambda _: ["IS_mean", "IS_std"], "IS_mean", _inception_score,
        ),
        Metric(
            "kid", "features", 50000, kid.MIN_IMAGES, True, False,
            lambda _: ["KIDx1e3_mean", "KIDx1e3_std"], "KIDx1e3_mean", _kid,
        ),
        Metric(
            "modes", "codes", mnist_modes.NUM_GROUPS * mnist_modes.IMAGES_PER_GROUP,
            mnist_modes.NUM_GROUPS, False, True,
            lambda _: list(_MODES), "Modes_mean", _modes,
        ),
    )
}  # fmt: skip


def parse_names(text: str) -> list[str]:
    """Returns the names in a list such as `swd,msssim`; whether metrics have them isn't checked."""
    return [name.strip() for name in text.split(",") if name.strip()]


def columns_of(metrics: Sequence[str], resolution: int) -> list[str]:
    """Returns the names of the values that some metrics give of images of this resolution.

    Raises: ValueError where one of the metrics can't measure them.
    """
    return [column for name in metrics for column in METRICS[name].columns(resolution)]


def higher_is_better(column: str) -> bool:
    """Returns how a column's values rank snapshots.

    Raises: UserError for a name that no metric's values have.
    """
    largest = 1 << 20
    for metric in METRICS.values():
        if column in metric.columns(largest):
            return metric.higher_is_better and "KL" not in column
    raise UserError(f"no metric gives {column!r}{nearest(column, columns_of(METRICS, 1024))}")
