"""The film of a run's growth: its pictures one after the other, and what they took."""

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
from pgan_tf.film.timeline import Clock, moment, positions
from pgan_tf.growth import read_cells
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Generator
from pgan_tf.run import Moment, Run
from pgan_tf.snapshots import load_snapshot, read_parts
from pgan_tf.training.feed import Feed

_FADE = 0.5  # seconds of film
_STILL = 2.0  # seconds that the reals and the last picture stand, in films of 16 s or more
_SMALL = 128  # of smaller images, a picture of a run holds too many to be seen in a film
_SMALL_GRID = (8, 4)

Load = Callable[[int], np.ndarray]
"""Number of a picture -> its images, uint8 [rows, columns, r, r, C]."""


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
    """Makes a film of a run's pictures growing.

    In the lower left corner, resolution, training time and number of images shown count up;
    `timeline.positions` says how long each stage lasts.

    Args:
      run: its directory.
      out: the film; its ending decides the format (`encoding.FORMATS`).
      duration: seconds.
      fps: frames a second.
      grid: (columns, rows), those in the upper left of the run's pictures; None for all, but for
        8x4 of images smaller than 128x128.
      size: most pixels of the film's width and height, which small images are enlarged to fill;
        None for a size that suits the format.
      reals: begin with the run's real images.
      render: make images anew from the snapshots that are kept, instead of taking its pictures.
      seeds: of the latents to render; none for those of the run's pictures, for which the data
        set is needed.
    Returns: the file.
    Raises: UserError for what can't be made, in one line.
    """
    form = encoding.check(out, fps)
    run = run if isinstance(run, Run) else Run.open(run)
    if seeds and not render:
        raise UserError("--seeds: a run's own pictures have latents of their own; add --render")
    if reals and run.reals is None:
        raise UserError(f"{run.path} has no picture of reals; leave --reals out")
    found = run.snapshots if render else run.pictures
    moments = list({moment.nimg: moment for moment in found}.values())
    if not moments:
        raise UserError(_nothing_to_show(run, render))
    resolution = final_resolution(run)
    if render:
        load, whole = _rendered(run, moments, resolution, seeds, grid)
    else:
        whole = _grid_of(moments[-1].path, resolution)

        def load(k: int) -> np.ndarray:
            return read_cells(moments[k].path, resolution)

    columns, rows = _choose_grid(run, grid, whole, resolution)
    layout = Layout(resolution, columns, rows, form, size)
    shown = functools.lru_cache(maxsize=2)(lambda k: layout(_corner(load(k), columns, rows)))
    opening = None
    if reals:
        opening = layout(_corner(read_cells(run.reals, resolution), columns, rows))
    count = max(round(duration * fps), 1)
    nimgs = [moment.nimg for moment in moments]
    frames = _frames(nimgs, Clock(run.ticks), shown, opening, count / fps, fps)
    with encoding.writing(out, fps) as add, progress.bar("frames") as bar:
        task = bar.add_task("Filming", total=count)
        for _, frame in zip(range(count), frames, strict=False):
            add(frame)
            bar.advance(task)
    return Path(out)


def final_resolution(run: Run) -> int:
    """Returns R, of the images in a run's pictures.

    Raises: DamagedError when neither its options, its data set, its ticks nor a snapshot tell.
    """
    facts = run.dataset
    trained = max((tick.resolution for tick in run.ticks), default=0)
    found = run.config.data.resolution or (facts.resolution if facts else trained)
    if not found and run.snapshots:
        parts = read_parts(run.snapshots[-1].path)
        found = parts.networks["Gs"].arguments["resolution"]
    if not found:
        raise DamagedError(f"{run.path} does not tell the resolution of its images")
    return found


def _grid_of(path: Path, resolution: int) -> tuple[int, int]:
    rows, columns = read_cells(path, resolution).shape[:2]
    return columns, rows


def _nothing_to_show(run: Run, render: bool) -> str:
    film = f"python -m pgan_tf.video growth --run {run.shell_path}"
    if render and run.pictures:
        return f"{run.path} has no snapshot to render from; its pictures can be shown: {film}"
    if not render and run.snapshots:
        return f"{run.path} has no pictures, but snapshots to make them from: {film} --render"
    return f"{run.path} has nothing to show yet; train on, or name another run"


