"""Film time, and the caption at each moment of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgan_tf.film.timeline import Clock, picture_at, picture_times
from pgan_tf.run import Tick


def tick(nimg, resolution, time):
    return Tick(1, nimg, 0.0, resolution, 16, time, 100.0, {})


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**7), st.booleans()), min_size=1, max_size=50),
    st.floats(0.5, 1000),
)
def test_film_time_is_monotone_and_covers_every_picture(steps, seconds):
    nimgs = np.cumsum([step for step, _ in steps])
    resolutions = 4 * 2 ** np.cumsum([grows for _, grows in steps]).clip(0, 8)
    times = picture_times(nimgs, resolutions, seconds)
    assert times[0] == 0 and len(times) == len(nimgs)
    assert (np.diff(times) > 0).all()
    assert len(times) == 1 or times[-1] == pytest.approx(seconds)
    for k, t in enumerate(times):
        assert picture_at(times, t + 1e-9, 0.0005)[0] in (k, min(k + 1, len(times) - 1))


def test_a_stages_time_grows_with_the_square_root_of_its_images():
    # 4x4 for 100 images, 8x8 for 900 in two unequal parts, 16x16 for 2,500: in ratio 1 : 3 : 5.
    times = picture_times([0, 100, 400, 1000, 3500], [4, 4, 8, 8, 16], 9.0)
    np.testing.assert_allclose(times, [0, 1, 2, 4, 9])
    np.testing.assert_array_equal(picture_times([7], [4], 9.0), [0])


def test_the_next_picture_fades_in_just_before_its_time():
    times = np.array([0.0, 4.0, 4.25, 8.0])
    assert picture_at(times, 0.0, 0.5) == (0, 0.0)
    assert picture_at(times, 3.5, 0.5) == (0, 0.0)
    assert picture_at(times, 3.75, 0.5) == (0, 0.5)
    assert picture_at(times, 4.0, 0.5) == (1, 0.0)
    assert picture_at(times, 4.125, 0.5) == (1, 0.5)  # the fade takes all of a short interval
    assert picture_at(times, 8.0, 0.5) == picture_at(times, 99.0, 0.5) == (3, 0.0)


def test_captions_follow_the_ticks():
    clock = Clock([tick(2000, 8, 4000.0), tick(1000, 4, 30.0)])
    assert [clock.resolution(n) for n in (0, 1000, 1001, 2000, 9000)] == [4, 4, 8, 8, 8]
    assert [clock.seconds(n) for n in (0, 500, 1500, 9000)] == [0.0, 15.0, 2015.0, 4000.0]
    assert clock.caption(1500.7, 8) == [
        "Resolution 8 x 8", "Training time 33m 38s", "Images shown 1,500",
    ]  # fmt: skip
    assert Clock([]).caption(12_345, 0) == ["Images shown 12,345"]
