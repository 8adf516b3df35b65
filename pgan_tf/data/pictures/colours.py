"""Converts an image's colours to 8-bit gray or sRGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms, ImageColor

from pgan_tf.data.pictures.formats import BadImage

_LARGE_PROFILE = 4 << 20  # bytes; smaller profiles are kept for the next image
_SRGB_ROUNDING = 3  # levels of 255 by which the rounding of an sRGB profile changes colours


def to_8_bits(image: Image.Image, white: int) -> Image.Image:
    """Converts 16-bit gray to 8-bit gray: 255 * value / white, rounded, at most 255."""
    values = np.asarray(image).astype(np.uint32)
    gray = Image.fromarray(np.minimum((values * 510 + white) // (2 * white), 255).astype(np.uint8))
    if profile := image.info.get("icc_profile"):
        gray.info["icc_profile"] = profile
    return gray


def plain(image: Image.Image, background: str) -> Image.Image:
    """Returns the image as 8-bit gray (L) or sRGB (RGB) without transparency.

    Raises: BadImage for 32-bit pixels.
    """
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
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("I", "F"):
        raise BadImage("has 32 bits per pixel; save it with 8 or 16")
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
    """Converts colours from an ICC profile. An image already in sRGB is returned unchanged."""
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
    """Returns the transform that converts images of this mode from the profile to sRGB.

    None if the profile can't be used, or if it is sRGB under any name: no colour of a grid changes
    by more than _SRGB_ROUNDING.
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
