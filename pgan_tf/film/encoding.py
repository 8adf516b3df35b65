"""Film files: frames go in one by one, and what they become is decided by the file's ending."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pgan_tf.errors import UserError, one_line
from pgan_tf.files import atomic_path

_BT709 = 1  # FFmpeg's number for it: of the matrix, the primaries and the transfer curve
_LIMITED_RANGE = 1


@dataclass(frozen=True)
class Format:
    """What a film's ending stands for.

    Attributes:
      name: for people.
      container: FFmpeg's name of the file format.
      codec: FFmpeg's name of the encoder.
      pixels: FFmpeg's name of the layout that the encoder takes.
      options: of the encoder: quality before size, and no slower than the frames are made.
      container_options: of the file format.
      most_fps: frames a second that players show.
      still: most pixels of the height and width of an image in it unless a size is asked for.
      size: most pixels of its width and height unless a size is asked for.
    """

    name: str
    container: str
    codec: str
    pixels: str
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    most_fps: int = 120
    still: int = 256
    size: tuple[int, int] = (1920, 1080)


FORMATS: dict[str, Format] = {
    ".mp4": Format(
        "H.264", "mp4", "libx264", "yuv420p",
        {"preset": "veryfast", "crf": "17"},
        {"movflags": "faststart"},  # the index comes first, so that a web page can begin at once
    ),
    ".webm": Format(
        "VP9", "webm", "libvpx-vp9", "yuv420p",
        {"deadline": "good", "cpu-used": "5", "row-mt": "1", "crf": "22", "b": "0"},
    ),
    ".webp": Format(
        "animated WebP", "webp", "libwebp_anim", "bgra",
        {"quality": "85", "compression_level": "2"},
        {"loop": "0"},
        still=128, size=(640, 480),
    ),
    ".gif": Format(
        "GIF", "gif", "gif", "pal8", {}, {"loop": "0"},
        most_fps=50, still=128, size=(640, 480),
    ),
}  # fmt: skip
"""Ending -> format."""


def check(path: str | os.PathLike, fps: int) -> Format:
    """Returns the format of a film before any work is done for it.

    Raises: UserError for an unknown ending, an encoder that is not there, or a rate that the
      format can't show.
    """
    path = Path(path)
    endings = ", ".join(FORMATS)
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        what = f"the ending {path.suffix}" if path.suffix else "a name without an ending"
        raise UserError(f"--out {path}: {what} is no film's; end it in one of {endings}")
    if path.is_dir():
        raise UserError(f"--out {path} is a directory; name a file in it")
    if not _has_encoder(found):
        others = [e for e, other in FORMATS.items() if _has_encoder(other)]
        instead = f"end --out in {' or '.join(others)}, or " if others else ""
        raise UserError(
            f"--out {path}: this installation of PyAV has no encoder {found.codec}; {instead}"
            "install PyAV's own build: python -m pip install --force-reinstall --no-deps av"
        )
    if fps > found.most_fps:
        raise UserError(
            f"--fps {fps}: a {found.name} shows {found.most_fps} frames a second at most; choose"
            f" --fps {found.most_fps} or end --out in .mp4"
        )
    return found


@contextlib.contextmanager
def writing(path: str | os.PathLike, fps: int) -> Iterator[Callable[[np.ndarray], None]]:
    """Gives a function that appends a frame to a new film; a `with` block.

    The film appears under its name when the block ends, whole; when the block fails or is
    interrupted, there is no file, or the one that was there before. Memory does not grow with the
    film's length, but for the compressed frames of `.webp`.

    Frames are uint8 [h, w, 1 or 3], all of one size; a row or column is repeated where H.264 and
    VP9 need an even one. Colours are BT.709, and the file says so.

    Args:
      path: its ending decides the format: `FORMATS`. Its directory is made if needed.
      fps: frames a second.
    Raises: UserError as `check` does, and when the encoder fails; OSError of the file system.
    """
    path = Path(path)
    form = check(path, fps)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial, _named_errors(path):
        writer = _Writer(partial, form, fps)
        try:
            yield writer.add
            writer.finish()
        finally:
            writer.close()


class _Writer:
    def __init__(self, path: Path, form: Format, fps: int):
        self._form, self._fps = form, fps
        self._av = _load()
        self._container = self._av.open(
            str(path), "w", format=form.container, options=dict(form.container_options)
        )
        self._stream: Any = None
        self._palettes: Any = None
        self._count = 0

    def add(self, image: np.ndarray) -> None:
        """Appends a frame."""
        image = np.broadcast_to(image, (*image.shape[:2], 3))
        if self._form.pixels == "yuv420p":
            odd = [(0, side % 2) for side in image.shape[:2]]
            image = np.pad(image, [*odd, (0, 0)], mode="edge")
        if self._stream is None:
            self._begin(image.shape[1], image.shape[0])
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = self._count, Fraction(1, self._fps)
        self._count += 1
        if self._palettes is not None:
            self._palettes.push(frame)
            self._drain()
        else:
            self._encode(self._converted(frame))

    def finish(self) -> None:
        """Writes what the encoder still holds."""
        if self._palettes is not None:
            self._palettes.push(None)
            self._drain()
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def _begin(self, width: int, height: int) -> None:
        stream = self._container.add_stream(
            self._form.codec, rate=self._fps, options=dict(self._form.options)
        )
        stream.width, stream.height, stream.pix_fmt = width, height, self._form.pixels
        if self._form.pixels == "yuv420p":
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = _LIMITED_RANGE
        if self._form.pixels == "pal8":
            self._palettes = _palettes(self._av, width, height, self._fps)
        self._stream = stream

    def _converted(self, frame: Any) -> Any:
        if self._form.pixels != "yuv420p":
            return frame.reformat(format=self._form.pixels)
        return frame.reformat(
            format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED_RANGE
        )

    def _encode(self, frame: Any) -> None:
        self._container.mux(self._stream.encode(frame))

    def _drain(self) -> None:
        while True:
            try:
                frame = self._palettes.pull()
            except (BlockingIOError, EOFError):  # it wants the next frame, or has no more
                return
            self._encode(frame)


def _palettes(av: ModuleType, width: int, height: int, fps: int) -> Any:
    """Returns a filter graph that gives each frame the 256 colours that suit it best."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=width, height=height, format="rgb24", time_base=Fraction(1, fps)
    )
    split = graph.add("split")
    choose = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(choose, 1, 0)
    choose.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def _load() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise UserError(f"films need PyAV ({one_line(error)}): python -m pip install av") from None
    av.logging.set_level(av.logging.ERROR)
    return av


def _has_encoder(form: Format) -> bool:
    av = _load()
    try:
        av.codec.Codec(form.codec, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turns an encoder's failure into one line that names the film."""
    error_of_ffmpeg = _load().error.FFmpegError
    try:
        yield
    except error_of_ffmpeg as error:
        if isinstance(error, MemoryError):
            raise
        raise UserError(f"{path} can't be written: {one_line(error)}") from None
