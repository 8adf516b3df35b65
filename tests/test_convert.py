"""Conversion between this program's snapshots and the official programs' files."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import old_pickles
import pytest
from conftest import GOLDEN
from PIL import Image
from small_run import write_dataset

from pgan_tf import convert, load_snapshot, train
from pgan_tf.config import DiscriminatorOptions, GeneratorOptions, resolve
from pgan_tf.convert import main
from pgan_tf.errors import UserError
from pgan_tf.generate import generate
from pgan_tf.networks import Discriminator, Generator, to_official
from pgan_tf.snapshots import Snapshot, read_parts, save_snapshot, tensorflow_pickle
from pgan_tf.training.transfer import start_from

ROOT = Path(__file__).parents[1]


def assert_same(a, b):
    """Asserts that two files hold bitwise equal networks."""
    a, b = read_parts(a), read_parts(b)
    assert a.lod == b.lod
    for name, own in a.networks.items():
        other = b.networks[name]
        assert _arguments(name, own) == _arguments(name, other)
        assert own.arrays.keys() == other.arrays.keys()
        for key, array in own.arrays.items():
            np.testing.assert_array_equal(array, other.arrays[key])


def _arguments(name, own):
    """Returns a network's arguments with all defaults, without seed and lod."""
    defaults = asdict((DiscriminatorOptions if name == "D" else GeneratorOptions)())
    return {**defaults, **own.arguments, "seed": None, "lod": None}


