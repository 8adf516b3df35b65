"""What is planned for a metric, what came out, and how both are said."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from metrics.metric import Metric
from pgan_tf.errors import UserError


@dataclass(frozen=True)
class Plan:
    """What a metric is going to be computed from, or why it can't be.

    Attributes:
      metric: its definition.
      num_images: that are measured; None of statistics, which don't say.
      num_reals: that are compared with; None without reals, or of statistics.
      error: why the metric can't be computed, in one line; "" when it can.
      notes: what to know of the values, a line each.
    """

    metric: Metric
    num_images: int | None
    num_reals: int | None
    error: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a metric said of a stream.

    Attributes:
      metric: its definition.
      num_images: measured; None of statistics.
      seconds: what it took, shared passes counted whole, a classifier's training too.
      values: by column; empty when it failed.
      error: why it failed, in one line.
      num_reals: that it compared with; None without, or of statistics.
      weights: hash of the weights of the network that it used, by that network's name in files.
      notes: what to know of the values, a line each.
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
    """Returns an error as one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UserError | ValueError):
        return text
    return f"{type(error).__name__}: {text[:300]}"


def messages(results: Sequence[Plan | Result]) -> list[str]:
    """Returns what is to be said of some results, such as `fid, is: no weights here`."""
    said: dict[str, list[str]] = {}
    for result in results:
        for text in (result.error,) if result.error else result.notes:
            said.setdefault(text, []).append(result.metric.name)
    return [f"{', '.join(names)}: {text}" for text, names in said.items()]
