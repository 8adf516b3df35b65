"""Opens paths, snapshots, data sets and arrays as streams of images to measure."""

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
"""An argument of `open_pair`, which explains them."""

_NAME_DATA_SET = "name their data set with --data-dir (from Python: reals=)"


def open_pair(
    images: Input,
    reals: Input | None,
    *,
    needs_reals: bool,
    seed: int = 0,
    max_images: int | None = None,
    max_reals: int | None = None,
    skip_bad: bool = False,
    say: Callable[[str], None] = print,
    progress: Progress = lambda name, done, total: None,
) -> tuple[Measurable, Measurable | None]:
    """Opens images to measure and reals to compare them with, and checks both.

    Args:
      images, reals: each the path of a folder or zip file of images, a data set's directory, a
        file of statistics (.npz), a snapshot, or a run, whose newest snapshot is used; or one of
        these already opened; or an array, uint8 [N, H, W, C]. A snapshot stands for images of its
        Gs. reals=None means the data set that a snapshot was trained on, otherwise no reals.
      needs_reals: fail if a snapshot's data set is missing.
      seed: seeds the latents, and the order of a data set's images.
      max_images, max_reals: how many image files of a folder to check and use; None: all.
      skip_bad, say, progress: see `Folder`.
    Raises: UserError when something is missing or damaged, or reals and networks don't fit.
    """

    def as_stream(source: Input, limit: int | None) -> Measurable:
        if isinstance(source, Snapshot):
            return fakes_of(source, None, seed)
        if isinstance(source, AnyDataset):
            name = source.path or source.name
            return Reals(source, source.resolution, False, seed, name=name, ends=True)
        if isinstance(source, np.ndarray):
            return ArrayImages(source)
        if isinstance(source, str):
            return Folder(source, limit, skip_bad, say, progress)
        return source

    images, reals = resolve(images), None if reals is None else resolve(reals)
    if not isinstance(images, Snapshot):
        stream = as_stream(images, max_images)
        return stream, None if reals is None else as_stream(reals, max_reals)
    if reals is None:
        dataset = dataset_of(images, None, needs_reals)
    elif isinstance(reals, AnyDataset):
        dataset = _require_fit(reals, images)
    else:
        labelled = images.Gs.label_size > 0
        dataset = dataset_of(images, None, needed=False) if labelled else None
        return fakes_of(images, dataset, seed), as_stream(reals, max_reals)
    return fakes_of(images, dataset, seed), dataset and reals_of(images, dataset, seed)


def resolve(source: Input) -> str | np.ndarray | Snapshot | AnyDataset | Measurable:
    """Opens the data set, snapshot or statistics at a path; returns a path of images as it is.

    The content decides what a path is. Anything that is not a path is returned unchanged.

    Raises: UserError when the file is missing or damaged.
    """
    if not isinstance(source, str | os.PathLike):
        return source
    path = os.fspath(source)
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
    """Returns True if a directory is a run, or holds runs with snapshots."""
    if storage.is_remote(path):
        return False
    if (Path(path) / run.CONFIG).exists() or run.Run(path).snapshots:
        return True
    return any(each.snapshots for each in run.runs_in(path))


def _archive_names(path: str) -> set[str]:
    """Returns the names in a zip archive; an empty set if the file is not a readable one."""
    try:
        with zip_files.opened(path) as archive:
            return set(archive.namelist())
    except (OSError, *zip_files.DAMAGE):
        return set()


def dataset_of(
    snapshot: Snapshot, data_dir: str | os.PathLike | None, needed: bool
) -> AnyDataset | None:
    """Returns the data set that a snapshot was trained on, or the one in `data_dir`.

    Args:
      data_dir: directory of the data set; None: the training's.
      needed: fail if the training's data set is missing; False: return None.
    Raises: UserError when the data set is missing or damaged, or doesn't fit the networks.
    """
    config = snapshot.config or Config()  # snapshots of other programs have no config
    if snapshot.config is None and data_dir is None:
        if not needed:
            return None
        raise UserError(f"{snapshot.path} doesn't say what it was trained on; {_NAME_DATA_SET}")
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
    return _require_fit(dataset, snapshot)


def other_images(snapshot: Snapshot, dataset: AnyDataset) -> str:
    """Returns a line if a snapshot's run was trained on other images than a data set's, else ""."""
    trained = run.Run(snapshot.path.parent).dataset
    if trained is None or trained.content_hash == dataset.content_hash():
        return ""
    return (
        f"{dataset.path or dataset.name} holds other images than {trained.path}, which"
        f" {snapshot.path.name} was trained on"
    )


def _require_fit(dataset: AnyDataset, snapshot: Snapshot) -> AnyDataset:
    """Returns the data set. Raises: UserError if its images don't match the networks'."""
    Gs = snapshot.Gs
    where = dataset.path or dataset.name
    if dataset.num_channels != Gs.num_channels:
        raise UserError(
            f"{where} has {dataset.num_channels} channel(s), but the networks have"
            f" {Gs.num_channels}; {_NAME_DATA_SET}"
        )
    if dataset.resolution < Gs.resolution:
        raise UserError(
            f"{where} is {dataset.resolution}x{dataset.resolution}, but the networks make"
            f" {Gs.resolution}x{Gs.resolution}; {_NAME_DATA_SET}"
        )
    if Gs.label_size and dataset.label_size != Gs.label_size:
        raise UserError(
            f"{where} has {dataset.label_size} classes, but the networks have {Gs.label_size};"
            f" {_NAME_DATA_SET}"
        )
    return dataset


def fakes_of(snapshot: Snapshot, dataset: AnyDataset | None, seed: int) -> Fakes:
    """Returns the images of a snapshot's Gs; labels are drawn from the data set, if given."""
    labels = dataset.labels if dataset is not None and snapshot.Gs.label_size else None
    return Fakes(snapshot.Gs, snapshot.lod, seed, labels, name=snapshot.path.stem)


def is_mirrored(snapshot: Snapshot) -> bool:
    """Returns True if the snapshot's training mirrors images; False if the file doesn't say."""
    return snapshot.config is not None and snapshot.config.data.mirror


def reals_of(
    snapshot: Snapshot, dataset: AnyDataset, seed: int, first: int = 0, name: str = "reals"
) -> Reals:
    """Returns the data set's images as the snapshot's training sees them, from `first` on."""
    mirror = is_mirrored(snapshot)
    return Reals(dataset, snapshot.Gs.resolution, mirror, seed, first, name)
