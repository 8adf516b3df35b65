"""Frames for films, and their decoding."""

import contextlib

import av
import numpy as np
from PIL import Image

from pgan_tf.film import encoding


def frames_before_coding(monkeypatch, film, *args, **options):
    """Runs a function that makes a film; returns its frames before coding: float64 [n, h, w, 3]."""
    frames = []

    @contextlib.contextmanager
    def writing(*_):
        yield frames.append

    with monkeypatch.context() as patch:
        patch.setattr(encoding, "writing", writing)
        film(*args, **options)
    return np.array(frames, np.float64)


def gradient(count, height, width):
    """Yields frames: red grows with time, green to the right, blue downwards."""
    y, x = np.mgrid[:height, :width]
    for i in range(count):
        red = np.full((height, width), 250 * i // count)
        yield np.stack([red, x * 255 // width, y * 255 // height], axis=-1).astype(np.uint8)


def decode(path):
    """Returns a film's frames, uint8 [h, w, 3], and its frame rate."""
    if path.suffix in (".gif", ".webp"):
        frames, durations = [], []
        with Image.open(path) as image:
            for number in range(image.n_frames):
                image.seek(number)
                frames.append(np.asarray(image.convert("RGB")))
                durations.append(image.info["duration"])
        return frames, round(1000 * len(durations) / max(sum(durations), 1))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return frames, float(stream.average_rate)
