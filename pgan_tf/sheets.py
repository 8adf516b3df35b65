"""Sheets: pictures of groups of images, such as an image's stages or neighbours."""

import numpy as np

GAP, WIDE_GAP = 4, 24  # pixels between images of a group, and between groups
_WHITE = 255


def group_sheet(
    groups: np.ndarray, columns: int = 2, zoom: int = 1, first_gap: int = GAP
) -> np.ndarray:
    """Arranges groups of images in rows, on white: uint8 [height, width, C].

    The images of a group are side by side, GAP apart; groups are WIDE_GAP apart, across and down.

    Args:
      groups: uint8 [n, m, h, w, C], n groups of m images.
      columns: groups per row.
      zoom: factor by which pixels are enlarged.
      first_gap: pixels between the first and the second image of a group.
    """
    groups = groups.repeat(zoom, 2).repeat(zoom, 3)
    n, m, h, w, c = groups.shape
    columns = max(min(columns, n), 1)
    lefts = [j * (w + GAP) + (first_gap - GAP if j else 0) for j in range(m)]
    step_x, step_y = lefts[-1] + w + WIDE_GAP, h + WIDE_GAP
    rows = -(-n // columns)
    shape = [max(rows * step_y - WIDE_GAP, 0), columns * step_x - WIDE_GAP, c]
    sheet = np.full(shape, _WHITE, np.uint8)
    for i, group in enumerate(groups):
        row, column = divmod(i, columns)
        for left, image in zip(lefts, group, strict=True):
            sheet[row * step_y :, column * step_x + left :][:h, :w] = image
    return sheet
