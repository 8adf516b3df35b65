"""Starts a run from networks that were trained before."""

import os

import numpy as np

from pgan_tf.errors import UserError
from pgan_tf.networks import GrowingNetwork, from_official, to_official
from pgan_tf.snapshots import load_snapshot


def start_from(
    path: str | os.PathLike, G: GrowingNetwork, D: GrowingNetwork, Gs: GrowingNetwork
) -> str:
    """Copies a snapshot's weights into the networks, where name and shape agree.

    Stages are matched from 4x4 up together with their image layers, so the final resolution may
    be larger than the snapshot's. All other layers keep their random start.

    Returns: a line for the user on how many variables were copied.
    Raises: UserError if nothing fits or the snapshot can't be read.
    """
    snapshot = load_snapshot(path)
    taken = total = 0
    for target, source in ((G, snapshot.G), (D, snapshot.D), (Gs, snapshot.Gs)):
        found = _by_stage(source)
        arrays = to_official(target)
        for name, key in _keys(target).items():
            total += 1
            if key in found and found[key].shape == arrays[name].shape:
                arrays[name] = found[key]
                taken += 1
        from_official(target, arrays)
    if not taken:
        raise UserError(f"train.init={path}: none of its layers has the shapes of these networks")
    return f"started from {snapshot.path}: {taken} of {total} variables; the others are random"


def _keys(network: GrowingNetwork) -> dict[str, tuple]:
    """Returns official name -> a key for the variable that doesn't depend on the resolution."""
    keys = {}
    for name in network.named_variables():
        block, _, part = name.rpartition("/")
        stage = network.stage_of_image(block)
        keys[name] = (name,) if stage is None else ("image", stage, part)
    return keys


def _by_stage(network: GrowingNetwork) -> dict[tuple, np.ndarray]:
    arrays = to_official(network)
    return {key: arrays[name] for name, key in _keys(network).items()}
