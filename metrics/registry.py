"""All metrics by name: importing this module imports and so registers every metric."""

from collections.abc import Sequence

from metrics import fid, inception_score, kid, mnist_modes, ms_ssim, swd  # noqa: F401
from metrics.metric import METRICS, Metric
from pgan_tf.errors import UserError, nearest

__all__ = ["METRICS", "columns_of", "higher_is_better", "metrics_named", "parse_names"]

_LARGEST = 1 << 20  # a resolution at which every metric has all its possible columns


def parse_names(text: str) -> list[str]:
    """Returns the names in a list such as `swd,msssim`, without checking that they exist."""
    return [name.strip() for name in text.split(",") if name.strip()]


def metrics_named(names: Sequence[str]) -> list[Metric]:
    """Returns the metrics with these names; duplicates are dropped.

    Raises: UserError for an unknown name, or an empty list.
    """
    known = ", ".join(METRICS)
    if not names:
        raise UserError(f"no metric given; choose from {known}")
    for name in names:
        if name not in METRICS:
            raise UserError(f"unknown metric {name!r}{nearest(name, METRICS)}; choose from {known}")
    return [METRICS[name] for name in dict.fromkeys(names)]


def columns_of(metrics: Sequence[str], resolution: int) -> list[str]:
    """Returns the names of the values that these metrics compute at a resolution.

    Raises: ValueError when a metric can't measure images of this resolution.
    """
    return [column for name in metrics for column in METRICS[name].columns(resolution)]


def higher_is_better(column: str) -> bool:
    """Returns True if higher values in this column are better, False if lower ones are.

    Raises: UserError when no metric has such a column.
    """
    for metric in METRICS.values():
        if column in metric.columns(_LARGEST):
            return column in metric.higher_is_better
    raise UserError(
        f"no metric has a value named {column!r}{nearest(column, columns_of(METRICS, 1024))}"
    )
