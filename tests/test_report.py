import importlib
import shlex
import types

import pytest
import small_run
from made_up_run import add_picture, add_tick, write_run
from PIL import Image

from pgan_tf import report
from pgan_tf.errors import UserError
from pgan_tf.networks import Discriminator, Generator
from pgan_tf.pages.embedding import Embedder
from pgan_tf.pages.run_summary import summarize
from pgan_tf.run import Run
from pgan_tf.snapshots import save_snapshot

SMALL = {
    "pgan_tf.train": ["--dry-run"],
    "pgan_tf.generate": [],
    "metrics.run": ["--num-images", "32", "--real-passes", "0"],
    "pgan_tf.report": [],
}
"""Module -> arguments added to its command, so that it takes seconds."""


def run_printed(command):
    """Runs a printed command line in this process; returns its module."""
    python, m, module, *arguments = shlex.split(command)
    assert (python, m) == ("python", "-m")
    assert not importlib.import_module(module).main([*arguments, *SMALL[module]])
    return module


def _interrupt(seconds):
    raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(("ticks", "has_data"), [(4, False), (8, True)])
def test_every_command_works_as_printed(tmp_path, monkeypatch, capsys, ticks, has_data):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(report, "time", types.SimpleNamespace(sleep=_interrupt))
    if has_data:
        small_run.write_dataset(tmp_path / "the data")
    size = {"G.fmap_max": 16, "D.fmap_max": 16, "G.fmap_base": 64, "D.fmap_base": 64}
    options = {"data.path": "the data", "data.resolution": 16, **size}
    run = Run(write_run(tmp_path / "it's a run" / "000-a", ticks, options=options))
    shape = {"resolution": 16, "fmap_base": 64, "fmap_max": 16}
    networks = [kind(**shape, seed=1) for kind in (Generator, Discriminator, Generator)]
    save_snapshot(run.path / "network-snapshot-000002.npz", *networks, run.config, 2000, 0.0)
    commands = [c["command"] for c in summarize(run, 0, Embedder(64, 75))["commands"]]
    modules = []
    for command in commands:
        try:
            modules.append(run_printed(command))
        except KeyboardInterrupt:  # interrupts the wait for changes of the run
            modules.append("pgan_tf.report")
    finished = ticks == 8
    assert modules == (
        ["pgan_tf.train"] * has_data
        + ["pgan_tf.generate", "metrics.run"]
        + ["pgan_tf.report"] * (not finished)
    )
    assert (tmp_path / "generated" / "grid.png").exists()
    assert (tmp_path / "report.html").exists() == (not finished)
    assert ("train.total_kimg=6" in capsys.readouterr().out) == (has_data and finished)


def test_a_page_holds_each_run_once_and_its_size_is_printed(tmp_path, capsys):
    runs = [str(write_run(tmp_path / name)) for name in ("000-a", "001-b")]
    out = tmp_path / "page.html"
    report.main([*runs, runs[0], "--out", str(out), "--pictures", "3"])
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size / 1000:.3g} kB\n"
    text = out.read_text()
    assert text.count('"name":"000-a"') == text.count('"name":"001-b"') == 1


def test_paths_that_are_no_runs_are_refused_in_one_line(tmp_path):
    write_run(tmp_path / "000-a")
    (tmp_path / "empty").mkdir()
    for path, message in (
        (tmp_path / "nothing", "is no run: there is no such directory"),
        (tmp_path / "empty", "is no run: it has no config.json"),
        (tmp_path, "holds runs; name one of them: .*000-a"),
    ):
        with pytest.raises(UserError, match=message) as error:
            report.main([str(path), "--out", str(tmp_path / "page.html")])
        assert "\n" not in str(error.value)
    assert not (tmp_path / "page.html").exists()


def test_damaged_options_are_named_and_the_old_page_stays(tmp_path):
    run = write_run(tmp_path / "000-a")
    (tmp_path / "page.html").write_text("before")
    (run / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        report.main([str(run), "--out", str(tmp_path / "page.html")])
    assert (tmp_path / "page.html").read_text() == "before"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_watch_rewrites_on_changes_and_ends_with_the_run(tmp_path):
    run = write_run(tmp_path / "000-a", ticks=0, pictures=False)
    out = run / "page.html"
    looks, said, pages = [], [], []

    def wait():
        looks.append(len(looks))
        pages.append(out.read_text() if out.exists() else None)
        if looks[-1] == 1:
            add_tick(run, 1)
            add_picture(run, 1)
        if looks[-1] == 3:
            for number in range(2, 9):
                add_tick(run, number)

    report.watch([Run(run)], out, say=said.append, wait=wait)
    assert len(looks) == 4 and said[0] == "waiting for the first tick"
    assert len(said) == 3 and all(str(out) in line for line in said[1:])
    assert pages[:2] == [None, None] and pages[2] == pages[3] is not None
    assert out.read_text() not in pages


def test_watch_ends_when_the_run_is_gone(tmp_path):
    run = write_run(tmp_path / "000-a", ticks=2)
    with pytest.raises(UserError, match="is gone"):
        report.watch(
            [Run(run)], tmp_path / "page.html", say=lambda line: None,
            wait=lambda: run.rename(tmp_path / "001-a"),
        )  # fmt: skip


@pytest.mark.slow
def test_a_page_of_many_large_pictures_stays_small(tmp_path):
    run = write_run(tmp_path / "000-a", ticks=0)
    for number in range(4):
        picture = Image.effect_noise((1920, 1080), 60)
        picture.save(run / f"fakes{number:06d}.png", compress_level=1)
    out = report.write_report([Run(run)], tmp_path / "page.html", 3, say=lambda line: None)
    assert out.stat().st_size < 3e6
