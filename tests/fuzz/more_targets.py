"""More targets: readers of networks, runs, statistics, a CIFAR archive and label tables."""

import functools
import gzip
import io
import tarfile
import tempfile
from pathlib import Path
from unittest import mock

import celebahq_mini
import made_up
import made_up_run
import numpy as np
from fuzz.target import Input, Target
from PIL import Image

from pgan_tf.data.making import cifar, images
from pgan_tf.data.pictures.imagefile import Preparation
from pgan_tf.errors import UserError

GOLDEN = celebahq_mini.ROOT.parent


def _files_below(place: Path) -> list[Input]:
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return [Input(str(path.relative_to(place)), path.read_bytes()) for path in files]


# CIFAR's archive, and labels as CSV.


def _cifar_archive() -> list[Input]:
    with tempfile.TemporaryDirectory() as place:
        batch = {"data": made_up.noise(4, 32).reshape(4, -1), "labels": [3, 1, 9, 0]}
        made_up.python2_pickle(Path(place, "data_batch_1"), batch)
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            archive.add(place, "cifar-10-batches-py")
    pack = functools.partial(gzip.compress, compresslevel=1)
    name, content = "cifar-10-python.tar.gz", out.getvalue()
    return [Input(name, content, pack), Input(name, pack(content))]


def _read_cifar_archive(directory: Path) -> None:
    out, place = directory / "out" / "made", directory / "cifar-10-python.tar.gz"
    cifar.create_cifar10(out, place, allow_partial=True, force=True)


def _label_tables() -> list[Input]:
    tables = ["name,class\n0.png,cat\n1.png,dog\n", '"0.png",0\n"1.png",1\n', "0.png;a\n1.png;b\n"]
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "png")
    return [
        *(Input("images/labels.csv", table.encode()) for table in tables),
        *(Input(f"images/{i}.png", picture.getvalue()) for i in range(2)),
    ]


def _read_label_table(directory: Path) -> None:
    images.create(
        directory / "out" / "made", directory / "images", labels="labels.csv",
        preparation=Preparation(4, "center"), skip_bad=True, workers=1, force=True,
    )  # fmt: skip


# Networks of the official programs.


def _networks(*names: str) -> list[Input]:
    return [Input("x.pkl", (GOLDEN / name).read_bytes()) for name in names]


def _read_networks(directory: Path) -> None:
    from pgan_tf.snapshots import read_parts

    read_parts(directory / "x.pkl")


# Statistics of images: files from other programs, and the cache.

_FEATURES = 6


def _statistics() -> list[Input]:
    x = np.random.RandomState(0).randn(20, _FEATURES)
    arrays = {"mu": x.mean(0), "sigma": np.cov(x, rowvar=False)}
    contents = []
    for save in (np.savez, np.savez_compressed):
        out = io.BytesIO()
        save(out, **arrays)
        contents.append(out.getvalue())
    return [Input("x.npz", content) for content in contents]


def _read_statistics(directory: Path) -> None:
    from metrics import inputs, statistics_file

    shapes = {"mu": (_FEATURES,), "sigma": (_FEATURES, _FEATURES)}
    with mock.patch.multiple(statistics_file, NUM_FEATURES=_FEATURES, _SHAPES=shapes):
        inputs.resolve(directory / "x.npz")


_KEY = {"dataset": "x", "count": 3}


def _cache() -> list[Input]:
    from metrics.cache import Cache

    with tempfile.TemporaryDirectory() as place:
        arrays = {"mean": np.arange(6.0), "turned": np.asfortranarray(np.eye(3)[:, :2])}
        Cache(place).save(_KEY, arrays)
        return _files_below(Path(place))


def _read_cache(directory: Path) -> None:
    from metrics.cache import Cache

    if Cache(directory).load(_KEY) is None:
        raise UserError("no such entry")


# The files of a run that reports and sheets read.


def _run() -> list[Input]:
    with tempfile.TemporaryDirectory() as place:
        run = made_up_run.write_run(Path(place, "000-x"), ticks=4)
        made_up_run.add_measurement(run, "fid", 1.0, FID=3.5)
        return _files_below(Path(place))


def _read_report(directory: Path) -> None:
    from pgan_tf.pages import run_summary
    from pgan_tf.pages.embedding import LOSSLESS, Embedder
    from pgan_tf.pages.page import build_page
    from pgan_tf.run import Run

    said: list[str] = []
    run = Run.open(directory / "000-x")
    page = run_summary.summarize(run, 5, Embedder(32, LOSSLESS), said.append)
    build_page("report", {"runs": [page]})
    if said:
        raise UserError(said[0])


def _read_stages(directory: Path) -> None:
    from pgan_tf import growth

    growth.stages_sheet(directory / "000-x", 8)


TARGETS = (
    Target("cifar-archive", _cifar_archive, _read_cifar_archive),
    Target("labels-csv", _label_tables, _read_label_table),
    Target("networks-tensorflow", lambda: _networks("net_gray16_cond.pkl"), _read_networks),
    Target("networks-theano", lambda: _networks("theano_legacy.pkl"), _read_networks),
    Target("statistics", _statistics, _read_statistics),
    Target("metrics-cache", _cache, _read_cache),
    Target("report", _run, _read_report),
    Target("stages", _run, _read_stages),
)
