"""Data of a run's charts: groups of series over thousands of images shown (kimg)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pgan_tf.run import Tick

_GROUPS = (
    ("Losses", ("D_loss", "G_loss")),
    ("Scores", ("real_scores", "fake_scores")),
    ("Gradient penalty", ("gradient_penalty",)),
    ("Gradient norms", ("mixed_norms",)),
    ("Label penalties", ("label_penalty_reals", "label_penalty_fakes")),
    ("Learning rates", ("G_lrate", "D_lrate")),
    ("Minibatch", ("minibatch",)),
    ("Images per second", ("images_per_sec",)),
    ("Skipped updates", ("D_skipped", "G_skipped")),
    ("Loss scales, log2", ("D_log2_scale", "G_log2_scale")),
)
_LEFT_OUT_IF_CONSTANT = ("Label penalties", "Skipped updates", "Loss scales, log2")
_NOT_DRAWN = {"kimg", "sec_per_tick", "sec_per_kimg", "maintenance", "stage_left", "run_left"}
_NOT_DRAWN |= {"skipped_in_a_row"}


def charts_of(
    ticks: Sequence[Tick], metrics: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Returns a run's charts: [{"title", "kimg": [...], "series": [{"label", "values"}]}].

    Args:
      ticks: the run's ticks; if two have the same nimg, the later one counts.
      metrics: metric -> its records.
    """
    ticks = sorted({tick.nimg: tick for tick in ticks}.values(), key=lambda tick: tick.nimg)
    measured = [_metric_chart(name, records) for name, records in metrics.items()]
    columns = {column for records in metrics.values() for r in records for column in _values(r)}
    return [*filter(None, measured), *_tick_charts(ticks, columns)]


def _tick_charts(ticks: Sequence[Tick], metric_columns: set[str]) -> Iterator[dict[str, Any]]:
    """Yields the charts of the ticks' values, except those that metric charts show."""
    recorded = dict.fromkeys(name for tick in ticks for name in tick.values)
    skipped = {name for _, names in _GROUPS for name in names} | _NOT_DRAWN | metric_columns
    others = [(name, (name,)) for name in recorded if name not in skipped]
    for title, names in (*_GROUPS, *others):
        series = [(name, [_value(tick, name) for tick in ticks]) for name in names]
        series = [(name, values) for name, values in series if any(v is not None for v in values)]
        constant = all(len(set(values)) == 1 for _, values in series)
        if series and not (constant and title in _LEFT_OUT_IF_CONSTANT):
            yield _chart(title, [tick.kimg for tick in ticks], series)


def _value(tick: Tick, name: str) -> float | None:
    return tick.values.get(name, getattr(tick, name, None))


def _metric_chart(metric: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Returns a metric's chart, or None if it has no records of a snapshot.

    Each column has a series for each number of images, since values from different numbers of
    images can't be compared. Records without kimg (reals against reals) are left out.
    """
    counts = {r.get("num_images") for r in records if _number(r.get("kimg")) is not None}
    points: dict[str, dict[float, float]] = {}
    for record in records:
        kimg = _number(record.get("kimg"))
        if kimg is None:
            continue
        suffix = f", {record.get('num_images')} images" if len(counts) > 1 else ""
        for column, value in _values(record).items():
            points.setdefault(f"{column}{suffix}", {})[kimg] = value
    kimgs = sorted({kimg for series in points.values() for kimg in series})
    if not kimgs:
        return None
    series = [(label, [values.get(kimg) for kimg in kimgs]) for label, values in points.items()]
    return _chart(f"Metric {metric}", kimgs, series)


def _values(record: Mapping[str, Any]) -> dict[str, float]:
    """Returns column -> value of a metric's record, without values that are not finite numbers."""
    values = record.get("values")
    if not isinstance(values, dict):
        return {}
    numbers = {column: _number(value) for column, value in values.items()}
    return {column: value for column, value in numbers.items() if value is not None}


def _chart(
    title: str, kimgs: Sequence[float], series: Sequence[tuple[str, Sequence[float | None]]]
) -> dict[str, Any]:
    return {
        "title": title,
        "kimg": list(kimgs),
        "series": [{"label": n, "values": [_rounded(v) for v in values]} for n, values in series],
    }


def _number(value: Any) -> float | None:
    """Returns a finite number as a float; None for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _rounded(value: float | None) -> float | None:
    """Rounds to six digits; more can't be seen, and would double the page's size."""
    return None if value is None else float(f"{value:.6g}")
