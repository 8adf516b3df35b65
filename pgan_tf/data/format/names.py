"""How a data set's files are called, and how one is told from other directories."""

import re

from pgan_tf.data import storage

LEVEL_FILE = re.compile(r".+-r(?P<log2>\d\d)(-(?P<shard>\d{5})-of-(?P<shards>\d{5}))?\.tfrecords")


def is_data_set(path: str) -> bool:
    """Returns whether it is a directory with the file of a level, sound or not."""
    return storage.is_dir(path) and any(map(LEVEL_FILE.fullmatch, storage.names(path)))
