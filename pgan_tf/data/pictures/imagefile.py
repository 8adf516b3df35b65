"""From the bytes of an image file to the square of pixels that a data set wants."""

import contextlib
import dataclasses
import functools
import io
import struct
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms, ImageColor, UnidentifiedImageError

from pgan_tf.data.format import pyramid

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff")
_LARGE_PROFILE = 4 << 20  # bytes; others are kept for the next image
_SRGB_ROUNDING = 3  # levels
MAX_PIXELS = 1 << 27  # of one image: 128 million, of which decoding takes up to 512 MB

_RESIZE = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}
_ORIENTATION = 0x0112  # EXIF tag
_UPRIGHT = {  # its value -> what turns the image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImage(Exception):  # noqa: N818
    """An image that can't be used; the message says why and, if anything, which option helps."""


@dataclasses.dataclass(frozen=True)
class Preparation:
    """What is done to every image. Without any of it, pixels are taken as they are.

    resolution: to which squares are resized, or None: as they come.
    crop: "center" cuts the largest square from the middle; "none".
    resize: filter, "lanczos" or "box".
    pad: extends to a square with the background colour.
    channels: 1 or 3, or None: as they come.
    background: colour behind transparent pixels and around padded images.
    """

    resolution: int | None = None
    crop: str = "none"
    resize: str = "lanczos"
    pad: bool = False
    channels: int | None = None
    background: str = "white"


@dataclasses.dataclass(frozen=True)
class Report:
    """What was found in a file.

    size: width and height as stored, mode: Pillow's, both None when it is no image.
    result: (channels, side) of what it gives, or None.
    enlarged: whether it was smaller than the resolution.
    reason: why it can't be used, or None.
    """

    size: tuple[int, int] | None
    mode: str | None
    result: tuple[int, int] | None
    enlarged: bool
    reason: str | None


def examine(data: bytes, preparation: Preparation, decode: bool = False) -> Report:
    """Says what an image file is and whether it can be used.

    The image is decoded, except that for a PNG that needs no preparation its checksums suffice,
    unless `decode` says otherwise.
    """
    size = mode = None
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
                image = _plain_square(image, preparation)
                side = preparation.resolution or image.width
            return Report(size, mode, (len(image.getbands()), side), enlarged, None)
    except BadImage as error:
        return Report(size, mode, None, enlarged, str(error))


def _is_ready_png(image: Image.Image, preparation: Preparation) -> bool:
    side = image.width
    return (
        image.format == "PNG"
        and image.mode in ("L", "RGB")
        and not image.has_transparency_data
        and image.size == (side, side)
        and preparation.resolution in (None, side)
        and preparation.channels in (None, len(image.getbands()))
        and pyramid.is_valid(side)
    )


@contextlib.contextmanager
def _named_damage() -> Iterator[None]:
    """Turns what Pillow raises on damaged files into BadImage."""
    try:
        yield
    except UnidentifiedImageError:
        raise BadImage("not a PNG, JPEG, WebP, BMP or TIFF image") from None
    except Image.DecompressionBombError:
        raise BadImage("declares far too many pixels") from None
    except (
        OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, struct.error,
    ) as error:  # fmt: skip
        raise BadImage(f"damaged: {error}") from None


def load(data: bytes, preparation: Preparation) -> np.ndarray:
    """Returns the prepared image of a file: uint8 [C, R, R]. Raises: BadImage."""
    with open_image(data) as image:
        return prepare(image, preparation)


def open_image(data: bytes) -> Image.Image:
    """Returns the image of a file, not decoded yet. Raises: BadImage."""
    with _named_damage(), warnings.catch_warnings():  # of many pixels, which are counted below
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise BadImage(f"declares {image.width}x{image.height} pixels, which is too many")
    return image


def pixels_of(image: Image.Image) -> np.ndarray:
    """Returns the RGB pixels of an opened image as they are stored: uint8 [3, H, W].

    Raises: BadImage.
    """
    with _named_damage():
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def plain_pixels_of(image: Image.Image, background: str = "white") -> np.ndarray:
    """Returns the RGB pixels of an opened image, turned and coloured as in `prepare`.

    Returns: uint8 [H, W, 3]. Raises: BadImage.
    """
    return np.asarray(_plain(image, background).convert("RGB"))


def prepare(image: Image.Image, preparation: Preparation) -> np.ndarray:
    """Returns uint8 [C, R, R] of an opened image.

    EXIF orientation is applied; colours are converted to sRGB from the profile that the file
    carries (one that can't be read is ignored, as viewers do); 16-bit gray is rounded to 8 bits;
    what is transparent gets the background.

    Raises: BadImage when it can't be decoded or is of no use.
    """
    image = _plain_square(image, preparation)
    if preparation.resolution not in (None, image.width):
        side = preparation.resolution
        image = image.resize((side, side), _RESIZE[preparation.resize])
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _plain_square(image: Image.Image, preparation: Preparation) -> Image.Image:
    """Decodes and does all that `prepare` does, but for resizing."""
    image = _plain(image, preparation.background)
    if preparation.channels is not None:
        image = image.convert("L" if preparation.channels == 1 else "RGB")
    return _square(image, preparation)


def _plain(image: Image.Image, background: str) -> Image.Image:
    """Returns the decoded image, upright, as 8-bit gray or sRGB. Raises: BadImage."""
    with _named_damage():
        image.load()
        return _plain_colours(_upright(image), background)


def _upright(image: Image.Image) -> Image.Image:
    """Returns the image turned as its EXIF orientation says; EXIF that can't be read says nothing.

    Pillow's own function writes the rest of the EXIF data anew, and fails where that is odd.
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


def _plain_colours(image: Image.Image, background: str) -> Image.Image:
    """Returns the image as 8-bit gray (L) or sRGB (RGB) without transparency."""
    alpha = None
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.has_transparency_data and image.mode in ("L", "RGB"):  # one colour is transparent
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    if image.mode in ("LA", "La", "RGBA", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode))
        alpha = image.getchannel("A")
        image = image.convert(image.mode[:-1])
    if image.mode.startswith("I;16"):
        gray = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((gray + 128) // 257).astype(np.uint8))
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("I", "F"):
        raise BadImage("has 32 bits a pixel; save it with 8 or 16")
    if profile:
        image = _to_srgb(image, profile)
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    if alpha is not None:
        behind = Image.new("RGB", image.size, background)
        gray = image.mode == "L" and len(set(ImageColor.getrgb(background)[:3])) == 1
        behind.paste(image, mask=alpha)
        image = behind.convert("L") if gray else behind
    return image


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Converts from an ICC profile. What is in sRGB already stays as it is to the last bit."""
    keep = len(profile) <= _LARGE_PROFILE
    transform = (_transform if keep else _transform.__wrapped__)(profile, image.mode)
    if transform is None:
        return image
    try:
        converted = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted.convert("L") if image.mode == "L" else converted


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns what converts images of this mode from the profile to sRGB.

    None when it can't be used, and when it is sRGB whatever its name: when no colour of a grid
    changes by more than the rounding of such profiles.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.buildTransform(source, srgb, mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
    if mode in ("L", "RGB"):
        steps = np.arange(0, 256, 15, dtype=np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        colours = Image.fromarray(grid if mode == "RGB" else steps[None])
        converted = np.asarray(ImageCms.applyTransform(colours, transform), np.int32)
        if np.abs(converted - np.asarray(colours.convert("RGB"))).max() <= _SRGB_ROUNDING:
            return None
    return transform


def _square(image: Image.Image, preparation: Preparation) -> Image.Image:
    width, height = image.size
    if width != height and preparation.crop == "center":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    elif width != height and preparation.pad:
        side = max(width, height)
        colour = ImageColor.getcolor(preparation.background, image.mode)
        square = Image.new(image.mode, (side, side), colour)
        square.paste(image, ((side - width) // 2, (side - height) // 2))
        image = square
    if image.width != image.height:
        fits = preparation.resolution is not None or all(map(pyramid.is_valid, image.size))
        resize = "" if fits else ", and --resolution resizes it"
        raise BadImage(f"not square: --crop center or --pad makes it so{resize}")
    side = image.width
    if preparation.resolution is None and not pyramid.is_valid(side):
        raise BadImage(f"{side}x{side} is no power of two from 4 on: --resolution resizes it")
    return image
