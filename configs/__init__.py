"""Presets: data sets, recipes, hardware, precisions; no logic. `pgan_tf.presets` combines them."""

from configs import celeba, cifar, hardware, lsun, mnist, openmoji, svhn, synthetic
from pgan_tf.config import Preset

DATA: dict[str, Preset] = {
    preset.name: preset
    for module in (celeba, lsun, cifar, svhn, mnist, openmoji, synthetic)
    for preset in module.PRESETS
}
"""`--config` name -> data set, or recipe for one."""

HARDWARE: dict[str, Preset] = {preset.name: preset for preset in (*hardware.V2, *hardware.V1)}
"""`--preset` name -> hardware, or recipe for it."""

PRECISION: dict[str, Preset] = {preset.name: preset for preset in hardware.PRECISIONS}
"""`--precision` name -> precision."""
