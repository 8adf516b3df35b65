"""All options of a run, each with its description.

The defaults are those of the official TensorFlow version (sections 1 to 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgan_tf.config.option import ADJUSTABLE, FREE, LOGGED, fixed, option

_SHAPES = fixed("the shapes of the networks follow from it")
_LAYERS = fixed("the layers of the networks follow from it")
_MANY = 10**9
_MAPS = 2**24  # feature maps; more than any network has
_RATE = 1e38  # about the greatest float32


@dataclass(frozen=True)
class DataOptions:
    """The data set, and how its images are processed."""

    path: str = option("", "Directory of the data set.", FREE)
    command: str = option(
        "python dataset_tool.py create_from_images",
        "Command that makes the data set, printed when it is missing.",
        FREE,
    )
    resolution: int = option(
        0, "Final resolution of the networks; 0: the data set's.", _SHAPES,
        least=0, greatest=65536, unit="pixels",
    )  # fmt: skip
    mirror: bool = option(False, "Flip each training image with probability 1/2.", LOGGED)
    labels: bool = option(False, "Condition the networks on the data set's labels.", _SHAPES)
    verify: str = option(
        "auto",
        "When to verify the data set's checksums: `full`: all before the training; `off`: never;"
        " `auto`: all before the training if the levels have at most 2 GiB, else each when it is"
        " read.",
        FREE,
        choices=("auto", "full", "off"),
    )
    synthetic: str = option(
        "",
        "Resolution and channels, such as `1024x3`, of black images in memory to use instead of a"
        " data set; empty: use the data set.",
        fixed("the run was trained on these images"),
    )


@dataclass(frozen=True)
class GeneratorOptions:
    """The generator (section 1)."""

    fmap_base: int = option(
        8192, "Feature maps at stage s: min(fmap_base / 2^(s fmap_decay), fmap_max).", _SHAPES,
        least=1, greatest=_MAPS,
    )  # fmt: skip
    fmap_decay: float = option(
        1.0, "How fast feature maps become fewer from stage to stage.", _SHAPES,
        least=0.0, greatest=100.0,
    )  # fmt: skip
    fmap_max: int = option(512, "Most feature maps of a stage.", _SHAPES, least=1, greatest=2**20)
    latent_size: int | None = option(
        None, "Length of the latents; `none`: the number of feature maps at stage 0.", _SHAPES,
        least=1, greatest=2**20,
    )  # fmt: skip
    normalize_latents: bool = option(True, "Scale each latent to unit mean square.", _LAYERS)
    use_wscale: bool = option(True, "Equalized learning rate in the generator.", _LAYERS)
    use_pixelnorm: bool = option(True, "Pixel norm after each convolution.", _LAYERS)
    pixelnorm_epsilon: float = option(
        1e-8,
        "Added to the mean square in the pixel norm; fp16 runs use 1e-4 unless this option is set.",
        LOGGED,
        least=1e-30,
        greatest=1.0,
    )
    use_leakyrelu: bool = option(True, "Leaky ReLU of slope 0.2; false: ReLU.", _LAYERS)
    fused_scale: bool = option(
        True,
        "Save weights under the names and in the layout of the official fused layers; it does not"
        " affect the images.",
        fixed("the names of the saved weights follow from it"),
    )


@dataclass(frozen=True)
class DiscriminatorOptions:
    """The discriminator (section 1)."""

    fmap_base: int = option(
        8192, "Feature maps at stage s: min(fmap_base / 2^(s fmap_decay), fmap_max).", _SHAPES,
        least=1, greatest=_MAPS,
    )  # fmt: skip
    fmap_decay: float = option(
        1.0, "How fast feature maps become fewer from stage to stage.", _SHAPES,
        least=0.0, greatest=100.0,
    )  # fmt: skip
    fmap_max: int = option(512, "Most feature maps of a stage.", _SHAPES, least=1, greatest=2**20)
    use_wscale: bool = option(True, "Equalized learning rate in the discriminator.", _LAYERS)
    mbstd_group_size: int = option(
        4,
        "Group size of the minibatch standard deviation; the minibatch of each GPU must be a"
        " multiple of it, or smaller; 0 or 1 turns the feature off.",
        fixed("the discriminator was trained with statistics of groups of this size"),
        least=0,
        greatest=2**20,
        unit="images",
    )
    fused_scale: bool = option(
        True,
        "Downscale before bias and activation, as in the TensorFlow version; false: after them, as"
        " in the paper.",
        _LAYERS,
    )


@dataclass(frozen=True)
class LossOptions:
    """The loss (section 2)."""

    name: str = option(
        "wgan_gp",
        "Name of the loss; `wgan_gp`: the paper's.",
        fixed("the discriminator's scores mean something else under another loss"),
        pattern=r"\w{1,64}",
        form="letters, digits and _",
    )
    wgan_lambda: float = option(
        10.0, "Weight of the gradient penalty.", LOGGED, least=0.0, greatest=1e9
    )
    wgan_target: float = option(
        1.0, "Gradient norm that the penalty pulls towards.", LOGGED, least=1e-9, greatest=1e9
    )
    wgan_epsilon: float = option(
        0.001, "Weight of the drift term.", LOGGED, least=0.0, greatest=1e9
    )
    cond_weight: float = option(1.0, "Weight of the label terms.", LOGGED, least=0.0, greatest=1e9)


@dataclass(frozen=True)
class OptimizerOptions:
    """Adam, the same for both networks (section 3)."""

    beta1: float = option(
        0.0, "Decay of the mean of the gradients.", fixed("the optimizer's state follows from it"),
        least=0.0, greatest=0.999999,
    )  # fmt: skip
    beta2: float = option(
        0.99, "Decay of the mean of the squared gradients.", LOGGED, least=0.0, greatest=0.999999
    )
    epsilon: float = option(
        1e-8, "Added to the root of that mean.", LOGGED, least=1e-30, greatest=1.0
    )


@dataclass(frozen=True)
class ScheduleOptions:
    """Growing, minibatch, learning rates and tick length as functions of images shown (section 3).

    The `*_dict` options map a resolution to the value that replaces the base there.
    """

    lod_initial_resolution: int = option(
        4, "Resolution at which growing starts; 0: train without growing.",
        fixed("the stages that the run has passed are counted from it"),
        least=0, greatest=65536, unit="pixels",
    )  # fmt: skip
    lod_training_kimg: float = option(
        600.0, "Length of the training at each resolution before the next one.", LOGGED,
        least=0.0, greatest=1e9, unit="kimg",
    )  # fmt: skip
    lod_transition_kimg: float = option(
        600.0, "Length of the fade to the next resolution.", LOGGED,
        least=0.0, greatest=1e9, unit="kimg",
    )  # fmt: skip
    minibatch_base: int = option(
        16, "Minibatch over all GPUs.", LOGGED, least=1, greatest=2**20, unit="images"
    )
    minibatch_dict: Mapping[int, int] = option(
        {}, "Minibatch by resolution, where it differs from minibatch_base.", LOGGED,
        least=1, greatest=2**20, unit="images",
    )  # fmt: skip
    max_minibatch_per_gpu: Mapping[int, int] = option(
        {}, "Largest minibatch of each GPU, by resolution.", LOGGED,
        least=1, greatest=2**20, unit="images",
    )  # fmt: skip
    G_lrate_base: float = option(
        0.001, "The generator's learning rate.", LOGGED, least=0.0, greatest=_RATE
    )
    G_lrate_dict: Mapping[int, float] = option(
        {}, "The generator's learning rate by resolution, where it differs from G_lrate_base.",
        LOGGED, least=0.0, greatest=_RATE,
    )  # fmt: skip
    D_lrate_base: float = option(
        0.001, "The discriminator's learning rate.", LOGGED, least=0.0, greatest=_RATE
    )
    D_lrate_dict: Mapping[int, float] = option(
        {}, "The discriminator's learning rate by resolution, where it differs from D_lrate_base.",
        LOGGED, least=0.0, greatest=_RATE,
    )  # fmt: skip
    rampup_kimg: float = option(
        0.0,
        "How long the learning rates rise at the start, as in the Theano version: they are"
        " multiplied by exp(-5 (1 - kimg / rampup_kimg)^2); 0: no rise.",
        LOGGED,
        least=0.0,
        greatest=1e9,
        unit="kimg",
    )
    tick_kimg_base: float = option(
        160.0, "Length of a tick; the run reports at its end.", LOGGED,
        least=1e-3, greatest=1e9, unit="kimg",
    )  # fmt: skip
    tick_kimg_dict: Mapping[int, float] = option(
        {4: 160.0, 8: 140.0, 16: 120.0, 32: 100.0, 64: 80.0, 128: 60.0, 256: 40.0, 512: 20.0,
         1024: 10.0},
        "Length of a tick by resolution, where it differs from tick_kimg_base.", LOGGED,
        least=1e-3, greatest=1e9, unit="kimg",
    )  # fmt: skip


@dataclass(frozen=True)
class TrainOptions:
    """The training: length, arithmetic, saving and measuring."""

    total_kimg: float = option(
        12000.0, "Length of the run; raise it to continue a finished run.", ADJUSTABLE,
        least=0.0, greatest=1e9, unit="kimg",
    )  # fmt: skip
    seed: int = option(
        1000, "Seed of everything random.",
        fixed("initial weights, latents and the order of the data follow from it"),
        least=0, greatest=2**32 - 1,
    )  # fmt: skip
    init: str = option(
        "",
        "Snapshot whose networks the run starts from, on the same or other images; empty: start"
        " from random networks.",
        fixed("the run started from it"),
    )
    minibatch_repeats: int = option(
        4, "Iterations between two updates of the values of the schedule.", LOGGED,
        least=1, greatest=10**6, unit="iterations",
    )  # fmt: skip
    D_repeats: int = option(
        1, "Discriminator steps for each generator step.", LOGGED,
        least=1, greatest=1000, unit="steps",
    )  # fmt: skip
    smoothing: float = option(
        0.999, "Decay per iteration of Gs, the moving average of G; 0 turns it off.", LOGGED,
        least=0.0, greatest=1.0,
    )  # fmt: skip
    smoothing_half_life_kimg: float = option(
        0.0,
        "Half life of Gs; 0: not used. If neither it nor smoothing is 0, it replaces smoothing: the"
        " decay per iteration is 0.5^(minibatch / 1000 / half life).",
        LOGGED,
        least=0.0,
        greatest=1e9,
        unit="kimg",
    )
    reset_optimizer: bool = option(True, "Reset Adam's means when a fade starts or ends.", LOGGED)
    precision: str = option(
        "fp32",
        "Arithmetic: `fp32`; `tf32`: fp32 with factors of products rounded to TF32 on GPUs that"
        " have it; `fp16`: mixed, with dynamic loss scaling; `bf16`: mixed.",
        LOGGED,
        choices=("fp32", "tf32", "fp16", "bf16"),
    )
    xla: bool = option(True, "Compile the training step with XLA.", LOGGED)
    gpus: int = option(
        0, "Number of GPUs; 0: all GPUs of the machine, or the CPU if it has none.", LOGGED,
        least=0, greatest=1024, unit="GPUs",
    )  # fmt: skip
    image_grid: str = option(
        "1080p", "Size of the grids of images.", ADJUSTABLE, choices=("1080p", "4k")
    )
    image_layout: str = option(
        "random", "Images of a grid: `random`, or one class per row with `row_per_class`.",
        ADJUSTABLE, choices=("random", "row_per_class"),
    )  # fmt: skip
    image_snapshot_ticks: int = option(
        1, "Ticks between two grids; 0: only at the end.", ADJUSTABLE,
        least=0, greatest=_MANY, unit="ticks",
    )  # fmt: skip
    network_snapshot_ticks: int = option(
        10, "Ticks between two snapshots of the networks; 0: only at the end.", ADJUSTABLE,
        least=0, greatest=_MANY, unit="ticks",
    )  # fmt: skip
    keep_snapshots: int = option(
        0,
        "How many of the newest snapshots to keep, at least two, besides the best; 0: all.",
        ADJUSTABLE,
        least=0,
        greatest=_MANY,
        unit="snapshots",
    )
    metrics: str = option(
        "", "Metrics to measure while training, such as `swd,msssim`; empty: none.", ADJUSTABLE
    )
    metric_ticks: int = option(
        10, "Ticks between two measurements; 0: only at the end.", ADJUSTABLE,
        least=0, greatest=_MANY, unit="ticks",
    )  # fmt: skip
    metric_images: int = option(
        2048, "Images per measurement.", ADJUSTABLE,
        least=2, greatest=_MANY, unit="images",
    )  # fmt: skip
    best_metric: str = option(
        "",
        "Value that decides which snapshot is the best and is kept, such as `SWDx1e3_avg` or"
        " `MS-SSIM`; empty: none.",
        ADJUSTABLE,
    )
    inception: str = option(
        "",
        "File of the Inception network's weights, for fid, is and kid; empty: the file in the"
        " cache directory, or a download.",
        FREE,
    )
    max_skipped: int = option(
        100,
        "The run stops as diverged after this many updates in a row were skipped because their"
        " gradients are not finite.",
        ADJUSTABLE,
        least=1,
        greatest=_MANY,
        unit="updates",
    )


@dataclass(frozen=True)
class Config:
    """The run as a whole."""

    name: str = option(
        "custom", "Name of the run, whose directory is `NNN-name`.", FREE,
        pattern=r"\w[\w.-]{0,199}",
        form="a letter or digit, then letters, digits, . - and _, at most 200 in all",
    )  # fmt: skip
    networks: str = option(
        "paper", "Name of the networks; `paper`: the paper's.", _LAYERS,
        pattern=r"\w{1,64}", form="letters, digits and _",
    )  # fmt: skip
    data: DataOptions = field(default_factory=DataOptions)
    G: GeneratorOptions = field(default_factory=GeneratorOptions)
    D: DiscriminatorOptions = field(default_factory=DiscriminatorOptions)
    loss: LossOptions = field(default_factory=LossOptions)
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)
    schedule: ScheduleOptions = field(default_factory=ScheduleOptions)
    train: TrainOptions = field(default_factory=TrainOptions)
