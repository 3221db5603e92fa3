"""A tiny base model that a test may change."""

from pathlib import Path

import pytest

from tests.tiny_model import write_tiny_base


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder `tiny` with a random Gemma 3 text model as Hugging Face keeps one."""
    return write_tiny_base(tmp_path / "somewhere" / "tiny")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """An empty folder for the outputs."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder
