"""Reads, compares, damages and rewrites the files of a run."""

import numpy as np

from pgan_tf.run import newest_snapshot
from pgan_tf.snapshots.archive import load_arrays, saving_arrays

# Arguments of `load_arrays`: kind and format versions.
SNAPSHOT = ("snapshot", range(1, 10))
STATE = ("training state", range(1, 10))


def arrays_of(run):
    """Returns the arrays of a run's newest snapshot."""
    return load_arrays(newest_snapshot(run), *SNAPSHOT)[0]


def assert_same(a, b):
    """Asserts that the arrays of two snapshots are bitwise equal."""
    assert a.keys() == b.keys() and len(a) >= 20
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def damage(path):
    """Flips a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rewrite(path, arrays, meta):
    """Writes a snapshot or training state with these arrays and header, with right checksums."""
    kind = "training state" if "phase_nimg" in meta else "snapshot"
    if isinstance(meta["format"], int):
        meta = {**meta, "format": f"pgan_tf {kind} {meta['format']}"}
    with saving_arrays(path, arrays, meta):
        pass
