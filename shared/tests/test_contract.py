"""One declaration gives the command line, the checks, the help and the description of a stage."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import contract, stage
from shared.artifacts import ChatDataset, FineTunedModel, MlxModel
from shared.contract import Variable, above, at_least
from shared.engine.command_line import Parser
from shared.engine.ending import REASON_FILE
from shared.errors import StageError
from shared.tests import toy_stage

TOY = toy_stage.declared()
FIELDS = {field.name: field for field in TOY.inputs}
REQUIRED = ["--behaviour", "ok", "--dataset", "rows"]


def main(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Runs the toy stage with arguments that end it before any work; returns its exit code."""
    monkeypatch.setattr(contract, "load", lambda name: TOY)
    monkeypatch.delenv(REASON_FILE, raising=False)
    with pytest.raises(SystemExit) as ended:
        stage.main("toy", toy_stage.run, arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def parse(*arguments: str) -> dict[str, Any]:
    return vars(Parser.of(TOY).parse_args([*REQUIRED, *arguments]))


def test_defaults_come_from_the_declaration() -> None:
    assert parse() == {
        "behaviour": "ok",
        "dataset": Path("rows"),
        "learning_rate": 2e-4,
        "iters": 300,
        "is_loud": False,
        "dtype": "float32",
        "agent_name": "",
        "checkpoint_from": "",
        "outputs": Path("/var/outputs"),
    }


TEXTS = [
    ("--learning-rate", "0.0000001", 1e-7),
    ("--learning-rate", "1e-7", 1e-7),
    ("--learning-rate", "1E-07", 1e-7),
    ("--learning-rate", "1", 1.0),
    ("--learning-rate", " 0.5\n", 0.5),
    ("--iters", "2000000", 2_000_000),
    ("--iters", "+7", 7),
    ("--iters", " 7\n", 7),
    ("--is-loud", "true", True),
    ("--is-loud", "True", True),
    ("--is-loud", "FALSE", False),
    ("--is-loud", "false\n", False),
    ("--dtype", "bfloat16", "bfloat16"),
    ("--agent-name", "", ""),
    ("--behaviour", " two  words\n", " two  words\n"),
    ("--behaviour", "ä" * 512, "ä" * 512),
    ("--checkpoint-from", "s3://x", "s3://x"),
]


@pytest.mark.parametrize(("flag", "text", "value"), TEXTS)
def test_a_value_is_read_as_people_and_engines_write_it(flag: str, text: str, value: Any) -> None:
    found = parse(f"{flag}={text}")[flag[2:].replace("-", "_")]
    assert found == value
    assert type(found) is type(value)


LARGEST = 9223372036854775807
BAD = [
    ("--iters", "abc", "iters is 'abc'; it must be a whole number"),
    ("--iters", "1.0", "iters is '1.0'; it must be a whole number"),
    ("--iters", "1_0", "iters is '1_0'; it must be a whole number"),
    ("--iters", "١", "iters is '١'; it must be a whole number"),
    ("--iters", "", "iters is ''; it must be a whole number"),
    ("--iters", str(LARGEST + 1), f"iters is '{LARGEST + 1}'; it must lie between -{LARGEST} and {LARGEST}"),
    ("--iters", "9" * 5000, f"iters is '{'9' * 39}; it must lie between -{LARGEST} and {LARGEST}"),
    ("--iters", "0", "iters is 0; it must be at least 1"),
    ("--iters", "-1", "iters is -1; it must be at least 1"),
    ("--iters", "2000001", "iters is 2000001; it must be at most 2000000"),
    ("--learning-rate", "fast", "learning_rate is 'fast'; it must be a finite number"),
    ("--learning-rate", "nan", "learning_rate is 'nan'; it must be a finite number"),
    ("--learning-rate", "NaN", "learning_rate is 'NaN'; it must be a finite number"),
    ("--learning-rate", "inf", "learning_rate is 'inf'; it must be a finite number"),
    ("--learning-rate", "-Infinity", "learning_rate is '-Infinity'; it must be a finite number"),
    ("--learning-rate", "1e999", "learning_rate is '1e999'; it must be a finite number"),
    ("--learning-rate", "0", "learning_rate is 0.0; it must be above 0"),
    ("--learning-rate", "1.5", "learning_rate is 1.5; it must be at most 1"),
    ("--is-loud", "yes", "is_loud is 'yes'; it must be true or false"),
    ("--is-loud", "1", "is_loud is '1'; it must be true or false"),
    ("--dtype", "int4", "dtype is 'int4'; it must be one of float32, bfloat16"),
    ("--agent-name", "a\n", "agent_name is 'a\\n'; it must be a-z and dashes"),
    ("--agent-name", "A", "agent_name is 'A'; it must be a-z and dashes"),
    ("--behaviour", "ä" * 513, "behaviour has more than 1024 bytes; larger things are files"),
    ("--behaviour", "a\0b", "behaviour holds a character that is not text"),
    ("--behaviour", "\udcff", "behaviour holds a character that is not text"),
    ("--dataset", "", "the path is empty"),
    ("--outputs", "", "the path is empty"),
]


@pytest.mark.parametrize(("flag", "text", "reason"), BAD)
def test_a_bad_value_ends_with_2_and_one_line_that_says_what_is_expected(
    flag: str, text: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*REQUIRED, f"{flag}={text}"], monkeypatch) == 2
    said = capsys.readouterr()
    assert said.err == f"toy: argument {flag}: {reason} (--help lists the arguments)\n"
    assert said.out == ""


