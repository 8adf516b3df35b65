"""Presets of data sets, recipes, hardware and precisions; `pgan_tf.presets` combines them."""

from configs import celeba, cifar, hardware, lsun, mnist, openmoji, svhn, synthetic
from pgan_tf.config import Preset

DATA: dict[str, Preset] = {
    preset.name: preset
    for module in (celeba, lsun, cifar, svhn, mnist, openmoji, synthetic)
    for preset in module.PRESETS
}
"""Name for `--config` -> data set, or recipe for one."""

HARDWARE: dict[str, Preset] = {preset.name: preset for preset in (*hardware.V2, *hardware.V1)}
"""Name for `--preset` -> hardware, or recipe for it."""

PRECISION: dict[str, Preset] = {preset.name: preset for preset in hardware.PRECISIONS}
"""Name for `--precision` -> precision."""
