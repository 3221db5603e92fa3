"""The runner's settings: runner.toml, and the files beside it that it names."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from shared.errors import StageError, nearest

FILE = "runner.toml"
GIB = 1024**3
PORT = 8765
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[\x21-\x7e]{20,}")
# Every key with its default, or its type where it has none.
_DEFAULTS: dict[str, Any] = {
    "folder": "data",
    "host": "127.0.0.1",
    "port": PORT,
    "token_file": "token",
    "certificate": "certificate.pem",
    "key": "key.pem",
    "allow": [],
    "max_blob_bytes": 64 * GIB,
    "keep_days": 30,
    "keep_bytes": 200 * GIB,
    "memory_bytes": 0,
}
_LEAST = {"port": 1, "max_blob_bytes": 1024**2, "keep_days": 1, "keep_bytes": GIB, "memory_bytes": 0}
_MOST = {"port": 65535}


@dataclass(frozen=True)
class Settings:
    """What a runner is told, with every path absolute.

    folder: where blobs, jobs, environments and logs lie. host, port: what it listens on. token: what a client has to
    show. certificate, key: PEM files. allow: the digests of code that may be run; any, where there are none.
    max_blob_bytes: the biggest file that is taken. keep_days, keep_bytes: what is unused longer, and what is more, is
    removed. memory_bytes: what a job and all below it may hold.
    """

    folder: Path
    host: str
    port: int
    token: str
    certificate: Path
    key: Path
    allow: tuple[str, ...]
    max_blob_bytes: int
    keep_days: int
    keep_bytes: int
    memory_bytes: int

    def __repr__(self) -> str:
        """Returns what may stand in a log: everything but the token."""
        return f"Settings(folder={str(self.folder)!r}, host={self.host!r}, port={self.port}, allow={self.allow})"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Returns the settings in a TOML file. Paths in it are relative to it.

        Raises StageError that names the file, the line and the key where one is unknown or has a wrong value, where a
        file that it names is missing, and where others than its owner can read the token or the key.
        """
        text = _text(path)
        try:
            given = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise StageError(f"{path} is no TOML: {error}") from None
        values = _checked(given, _Place(path, text))
        beside = path.absolute().parent
        files = {key: beside / values[key] for key in ("token_file", "certificate", "key")}
        for key, file in files.items():
            _exists(file, f"{_Place(path, text).of(key)}")
        for key in ("token_file", "key"):
            _is_secret(files[key])
        return cls(
            folder=beside / values["folder"],
            token=_token(files["token_file"]),
            certificate=files["certificate"],
            key=files["key"],
            allow=tuple(values["allow"]),
            memory_bytes=values["memory_bytes"] or default_memory_bytes(),
            **{key: values[key] for key in ("host", "port", "max_blob_bytes", "keep_days", "keep_bytes")},
        )


def default_memory_bytes() -> int:
    """Returns three quarters of the machine's memory: what macOS gives a GPU, too."""
    return int(psutil.virtual_memory().total) // 4 * 3


@dataclass(frozen=True)
class _Place:
    path: Path
    text: str

    def of(self, key: str) -> str:
        """Returns where a key stands: the file, and the line where it is in it."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line) or re.match(rf"\s*\[+{re.escape(key)}\]", line):
                return f"{self.path}, line {number}: {key}"
        return f"{self.path}: {key}"


def _text(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o022:
            raise StageError(f"{path} can be changed by others than its owner; chmod 600 {path}")
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise StageError(f"{path} is no text in UTF-8") from None
    except PermissionError:
        raise StageError(f"{path} is another user's; ask as this user, or with sudo where SYSTEM=1 is given") from None
    except OSError as error:
        raise StageError(f"{path} cannot be read: {error.strerror}; `make runner-install` writes it") from None


def _checked(given: Mapping[str, Any], place: _Place) -> dict[str, Any]:
    for key, value in given.items():
        if key not in _DEFAULTS:
            raise StageError(f"{place.of(key)} is no setting; {nearest(key, _DEFAULTS)}")
        wanted = type(_DEFAULTS[key])
        if type(value) is not wanted:
            kind = {str: "a text in quotes", int: "a whole number", list: "a list"}[wanted]
            raise StageError(f"{place.of(key)} is {value!r}; {kind} is needed")
        if key in _LEAST and not _LEAST[key] <= value <= _MOST.get(key, value):
            most = f" and at most {_MOST[key]}" if key in _MOST else ""
            raise StageError(f"{place.of(key)} is {value}; it is at least {_LEAST[key]}{most}")
        if wanted is str and not value.strip():
            raise StageError(f"{place.of(key)} is empty")
    for digest in given.get("allow", []):
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise StageError(
                f"{place.of('allow')} holds {digest!r}; a code's digest is a text of 64 lowercase hex digits"
            )
    return _DEFAULTS | dict(given)


def _exists(file: Path, place: str) -> None:
    if not file.is_file():
        raise StageError(f"{place} names {file}, which is missing; `make runner-install` makes it")


def _is_secret(file: Path) -> None:
    if file.stat().st_mode & 0o077:
        raise StageError(f"{file} can be read by others than its owner; chmod 600 {file}, or have a new one made")


def _token(file: Path) -> str:
    token = file.read_text("utf-8", errors="replace").strip()
    if not _TOKEN.fullmatch(token):
        raise StageError(f"{file} holds no token: at least 20 printable characters without spaces are needed")
    return token


def written(host: str, port: int, memory_bytes: int) -> str:
    """Returns the text of a new runner.toml, with every setting and what it is for."""
    return f"""\
# The settings of the runner; `make runner-install` has written them once, and restarts it after a change.
# Paths are relative to this file.
folder = "data"  # blobs, jobs, environments and logs
host = {_quoted(host)}  # what it listens on; "0.0.0.0" lets other machines in
port = {port}
token_file = "token"
certificate = "certificate.pem"
key = "key.pem"
allow = []  # digests of the code that may be run; any code, where there are none
max_blob_bytes = {_DEFAULTS["max_blob_bytes"]}  # the biggest file that is taken
keep_days = {_DEFAULTS["keep_days"]}  # what nobody used for so long is removed
keep_bytes = {_DEFAULTS["keep_bytes"]}  # and what is more than this, longest unused first
memory_bytes = {memory_bytes}  # what a job may hold, the GPU's memory on a Mac included
"""


def _quoted(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f\"\\]", text):
        raise StageError(f"the host {text!r} is no name or address")
    return f'"{text}"'
