"""Pictures of how a run's images grew: the same latents at the end of each stage."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from pgan_tf import sheets
from pgan_tf.errors import DamagedError, UserError, one_line
from pgan_tf.run import Run


def stage_pictures(run: str | os.PathLike) -> dict[int, Path]:
    """Returns the last picture of fakes at each resolution: {resolution: path}, coarsest first.

    A picture shows the end of its stage, if a tick ended there.

    Args:
      run: the run's directory.
    Raises: UserError for a run without pictures.
    """
    opened = Run(run)
    by_nimg = {picture.nimg: picture.path for picture in opened.pictures}
    last = {tick.resolution: by_nimg[tick.nimg] for tick in opened.ticks if tick.nimg in by_nimg}
    if not last:
        raise UserError(f"{run} has no pictures of fakes yet; one is made at the end of a tick")
    return dict(sorted(last.items()))


def read_cells(path: str | os.PathLike, resolution: int) -> np.ndarray:
    """Returns the single images of a grid in a PNG file: uint8 [rows, columns, r, r, 1 or 3].

    Args:
      path: the PNG file.
      resolution: r, the width and height of each image.
    Raises: DamagedError when the file can't be read, or isn't a grid of images of this resolution.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            pixels = np.asarray(image.convert("L" if image.mode == "L" else "RGB"))
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises errors of many kinds for damaged files
        raise DamagedError(f"{path} can't be read: {one_line(error)}") from None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    h, w, c = pixels.shape
    if h % resolution or w % resolution:
        size = f"{resolution}x{resolution}"
        raise DamagedError(f"{path} is not a grid of {size} images: it is {w}x{h}")
    cells = pixels.reshape(h // resolution, resolution, w // resolution, resolution, c)
    return cells.transpose(0, 2, 1, 3, 4)


def first_cells(picture: str | os.PathLike, resolution: int, count: int) -> np.ndarray:
    """Returns the first images of a grid, row by row: uint8 [count, r, r, C].

    Args:
      picture, resolution: see `read_cells`.
      count: number of images; fewer are returned if the picture has fewer.
    Raises: DamagedError.
    """
    cells = read_cells(picture, resolution)
    return cells.reshape(-1, *cells.shape[2:])[:count]


def stages_sheet(
    run: str | os.PathLike, resolution: int, count: int = 8, columns: int = 2, zoom: int = 1
) -> np.ndarray:
    """Returns a picture of how the first latents' images grew from stage to stage: uint8 [h, w, C].

    A group shows one latent's images, from the coarsest to the finest; see `sheets.group_sheet`.

    Args:
      run: the run's directory.
      resolution: R, the resolution of the images in its pictures.
      count: number of latents.
      columns: latents per row.
      zoom: factor by which pixels are enlarged.
    Raises: UserError for a run without pictures; DamagedError for pictures of different numbers of
      images or channels.
    """
    stages = [first_cells(path, resolution, count) for path in stage_pictures(run).values()]
    if len({stage.shape for stage in stages}) > 1:
        raise DamagedError(f"{run} has pictures with different numbers of images or channels")
    return sheets.group_sheet(np.stack(stages, 1), columns, zoom)
