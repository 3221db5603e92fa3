"""Flyte's copilot and ours do the same, byte for byte, where Flyte's is on this machine."""

from pathlib import Path

import pytest

from shared.contract import Scalar
from tests.flytecopilot import Copilot
from tests.test_copilot import REFUSED, TEXTS, WRITTEN
from workflows.local.copilot import file_text


@pytest.fixture
def copilot(tmp_path: Path) -> Copilot:
    return Copilot.found(tmp_path / "store")


def test_flyte_writes_the_files_that_we_write(copilot: Copilot, tmp_path: Path) -> None:
    values: dict[str, Scalar] = {f"value_{number}": value for number, (value, _, _) in enumerate(TEXTS)}
    copilot.fetch(values, {name: type(value) for name, value in values.items()}, tmp_path / "inputs")
    written = {name: (tmp_path / "inputs" / name).read_bytes().decode() for name in values}
    assert written == {name: file_text(value) for name, value in values.items()}


def test_flyte_takes_the_values_that_we_take(copilot: Copilot, tmp_path: Path) -> None:
    expected: dict[str, Scalar] = {}
    for number, (content, value) in enumerate(WRITTEN):
        (tmp_path / f"value_{number}").write_bytes(content)
        expected[f"value_{number}"] = value
    taken = copilot.take({name: type(value) for name, value in expected.items()}, tmp_path)
    assert taken == expected


@pytest.mark.parametrize(("kind", "content"), [case[:2] for case in REFUSED])
def test_flyte_refuses_what_we_refuse(copilot: Copilot, tmp_path: Path, kind: type, content: bytes) -> None:
    (tmp_path / "value").write_bytes(content)
    assert copilot.take({"value": kind}, tmp_path) is None


def test_flyte_refuses_a_missing_output_as_we_do(copilot: Copilot, tmp_path: Path) -> None:
    assert copilot.take({"value": str}, tmp_path) is None
