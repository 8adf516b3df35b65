"""Plans and results of metrics, and their messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from metrics.metric import Metric
from pgan_tf.errors import UserError


@dataclass(frozen=True)
class Plan:
    """The numbers of images that a metric will be computed from, or why it can't be computed.

    Attributes:
      metric: the metric's definition.
      num_images: number of images to measure; None for a file of statistics.
      num_reals: number of reals to compare with; None without reals, or for a file of statistics.
      error: why the metric can't be computed, in one line; "" if it can.
      notes: remarks about the values, one line each.
    """

    metric: Metric
    num_images: int | None
    num_reals: int | None
    error: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """The values of a metric for a stream of images.

    Attributes:
      metric: the metric's definition.
      num_images: number of images measured; None for a file of statistics.
      seconds: time from the start of the measurement until this metric was computed, with the
        passes over the images and a classifier's training.
      values: {column: value}; empty when the metric failed.
      error: why the metric failed, in one line; "" if it did not.
      num_reals: number of reals compared with; None without reals, or for a file of statistics.
      weights: {key in result files: SHA-256} of the weights of the network used, if any.
      notes: remarks about the values, one line each.
    """

    metric: Metric
    num_images: int | None
    seconds: float
    values: dict[str, float] = field(default_factory=dict)
    error: str = ""
    num_reals: int | None = None
    weights: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The headline value."""
        return self.values[self.metric.headline]


def describe(error: Exception) -> str:
    """Returns an error's message as one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UserError | ValueError):
        return text
    return f"{type(error).__name__}: {text[:300]}"


def messages(results: Sequence[Plan | Result]) -> list[str]:
    """Returns the errors and notes as lines such as `fid, is: no weights`, each text once."""
    names_by_text: dict[str, list[str]] = {}
    for result in results:
        for text in (result.error,) if result.error else result.notes:
            names_by_text.setdefault(text, []).append(result.metric.name)
    return [f"{', '.join(names)}: {text}" for text, names in names_by_text.items()]
