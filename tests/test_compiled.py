"""Compiled programs are kept on disk, used again, and protected."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgan_tf import compiled

_TWO_PROGRAMS = """
import sys
from pathlib import Path
from pgan_tf import compiled, devices

devices.load_tensorflow()
import tensorflow as tf

directory = compiled.in_use()
known = set(directory.glob("*.pb"))
x = tf.random.stateless_normal([2, 8, 8, 4], [1, 2])

@tf.function(jit_compile=True)
def first(x):
    return tf.reduce_sum(tf.nn.conv2d(x, x[0, :3, :3, :, None] * tf.ones([4]), 1, "SAME"))

@tf.function(jit_compile=True)
def second(x):
    return tf.reduce_sum(tf.sin(x))

print(float(first(x)).hex())
print(len(set(directory.glob("*.pb")) - known))
if sys.argv[1] == "damage":
    for path in directory.glob("*.pb"):
        path.write_bytes(b"damage")
try:
    print(float(second(x)).hex())
except tf.errors.OpError as error:
    print(compiled.trouble(error))
"""


@pytest.fixture
def base(tmp_path, monkeypatch):
    """The cache directory of compiled programs, which does not exist yet."""
    monkeypatch.setenv(compiled.VARIABLE, os.fspath(tmp_path / "compiled"))
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    return tmp_path / "compiled"


@pytest.mark.slow
def test_a_program_is_compiled_once(base):
    def run(mode):
        command = [sys.executable, "-c", _TWO_PROGRAMS, mode]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines(), done.stderr

    (value, new, _), errors = run("whole")
    assert (new, errors) == ("1", "")
    kept = sorted(base.glob("*/*.pb"))
    assert len(kept) == 2 and len(list(base.glob("*/*.crc32c"))) == 2
    (again, new, trouble), errors = run("damage")  # the trouble proves that the files are read
    assert (again, new, errors) == (value, "0", "")
    assert trouble.startswith(f"a compiled program can't be kept in {kept[0].parent}: ")
    assert "\n" not in trouble and f"{compiled.VARIABLE}=off" in trouble


def test_damaged_and_unfinished_files_are_deleted(base):
    directory = compiled.keep()
    assert directory.parent == base and compiled.in_use() == compiled.keep() == directory
    whole, cut, old = (directory / f"{name}.pb" for name in ("whole", "cut", "old"))
    for path in (whole, cut, old, directory / "half.tmp"):
        path.write_bytes(b"program")
    compiled.seal(directory)
    cut.write_bytes(b"progra")
    (directory / "old.pb.crc32c").unlink()
    for path in (old, directory / "half.tmp"):
        os.utime(path, (0, 0))  # from before the machine was started
    compiled.delete_damaged(directory)
    assert sorted(p.name for p in directory.iterdir()) == ["whole.pb", "whole.pb.crc32c"]


def test_the_least_recently_used_programs_are_deleted(base):
    for directory, programs, used in (("a" * 24, (7, 8), 20), ("b" * 24, (9,), 10)):
        (base / directory).mkdir(parents=True)
        for compiled_at in programs:
            path = base / directory / f"{compiled_at}.pb"
            path.write_bytes(bytes(1000))
            os.utime(path, (compiled_at, compiled_at))
        compiled.seal(base / directory)
        os.utime(base / directory, (used, used))
    compiled.delete_oldest(base, 2000)
    assert {p.name for p in base.glob("*/*")} == {"7.pb", "7.pb.crc32c", "8.pb", "8.pb.crc32c"}
    compiled.delete_oldest(base, 1000)
    assert {p.name for p in base.glob("*/*")} == {"8.pb", "8.pb.crc32c"}


def test_other_files_are_never_deleted(base):
    for name in ("model/saved_model.pb", "0123456789abcdef01234567/ours.pb"):
        (base / name).parent.mkdir(parents=True)
        (base / name).write_bytes(bytes(1000))
    compiled.delete_oldest(base, 0)
    assert [p.name for p in base.glob("*/*")] == ["saved_model.pb"]


def test_keep_returns_none_where_it_is_impossible(base, monkeypatch, tmp_path):
    def missing(name):
        raise compiled.importlib.metadata.PackageNotFoundError(name)

    with monkeypatch.context() as patch:
        patch.setattr(compiled.importlib.metadata, "version", missing)
        assert compiled.keep() is None
    base.rmdir()
    monkeypatch.setenv("TF_XLA_FLAGS", "/a/file/of/flags")
    assert compiled.keep() is None and os.environ["TF_XLA_FLAGS"] == "/a/file/of/flags"
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    monkeypatch.chdir(tmp_path)
    for name in (compiled.VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # no home directory
    assert compiled.keep() is None and not list(tmp_path.iterdir())
    monkeypatch.setenv(compiled.VARIABLE, "relative")
    assert compiled.keep().parent == tmp_path / "relative"


@pytest.mark.parametrize(
    "said",  # by TensorFlow 2.21, about empty files, other programs and files of zeros
    [
        "Serialized cache key does not match. [Op:__inference_f_6]",
        "Failed to parse serialized CpuAotCompilationResult. [Op:__inference_f_6]",
    ],
)
def test_files_of_other_programs_are_reported(base, said):
    directory = compiled.keep()
    assert compiled.trouble(ValueError(said)) == (
        f"a compiled program can't be used in {directory}: {said.split('.')[0]}; delete it, or set"
        f" {compiled.VARIABLE}=off, and run the same command again"
    )


def test_nothing_is_kept_in_unsafe_directories(base, monkeypatch):
    base.mkdir()
    base.chmod(0o777)
    assert compiled.keep() is None and compiled.in_use() is None
    base.chmod(0o700)
    base.parent.chmod(0o777)  # other users could replace the directory by their own
    assert compiled.keep() is None
    base.parent.chmod(0o700)
    monkeypatch.setenv(compiled.VARIABLE, "off")
    assert compiled.keep() is None
    monkeypatch.setenv(compiled.VARIABLE, "/dev/null/no-directory")
    assert compiled.keep() is None
    assert compiled.trouble(ValueError("elsewhere")) is None


def test_other_flags_and_versions_have_their_own_directory(base, monkeypatch):
    first = compiled.keep()
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    second = compiled.keep()
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    monkeypatch.setattr(compiled.importlib.metadata, "version", lambda name: "2.99")
    assert len({first, second, compiled.keep()}) == 3
    assert all(Path(d).parent == base for d in (first, second))
