import pytest

from metrics.best_snapshot import BestSnapshot
from pgan_tf.errors import UserError


def snapshot(directory, number):
    path = directory / f"network-snapshot-{number:06d}.npz"
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize("column,first,worse,better", [("FID", 9, 10, 8), ("IS_mean", 5, 4, 6)])
def test_only_better_values_beat_the_best(tmp_path, column, first, worse, better):
    best = BestSnapshot(tmp_path, column)
    assert best.snapshot is None and best.is_beaten({column: first})
    best.mark({column: first}, snapshot(tmp_path, 1))
    for again in (best, BestSnapshot(tmp_path, column)):  # also when read again from disk
        assert again.snapshot == tmp_path / "network-snapshot-000001.npz"
        assert again.is_beaten({column: better})
        assert not again.is_beaten({column: worse}) and not again.is_beaten({column: first})
        assert not again.is_beaten({"other": better})


def test_a_mark_for_another_value_or_without_its_snapshot_is_ignored(tmp_path):
    best = BestSnapshot(tmp_path, "FID")
    path = snapshot(tmp_path, 1)
    best.mark({"FID": 1.0}, path)
    other = BestSnapshot(tmp_path, "MS-SSIM")
    assert other.snapshot is None and other.is_beaten({"MS-SSIM": 0.9})
    path.unlink()
    assert best.snapshot is None and best.is_beaten({"FID": 2.0})


def test_unknown_values_are_refused(tmp_path):
    with pytest.raises(UserError, match="no metric has a value named"):
        BestSnapshot(tmp_path, "loss")
