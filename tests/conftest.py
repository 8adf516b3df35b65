"""Settings of TensorFlow for all tests, the golden files, and the browser."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # the same bits in every run, even without XLA

os.environ.setdefault("PGAN_TF_COMPILED", os.path.abspath(".pytest_cache/compiled"))

import json
import signal
from pathlib import Path

import browser as browser_module
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

# A process started in the background may ignore Ctrl-C, and its children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

GOLDEN = Path(__file__).parent / "golden"

# Two virtual CPU devices, for tests of two replicas.
_cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(_cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.threading.set_inter_op_parallelism_threads(1)  # the same bits in every run
tf.config.set_visible_devices([], "GPU")  # golden numbers are float32 on a CPU


@pytest.fixture(scope="session")
def golden():
    """Returns a function that loads a golden file by name: npz arrays, JSON or pixels."""

    def load(name: str):
        path = GOLDEN / name
        if path.suffix == ".json":
            return json.loads(path.read_text())
        if path.suffix == ".webp":  # square images, stacked vertically
            pixels = np.asarray(Image.open(path))
            return pixels.reshape(-1, pixels.shape[1], pixels.shape[1], 3)
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    return load


_left_out = []  # browser tests, where Chromium is missing


def pytest_collection_modifyitems(config, items):
    """Leaves out the browser tests where Chromium is missing."""
    if not browser_module.is_installed():
        _left_out.extend(item for item in items if item.get_closest_marker("browser"))
        items[:] = [item for item in items if item not in _left_out]
        config.hook.pytest_deselected(items=_left_out)


def pytest_terminal_summary(terminalreporter):
    """Reports how many browser tests were left out."""
    if _left_out:
        terminalreporter.write_line(
            f"{len(_left_out)} browser tests were left out: chromium or chromedriver is missing"
            " (scripts/install_chromium.sh installs them)"
        )


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    with browser_module.browser() as chromium:
        yield chromium
