"""The training's time estimates and its errors when logging."""

import pytest
import tensorflow as tf

from pgan_tf.config import resolve
from pgan_tf.errors import UserError
from pgan_tf.progress import duration
from pgan_tf.training.pacing import TimeLeft
from pgan_tf.training.reporting import Reporter
from pgan_tf.training.run_directory import RunDirectory


@pytest.mark.parametrize(
    "seconds, text",
    [(59.4, "59s"), (59.6, "1m 00s"), (3725, "1h 02m"), (86400 * 9 + 3600 * 4, "9d 04h")],
)
def test_durations_are_written_in_two_units(seconds, text):
    assert duration(seconds) == text


def test_time_left_follows_the_ticks_and_compilations():
    config = resolve(
        {
            "schedule.lod_training_kimg": 1, "schedule.lod_transition_kimg": 1,
            "schedule.minibatch_base": 10, "schedule.minibatch_dict": {}, "train.total_kimg": 3,
        }
    )  # fmt: skip
    ratio = 5.5
    left = TimeLeft(config, 8, 1, {2: 10.0, 3: 10.0 * ratio}.get)
    compiled = set()

    def estimate(kimg):
        return left.estimate(kimg, lambda phase: (phase.level, phase.fade > 0) in compiled)

    assert estimate(0.0) == (0.0, 0.0)

    # The first 10 of 100 images took 31 s, the others 0.1 s each, and 1.8 s passed between ticks.
    # 900 images are left at 4x4, then the fade and 8x8, each with a compilation before it.
    compiled.add((1, False))
    left.add_first_iteration(31.0)
    left.add_tick({4: 90}, 40.0, 1.8)
    stage_left, run_left = estimate(0.1)
    assert stage_left == pytest.approx(900 * 0.1 + 0.9 * 20)
    assert run_left == pytest.approx(900 * 0.1 + 2000 * 0.1 * ratio + 2 * 31 + 2.9 * 20)

    # The fade begins within a tick, half at 4x4 and half at 8x8, with a compilation of 60 s.
    compiled.add((0, True))
    left.add_first_iteration(60.0)
    left.add_tick({4: 50, 8: 40}, 60.0 + 5.0 + 4.0 * ratio, 0.0)
    stage_left, run_left = estimate(1.06)
    assert stage_left == pytest.approx(940 * 0.1 * ratio)
    assert run_left == pytest.approx(940 * 0.1 * ratio + 1000 * 0.1 * ratio + 60)

    left.add_first_iteration(60.0)  # a tick of compilation alone changes no estimate
    left.add_tick({}, 60.0, 5.0)
    assert estimate(1.06) == pytest.approx((stage_left, run_left))


@pytest.mark.parametrize(
    "error, said",
    [
        (tf.errors.OutOfRangeError(None, None, "{{function_node f}} /x/events; File too large "
                                   "[Op:FlushSummaryWriter] name:"), "File too large"),
        (tf.errors.NotFoundError(None, None, ""), "NotFoundError"),
    ],
)  # fmt: skip
def test_failures_of_tensorboards_file_are_reported_in_one_line(tmp_path, error, said):
    reporter = Reporter(RunDirectory(tmp_path))
    words = rf"TensorBoard's file can't be written: {said}$"
    with pytest.raises(UserError, match=words), reporter._summaries(0):
        raise error
    with pytest.raises(tf.errors.ResourceExhaustedError), reporter._summaries(0):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    reporter.close()
