"""Turns a photograph of CelebA into an aligned face of 1024x1024 (section 5, steps 1 to 7).

See the paper's appendix C. Image_list.txt holds the md5 of every processed image, so the arithmetic
must equal the official tool's to the last bit. The geometry, including its scalars, is in float32
(NumPy 2's rules), blending weights are in float64, and pixels that are not uint8 are in float32.
"""

import dataclasses
import io
import warnings

import numpy as np
import scipy.fft
from PIL import Image

RESOLUTION = 1024
_SUPERSAMPLED = 4 * RESOLUTION
_MAX_PIXELS = 1 << 27  # of an enlarged or padded photograph; a face of 4000 pixels takes half
_BLOCK_ROWS = 32  # rows to blur or blend at a time: as many as fit into the processor's cache


class ImageError(Exception):
    """An image can't be made; the message says why."""


@dataclasses.dataclass(frozen=True)
class _Photo:
    """A photograph and the square in it that becomes the output.

    Attributes:
      image: RGB.
      quad: the square's corners as (x, y) in pixels, float32 [4, 2]: upper left, lower left, lower
        right, upper right in the upright face.
      zoom: output pixels per pixel of the photograph, float32.
    """

    image: Image.Image
    quad: np.ndarray
    zoom: np.float32

    def bounds(self) -> tuple[int, int, int, int]:
        """Returns left, top, right and bottom of the square, rounded outwards."""
        low, high = np.floor(self.quad.min(0)), np.ceil(self.quad.max(0))
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def decode(jpg: bytes) -> Image.Image:
    """Decodes a JPEG file's bytes to an RGB image.

    Raises: ImageError if the file is damaged, cut short or absurdly large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Only JPEG: for some other formats Pillow starts a program.
            return Image.open(io.BytesIO(jpg), formats=["JPEG"]).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning) as error:
        raise ImageError(f"the photograph can't be decoded: {error}") from error


def align(image: Image.Image, landmarks: np.ndarray) -> np.ndarray:
    """Returns the face in a photograph, upright, centred and of standard size.

    Args:
      image: RGB photograph.
      landmarks: (x, y) in pixels of the left eye, right eye, nose, and left and right corner of the
        mouth, [5, 2]. Left and right are those of the photograph.
    Returns: uint8 [3, 1024, 1024].
    Raises: ImageError if the landmarks mark no face in this photograph.
    """
    photo = _shrunk(_located(image, np.float32(landmarks)))
    border = max(_round(102.4 / photo.zoom), 3)
    photo = _padded(_enlarged(_cropped(photo, border)), border)
    return _cut_out(photo)


def _round(value: float) -> int:
    return int(np.rint(value))


def _rot90(v: np.ndarray) -> np.ndarray:
    return np.array([-v[1], v[0]])


def _check_size(width: float, height: float) -> None:
    if not (width >= 1 and height >= 1 and width * height <= _MAX_PIXELS):
        raise ImageError(
            f"the landmarks mark no face: the image would take {width:.0f}x{height:.0f} pixels"
        )


def _located(image: Image.Image, landmarks: np.ndarray) -> _Photo:
    """Steps 1 and 2: finds the square around eyes and mouth, rotated like the face."""
    left_eye, right_eye, _, left_mouth, right_mouth = landmarks
    eye = (left_eye + right_eye) * 0.5 + 0.5
    mouth = (left_mouth + right_mouth) * 0.5 + 0.5
    eyes, down = right_eye - left_eye, mouth - eye

    x = eyes - _rot90(down)
    length = np.hypot(*x)
    if not 1e-3 < length < 1e6:  # also rejects NaN
        raise ImageError(f"the landmarks mark no face: its size would be {length:.3g} pixels")
    x /= length
    x *= max(np.hypot(*eyes) * 2, np.hypot(*down) * 1.8)
    y = _rot90(x)
    c = eye + down * 0.1
    quad = np.stack([c - x - y, c - x + y, c + x + y, c + x - y])
    return _Photo(image, quad, RESOLUTION / (np.hypot(*x) * 2))


def _shrunk(photo: _Photo) -> _Photo:
    """Step 3: shrinks the photograph if it has at least 4 times the output's resolution."""
    shrink = int(np.floor(0.5 / photo.zoom))
    if shrink <= 1:
        return photo
    width, height = (_round(side / shrink) for side in photo.image.size)
    _check_size(width, height)
    image = photo.image.resize((width, height), Image.Resampling.LANCZOS)
    return _Photo(image, photo.quad / shrink, photo.zoom * shrink)


def _cropped(photo: _Photo, border: int) -> _Photo:
    """Step 4: crops the photograph to the square and a border around it."""
    width, height = photo.image.size
    left, top, right, bottom = photo.bounds()
    left, top = max(left - border, 0), max(top - border, 0)
    right, bottom = min(right + border, width), min(bottom + border, height)
    if left >= right or top >= bottom:
        raise ImageError("the landmarks lie outside the photograph")
    quad = photo.quad - np.float32([left, top])
    return dataclasses.replace(photo, image=photo.image.crop((left, top, right, bottom)), quad=quad)


