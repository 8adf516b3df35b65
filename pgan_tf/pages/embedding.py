"""Chooses pictures for a page, makes them small, and turns them into data URIs."""

import base64
import bisect
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pgan_tf.errors import DamagedError, one_line
from pgan_tf.pages.segments import RunSegment, warped

LOSSLESS = 100
"""Quality at which no pixel changes."""

_MOST_PIXELS = 1 << 27  # in a picture; decoding takes up to 512 MB


class Embedder:
    """Turns PNG files into data URIs; encodes a file again only if it has changed.

    Args:
      width: maximum width in pixels; wider pictures are made smaller.
      quality: quality of lossy WebP, 1 to 99, or `LOSSLESS`.
    """

    def __init__(self, width: int, quality: int):
        self.width, self.quality = width, quality
        self._known: dict[tuple, str] = {}

    def __call__(self, path: Path) -> str:
        """Returns a picture's data URI: a WebP, or the PNG itself if it fits and is not larger.

        Raises: DamagedError if the file is not a valid PNG; OSError if it can't be read.
        """
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        if key not in self._known:
            self._known[key] = self._encode(path)
        return self._known[key]

    def _encode(self, path: Path) -> str:
        png = path.read_bytes()
        try:
            with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
                if picture.width * picture.height > _MOST_PIXELS:
                    raise ValueError(f"{picture.width}x{picture.height} pixels are too many")
                fits = picture.width <= self.width
                picture = picture.convert("RGB")
                if not fits:
                    height = max(round(picture.height * self.width / picture.width), 1)
                    picture = picture.resize((self.width, height), Image.Resampling.LANCZOS)
                buffer = io.BytesIO()
                lossless = self.quality == LOSSLESS
                picture.save(buffer, "WEBP", quality=self.quality, lossless=lossless, exact=True)
        except MemoryError:
            raise
        except Exception as error:  # Pillow can raise anything for a damaged file
            raise DamagedError(f"{path} is damaged or not a PNG: {one_line(error)}") from None
        webp = buffer.getvalue()
        kind, content = ("png", png) if fits and len(png) <= len(webp) else ("webp", webp)
        return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def choose(kimgs: Sequence[float], segments: Sequence[RunSegment], most: int) -> list[int]:
    """Returns the indices of at most `most` pictures, evenly spaced in warped time.

    In warped time every resolution takes equally long; see `segments.warped`. The last picture is
    always chosen if `most` is at least 1, the first if it is at least 2.

    Args:
      kimgs: the pictures' kimg, in ascending order.
      segments: the run's segments.
      most: maximum number of pictures, 0 or more.
    """
    if len(kimgs) <= most:
        return list(range(len(kimgs)))
    if most < 2:
        return [len(kimgs) - 1][:most]
    times = [warped(kimg, segments) for kimg in kimgs]
    chosen = set()
    for i in range(most):
        wanted = times[0] + (times[-1] - times[0]) * i / (most - 1)
        after = min(bisect.bisect_left(times, wanted), len(times) - 1)
        before = max(after - 1, 0)
        chosen.add(before if wanted - times[before] < times[after] - wanted else after)
    return sorted(chosen)
