"""What a stage finds in its container, as Flyte writes it."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from shared import contract
from shared.contract import Field, Scalar
from shared.errors import StageError
from tests.test_process import SAMPLE, VALUES
from workflows.local.copilot import argument_text, arguments, file_text, read_output, write_inputs

# value, as an argument, as a file. The first two columns as Go prints float64 by %v.
TEXTS: list[tuple[Scalar, str, str]] = [
    (3, "3", "3"),
    (-(2**63) + 1, "-9223372036854775807", "-9223372036854775807"),
    (True, "true", "true"),
    (False, "false", "false"),
    ("", "", ""),
    (" two  words\r\n☃", " two  words\r\n☃", " two  words\r\n☃"),
    (0.0, "0", "0"),
    (1.0, "1", "1"),
    (0.8, "0.8", "0.8"),
    (0.0002, "0.0002", "0.0002"),
    (0.0001, "0.0001", "0.0001"),
    (0.00001, "1e-05", "0.00001"),
    (1.5e-7, "1.5e-07", "0.00000015"),
    (999999.5, "999999.5", "999999.5"),
    (1e6, "1e+06", "1000000"),
    (-5173023.231774955, "-5.173023231774955e+06", "-5173023.231774955"),
    (1e16, "1e+16", "10000000000000000"),
    (1.7e308, "1.7e+308", "17" + "0" * 307),
    (1e21, "1e+21", "1000000000000000000000"),
    (-2.5, "-2.5", "-2.5"),
    (datetime(2025, 12, 24, 2, tzinfo=UTC), "2025-12-24T02:00:00Z", "2025-12-24T02:00:00Z"),
    (datetime(2025, 12, 24, 2, 0, 0, 500_000, UTC), "2025-12-24T02:00:00.5Z", "2025-12-24T02:00:00.5Z"),
    (datetime(2025, 12, 24, 2, 0, 10, 1, UTC), "2025-12-24T02:00:10.000001Z", "2025-12-24T02:00:10.000001Z"),
    (datetime(2025, 12, 24, 2, tzinfo=timezone(timedelta(hours=1))), "2025-12-24T01:00:00Z", "2025-12-24T01:00:00Z"),
]


@pytest.mark.parametrize(("value", "argument", "file"), TEXTS)
def test_a_scalar_has_the_text_that_flyte_gives_it(value: Scalar, argument: str, file: str) -> None:
    assert (argument_text(value), file_text(value)) == (argument, file)


@pytest.mark.parametrize(("value", "argument", "file"), TEXTS)
def test_a_stage_reads_both_texts_back(value: Scalar, argument: str, file: str) -> None:
    field = field_of(type(value))
    assert field.parse(argument) == field.parse(file) == value


def field_of(kind: type) -> Field:
    return Field("value", kind, "a value of the tests", (), "")


# What a stage may write, and the value that Flyte takes from it.
WRITTEN: list[tuple[bytes, Scalar]] = [
    (b"7", 7),
    (b" +7\t\n", 7),
    (b"1e-05\n", 0.00001),
    (b".5", 0.5),
    (b"True\n", True),
    (b"false", False),
    (b"", ""),
    (b" \ttwo  words\r\n\n", "two  words\r"),
    (b"a" * 1024, "a" * 1024),
    ("☃\n".encode(), "☃"),
    (b"2025-12-24T02:00:00.5Z\n", datetime(2025, 12, 24, 2, 0, 0, 500_000, UTC)),
    (b"2025-12-24T02:00:00+01:00", datetime(2025, 12, 24, 1, tzinfo=UTC)),
]


@pytest.mark.parametrize(("content", "value"), WRITTEN)
def test_an_output_is_what_flyte_takes_from_its_file(content: bytes, value: Scalar) -> None:
    found = read_output(field_of(type(value)), content)
    assert (type(found), found) == (type(value), value)


# What Flyte does not take, by the type of the output.
REFUSED: list[tuple[type, bytes, str]] = [
    (int, b"", "value is ''; it must be a whole number"),
    (int, b"7\r", "value is '7\\r'; Flyte takes a form such as 7"),
    (int, b"1_0", "value is '1_0'; it must be a whole number"),
    (float, "٣".encode(), "value is '٣'; Flyte takes a form such as 3"),
    (bool, b"yes", "value is 'yes'; it must be true or false"),
    (bool, b"tRue", "value is 'tRue'; Flyte takes a form such as true"),
    (str, b"\xff", "value is not UTF-8 text"),
    (str, b"a" * 1024 + b"\n", "value has more than 1024 bytes; larger things are files"),
    (datetime, b"2025-12-24", "value is '2025-12-24'; Flyte takes a form such as 2025-12-24T00:00:00Z"),
    (
        datetime,
        b"2025-12-24T02:00:00",
        "value is '2025-12-24T02:00:00'; Flyte takes a form such as 2025-12-24T02:00:00Z",
    ),
    (
        datetime,
        b"2025-12-24 02:00:00Z",
        "value is '2025-12-24 02:00:00Z'; Flyte takes a form such as 2025-12-24T02:00:00Z",
    ),
]


@pytest.mark.parametrize(("kind", "content", "told"), REFUSED)
def test_an_output_that_flyte_does_not_take_is_refused(kind: type, content: bytes, told: str) -> None:
    with pytest.raises(StageError) as refused:
        read_output(field_of(kind), content)
    assert str(refused.value) == told


def test_every_input_is_a_file_named_for_it(tmp_path: Path) -> None:
    mounted = write_inputs(SAMPLE, {**VALUES, "text": "a\r\nb"}, tmp_path / "inputs")
    assert mounted == {"/var/inputs/evaluation": Path("/data/evaluation")}
    texts = {path.name: path.read_bytes() for path in (tmp_path / "inputs").iterdir()}
    assert texts == {
        "evaluation": b"",
        "text": b"a\r\nb",
        "many_words": b"",
        "number": b"3",
        "share": b"0.00001",
        "is_on": b"true",
    }


@pytest.mark.parametrize("stage", contract.STAGES)
def test_the_arguments_are_those_of_the_task(stage: str) -> None:
    from workflows import tasks

    declared = contract.load(stage)
    values = {field.name: "x" for field in declared.inputs}
    rendered = [
        text.replace(f"{{{{.inputs.{name}}}}}", "x")
        for text in tasks.stage_task(stage)._args
        for name in [text_name(text)]
        if text.partition("=")[2] not in tasks.CHECKPOINTS.values()  # which Flyte alone fills
    ]
    assert rendered == arguments(declared, values)


def text_name(argument: str) -> str:
    """Returns the name of the input that an argument passes."""
    return argument.removeprefix("--").partition("=")[0].replace("-", "_")
