"""MLX and what is used of mlx-lm, imported after the BLAS that they are to compute with.

Other modules take `mx` from here: imported by themselves, they would load the wheel's slow BLAS first.
"""

from shared import blas

HOST = blas.prepare()

import mlx.core as mx  # noqa: E402
from mlx_lm.models.cache import KVCache, RotatingKVCache, make_prompt_cache  # noqa: E402
from mlx_lm.utils import get_total_parameters, load_model  # noqa: E402

__all__ = ["HOST", "KVCache", "RotatingKVCache", "get_total_parameters", "load_model", "make_prompt_cache", "mx"]
