"""The device that the arrays live on, made ready."""

import mlx.core as mx

from stages.train import cpu_math


def prepare_device() -> str:
    """Returns `cpu` or `gpu`, what mlx uses here; on a CPU it turns compiling off, and takes NumPy's exponentials.

    There mlx compiles by calling g++, which took half a minute before a tiny model's first steps; a gain in the
    steps themselves was not seen, and the image needs no compiler.
    """
    device = mx.default_device().type.name
    if device == "cpu":
        mx.disable_compile()
        cpu_math.install()
    return str(device)
