"""What a stage finds in its container, as Flyte writes it."""

from pathlib import Path

import pytest

from shared import contract
from shared.contract import Scalar
from tests.test_process import SAMPLE, VALUES
from workflows.copilot import argument_text, arguments, file_text, write_inputs

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
    (1e16, "10000000000000000", "10000000000000000"),
    (1e21, "1e+21", "1000000000000000000000"),
    (-2.5, "-2.5", "-2.5"),
]


@pytest.mark.parametrize(("value", "argument", "file"), TEXTS)
def test_a_scalar_has_the_text_that_flyte_gives_it(value: Scalar, argument: str, file: str) -> None:
    assert (argument_text(value), file_text(value)) == (argument, file)


@pytest.mark.parametrize(("value", "argument", "file"), TEXTS)
def test_a_stage_reads_both_texts_back(value: Scalar, argument: str, file: str) -> None:
    kinds = {"int": "number", "float": "share", "bool": "is_on", "str": "text"}
    field = next(each for each in SAMPLE.inputs if each.name == kinds[type(value).__name__])
    assert field.parse(argument) == field.parse(file) == value


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
    ]
    assert rendered == arguments(declared, values)


def text_name(argument: str) -> str:
    """Returns the name of the input that an argument passes."""
    return argument.removeprefix("--").partition("=")[0].replace("-", "_")
