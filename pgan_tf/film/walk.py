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

_MOST_NUMBERS = 1 << 27  # of a walk's latents: a gigabyte in float64


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
    """Makes a film of Gs's images while its latents change; its end leads to its beginning.

    Latents are smoothed noise; with `seeds` they go from each seed's latent to the next; with
    `direction` they swing along a principal direction around each seed's. Latents of files follow
    those of the seeds.

    Args:
      snapshot: read already, or a snapshot's file, a run, or a directory of runs.
      out: the film; its ending decides the format (`encoding.FORMATS`).
      duration: seconds.
      fps: frames a second.
      grid: (columns, rows) of images; None for 3x2, or 1x1 for a walk through seeds.
      size: most pixels of the film's width and height, which small images are enlarged to fill;
        None for a size that suits the format.
      smoothing: standard deviation in seconds of the Gaussian that smooths the noise.
      seed: of the noise.
      seeds: to go through, beginning with another one in each cell of the grid; with a direction,
        those of the cells.
      latent_files: `.npy` files of latents to go through after the seeds' (`latents.read`).
      straight: go straight between seeds, not along arcs.
      class_name: of all images: a name, or a number from 0. None: cell i shows class i modulo
        their number; with seeds or files, each latent has the class that `generate` gives it.
      direction: which principal direction, 1 for the strongest.
      strength: how far it swings: 1 is the mean length of a latent, which turns it by 45 degrees.
      psi: 0 to 1: how far from the typical image the noise goes, or the latents to go through, or
        those to swing from; see `truncation`. At 1 nothing is changed.
    Returns: the file.
    Raises: UserError for what can't be made, in one line.
    """
    form = encoding.check(out, fps)
    if straight and not (seeds or latent_files):
        raise UserError("--straight goes between chosen seeds: name them by --seeds")
    if direction is None and len(seeds) == 1 and not latent_files:
        raise UserError("--seeds: name two seeds or more to go between, or a --direction")
    loaded = snapshot if isinstance(snapshot, Snapshot) else load_snapshot(snapshot)
    Gs = loaded.Gs
    given = latents.read_all(latent_files, Gs.latent_size)
    points = np.concatenate([latents.from_seeds(seeds, Gs.latent_size), given])
    if direction is None and len(points) == 1:
        raise UserError(
            f"--latent {latent_files[0]} holds one latent: name a second file to go to, or some"
            " --seeds, or a --direction"
        )
    chosen_points = len(points) > 0 and direction is None
    columns, rows = grid or ((1, 1) if chosen_points else (3, 2))
    cells = columns * rows
    frames = max(round(duration * fps), 1)
    if frames * cells * Gs.latent_size > _MOST_NUMBERS:
        raise UserError(
            f"{frames:,} frames of {cells:,} images need too much memory for their latents;"
            " choose a shorter --duration or a smaller --grid"
        )
    truncation = Truncation(Gs)
    if chosen_points:
        numbers = [*seeds, *range(len(given))]
        labels = latents.one_hot(loaded.classes(numbers, class_name), Gs.label_size)
        z, y = _through(truncation(points, labels, psi), labels, frames, cells, not straight)
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


def _through(
    points: np.ndarray, labels: np.ndarray, frames: int, cells: int, arc: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns latents and labels, [frames, cells, ...]; cell i begins with point i."""
    turns = np.add.outer(np.arange(len(points)), np.arange(cells)) % len(points)
    return (
        latents.through(points[turns], frames, arc),
        latents.through(labels[turns], frames, arc=False),
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
    """Yields the images of a frame, uint8 [cells, r, r, C], making so many frames at a time that
    batches are full."""
    cells = z.shape[1]
    step = synthesis.minibatch // math.gcd(synthesis.minibatch, cells)
    for first in range(0, len(z), step):
        part = slice(first, first + step)
        images = synthesis(*(np.concatenate(a[part]) for a in (z, y)))
        yield from images.reshape(-1, cells, *images.shape[1:])
