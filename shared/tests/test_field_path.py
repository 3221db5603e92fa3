"""The path of a YAML field is read as it is written, or refused."""

import pytest

from shared.agent_config.field_path import Choice, Index, Key, parse, written
from shared.errors import StageError


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("model", (Key("model"),)),
        ("spec.ai.model", (Key("spec"), Key("ai"), Key("model"))),
        ("spec.env[name=MODEL_NAME].value", (Key("spec"), Key("env"), Choice("name", "MODEL_NAME"), Key("value"))),
        ("[0][12].a", (Index(0), Index(12), Key("a"))),
        ('metadata.annotations."example.com/model"', (Key("metadata"), Key("annotations"), Key("example.com/model"))),
        ('containers[image="registry:5000/a b=[c]"]', (Key("containers"), Choice("image", "registry:5000/a b=[c]"))),
        ("größe.ключ", (Key("größe"), Key("ключ"))),
    ],
)
def test_a_path_is_read_step_by_step_and_written_as_it_was(path: str, steps: tuple[object, ...]) -> None:
    assert parse(path) == steps
    assert written(parse(path)) == path


@pytest.mark.parametrize(
    "path", ["", ".", ".a", "a.", "a..b", "a b", "a.[0]", "a[0]b", "a[", "a[b]", "a[=b]", "a[b=]", 'a."b', "a=b", "a\n"]
)
def test_what_is_no_path_is_refused_with_an_example(path: str) -> None:
    with pytest.raises(StageError, match=r"is no path of a field, such as spec\.ai\.model or spec\.env"):
        parse(path)
