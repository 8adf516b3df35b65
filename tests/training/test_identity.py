"""Which run a command means."""

import pytest

from pgan_tf.config import override
from pgan_tf.errors import UserError
from pgan_tf.train import train
from pgan_tf.training.run_directory import RunDirectory


def test_finds_the_run_of_the_same_options(config, tmp_path):
    a = RunDirectory.create(tmp_path, config)
    b = RunDirectory.create(tmp_path, override(config, {"train.seed": 1}))
    assert (a.path.name, b.path.name) == ("000-tiny", "001-tiny")
    (tmp_path / "002-broken").mkdir()
    (tmp_path / "notes").mkdir()
    find = RunDirectory.find
    assert find(tmp_path, override(config, {"train.total_kimg": 99})).path == a.path
    assert find(tmp_path, override(config, {"train.seed": 1})).path == b.path
    assert find(tmp_path, override(config, {"train.seed": 2})) is None
    (b.path / "config.json").write_text('{"data": ')
    assert find(tmp_path, config).path == a.path  # it has nothing to continue from
    (b.path / "network-snapshot-000001.npz").touch()
    with pytest.raises(UserError, match=r"001-tiny/config\.json, .* can't be read; .* --new"):
        find(tmp_path, config)
    c = RunDirectory.create(tmp_path, config)
    assert find(tmp_path, config).path == c.path


def test_one_process_a_run(config, tmp_path):
    directory = RunDirectory.create(tmp_path, config)
    with directory.locked(), pytest.raises(UserError, match="by another process"):
        train(config, str(tmp_path))
