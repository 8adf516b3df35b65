"""How the images of a run grew: its pictures of the same latents at the end of each stage."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from pgan_tf import sheets
from pgan_tf.errors import DamagedError, UserError, one_line
from pgan_tf.run import Run


def stage_pictures(run: str | os.PathLike) -> dict[int, Path]:
    """Returns the last picture of fakes at each resolution: {resolution: path}, coarsest first.

    That is the end of the stage, if a tick ended there.

    Args:
      run: the run's directory.
    Raises: UserError for a run without pictures.
    """
    found = Run(run)
    by_nimg = {picture.nimg: picture.path for picture in found.pictures}
    last = {tick.resolution: by_nimg[tick.nimg] for tick in found.ticks if tick.nimg in by_nimg}
    if not last:
        raise UserError(f"{run} has no pictures of fakes yet; the end of a tick makes one")
    return dict(sorted(last.items()))


def read_cells(path: str | os.PathLike, resolution: int) -> np.ndarray:
    """Returns the images of a run's picture: uint8 [rows, columns, r, r, 1 or 3].

    Args:
      path: of a PNG with one image beside the other.
      resolution: r, of each.
    Raises: DamagedError when it can't be read, or is no grid of images of this resolution.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            pixels = np.asarray(image.convert("L" if image.mode == "L" else "RGB"))
    except MemoryError:
        raise
    except Exception as error:  # a foreign reader's, of which any can come
        raise DamagedError(f"{path} can't be read: {one_line(error)}") from None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    h, w, c = pixels.shape
    if h % resolution or w % resolution:
        raise DamagedError(f"{path} is no grid of images of {resolution}x{resolution}: {w}x{h}")
    cells = pixels.reshape(h // resolution, resolution, w // resolution, resolution, c)
    return cells.transpose(0, 2, 1, 3, 4)


def first_cells(picture: str | os.PathLike, resolution: int, count: int) -> np.ndarray:
    """Returns the first images of a picture, row by row: uint8 [count, r, r, C].

    Args:
      picture, resolution: see `read_cells`.
      count: fewer where the picture has fewer.
    Raises: DamagedError.
    """
    cells = read_cells(picture, resolution)
    return cells.reshape(-1, *cells.shape[2:])[:count]


def stages_sheet(
    run: str | os.PathLike, resolution: int, count: int = 8, columns: int = 2, zoom: int = 1
) -> np.ndarray:
    """Returns a picture of the first latents' images at the end of each stage: uint8 [h, w, C].

    A group is one latent's images, from the coarsest to the finest; see `sheets.group_sheet`.

    Args:
      run: the run's directory.
      resolution: R, of its pictures.
      count: of latents.
      columns: latents in a row.
      zoom: enlarges each pixel.
    Raises: UserError for a run without pictures, or with pictures that don't go together.
    """
    stages = [first_cells(path, resolution, count) for path in stage_pictures(run).values()]
    if len({stage.shape for stage in stages}) > 1:
        raise DamagedError(f"{run} has pictures of different numbers of images, or channels")
    return sheets.group_sheet(np.stack(stages, 1), columns, zoom)
