"""Where work is done: a Dask cluster, or Dask's threads in this process. And what is said when it cannot be."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import dask

PATIENCE = 10  # seconds for a scheduler to answer, and for a first worker to be there
LOOK = 1.0  # seconds between two looks at whether the scheduler is still there
# The weights of a step are part of its graph, however large, so that Dask can send them again when a worker dies.
WEIGHTS_IN_GRAPHS = {"distributed.admin.large-graph-warning-threshold": "1 TB"}
OF_A_CLIENT = (None, "distributed", "dask.distributed")  # what Dask's setting `scheduler` is where a client may compute


class Cluster:
    """Computes what is delayed.

    Args:
        client: A `distributed.Client`; None for the scheduler that Dask has in this process.
    """

    def __init__(self, client: Any = None) -> None:
        self.client = client

    def keep(self, parts: Sequence[Any]) -> list[Any]:
        """Begin to compute some parts, and return what stands for the results, which stay where they are computed."""
        if self.client is None:
            return list(dask.persist(*parts))
        self.look()
        with dask.config.set(WEIGHTS_IN_GRAPHS):
            return list(self.client.persist(list(parts)))

    def begin(self, delayed: Any) -> Any:
        """Begin to compute, if that can be done while this process does something else."""
        if self.client is None:
            return delayed
        self.look()
        with dask.config.set(WEIGHTS_IN_GRAPHS):
            return self.client.compute(delayed)

    def result(self, begun: Any) -> Any:
        """Return a result once it is there.

        Raises:
            ConnectionError: If the scheduler has gone away.
            MemoryError: If the work killed its workers, one after the other.
            Exception: What was raised on a worker.
        """
        if self.client is None:
            return begun.compute()
        from distributed import KilledWorker, wait

        try:
            while not begun.done():
                with suppress(TimeoutError):
                    wait(begun, timeout=LOOK)
                self.look()
            return begun.result()
        except KilledWorker as error:
            raise MemoryError(
                f"several workers died one after the other on the same block, most likely for lack of memory "
                f"({error}). Cut the rows into smaller blocks, as with x.rechunk, or give the workers more memory."
            ) from error
        except CancelledError as error:
            raise self.lost() from error

    def compute(self, delayed: Any) -> Any:
        """Return a result; see `result`."""
        return self.result(self.begin(delayed))

    def look(self) -> None:
        """Raise unless the scheduler is there."""
        if self.client.status != "running":
            raise self.lost()

    def lost(self) -> ConnectionError:
        """Return the error that says that the scheduler has gone away."""
        return ConnectionError(
            f"the Dask scheduler at {self.client.scheduler.address} has gone away. The model has the weights of its "
            "last step. Start a scheduler, and go on from the last checkpoint: mg.load_model(path), then fit with "
            "initial_epoch=model.epoch; or, on the command line, --resume."
        )


@contextmanager
def cluster_of(client: Any = None) -> Iterator[Cluster]:
    """Give the cluster to compute on: a client's, one by its address, that of the current client, or this process.

    Args:
        client: A `distributed.Client`, the address of a scheduler, as "tcp://10.0.0.1:8786", or None.

    Raises:
        ConnectionError: If no scheduler answers at the address, or it has no workers, or the client is closed.
        TypeError: If it is no client, or one that does not wait.

    Example:
        >>> with cluster_of() as cluster:
        ...     cluster.compute(dask.delayed(sum)([1, 2]))
        3
    """
    with ExitStack() as stack:
        if isinstance(client, str):
            ours = stack.enter_context(connected(client))
        else:
            ours = current_client() if client is None else client
        if ours is not None:
            check_client(ours)
            stack.enter_context(ours.as_current())
            await_worker(ours)
        yield Cluster(ours)


def current_client() -> Any:
    """Return the client that Dask would compute with, or None."""
    if "distributed" not in sys.modules or dask.config.get("scheduler", None) not in OF_A_CLIENT:
        return None
    from distributed import default_client

    try:
        return default_client()
    except ValueError:  # there is none
        return None


def check_client(client: Any) -> None:
    """Raise unless a client can be used."""
    clients = getattr(sys.modules.get("distributed"), "Client", ())  # of which there are none where it is not loaded
    if not isinstance(client, clients):
        raise TypeError(
            f"client is {type(client).__name__}; expected a distributed.Client, as Client(cluster), or the address of "
            "a scheduler."
        )
    if client.status != "running":
        raise ConnectionError(f"the client is {client.status}; make a new one: Client(address).")
    if client.asynchronous:
        raise TypeError("the client is asynchronous, but fit waits for what it computes; give Client(address).")


def distributed() -> Any:
    """Return the module for clusters, or say what to install."""
    try:
        import distributed
    except ImportError as error:
        raise ImportError(f'a cluster needs Dask\'s distributed ({error}): pip install "microgd[dask]".') from None
    return distributed


def connected(address: str) -> Any:
    """Return a client of the scheduler at an address, or say that it does not answer."""
    client = distributed().Client
    try:  # to ask first, for a client waits for ever where something else answers, as the dashboard does
        with ThreadPoolExecutor(1) as thread:
            kind = thread.submit(asyncio.run, asked(address)).result()
        if kind != "Scheduler":
            raise ValueError(f"a {kind.lower()} does")
        return client(address, timeout=PATIENCE, set_as_default=False)
    except Exception as error:  # of many kinds: what is read as an answer may be anything
        raise ConnectionError(
            f"no Dask scheduler answers at {address!r} within {PATIENCE} s ({str(error) or type(error).__name__}). Is "
            "it running, as with `dask scheduler`, and is this its address, as in tcp://127.0.0.1:8786, not that of "
            "the dashboard?"
        ) from error


async def asked(address: str) -> str:
    """Return what kind of server answers at an address."""
    settings = distributed().Security().get_connection_args("client")
    async with distributed().rpc(address, connection_args=settings) as server:
        answer = await asyncio.wait_for(server.identity(), PATIENCE)
    return str(answer["type"])


def await_worker(client: Any) -> None:
    """Wait until a scheduler has a worker, or say that there is none, unless it starts workers when there is work."""
    if getattr(client.cluster, "_adaptive", None) is not None:
        return
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        address = client.scheduler.address
        raise ConnectionError(
            f"the Dask scheduler at {address} has no workers; start one, as with `dask worker {address}`."
        ) from None
