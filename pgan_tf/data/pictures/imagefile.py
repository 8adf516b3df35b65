"""Turns the bytes of an image file into the square of pixels that a data set needs."""

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageColor, UnidentifiedImageError

from pgan_tf.data import contents
from pgan_tf.data.format import pyramid
from pgan_tf.data.pictures import colours
from pgan_tf.data.pictures.formats import FORMATS, SUFFIXES, BadImage  # noqa: F401 (the metrics')
from pgan_tf.errors import one_line

MAX_PIXELS = 1 << 27  # per image: 134 million, whose decoding takes up to 512 MiB
WHITE = 65535  # in 16 bits

_RESIZE = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}
_ORIENTATION = 0x0112  # EXIF tag
_UPRIGHT = {  # the tag's value -> the operation that turns the image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclasses.dataclass(frozen=True)
class Preparation:
    """The preparation of every image. By default, square images keep their pixels.

    Attributes:
      resolution: side to which squares are resized; None: images keep theirs.
      crop: "center" cuts the largest square from the middle; "none" cuts nothing.
      resize: filter, "lanczos" or "box".
      pad: extends images to squares with the background colour.
      channels: 1 or 3; None: images keep theirs.
      background: colour behind transparent pixels and around padded images.
      white: value that becomes white in 16-bit gray images, 1 to 65535; 4095 for 12-bit data.
    """

    resolution: int | None = None
    crop: str = "none"
    resize: str = "lanczos"
    pad: bool = False
    channels: int | None = None
    background: str = "white"
    white: int = WHITE


@dataclasses.dataclass(frozen=True)
class Report:
    """The result of examining a file.

    Attributes:
      size: width and height as stored; None if the file is not an image.
      mode: Pillow's mode; None if the file is not an image.
      result: (channels, side) of the prepared image, or None.
      enlarged: whether the image is smaller than the resolution.
      reason: why the file can't be used, or None.
      peak: the largest 16-bit value; of colour images, of which Pillow reads only the upper 8 bits,
        the largest possible one; None for fewer bits.
    """

    size: tuple[int, int] | None
    mode: str | None
    result: tuple[int, int] | None
    enlarged: bool
    reason: str | None
    peak: int | None = None


def examine(data: bytes, preparation: Preparation, decode: bool = False) -> Report:
    """Reports an image file's properties and whether it can be used.

    The image is decoded, except for a PNG that needs no preparation: of that, only the checksums
    are verified unless `decode` is True.
    """
    size = mode = peak = None
    enlarged = False
    try:
        with open_image(data) as image:
            size, mode = image.size, image.mode
            side = max(size) if preparation.pad else min(size)
            enlarged = side < (preparation.resolution or 0)
            if not decode and _is_ready_png(image, preparation):
                with _named_damage():
                    image.verify()
            else:
                if _has_16_bits(image):
                    _check_white(image, preparation)
                    peak = _peak(image)
                image = _plain_square(image, preparation)
                side = preparation.resolution or image.width
            return Report(size, mode, (len(image.getbands()), side), enlarged, None, peak)
    except BadImage as error:
        return Report(size, mode, None, enlarged, str(error))


def _is_ready_png(image: Image.Image, preparation: Preparation) -> bool:
    side = image.width
    return (
        image.format == "PNG"
        and image.mode in ("L", "RGB")
        and not image.has_transparency_data
        and not _has_16_bits(image)
        and image.size == (side, side)
        and preparation.resolution in (None, side)
        and preparation.channels in (None, len(image.getbands()))
        and pyramid.is_valid(side)
    )


def _has_16_bits(image: Image.Image) -> bool:
    """Returns whether the file of an image not decoded yet has 16 bits per channel."""
    return _is_16_bit_gray(image) or any(";16" in str(tile[3]) for tile in image.tile)


def _is_16_bit_gray(image: Image.Image) -> bool:
    # Pillow scales a PGM of more than 8 bits to 16 bits, in its 32-bit mode.
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")


def _check_white(image: Image.Image, preparation: Preparation) -> None:
    """Raises BadImage for a 16-bit colour image, not decoded yet, if `white` is changed."""
    if preparation.white != WHITE and _has_16_bits(image) and not _is_16_bit_gray(image):
        raise BadImage("has 16 bits per channel, but --white is for gray images; save it with 8")


def _peak(image: Image.Image) -> int:
    """Decodes a 16-bit image and returns its `Report.peak`."""
    with _named_damage():
        image.load()
    if _is_16_bit_gray(image):
        return int(np.asarray(image).max())
    return int(np.asarray(image).max()) * 256 + 255


@contextlib.contextmanager
def _named_damage() -> Iterator[None]:
    """Turns the two dozen kinds of errors that Pillow raises for damaged files into BadImage."""
    try:
        yield
    except (BadImage, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise BadImage("declares far too many pixels") from None
    except Exception as error:
        raise BadImage(f"damaged: {one_line(error)}") from None


def load(data: bytes, preparation: Preparation) -> np.ndarray:
    """Returns a file's image, prepared: uint8 [C, R, R]. Raises: BadImage."""
    with open_image(data) as image:
        return prepare(image, preparation)


def open_image(data: bytes) -> Image.Image:
    """Returns a file's image, not decoded yet. Raises: BadImage."""
    with _named_damage(), warnings.catch_warnings():  # about many pixels; they are counted below
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except UnidentifiedImageError:
            raise BadImage(_why_unidentified(data)) from None
    if image.width * image.height > MAX_PIXELS:
        raise BadImage(f"declares {image.width}x{image.height} pixels, which is too many")
    return image


def _why_unidentified(data: bytes) -> str:
    kind = contents.kind_of(data[:512])
    if kind is None:
        return "not a picture in any format that Pillow reads"
    if kind.endswith("picture"):
        return f"{kind}, which can't be read; save it as PNG or JPEG"
    return f"{kind}, not a picture"


def pixels_of(image: Image.Image) -> np.ndarray:
    """Returns the RGB pixels of an opened image as stored: uint8 [3, H, W].

    Raises: BadImage.
    """
    with _named_damage():
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def plain_pixels_of(image: Image.Image, background: str = "white") -> np.ndarray:
    """Returns an opened image's RGB pixels, uint8 [H, W, 3], upright and in sRGB like `prepare`.

    Raises: BadImage.
    """
    return np.asarray(_plain(image, Preparation(background=background)).convert("RGB"))


def prepare(image: Image.Image, preparation: Preparation) -> np.ndarray:
    """Returns an opened image, prepared: uint8 [C, R, R].

    - EXIF orientation is applied.
    - Colours are converted to sRGB from the file's profile. A profile that can't be read is
      ignored, as viewers do.
    - 16-bit gray is rounded to 8 bits: 255 * value / white.
    - The background replaces transparency.

    Raises: BadImage when the image can't be decoded or used.
    """
    image = _plain_square(image, preparation)
    if preparation.resolution not in (None, image.width):
        side = preparation.resolution
        image = image.resize((side, side), _RESIZE[preparation.resize])
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _plain_square(image: Image.Image, preparation: Preparation) -> Image.Image:
    """Decodes an image and prepares it like `prepare`, except for resizing."""
    image = _plain(image, preparation)
    if preparation.channels is not None:
        image = image.convert("L" if preparation.channels == 1 else "RGB")
    return _square(image, preparation)


def _plain(image: Image.Image, preparation: Preparation) -> Image.Image:
    """Decodes an image; returns it upright, as 8-bit gray or sRGB. Raises: BadImage."""
    _check_white(image, preparation)
    has_16_bits = _is_16_bit_gray(image)
    with _named_damage():
        image.load()
        image = _upright(image)
        if has_16_bits:
            image = colours.to_8_bits(image, preparation.white)
        return colours.plain(image, preparation.background)


def _upright(image: Image.Image) -> Image.Image:
    """Returns the image turned upright by its EXIF orientation; unreadable EXIF is ignored.

    Pillow's own function also rewrites the rest of the EXIF data, and fails if that is malformed.
    """
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION))
    except Exception:  # Pillow's parser raises a dozen kinds
        return image
    if turn is None:
        return image
    profile = image.info.get("icc_profile")
    image = image.transpose(turn)
    if profile:
        image.info["icc_profile"] = profile
    return image


