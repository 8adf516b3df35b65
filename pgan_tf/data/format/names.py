"""The names of a data set's files, by which a data set's directory is recognised."""

import re

from pgan_tf.data import storage

LEVEL_FILE = re.compile(r".+-r(?P<log2>\d\d)(-(?P<shard>\d{5})-of-(?P<shards>\d{5}))?\.tfrecords")


def is_data_set(path: str) -> bool:
    """Returns whether the path is a directory that holds a level's file, damaged or not."""
    return storage.is_dir(path) and any(map(LEVEL_FILE.fullmatch, storage.names(path)))
