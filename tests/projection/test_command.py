"""The command line of projections: its files, its output, and bad input."""

import shlex
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from films import decode
from PIL import Image

from metrics import inception_weights
from pgan_tf import generate, inference, latents, project
from pgan_tf.config import Config
from pgan_tf.errors import UserError
from pgan_tf.film import encoding
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.projection import pictures as files
from pgan_tf.projection import search
from pgan_tf.projection.targets import read_target
from pgan_tf.snapshots import load_snapshot, save_snapshot

SHAPE = {"resolution": 8, "label_size": 2, "fmap_base": 64, "fmap_max": 8}


@pytest.fixture(autouse=True)
def not_compiled_by_xla(monkeypatch):
    """Turns XLA off: compiling would take longer than everything else."""
    for module in (inference, search):
        monkeypatch.setattr(module, "Synthesis", partial(Synthesis, xla=False))
    monkeypatch.setattr(files, "Projector", partial(search.Projector, xla=False, candidates=20))
    monkeypatch.setattr(files, "_FRAMES", 12)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "network-snapshot-000001.npz"
    G, Gs, D = Generator(seed=1, **SHAPE), Generator(seed=2, **SHAPE), Discriminator(**SHAPE)
    save_snapshot(path, G, D, Gs, Config(), 1000, 0.0, ("a cat", "dog"))
    return path


def read(path):
    return np.asarray(Image.open(path))


def run(snapshot, *arguments):
    project.main([f"--snapshot={snapshot}", "--starts=4", "--steps=15", *map(str, arguments)])


def test_projects_a_picture_with_a_film_and_a_command_that_works(snapshot, tmp_path, capsys):
    (picture,) = generate.generate(snapshot, tmp_path, [3], class_name=0)
    out = tmp_path / "out"
    run(snapshot, "--image", picture, "--out", out, "--class", "a cat", "--film", "way.mp4")
    names = ["latent.npy", "projected.png", "side-by-side.png", "way.mp4"]
    assert sorted(p.name for p in out.iterdir()) == names
    said, command = capsys.readouterr().out.splitlines()
    target, image = read(picture), read(out / "projected.png")
    psnr = 10 * np.log10(255**2 / np.square(target.astype(float) - image).mean())
    assert said == f"{picture}: {psnr:.1f} dB, class a cat, in {out}"

    both = read(out / "side-by-side.png")
    assert both.shape == (256, 516, 3)
    np.testing.assert_array_equal(both[::32, :256:32], target)
    np.testing.assert_array_equal(both[::32, 260::32], image)

    frames, fps = decode(out / "way.mp4")
    assert len(frames) == 12 + 45 and fps == 30 and frames[0].shape == (256, 512, 3)
    for frame, side in ((frames[0], target), (frames[-1], target)):
        shown = frame[16:200:32, 16:256:32].astype(float)  # above the caption
        assert np.abs(shown - side[:6]).mean() < 6  # lossy coding
    end = frames[-1][16:200:32, 272::32].astype(float)
    assert np.abs(end - image[:6]).mean() < 6
    assert np.abs(frames[0].astype(float) - frames[-1])[:, 256:].mean() > 6

    # The printed command makes the same image.
    arguments = shlex.split(command.removeprefix("To make the image again: "))
    assert arguments[:3] == ["python", "-m", "pgan_tf.generate"]
    generate.main([*arguments[3:], f"--out={tmp_path / 'again'}"])
    np.testing.assert_array_equal(read(tmp_path / "again" / "latent0000.png"), image)


def test_projects_several_pictures_without_films(snapshot, tmp_path, capsys):
    photo = np.random.RandomState(0).randint(0, 256, (20, 30, 4)).astype(np.uint8)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(photo).save(tmp_path / folder / "x.png")
    out = tmp_path / "out"
    images = [f"--image={tmp_path / folder / 'x.png'}" for folder in ("a", "b")]
    run(snapshot, *images, f"--out={out}", "--no-film")
    said = capsys.readouterr().out
    assert "a/x.png: 30x20, cropped to the square in its middle, resized to 8x8" in said
    assert said.count(" dB, class ") == 2
    for name in ("x", "x-2"):
        found = sorted(p.name for p in (out / name).iterdir())
        assert found == ["latent.npy", "projected.png", "side-by-side.png"]
    z = latents.read_all([out / name / "latent.npy" for name in ("x", "x-2")], 8)
    np.testing.assert_array_equal(z[0], z[1])  # one picture, one latent


