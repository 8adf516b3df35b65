"""Writes film files frame by frame; the file's ending decides the format."""

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

_BT709 = 1  # FFmpeg's number for BT.709's matrix, primaries and transfer curve
_LIMITED_RANGE = 1


@dataclass(frozen=True)
class Format:
    """A film format, which a file's ending selects.

    Attributes:
      name: name in messages.
      container: FFmpeg's name of the file format.
      codec: FFmpeg's name of the encoder.
      pixels: FFmpeg's name of the pixel format that the encoder takes.
      options: the encoder's options: quality before size, and no slower than frames are made.
      container_options: the file format's options.
      most_fps: highest number of frames a second that players show.
      image_size: images are enlarged to this height and width at most, unless a size is given.
      frame_size: greatest width and height of a frame, unless a size is given.
    """

    name: str
    container: str
    codec: str
    pixels: str
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    most_fps: int = 120
    image_size: int = 256
    frame_size: tuple[int, int] = (1920, 1080)


FORMATS: dict[str, Format] = {
    ".mp4": Format(
        "H.264", "mp4", "libx264", "yuv420p",
        {"preset": "veryfast", "crf": "17"},
        {"movflags": "faststart"},  # puts the index first, so that a web page can begin at once
    ),
    ".webm": Format(
        "VP9", "webm", "libvpx-vp9", "yuv420p",
        {"deadline": "good", "cpu-used": "5", "row-mt": "1", "crf": "22", "b": "0"},
    ),
    ".webp": Format(
        "animated WebP", "webp", "libwebp_anim", "bgra",
        {"quality": "85", "compression_level": "2"},
        {"loop": "0"},
        image_size=128, frame_size=(640, 480),
    ),
    ".gif": Format(
        "GIF", "gif", "gif", "pal8", {}, {"loop": "0"},
        most_fps=50, image_size=128, frame_size=(640, 480),
    ),
}  # fmt: skip
"""Ending -> format."""


def check(path: str | os.PathLike, fps: int, option: str = "--out") -> Format:
    """Returns a film's format, after checking that the film can be made.

    Args:
      path: the film's file.
      fps: frames per second.
      option: the command line's option that names the file, for messages.
    Raises: UserError for an unknown ending, a directory, a missing encoder, or a rate that the
      format can't show.
    """
    path = Path(path)
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        fault = f"{path.suffix} is not a film format" if path.suffix else "the name has no ending"
        raise UserError(f"{option} {path}: {fault}; choose one of {', '.join(FORMATS)}")
    if path.is_dir():
        raise UserError(f"{option} {path} is a directory; name a file in it")
    if not _has_encoder(form):
        others = [e for e, other in FORMATS.items() if _has_encoder(other)]
        instead = f"end {option} in {' or '.join(others)}, or " if others else ""
        raise UserError(
            f"{option} {path}: this installation of PyAV has no encoder {form.codec}; {instead}"
            "install PyAV's own build: python -m pip install --force-reinstall --no-deps av"
        )
    if fps > form.most_fps:
        raise UserError(
            f"--fps {fps}: a {form.name} shows {form.most_fps} frames a second at most; choose"
            f" --fps {form.most_fps} or end --out in .mp4"
        )
    return form


@contextlib.contextmanager
def writing(path: str | os.PathLike, fps: int) -> Iterator[Callable[[np.ndarray], None]]:
    """Begins a film and yields the function that appends a frame; for a `with` block.

    The film appears under its name, complete, when the block ends. When the block fails or is
    interrupted, no file is left, and an earlier one stays as it was. Memory does not grow with the
    film's length, except by the compressed frames of a `.webp`.

    Frames are uint8 [h, w, 1 or 3], all of one size. H.264 and VP9 need even sizes; the last row or
    column is repeated for them. Colours are BT.709, and the file says so.

    Args:
      path: the film; its ending decides the format (`FORMATS`). Its directory is made if needed.
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
        """Writes the frames that the encoder still holds."""
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
            except (BlockingIOError, EOFError):  # it needs another frame, or has no more
                return
            self._encode(frame)


def _palettes(av: ModuleType, width: int, height: int, fps: int) -> Any:
    """Returns a filter graph that reduces each frame to the 256 colours that suit it best."""
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
