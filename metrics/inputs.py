"""From what people name, such as a path, to streams of images that can be measured."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np

from metrics.evaluate import Measurable, Progress
from metrics.image_files import Folder
from metrics.statistics_file import read_statistics
from metrics.streams import ArrayImages, Fakes, Reals
from pgan_tf import config as config_module
from pgan_tf import run, zip_files
from pgan_tf.config import Config
from pgan_tf.data import storage
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.format.names import is_data_set
from pgan_tf.data.opening import open_dataset
from pgan_tf.errors import UserError
from pgan_tf.snapshots import Snapshot, load_snapshot

AnyDataset = Dataset | SyntheticDataset
Input = str | os.PathLike | np.ndarray | Snapshot | AnyDataset | Measurable
"""What `open_pair` takes: see there."""

_OTHER_DATA = "name their data set with --data-dir (reals= from Python)"


def open_pair(
    images: Input,
    reals: Input | None,
    *,
    compares: bool,
    seed: int = 0,
    most: int | None = None,
    most_reals: int | None = None,
    skip_bad: bool = False,
    say: Callable[[str], None] = print,
    progress: Progress = lambda name, done, total: None,
) -> tuple[Measurable, Measurable | None]:
    """Opens images to measure and reals to compare them with; checks both before any measuring.

    Args:
      images, reals: each the path of a folder or zip file of images, of a data set's directory,
        of statistics (.npz), or of a snapshot or run, whose newest snapshot's Gs makes images; or
        such a thing opened; or an array, uint8 [N, H, W, C]. reals=None is, for a snapshot, the
        data set that it was trained on, else nothing.
      compares: whether reals are needed.
      seed: of latents, and of the order of a data set's images.
      most, most_reals: how many images, and reals, to look at; None: all.
      skip_bad, say, progress: see `Folder`.
    Raises: UserError for what isn't there, is damaged, or doesn't go together.
    """

    def opened(found: Input, count: int | None) -> Measurable:
        if isinstance(found, Snapshot):
            return fakes_of(found, None, seed)
        if isinstance(found, AnyDataset):
            name = found.path or found.name
            return Reals(found, found.resolution, False, seed, name=name, ends=True)
        if isinstance(found, np.ndarray):
            return ArrayImages(found)
        if isinstance(found, str):
            return Folder(found, count, skip_bad, say, progress)
        return found

    found, others = resolve(images), None if reals is None else resolve(reals)
    if not isinstance(found, Snapshot):
        return opened(found, most), None if others is None else opened(others, most_reals)
    if others is None:
        dataset = dataset_of(found, None, compares)
    elif isinstance(others, AnyDataset):
        dataset = _fitting(others, found)
    else:
        labelled = found.Gs.label_size > 0
        dataset = dataset_of(found, None, needed=False) if labelled else None
        return fakes_of(found, dataset, seed), opened(others, most_reals)
    return fakes_of(found, dataset, seed), dataset and reals_of(found, dataset, seed)


def resolve(what: Input) -> str | np.ndarray | Snapshot | AnyDataset | Measurable:
    """Returns what a path leads to, by its content; a path of images stays one.

    Raises: UserError.
    """
    if not isinstance(what, str | os.PathLike):
        return what
    path = os.fspath(what)
    if storage.is_dir(path):
        if is_data_set(path):
            return Dataset(path)
        return load_snapshot(path) if _is_run(path) else path
    suffix = Path(path).suffix.lower()
    names = _archive_names(path) if suffix != ".zip" else set()
    if "meta.npy" in names or suffix == ".pkl":
        return load_snapshot(path)
    if "mu.npy" in names or (suffix == ".npz" and storage.exists(path)):
        return read_statistics(path)
    return path


def _is_run(path: str) -> bool:
    """Returns whether a directory is a run, or holds runs with snapshots."""
    if storage.is_remote(path):
        return False
    if (Path(path) / run.CONFIG).exists() or run.Run(path).snapshots:
        return True
    return any(each.snapshots for each in run.runs_in(path))


def _archive_names(path: str) -> set[str]:
    """Returns the names in an archive of arrays, or nothing where it is none."""
    try:
        with zip_files.opened(path) as archive:
            return set(archive.namelist())
    except (OSError, *zip_files.DAMAGE):
        return set()


def dataset_of(
    snapshot: Snapshot, data_dir: str | os.PathLike | None, needed: bool
) -> AnyDataset | None:
    """Returns the data set that a snapshot was trained on, or the one of another directory.

    Args:
      data_dir: the other directory; None: the training's.
      needed: fail where the training's is missing, instead of returning None.
    Raises: UserError when it is missing, damaged, or of other images than the networks make.
    """
    config = snapshot.config or Config()  # files of other programs have none
    if snapshot.config is None and data_dir is None:
        if not needed:
            return None
        raise UserError(f"{snapshot.path} doesn't say what it was trained on; {_OTHER_DATA}")
    if data_dir is not None:
        other = config_module.own_images(data_dir)
        config = config_module.override(
            config, {**other, "data.synthetic": "", "data.resolution": 0}
        )
    measured = shlex.quote(os.fspath(snapshot.path)).replace("{", "{{").replace("}", "}}")
    try:
        dataset = open_dataset(config.data, f"python -m metrics.run --snapshot {measured}")
    except UserError:
        if data_dir is not None or needed:
            raise
        return None
    return _fitting(dataset, snapshot)


def _fitting(dataset: AnyDataset, snapshot: Snapshot) -> AnyDataset:
    """Returns the data set. Raises: UserError unless its images are such as the networks make."""
    Gs = snapshot.Gs
    where = dataset.path or dataset.name
    if dataset.num_channels != Gs.num_channels:
        raise UserError(
            f"{where} has {dataset.num_channels} channel(s), but the networks {Gs.num_channels};"
            f" {_OTHER_DATA}"
        )
    if dataset.resolution < Gs.resolution:
        raise UserError(
            f"{where} is {dataset.resolution}x{dataset.resolution}, but the networks make"
            f" {Gs.resolution}x{Gs.resolution}; {_OTHER_DATA}"
        )
    if Gs.label_size and dataset.label_size != Gs.label_size:
        raise UserError(
            f"{where} has {dataset.label_size} classes, but the networks {Gs.label_size};"
            f" {_OTHER_DATA}"
        )
    return dataset


def fakes_of(snapshot: Snapshot, dataset: AnyDataset | None, seed: int) -> Fakes:
    """Returns the images of a snapshot's Gs, with labels drawn from the data set's, if known."""
    labels = dataset.labels if dataset is not None and snapshot.Gs.label_size else None
    return Fakes(snapshot.Gs, snapshot.lod, seed, labels, name=snapshot.path.stem)


def is_mirrored(snapshot: Snapshot) -> bool:
    """Returns whether the snapshot's training mirrors images; no where the file doesn't say."""
    return snapshot.config is not None and snapshot.config.data.mirror


def reals_of(
    snapshot: Snapshot, dataset: AnyDataset, seed: int, first: int = 0, name: str = "reals"
) -> Reals:
    """Returns the data set's images as the snapshot's training sees them, from a position on."""
    mirror = is_mirrored(snapshot)
    return Reals(dataset, snapshot.Gs.resolution, mirror, seed, first, name)
