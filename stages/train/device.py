"""The device that the arrays live on, made ready."""

import mlx.core as mx


def prepare_device() -> str:
    """Returns `cpu` or `gpu`, what mlx uses here; on a CPU it turns compiling off.

    There mlx compiles by calling g++, which took half a minute before a tiny model's first steps; a gain in the
    steps themselves was not seen, and the image needs no compiler.
    """
    device = mx.default_device().type.name
    if device == "cpu":
        mx.disable_compile()
    return str(device)
