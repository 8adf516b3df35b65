"""Exports networks to other programs' formats: `python -m pgan_tf.export`, in Python `export`."""

import importlib
import os
from dataclasses import dataclass

from pgan_tf.errors import UserError, nearest


@dataclass(frozen=True)
class Format:
    """A format that networks are exported to.

    Attributes:
      name: name of the format and of its command.
      summary: the format's purpose, for the help text.
      ending: ending of the file's name; empty for a directory.
      module: module with `write(request, path)`; imported only when needed, as it imports the
        format's library.
    """

    name: str
    summary: str
    ending: str
    module: str


FORMATS = {
    f.name: f
    for f in (
        Format("onnx", "ONNX (opset 18), for onnxruntime on any system and in browsers", ".onnx",
               "pgan_tf.export.onnx"),
        Format("litert", "LiteRT, for phones and small devices", ".tflite",
               "pgan_tf.export.litert"),
        Format("keras", "Keras's own file, for keras.saving.load_model", ".keras",
               "pgan_tf.export.keras_format"),
        Format("savedmodel", "TensorFlow's SavedModel, for serving", "",
               "pgan_tf.export.savedmodel"),
    )
}  # fmt: skip


def export(
    snapshot: str | os.PathLike, out: str | os.PathLike, format: str, force: bool = False, **options
) -> str:
    """Writes a snapshot's network in another program's format.

    Args:
      snapshot: a snapshot, a run, or a directory of runs; the newest is taken.
      out: file or, for a SavedModel, directory to write; it appears only when complete.
      format: one of `FORMATS`.
      force: replace an earlier export at `out`.
      options: arguments of `request.make_request`: network, lod, uint8, layout, float16.
    Returns: a line that describes what was written.
    Raises: UserError for an unknown format, ending, network, lod or layout, when `out` exists
      already, or when the format's library is not installed.
    """
    if format not in FORMATS:
        hint = nearest(format, FORMATS)
        raise UserError(f"format {format!r}: choose from {', '.join(FORMATS)}{hint}")
    chosen = FORMATS[format]
    # TensorFlow and the formats' libraries are imported only when they are needed.
    writing = importlib.import_module("pgan_tf.export.writing")
    path = writing.check_target(out, chosen.ending, force)
    try:
        writer = importlib.import_module(chosen.module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pgan_tf"):
            raise
        raise UserError(
            f"the format {format} needs {error.name}: python -m pip install {error.name}"
        ) from None
    request = importlib.import_module("pgan_tf.export.request").make_request(snapshot, **options)
    with writing.atomic_output(path) as partial:
        writer.write(request, partial)
    return f"{path}: {request.description()}; {writing.size_of(path) / 1e6:.1f} MB"
