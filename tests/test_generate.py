"""Images from snapshots."""

from functools import partial

import keras
import numpy as np
import pytest
from PIL import Image

from pgan_tf import generate as command
from pgan_tf import inference, latents, pictures, truncation
from pgan_tf.cli import parse_seeds
from pgan_tf.config import resolve
from pgan_tf.errors import UserError
from pgan_tf.generate import generate, main
from pgan_tf.inference import Synthesis, to_uint8
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.run import newest_snapshot
from pgan_tf.snapshots import load_snapshot, save_snapshot

SHAPE = {"resolution": 16, "fmap_base": 64, "fmap_max": 16}


def snapshot_in(directory, lod=0.0, class_names=(), empty_classes=(), **shape):
    shape = {**SHAPE, **shape}
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "network-snapshot-000012.npz"
    G, Gs, D = Generator(seed=1, **shape), Generator(seed=2, **shape), Discriminator(**shape)
    save_snapshot(path, G, D, Gs, resolve({}), 12_345, lod, class_names, empty_classes)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return snapshot_in(tmp_path_factory.mktemp("results") / "003-x", label_size=3)


def read(file):
    return np.asarray(Image.open(file))


def test_files_hold_the_images_of_gs_for_each_seed(path, tmp_path):
    files = generate(path, tmp_path, [5, 9], class_name=2)
    assert [f.name for f in files] == ["seed0005.png", "seed0009.png"]
    Gs = load_snapshot(path).Gs
    for seed, file in zip((5, 9), files, strict=True):
        latent = np.random.RandomState(seed).randn(1, 16).astype(np.float32)
        image = Gs(latent, np.array([[0, 0, 1]], np.float32))[0].numpy()
        expected = np.clip(np.round(image * 127.5 + 127.5), 0, 255)
        assert np.abs(read(file).astype(float) - expected).max() <= 1  # rounding at .5
        assert read(file).std() > 5


@pytest.mark.slow
def test_images_do_not_depend_on_the_batch(path, tmp_path):
    one = {s: read(generate(path, tmp_path / "a", [s])[0]) for s in (0, 7, 40)}
    many = generate(path, tmp_path / "b", list(range(41)))
    for seed, image in one.items():
        np.testing.assert_array_equal(read(many[seed]), image)


