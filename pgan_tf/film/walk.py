"""Films of a walk through a generator's latents."""

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pgan_tf import latents, progress
from pgan_tf.directions import principal_directions
from pgan_tf.errors import UserError
from pgan_tf.film import encoding
from pgan_tf.film.frames import Layout
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Generator
from pgan_tf.snapshots import Snapshot, load_snapshot
from pgan_tf.truncation import Truncation

_MOST_NUMBERS = 1 << 27  # in a walk's latents: a gigabyte in float64


def walk(
    snapshot: str | os.PathLike | Snapshot,
    out: str | os.PathLike,
    *,
    duration: float = 60.0,
    fps: int = 30,
    grid: tuple[int, int] | None = None,
    size: tuple[int, int] | None = None,
    smoothing: float = 1.0,
    seed: int = 0,
    seeds: Sequence[int] = (),
    straight: bool = False,
    class_name: str | int | None = None,
    direction: int | None = None,
    strength: float = 1.0,
    latent_files: Sequence[str | os.PathLike] = (),
    psi: float = 1.0,
) -> Path:
    """Makes a film of Gs's images while the latents change; the film loops.

    By default, the latents are smoothed noise. With `seeds` or `latent_files`, they go from each
    given latent to the next. With `direction`, they swing along a principal direction around the
    given latents, or around those of the seeds 0, 1, 2, ...

    Args:
      snapshot: a snapshot that was read, or a snapshot's file, a run, or a directory of runs.
      out: the film; its ending decides the format (`encoding.FORMATS`).
      duration: seconds.
      fps: frames a second.
      grid: (columns, rows) of images; None for 3x2, or 1x1 for a walk through given latents.
      size: greatest width and height of the film, which small images are enlarged to fill; None
        for a size that suits the format.
      smoothing: standard deviation in seconds of the Gaussian that smooths the noise.
      seed: seed of the noise.
      seeds: seeds of given latents. Each cell of the grid begins with the next latent, or swings
        around it.
      latent_files: `.npy` files of given latents, which follow those of the seeds
        (`latents.read`).
      straight: go straight between given latents, not along arcs.
      class_name: class of all images, a name or a number from 0. None: cell i shows class i modulo
        the number of classes; given latents that are walked through have the class that `generate`
        gives them.
      direction: number of the principal direction, 1 for the strongest.
      strength: how far latents swing: 1 is a latent's mean length, which turns it by 45 degrees.
      psi: 0 to 1; below 1, the noise or the given latents are moved towards the latent of a typical
        image (see `truncation`).
    Returns: the film's path.
    Raises: UserError, one line, when the film can't be made.
    """
    form = encoding.check(out, fps)
    if straight and not (seeds or latent_files):
        raise UserError("--straight needs latents to go between; name them with --seeds")
    if direction is None and len(seeds) == 1 and not latent_files:
        raise UserError("--seeds: name two seeds or more to go between, or add --direction 1")
    loaded = snapshot if isinstance(snapshot, Snapshot) else load_snapshot(snapshot)
    Gs = loaded.Gs
    given = latents.read_all(latent_files, Gs.latent_size)
    points = np.concatenate([latents.from_seeds(seeds, Gs.latent_size), given])
    if direction is None and len(points) == 1:
        raise UserError(
            f"--latent {latent_files[0]} holds one latent; name a second file to go to, or add"
            " --seeds or --direction 1"
        )
    through_points = len(points) > 0 and direction is None
    columns, rows = grid or ((1, 1) if through_points else (3, 2))
    cells = columns * rows
    frames = max(round(duration * fps), 1)
    if frames * cells * Gs.latent_size > _MOST_NUMBERS:
        raise UserError(
            f"{frames:,} frames of {cells:,} images need too much memory for their latents;"
            " choose a shorter --duration or a smaller --grid"
        )
    truncation = Truncation(Gs)
    if through_points:
        numbers = [*seeds, *range(len(given))]
        labels = latents.one_hot(loaded.classes(numbers, class_name), Gs.label_size)
        z, y = _go_through(truncation(points, labels, psi), labels, frames, cells, not straight)
    else:
        y = latents.one_hot(loaded.classes(range(cells), class_name), Gs.label_size)
        if direction is None:
            z = latents.smooth_loop(cells, frames, Gs.latent_size, smoothing * fps, seed)
            for frame in z:
                frame[:] = truncation(frame, y, psi)
        else:
            if not len(points):
                points = latents.from_seeds(range(cells), Gs.latent_size)
            start = truncation(points[np.resize(np.arange(len(points)), cells)], y, psi)
            label = None if class_name is None else y[0]
            z = _swing(Gs, start, frames, direction, strength, label)
        y = np.broadcast_to(y, (frames, *y.shape))
    synthesis = Synthesis(Gs, loaded.lod)
    layout = Layout(synthesis.resolution, columns, rows, form, size)
    with encoding.writing(out, fps) as add, progress.bar("frames") as bar:
        task = bar.add_task("Filming", total=frames)
        for images in _images(synthesis, z, y):
            add(layout(images))
            bar.advance(task)
    return Path(out)


def _go_through(
    points: np.ndarray, labels: np.ndarray, frames: int, cells: int, arc: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns latents and labels, [frames, cells, ...]; cell i begins with point i."""
    order = np.add.outer(np.arange(len(points)), np.arange(cells)) % len(points)
    return (
        latents.through(points[order], frames, arc),
        latents.through(labels[order], frames, arc=False),
    )


def _swing(
    Gs: Generator,
    start: np.ndarray,
    frames: int,
    direction: int,
    strength: float,
    label: np.ndarray | None,
) -> np.ndarray:
    """Returns z(t) = start + strength sqrt(latent_size) sin(2 pi t) d: [frames, cells, ...]."""
    d = principal_directions(Gs, direction, label)[-1]
    distances = np.sin(2 * np.pi * np.arange(frames) / frames)
    distances *= strength * math.sqrt(Gs.latent_size)
    return (start + distances[:, None, None] * d).astype(np.float32)


def _images(synthesis: Synthesis, z: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """Yields each frame's images, uint8 [cells, r, r, C].

    Makes several frames at a time, so that batches are full.
    """
    cells = z.shape[1]
    step = synthesis.minibatch // math.gcd(synthesis.minibatch, cells)
    for first in range(0, len(z), step):
        part = slice(first, first + step)
        images = synthesis(*(np.concatenate(a[part]) for a in (z, y)))
        yield from images.reshape(-1, cells, *images.shape[1:])
