"""Files that people take for networks of this kind: what each is, told by how it begins."""

import os
from collections.abc import Callable

from pgan_tf.errors import UserError

_TORCH = "is a file of PyTorch, not networks of progressive growing's TensorFlow or Theano version"
_STYLEGAN = "holds networks of StyleGAN or a later program, which are built otherwise"

KINDS: list[tuple[Callable[[bytes], bool], str]] = [
    (lambda head: head[:2] == b"PK" and b"data.pkl" in head[:256], _TORCH),
    (lambda head: head[:13] == b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P", _TORCH),
    (lambda head: head[:1] == b"\x80" and _names(head, b"dnnlib", b"torch_utils"), _STYLEGAN),
    (lambda head: head[:2] == b"PK" and b"metadata.json" in head[:64], "is a model in Keras's own"
     " format; keras.models.load_model reads it"),
    (lambda head: head[:4] == b"\x89HDF", "is an HDF5 file, not networks"),
    (lambda head: head.lstrip()[:14].lower() in (b"<!doctype html", b"<html><head><"), "is a web"
     " page, saved in place of the file that it offers; download that one"),
]  # fmt: skip
"""(whether a file that begins with these bytes is of this kind, what it is)."""


def _names(head: bytes, *modules: bytes) -> bool:
    return any(module in head for module in modules)


def what(head: bytes) -> str | None:
    """Returns what a file that begins with these bytes is, as the end of a sentence; or None."""
    return next((text for knows, text in KINDS if knows(head)), None)


def refuse_known(path: str | os.PathLike, head: bytes) -> None:
    """Raises UserError for a file of another program that is known by its first bytes."""
    if (text := what(head)) is not None:
        raise UserError(f"{path} {text}")
