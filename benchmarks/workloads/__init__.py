"""The tasks, in the order in which they are run."""

from .chain import CHAINS
from .demo_network import DEMO
from .houses import HOUSES
from .network import NETWORK
from .regression import REGRESSIONS
from .scalars import BOOK, SCALAR_CHAIN, SECOND_ORDER

WORKLOADS = [BOOK, DEMO, *REGRESSIONS, NETWORK, *CHAINS, SCALAR_CHAIN, SECOND_ORDER, HOUSES]