def test_pictures_are_turned_cropped_and_converted(tmp_path):
    quarter = np.zeros((8, 8, 3), np.uint8)
    quarter[:4, :4] = 255  # the upper left
    turned = Image.Exif()
    turned[0x0112] = 6  # viewers turn it to the right
    Image.fromarray(quarter).save(tmp_path / "turned.png", exif=turned)
    found = read_target(tmp_path / "turned.png", 8, 3)
    np.testing.assert_array_equal(found.pixels, np.rot90(quarter, -1))
    assert found.what_was_done() == ""
    Image.fromarray(quarter[..., 0]).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_target(tmp_path / "gray.png", 8, 3).pixels, quarter)
    clear = np.dstack([quarter, quarter[..., :1]])  # black is transparent
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert (read_target(tmp_path / "clear.png", 8, 1).pixels == 255).all()
    Image.fromarray(quarter.repeat(2, 1)).save(tmp_path / "wide.png")
    middle = quarter.repeat(2, 1)[:, 4:12]
    np.testing.assert_array_equal(read_target(tmp_path / "wide.png", 8, 3).pixels, middle)


def test_bad_pictures_and_options_are_refused_before_any_search(snapshot, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:100])
    (tmp_path / "text.png").write_bytes(b"Hello, this is no picture at all, just words")
    Image.new("RGB", (64, 3)).save(tmp_path / "tiny.png")
    loaded = load_snapshot(snapshot)
    out = tmp_path / "out"
    for name, message in (
        ("none.png", r"none\.png does not exist"),
        ("", "is a directory; name a picture file in it"),
        ("cut.png", r"cut\.png can't be used: damaged"),
        ("text.png", r"text\.png can't be used: not a picture"),
        ("tiny.png", r"tiny\.png can't be used: 64x3 pixels, and at least 4x4 are needed"),
    ):
        with pytest.raises(UserError, match=message) as error:  # before the good one is projected
            files.project_pictures(loaded, [tmp_path / "good.png", tmp_path / name], out)
        assert "\n" not in str(error.value)
    for options, message in (
        ({"class_name": "cow"}, "--class cow: the network's classes are 0 to 1: a cat, dog"),
        ({"film": "a.avi"}, r"--film .*a\.avi: \.avi is not a film format"),
        ({"film": "b/a.mp4"}, "--film b/a.mp4: give a name without a directory"),
    ):
        with pytest.raises(UserError, match=message):
            files.project_pictures(loaded, [tmp_path / "good.png"], out, **options)
    assert not out.exists()


def test_a_snapshot_without_a_generator_is_refused(snapshot, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "good.png")
    with np.load(snapshot) as archive:
        arrays = {k: a for k, a in archive.items() if k == "meta" or k.startswith("D/")}
    np.savez(tmp_path / "network-snapshot-000002.npz", **arrays)
    with pytest.raises(UserError, match="is not a whole snapshot") as error:
        run(tmp_path / "network-snapshot-000002.npz", f"--image={tmp_path / 'good.png'}")
    assert "\n" not in str(error.value)


def test_directories_named_after_pictures_stay_inside():
    images = ["...png", "a/..png", "b/.png", "cat.png"]
    names = [d.relative_to("out").as_posix() for d in files._directories(images, Path("out"))]
    assert names == ["image", "image-2", "png", "cat"]


def test_a_file_at_the_target_is_found_before_the_search(snapshot, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "good.png")
    (tmp_path / "out").touch()
    with pytest.raises(FileExistsError):
        files.project_pictures(load_snapshot(snapshot), [tmp_path / "good.png"], tmp_path / "out")


def test_printed_class_names_are_not_taken_for_options():
    assert project._option("--class", "-1") == ["--class=-1"]
    assert project._option("--class", "a cat") == ["--class", "a cat"]


def test_an_interruption_leaves_nothing(snapshot, tmp_path, monkeypatch):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "good.png")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(encoding, "writing", interrupted)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(snapshot, f"--image={tmp_path / 'good.png'}", f"--out={out}")
    assert not list(out.iterdir())


def test_options_are_checked_before_any_work(capsys):
    for arguments, message in (
        (["--snapshot", "--image=a.png", "--steps=0"], "0 is not from 1 to 100000"),
        (["--snapshot", "--image=a.png", "--start=9"], "(did you mean '--starts'?)"),
        (["--snapshot"], "required: --image"),
    ):
        with pytest.raises(SystemExit):
            project.main(arguments)
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_inception_features_join_the_distance(snapshot, tmp_path, monkeypatch, capsys):
    asked = []

    class Weights:
        def differentiable(self, images):
            asked.append(images.shape)
            return tf.reduce_mean(images, axis=(1, 2))

    monkeypatch.setattr(inception_weights, "load", lambda path, cache: Weights())
    (picture,) = generate.generate(snapshot, tmp_path, [3], class_name=0)
    out = tmp_path / "out"
    run(snapshot, "--image", picture, "--out", out, "--class", "a cat", "--no-film", "--inception")
    assert asked and all(shape[1:] == (8, 8, 3) for shape in asked)
    assert latents.read(out / "latent.npy", 8).shape == (1, 8)
