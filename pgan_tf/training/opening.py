"""Opens a run for training: finds or makes it, locks it, brings its change log up to date.

This is the chief's part before the first iteration; `recorder` is its part from then on.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.errors import UserError
from pgan_tf.run import Change, DatasetFacts
from pgan_tf.training import identity
from pgan_tf.training.run_directory import RunDirectory
from pgan_tf.training.saving import Save, check_same_data, newest_save


@dataclass(frozen=True)
class OpenedRun:
    """A run that this process trains in.

    Until `accept` is called, nothing in the directory of a run that continues is changed.

    Attributes:
      directory: the run's directory.
      facts: what identifies the data set.
      first_config: the options the run began with.
      changes: the run's change log, with the changes that are to be made now.
      save: the save to continue from; None to begin at 0 images.
      notes: lines to show the user.
      is_new: whether the run was made just now.
      is_found_again: whether the same command, typed again, continues this run.
    """

    directory: RunDirectory
    facts: DatasetFacts
    first_config: Config
    changes: list[Change]
    save: Save | None
    notes: list[str]
    is_new: bool
    is_found_again: bool

    def accept(self) -> None:
        """Writes the options, and sets aside what is newer than the save; then training begins."""
        if self.is_new:
            return
        self.directory.go_back_to(self.save.position.nimg if self.save else 0)
        self.directory.save_changes(self.changes)
        self.directory.save_config(self.first_config)
        self.directory.save_dataset(self.facts)


@contextlib.contextmanager
def open_run(
    results: str | os.PathLike,
    config: Config,
    facts: DatasetFacts,
    new: bool = False,
    resume: str | os.PathLike | None = None,
    from_start: bool = False,
) -> Iterator[OpenedRun]:
    """Opens a run for training; no other process can train in it inside the `with` block.

    Args:
      results: the directory that holds the runs.
      config: all options. Where a run that continues had other ones, the difference goes to its
        change log.
      facts: what identifies the data set.
      new: make a new run in any case.
      resume: the run to continue. By default that is the newest run with these options on this
        data (see `identity.find`), or a new run if there is none.
      from_start: with `resume`, a run that has no save begins again from 0 images.
    Raises: UserError when the run can't be continued with these options or this data, or when
      another process trains in it. Nothing is changed then.
    """
    run, notes = _choose(results, config, facts, new, resume)
    directory = run or RunDirectory.create(results, config, facts)
    with directory.locked():
        if run is None:
            yield OpenedRun(
                directory, facts, config, [], None, notes, is_new=True, is_found_again=not new
            )
            return
        save, lines = newest_save(run)
        if resume:
            _check_start(run, save, from_start)
        elif save is None:
            lines = [*lines, f"{run.path} has no save yet: it begins again from 0 images"]
        first, changes, changed = _changes(run, config, facts, save, bool(resume))
        yield OpenedRun(
            run, facts, first, changes, save, [*notes, *lines, *changed], is_new=False,
            is_found_again=not resume,
        )  # fmt: skip


def _check_start(run: RunDirectory, save: Save | None, from_start: bool) -> None:
    """Refuses --resume of a run without a save, unless it is to begin again, and the reverse."""
    if save is None and not from_start:
        command = identity.resume_command(run, from_start=True)
        raise UserError(
            f"{run.path} has no save to continue from; to begin it again from 0 images: {command}"
        )
    if save is not None and from_start:
        raise UserError(
            f"--from-start: {run.path} was saved at {save.position.nimg / 1000:.1f} kimg; leave it"
            " out to continue the run, or start a new run with --new (without --resume)"
        )


def _choose(
    results: str | os.PathLike,
    config: Config,
    facts: DatasetFacts,
    new: bool,
    resume: str | os.PathLike | None,
) -> tuple[RunDirectory | None, list[str]]:
    """Returns the run to continue, None for a new one, and lines for the user."""
    if resume:
        return RunDirectory(RunDirectory.open(resume).path), []
    if new:
        return None, []
    return identity.find(results, config, facts)


def _changes(
    run: RunDirectory, config: Config, facts: DatasetFacts, save: Save | None, resumed: bool
) -> tuple[Config, list[Change], list[str]]:
    """Returns how the options differ from those the run had.

    Args:
      resumed: whether the user named the run. If not, only options that make no other run are
        taken from `config`.
    Returns: the options the run began with, its change log, and lines for the user.
    Raises: UserError for an option that can't change, and for other data.
    """
    if save is not None:
        check_same_data(run, save, facts)
    nimg = save.position.nimg if save else 0
    before = run.changes
    wanted = config if resumed else identity.continued(run, config)
    changes, first = identity.changed(run, wanted, nimg)
    lines = [
        f"from {nimg / 1000:.1f} kimg on {change.option}={config_module.value_text(change.new)}"
        f" (before: {config_module.value_text(change.old)})"
        for change in changes
        if change not in before
    ]
    return first, changes, lines
