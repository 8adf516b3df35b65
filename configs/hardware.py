"""Hardware presets (minibatches and learning rates by number of GPUs) and precisions (section 3).

More GPUs allow larger minibatches, which at fine resolutions go with higher learning rates.
"""

from pgan_tf.config import Preset


def _hardware(
    name: str, doc: str, gpus: int, minibatch: int, by_resolution: dict[int, int],
    rates: dict[int, float],
) -> Preset:  # fmt: skip
    """Returns a hardware preset; G and D have equal learning rates, as in all official presets."""
    options = {
        "train.gpus": gpus,
        "schedule.minibatch_base": minibatch,
        "schedule.minibatch_dict": by_resolution,
        "schedule.G_lrate_dict": rates,
        "schedule.D_lrate_dict": rates,
    }
    return Preset(name, "hardware", doc, options)


V2 = (
    _hardware(
        "v2-1gpu",
        """One GPU: about two weeks on a V100 for 1024x1024 (official figure, not measured
        here).""",
        1, 4, {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4},
        {1024: 0.0015},
    ),
    _hardware(
        "v2-2gpus",
        """Two GPUs: about a week on V100s for 1024x1024 (official figure, not measured here).""",
        2, 8, {4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8},
        {512: 0.0015, 1024: 0.002},
    ),
    _hardware(
        "v2-4gpus",
        """Four GPUs: about three days on V100s for 1024x1024 (official figure, not measured
        here).""",
        4, 16, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16},
        {256: 0.0015, 512: 0.002, 1024: 0.003},
    ),
    _hardware(
        "v2-8gpus",
        """Eight GPUs: about two days on V100s for 1024x1024 (official figure, not measured
        here).""",
        8, 32, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32},
        {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003},
    ),
)  # fmt: skip

V1 = (
    Preset(
        "v1-minibatches",
        "hardware",
        """One GPU with the minibatches of the paper's Theano program. Each minibatch is one group
        of the minibatch standard deviation.""",
        {
            "train.gpus": 1,
            "schedule.minibatch_base": 16,
            "schedule.minibatch_dict": {256: 14, 512: 6, 1024: 3},
            "D.mbstd_group_size": 16,
        },
    ),
    Preset(
        "v1-1gpu",
        "recipe",
        """The paper's own schedule on one GPU: 800,000 images at each resolution and in each fade,
        19,000,000 in all. Closest to the paper's Theano program; about two weeks for 1024x1024
        (official figure, not measured here).""",
        {
            "schedule.lod_training_kimg": 800,
            "schedule.lod_transition_kimg": 800,
            "train.total_kimg": 19000,
        },
        base="v1-minibatches",
    ),
)

_FLOAT32_CAPS = {"schedule.max_minibatch_per_gpu": {256: 16, 512: 8, 1024: 4}}
_FLOAT16_CAPS = {"schedule.max_minibatch_per_gpu": {512: 16, 1024: 8}}

PRECISIONS = (
    Preset(
        "fp32",
        "precision",
        """Everything in float32.""",
        {"train.precision": "fp32"},
        caps=_FLOAT32_CAPS,
    ),
    Preset(
        "tf32",
        "precision",
        """float32, with the factors of products rounded to TF32 on NVIDIA GPUs since Ampere. The
        official program ran on older GPUs without it. The minibatch caps are those of fp32.""",
        {"train.precision": "tf32"},
        caps=_FLOAT32_CAPS,
    ),
    Preset(
        "fp16",
        "precision",
        """Activations in float16, with dynamic loss scaling.""",
        {"train.precision": "fp16"},
        caps=_FLOAT16_CAPS,
    ),
    Preset(
        "bf16",
        "precision",
        """Activations in bfloat16, whose range needs no loss scaling. The official program doesn't
        have it. The minibatch caps are those of fp16.""",
        {"train.precision": "bf16"},
        caps=_FLOAT16_CAPS,
    ),
)
