"""A fast matrix product for MLX on a Linux CPU. Call `prepare` before the first import of mlx.

The mlx wheel for Linux brings a reference BLAS: 8 GFLOP/s where OpenBLAS gives 225 on the same two
cores. The first library that is loaded globally wins. Metal and CUDA need none of this.
"""

import ctypes
import os
import platform
import sys
from pathlib import Path

from shared.engine.cores import usable_cores

# mallopt's numbers for M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD and M_TOP_PAD (glibc's malloc.h).
_KEEP_FREED_MEMORY = ((-8, 1), (-4, 0), (-1, -1), (-2, 64 << 20))


def prepare(threads: int | None = None) -> str:
    """Loads OpenBLAS and keeps freed memory for reuse; returns one line for the log on what is used.

    threads: defaults to half of the cores that the process may use: MLX computes in a thread of its own,
    and BLAS threads that wait for a core spin, which made a step of thin products up to 30 times slower.
    OPENBLAS_NUM_THREADS wins where it is set. Without an OpenBLAS the wheel's BLAS stays, and the line
    says so. Raises RuntimeError where mlx has been imported already.
    """
    if platform.system() != "Linux":
        return f"{platform.system()} {platform.machine()}"
    if "mlx.core" in sys.modules:
        raise RuntimeError("mlx is imported already: prepare the BLAS first")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(threads or max(1, usable_cores() // 2)))
    library = _load_openblas()
    _keep_freed_memory()
    if library is None:
        return "the BLAS of the mlx wheel, which is slow: install libopenblas0-pthread"
    return f"OpenBLAS, {os.environ['OPENBLAS_NUM_THREADS']} threads"


def _load_openblas() -> ctypes.CDLL | None:
    # sys.prefix: where `make` puts the environment's own OpenBLAS under its plain names.
    for candidate in (Path(sys.prefix) / "lib" / "libopenblas.so.0", Path("libopenblas.so.0")):
        try:
            return ctypes.CDLL(str(candidate), mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
    return None


def _keep_freed_memory() -> None:
    """Makes malloc reuse large blocks: fresh, zeroed pages for every array cost 1.7 times the step."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc; musl has none
        for name, value in _KEEP_FREED_MEMORY:
            libc.mallopt(name, value)
