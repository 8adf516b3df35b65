"""OpenMoji: drawn emoji, rendered from a package of a pinned version; needs no download."""

from pgan_tf.config import Preset

PRESETS = (
    Preset(
        "portraits-32",
        "data",
        """Drawn heads and shoulders at 32x32, mirrored, with the networks and the schedule of the
        official program. Not trained here; use the recipe `portraits` to train on them.""",
        {
            "data.path": "datasets/openmoji-portraits",
            "data.command": "python dataset_tool.py create_openmoji datasets/openmoji-portraits"
            " --subset portraits",
            "data.resolution": 32,
            "data.mirror": True,
        },
    ),
    Preset(
        "portraits",
        "recipe",
        """Drawn heads and shoulders at 32x32 on the CPU of a laptop; `make demo` trains this.

        Chosen by experiments. With minibatches of 16 and stages of 8 + 8 kimg (here 6 + 6), hair,
        skin and shoulders appeared at 8x8 after 24 kimg, faces at 16x16 after 40, and faces, hair
        and clothes at 32x32 after 48. With a half life of 500 images Gs showed coloured specks, so
        it is 1000. A 64x64 stage would take longer than all stages before it, over 20 minutes on
        two cores. Measured here: 22 minutes of processor time, in 18 minutes on two cores shared
        with other work.
        """,
        {
            "G.fmap_base": 512,
            "G.fmap_max": 64,
            "D.fmap_base": 512,
            "D.fmap_max": 64,
            "schedule.lod_training_kimg": 6,
            "schedule.lod_transition_kimg": 6,
            "schedule.minibatch_base": 16,
            "schedule.G_lrate_base": 0.002,
            "schedule.D_lrate_base": 0.002,
            "schedule.tick_kimg_base": 2,
            "schedule.tick_kimg_dict": {},  # the default is not empty
            "train.gpus": 1,
            "train.smoothing_half_life_kimg": 1.0,
            "train.minibatch_repeats": 1,
            "train.network_snapshot_ticks": 6,
            "train.keep_snapshots": 3,
            "train.total_kimg": 54,
        },
        base="portraits-32",
        hardware="",
    ),
    Preset(
        "emoji-32",
        "data",
        """Emoji of all kinds at 32x32, mirrored, with the networks and the schedule of the official
        program. Not trained here; use the recipe `openmoji` to train on them.""",
        {
            "data.path": "datasets/openmoji",
            "data.command": "python dataset_tool.py create_openmoji datasets/openmoji",
            "data.resolution": 32,
            "data.mirror": True,
        },
    ),
    Preset(
        "openmoji",
        "recipe",
        """Emoji of all kinds at 32x32 on the CPU of a laptop.

        Chosen by experiments. Gs has a half life of 500 images, because each stage takes only a few
        hundred steps: with a decay of 0.999 per step, Gs would still show the random start of the
        newest layers. Measured here: 8 to 13 minutes on two cores.
        """,
        {
            "G.fmap_base": 512,
            "G.fmap_max": 64,
            "D.fmap_base": 512,
            "D.fmap_max": 64,
            "schedule.lod_training_kimg": 24,
            "schedule.lod_transition_kimg": 12,
            "schedule.minibatch_base": 32,
            "schedule.G_lrate_base": 0.002,
            "schedule.D_lrate_base": 0.002,
            "schedule.tick_kimg_base": 8,
            "schedule.tick_kimg_dict": {},  # the default is not empty
            "train.gpus": 1,
            "train.smoothing_half_life_kimg": 0.5,
            "train.minibatch_repeats": 1,
            "train.network_snapshot_ticks": 4,
            "train.keep_snapshots": 3,
            "train.total_kimg": 140,
        },
        base="emoji-32",
        hardware="",
    ),
    Preset(
        "emoji-128",
        "data",
        """Emoji of all kinds at 128x128, mirrored, with the networks and the schedule of the
        official program. Not trained here.""",
        {
            "data.path": "datasets/openmoji-128",
            "data.command": "python dataset_tool.py create_openmoji datasets/openmoji-128"
            " --resolution 128",
            "data.resolution": 128,
            "data.mirror": True,
        },
    ),
    Preset(
        "openmoji-large",
        "recipe",
        """Emoji at 128x128 on one GPU, with sizes that follow the official ones. Not trained
        here.""",
        {
            "G.fmap_base": 4096,
            "G.fmap_max": 256,
            "D.fmap_base": 4096,
            "D.fmap_max": 256,
            "schedule.lod_training_kimg": 200,
            "schedule.lod_transition_kimg": 200,
            "train.total_kimg": 3000,
        },
        base="emoji-128",
        hardware="v2-1gpu",
    ),
)
