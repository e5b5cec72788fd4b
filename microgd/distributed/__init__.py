"""Training on Dask: rows that outgrow one machine's memory, or its patience. An extra: pip install "microgd[dask]".

`model.fit(x, y)` comes here when x is a Dask array, or the names of files. A batch is the same rows as on one machine,
in the order in which `fit` visits them; it may span blocks, or be part of one. Each worker computes the gradient of its
rows with the compiled step, the gradients are summed in a fixed order, and this process makes one update a step. So the
numbers depend on how the rows are cut into blocks, but not on how many workers there are, nor on which of them fail.

They are those of one machine on the same batches, up to the order in which a sum is rounded: with n rows in a batch, a
gradient that is the mean of n terms differs by at most 2 (n + k) 2⁻⁵³ times the mean of their absolute values, where k
is the number of roundings that go into a term. A batch that lies in one block, and has no more rows than are computed
at once, has the same bits.

The loss has to be a mean over rows, as all of microgd's are, and no layer may mix rows, as BatchNormalization does: a
worker sees some of them only. What is otherwise is refused. Metrics are functions of all rows at once: where there are
any, the targets and the predictions of an epoch come to this process.

With shuffle, the blocks are visited in random order, and the rows within each block too: the rows of one block stay
together, so that each is loaded once an epoch. It is loaded anew in each epoch: keep what fits the memory of the
cluster there, with x = x.persist().

The scheduler, the transport, retries and spilling are Dask's.
"""

from __future__ import annotations

try:
    import dask.array as _dask_array  # noqa: F401
except ImportError as _error:
    raise ImportError(f'training on Dask needs Dask ({_error}): pip install "microgd[dask]".') from None

from .cluster import Cluster, cluster_of
from .rows import rows_of, rows_to_fit
from .training import ClusterFeed, evaluate, predict

__all__ = ["Cluster", "ClusterFeed", "cluster_of", "evaluate", "predict", "rows_of", "rows_to_fit"]
