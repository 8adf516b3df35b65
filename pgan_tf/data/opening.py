"""Opens the data set that the options name."""

import re

from pgan_tf.config import DataOptions
from pgan_tf.data import advice, storage
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.data.format.names import is_data_set
from pgan_tf.errors import UserError

_OWN_IMAGES = "create_from_images"  # part of the command for data sets that are not well known


def open_dataset(
    options: DataOptions, command: str = "python -m pgan_tf.train"
) -> Dataset | SyntheticDataset:
    """Opens and checks a data set.

    Args:
      options: its path or synthetic size, its resolution, the use of labels, the checks.
      command: the program that needs it, for messages; it has an option --data-dir.
    Raises: UserError that says what is missing, damaged or unusable, and names a command that
      helps.
    """
    dataset = _synthetic(options) if options.synthetic else _on_disk(options, command)
    if options.labels:
        dataset.require_one_hot()
    if options.resolution > dataset.resolution:
        size = dataset.resolution
        raise UserError(
            f"{options.path or dataset.name} has images up to {size}x{size}, but data.resolution is"
            f" {options.resolution}; train at their size with --set data.resolution={size}, or make"
            " the data set again with larger images"
        )
    dataset.require(options.resolution or dataset.resolution)
    return dataset


def _synthetic(options: DataOptions) -> SyntheticDataset:
    match = re.fullmatch(r"(\d{1,5})x([13])", options.synthetic)
    if not match:
        raise UserError(f"data.synthetic={options.synthetic}: write 1024x3 for 1024x1024 RGB")
    return SyntheticDataset(int(match[1]), int(match[2]), label_size=10 * options.labels)


def _on_disk(options: DataOptions, command: str) -> Dataset:
    path = options.path
    if not path:
        raise UserError("no data set: give --data-dir DIR or a --config that names one")
    is_own = _OWN_IMAGES in options.command
    if not is_own and not storage.exists(path):
        raise UserError(
            f"data set {path} is missing; make it with: {options.command}"
            " (or name another with --data-dir)"
        )
    if not is_data_set(path):
        use = command.replace("{", "{{").replace("}", "}}") + " --data-dir {}"
        raise UserError(f"data set {path} {advice.look(path).sentence(use)}")
    return Dataset(path, options.verify, None if is_own else options.command)
