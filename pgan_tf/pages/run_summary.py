"""Data of the report page for one run: texts, curves, tables and pictures."""

import itertools
import math
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.data import storage
from pgan_tf.errors import DamagedError, UserError
from pgan_tf.pages.charts import charts_of
from pgan_tf.pages.embedding import Embedder, choose
from pgan_tf.pages.segments import RunSegment, run_segments, segment_at
from pgan_tf.progress import duration
from pgan_tf.run import Moment, Run, Tick
from pgan_tf.training import advice
from pgan_tf.training.identity import resume_command

_LEAST_MEASURED = 16  # the smallest resolution that the default metrics can measure


def summarize(
    run: Run, most_pictures: int, embed: Embedder, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Returns what the page shows of a run, serializable as JSON.

    Args:
      run: a run, finished or in progress.
      most_pictures: maximum number of pictures of fakes to embed.
      embed: turns pictures into data URIs.
      say: prints a line about each picture that is left out.
    Raises: UserError if the run has neither ticks nor pictures; DamagedError if its options can't
      be read.
    """
    config, ticks, pictures = run.config, run.ticks, run.pictures
    if not ticks and not pictures:
        raise UserError(
            f"{run.path} has no ticks and no pictures yet, so there is nothing to report;"
            f" continue the run with: {resume_command(run)}"
        )
    reached = reached_kimg(run)
    resolution = _final_resolution(run, config, ticks)
    segments = run_segments(run.first_config, run.changes, resolution, max(reached, 1e-3))
    chosen = [pictures[i] for i in choose([p.kimg for p in pictures], segments, most_pictures)]
    reals, fakes = _embedded(run, chosen, embed, say)
    return {
        "name": run.path.resolve().name,
        "facts": _facts(run, config, ticks, reached, resolution),
        "reached": reached,
        "segments": [
            {"start": s.start, "end": s.end, "label": s.label, "fading": s.fading} for s in segments
        ],
        "reals": reals,
        "pictures": [
            {
                "kimg": moment.kimg,
                "resolution": segment_at(moment.kimg, segments).resolution,
                "time": duration(_seconds(moment, ticks)),
                "src": source,
            }
            for moment, source in fakes
        ],
        "charts": charts_of(ticks, run.metrics),
        "throughput": _throughput(ticks, segments),
        "options": _options(config),
        "changes": [
            {
                "kimg": change.nimg / 1000,
                "option": change.option,
                "old": _text(change.old),
                "new": _text(change.new),
            }
            for change in run.changes
        ],
        "commands": _commands(run, config, resolution, reached),
    }


def reached_kimg(run: Run) -> float:
    """Returns how far a run got: the largest kimg of its ticks, snapshots and pictures."""
    moments = [*run.ticks, *run.snapshots, *run.pictures]
    return max((moment.kimg for moment in moments), default=0.0)


def is_finished(run: Run) -> bool:
    """Returns whether a run has reached `train.total_kimg`."""
    return reached_kimg(run) * 1000 >= int(run.config.train.total_kimg * 1000)


def _final_resolution(run: Run, config: Config, ticks: Sequence[Tick]) -> int:
    """Returns R: from the options, else from the data set, else from the last tick."""
    if config.data.resolution:
        return config.data.resolution
    if facts := run.dataset:
        return facts.resolution
    return ticks[-1].resolution << int(ticks[-1].lod) if ticks else 4


def _embedded(
    run: Run, chosen: Sequence[Moment], embed: Embedder, say: Callable[[str], None]
) -> tuple[str | None, list[tuple[Moment, str]]]:
    """Returns the reals and the chosen fakes as data URIs; leaves out unreadable pictures."""

    def embed_or_none(path: Path) -> str | None:
        try:
            return embed(path)
        except (DamagedError, FileNotFoundError) as error:  # a continued run sets pictures aside
            say(f"left out: {error}")
            return None

    sources = [(moment, embed_or_none(moment.path)) for moment in chosen]
    reals = embed_or_none(run.reals) if run.reals and chosen else None
    return reals, [(moment, source) for moment, source in sources if source]


def _seconds(moment: Moment, ticks: Sequence[Tick]) -> float:
    """Returns the seconds of work until a picture: the time of the last tick up to it."""
    return max((tick.time for tick in ticks if tick.nimg <= moment.nimg), default=0.0)


def _facts(
    run: Run, config: Config, ticks: Sequence[Tick], reached: float, resolution: int
) -> list[list[str]]:
    """Returns [name, text] pairs for the head of the page."""
    total = config.train.total_kimg
    state = "finished" if is_finished(run) else f"{reached / total:.0%}"
    facts = [["Trained", f"{reached:g} of {total:g} kimg, {state}"]]
    if ticks:
        last = ticks[-1]
        facts.append(["Time", duration(max(tick.time for tick in ticks))])
        facts.append(
            ["Last tick", f"{last.resolution}x{last.resolution}, minibatch {last.minibatch}"]
        )
    dataset = run.dataset
    where = config.data.path or config.data.synthetic
    facts.append(["Data set", f"{where}: {dataset}" if dataset else where])
    if dataset and dataset.class_names:
        facts.append(["Classes", ", ".join(dataset.class_names)])
    facts.append(
        [
            "Networks",
            f"{config.networks}, {resolution}x{resolution}, loss {config.loss.name},"
            f" {config.train.precision}",
        ]
    )
    if best := run.best:
        path, column, value = best
        facts.append(["Best snapshot", f"{path.name}: {column} {value:g}"])
    return facts


def _throughput(ticks: Sequence[Tick], segments: Sequence[RunSegment]) -> list[dict[str, Any]]:
    """Returns a row for each segment with ticks, with the images per second over all its ticks.

    A tick belongs to the segment at its middle. A tick that contains a whole segment gets a row
    for the range of segments that it touches.
    """
    rows: dict[tuple[str, str], list[tuple[Tick, int]]] = {}
    for before, tick in itertools.pairwise([None, *ticks]):
        images = tick.nimg - (before.nimg if before else 0)
        if images > 0 and tick.images_per_sec > 0:
            first, middle, last = (
                segment_at((tick.nimg - back) / 1000, segments) for back in (images, images / 2, 1)
            )
            if segments.index(last) - segments.index(first) > 1:
                label, start, end = f"{first.label} to {last.label}", first.start, last.end
            else:
                label, start, end = middle.label, middle.start, middle.end
            row = label, f"{start:g} to {end:g}"
            rows.setdefault(row, []).append((tick, images))
    return [
        {
            "segment": label,
            "kimg": kimg,
            "minibatch": ", ".join(dict.fromkeys(str(tick.minibatch) for tick, _ in members)),
            "seconds": duration(sum(n / tick.images_per_sec for tick, n in members)),
            "rate": _rate(members),
        }
        for (label, kimg), members in rows.items()
    ]


def _rate(members: Sequence[tuple[Tick, int]]) -> float:
    """Returns images per second: all images divided by all seconds."""
    images = sum(n for _, n in members)
    rate = images / sum(n / tick.images_per_sec for tick, n in members)
    return float(f"{rate:.4g}") if math.isfinite(rate) else 0.0


def _options(config: Config) -> list[dict[str, Any]]:
    """Returns all options, those that differ from the defaults first."""
    known = config_module.options()
    rows = [
        {
            "option": name,
            "value": _text(value),
            "default": _text(known[name].default),
            "differs": value != known[name].default,
            "text": known[name].text,
        }
        for name, value in config_module.flatten(config).items()
    ]
    return sorted(rows, key=lambda row: not row["differs"])


def _text(value: Any) -> str:
    return config_module.value_text(value) or "(empty)"


def _commands(run: Run, config: Config, resolution: int, reached: float) -> list[dict[str, str]]:
    """Returns commands for the run, {"text", "command"}, that work in the current directory."""
    commands = []
    has_data = bool(config.data.synthetic) or storage.exists(config.data.path)

    def add(text: str, command: str | Sequence[str]) -> None:
        command = command if isinstance(command, str) else shlex.join(command)
        commands.append({"text": text, "command": command})

    if has_data and is_finished(run):
        longer = advice.longer(run, config, round(reached * 1000))
        add("Extend the training by half its length", longer)
    elif has_data:
        add("Continue the training, unless it is still running", resume_command(run))
    snapshots = run.snapshots
    if snapshots:
        best = run.best
        path, which = (best[0], "best") if best else (snapshots[-1].path, "newest")
        snapshot = ["--snapshot", str(path)]
        add(
            f"Make a picture of 32 images with the {which} snapshot",
            ["python", "-m", "pgan_tf.generate", *snapshot, "--grid", "8x4"],
        )
        if resolution >= _LEAST_MEASURED:
            metrics = [] if has_data else ["--metrics", "msssim"]  # needs no reals
            add(
                f"Measure the {which} snapshot",
                ["python", "-m", "metrics.run", *snapshot, *metrics],
            )
    if not is_finished(run):
        watch = ["python", "-m", "pgan_tf.report", str(run.path), "--watch"]
        add("Keep this page up to date until the run is finished", watch)
    return commands
