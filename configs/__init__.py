"""Presets: what to train, and the hardware schedules of the official program; no logic."""

from configs import celeba, cifar, hardware, lsun, mnist, openmoji, svhn, synthetic
from pgan_tf.config import Preset

DATA: dict[str, Preset] = {
    preset.name: preset
    for module in (celeba, lsun, cifar, svhn, mnist, openmoji, synthetic)
    for preset in module.PRESETS
}
"""`--config` name -> preset."""

HARDWARE: dict[str, Preset] = {preset.name: preset for preset in hardware.PRESETS}
"""`--preset` name -> preset."""

PRECISION: dict[str, Preset] = {preset.name: preset for preset in hardware.PRECISIONS}
"""`--precision` name -> preset."""
