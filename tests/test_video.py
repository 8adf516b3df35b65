"""The command line of films."""

import pytest

from pgan_tf import video
from pgan_tf.errors import UserError


def test_options_are_checked_before_any_work(capsys):
    for arguments, message in (
        (["walk", "--snapshot", "--size", "0x10"], "is not width x height such as 1920x1080"),
        (["walk", "--snapshot", "--duration", "nan"], "nan is not from 0.01 to 86400"),
        (["walk", "--snapshot", "--smoothing", "-1"], "-1 is not from 0 to 86400"),
        (["walk", "--snapshot", "--psi", "1.1"], "1.1 is not from 0 to 1"),
        (["walk", "--snapshot", "--seeds", "3-1"], "ranges must go up"),
        (["walk", "--snapshot", "--direction", "0"], "0 is less than 1"),
        (["growth", "--run", "--fps", "0"], "0 is not from 1 to 120"),
        (["grow"], "unknown command 'grow' (did you mean 'growth'?)"),
        (["growth", "--run", "--real"], "unknown argument --real (did you mean '--reals'?)"),
    ):
        with pytest.raises(SystemExit):
            video.main(arguments)
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_missing_runs_and_snapshots_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no snapshot in results: there is no such directory"):
        video.main(["walk", "--snapshot"])
    with pytest.raises(UserError, match="results is no run: there is no such directory"):
        video.main(["growth", "--run"])
    with pytest.raises(UserError, match=r"\.avi is not a film format"):
        video.main(["growth", "--run", "--out", "growth.avi"])
    (tmp_path / "results").mkdir()
    with pytest.raises(UserError, match=r"results is no run: it has no config\.json"):
        video.main(["growth", "--run"])
