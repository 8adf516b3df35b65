"""A photograph of CelebA to an aligned face of 1024x1024 (spec section 5, steps 1 to 7).

Paper, appendix C. The md5 of every processed image is on record, so the arithmetic is the
official tool's to the last bit: geometry in float32, scalars too (as NumPy 2 keeps them), blending
weights in float64, pixels in float32 between two roundings.
"""

import dataclasses
import io
import warnings

import numpy as np
import scipy.fft
from PIL import Image, ImageFile

RESOLUTION = 1024
_SUPERSAMPLED = 4 * RESOLUTION
_MAX_PIXELS = 1 << 27  # of an enlarged and padded photograph; real ones stay below half of it
_BLOCK_ROWS = 32  # rows blurred and blended at a time: what fits the processor's cache


class ImageError(Exception):
    """An image that can't be made; the message says why."""


@dataclasses.dataclass
class _Photo:
    """A photograph and the square in it that is to become the output.

    Attributes:
      image: RGB.
      quad: corners of the square in pixels, float32 [4, 2] of (x, y): upper left, lower left, lower
        right, upper right of the face.
      zoom: output pixels per pixel of `image`, float32.
    """

    image: Image.Image
    quad: np.ndarray
    zoom: np.float32

    def bounds(self) -> tuple[int, int, int, int]:
        """Returns the quad's left, top, right, bottom, rounded outwards."""
        low, high = np.floor(self.quad.min(0)), np.ceil(self.quad.max(0))
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def resize(self, width: int, height: int, factor: float) -> None:
        """Resamples the image; its pixels get `factor` times as many along each side."""
        self.image = self.image.resize((width, height), Image.Resampling.LANCZOS)
        self.quad = self.quad * np.float32(factor)
        self.zoom = self.zoom / np.float32(factor)


def decode(jpg: bytes) -> Image.Image:
    """Returns the photograph in a file's bytes, as RGB.

    Raises: ImageError when it is damaged, cut short or absurdly large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(jpg))
            ImageFile.LOAD_TRUNCATED_IMAGES = False
            return image.convert("RGB")
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise ImageError(f"the photograph can't be decoded ({error})") from error


def align(image: Image.Image, landmarks: np.ndarray) -> np.ndarray:
    """Returns the face in a photograph, upright, centred and of standard size.

    Args:
      image: RGB photograph.
      landmarks: (x, y) in pixels of the left and right eye, the nose, the left and right corner of
        the mouth; [5, 2].
    Returns: uint8 [3, 1024, 1024].
    Raises: ImageError when the landmarks make no face in this photograph.
    """
    photo = _locate(image, np.asarray(landmarks, np.float32))
    _shrink(photo)
    border = max(_rounded(102.4 / photo.zoom), 3)
    _crop(photo, border)
    _enlarge(photo)
    _pad(photo, border)
    return _cut_out(photo)


def _rounded(value: float) -> int:
    return int(np.rint(value))


def _locate(image: Image.Image, landmarks: np.ndarray) -> _Photo:
    """Steps 1 and 2: a square around eyes and mouth, turned as the face is."""
    left_eye, right_eye, _, left_mouth, right_mouth = landmarks
    eye = (left_eye + right_eye) * 0.5 + 0.5
    mouth = (left_mouth + right_mouth) * 0.5 + 0.5
    eyes, down = right_eye - left_eye, mouth - eye

    x = eyes - _rot90(down)
    if not np.hypot(*x) > 0 or not np.isfinite(landmarks).all():
        raise ImageError("the landmarks don't make a face (eyes and mouth coincide)")
    x /= np.hypot(*x)
    x *= max(np.hypot(*eyes) * 2, np.hypot(*down) * 1.8)
    y = _rot90(x)
    centre = eye + down * 0.1
    quad = np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])
    photo = _Photo(image, quad, RESOLUTION / (np.hypot(*x) * 2))

    left, top, right, bottom = photo.bounds()
    if right <= 0 or bottom <= 0 or left >= image.width or top >= image.height:
        raise ImageError(
            f"the landmarks lie outside the photograph of {image.width}x{image.height} pixels"
        )
    _check_size((right - left) * 2.0, (bottom - top) * 2.0, min(max(photo.zoom, 0.5), 1e6) * 2)
    return photo


def _rot90(v: np.ndarray) -> np.ndarray:
    return np.array([-v[1], v[0]])


def _shrink(photo: _Photo) -> None:
    """Step 3: a photograph with over four times the pixels needed is made smaller."""
    shrink = int(np.floor(0.5 / photo.zoom))
    if shrink > 1:
        width, height = (_rounded(side / shrink) for side in photo.image.size)
        photo.image = photo.image.resize((width, height), Image.Resampling.LANCZOS)
        photo.quad /= shrink
        photo.zoom *= shrink
