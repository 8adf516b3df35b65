"""Which kinds of picture files are read: what Pillow reads, but for a few."""

from PIL import Image


class BadImage(Exception):  # noqa: N818
    """An image that can't be used; the message says why and, if anything, which option helps."""


_LEFT_OUT = frozenset(
    (
        "EPS", "PDF",  # documents, which another program (Ghostscript) would have to run
        "WMF", "BUFR", "GRIB", "HDF5",  # which Pillow only knows by name
        "MPEG",  # films
        "IPTC",  # a wrapper around any other file
        "FITS",  # measurements, unpacked at any size
        "PALM",
    )
)  # fmt: skip
_COMMON = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")  # tried first

_EXTENSIONS = Image.registered_extensions()  # {suffix: format}; loads all of Pillow's formats

FORMATS = (
    *_COMMON,
    *sorted(set(_EXTENSIONS.values()) & set(Image.OPEN) - _LEFT_OUT - set(_COMMON)),
)
"""Names of Pillow's formats that are read. Of several pages or frames the first is taken."""

SUFFIXES = tuple(
    suffix for suffix, name in _EXTENSIONS.items() if name in FORMATS or name == "MPO"
)  # an MPO file is a JPEG with further ones behind it
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
"""Suffixes of pictures that can't be read here: other formats, and raw files of cameras."""