def test_psi_moves_latents_towards_the_class_centre(path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(inference, "Synthesis", partial(Synthesis, xla=False))
    middles = {0: 70, 2: 72}  # class -> seed of its centre
    monkeypatch.setattr(
        truncation,
        "centre",
        lambda Gs, label: latents.from_seeds([middles[int(label.argmax())]], Gs.latent_size)[0],
    )
    main(["--snapshot", str(path), "--out", str(tmp_path), "--seeds", "3,5", "--psi", "0.5"])
    files = capsys.readouterr().out.split()
    Gs = load_snapshot(path).Gs
    z, middle = latents.from_seeds([3, 5], 16), latents.from_seeds([70, 72], 16)
    expected = to_uint8(Gs(latents.spherical(middle, z, 0.5), latents.one_hot([0, 2], 3)))
    for image, file in zip(expected, files, strict=True):
        assert np.abs(read(file).astype(int) - image).max() <= 1
    with pytest.raises(SystemExit):
        main(["--snapshot", str(path), "--psi", "1.5"])
    assert "argument --psi: 1.5 is not from 0 to 1" in capsys.readouterr().err


def test_grid_is_laid_out_by_rows(path, tmp_path):
    single = [read(f) for f in generate(path, tmp_path / "a", [0, 1, 2, 3, 4])]
    (file,) = generate(path, tmp_path / "b", [0, 1, 2, 3, 4], grid=(3, 2), zoom=2)
    picture = read(file)
    assert picture.shape == (64, 96, 3)
    for i, image in enumerate(single):
        y, x = divmod(i, 3)
        cell = picture[y * 32 : y * 32 + 32 : 2, x * 32 : x * 32 + 32 : 2]
        np.testing.assert_array_equal(cell, image)
    assert (picture[32:, 64:] == 0).all()


def test_latents_are_read_from_files(path, tmp_path, capsys, monkeypatch):
    quick = partial(Synthesis, xla=False)  # compiling would take longer than all else
    monkeypatch.setattr(inference, "Synthesis", quick)
    Gs = load_snapshot(path).Gs
    z = latents.from_seeds([7, 9, 4], 16)
    latents.write(tmp_path / "a.npy", z[:1])
    latents.write(tmp_path / "b.npy", z[1:])
    paths = [tmp_path / "a.npy", tmp_path / "b.npy"]
    files = [f"--latent={file}" for file in paths]
    out = tmp_path / "made"
    command.main([f"--snapshot={path}", *files, "--seeds=4", "--class=1", f"--out={out}"])
    names = ["seed0004", "latent0000", "latent0001", "latent0002"]
    assert capsys.readouterr().out.split() == [f"{out / name}.png" for name in names]
    made = [read(out / f"{name}.png") for name in names]
    expected = quick(Gs)(z, latents.one_hot([1, 1, 1], 3))
    np.testing.assert_array_equal(made, expected[[2, 0, 1, 2]])
    command.main([f"--snapshot={path}", *files, f"--out={tmp_path / 'rows'}"])
    assert len(list((tmp_path / "rows").iterdir())) == 3  # no seeds unless asked for
    for row, label in enumerate(latents.one_hot([0, 1, 2], 3)):  # a class a row
        image = quick(Gs)(z[row : row + 1], label[None])[0]
        np.testing.assert_array_equal(read(tmp_path / "rows" / f"latent000{row}.png"), image)
    with pytest.raises(UserError, match="--latent ask for 5 images, but --grid holds 4"):
        generate(
            path, tmp_path, [1, 2], (2, 2), latent_files=[tmp_path / n for n in ("a.npy", "b.npy")]
        )
    np.save(tmp_path / "c.npy", np.zeros((1, 512)))
    with pytest.raises(UserError, match=r"c\.npy has the shape \[1, 512\]; .* numbers \[n, 16\]"):
        command.main([f"--snapshot={path}", f"--latent={tmp_path / 'c.npy'}"])


def test_the_class_is_given_or_follows_from_the_seed(path, tmp_path):
    by_seed = read(generate(path, tmp_path / "a", [4])[0])
    np.testing.assert_array_equal(by_seed, read(generate(path, tmp_path / "b", [4], None, 1)[0]))
    assert (by_seed != read(generate(path, tmp_path / "c", [4], None, 2)[0])).any()
    with pytest.raises(UserError, match="classes are 0 to 2"):
        generate(path, tmp_path, [0], class_name=3)


@pytest.mark.slow
def test_classes_can_be_named(tmp_path):
    path = snapshot_in(tmp_path / "001-pets", class_names=("bird", "cat"), label_size=2)
    by_name = read(generate(path, tmp_path / "a", [4], class_name="cat")[0])
    np.testing.assert_array_equal(by_name, read(generate(path, tmp_path / "b", [4], None, 1)[0]))
    with pytest.raises(UserError, match=r"--class cta: .* 0 to 1: bird, cat \(did you mean 'cat'"):
        generate(path, tmp_path, [0], class_name="cta")
    # A class that no training image had is not drawn by itself: all seeds show birds.
    path = snapshot_in(
        tmp_path / "002-birds", class_names=("bird", "cat"), empty_classes=(1,), label_size=2
    )
    by_seed = read(generate(path, tmp_path / "c", [3])[0])
    np.testing.assert_array_equal(by_seed, read(generate(path, tmp_path / "d", [3], None, 0)[0]))


def test_networks_run_at_the_lod_of_their_snapshot(tmp_path):
    loaded = load_snapshot(snapshot_in(tmp_path, lod=1.5))
    latents = np.random.RandomState(0).randn(4, 16).astype(np.float32)
    fakes = loaded.Gs(latents)
    assert fakes.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(fakes, loaded.Gs(latents, lod=1.5))
    np.testing.assert_array_equal(loaded.D(fakes)[0], loaded.D(fakes, lod=1.5)[0])
    assert loaded.Gs(latents, lod=0.0).shape == (4, 16, 16, 3)
    loaded.Gs.save(tmp_path / "Gs.keras")
    again = keras.models.load_model(tmp_path / "Gs.keras")
    np.testing.assert_array_equal(again(latents), fakes)


def test_synthesis_is_compiled_once_per_stage(tmp_path):
    loaded = load_snapshot(snapshot_in(tmp_path, lod=1.5))
    latents = np.random.RandomState(0).randn(4, 16).astype(np.float32)
    generator, programs = Synthesis(loaded.Gs, xla=False), []
    for lod in (1.5, 1.25, 1.0, 0.5, 0.0):
        generator.lod = lod
        expected = to_uint8(loaded.Gs(latents, lod=lod))
        np.testing.assert_allclose(generator(latents), expected, atol=1)
        programs.append(generator._run)
    assert programs[0] is programs[1] and len(set(map(id, programs))) == 4


def test_a_growing_gray_network_gives_small_gray_images(tmp_path):
    path = snapshot_in(tmp_path / "001-y", lod=1.5, num_channels=1)
    (file,) = generate(path, tmp_path, [0])
    with Image.open(file) as picture:
        assert picture.size == (8, 8) and picture.mode == "L"
    with pytest.raises(UserError, match="trained without classes"):
        generate(path, tmp_path, [0], class_name=0)


def test_the_newest_snapshot_of_the_newest_run_is_found(path, tmp_path):
    assert newest_snapshot(path.parent) == path == newest_snapshot(path.parent.parent)
    snapshot_in(tmp_path / "009-a")
    newest = snapshot_in(tmp_path / "010-b")
    (tmp_path / "011-empty").mkdir()
    assert newest_snapshot(tmp_path) == newest
    with pytest.raises(UserError, match="no snapshot in"):
        newest_snapshot(tmp_path / "011-empty")


def test_missing_and_other_files_are_refused(path, tmp_path):
    for name, near in (("zzzz.pkl", ""), ("othr.npz", r" \(did you mean 'other.npz'\?\)")):
        np.savez(tmp_path / "other.npz", a=np.zeros(3))
        with pytest.raises(UserError, match=rf"no snapshot at .*{name}{near}; name a snapshot's"):
            load_snapshot(tmp_path / name)
    with pytest.raises(UserError, match="damaged or not a snapshot"):
        load_snapshot(tmp_path / "other.npz")
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(UserError, match="damaged or not a snapshot"):
        load_snapshot(tmp_path / "pickle.npy")


def test_weights_that_are_not_finite_are_refused(path, tmp_path):
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["Gs/4x4/Conv/bias"] = arrays["Gs/4x4/Conv/bias"] * np.nan
    np.savez(tmp_path / "network-snapshot-000001.npz", **arrays)
    with pytest.raises(UserError, match=r"weights Gs/4x4/Conv/bias are not all finite"):
        load_snapshot(tmp_path / "network-snapshot-000001.npz")


def test_to_uint8_rounds_and_clips():
    x = np.array([-3.0, -1.0, -0.999, 0.0, 1.0, 1.2, 2 / 255 * 100 - 1])
    assert to_uint8(x).tolist() == [0, 0, 0, 128, 255, 255, 100]


@pytest.mark.parametrize(
    ("name", "resolution", "size"),
    [("1080p", 1024, (3, 2)), ("1080p", 128, (15, 8)), ("1080p", 32, (32, 32)),
     ("4k", 1024, (7, 4)), ("4k", 256, (15, 8))],
)  # fmt: skip
def test_grid_sizes_fit_the_named_formats(name, resolution, size):
    assert pictures.grid_size(name, resolution) == size


def test_typed_seeds_are_parsed():
    assert parse_seeds("1,5, 7-9") == [1, 5, 7, 8, 9]
    for bad in ("", "3-1", "x", "1-", "4294967296"):
        with pytest.raises(UserError, match="--seeds"):
            parse_seeds(bad)
