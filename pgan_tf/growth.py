"""How the images of a run grew: its pictures of the same latents at the end of each stage."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from pgan_tf import sheets
from pgan_tf.errors import UserError
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


def first_cells(picture: str | os.PathLike, resolution: int, count: int) -> np.ndarray:
    """Returns the first images of a grid, row by row: uint8 [count, resolution, resolution, C].

    Args:
      picture: a PNG with one image beside the other, each `resolution` pixels wide and high.
      resolution: R, at which all pictures of a run are.
      count: fewer where the grid has fewer.
    """
    pixels = np.asarray(Image.open(picture, formats=["PNG"]))
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    rows, columns = pixels.shape[0] // resolution, pixels.shape[1] // resolution
    cells = pixels.reshape(rows, resolution, columns, resolution, -1).swapaxes(1, 2)
    return cells.reshape(rows * columns, resolution, resolution, -1)[:count]


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
    Raises: UserError for a run without pictures.
    """
    stages = [first_cells(path, resolution, count) for path in stage_pictures(run).values()]
    return sheets.group_sheet(np.stack(stages, 1), columns, zoom)