BAD_LINES = [
    ([], "the following arguments are required: --behaviour, --dataset"),
    (["--behaviour", "ok"], "the following arguments are required: --dataset"),
    ([*REQUIRED, "--iters"], "argument --iters: expected one argument"),
    ([*REQUIRED, "--lora"], "unrecognized arguments: --lora"),
    ([*REQUIRED, "--learning_rate=1"], "unrecognized arguments: --learning_rate=1"),
    ([*REQUIRED, "--iter=1"], "unrecognized arguments: --iter=1"),
    ([*REQUIRED, "x\n::error::y"], "unrecognized arguments: x ::error::y"),
]


@pytest.mark.parametrize(("arguments", "reason"), BAD_LINES)
def test_a_bad_command_line_ends_with_2_and_one_line(
    arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, monkeypatch) == 2
    assert capsys.readouterr().err == f"toy: {reason} (--help lists the arguments)\n"


def test_the_version_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"], monkeypatch) == 0
    assert capsys.readouterr().out == "1.2.3\n"


def test_describe_prints_the_whole_declaration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--describe"], monkeypatch) == 0
    described = json.loads(capsys.readouterr().out)
    assert described == TOY.describe()
    assert list(described) == ["stage", "version", "title", "inputs", "outputs", "environment", "runtime"]
    assert described["title"] == "Does what its input says, for the tests of the engine."
    assert described["inputs"][1:4] == [
        {"name": "dataset", "type": "ChatDataset", "description": "the rows"},
        {
            "name": "learning_rate",
            "type": "float",
            "description": "the step size, 100 % yours",
            "limits": ["above 0", "at most 1"],
            "default": 2e-4,
        },
        {
            "name": "iters",
            "type": "int",
            "description": "steps",
            "limits": ["at least 1", "at most 2000000"],
            "default": 300,
        },
    ]
    assert described["outputs"][0] == {"name": "model", "type": "MlxModel", "description": "a model"}
    address, token = described["environment"]
    known = {"required": True, "secret": False, "runtime": False}
    assert address == {"name": "TOY_ADDRESS", "description": "the toy server's address", **known}
    known = {"required": False, "secret": True, "runtime": False}
    assert token == {"name": "TOY_TOKEN", "description": "a token for it", **known}
    assert [field["name"] for field in described["runtime"]] == ["checkpoint_from"]