def _enlarged(photo: _Photo) -> _Photo:
    """Step 5: enlarges the photograph if its resolution is below the output's."""
    factor = 2 ** max(int(np.ceil(np.log2(photo.zoom))), 0)
    if factor == 1:
        return photo
    width, height = (side * factor for side in photo.image.size)
    _check_size(width, height)
    image = photo.image.resize((width, height), Image.Resampling.LANCZOS)
    return _Photo(image, photo.quad * factor, photo.zoom / factor)


def _padded(photo: _Photo, border: int) -> _Photo:
    """Step 6: pads the photograph with its blurred mirror image if the square overhangs it."""
    width, height = photo.image.size
    left, top, right, bottom = photo.bounds()
    overhang = np.array([-left, -top, right - width, bottom - height])  # missing on each side
    pad = np.maximum(overhang + border, 0)
    if pad.max() <= border - 4:
        return photo
    pad = np.maximum(pad, _round(307.2 / photo.zoom))
    left, top, right, bottom = pad
    _check_size(width + left + right, height + top + bottom)

    pixels = np.pad(photo.image, ((top, bottom), (left, right), (0, 0)), "reflect")
    mask_x, mask_y = _mask(pixels.shape[1], left, right), _mask(pixels.shape[0], top, bottom)
    for channel in range(3):  # one at a time, to save memory
        pixels[..., channel] = _faded(pixels[..., channel], mask_x, mask_y, 20.48 / photo.zoom)
    return dataclasses.replace(
        photo, image=Image.fromarray(pixels), quad=photo.quad + np.float32([left, top])
    )


def _mask(n: int, before: int, after: int) -> np.ndarray:
    """Returns the depth of each of n positions in the padding at both ends, float64 [n].

    It is 1 at the outer end, 0 at the photograph's edge, and negative inside. A pixel's mask is the
    larger of the masks of x and y; the same holds for increasing functions of the mask.
    """
    i = np.arange(n)
    return 1.0 - np.minimum(i / before, i[::-1] / after)


def _faded(
    channel: np.ndarray, mask_x: np.ndarray, mask_y: np.ndarray, sigma: np.float32
) -> np.ndarray:
    """Returns a channel, uint8 [h, w], with the padding blurred and faded to the median."""
    image = channel.astype(np.float32)
    blurred = _gaussian(image, sigma)
    blur_x, blur_y = np.clip(mask_x * 3 + 1, 0, 1), np.clip(mask_y * 3 + 1, 0, 1)
    for rows in _blocks(len(image)):
        weight = np.maximum(blur_x, blur_y[rows, None])
        image[rows] += (blurred[rows] - image[rows]) * weight
    median = np.median(image)
    flat_x, flat_y = np.clip(mask_x, 0, 1), np.clip(mask_y, 0, 1)
    for rows in _blocks(len(image)):
        weight = np.maximum(flat_x, flat_y[rows, None])
        image[rows] += (median - image[rows]) * weight
    return np.clip(np.rint(image, out=image), 0, 255, out=image).astype(np.uint8)


def _blocks(n: int) -> list[slice]:
    return [slice(i, i + _BLOCK_ROWS) for i in range(0, n, _BLOCK_ROWS)]


def _gaussian(image: np.ndarray, sigma: np.float32) -> np.ndarray:
    """Returns scipy.ndimage.gaussian_filter(image, sigma), 14 times as fast at the usual sigma.

    The kernel is exp(-x^2 / (2 sigma^2)) for |x| <= 4 sigma, normalised. Edges are mirrored. The
    result is rounded to float32 after the columns and after the rows. The convolution is an FFT in
    float64, whose error of about 1e-13 does not change the rounded values.

    Args:
      image: float32 [h, w].
    """
    radius = int(4 * float(sigma) + 0.5)
    x = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 / (sigma * sigma) * x**2)
    kernel /= kernel.sum()
    columns = _convolved_rows(image.T, kernel)
    return _convolved_rows(columns.T, kernel)


def _convolved_rows(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Returns each row convolved with a symmetric kernel of odd length: float32 [h, w]."""
    radius, (height, width) = len(kernel) // 2, image.shape
    n = scipy.fft.next_fast_len(width + 2 * radius, real=True)
    spectrum = scipy.fft.rfft(kernel, n)
    result = np.empty((height, width), np.float32)
    for rows in _blocks(height):
        mirrored = np.pad(image[rows].astype(np.float64), ((0, 0), (radius, radius)), "symmetric")
        convolved = scipy.fft.irfft(scipy.fft.rfft(mirrored, n) * spectrum, n)
        result[rows] = convolved[:, 2 * radius : 2 * radius + width]
    return result


def _cut_out(photo: _Photo) -> np.ndarray:
    """Step 7: rotates the square upright at four times the resolution, then shrinks it."""
    # Kept in float32, so that Pillow computes the transform's coefficients in float32.
    corners = (photo.quad + 0.5).ravel()
    image = photo.image.transform(
        (_SUPERSAMPLED, _SUPERSAMPLED), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR
    )
    image = image.resize((RESOLUTION, RESOLUTION), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
