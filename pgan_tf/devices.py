"""Choosing the devices to run on, and loading TensorFlow for them."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from typing import TYPE_CHECKING

from pgan_tf import compiled
from pgan_tf.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf


@functools.cache  # a second strategy in the process would reuse the collectives of the first
def make_strategy(gpus: int = 0) -> tf.distribute.Strategy:
    """Returns the `tf.distribute` strategy for a number of GPUs.

    Args:
      gpus: how many GPUs to use; 0: all GPUs of the machine, or the CPU if it has none. On a
        machine without GPUs this counts CPU devices, of which tests set up several.
    Raises: UserError when the machine has fewer devices.
    """
    import tensorflow as tf

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    share_gpus()
    devices = [d.name for d in tf.config.list_logical_devices(kind)]
    wanted = gpus or (len(devices) if kind == "GPU" else 1)
    if wanted > len(devices):
        raise UserError(f"train.gpus={gpus}, but this machine has {len(devices)} {kind} device(s)")
    if wanted == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices[:wanted])


def share_gpus() -> None:
    """Makes this process take GPU memory as needed, instead of all of it at the start.

    TensorFlow reads this setting when it first uses a GPU; a later call has no effect.
    """
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(device, True)


def allow_tf32(allowed: bool) -> None:
    """Sets whether GPUs since Ampere multiply float32 numbers as TF32, in the whole process.

    TF32 keeps 10 of the 23 mantissa bits of each factor and is several times as fast. TensorFlow
    uses it by default.
    """
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(allowed)


def load_tensorflow(repeatable: bool = False) -> None:
    """Imports TensorFlow, and hides the messages that its libraries print while they load.

    No setting of Python or TensorFlow stops these messages; they are printed if the import fails.
    Also makes NumPy sort fast on this processor, if it isn't loaded yet, and turns TF32 off.

    Args:
      repeatable: make plain (not XLA) operations on a CPU give the same bits in every run. This
        turns off oneDNN and parallel operations, which split their work by the machine's load.
    """
    if repeatable:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors come as exceptions
    compiled.keep()
    if _stores_compressed_slowly():
        os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL")
    with tempfile.TemporaryFile() as messages:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(messages.fileno(), 2)
        try:
            share_gpus()  # imports TensorFlow and loads the drivers
            allow_tf32(False)
        except Exception:
            messages.seek(0)
            os.write(stderr, messages.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _stores_compressed_slowly(cpuinfo: str = "/proc/cpuinfo") -> bool:
    """Returns True on AMD's Zen 4, where NumPy sorts five times faster with AVX2 than with AVX-512.

    The AVX-512 sort uses the compressing store to memory, which takes over a hundred cycles there
    (https://github.com/numpy/x86-simd-sort/issues/6). Family 25 is Zen 4, and Zen 3, which has no
    AVX-512.
    """
    try:
        with open(cpuinfo, encoding="utf-8") as file:
            lines = (line.partition(":") for line in file.read().split("\n\n")[0].splitlines())
            cpu = {name.strip(): value.split() for name, _, value in lines}
    except OSError:
        return False
    return (
        cpu.get("vendor_id") == ["AuthenticAMD"]
        and cpu.get("cpu family") == ["25"]
        and "avx512f" in cpu.get("flags", ())
    )
