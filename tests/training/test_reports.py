"""Estimates and lines of a training."""

import pytest

from pgan_tf.config import resolve
from pgan_tf.schedule import phase_at
from pgan_tf.training.operations import iteration_operations
from pgan_tf.training.reports import TimeLeft, duration


@pytest.mark.parametrize(
    "seconds, text",
    [(59.4, "59s"), (59.6, "1m 00s"), (3725, "1h 02m"), (86400 * 9 + 3600 * 4, "9d 04h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_time_left_sets_compilation_apart():
    config = resolve(
        {
            "schedule.lod_training_kimg": 1, "schedule.lod_transition_kimg": 1,
            "schedule.minibatch_base": 10, "schedule.minibatch_dict": {}, "train.total_kimg": 3,
        }
    )  # fmt: skip
    left = TimeLeft(config, 8, 1, 3)
    ratio = iteration_operations(config, 3) / iteration_operations(config, 2)
    phase = phase_at(config.schedule, 0, 8)

    # 100 images of 0.1 s each but the first 10, which took 31 s; 900 are left at 4x4, then the
    # fade and the training at 8x8, each with a compilation of its own before it.
    stage_left, run_left = left.estimate(0.1, phase, 100, 40.0, [31.0])
    assert stage_left == pytest.approx(900 * 0.1)
    assert run_left == pytest.approx(900 * 0.1 + 2000 * 0.1 * ratio + 2 * 31)

    stage_left, run_left = left.estimate(0.5, phase, 100, 10.0, [])
    assert stage_left == pytest.approx(500 * 0.1)
    assert run_left == pytest.approx(500 * 0.1 + 2000 * 0.1 * ratio + 2 * 31)

    stage_left, _ = left.estimate(0.01, phase, 10, 31.0, [31.0])  # nothing else is known
    assert stage_left == pytest.approx(990 * 3.1)
