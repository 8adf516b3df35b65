"""All metrics by name. Importing this module imports each metric's module, which registers it."""

from collections.abc import Sequence

from metrics import fid, inception_score, kid, mnist_modes, ms_ssim, swd  # noqa: F401
from metrics.metric import METRICS, Metric
from pgan_tf.errors import UserError, nearest

__all__ = ["METRICS", "columns_of", "higher_is_better", "named", "parse_names"]

_LARGEST = 1 << 20  # a resolution at which each metric has all columns that it ever has


def parse_names(text: str) -> list[str]:
    """Returns the names in a list such as `swd,msssim`; whether metrics have them isn't checked."""
    return [name.strip() for name in text.split(",") if name.strip()]


def named(names: Sequence[str]) -> list[Metric]:
    """Returns the metrics of these names, each once.

    Raises: UserError for an unknown name, or none.
    """
    known = ", ".join(METRICS)
    if not names:
        raise UserError(f"no metric given; there are {known}")
    for name in names:
        if name not in METRICS:
            raise UserError(f"unknown metric {name!r}{nearest(name, METRICS)}; there are {known}")
    return [METRICS[name] for name in dict.fromkeys(names)]


def columns_of(metrics: Sequence[str], resolution: int) -> list[str]:
    """Returns the names of the values that some metrics give of images of this resolution.

    Raises: ValueError where one of the metrics can't measure them.
    """
    return [column for name in metrics for column in METRICS[name].columns(resolution)]


def higher_is_better(column: str) -> bool:
    """Returns how a column's values rank snapshots.

    Raises: UserError for a name that no metric's values have.
    """
    for metric in METRICS.values():
        if column in metric.columns(_LARGEST):
            return column in metric.higher_is_better
    raise UserError(f"no metric gives {column!r}{nearest(column, columns_of(METRICS, 1024))}")
