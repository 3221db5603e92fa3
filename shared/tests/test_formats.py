"""Which formats an agent's config.yaml may ask for."""

import pytest

from shared.agent_config.formats import check_formats, gguf_formats
from shared.errors import StageError


@pytest.mark.parametrize(
    ("formats", "files"),
    [
        (["mlx"], ()),
        (["mlx", "gguf"], ("gguf-f16", "gguf-q8_0")),
        (["mlx", "gguf-q8_0"], ("gguf-q8_0",)),
        (["gguf-f16", "mlx"], ("gguf-f16",)),
        (["mlx", "gguf", "gguf-f16"], ("gguf-f16", "gguf-q8_0")),
    ],
)
def test_gguf_means_both_kinds_of_numbers(formats: list[str], files: tuple[str, ...]) -> None:
    assert gguf_formats(check_formats(formats)) == files


@pytest.mark.parametrize(
    ("formats", "said"),
    [
        (["mlx", "guff"], "'guff' is no format; did you mean gguf?"),
        (["mlx", "gguf-q8"], "'gguf-q8' is no format; did you mean gguf-q8_0?"),
        (["mlx", "onnx"], "'onnx' is no format; known here: mlx, gguf, gguf-f16, gguf-q8_0"),
        (["mlx", "mlx"], "mlx is named twice"),
        (["gguf"], "mlx is what was judged, and is always stored; name it too, as in formats: [mlx, gguf]"),
        ([], "mlx is what was judged, and is always stored; name it too, as in formats: [mlx, gguf]"),
    ],
)
def test_what_cannot_be_made_is_refused(formats: list[str], said: str) -> None:
    with pytest.raises(StageError) as refused:
        check_formats(formats)
    assert str(refused.value) == said
