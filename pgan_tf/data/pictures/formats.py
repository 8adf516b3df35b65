"""The formats of picture files that are read: Pillow's formats except for a few."""

from PIL import Image


class BadImage(Exception):  # noqa: N818
    """An image can't be used. The message says why, and which option helps if one does."""


_LEFT_OUT = frozenset(
    (
        "EPS", "PDF",  # documents that another program (Ghostscript) would have to run
        "WMF", "BUFR", "GRIB", "HDF5",  # Pillow recognises these but needs a handler to decode them
        "MPEG",  # videos
        "IPTC",  # a wrapper around any other file
        "FITS",  # measurements, unpacked to any size
        "PALM",
    )
)  # fmt: skip
_COMMON = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")  # tried first

_EXTENSIONS = Image.registered_extensions()  # {suffix: format}; loads all of Pillow's formats

FORMATS = (
    *_COMMON,
    *sorted(set(_EXTENSIONS.values()) & set(Image.OPEN) - _LEFT_OUT - set(_COMMON)),
)
"""Names of Pillow's formats that are read. Only the first page or frame of a file is read."""

SUFFIXES = tuple(
    suffix for suffix, name in _EXTENSIONS.items() if name in FORMATS or name == "MPO"
)  # an MPO file is several JPEGs in a row
"""Lower-case suffixes of files in these formats: ".png", ..."""

_CAMERAS = (
    "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "gpr", "iiq", "k25", "kdc",
    "mef", "mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf",
    "srw", "x3f",
)  # fmt: skip
_OTHERS = (
    "heic", "heif", "hif", "avif", "avifs", "jxl", "jxr", "wdp", "hdp", "jp2", "webp", "svg",
    "svgz", "eps", "wmf", "emf", "exr", "hdr", "xcf", "psb", "dcm",
)  # fmt: skip
UNREAD_SUFFIXES = tuple(f".{name}" for name in (*_OTHERS, *_CAMERAS) if f".{name}" not in SUFFIXES)
"""Suffixes of pictures that can't be read: other formats, and cameras' raw files."""
