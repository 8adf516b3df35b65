"""From options to an opened, checked data set."""

import re

from pgan_tf.config import DataOptions
from pgan_tf.data import storage
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.errors import UserError


def open_dataset(options: DataOptions) -> Dataset | SyntheticDataset:
    """Opens and checks the data set.

    Raises: UserError naming what is missing or damaged, and the command that makes it.
    """
    data = options
    if data.synthetic:
        match = re.fullmatch(r"(\d+)x([13])", data.synthetic)
        if not match:
            raise UserError(f"data.synthetic={data.synthetic}: write 1024x3 for 1024x1024 RGB")
        dataset = SyntheticDataset(int(match[1]), int(match[2]), label_size=10 * data.labels)
    else:
        if not data.path:
            raise UserError("no data set: give --data-dir DIR or a --config that names one")
        if not storage.is_dir(data.path):
            raise UserError(
                f"data set {data.path} is missing; make it with: {data.command}"
                " (or name another with --data-dir)"
            )
        dataset = Dataset(data.path, verify=data.verify)
    if data.labels and dataset.labels is None:
        raise UserError(f"data.labels=true, but {data.path} has no labels file")
    if data.resolution > dataset.resolution:
        size = dataset.resolution
        raise UserError(
            f"{data.path or dataset.name} has images up to {size}x{size}, and data.resolution is"
            f" {data.resolution}; --set data.resolution={size} trains at theirs, or make the data"
            " set anew with larger ones"
        )
    dataset.require(data.resolution or dataset.resolution)
    return dataset
