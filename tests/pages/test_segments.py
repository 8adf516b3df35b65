import itertools

import pytest

from pgan_tf.config import Config, override
from pgan_tf.pages.embedding import choose
from pgan_tf.pages.segments import RunSegment, run_segments, segment_at, warped
from pgan_tf.run import Change, apply_changes
from pgan_tf.schedule import phase_at

GROWTH = [
    RunSegment(0, 1, 4, False), RunSegment(1, 2, 8, True), RunSegment(2, 4, 8, False),
    RunSegment(4, 100, 16, True),
]  # fmt: skip


def test_segments_of_the_official_schedule():
    segments = run_segments(Config(), [], 1024, 12_000)
    assert [segment.label for segment in segments[:4]] == [
        "4x4", "8x8 fading in", "8x8", "16x16 fading in",
    ]  # fmt: skip
    assert [segment.start for segment in segments] == [600 * i for i in range(17)]
    assert segments[-1] == RunSegment(9600, 12_000, 1024, False)


@pytest.mark.parametrize("until", [3.5, 9.0])
def test_segments_follow_the_change_log(until):
    first = override(
        Config(),
        {"schedule.lod_training_kimg": 1, "schedule.lod_transition_kimg": 1, "train.total_kimg": 4},
    )
    changes = [
        Change(2500, "schedule.lod_training_kimg", 1, 2),
        Change(2500, "schedule.lod_transition_kimg", 1, 0.5),
        Change(3000, "schedule.G_lrate_base", 0.001, 0.002),
    ]
    segments = run_segments(first, changes, 32, until)
    assert segments[0].start == 0 and segments[-1].end == until
    assert all(a.end == b.start for a, b in itertools.pairwise(segments))
    for i in range(1, 250):
        kimg = until * (i - 0.5) / 250
        config = apply_changes(first, changes, kimg * 1000)
        phase = phase_at(config.schedule, round(kimg * 1000), 32)
        segment = segment_at(kimg, segments)
        assert (segment.resolution, segment.fading) == (phase.resolution, phase.fade > 0), kimg


def test_every_resolution_takes_equally_long_in_warped_time():
    times = [warped(kimg, GROWTH) for kimg in (0, 0.5, 1, 2.5, 4, 52, 100, 101)]
    assert times == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3]


def test_pictures_are_chosen_evenly_in_warped_time():
    kimgs = [i / 4 for i in range(401)]
    chosen = [kimgs[i] for i in choose(kimgs, GROWTH, 7)]
    assert chosen == [0, 0.5, 1, 2.5, 4, 52, 100]
    for most in (1, 2, 3, 60, 400):
        indices = choose(kimgs, GROWTH, most)
        assert len(indices) <= most and indices[-1] == 400
        assert indices == sorted(set(indices)) and (most == 1 or indices[0] == 0)
    assert choose(kimgs, GROWTH, 0) == [] and choose([], GROWTH, 5) == []
    assert choose(kimgs[:3], GROWTH, 3) == [0, 1, 2]
