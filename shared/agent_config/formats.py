"""The key `formats` of config.yaml's block `deploy`: in which formats a version is stored.

`mlx` is the folder that was trained and judged. `gguf` are two files that llama.cpp and Ollama read: one with numbers
of 16 bits, and one of about half its size with numbers of 8 bits. Each may be named alone.
"""

from collections.abc import Sequence

from shared.errors import StageError, nearest

MLX, GGUF = "mlx", "gguf"
KINDS = {"gguf-f16": "f16", "gguf-q8_0": "q8_0"}
"""The formats of one GGUF each, and the kind of its numbers. A version's files of a format lie in a folder so named."""

FORMATS = (MLX, GGUF, *KINDS)
DEFAULT = (MLX,)
IMPLIED = next(iter(KINDS))
"""The format that a version is stored in besides, where a server reads GGUF and the formats name none."""

WITHOUT_GGUF = "take gguf out of deploy.formats, and ollama out of deploy.servers"
"""What to do about a model that cannot be made a GGUF."""


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Returns formats. Raises StageError for one that is unknown or named twice, and where mlx is left out."""
    for name in formats:
        if name not in FORMATS:
            raise StageError(f"{name!r} is no format; {nearest(str(name), FORMATS)}")
        if list(formats).count(name) > 1:
            raise StageError(f"{name} is named twice")
    if MLX not in formats:
        raise StageError(f"{MLX} is what was judged, and is always stored; name it too, as in formats: [mlx, gguf]")
    return tuple(formats)


def gguf_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Returns those of KINDS that the formats ask for."""
    return tuple(name for name in KINDS if name in formats or GGUF in formats)
