"""Facts about a generator that the explorer page needs."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from pgan_tf.directions import principal_directions
from pgan_tf.networks import Generator
from pgan_tf.run import is_snapshot_name
from pgan_tf.snapshots import Snapshot
from pgan_tf.truncation import centre

DIRECTIONS = 8
"""Maximum number of principal directions that the page has sliders for."""

_MOST_CENTRES = 10  # finding a centre may take a minute


def facts_of(
    loaded: Snapshot, most: int, centres: Mapping[int | None, np.ndarray] | None = None
) -> dict[str, Any]:
    """Returns facts about a generator that the page needs, serializable as JSON.

    Args:
      loaded: the networks; Gs makes the page's images.
      most: maximum number of images in a request.
      centres: class (None without classes) -> latent [latent_size] of the most typical image, for
        the variety slider; None for no slider.
    Returns:
      A dictionary with name, resolution, channels, latent_size, label_size and most; `lods`, the
      snapshot's own lod and the coarser ones; `operations`, those of an image at each lod;
      `classes`, those in use, each with `index` and `name`; `directions`, float32
      [n, latent_size] in base64; `centres`, class or "" -> float32 [latent_size] in base64.
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
    """Returns a title: the snapshot's name, after its directory's name if a run wrote it."""
    path, run = loaded.path, loaded.path.parent.name
    return f"{run}, {path.stem}" if run and is_snapshot_name(path.name) else path.stem


def centres_of(loaded: Snapshot) -> dict[int | None, np.ndarray]:
    """Returns the centre of each class in use, or of all images: class or None -> latent.

    These are the centres that `--psi` uses; see `pgan_tf.truncation`. With more than ten classes
    the result is empty, since finding the centres would take too long.
    """
    if not loaded.used_classes:
        return {None: centre(loaded.Gs)}
    if len(loaded.used_classes) > _MOST_CENTRES:
        return {}
    labels = np.eye(loaded.Gs.label_size, dtype=np.float32)
    return {number: centre(loaded.Gs, labels[number]) for number in loaded.used_classes}


def lods_of(Gs: Generator) -> list[float]:
    """Returns a generator's own lod, then the coarser whole lods down to 4x4."""
    own = Gs.check_lod(None)
    value = own.level + float(own.fade or 0.0)
    return [value] + [float(lod) for lod in range(own.level + 1, Gs.shape.finest - 1)]


def directions_of(loaded: Snapshot) -> np.ndarray:
    """Returns the principal directions of Gs, float32 [n, latent_size], n at most `DIRECTIONS`.

    A network with classes gets a label with an equal share of all classes in use.
    """
    Gs = loaded.Gs
    label = np.zeros(Gs.label_size)
    if loaded.used_classes:
        label[list(loaded.used_classes)] = 1 / len(loaded.used_classes)
    return principal_directions(Gs, min(DIRECTIONS, Gs.latent_size), label)


def float32_text(array: np.ndarray) -> str:
    """Returns an array's numbers as little-endian float32 in base64, for the page."""
    return base64.b64encode(np.asarray(array, "<f4").tobytes()).decode()
