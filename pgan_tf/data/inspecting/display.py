"""display: shows a data set in a window or as a contact sheet."""

import os

import numpy as np
from PIL import Image

from pgan_tf import files
from pgan_tf.data import storage
from pgan_tf.data.dataset import Dataset
from pgan_tf.errors import UserError

_WINDOW_SIDE = 512
_GAP = 2  # pixels between the images of a contact sheet


def contact_sheet(
    path: str | os.PathLike,
    out: str | os.PathLike,
    columns: int = 16,
    rows: int = 9,
    resolution: int | None = None,
) -> int:
    """Writes a PNG of a data set's first images, side by side; returns their number.

    Args:
      path: the data set's directory.
      out: the PNG file.
      columns, rows: number of images across and down the sheet.
      resolution: resolution of the level to show; None: the full one, but at most 128.
    Raises: UserError when the data set can't be read or `out` is not a local PNG file.
    """
    dataset = Dataset(path)
    resolution = min(dataset.resolution, 128) if resolution is None else resolution
    if storage.is_remote(out):
        raise UserError(f"{out}: the sheet must be a local file")
    if not os.fspath(out).lower().endswith(".png"):
        raise UserError(f"{out}: the sheet is a PNG; give it a name that ends in .png")
    n = min(columns * rows, dataset.num_images)
    columns = min(columns, n)
    images = dataset.read(resolution, np.arange(n))
    cell = resolution + _GAP
    sheet = np.full((-(-n // columns) * cell, columns * cell, images.shape[-1]), 128, np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        sheet[row * cell :, column * cell :][:resolution, :resolution] = image
    picture = Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet)
    with files.atomic_path(out) as partial:
        picture.save(partial, "PNG")
    return n


def show(path: str | os.PathLike) -> bool:
    """Shows a data set in a window, one image at a time.

    Left or Backspace shows the previous image, any other key the next one, and Escape closes the
    window. The title shows the image's number and class.

    Returns: False if there is no screen, or no tkinter.
    Raises: UserError when the data set can't be read.
    """
    dataset = Dataset(path)
    try:
        import tkinter

        from PIL import ImageTk
    except ImportError:
        return False
    try:
        window = tkinter.Tk()
    except tkinter.TclError:
        return False
    _run_window(window, ImageTk, tkinter, dataset)
    return True


def _run_window(window, image_tk, tkinter, dataset: Dataset) -> None:
    canvas = tkinter.Label(window)
    canvas.pack()
    index = 0

    def draw(step: int) -> None:
        nonlocal index
        index = (index + step) % dataset.num_images
        image = dataset.read(dataset.resolution, [index])[0]
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        scale = max(1, _WINDOW_SIDE // dataset.resolution)
        side = dataset.resolution * scale
        photo = image_tk.PhotoImage(picture.resize((side, side), Image.Resampling.NEAREST))
        canvas.configure(image=photo)
        canvas.image = photo  # tkinter itself keeps no reference
        title = f"{dataset.name}: {index} of {dataset.num_images}"
        if dataset.labels is not None:
            label = int(dataset.labels[index].argmax())
            title += f", class {dataset.class_names[label]}"
        window.title(title)

    def on_key(event) -> None:
        if event.keysym == "Escape":
            window.destroy()
        else:
            draw(-1 if event.keysym in ("Left", "BackSpace") else 1)

    window.bind("<Key>", on_key)
    draw(0)
    window.mainloop()
