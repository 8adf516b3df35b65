"""The official schedules by number of GPUs, and the precisions (spec section 3)."""

from pgan_tf.config import Preset

_EQUAL = ("G_lrate_dict", "D_lrate_dict")  # D and G rates are equal in every official preset


def _rates(by_resolution: dict[int, float]) -> dict:
    return {f"schedule.{name}": by_resolution for name in _EQUAL}


PRESETS = (
    Preset(
        "v1-1gpu",
        """The paper's own schedule, closest to its Theano program: 1 GPU, about two weeks at
        1024x1024 (official figure).""",
        {
            "train.gpus": 1,
            "schedule.minibatch_base": 16,
            "schedule.minibatch_dict": {256: 14, 512: 6, 1024: 3},
            "schedule.lod_training_kimg": 800,
            "schedule.lod_transition_kimg": 800,
            "D.mbstd_group_size": 16,
            "train.total_kimg": 19000,
        },
    ),
    Preset(
        "v2-1gpu",
        """One GPU, 12,000 kimg, about two weeks on a V100 (official figure).""",
        {
            "train.gpus": 1,
            "schedule.minibatch_base": 4,
            "schedule.minibatch_dict": {
                4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4,
            },
            **_rates({1024: 0.0015}),
        },
    ),
    Preset(
        "v2-2gpus",
        """Two GPUs, 12,000 kimg, about a week on V100s (official figure).""",
        {
            "train.gpus": 2,
            "schedule.minibatch_base": 8,
            "schedule.minibatch_dict": {
                4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8,
            },
            **_rates({512: 0.0015, 1024: 0.002}),
        },
    ),
    Preset(
        "v2-4gpus",
        """Four GPUs, 12,000 kimg, about three days on V100s (official figure).""",
        {
            "train.gpus": 4,
            "schedule.minibatch_base": 16,
            "schedule.minibatch_dict": {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16},
            **_rates({256: 0.0015, 512: 0.002, 1024: 0.003}),
        },
    ),
    Preset(
        "v2-8gpus",
        """Eight GPUs, 12,000 kimg, about two days on V100s (official figure).""",
        {
            "train.gpus": 8,
            "schedule.minibatch_base": 32,
            "schedule.minibatch_dict": {4: 512, 8: 256, 16: 128, 32: 64, 64: 32},
            **_rates({128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003}),
        },
    ),
)  # fmt: skip

PRECISIONS = (
    Preset(
        "fp32",
        """Everything in float32.""",
        {
            "train.precision": "fp32",
            "schedule.max_minibatch_per_gpu": {256: 16, 512: 8, 1024: 4},
        },
    ),
    Preset(
        "tf32",
        """float32, but NVIDIA GPUs since Ampere round the factors of products to TF32. Not in the
        official program, whose GPUs had none; the minibatch caps are those of fp32.""",
        {
            "train.precision": "tf32",
            "schedule.max_minibatch_per_gpu": {256: 16, 512: 8, 1024: 4},
        },
    ),
    Preset(
        "fp16",
        """Activations in float16, dynamic loss scaling.""",
        {"train.precision": "fp16", "schedule.max_minibatch_per_gpu": {512: 16, 1024: 8}},
    ),
    Preset(
        "bf16",
        """Activations in bfloat16; its range needs no loss scaling. Not in the official program;
        the minibatch caps are those of fp16.""",
        {"train.precision": "bf16", "schedule.max_minibatch_per_gpu": {512: 16, 1024: 8}},
    ),
)
