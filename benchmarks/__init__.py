"""microgd beside its peers, in one run: `python -m benchmarks`. How it is made and what it found: README.md."""

import os

# One thread for everybody, set before NumPy is imported: two threads turn 0.5 ms into 60 ms on small matrix products,
# and a ratio between systems that use different numbers of cores says nothing about either.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PJRT_NPROC": "1",  # the pool in which XLA runs
    "NPROC": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}
os.environ.update(ONE_THREAD)
