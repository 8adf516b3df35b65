"""What a program runs on: the strategy, and this worker's part in it."""

from dataclasses import dataclass

import tensorflow as tf

from pgan_tf import compiled, devices


@dataclass(frozen=True, eq=False)
class Runtime:
    """The strategy of `tf.distribute`, and this process's place among the workers.

    Make it with `start`, before anything else of TensorFlow is used. Minibatches, seeds and the
    schedule are those of all workers together; with one worker, its share is the whole.

    Attributes:
      strategy: under whose scope variables are made.
      rank: of this worker, 0 to world - 1.
      world: number of workers.
    """

    strategy: tf.distribute.Strategy
    rank: int = 0
    world: int = 1

    @classmethod
    def start(cls, gpus: int = 0, precision: str = "fp32") -> "Runtime":
        """Returns the runtime of this machine alone.

        Args:
          gpus: number of replicas; 0 for all GPUs, or the CPU where there is none.
          precision: "tf32" lets GPUs round the factors of float32 products.
        Raises: UserError when there are fewer devices.
        """
        compiled.keep()
        devices.allow_tf32(precision == "tf32")
        return cls(devices.make_strategy(gpus))

    @property
    def is_chief(self) -> bool:
        """Whether this worker keeps the run's directory: log, pictures, saves."""
        return self.rank == 0

    @property
    def replicas(self) -> int:
        """Number of replicas of all workers."""
        return self.strategy.num_replicas_in_sync

    @property
    def local_replicas(self) -> int:
        """Number of replicas of this worker."""
        return self.replicas // self.world

    def share(self, n: int) -> slice:
        """Returns which of n samples, a global minibatch, this worker takes.

        Raises: ValueError when they can't be split evenly over all replicas.
        """
        if n % self.replicas:
            raise ValueError(f"a batch of {n} over {self.replicas} replicas")
        size = n // self.world
        return slice(self.rank * size, (self.rank + 1) * size)

    def distribute(self, batch):
        """Hands each replica of this worker its contiguous part of the worker's share.

        Args:
          batch: arrays, nested in tuples, each with the share's samples along its first axis.
        Raises: ValueError when they can't be split evenly.
        """
        if self.local_replicas == 1 and self.world == 1:
            return tf.nest.map_structure(tf.convert_to_tensor, batch)
        for array in tf.nest.flatten(batch):
            if len(array) % self.local_replicas:
                raise ValueError(f"a batch of {len(array)} over {self.local_replicas} replicas")

        def of_replica(context):
            index = self.local_index(context.replica_id_in_sync_group)

            def part(array):
                size = len(array) // self.local_replicas
                return tf.convert_to_tensor(array[index * size : (index + 1) * size])

            return tf.nest.map_structure(part, batch)

        return self.strategy.experimental_distribute_values_from_function(of_replica)

    def local_index(self, replica_id: int) -> int:
        """Turns a replica's number among all into its number in this worker."""
        return int(replica_id) - self.rank * self.local_replicas

    def copies(self, variable) -> tuple:
        """Returns the copies of a variable that this worker's replicas hold."""
        return self.strategy.experimental_local_results(variable)

    def agree(self, flag: bool) -> bool:
        """Returns whether any worker says so: for stopping and saving together.

        Every worker must call it at the same place of its program.
        """
        if self.world == 1:
            return flag

        def total() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(float(flag)))

        return float(self.copies(self.strategy.run(tf.function(total)))[0]) > 0

    @property
    def kind(self) -> str:
        """ "GPU" or "CPU"."""
        return "GPU" if tf.config.list_logical_devices("GPU") else "CPU"

    def __str__(self) -> str:
        if self.replicas == 1:
            return f"the {self.kind}"
        return f"{self.replicas} {self.kind}s"
