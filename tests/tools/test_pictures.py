"""`make pictures`: a page becomes a small PNG, or it is said why not, and what was there stays."""

import os
from pathlib import Path

import pytest

from shared.errors import StageError
from tools import pictures
from tools.pictures import HEIGHT, WIDTH, main, take

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page, where there is a browser to look at it."""
    try:
        pictures.browser()
    except StageError as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(error))
    page = tmp_path / "page.html"
    page.write_text("<p>Accuracy 96 %</p>")
    return page


def test_the_picture_has_the_size_of_the_window(page: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    assert main([f"--report={page}", f"--picture={picture}"]) == 0
    written = picture.read_bytes()
    assert written.startswith(PNG)
    assert [int.from_bytes(written[start : start + 4], "big") for start in (16, 20)] == [WIDTH, HEIGHT]


def test_a_picture_that_is_too_large_replaces_none(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "picture.png"
    picture.write_text("earlier")
    monkeypatch.setattr(pictures, "MOST_BYTES", 100)
    with pytest.raises(StageError, match="it must have some, and at most 100"):
        take(page, picture)
    assert picture.read_text() == "earlier"


def test_without_a_report_it_says_how_to_get_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--report={tmp_path / 'none.html'}", f"--picture={tmp_path / 'picture.png'}"]) == 1
    said = capsys.readouterr().err
    assert said == f"pictures: there is no report {tmp_path / 'none.html'}; `make run` makes one\n"


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(pictures, "BROWSERS", ("chromium",))
    with pytest.raises(StageError, match="there is no Chromium and no Chrome; install one"):
        pictures.browser()
