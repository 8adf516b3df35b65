"""OpenMoji: drawn emoji, rendered from a pinned package; nothing to download."""

from pgan_tf.config import Preset

PRESETS = (
    Preset(
        "portraits",
        """Drawn heads and shoulders at 64x64 on a laptop's CPU: what `make demo` trains.

        Chosen by trying, with a minibatch of 16 and stages of 8 + 8 kimg. Seen: hair, skin and
        shoulders at 8x8 after 24 kimg, faces at 16x16 after 40, faces, hair and clothes at 32x32
        after 48. The 64x64 stage was tried for the first 3 kimg of its fade only, in which the
        faces stayed. Gs had a half life of 500 images up to 32x32 and showed coloured specks,
        hence 1000 here.
        Expected: 12 to 19 minutes on two cores, from the 118e12 operations that it takes (the
        config openmoji takes 85e12 in 8 to 13 minutes). Not measured.
        """,
        {
            "name": "portraits",
            "data.path": "datasets/openmoji-portraits",
            "data.command": "python dataset_tool.py create_openmoji datasets/openmoji-portraits"
            " --subset portraits",
            "data.resolution": 64,
            "data.mirror": True,
            "G.fmap_base": 512,
            "G.fmap_max": 64,
            "D.fmap_base": 512,
            "D.fmap_max": 64,
            "schedule.lod_training_kimg": 8,
            "schedule.lod_transition_kimg": 8,
            "schedule.minibatch_base": 16,
            "schedule.minibatch_dict": {},
            "schedule.max_minibatch_per_gpu": {},
            "schedule.G_lrate_base": 0.002,
            "schedule.D_lrate_base": 0.002,
            "schedule.G_lrate_dict": {},
            "schedule.D_lrate_dict": {},
            "schedule.tick_kimg_base": 4,
            "schedule.tick_kimg_dict": {},
            "train.smoothing_half_life_kimg": 1.0,
            "train.minibatch_repeats": 1,
            "train.network_snapshot_ticks": 4,
            "train.keep_snapshots": 3,
            "train.total_kimg": 100,
        },
    ),
    Preset(
        "openmoji",
        """Emoji of all kinds at 32x32 on a laptop's CPU.

        Chosen by trying. Gs has a half life of 500 images: a phase is only some hundred steps,
        in which a decay of 0.999 would still show the random start of the newest layers.
        Measured here: 8 to 13 minutes on two cores; the README shows the result.
        """,
        {
            "name": "openmoji",
            "data.path": "datasets/openmoji",
            "data.command": "python dataset_tool.py create_openmoji datasets/openmoji",
            "data.resolution": 32,
            "data.mirror": True,
            "G.fmap_base": 512,
            "G.fmap_max": 64,
            "D.fmap_base": 512,
            "D.fmap_max": 64,
            "schedule.lod_training_kimg": 24,
            "schedule.lod_transition_kimg": 12,
            "schedule.minibatch_base": 32,
            "schedule.minibatch_dict": {},
            "schedule.max_minibatch_per_gpu": {},
            "schedule.G_lrate_base": 0.002,
            "schedule.D_lrate_base": 0.002,
            "schedule.G_lrate_dict": {},
            "schedule.D_lrate_dict": {},
            "schedule.tick_kimg_base": 8,
            "schedule.tick_kimg_dict": {},
            "train.smoothing_half_life_kimg": 0.5,
            "train.minibatch_repeats": 1,
            "train.network_snapshot_ticks": 4,
            "train.keep_snapshots": 3,
            "train.total_kimg": 140,
        },
    ),
    Preset(
        "openmoji-large",
        """Emoji at 128x128 for one GPU. Not trained here; the sizes follow the official ones.""",
        {
            "name": "openmoji-large",
            "data.path": "datasets/openmoji-128",
            "data.command": "python dataset_tool.py create_openmoji datasets/openmoji-128"
            " --resolution 128",
            "data.resolution": 128,
            "data.mirror": True,
            "G.fmap_base": 4096,
            "G.fmap_max": 256,
            "D.fmap_base": 4096,
            "D.fmap_max": 256,
            "schedule.lod_training_kimg": 200,
            "schedule.lod_transition_kimg": 200,
            "train.total_kimg": 3000,
        },
    ),
)