def _square(image: Image.Image, preparation: Preparation) -> Image.Image:
    width, height = image.size
    if width != height and preparation.crop == "center":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    elif width != height and preparation.pad:
        side = max(width, height)
        if side * side > MAX_PIXELS:  # the image is reduced first, as the square would be too large
            if preparation.resolution is None:
                raise BadImage(
                    f"--pad would make it {side}x{side} pixels, which is too many: --resolution"
                    " reduces it first"
                )
            scale, side = preparation.resolution / side, preparation.resolution
            width, height = (max(1, round(length * scale)) for length in (width, height))
            image = image.resize((width, height), _RESIZE[preparation.resize])
        colour = ImageColor.getcolor(preparation.background, image.mode)
        square = Image.new(image.mode, (side, side), colour)
        square.paste(image, ((side - width) // 2, (side - height) // 2))
        image = square
    if image.width != image.height:
        fits = preparation.resolution is not None or all(map(pyramid.is_valid, image.size))
        resize = "" if fits else ", and --resolution resizes it"
        raise BadImage(f"not square: --crop center or --pad makes it square{resize}")
    side = image.width
    if preparation.resolution is None and not pyramid.is_valid(side):
        raise BadImage(
            f"its side {side} is not a power of two of at least 4: --resolution resizes it"
        )
    return image
