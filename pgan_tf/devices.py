"""The devices that a program runs on."""

import contextlib
import functools

import tensorflow as tf

from pgan_tf.cli import UserError


@functools.cache  # a second strategy of one process would take up the first one's collectives
def make_strategy(gpus: int = 0) -> tf.distribute.Strategy:
    """Returns the strategy for so many GPUs; 0 for all there are, or the CPU where none is.

    Where there is no GPU, several CPU devices, if TensorFlow was set up with so many, stand in
    for them: for tests.

    Raises: UserError when there are fewer.
    """
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
    """Makes this process take GPU memory as it needs it, not all at once; in time, or not at all.

    TensorFlow fixes it when a GPU is first used.
    """
    for device in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(device, True)


def allow_tf32(allowed: bool) -> None:
    """Decides whether GPUs since Ampere multiply float32 numbers as TF32, in this whole process.

    TF32 keeps 10 of the 23 digits of each factor and is several times as fast; TensorFlow's own
    default is to use it.
    """
    tf.config.experimental.enable_tensor_float_32_execution(allowed)