HELP = """\
usage: python -m stages.toy.main [-h] [--describe] [--version] --behaviour str
                                 --dataset ChatDataset [--learning-rate float]
                                 [--iters int] [--is-loud bool] [--dtype str]
                                 [--agent-name str] [--checkpoint-from str]
                                 [--outputs FOLDER]

Does what its input says, for the tests of the engine.

Version 1.2.3

options:
  -h, --help            show this help message and exit
  --describe            print the contract as JSON
  --version             print the version

inputs:
  an artefact is the path of a tar that a stage wrote, or of a folder

  --behaviour str       what to do
  --dataset ChatDataset
                        the rows
  --learning-rate float
                        the step size, 100 % yours; above 0, at most 1
                        (default: 0.0002)
  --iters int           steps; at least 1, at most 2000000 (default: 300)
  --is-loud bool        whether to shout (default: false)
  --dtype str           the type; one of float32, bfloat16 (default: float32)
  --agent-name str      the agent; a-z and dashes (default: empty)

filled by the engine that runs the stage:
  --checkpoint-from str
                        an earlier attempt's checkpoint (default: empty)

outputs:
  --outputs FOLDER      where these files go: model, metrics, note, rows,
                        share, is_done (default: /var/outputs)

environment (NAME_FILE may name a file that holds the value):
  TOY_ADDRESS  the toy server's address (required)
  TOY_TOKEN    a token for it
"""


def test_the_help_is_for_people(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"], monkeypatch) == 0
    assert "".join(capsys.readouterr().out.split()) == "".join(HELP.split())  # Python versions wrap differently


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-contract.MAX_INTEGER, contract.MAX_INTEGER))
def test_a_number_s_text_is_read_as_the_same_number(number: float) -> None:
    field = contract._field("n", Annotated[type(number), "a number"], 0 if isinstance(number, int) else 0.0)
    assert field.parse(contract.to_text(number)) == number


@given(st.text(max_size=300))
def test_any_text_that_fits_is_read_as_it_is(text: str) -> None:
    if "\0" not in text and len(text.encode()) <= contract.MAX_TEXT_BYTES:
        assert FIELDS["behaviour"].parse(text) == text


@dataclass(frozen=True)
class _Nothing:
    pass


SINCE = contract.Field("since", datetime, "when", (), datetime(1970, 1, 1, tzinfo=UTC))
NOON = datetime(2025, 12, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-12-24T12:00:00Z", NOON),
        ("2025-12-24T12:00:00.000000999Z", NOON),
        ("2025-12-24T13:00:00+01:00", NOON),
        ("2025-12-24T12:00:00", NOON),
        (" 2025-12-24 12:00\n", NOON),
        ("2025-12-24T12:00:00.25Z", NOON.replace(microsecond=250_000)),
    ],
)
def test_a_time_is_read_as_engines_and_people_write_it_and_kept_in_utc(text: str, time: datetime) -> None:
    found = SINCE.parse(text)
    assert found == time
    assert isinstance(found, datetime)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "noon", "24.12.2025", "2025-12-24T25:00:00Z", "0001-01-01T00:00:00+09:00"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(StageError, match=r"since is '.*'; it must be a time such as 2025-12-24T02:00:00Z"):
        SINCE.parse(text)


def test_a_time_is_written_as_it_is_read() -> None:
    assert contract.to_text(NOON) == "2025-12-24T12:00:00Z"
    assert SINCE.describe()["default"] == "1970-01-01T00:00:00Z"
    assert json.loads(json.dumps(SINCE.describe()))["type"] == "datetime"


def declaration(hint: Any, **default: Any) -> Any:
    """Returns a module-like object whose Inputs has the one field `x`."""
    inputs: type = dataclass(frozen=True)(type("Inputs", (), {"__annotations__": {"x": hint}, **default}))
    return SimpleNamespace(__doc__="Does.", Inputs=inputs, Outputs=_Nothing, ENVIRONMENT=(), RUNTIME=())


MISTAKES = [
    (declaration(int), "x must be declared as Annotated[type, 'description', *limits]"),
    (
        declaration(Annotated[list, "a"]),
        "x has the type <class 'list'>; a field is an int, float, bool, str, datetime or ",
    ),
    (declaration(Annotated[float, "a"], x=20), "x has the default 20, which is not of the type float"),
    (declaration(Annotated[int, "a"], x=True), "x has the default True, which is not of the type int"),
    (declaration(Annotated[MlxModel, "a"], x=None), "x has the default None, which is not of the type MlxModel"),
]


