"""What a metric is, and how one makes itself known."""

from collections.abc import Callable
from dataclasses import dataclass

from metrics.collector import Arrays, Collector
from metrics.tools import Tools

METRICS: dict[str, "Metric"] = {}
"""The registered metrics by name; `metrics.registry` has the complete dictionary."""


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
      name: what `--metrics` is given.
      collector: the class that gathers what it is computed from.
      num_images: how many images it takes unless told otherwise.
      least: how many it needs.
      needs_reals: whether it compares with reals.
      columns: resolution of square images -> names of the values.
      headline: the value that stands for the others.
      compute: (arrays of the reals or None, arrays of the images measured, tools) -> {column:
        value}.
      higher_is_better: the columns of which higher values are better; of all others, lower ones.
      summary: what it measures, in one line.
      from_statistics: whether mean and covariance of the features are enough, without images.
      caution: (number of different images, that of reals, each None where unknown) -> a line
        about numbers that are too small to be relied on, or "".
    """

    name: str
    collector: type[Collector]
    num_images: int
    least: int
    needs_reals: bool
    columns: Callable[[int], list[str]]
    headline: str
    compute: Callable[[Arrays | None, Arrays, Tools], dict[str, float]]
    higher_is_better: tuple[str, ...] = ()
    summary: str = ""
    from_statistics: bool = False
    caution: Callable[[int | None, int | None], str] = lambda num_images, num_reals: ""


def register(metric: Metric) -> Metric:
    """Makes a metric known by its name, and returns it.

    Raises: ValueError when another one has the name.
    """
    if METRICS.setdefault(metric.name, metric) is not metric:
        raise ValueError(f"there are two metrics named {metric.name!r}")
    return metric
