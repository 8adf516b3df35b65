"""Names a file's kind by its first bytes, for messages about files of the wrong kind."""

import os
import re

from pgan_tf.data import storage

_HEAD_BYTES = 512

_WEB_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|\?xml|!--)", re.I)
_KINDS = (  # offset, the bytes there, the kind of file
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"PK\3\4", "a zip file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer instead of the file that it points to"),
    (0, b"MATLAB 5.0 MAT-file", "a MATLAB file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array file"),
    (0, b"\0\0\x08\x03", "an IDX file of images"),
    (0, b"\0\0\x08\x01", "an IDX file of labels"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw picture"),
)
_ISO_BRANDS = (  # bytes 8 to 12 of a file, if bytes 4 to 8 are "ftyp"
    (("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"), "a HEIC picture"),
    (("avif", "avis"), "an AVIF picture"),
    (("crx ",), "a camera's raw picture"),
    (("isom", "iso2", "mp41", "mp42", "M4V ", "qt  ", "avc1", "3gp4", "3gp5"), "a video"),
)


def kind_of(head: bytes) -> str | None:
    """Returns the kind of a file from its first bytes: "a web page"; None if it is unknown."""
    if not head:
        return "an empty file"
    if _WEB_PAGE.match(head):
        return "a web page"
    for start, magic, kind in _KINDS:
        if head[start : start + len(magic)] == magic:
            return kind
    if head[4:8] == b"ftyp":
        brand = head[8:12].decode("latin1")
        return next((kind for brands, kind in _ISO_BRANDS if brand in brands), None)
    return None


def head_of(path: str) -> bytes:
    """Returns a file's first bytes; b"" if it can't be read or is not a regular file."""
    if storage.is_remote(path):
        is_file = storage.exists(path) and not storage.is_dir(path)
    else:
        is_file = os.path.isfile(path)  # a pipe would never answer
    if not is_file:
        return b""
    try:
        with storage.open_binary(path) as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""


def is_tar(path: str) -> bool:
    """Returns whether a file is a tar archive; of a gzip file, whether its name says so."""
    head = head_of(path)
    has_tar_name = path.lower().endswith((".tar", ".tar.gz", ".tgz"))
    return kind_of(head) == "a tar archive" or (has_tar_name and head[:2] == b"\x1f\x8b")
