"""The resources that metrics need besides images: a seed, a cache, networks."""

from collections.abc import Callable, Mapping
from typing import Any

from metrics.cache import Cache
from pgan_tf.errors import UserError


class Tools:
    """A seed, a cache, and networks that are loaded on first use.

    Args:
      cache: keeps statistics of reals, and provides memory for large arrays.
      seed: seeds all random numbers except those that make the images.
      networks: {name: function that loads the network}, such as `inception` and `digits`.
    """

    def __init__(
        self,
        cache: Cache,
        seed: int = 0,
        networks: Mapping[str, Callable[[], Any]] | None = None,
    ):
        self.cache, self.seed = cache, seed
        self.networks = dict(networks or {})
        self._loaded: dict[str, Any] = {}
        self._failures: dict[str, Exception] = {}

    def network(self, name: str) -> Any:
        """Returns the network of this name.

        Raises: UserError for an unknown name; whatever loading the network raised. A failed load
          is not repeated, but raises the same error until `forget_failures` is called.
        """
        if name in self._failures:
            raise self._failures[name]
        if name not in self._loaded:
            if name not in self.networks:
                raise UserError(f"the {name} network is needed, but none was given")
            try:
                self._loaded[name] = self.networks[name]()
            except Exception as error:
                self._failures[name] = error
                raise
        return self._loaded[name]

    def forget_failures(self) -> None:
        """Lets networks that could not be loaded be loaded again."""
        self._failures.clear()
