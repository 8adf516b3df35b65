"""The grids of reals and fakes that a training writes."""

from pathlib import Path

from pgan_tf import pictures
from pgan_tf.config import Config
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.inference import Synthesis
from pgan_tf.networks import Generator
from pgan_tf.run import REALS, fakes_name
from pgan_tf.training.feed import Feed
from pgan_tf.training.reporting import Reporter


class Grids:
    """Writes `reals.png` once, and `fakesNNNNNN.png` from the same latents each time.

    Args:
      config: gives the grid's size and layout.
      directory: the run's directory.
      Gs: the smoothed generator.
      dataset: the reals.
      feed: chooses the images and latents.
      reporter: shows the pictures in TensorBoard.
    """

    def __init__(
        self,
        config: Config,
        directory: Path,
        Gs: Generator,
        dataset: Dataset | SyntheticDataset,
        feed: Feed,
        reporter: Reporter,
    ):
        self.directory, self.dataset, self.feed, self.reporter = directory, dataset, feed, reporter
        self.resolution = Gs.resolution
        self._size = pictures.grid_size(config.train.image_grid, self.resolution)
        self._synthesis = Synthesis(Gs, xla=config.train.xla)

    def save_reals(self) -> Path:
        """Writes the grid of reals, at full resolution."""
        columns, rows = self._size
        indices, _, _ = self.feed.grid(columns, rows)
        picture = pictures.make_grid(self.dataset.read(self.resolution, indices), columns)
        self.reporter.image("reals", picture, 0)
        return pictures.save_png(picture, self.directory / REALS)

    def save_fakes(self, nimg: int, lod: float) -> Path:
        """Writes the grid of Gs's images of the fixed latents, enlarged to full resolution."""
        columns, rows = self._size
        _, latents, labels = self.feed.grid(columns, rows)
        self._synthesis.lod = lod
        images = pictures.enlarge(self._synthesis(latents, labels), self.resolution)
        picture = pictures.make_grid(images, columns)
        path = pictures.save_png(picture, self.directory / fakes_name(nimg))
        self.reporter.image("fakes", picture, nimg)
        return path
