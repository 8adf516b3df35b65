"""What the explorer page has to know of a generator."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from pgan_tf.directions import principal_directions
from pgan_tf.networks import Generator
from pgan_tf.snapshots import Snapshot
from pgan_tf.truncation import centre

DIRECTIONS = 8
"""Principal directions that the page has sliders for, at most."""

_MOST_CENTRES = 10  # a centre may take a minute


def facts_of(
    loaded: Snapshot, most: int, centres: Mapping[int | None, np.ndarray] | None = None
) -> dict[str, Any]:
    """Returns what the page has to know, as JSON takes it.

    Args:
      loaded: the networks; images come from Gs.
      most: images that are asked for at a time.
      centres: class, or None without classes -> latent [latent_size] of the most typical image,
        for the slider of variety, which is not there without.
    Returns:
      name, resolution, channels, latent_size, label_size, most; `lods`, the snapshot's own and
      the coarser ones; `operations` of an image at each; `classes` in use, each with `index` and
      `name`; `directions`, float32 [n, latent_size] as base64; `centres`, class or "" -> float32
      [latent_size] as base64.
    """
    Gs = loaded.Gs
    names = loaded.class_names
    lods = lods_of(Gs)
    return {
        "name": name_of(loaded),
        "resolution": Gs.resolution,
        "channels": Gs.num_channels,
        "latent_size": Gs.latent_size,
        "label_size": Gs.label_size,
        "most": most,
        "lods": lods,
        "operations": [Gs.operations(Gs.shape.finest - int(lod)) for lod in lods],
        "classes": [{"index": i, "name": names[i]} for i in loaded.used_classes],
        "directions": float32_text(directions_of(loaded)),
        "centres": {
            "" if number is None else str(number): float32_text(centre)
            for number, centre in (centres or {}).items()
        },
    }


def name_of(loaded: Snapshot) -> str:
    """Returns a title: the snapshot's name, below that of its run where it is in one."""
    name, run = loaded.path.stem, loaded.path.parent.name
    return f"{run}, {name}" if run and name.startswith("network-snapshot") else name


def centres_of(loaded: Snapshot) -> dict[int | None, np.ndarray]:
    """Returns the centre of each class in use, or of all images: class or None -> latent.

    These are the centres of `--psi`; see `pgan_tf.truncation`. With more than ten classes it would
    take too long, and there are none.
    """
    if not loaded.used_classes:
        return {None: centre(loaded.Gs)}
    if len(loaded.used_classes) > _MOST_CENTRES:
        return {}
    labels = np.eye(loaded.Gs.label_size, dtype=np.float32)
    return {number: centre(loaded.Gs, labels[number]) for number in loaded.used_classes}


def lods_of(Gs: Generator) -> list[float]:
    """Returns the lods that a generator is trained for: its own, and the whole ones above."""
    own = Gs.check_lod(None)
    value = own.level + float(own.fade or 0.0)
    return [value] + [float(lod) for lod in range(own.level + 1, Gs.shape.finest - 1)]


def directions_of(loaded: Snapshot) -> np.ndarray:
    """Returns the principal directions of Gs, float32 [n, latent_size], n at most `DIRECTIONS`.

    With classes, those of a label that has an equal share of all that are in use.
    """
    Gs = loaded.Gs
    label = np.zeros(Gs.label_size)
    if loaded.used_classes:
        label[list(loaded.used_classes)] = 1 / len(loaded.used_classes)
    return principal_directions(Gs, min(DIRECTIONS, Gs.latent_size), label)


def float32_text(array: np.ndarray) -> str:
    """Returns an array's numbers for the page: little-endian float32 in base64."""
    return base64.b64encode(np.asarray(array, "<f4").tobytes()).decode()
