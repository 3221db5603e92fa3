"""Which folders of this machine a stage's container sees, as whom it runs, and which network it has.

A container sees its inputs and its outputs. Where the stage was given paths of this machine (a SQLite
file, a `file://` store, a local repository or model, a secret's file), it sees exactly those, at the
same place.
"""

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from workflows.local.execution import Execution

# The stages that change what they were given; the others only read it.
WRITERS = ("register", "publish", "preflight", "watch")
_REMOTE = re.compile(r"(https?|ssh|s3)://\S+|\w[\w.-]*@\w[\w.-]*:\S+")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|\[?::1\]?")


@dataclass(frozen=True)
class Surroundings:
    """What a container is given besides inputs and outputs.

    paths: of this machine, to be mounted at the same place. is_writable: whether it may write there.
    user: `uid:gid`, or None for the image's. network: a network mode of Docker.
    """

    paths: tuple[Path, ...]
    is_writable: bool
    user: str | None
    network: str


def surroundings(execution: Execution, inputs: Mapping[str, Any]) -> Surroundings:
    """Returns what the stage's environment and inputs ask for."""
    texts = [*execution.environment().values(), *(value for value in inputs.values() if isinstance(value, str))]
    paths = tuple(dict.fromkeys(path for text in texts for path in _paths(text)))
    is_writable = execution.contract.stage in WRITERS
    return Surroundings(paths, is_writable, _user(paths, is_writable), _network(execution, texts, bool(paths)))


def _paths(text: str) -> Iterator[Path]:
    """Yields the paths that a text names, and the folders that links in them lead to."""
    if text.startswith("sqlite:///"):
        path = Path(text.removeprefix("sqlite:///").partition("?")[0]).parent
    elif text.startswith("file://"):
        path = Path(unquote(urlsplit(text).path))
    else:
        path = Path(text)
    if not path.is_absolute() or path == Path("/") or not path.exists():
        return
    yield path
    if path.resolve() != path:
        yield path.resolve()
    # A model in the Hugging Face cache is a folder of links.
    for entry in path.iterdir() if path.is_dir() else ():
        if entry.is_symlink() and entry.exists() and not entry.resolve().is_relative_to(path.resolve()):
            yield entry.resolve()


def _user(paths: tuple[Path, ...], is_writable: bool) -> str | None:
    """Returns the owner of a path that others may not read, or of a folder that is written to."""
    for path in paths:
        if (is_writable and path.is_dir()) or not _is_public(path):
            return f"{path.stat().st_uid}:{path.stat().st_gid}"
    return None


def _is_public(path: Path) -> bool:
    """Returns whether others may read the path and, where it is a folder, what lies in it."""
    entries = [path, *(path.iterdir() if path.is_dir() else ())]
    return all(entry.stat().st_mode & stat.S_IROTH for entry in entries if entry.exists())


def _network(execution: Execution, texts: list[str], has_paths: bool) -> str:
    """Returns `none` where nothing is asked of a network, and `host` where an address is of this machine alone."""
    remote = [text for text in texts if _REMOTE.fullmatch(text)]
    if any(_LOOPBACK.fullmatch(_host(address)) for address in remote):
        return "host"
    if not execution.variables or (has_paths and not remote):
        return "none"
    return "bridge"


def _host(address: str) -> str:
    if "://" not in address:
        return address.partition("@")[2].partition(":")[0]
    return urlsplit(address).hostname or ""
