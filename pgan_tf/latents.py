"""Latents: from seeds, from files, and along paths between them. NumPy only."""

import os
from collections.abc import Sequence

import numpy as np
import scipy.ndimage

from pgan_tf import npy
from pgan_tf.errors import UserError
from pgan_tf.files import atomic_path
from pgan_tf.randomness import Role, random_state

_MOST_BYTES = 256 << 20  # largest file: 131,000 latents of the paper's size


def from_seeds(seeds: Sequence[int] | np.ndarray, latent_size: int) -> np.ndarray:
    """Returns one latent for each seed: float32 [n, latent_size], N(0, 1).

    NumPy's RandomState(seed) gives the same numbers on every machine and in every version.
    """
    rows = [np.random.RandomState(seed).randn(latent_size) for seed in seeds]
    return np.array(rows, np.float32).reshape(-1, latent_size)


LARGEST = 1e6
"""Largest magnitude of a latent's numbers; those drawn from N(0, 1) stay below 10."""


def read(path: str | os.PathLike, latent_size: int) -> np.ndarray:
    """Returns the latents of a `.npy` file: float32 [n, latent_size], n at least 1.

    The file must hold real numbers of shape [n, latent_size], or [latent_size] for one latent.

    Raises: UserError, one line that names the file and the expected content, for any other file.
    """
    path = os.fspath(path)
    wanted = f"latents are a .npy file of numbers [n, {latent_size}]"
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}; {wanted}") from None
    if len(content) > _MOST_BYTES:
        raise UserError(f"{path} has more than {_MOST_BYTES >> 20} MiB; split it up")
    try:
        array = npy.read(content)
    except ValueError as error:
        raise UserError(f"{path} is damaged or not a .npy file: {error}; {wanted}") from None
    if array.dtype.kind not in "fiu":
        raise UserError(f"{path} holds {array.dtype}, not real numbers; {wanted}")
    shape = list(array.shape)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or not len(array) or array.shape[1] != latent_size:
        raise UserError(f"{path} has the shape {shape}; for this network, {wanted}")
    with np.errstate(over="ignore"):  # too large numbers become infinite
        array = array.astype(np.float32)
    if not (np.abs(array) <= LARGEST).all():
        raise UserError(f"{path} holds numbers that are infinite, too large or NaN; {wanted}")
    return array


def read_all(paths: Sequence[str | os.PathLike], latent_size: int) -> np.ndarray:
    """Returns the latents of several files, in one array; see `read`."""
    arrays = [read(path, latent_size) for path in paths]
    return np.concatenate([np.zeros([0, latent_size], np.float32), *arrays])


def write(path: str | os.PathLike, latents: np.ndarray) -> None:
    """Writes latents [n, latent_size] as a float32 `.npy` file, atomically; `read` reads it."""
    with atomic_path(path) as partial, open(partial, "wb") as file:
        np.save(file, np.asarray(latents, np.float32), allow_pickle=False)


def straight(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """Returns a + (b - a) t.

    Args:
      a, b: [..., latent_size].
      t: 0 to 1, broadcast against `a` without its last axis.
    """
    t = np.asarray(t, np.float64)[..., None]
    return (a + (b - a) * t).astype(np.float32)


def spherical(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """Returns the point at t of the arc from a to b; its length goes from |a| to |b|.

    Its direction is (sin((1 - t) w) a/|a| + sin(t w) b/|b|) / sin(w), with w the angle between a
    and b. The path is straight where a and b point the same way or exactly opposite ways.

    Args:
      a, b: [..., latent_size].
      t: 0 to 1, broadcast against `a` without its last axis.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    t = np.asarray(t, np.float64)[..., None]
    length_a = np.linalg.norm(a, axis=-1, keepdims=True)
    length_b = np.linalg.norm(b, axis=-1, keepdims=True)
    u, v = a / np.maximum(length_a, 1e-12), b / np.maximum(length_b, 1e-12)
    angle = np.arccos(np.clip((u * v).sum(axis=-1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    flat = sine < 1e-6
    divisor = np.where(flat, 1, sine)
    weight_u = np.where(flat, 1 - t, np.sin((1 - t) * angle) / divisor)
    weight_v = np.where(flat, t, np.sin(t * angle) / divisor)
    length = length_a + (length_b - length_a) * t
    return ((weight_u * u + weight_v * v) * length).astype(np.float32)


def smooth_loop(
    count: int, frames: int, latent_size: int, smoothing: float, seed: int = 0
) -> np.ndarray:
    """Returns random latents that change slowly and end where they began, like the official walks.

    They are white noise, filtered over time by a Gaussian that wraps around, then scaled to unit
    variance.

    Args:
      count: number of latents in each frame, such as one for each cell of a grid.
      frames: number of frames.
      smoothing: the Gaussian's standard deviation, in frames; 0 leaves the noise as it is.
      seed: seed of the noise.
    Returns: float32 [frames, count, latent_size].
    """
    noise = random_state(seed, Role.LATENT_WALK).randn(frames, count, latent_size)
    if smoothing > 0:
        noise = scipy.ndimage.gaussian_filter1d(noise, smoothing, axis=0, mode="wrap")
        noise /= np.sqrt(np.mean(np.square(noise)))
    return noise.astype(np.float32)


def through(points: np.ndarray, frames: int, arc: bool = True, loop: bool = True) -> np.ndarray:
    """Returns a path through points, with equal time between neighbours and no rests.

    Args:
      points: [k, ..., latent_size], at least one.
      frames: number of frames.
      arc: move along arcs (`spherical`), not straight lines.
      loop: return to the first point, which is frame 0 and isn't repeated at the end.
    Returns: float32 [frames, ..., latent_size].
    """
    count = len(points) if loop else len(points) - 1
    between = spherical if arc else straight
    if count < 1:
        return np.repeat(np.asarray(points, np.float32), frames, axis=0)
    positions = np.linspace(0, count, frames, endpoint=not loop)
    path = []
    for position in positions:
        first = min(int(position), count - 1)
        path.append(between(points[first], points[(first + 1) % len(points)], position - first))
    return np.stack(path)


def one_hot(classes: Sequence[int] | np.ndarray, label_size: int) -> np.ndarray:
    """Returns one-hot labels, float32 [n, label_size], of class numbers; [n, 0] without classes."""
    labels = np.zeros([len(classes), label_size], np.float32)
    if label_size:
        labels[np.arange(len(classes)), np.asarray(classes)] = 1.0
    return labels
