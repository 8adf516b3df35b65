"""The devices a program runs on, and its place among the workers."""

from dataclasses import dataclass

import tensorflow as tf

from pgan_tf import compiled, devices


@dataclass(frozen=True, eq=False)
class Runtime:
    """The strategy of `tf.distribute`, and this process's place among the workers.

    Make it with `start`, before anything else uses TensorFlow. Minibatches, seeds and the schedule
    are global; each worker takes its share of a minibatch. A single worker takes all of it.

    Attributes:
      strategy: variables are made in its scope.
      rank: number of this worker, 0 to world - 1.
      world: number of workers.
    """

    strategy: tf.distribute.Strategy
    rank: int = 0
    world: int = 1

    @classmethod
    def start(cls, gpus: int = 0, precision: str = "fp32") -> "Runtime":
        """Returns the runtime for a single machine.

        Args:
          gpus: number of replicas; 0 for all GPUs, or the CPU if there is no GPU.
          precision: "tf32" lets GPUs round the factors of float32 products.
        Raises: UserError if the machine has fewer devices.
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
        """Number of replicas, over all workers."""
        return self.strategy.num_replicas_in_sync

    @property
    def local_replicas(self) -> int:
        """Number of replicas in this worker."""
        return self.replicas // self.world

    def share(self, n: int) -> slice:
        """Returns this worker's slice of a global minibatch of n samples.

        Raises: ValueError if n can't be split evenly over all replicas.
        """
        if n % self.replicas:
            raise ValueError(f"a batch of {n} over {self.replicas} replicas")
        size = n // self.world
        return slice(self.rank * size, (self.rank + 1) * size)

    def distribute(self, batch):
        """Gives each replica of this worker a contiguous part of the worker's share.

        Args:
          batch: arrays, nested in tuples, with the share's samples along their first axis.
        Raises: ValueError if they can't be split evenly.
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
        """Converts a replica's global number into its number in this worker."""
        return int(replica_id) - self.rank * self.local_replicas

    def copies(self, variable) -> tuple:
        """Returns the copies of a variable on this worker's replicas."""
        return self.strategy.experimental_local_results(variable)

    def agree(self, flag: bool) -> bool:
        """Returns whether the flag is set on any worker, so that all stop or save together.

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
