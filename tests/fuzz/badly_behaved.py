"""Readers with the faults that `run.py` has to find, for its test."""

import os
import signal
import time
from pathlib import Path

from fuzz.target import Input, Target

_WHOLE = b"x" * 100
_held = []


def _make() -> list[Input]:
    return [Input("x", _WHOLE)]


def _reader(behave):
    """Returns a reader that calls `behave` if its file is damaged."""

    def read(directory: Path) -> None:
        if (directory / "x").read_bytes() != _WHOLE:
            behave()

    return read


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _compute() -> None:
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass


def _take_memory() -> None:
    _held.append(bytearray(os.urandom(1 << 20) * 60))


def _fail() -> None:
    raise KeyError("of another kind")


TARGETS = {
    target.name: target
    for target in (
        Target("crashes", _make, _reader(_crash)),
        Target("hangs", _make, _reader(lambda: time.sleep(100)), seconds=-2.25),
        Target("is-slow", _make, _reader(_compute), seconds=0.1),
        Target("takes-memory", _make, _reader(_take_memory), megabytes=50),
        Target("raises", _make, _reader(_fail)),
        Target("is-fine", _make, _reader(lambda: None)),
    )
}
