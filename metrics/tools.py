"""What metrics work with besides images: a seed, a cache, networks."""

from collections.abc import Callable, Mapping
from typing import Any

from metrics.cache import Cache
from pgan_tf.errors import UserError


class Tools:
    """A seed, a cache, and networks that are loaded when they are first needed.

    Args:
      cache: for statistics of reals, and memory for large arrays.
      seed: of everything random, except the images' own.
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
        """Returns a network.

        Raises: what its loading raised, the same again until `forget_failures` is called;
          UserError when there is none of this name.
        """
        if name in self._failures:
            raise self._failures[name]
        if name not in self._loaded:
            if name not in self.networks:
                raise UserError(f"the {name} network is needed, and there is none here")
            try:
                self._loaded[name] = self.networks[name]()
            except Exception as error:
                self._failures[name] = error
                raise
        return self._loaded[name]

    def forget_failures(self) -> None:
        """Makes networks that could not be loaded be tried anew."""
        self._failures.clear()