def _choose_grid(
    run: Run, grid: tuple[int, int] | None, whole: tuple[int, int], resolution: int
) -> tuple[int, int]:
    """Returns columns and rows of the film.

    Raises: UserError when more are asked for than there are.
    """
    if grid is None:
        grid = whole
        if resolution < _SMALL:
            grid = min(whole[0], _SMALL_GRID[0]), min(whole[1], _SMALL_GRID[1])
    if grid[0] > whole[0] or grid[1] > whole[1]:
        there = "{}x{}".format(*whole)
        raise UserError("--grid {}x{}: ".format(*grid) + f"{run.path} shows {there} images")
    return grid


def _corner(cells: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Returns the upper left images, [rows * columns, r, r, C]; black where there are fewer."""
    missing = [max(rows - cells.shape[0], 0), max(columns - cells.shape[1], 0)]
    cells = np.pad(cells, [(0, missing[0]), (0, missing[1]), (0, 0), (0, 0), (0, 0)])
    return cells[:rows, :columns].reshape(-1, *cells.shape[2:])


def _frames(
    nimgs: Sequence[int],
    clock: Clock,
    shown: Load,
    opening: np.ndarray | None,
    duration: float,
    fps: int,
) -> Iterator[np.ndarray]:
    """Yields the film's frames, and then the last one for ever."""
    still = min(_STILL, duration / 8)
    fade = min(_FADE, still)
    start = still + fade if opening is not None else 0.0
    resolutions = [clock.resolution(nimg) for nimg in nimgs]
    times = start + positions(nimgs, resolutions, duration - start - still)
    number = 0
    while True:
        t = number / fps
        number += 1
        if t < start and opening is not None:
            faded = max(t - still, 0) / fade
            frame = cross_fade(opening, shown(0), faded)
            lines = ["Real images"] if faded < 0.5 else clock.caption(nimgs[0], resolutions[0])
            yield write_caption(frame, lines)
            continue
        k, faded = moment(times, t, fade)
        frame = shown(k) if faded == 0 else cross_fade(shown(k), shown(k + 1), faded)
        nimg = np.interp(t, times, nimgs)
        yield write_caption(frame, clock.caption(nimg, resolutions[k + (faded >= 0.5)]))


def _rendered(
    run: Run,
    moments: Sequence[Moment],
    resolution: int,
    seeds: Sequence[int],
    grid: tuple[int, int] | None,
) -> tuple[Load, tuple[int, int]]:
    """Returns what makes a snapshot's images, and how many it makes, (columns, rows).

    Raises: UserError for more seeds than the grid holds.
    """
    networks: dict[str, Generator] = {}
    if seeds:
        columns = min(len(seeds), 3)
        whole = grid or (columns, -(-len(seeds) // columns))
        if len(seeds) > whole[0] * whole[1]:
            held = "{}x{}".format(*whole)
            raise UserError(f"--seeds names {len(seeds)} images, more than --grid {held} holds")
    else:
        whole = pictures.grid_size(run.config.train.image_grid, resolution)

    @functools.cache
    def synthesis() -> Synthesis:
        return Synthesis(networks["Gs"])

    @functools.cache
    def inputs() -> tuple[np.ndarray, np.ndarray]:
        Gs = networks["Gs"]
        if not seeds:
            return _latents_of_pictures(run, Gs, whole)
        classes = np.asarray(seeds) % max(Gs.label_size, 1)
        labels = latents_module.one_hot(classes, Gs.label_size)
        return latents_module.from_seeds(seeds, Gs.latent_size), labels

    def load(k: int) -> np.ndarray:
        loaded = load_snapshot(moments[k].path)
        # One network for all, so that a stage is compiled once.
        Gs = networks.setdefault("Gs", loaded.Gs)
        Gs.set_weights(loaded.Gs.get_weights())
        synthesis().lod = loaded.lod
        images = pictures.enlarge(synthesis()(*inputs()), resolution)
        missing = whole[0] * whole[1] - len(images)
        images = np.pad(images, [(0, missing), (0, 0), (0, 0), (0, 0)])
        return images.reshape(whole[1], whole[0], *images.shape[1:])

    return load, whole


def _latents_of_pictures(
    run: Run, Gs: Generator, whole: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns latents and labels of a run's pictures.

    Raises: UserError when the data set is not there: which numbers they are depends on it.
    """
    try:
        dataset = open_dataset(run.config.data)
    except UserError:
        command = f"python -m pgan_tf.video growth --run {run.shell_path} --render --seeds 0-5"
        raise UserError(
            f"the latents of {run.path}'s pictures follow from its data set, and"
            f" {run.config.data.path} can't be opened; name other latents: {command}"
        ) from None
    _, z, y = Feed(dataset, run.config, Gs.latent_size).grid(*whole)
    return z, y
