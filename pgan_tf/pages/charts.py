"""What a run's curves show: groups of series over thousands of images shown."""

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
    ("Images a second", ("images_per_sec",)),
    ("Skipped updates", ("D_skipped", "G_skipped")),
    ("Loss scales, log2", ("D_log2_scale", "G_log2_scale")),
)
_ONLY_WHERE_THEY_CHANGE = ("Label penalties", "Skipped updates", "Loss scales, log2")
_NOT_DRAWN = {"kimg", "sec_per_tick", "sec_per_kimg", "maintenance", "stage_left", "run_left"}
_NOT_DRAWN |= {"skipped_in_a_row"}


def charts_of(
    ticks: Sequence[Tick], metrics: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Returns the charts of a run: {"title", "kimg": [...], "series": [{"label", "values"}]}.

    Args:
      ticks: of the run; of two at the same moment the later counts.
      metrics: metric -> its records.
    """
    ticks = sorted({tick.nimg: tick for tick in ticks}.values(), key=lambda tick: tick.nimg)
    measured = [_metric_chart(name, records) for name, records in metrics.items()]
    columns = {column for records in metrics.values() for r in records for column in _values(r)}
    return [*filter(None, measured), *_tick_charts(ticks, columns)]


def _tick_charts(ticks: Sequence[Tick], elsewhere: set[str]) -> Iterator[dict[str, Any]]:
    """Yields the charts of what ticks hold, but for what is drawn elsewhere."""
    found = dict.fromkeys(name for tick in ticks for name in tick.values)
    grouped = {name for _, names in _GROUPS for name in names}
    others = [(name, (name,)) for name in found if name not in grouped | _NOT_DRAWN | elsewhere]
    for title, names in (*_GROUPS, *others):
        series = [(name, [_of(tick, name) for tick in ticks]) for name in names]
        series = [(name, values) for name, values in series if any(v is not None for v in values)]
        constant = all(len(set(values)) == 1 for _, values in series)
        if series and not (constant and title in _ONLY_WHERE_THEY_CHANGE):
            yield _chart(title, [tick.kimg for tick in ticks], series)


def _of(tick: Tick, name: str) -> float | None:
    return tick.values.get(name, getattr(tick, name, None))


def _metric_chart(metric: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Returns a metric's chart: a series for each of its values and each number of images.

    Values of other numbers of images are not compared by a line, since they are not the same
    statistic. Records without kimg, those of reals against reals, are left out.
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
    series = [(label, [found.get(kimg) for kimg in kimgs]) for label, found in points.items()]
    return _chart(f"Metric {metric}", kimgs, series)


def _values(record: Mapping[str, Any]) -> dict[str, float]:
    """Returns column -> value of a metric's record; nothing where it holds none."""
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
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_one and math.isfinite(value) else None


def _rounded(value: float | None) -> float | None:
    """Six digits: more can't be seen, and would double the page's size."""
    return None if value is None else float(f"{value:.6g}")
