"""The definition of a metric, and the function that registers one."""

from collections.abc import Callable
from dataclasses import dataclass

from metrics.collector import Arrays, Collector
from metrics.tools import Tools

METRICS: dict[str, "Metric"] = {}
"""The registered metrics by name; `metrics.registry` has the complete dictionary."""


@dataclass(frozen=True)
class Metric:
    """The definition of a metric.

    Attributes:
      name: its name in `--metrics`.
      collector: the class that computes the arrays that `compute` needs.
      num_images: default number of images.
      min_images: smallest number of images.
      needs_reals: True if the images are compared with reals.
      columns: resolution of square images -> names of the values.
      headline: name of the main value.
      compute: (arrays of the reals or None, arrays of the measured images, tools) -> {column:
        value}.
      higher_is_better: the columns whose higher values are better; in the others lower ones are.
      summary: what it measures, in one line.
      from_statistics: True if the mean and covariance of the features suffice, without images.
      caution: (number of different images, number of different reals; None where unknown) -> one
        line that warns of unreliable values from few images, or "".
    """

    name: str
    collector: type[Collector]
    num_images: int
    min_images: int
    needs_reals: bool
    columns: Callable[[int], list[str]]
    headline: str
    compute: Callable[[Arrays | None, Arrays, Tools], dict[str, float]]
    higher_is_better: tuple[str, ...] = ()
    summary: str = ""
    from_statistics: bool = False
    caution: Callable[[int | None, int | None], str] = lambda num_images, num_reals: ""


def register(metric: Metric) -> Metric:
    """Adds a metric to `METRICS` and returns it.

    Raises: ValueError when another metric has its name.
    """
    if METRICS.setdefault(metric.name, metric) is not metric:
        raise ValueError(f"there are two metrics named {metric.name!r}")
    return metric
