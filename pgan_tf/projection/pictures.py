"""Projects picture files: writes the latent, its image and a film of the search."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pgan_tf import latents, pictures, progress, sheets
from pgan_tf.errors import UserError
from pgan_tf.film import encoding
from pgan_tf.film.frames import Layout, write_caption
from pgan_tf.inference import Synthesis
from pgan_tf.projection.search import Projection, Projector, psnr
from pgan_tf.projection.targets import Target, read_target
from pgan_tf.snapshots import Snapshot, load_snapshot

LATENT, IMAGE, BESIDE = "latent.npy", "projected.png", "side-by-side.png"
"""Names of a projection's files, apart from the film."""

_FPS = 30
_FRAMES, _LAST_FRAMES = 120, 45  # frames of the search, and of its end, which stands still
_PIXELS = 256  # least height and width of an image in `side-by-side.png`


@dataclass(frozen=True)
class ProjectedPicture:
    """A picture and its projection.

    Attributes:
      target: the picture.
      directory: directory of the files.
      projection: the latent that was found, and its image.
      class_name: class of the latent's label; None without labels.
    """

    target: Target
    directory: Path
    projection: Projection
    class_name: str | None


def project_pictures(
    snapshot: str | os.PathLike | Snapshot,
    images: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    *,
    class_name: str | int | None = None,
    film: str | None = "search.mp4",
    **options,
) -> list[ProjectedPicture]:
    """Finds latents for picture files and writes each one's files.

    The files are `latent.npy`, `projected.png`, `side-by-side.png` (the picture and the latent's
    image) and a film of the search. All pictures are read before the first search. An interrupted
    search leaves no file.

    Args:
      snapshot: a snapshot that was read, or a snapshot's file, a run, or a directory of runs.
      images: picture files; see `targets.read_target`.
      out: directory, made if needed; for several pictures, each has a directory of its name in it.
      class_name: the latents' class, by name or number; None to search all trained classes.
      film: the film's name, whose ending decides its format; None for no film.
      options: arguments of `Projector`.
    Returns: the results, in the pictures' order.
    Raises: UserError, one line, for files that can't be read or made.
    """
    if film is not None:
        if Path(film).name != film:
            raise UserError(f"--film {film}: give a name without a directory; --out names that")
        encoding.check(Path(out, film), _FPS, "--film")
    loaded = snapshot if isinstance(snapshot, Snapshot) else load_snapshot(snapshot)
    classes = None if class_name is None else [loaded.class_index(class_name)]
    projector = Projector(
        loaded.Gs, loaded.lod, classes=classes or loaded.used_classes or None, **options
    )
    resolution, channels = projector.synthesis.resolution, loaded.Gs.num_channels
    targets = [read_target(path, resolution, channels) for path in images]
    directories = _directories(images, Path(out))
    for directory in directories:  # before the first search, so that a failure is known early
        directory.mkdir(parents=True, exist_ok=True)
    results = []
    for target, directory in zip(targets, directories, strict=True):
        projection = projector(target.pixels, Path(target.path).name)
        index = projection.class_index
        name = None if index is None else loaded.class_names[index]
        write(projection, projector.synthesis, directory, film)
        results.append(ProjectedPicture(target, directory, projection, name))
    return results


def write(
    projection: Projection,
    synthesis: Synthesis,
    directory: str | os.PathLike,
    film: str | None = None,
) -> None:
    """Writes a projection's files, each complete or not at all.

    Args:
      projection: the latent that was found, and its search.
      synthesis: makes the generator's images.
      directory: directory of the files, made if needed.
      film: the film's name; None for no film.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if film is not None:
        _film(projection, synthesis, directory / film)
    pictures.save_png(projection.image, directory / IMAGE)
    pictures.save_png(side_by_side(projection), directory / BESIDE)
    latents.write(directory / LATENT, projection.latent)


def side_by_side(projection: Projection) -> np.ndarray:
    """Returns the target with the latent's image to its right, enlarged: uint8 [h, w, C]."""
    pair = np.stack([projection.target, projection.image])
    return sheets.group_sheet(pair[None], zoom=-(-_PIXELS // pair.shape[1]))


def decibels(value: float) -> str:
    """Returns a PSNR as text."""
    return "no difference" if math.isinf(value) else f"{value:.1f} dB"


def _film(projection: Projection, synthesis: Synthesis, path: Path) -> None:
    """Films the target beside the images along the path, with more frames for its beginning."""
    steps = len(projection.path) - 1
    chosen = np.round(steps * np.linspace(0, 1, _FRAMES) ** 2).astype(int)
    layout = Layout(synthesis.resolution, 2, 1, encoding.check(path, _FPS))
    at_a_time = synthesis.minibatch
    with encoding.writing(path, _FPS) as add, progress.bar("frames") as bar:
        task = bar.add_task("Filming", total=_FRAMES)
        for first in range(0, _FRAMES, at_a_time):
            part = chosen[first : first + at_a_time]
            label = projection.label.repeat(len(part), axis=0)
            for step, image in zip(part, synthesis(projection.path[part], label), strict=True):
                frame = layout(np.stack([projection.target, image]))
                value = psnr(image, projection.target)
                frame = write_caption(frame, [f"step {step} of {steps}, {decibels(value)}"])
                add(frame)
                bar.advance(task)
        for _ in range(_LAST_FRAMES):
            add(frame)


def _directories(images: Sequence[str | os.PathLike], out: Path) -> list[Path]:
    """Returns each picture's directory: `out` for one picture, else one of its name in `out`."""
    if len(images) == 1:
        return [out]
    directories: list[Path] = []
    for image in images:
        stem = Path(image).stem.strip(".") or "image"  # the stem of `...png` is `..`
        name, number = stem, 2
        while out / name in directories:
            name, number = f"{stem}-{number}", number + 1
        directories.append(out / name)
    return directories
