"""Data sets are built in several processes."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import made_up
import numpy as np
import pytest

from pgan_tf.data.making import build
from pgan_tf.data.making.sources import ArraySource
from pgan_tf.errors import UserError

IMAGES = np.random.RandomState(0).randint(0, 256, (50, 3, 64, 64)).astype(np.uint8)


def _content(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize(
    "options", [{}, {"shards": 3}, {"compress": "gzip"}, {"compress": "png", "shards": 2}], ids=str
)
def test_files_do_not_depend_on_the_number_of_workers(tmp_path, monkeypatch, options):
    monkeypatch.setattr(build, "_CHUNK_BYTES", 7 * 3 * 64 * 64)  # 7 images a piece
    order = build.shuffled(50)
    labels = np.eye(50)[order]
    contents = []
    for workers in (1, 2, 3):
        out = tmp_path / f"{workers}" / "set"
        source = ArraySource(IMAGES)
        build.build(out, source, order=order, labels=labels, workers=workers, **options)
        contents.append(_content(out))
        assert [p.name for p in out.parent.iterdir()] == ["set"]
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) > 5


def _negative(x):
    return -x


def _odd(x):
    if x == 5:
        raise UserError(f"{x} is odd")
    return x


def _die(x):
    os._exit(9)


@pytest.mark.parametrize("workers", [1, 3])
def test_ordered_map_keeps_the_order_and_raises_in_place(workers):
    assert list(build.ordered_map(_negative, range(40), workers)) == [-x for x in range(40)]
    results = build.ordered_map(_odd, range(40), workers)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(UserError, match="5 is odd"):
        next(results)


def test_ordered_map_reads_only_a_few_items_ahead():
    taken = []

    def items():
        for i in range(1000):
            taken.append(i)
            yield i

    results = build.ordered_map(_negative, items(), 2)
    assert next(results) == 0
    results.close()
    assert len(taken) < 10


def test_a_dead_worker_is_reported_in_one_line():
    with pytest.raises(UserError, match=r"ended a worker process.*--workers"):
        list(build.ordered_map(_die, range(9), 2))


@dataclasses.dataclass(frozen=True)
class _Failing:
    resolution: int = 64
    num_channels: int = 3

    def read(self, items):
        if 40 in items:
            raise UserError("image 40 is damaged")
        return IMAGES[items]


@pytest.mark.parametrize("workers", [1, 2])
def test_failure_leaves_nothing(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(build, "_CHUNK_BYTES", 7 * 3 * 64 * 64)
    with pytest.raises(UserError, match="image 40"):
        build.build(tmp_path / "a", _Failing(), order=np.arange(50), workers=workers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("workers,times", [("1", 1), ("2", 1), ("2", 3)])
def test_ctrl_c_leaves_nothing(tmp_path, workers, times):
    """As in a terminal, the signal goes to all processes: one line, status 130."""
    source = tmp_path / "source"
    source.mkdir()
    pixels = np.random.RandomState(0).randint(0, 256, (1024, 1024, 3))
    for i in range(12):
        made_up.save_png(source / f"{i}.png", np.roll(pixels, i, 0))
    program = Path(__file__).parents[3] / "dataset_tool.py"
    out = tmp_path / "data" / "set"
    arguments = [out, source, "--workers", workers]
    process = subprocess.Popen(
        [sys.executable, program, "create_from_images", *arguments],
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not out.parent.exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # until it begins to write
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.1)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "dataset_tool.py: error: interrupted\n"
    assert list(out.parent.iterdir()) == []
