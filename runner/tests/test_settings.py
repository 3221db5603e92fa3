"""runner.toml is read whole, or refused in one line that names file, line and key."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner.service.settings import GIB, Settings, default_memory_bytes, written
from shared.errors import StageError

TOKEN = "0123456789abcdefghij-_"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a runner.toml, with the files beside it that it names."""
    for name in ("token", "key.pem", "certificate.pem"):
        file = tmp_path / name
        file.write_text(TOKEN + "\n")
        file.chmod(0o600)

    def written_(text: str) -> Path:
        file = tmp_path / "runner.toml"
        file.write_text(text)
        file.chmod(0o600)
        return file

    return written_


def refused(file: Path) -> str:
    with pytest.raises(StageError) as error:
        Settings.read(file)
    return str(error.value)


def test_what_the_installation_writes_is_read_back(write: Write, tmp_path: Path) -> None:
    assert Settings.read(write(written("0.0.0.0", 9000, 5 * GIB))) == Settings(
        folder=tmp_path / "data",
        host="0.0.0.0",
        port=9000,
        token=TOKEN,
        certificate=tmp_path / "certificate.pem",
        key=tmp_path / "key.pem",
        allow=(),
        max_blob_bytes=64 * GIB,
        keep_days=30,
        keep_bytes=200 * GIB,
        memory_bytes=5 * GIB,
    )


def test_an_empty_file_has_every_default(write: Write) -> None:
    given = Settings.read(write(written("127.0.0.1", 8765, 1)))
    assert Settings.read(write("")) == replace(given, memory_bytes=default_memory_bytes())


def test_paths_may_be_absolute_and_digests_are_listed(write: Write) -> None:
    settings = Settings.read(write(f'folder = "/data/runner"\nallow = ["{"a" * 64}", "{"0" * 64}"]\n'))
    assert (settings.folder, settings.allow) == (Path("/data/runner"), ("a" * 64, "0" * 64))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# first\nprot = 1\n", "line 2: prot is no setting; did you mean port?"),
        ("[server]\nport = 1\n", "line 1: server is no setting; "),
        ('host = "x"\nport = "8765"\n', "line 2: port is '8765'; a whole number is needed"),
        ("port = 8765.0\n", "line 1: port is 8765.0; a whole number is needed"),
        ("keep_days = true\n", "line 1: keep_days is True; a whole number is needed"),
        ("port = 0\n", "line 1: port is 0; it is at least 1 and at most 65535"),
        ("port = 65536\n", "line 1: port is 65536; it is at least 1 and at most 65535"),
        ("keep_days = 0\n", "line 1: keep_days is 0; it is at least 1"),
        ("host = 1\n", "line 1: host is 1; a text in quotes is needed"),
        ('host = ""\n', "line 1: host is empty"),
        ('allow = "all"\n', "line 1: allow is 'all'; a list is needed"),
        ('allow = ["abc"]\n', "line 1: allow holds 'abc'; a code's digest is a text of 64 lowercase hex digits"),
        ('certificate = "other.pem"\n', "line 1: certificate names {folder}/other.pem, which is missing; "),
        ("port == 1\n", " is no TOML: Invalid value (at line 1, column 7)"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(write: Write, text: str, said: str, tmp_path: Path) -> None:
    file = write(text)
    found = refused(file)
    assert found.startswith(str(file)) and said.format(folder=tmp_path) in found
    assert TOKEN not in found


def test_a_missing_file_says_what_writes_it(tmp_path: Path) -> None:
    assert refused(tmp_path / "runner.toml") == (
        f"{tmp_path}/runner.toml cannot be read: No such file or directory; `make runner-install` writes it"
    )


def test_another_user_s_file_says_who_may_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", denied)  # root, who runs these tests in CI, may read everything
    assert refused(tmp_path / "runner.toml") == (
        f"{tmp_path}/runner.toml is another user's; ask as this user, or with sudo where SYSTEM=1 is given"
    )


@pytest.mark.parametrize("name", ["token", "key.pem"])
def test_a_secret_that_others_can_read_is_refused(write: Write, tmp_path: Path, name: str) -> None:
    (tmp_path / name).chmod(0o640)
    assert refused(write("")).startswith(f"{tmp_path / name} can be read by others than its owner; chmod 600 ")


def test_settings_that_others_can_change_are_refused(write: Write) -> None:
    file = write("")
    file.chmod(0o660)
    assert refused(file) == f"{file} can be changed by others than its owner; chmod 600 {file}"


@pytest.mark.parametrize("token", ["", "short", "with spaces in between it all", "ä" * 30])
def test_a_token_that_can_be_guessed_or_cannot_be_sent_is_refused(write: Write, tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(token)
    assert refused(write("")) == (
        f"{tmp_path}/token holds no token: at least 20 printable characters without spaces are needed"
    )


def test_the_token_does_not_reach_a_log(write: Write) -> None:
    assert TOKEN not in repr(Settings.read(write("")))


def test_a_host_that_would_end_its_text_is_refused() -> None:
    with pytest.raises(StageError, match="is no name or address"):
        written('0.0.0.0"\nport = 1', 1, 1)
