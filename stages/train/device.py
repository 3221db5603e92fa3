"""The device that the arrays live on, made ready."""

import mlx.core as mx


def prepare_device() -> str:
    """Returns `cpu` or `gpu`, what mlx uses here; on a CPU it turns compiling off.

    There mlx compiles by calling g++: 30 s and more before the first steps, which are no faster for it
    (3.7 s instead of 3.2 s a step of 16 rows of 640 tokens, width 128), and it needs a compiler in the image.
    """
    device = mx.default_device().type.name
    if device == "cpu":
        mx.disable_compile()
    return str(device)
