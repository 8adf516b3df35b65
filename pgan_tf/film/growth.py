"""The film of a run's growth: its pictures in order, with training time and images shown."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pgan_tf import latents as latents_module
from pgan_tf import pictures, progress
from pgan_tf.data.opening import open_dataset
from pgan_tf.errors import DamagedError, UserError
from pgan_tf.film import encoding
from pgan_tf.film.frames import Layout, cross_fade, write_caption
from pgan_tf.film.timeline import Clock, picture_at, picture_times
from pgan_tf.growth import read_cells
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Generator
from pgan_tf.run import Moment, Run
from pgan_tf.snapshots import load_snapshot, read_parts
from pgan_tf.training.feed import Feed

_FADE = 0.5  # seconds of film
_STILL = 2.0  # seconds that the reals and the last picture stand still, in films of 16 s or more
_SMALL = 128  # below this resolution, a run's picture has too many images to be seen in a film
_SMALL_GRID = (8, 4)

LoadPicture = Callable[[int], np.ndarray]
"""Number of a picture -> its images, uint8 [rows, columns, r, r, C]."""
MakeFrame = Callable[[int], np.ndarray]
"""Number of a picture -> its frame, uint8 [h, w, 3]."""


def growth(
    run: str | os.PathLike | Run,
    out: str | os.PathLike,
    *,
    duration: float = 30.0,
    fps: int = 30,
    grid: tuple[int, int] | None = None,
    size: tuple[int, int] | None = None,
    reals: bool = False,
    render: bool = False,
    seeds: Sequence[int] = (),
) -> Path:
    """Makes a film of a run's growth: its pictures fade into one another.

    Resolution, training time and number of images shown count up in the lower left corner;
    `timeline.picture_times` decides how long each stage lasts.

    Args:
      run: the run, or its directory.
      out: the film; its ending decides the format (`encoding.FORMATS`).
      duration: seconds.
      fps: frames a second.
      grid: (columns, rows) of images from the upper left of the run's pictures; None for all, or
        8x4 at most if images are smaller than 128x128.
      size: greatest width and height of the film, which small images are enlarged to fill; None
        for a size that suits the format.
      reals: begin with the run's real images.
      render: make images anew from the kept snapshots, instead of using the run's pictures.
      seeds: seeds of the latents to render; empty for the latents of the run's pictures, which
        need the data set.
    Returns: the film's path.
    Raises: UserError, one line, when the film can't be made.
    """
    form = encoding.check(out, fps)
    run = run if isinstance(run, Run) else Run.open(run)
    if seeds and not render:
        raise UserError("--seeds: a run's pictures are made from its own latents; add --render")
    if reals and run.reals is None:
        raise UserError(f"{run.path} has no picture of reals; leave out --reals")
    files = run.snapshots if render else run.pictures
    moments = list({moment.nimg: moment for moment in files}.values())
    if not moments:
        raise UserError(_nothing_to_show(run, render))
    resolution = final_resolution(run)
    if render:
        load, full_grid = _renderer(run, moments, resolution, seeds, grid)
    else:
        full_grid = _grid_of(moments[-1].path, resolution)

        def load(k: int) -> np.ndarray:
            return read_cells(moments[k].path, resolution)

    columns, rows = _choose_grid(run, grid, full_grid, resolution)
    layout = Layout(resolution, columns, rows, form, size)
    make_frame = functools.lru_cache(maxsize=2)(lambda k: layout(_corner(load(k), columns, rows)))
    opening = None
    if reals:
        opening = layout(_corner(read_cells(run.reals, resolution), columns, rows))
    count = max(round(duration * fps), 1)
    nimgs = [moment.nimg for moment in moments]
    frames = _frames(nimgs, Clock(run.ticks), make_frame, opening, count / fps, fps)
    with encoding.writing(out, fps) as add, progress.bar("frames") as bar:
        task = bar.add_task("Filming", total=count)
        for _, frame in zip(range(count), frames, strict=False):
            add(frame)
            bar.advance(task)
    return Path(out)


def final_resolution(run: Run) -> int:
    """Returns R, the height and width of the images in a run's pictures.

    Raises: DamagedError when it is in none of options, data set, ticks and snapshots.
    """
    facts = run.dataset
    trained = max((tick.resolution for tick in run.ticks), default=0)
    resolution = run.config.data.resolution or (facts.resolution if facts else trained)
    if not resolution and run.snapshots:
        parts = read_parts(run.snapshots[-1].path)
        resolution = parts.networks["Gs"].arguments["resolution"]
    if not resolution:
        raise DamagedError(f"{run.path}: no file of the run holds the resolution of its images")
    return resolution


def _grid_of(path: Path, resolution: int) -> tuple[int, int]:
    rows, columns = read_cells(path, resolution).shape[:2]
    return columns, rows


def _nothing_to_show(run: Run, render: bool) -> str:
    film = f"python -m pgan_tf.video growth --run {run.shell_path}"
    if render and run.pictures:
        return f"{run.path} has no snapshot to render from; to show its pictures: {film}"
    if not render and run.snapshots:
        return f"{run.path} has no pictures; to make them from its snapshots: {film} --render"
    return f"{run.path} has no pictures and no snapshots yet; train on, or name another run"


def _choose_grid(
    run: Run, grid: tuple[int, int] | None, full_grid: tuple[int, int], resolution: int
) -> tuple[int, int]:
    """Returns the film's columns and rows.

    Raises: UserError for a grid larger than the pictures' own.
    """
    if grid is None:
        grid = full_grid
        if resolution < _SMALL:
            grid = min(full_grid[0], _SMALL_GRID[0]), min(full_grid[1], _SMALL_GRID[1])
    if grid[0] > full_grid[0] or grid[1] > full_grid[1]:
        most = "{}x{}".format(*full_grid)
        raise UserError(
            "--grid {}x{}: ".format(*grid) + f"the pictures of {run.path} hold only {most} images"
        )
    return grid


def _corner(cells: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Returns the upper left images, [rows * columns, r, r, C]; missing ones are black."""
    missing = [max(rows - cells.shape[0], 0), max(columns - cells.shape[1], 0)]
    cells = np.pad(cells, [(0, missing[0]), (0, missing[1]), (0, 0), (0, 0), (0, 0)])
    return cells[:rows, :columns].reshape(-1, *cells.shape[2:])


