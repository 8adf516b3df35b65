"""Decides which run a command means, and which of its options change."""

import math
import os
import shlex
from collections.abc import Mapping
from typing import Any

from pgan_tf import config as config_module
from pgan_tf import presets
from pgan_tf.config import Config
from pgan_tf.errors import DamagedError, UserError
from pgan_tf.run import Change, DatasetFacts, Run, apply_changes, runs_in
from pgan_tf.training.run_directory import RunDirectory

MACHINE = ("train.gpus", "train.xla")
"""Options that follow from the machine: a change is logged, but makes no new run."""


def find(
    results: str | os.PathLike, config: Config, dataset: DatasetFacts
) -> tuple[RunDirectory | None, list[str]]:
    """Returns the newest run with these options on this data.

    A run matches if its first or its present options are the same, apart from options that may
    change freely or follow from the machine. Data sets are compared by content, not by path.

    Returns: the run or None; without a run, lines on similar runs and how they differ.
    Raises: UserError when a run of this name has saves but no readable options.
    """
    lines = []
    for run in reversed(runs_in(results)):
        try:
            first, now = run.first_config, run.config
        except (DamagedError, UserError) as error:
            if run.name == config.name and run.snapshots:
                raise UserError(
                    f"{error}; it holds the options of a run that may be the one to continue:"
                    " restore it, or start a new run with --new"
                ) from None
            continue
        same_data = _same_data(run, now, config, dataset)
        differing = min((_differing(config, c) for c in (now, first)), key=len)
        if not differing and (same_data or _same_path(now, config)):
            return RunDirectory(run.path), []  # of other data in this place, it will be told
        if same_data and len(lines) < 3:
            listed = ", ".join(differing[:4]) + (", ..." if len(differing) > 4 else "")
            lines.append(
                f"{run.path} is on the same data with other options ({listed}); to continue it:"
                f" {resume_command(run)}"
            )
        elif not differing and len(lines) < 3:
            what = run.dataset.differences(dataset) if run.dataset else ["other images"]
            lines.append(
                f"{run.path} has the same options, but was trained on other images: "
                + ", ".join(what)
            )
    return None, lines


def _same_data(run: Run, theirs: Config, ours: Config, dataset: DatasetFacts) -> bool:
    facts = run.dataset
    if facts is not None:
        return facts.content_hash == dataset.content_hash
    return _same_path(theirs, ours)  # a run of an earlier version; its saves are checked later


def _same_path(a: Config, b: Config) -> bool:
    return os.path.abspath(a.data.path) == os.path.abspath(b.data.path)


def _differing(ours: Config, theirs: Config) -> list[str]:
    """Returns "option=our value" for each difference that makes a different run.

    Names that come from the data set's directory may differ.
    """
    a, b = config_module.flatten(ours), config_module.flatten(theirs)
    same_name = ours.name == theirs.name or _name_without_data(ours) == _name_without_data(theirs)
    return [
        f"{name}={config_module.value_text(a[name])}"
        for name in a
        if a[name] != b[name] and (_makes_another_run(name) or (name == "name" and not same_name))
    ]


def _name_without_data(config: Config) -> str:
    """Returns a run's name without the data set's name at its start."""
    if not config.data.path:
        return config.name
    return config.name.removeprefix(presets.name_of_data(config.data.path))


def continued(run: Run, typed: Config) -> Config:
    """Returns the options with which a run that `find` found continues.

    They are the run's present options. Of those that make no other run, the typed value is taken
    if it differs from the value that the run began with: then the user typed something new. So
    the command that began the run undoes nothing that was changed since.
    """
    first = config_module.flatten(run.first_config)
    return config_module.override(
        run.config,
        {
            name: value
            for name, value in config_module.flatten(typed).items()
            if not _makes_another_run(name) and value != first[name] and name != "name"
        },
    )


def _makes_another_run(name: str) -> bool:
    """Whether another value of an option, typed without --resume, means another run."""
    kind = config_module.options()[name].mid_run
    return kind in ("fixed", "logged") and name not in MACHINE


def changed(run: Run, wanted: Config, nimg: int) -> tuple[list[Change], Config]:
    """Returns the change log and first options with which a run continues as wanted.

    Args:
      run: the run to continue.
      wanted: the options from `nimg` on.
      nimg: images shown at the save to continue from.
    Raises: UserError for an option that can't change in mid-run, with the reason.
    """
    first, log = run.first_config, run.changes
    options = config_module.options()
    a = config_module.flatten(apply_changes(first, log, math.inf))
    b = config_module.flatten(wanted)
    differing = [name for name in a if a[name] != b[name]]
    for name in differing:
        if options[name].mid_run == "fixed":
            raise UserError(
                f"{run.path} has {name}={config_module.value_text(a[name])}, and it can't become"
                f" {config_module.value_text(b[name])} in mid-run: {options[name].reason}; start a"
                " new run with --new (without --resume)"
            )
    free = {name: b[name] for name in differing if options[name].mid_run == "free"}
    first = config_module.override(first, free)
    recorded = [name for name in differing if options[name].mid_run in ("adjustable", "logged")]
    # What the log says of these options from here on holds no longer; other options keep theirs.
    log = [change for change in log if change.nimg < nimg or change.option not in recorded]
    here = config_module.flatten(apply_changes(first, log, nimg))
    log += [Change(nimg, name, here[name], b[name]) for name in recorded if here[name] != b[name]]
    log.sort(key=lambda change: change.nimg)
    return log, first


def resume_command(
    run: Run, changes: Mapping[str, Any] | None = None, from_start: bool = False
) -> str:
    """Returns the whole command that continues a run at its last save.

    Args:
      run: the run.
      changes: dotted option name -> new value.
      from_start: the run has no save, so that it begins again from 0 images.
    """
    words = ["python", "-m", "pgan_tf.train", "--resume", str(run.path)]
    words += ["--from-start"] if from_start else []
    for name, value in (changes or {}).items():
        words += ["--set", f"{name}={config_module.value_text(value)}"]
    return shlex.join(words)


def facts_of(dataset) -> DatasetFacts:
    """Returns what identifies a data set; reads its 4x4 level and 64 images."""
    return DatasetFacts(
        path=dataset.path or dataset.name,
        num_images=dataset.num_images,
        resolution=dataset.resolution,
        num_channels=dataset.num_channels,
        label_size=dataset.label_size,
        content_hash=dataset.content_hash(),
        class_names=tuple(dataset.class_names or ()),
        empty_classes=tuple(dataset.empty_classes),
    )