@pytest.mark.parametrize("name", ["net_gray16_cond", "theano_legacy"])
def test_official_files_survive_both_conversions(name, tmp_path, capsys):
    old, new, back = GOLDEN / f"{name}.pkl", tmp_path / "new.npz", tmp_path / "back.pkl"
    main([str(old), str(new)])
    assert re.search(r"new\.npz: networks of .*, 16x16, [13] ch", capsys.readouterr().out)
    assert_same(new, old)
    assert read_parts(new).config is None and read_parts(new).nimg is None
    main([str(new), str(back)])
    assert_same(back, old)
    states = old_pickles.load(back)  # read by Python's own unpickler
    assert [state["build_module_src"] for state in states] == [""] * 3
    content = back.read_bytes()
    assert b"numpy.core.multiarray" in content and b"numpy._core" not in content
    if name == "theano_legacy":
        return
    for state, official in zip(states, old_pickles.load(old), strict=True):
        for key in ("version", "name", "build_func_name"):
            assert state[key] == official[key]
        assert official["static_kwargs"].items() <= state["static_kwargs"].items()
        for (key, array), (wanted, expected) in zip(
            state["variables"], official["variables"], strict=True
        ):
            assert key == wanted and array.dtype == expected.dtype
            np.testing.assert_array_equal(array, expected)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The path of a snapshot of this program, while 8x8 fades in."""
    path = tmp_path_factory.mktemp("results") / "network-snapshot-000012.npz"
    shape = {"resolution": 8, "fmap_base": 16, "fmap_max": 4, "label_size": 2}
    G, Gs = Generator(seed=1, **shape), Generator(seed=2, **shape)
    D = Discriminator(seed=3, mbstd_group_size=0, **shape)
    save_snapshot(path, G, D, Gs, resolve({"train.seed": 7}), 12_000, 0.5, ("cat", "dog"))
    return path


def test_own_snapshots_keep_everything_the_format_can_hold(own, tmp_path, capsys):
    original = read_parts(own)
    convert.convert(own.parent, tmp_path / "a.npz")  # a run stands for its newest snapshot
    again = read_parts(tmp_path / "a.npz")
    assert_same(tmp_path / "a.npz", own)
    assert (again.config, again.nimg) == (original.config, 12_000)
    assert again.class_names == ("cat", "dog")
    main([str(own), str(tmp_path / "a.pkl")])
    assert "can't hold the run's options" in capsys.readouterr().out
    assert_same(tmp_path / "a.pkl", own)


def test_config_and_nimg_must_be_given_together(own, tmp_path):
    loaded = load_snapshot(own)
    for config, nimg in ((None, 5), (loaded.config, None)):
        with pytest.raises(ValueError, match="both"):
            save_snapshot(tmp_path / "x.npz", loaded.G, loaded.D, loaded.Gs, config, nimg, 0.0)
    assert not (tmp_path / "x.npz").exists()


def test_nothing_is_replaced_without_force(own, tmp_path):
    target = tmp_path / "x.npz"
    target.write_bytes(b"mine")
    with pytest.raises(UserError, match=r"x\.npz exists; name another file, or give --force"):
        main([str(own), str(target)])
    assert target.read_bytes() == b"mine"
    main([str(own), str(target), "--force"])
    assert read_parts(target).nimg == 12_000
    with pytest.raises(UserError, match="damaged or not a snapshot"):
        convert.convert(__file__, target, force=True)
    assert read_parts(target).nimg == 12_000
    assert os.listdir(tmp_path) == ["x.npz"]


@pytest.mark.parametrize(
    "target, message",
    [("x.onnx", "ends in .npz"), ("none/x.npz", "no directory"), ("d.npz", "is a directory")],
)
def test_targets_are_checked_before_any_work(target, message, tmp_path):
    (tmp_path / "d.npz").mkdir()
    with pytest.raises(UserError, match=message):
        main(["absent.pkl", str(tmp_path / target)])


def test_networks_unknown_to_the_tensorflow_version_are_refused(own, tmp_path, monkeypatch):
    loaded = load_snapshot(own)
    monkeypatch.setattr(loaded.G, "networks", "another")
    with pytest.raises(UserError, match=r"can.t hold networks=another; .*\.npz"):
        tensorflow_pickle.write(tmp_path / "x.pkl", loaded)
    assert not os.listdir(tmp_path)


def test_help_ends_with_examples_that_parse(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    for line in text.partition("examples:")[2].strip().splitlines():
        words = shlex.split(line.split("   ")[0])
        assert words[:3] == ["python", "-m", "pgan_tf.convert"]
        convert.parser().parse_args(words[3:])


def test_generate_makes_images_of_the_smoothed_generator(tmp_path):
    (file,) = generate(GOLDEN / "theano_legacy.pkl", tmp_path, [3])
    latents = np.random.RandomState(3).randn(1, 16).astype(np.float32)
    image = load_snapshot(GOLDEN / "theano_legacy.pkl").Gs(latents)[0].numpy()
    expected = np.clip(np.round(image * 127.5 + 127.5), 0, 255)
    assert np.abs(np.asarray(Image.open(file)).astype(float) - expected).max() <= 1


def test_training_can_start_from_official_files(tmp_path):
    path = GOLDEN / "theano_legacy.pkl"
    source = load_snapshot(path)
    maps = {"fmap_base": 128, "fmap_max": 16, "fused_scale": False}
    G, Gs = (Generator(16, seed=s, latent_size=16, **maps) for s in (1, 2))
    D = Discriminator(16, seed=3, **maps)
    total = sum(len(network.named_variables()) for network in (G, D, Gs))
    assert f"started from {path}: {total} of {total} variables" in start_from(path, G, D, Gs)
    for mine, theirs in ((G, source.G), (D, source.D), (Gs, source.Gs)):
        arrays = to_official(theirs)
        for name, array in to_official(mine).items():
            np.testing.assert_array_equal(array, arrays[name])
    data = write_dataset(tmp_path / "data")
    args = train.parser().parse_args(["--data-dir", str(data), "--init", str(path)])
    assert train.resolve(args).schedule.lod_initial_resolution == 16


@pytest.mark.slow
def test_converting_a_full_size_file_takes_less_than_two_gib(tmp_path):
    """At 1024x1024, in protocol 2 by Python 3, whose reading doubles each array's bytes."""
    networks = {name: Generator(1024, seed=1, name=name) for name in ("G", "Gs")}
    snapshot = Snapshot(
        **networks, D=Discriminator(1024, seed=2, name="D"), config=None, nimg=None, lod=0.0,
        class_names=(), used_classes=(), path=tmp_path,
    )  # fmt: skip
    tensorflow_pickle.write(tmp_path / "x.pkl", snapshot)
    old_pickles.dump(tmp_path / "x.pkl", old_pickles.load(tmp_path / "x.pkl"), 2)
    program = (
        "from pathlib import Path\n"
        "from pgan_tf.convert import main\n"
        "main(['x.pkl', 'x.npz'])\n"
        "print(Path('/proc/self/status').read_text())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    # `getrusage` of a child would include its parent's memory at the start.
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", done.stdout)[1])
    assert peak < 2 << 20
    assert_same(tmp_path / "x.npz", tmp_path / "x.pkl")


def test_classes_without_images_stay_known(tmp_path):
    shape = {"resolution": 8, "label_size": 4, "fmap_base": 32, "fmap_max": 8}
    networks = Generator(**shape), Discriminator(**shape), Generator(**shape)
    names = ("ant", "bee", "cat", "dog")
    save_snapshot(tmp_path / "a.npz", *networks, None, None, 0.0, names, [1])
    convert.convert(tmp_path / "a.npz", tmp_path / "b.npz")
    converted = load_snapshot(tmp_path / "b.npz")
    assert converted.used_classes == (0, 2, 3) and converted.class_names == names