def _frames(
    nimgs: Sequence[int],
    clock: Clock,
    make_frame: MakeFrame,
    opening: np.ndarray | None,
    duration: float,
    fps: int,
) -> Iterator[np.ndarray]:
    """Yields the film's frames, and then repeats the last one for ever."""
    still = min(_STILL, duration / 8)
    fade = min(_FADE, still)
    start = still + fade if opening is not None else 0.0
    resolutions = [clock.resolution(nimg) for nimg in nimgs]
    times = start + picture_times(nimgs, resolutions, duration - start - still)
    number = 0
    while True:
        t = number / fps
        number += 1
        if t < start and opening is not None:
            faded = max(t - still, 0) / fade
            frame = cross_fade(opening, make_frame(0), faded)
            lines = ["Real images"] if faded < 0.5 else clock.caption(nimgs[0], resolutions[0])
            yield write_caption(frame, lines)
            continue
        k, faded = picture_at(times, t, fade)
        frame = make_frame(k)
        if faded > 0:
            frame = cross_fade(frame, make_frame(k + 1), faded)
        nimg = np.interp(t, times, nimgs)
        yield write_caption(frame, clock.caption(nimg, resolutions[k + (faded >= 0.5)]))


def _renderer(
    run: Run,
    moments: Sequence[Moment],
    resolution: int,
    seeds: Sequence[int],
    grid: tuple[int, int] | None,
) -> tuple[LoadPicture, tuple[int, int]]:
    """Returns a function that makes a snapshot's images, and their grid, (columns, rows).

    Raises: UserError for more seeds than the grid holds.
    """
    networks: dict[str, Generator] = {}
    if seeds:
        columns = min(len(seeds), 3)
        full_grid = grid or (columns, -(-len(seeds) // columns))
        if len(seeds) > full_grid[0] * full_grid[1]:
            size = "{}x{}".format(*full_grid)
            raise UserError(f"--seeds names {len(seeds)} images, more than --grid {size} holds")
    else:
        full_grid = pictures.grid_size(run.config.train.image_grid, resolution)

    @functools.cache
    def synthesis() -> Synthesis:
        return Synthesis(networks["Gs"])

    @functools.cache
    def inputs() -> tuple[np.ndarray, np.ndarray]:
        Gs = networks["Gs"]
        if not seeds:
            return _latents_of_pictures(run, Gs, full_grid)
        classes = np.asarray(seeds) % max(Gs.label_size, 1)
        labels = latents_module.one_hot(classes, Gs.label_size)
        return latents_module.from_seeds(seeds, Gs.latent_size), labels

    def load(k: int) -> np.ndarray:
        loaded = load_snapshot(moments[k].path)
        # All snapshots share one network, so that each stage is compiled once.
        Gs = networks.setdefault("Gs", loaded.Gs)
        Gs.set_weights(loaded.Gs.get_weights())
        synthesis().lod = loaded.lod
        images = pictures.enlarge(synthesis()(*inputs()), resolution)
        missing = full_grid[0] * full_grid[1] - len(images)
        images = np.pad(images, [(0, missing), (0, 0), (0, 0), (0, 0)])
        return images.reshape(full_grid[1], full_grid[0], *images.shape[1:])

    return load, full_grid


def _latents_of_pictures(
    run: Run, Gs: Generator, full_grid: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the latents and labels of a run's pictures.

    Raises: UserError when the data set, on which they depend, can't be opened.
    """
    try:
        dataset = open_dataset(run.config.data)
    except UserError:
        command = f"python -m pgan_tf.video growth --run {run.shell_path} --render --seeds 0-5"
        raise UserError(
            f"the latents of {run.path}'s pictures depend on its data set, but"
            f" {run.config.data.path} can't be opened; to use other latents: {command}"
        ) from None
    _, z, y = Feed(dataset, run.config, Gs.latent_size).grid(*full_grid)
    return z, y
