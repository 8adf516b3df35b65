"""The command line of exports; bad input is refused in one line."""

import shutil
import sys

import pytest

from pgan_tf.errors import UserError
from pgan_tf.export import __main__ as command
from pgan_tf.export import export
from pgan_tf.export.keras_format import make_model
from pgan_tf.export.request import make_request


def test_the_command_writes_a_file_and_prints_its_inputs(labelled, tmp_path, capsys):
    out = tmp_path / "new" / "Gs.onnx"
    argv = ["onnx", "--snapshot", str(labelled.path), "--lod", "1", "--out", str(out)]
    command.main(argv)
    assert capsys.readouterr().out == (
        f"{out}: Gs of network-snapshot-000005.npz at lod 1: latents float32 [N, 8], labels"
        " float32 [N, 3] -> images float32 [N, 8, 8, 3]; images are -1 to 1; 0.0 MB\n"
    )
    first = out.read_bytes()
    with pytest.raises(UserError, match=r"Gs\.onnx exists; add --force to replace it"):
        command.main(argv)
    command.main([*argv, "--network", "D", "--force"])  # the advice
    assert out.read_bytes() != first
    assert "D of network" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv,message",
    [
        (["onx"], "unknown command 'onx' (did you mean 'onnx'?); choose from onnx, litert, keras"),
        (["onnx", "--snapshot"], "required: --out"),
        (["onnx", "--snapshot", "--out", "a.onnx", "--layout", "NCWH"], "(did you mean 'NCHW'?)"),
        (["onnx", "--snapshot", "--out", "a.onnx", "--unit8"], "(did you mean '--uint8'?)"),
    ],
)
def test_misspelt_commands_are_answered_with_the_nearest(argv, message, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(argv)
    assert stop.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["onnx", "litert", "keras", "savedmodel"])
def test_every_format_has_help_with_examples(name, capsys):
    with pytest.raises(SystemExit):
        command.main([name, "--help"])
    assert f"python -m pgan_tf.export {name} --snapshot --out Gs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "out,format,options,message",
    [
        ("Gs.tflite", "onnx", {}, r"must end in \.onnx, such as Gs\.onnx"),
        ("Gs.onnx", "savedmodel", {}, r"this export is a directory; leave out \.onnx"),
        ("Gs.onnx", "onx", {}, r"format 'onx': choose from onnx, .* \(did you mean 'onnx'\?\)"),
        ("Gs.onnx", "onnx", {"lod": 3.0}, r"lod 3: choose from 0 \(16x16\) to 2 \(4x4\)"),
        ("Gs.onnx", "onnx", {"lod": float("nan")}, "lod nan: choose from 0"),
        ("Gs.onnx", "onnx", {"network": "E"}, "network 'E': choose from G, D, Gs"),
        ("Gs.onnx", "onnx", {"layout": "CHW"}, "layout 'CHW': choose from NHWC, NCHW"),
    ],
)
def test_bad_input_is_refused_before_any_work(labelled, tmp_path, out, format, options, message):
    with pytest.raises(UserError, match=message):
        export(labelled.path, tmp_path / out, format, **options)
    assert not list(tmp_path.iterdir())


def test_force_never_replaces_other_files_or_directories(labelled, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("mine")
    (tmp_path / "dir.onnx").mkdir()
    (tmp_path / "file").write_text("mine")
    for out, format, message in (
        ("home", "savedmodel", "holds other files; choose another directory"),
        ("file", "savedmodel", "is a file, but the export is a directory"),
        ("dir.onnx", "onnx", r"is a directory; name a file, such as .*dir\.onnx/Gs\.onnx"),
    ):
        with pytest.raises(UserError, match=message):
            export(labelled.path, tmp_path / out, format, force=True)
    assert (tmp_path / "home" / "letter.txt").read_text() == "mine"


@pytest.mark.slow
def test_force_replaces_a_savedmodel(labelled, tmp_path):
    out = tmp_path / "Gs"
    export(labelled.path, out, "savedmodel")
    (out / "assets" / "old").write_text("of the one before")
    with pytest.raises(UserError, match="exists; add --force"):
        export(labelled.path, out, "savedmodel")
    export(labelled.path, out, "savedmodel", force=True)
    assert (out / "saved_model.pb").exists() and not (out / "assets" / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["Gs"]


def test_a_savedmodel_holds_each_weight_once(labelled, tmp_path):
    export(labelled.path, tmp_path / "Gs", "savedmodel", lod=0)
    model = make_model(make_request(labelled.path, lod=0))
    weights = sum(variable.numpy().nbytes for variable in model.variables)
    (data,) = (tmp_path / "Gs" / "variables").glob("variables.data*")
    assert weights <= data.stat().st_size < 1.2 * weights + 20_000  # 20,000: the object graph


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_export_keeps_the_old_file(labelled, tmp_path, monkeypatch, error):
    out = tmp_path / "Gs.onnx"
    out.write_bytes(b"before")

    def fail(request, path):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr("pgan_tf.export.onnx.write", fail)
    with pytest.raises(type(error)):
        export(labelled.path, out, "onnx", force=True)
    assert out.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["Gs.onnx"]


def test_a_run_stands_for_its_newest_snapshot(labelled, tmp_path, capsys):
    run = tmp_path / "results" / "000-test"
    run.mkdir(parents=True)
    shutil.copy(labelled.path, run)
    results = ["--results", str(run.parent)]
    command.main(["onnx", "--snapshot", *results, "--out", str(tmp_path / "a.onnx")])
    command.main(["onnx", "--snapshot", str(run), "--out", str(tmp_path / "b.onnx")])
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_missing_library_is_named(labelled, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in ("onnx", "onnx_graph", "onnx_layers"):
        monkeypatch.delitem(sys.modules, f"pgan_tf.export.{name}", raising=False)
    with pytest.raises(UserError, match=r"onnx needs onnx: python -m pip install onnx$"):
        export(labelled.path, tmp_path / "Gs.onnx", "onnx")
