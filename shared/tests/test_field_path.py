"""The path of a YAML field is read as it is written, or refused."""

import pytest

from shared.agent_config.field_path import Choice, Index, Inside, Key, parse, written
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
        ("patches[target.name=a].patch", (Key("patches"), Choice("name", "a", ("target",)), Key("patch"))),
        ('a[b."c.d"."e f"="g | h"]', (Key("a"), Choice("e f", "g | h", ("b", "c.d")))),
        ('["a.b"=c]', (Choice("a.b", "c"),)),
        (
            "patches[0].patch | [path=/spec/ai/model].value",
            (Key("patches"), Index(0), Key("patch"), Inside(), Choice("path", "/spec/ai/model"), Key("value")),
        ),
        (
            'data."values.yaml" | a."b | c" | d',
            (
                Key("data"),
                Key("values.yaml"),
                Inside(),
                Key("a"),
                Key("b | c"),
                Inside(),
                Key("d"),
            ),
        ),
        ("a|b.|c", (Key("a|b"), Key("|c"))),
    ],
)
def test_a_path_is_read_step_by_step_and_written_as_it_was(path: str, steps: tuple[object, ...]) -> None:
    assert parse(path) == steps
    assert written(parse(path)) == path


@pytest.mark.parametrize(
    "path",
    ["", ".", ".a", "a.", "a..b", "a b", "a.[0]", "a[0]b", "a[", "a[b]", "a[=b]", "a[b=]", 'a."b', "a=b", "a\n",
     "a |", "| a", "a | | b", "a |b", "a| b", "a  | b", "a | .b", "a[.b=c]", "a[b.=c]", "a[b..c=d]"],
)  # fmt: skip
def test_what_is_no_path_is_refused_with_an_example(path: str) -> None:
    with pytest.raises(StageError, match=r"is no path of a field, such as spec\.ai\.model or spec\.env"):
        parse(path)
