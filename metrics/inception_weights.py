"""Finds, downloads, checks and reads the weights of the 2015-12-05 Inception network."""

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from metrics import frozen_graph, torch_file
from metrics.inception import NUM_FEATURES, NUM_LOGITS, Inception, build, convolutions
from pgan_tf import progress
from pgan_tf.errors import UserError
from pgan_tf.files import atomic_path

FILE_NAME = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE_NAME}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

_MOST_BYTES = 256 << 20  # largest size of the file, and of its unpacked content
_OTHER_NAMES = (  # other files with the same weights
    "pt_inception-2015-12-05-6726825d.pth",
    frozen_graph.GRAPH_FILE,
    "inception-2015-12-05.tgz",
)


def load(
    path: str | os.PathLike | None,
    cache: Path,
    sha256: str | None = None,
    option: str = "--inception PATH",
) -> Inception:
    """Returns the network with its weights.

    Args:
      path: the weights file (.pth, .pb or .tgz); None: use one in the cache directory, or
        download it there.
      cache: the cache directory.
      sha256: the expected hash of the file; None: the published hash, if there is one.
      option: the option that names the file, as printed in error messages.
    Raises: UserError when the file is missing or damaged, or its hash is wrong.
    """
    if path is None:
        cached = [cache / name for name in (FILE_NAME, *_OTHER_NAMES) if (cache / name).is_file()]
        path = cached[0] if cached else download(cache, option)
    parameters, file_hash = read(path, sha256)
    return Inception(parameters, file_hash)


def read(path: str | os.PathLike, sha256: str | None = None) -> tuple[dict[str, np.ndarray], str]:
    """Returns (the parameters for `Inception`, the file's SHA-256).

    The hash of the PyTorch file is published, and checked. The frozen graph has no published hash,
    so only the names and shapes of its constants are checked. Every result records the hash.

    Args:
      path: the weights file (.pth, .pb or .tgz).
      sha256: the expected hash; None: the published one, if there is one.
    Raises: UserError when the file is missing or damaged, or its hash is wrong.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"can't read the Inception weights {path}: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise UserError(
            f"{path} is not a file of the Inception weights: it has more than"
            f" {_MOST_BYTES >> 20} MiB instead of 96 million bytes; get {URL}"
        )
    file_hash = hashlib.sha256(data).hexdigest()
    is_torch = data[:4] == b"PK\x03\x04" or data[:1] == b"\x80"  # a zip archive, a pickle
    expected = sha256.lower() if sha256 else SHA256 if is_torch else None
    if expected and file_hash != expected:
        raise UserError(
            f"{path} has SHA-256 {file_hash} instead of {expected}: it is damaged or holds another"
            f" network; get {URL}, or pass --inception-sha256 {file_hash} to trust it"
        )
    try:
        if is_torch:
            parameters = torch_file.read_tensors(data, _MOST_BYTES)
        else:
            parameters = frozen_graph.read_tensors(data, _MOST_BYTES)
        _check(parameters)
    except ValueError as error:
        raise UserError(f"can't use the Inception weights {path}: the file {error}") from error
    return parameters, file_hash


def _check(parameters: dict[str, np.ndarray]) -> None:
    """Raises ValueError unless all parameters exist, are finite and have the right shapes."""
    shapes = {"fc.weight": (NUM_LOGITS, NUM_FEATURES), "fc.bias": (NUM_LOGITS,)}
    for name, shape in convolutions(build()).items():
        shapes[f"{name}.conv.weight"] = shape
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{part}"] = shape[:1]
    for name, shape in shapes.items():
        if name not in parameters:
            raise ValueError(f"lacks {name}: it holds another network")
        array = parameters[name]
        if array.shape != shape:
            raise ValueError(
                f"holds {name} of shape {list(array.shape)} instead of {list(shape)}: it holds"
                " another network"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"has numbers in {name} that are not finite")


def download(cache: Path, option: str = "--inception PATH") -> Path:
    """Downloads the weights to the cache directory and returns their path.

    Raises: UserError, naming the address and the option, when the download fails.
    """
    remedy = f"get {URL} another way and pass it as {option}, or put it into {cache}"
    cache.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        with atomic_path(cache / FILE_NAME) as partial, progress.bar("bytes") as bar:
            with urllib.request.urlopen(URL, timeout=30) as reply, open(partial, "wb") as file:
                size = reply.headers.get("Content-Length")
                task = bar.add_task("Inception weights", total=int(size) if size else None)
                while block := reply.read(1 << 20):
                    file.write(block)
                    digest.update(block)
                    bar.advance(task, len(block))
            if digest.hexdigest() != SHA256:
                raise UserError(
                    f"the downloaded Inception weights have SHA-256 {digest.hexdigest()} instead"
                    f" of {SHA256}; {remedy}"
                )
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"can't download the Inception weights ({reason}); {remedy}") from None
    return cache / FILE_NAME
