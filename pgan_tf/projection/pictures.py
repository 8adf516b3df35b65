"""Picture files projected: what is found is written beside a film of the search."""

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
"""Files of a projection, beside its film."""

_FPS = 30
_FRAMES, _LAST_FRAMES = 120, 45  # of the search, and of its end, which stands still
_PIXELS = 256  # of an image in the picture of both, at least


@dataclass(frozen=True)
class Found:
    """What became of a picture.

    Attributes:
      target: the picture.
      directory: of the files.
      projection: latent and image.
      class_name: of the latent's label; None without labels.
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
) -> list[Found]:
    """Finds latents for picture files, and writes `latent.npy`, `projected.png`,
    `side-by-side.png` (the picture and what was found) and a film of the search.

    All pictures are read before the first search. Interrupted, a search leaves no file.

    Args:
      snapshot: read already, or a snapshot's file, a run, or a directory of runs.
      images: picture files; see `targets.read_target`.
      out: directory, made if needed; with several pictures, each has one in it, of its own name.
      class_name: the latents' class, by name or number; None to search all that were trained.
      film: the film's name, whose ending decides its format; None for no film.
      options: of `Projector`.
    Returns: what was found, picture by picture.
    Raises: UserError for what can't be read or made, in one line.
    """
    if film is not None:
        if Path(film).name != film:
            raise UserError(f"--film {film}: a name without a directory is needed; --out names one")
        encoding.check(Path(out, film), _FPS)
    loaded = snapshot if isinstance(snapshot, Snapshot) else load_snapshot(snapshot)
    chosen = None if class_name is None else [loaded.class_index(class_name)]
    projector = Projector(
        loaded.Gs, loaded.lod, classes=chosen or loaded.used_classes or None, **options
    )
    resolution, channels = projector.synthesis.resolution, loaded.Gs.num_channels
    targets = [read_target(path, resolution, channels) for path in images]
    directories = _directories(images, Path(out))
    for directory in directories:  # what can't be made is known before the first search
        directory.mkdir(parents=True, exist_ok=True)
    found = []
    for target, directory in zip(targets, directories, strict=True):
        projection = projector(target.pixels, Path(target.path).name)
        index = projection.class_index
        name = None if index is None else loaded.class_names[index]
        write(projection, projector.synthesis, directory, film)
        found.append(Found(target, directory, projection, name))
    return found


def write(
    projection: Projection,
    synthesis: Synthesis,
    directory: str | os.PathLike,
    film: str | None = None,
) -> None:
    """Writes a projection's files, each of them whole or not at all.

    Args:
      projection: what was found.
      synthesis: of the generator's images.
      directory: made if needed.
      film: name of the film; None for none.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if film is not None:
        _film(projection, synthesis, directory / film)
    pictures.save_png(projection.image, directory / IMAGE)
    pictures.save_png(side_by_side(projection), directory / BESIDE)
    latents.write(directory / LATENT, projection.latent)


def side_by_side(projection: Projection) -> np.ndarray:
    """Returns the target, and what was found to its right, enlarged: uint8 [h, w, C]."""
    pair = np.stack([projection.target, projection.image])
    return sheets.group_sheet(pair[None], zoom=-(-_PIXELS // pair.shape[1]))


def decibels(value: float) -> str:
    """Returns a PSNR for people."""
    return "no difference" if math.isinf(value) else f"{value:.1f} dB"


def _film(projection: Projection, synthesis: Synthesis, path: Path) -> None:
    """Films the target beside the images along the path, more of them at its beginning."""
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
    """Returns a directory for each picture: `out` for one, else those of their names in it."""
    if len(images) == 1:
        return [out]
    found: list[Path] = []
    for image in images:
        stem = Path(image).stem.strip(".") or "image"  # of `...png` it would be `..`
        name, number = stem, 2
        while out / name in found:
            name, number = f"{stem}-{number}", number + 1
        found.append(out / name)
    return found
