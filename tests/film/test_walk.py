"""Walks through the latents of a small generator."""

from functools import partial

import numpy as np
import pytest
from films import decode, frames_before_coding
from PIL import Image

from pgan_tf import latents, truncation
from pgan_tf.errors import UserError
from pgan_tf.film.walk import walk
from pgan_tf.generate import generate
from pgan_tf.inference import to_uint8
from pgan_tf.snapshots import load_snapshot


@pytest.mark.parametrize(
    "options",
    [{"smoothing": 0.4}, {"seeds": [1, 2, 3]}, {"seeds": [1, 2, 3], "straight": True},
     {"direction": 1}],
    ids=lambda options: "-".join(options),
)  # fmt: skip
def test_a_walk_closes_and_makes_no_jumps(options, snapshot, tmp_path):
    film = walk(
        snapshot, tmp_path / "walk.mp4", duration=2, fps=20, grid=(2, 1), size=(128, 64), **options
    )
    frames, fps = decode(film)
    assert len(frames) == 40 and fps == 20 and frames[0].shape == (64, 128, 3)
    frames = np.array(frames, np.float64)
    steps = np.abs(np.roll(frames, -1, axis=0) - frames).mean(axis=(1, 2, 3))
    # Steps are similar up to chance and lossy coding; distant frames differ much more.
    assert steps[-1] < 1.25 * steps[:-1].max()
    across = np.abs(frames[10] - frames[0]).mean()
    assert across > 1.6 * steps.max()
    if "direction" not in options:  # a walk along a direction slows down where it turns
        assert steps.min() > 0.3 * steps.mean()


@pytest.mark.slow
def test_a_walk_through_seeds_shows_their_images(snapshot, tmp_path):
    walked = walk(
        snapshot, tmp_path / "walk.webm", duration=3, fps=4, grid=(2, 1), seeds=[5, 9, 4],
        size=(256, 128),
    )  # fmt: skip
    frames, _ = decode(walked)
    for number, pair in ((0, (5, 9)), (4, (9, 4)), (8, (4, 5))):
        files = generate(snapshot, tmp_path, pair, zoom=8)
        wanted = np.concatenate([np.asarray(Image.open(file)) for file in files], axis=1)
        difference = np.abs(frames[number].astype(float) - wanted)
        assert difference.mean() < 6  # lossy coding


def test_a_walk_through_latent_files_equals_one_through_seeds(snapshot, tmp_path, monkeypatch):
    z = latents.from_seeds([6, 9, 4], 16)  # classes 0 to 2, both by seed and by row
    latents.write(tmp_path / "a.npy", z[:2])
    latents.write(tmp_path / "b.npy", z[2:])
    files = [tmp_path / "a.npy", tmp_path / "b.npy"]
    options = {"duration": 3, "fps": 4, "class_name": 1, "size": (128, 64)}
    film = partial(
        frames_before_coding, monkeypatch, walk, snapshot, tmp_path / "walk.webm", **options
    )
    through_seeds = film(seeds=[6, 9, 4])
    np.testing.assert_array_equal(film(latent_files=files), through_seeds)
    np.testing.assert_array_equal(film(seeds=[6], latent_files=files)[:1], through_seeds[:1])
    swing = film(seeds=[4], direction=1, grid=(2, 1))
    np.testing.assert_array_equal(film(latent_files=files[1:], direction=1, grid=(2, 1)), swing)
    with pytest.raises(UserError, match=r"b\.npy holds one latent; name a second file to go to"):
        walk(snapshot, tmp_path / "walk.mp4", latent_files=files[1:])


@pytest.mark.slow
def test_a_walk_shows_each_class_or_the_chosen_one(snapshot, tmp_path, monkeypatch):
    film = {}
    for name, options in (
        ("each", {"grid": (3, 1)}),
        ("last", {"grid": (3, 1), "class_name": "2"}),
        ("swinging", {"grid": (3, 1), "class_name": 2, "direction": 2, "seeds": [7]}),
    ):
        out = tmp_path / f"{name}.mp4"
        film[name] = frames_before_coding(
            monkeypatch, walk, snapshot, out, duration=0.1, size=(384, 128), **options
        )
    difference = np.abs(film["each"] - film["last"]).reshape(3, 128, 3, 128, 3).mean((0, 1, 3, 4))
    assert difference[:2].min() > 3 and difference[2] == 0  # the third shows class 2 in both
    cells = film["swinging"].reshape(3, 128, 3, 128, 3)
    np.testing.assert_array_equal(cells[:, :, 0], cells[:, :, 1])  # one seed everywhere
    loaded = load_snapshot(snapshot)
    assert [loaded.class_index(wanted) for wanted in (1, "1")] == [1, 1]
    with pytest.raises(UserError, match="--class 3: the network's classes are 0 to 2"):
        loaded.class_index(3)


@pytest.mark.parametrize("options", [{}, {"seeds": [1, 3]}, {"direction": 1, "strength": 0}])
def test_at_psi_0_all_images_of_a_class_are_one(options, snapshot, tmp_path, monkeypatch):
    monkeypatch.setattr(
        truncation, "centre", lambda Gs, label: latents.from_seeds([70 + int(label[2])], 16)[0]
    )
    film = frames_before_coding(
        monkeypatch, walk, snapshot, tmp_path / "walk.mp4", duration=0.2, fps=10, grid=(2, 1),
        size=(32, 16), psi=0, class_name=1, **options
    )  # fmt: skip
    Gs = load_snapshot(snapshot).Gs
    image = to_uint8(Gs(latents.from_seeds([70], 16), latents.one_hot([1], 3)))[0]
    assert film.shape == (2, 16, 32, 3)
    assert np.abs(film - np.concatenate([image, image], axis=1)).max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"straight": True}, "--straight needs latents to go between; name them with --seeds"),
        ({"seeds": [5]}, "--seeds: name two seeds or more to go between, or add --direction"),
        ({"direction": 17}, "direction 17: this generator has directions 1 to 16"),
        ({"duration": 10_000, "grid": (90, 1)}, "choose a shorter --duration or a smaller --grid"),
        ({"class_name": "cat"}, "--class cat: the network's classes are 0 to 2"),
    ],
)
def test_walks_that_are_impossible_are_refused(options, message, snapshot, tmp_path):
    with pytest.raises(UserError, match=message):
        walk(snapshot, tmp_path / "walk.mp4", **options)
    assert not list(tmp_path.iterdir())