@pytest.mark.parametrize(("module", "reason"), MISTAKES)
def test_a_mistake_in_a_declaration_is_a_bug_of_the_stage(module: Any, reason: str) -> None:
    with pytest.raises(TypeError) as raised:
        contract.of("toy", module, "1.0.0")
    assert str(raised.value).startswith(reason)


def test_an_output_is_of_exactly_the_declared_type() -> None:
    (field,) = contract.of("toy", declaration(Annotated[MlxModel, "a"]), "1").inputs
    assert field.holds(MlxModel(Path()))
    assert not field.holds(FineTunedModel(Path()))
    assert not field.holds(ChatDataset(Path()))
    assert not FIELDS["iters"].holds(True)


def test_every_default_keeps_its_own_limits() -> None:
    for name in contract.STAGES:
        declared = contract.load(name)
        for field in (*declared.inputs, *declared.runtime):
            if not field.is_required:
                field.check(field.default)


def test_what_runs_beside_a_stage_has_its_version_and_a_program_of_its_own() -> None:
    publish, preflight = contract.load("publish"), contract.load("preflight")
    assert (preflight.home, preflight.version) == ("publish", publish.version)
    assert (publish.program, preflight.program) == ("stages.publish.main", "stages.publish.preflight.main")
    assert publish.describe()["programs"] == [preflight.describe()]
    assert "programs" not in contract.load("train").describe()


def test_an_unknown_stage_is_named() -> None:
    with pytest.raises(StageError) as raised:
        contract.load("trian")
    assert str(raised.value) == (f"there is no stage 'trian'; the stages are {', '.join(contract.STAGES)}")


REQUIRED_VARIABLE = Variable("TOY_ADDRESS", "the toy server's address", required=True)


def test_a_variable_comes_from_the_environment_or_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_ADDRESS", " here\n")
    assert REQUIRED_VARIABLE.read() == "here"
    (tmp_path / "secret").write_text("there\n")
    monkeypatch.setenv("TOY_ADDRESS_FILE", str(tmp_path / "secret"))
    assert REQUIRED_VARIABLE.read() == "here"
    monkeypatch.delenv("TOY_ADDRESS")
    assert REQUIRED_VARIABLE.read() == "there"


def test_a_variable_may_be_a_file_of_the_folder_of_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_FOLDER", str(tmp_path))
    assert Variable("TOY_TOKEN", "a token").read() == ""
    (tmp_path / "TOY_TOKEN").write_text("mounted\n")
    assert Variable("TOY_TOKEN", "a token").read() == "mounted"
    monkeypatch.setenv("TOY_TOKEN", "given")
    assert Variable("TOY_TOKEN", "a token").read() == "given"


def test_a_missing_variable_is_named_and_an_optional_one_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_ADDRESS", " ")
    with pytest.raises(StageError) as raised:
        REQUIRED_VARIABLE.check()
    assert str(raised.value) == (
        "the environment variable TOY_ADDRESS is not set; it must hold the toy server's address"
    )
    assert Variable("TOY_NOTHING", "nothing").read() == ""


def test_a_secret_s_file_that_cannot_be_read_is_named_without_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    monkeypatch.setenv("TOY_ADDRESS_FILE", str(file))
    with pytest.raises(StageError) as raised:
        REQUIRED_VARIABLE.read()
    missing = f"TOY_ADDRESS_FILE names {file}, which cannot be read: No such file or directory"
    assert str(raised.value) == missing
    file.write_bytes(b"secret\xff")
    with pytest.raises(StageError) as raised:
        REQUIRED_VARIABLE.read()
    assert str(raised.value) == f"TOY_ADDRESS_FILE names {file}, which is not a text file"


def test_limits_read_as_sentences() -> None:
    assert [limit.text for limit in (above(0), at_least(1_234_567), above(1e-7))] == [
        "above 0",
        "at least 1234567",
        "above 1e-07",
    ]
