"""The devices that a program runs on, and how TensorFlow is loaded for them."""

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


@functools.cache  # a second strategy of one process would take up the first one's collectives
def make_strategy(gpus: int = 0) -> tf.distribute.Strategy:
    """Returns the `tf.distribute` strategy for a number of GPUs.

    Args:
      gpus: 0 for all GPUs of the machine, or for the CPU if it has none. On a machine without
        GPUs, tests can set up several CPU devices, which are then counted instead.
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
    """Makes this process take GPU memory as it needs it, instead of all of it at the start.

    TensorFlow reads this setting when a GPU is first used; a later call has no effect.
    """
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(device, True)


def allow_tf32(allowed: bool) -> None:
    """Decides whether GPUs since Ampere multiply float32 numbers as TF32, in this whole process.

    TF32 keeps 10 of the 23 digits of each factor and is several times as fast; TensorFlow's own
    default is to use it.
    """
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(allowed)


def load_tensorflow(repeatable: bool = False) -> None:
    """Imports TensorFlow without the lines that its libraries print while they are loaded.

    They go to standard error past all of Python's and TensorFlow's settings. When the import
    fails, they are printed after all. NumPy, if it isn't loaded yet, is told how to sort fast on
    this processor, and TensorFlow that float32 means float32 on GPUs too.

    Args:
      repeatable: plain (not XLA) operations on a CPU give the same bits in every run. oneDNN's
        don't, nor do several operations at a time: they split their work by what else is running.
    """
    if repeatable:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors come as exceptions
    compiled.keep()
    if _stores_compressed_slowly():
        os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL")
    with tempfile.TemporaryFile() as said:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            share_gpus()  # imports TensorFlow and loads the drivers, or complains
            allow_tf32(False)
        except Exception:
            said.seek(0)
            os.write(stderr, said.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _stores_compressed_slowly(cpuinfo: str = "/proc/cpuinfo") -> bool:
    """True on AMD's Zen 4, where NumPy sorts five times faster by AVX2 than by AVX-512.

    Its compressing store to memory, which the AVX-512 sort rests on, takes over a hundred cycles
    (https://github.com/numpy/x86-simd-sort/issues/6). Family 25 is Zen 3, without AVX-512, and
    Zen 4.
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
