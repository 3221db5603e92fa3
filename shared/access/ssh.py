"""The ssh command that git is given: with the key and the known hosts that a stage was handed.

In a container the user id may have no name, the home folder cannot be written, and a mounted secret
belongs to somebody else: so what ssh reads is copied into a private folder, with the mode that it demands.
"""

import os
import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path

from shared.errors import StageError

CONNECT_SECONDS = 15  # until the server has answered and proven who it is
ALIVE_SECONDS, ALIVE_TIMES = 15, 3  # a connected server that says nothing this long, as often, is given up
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib")


def ssh_command(folder: Path, key_file: str, known_hosts_file: str) -> str:
    """Returns the shell command for ssh; folder, a private directory, gets what it reads.

    Raises StageError where a file is missing, cannot be read, or is no key.
    """
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "ServerAliveInterval": str(ALIVE_SECONDS),
        "ServerAliveCountMax": str(ALIVE_TIMES),
    }
    if key_file:
        key = _copy(folder / "ssh-key", "GIT_SSH_KEY_FILE", key_file)
        if b"PRIVATE KEY" not in key.read_bytes():
            raise StageError(f"GIT_SSH_KEY_FILE names {key_file}, which holds no private key")
        options |= {"IdentityFile": _quoted(key), "IdentitiesOnly": "yes"}
    if known_hosts_file:
        known = _copy(folder / "known-hosts", "GIT_SSH_KNOWN_HOSTS_FILE", known_hosts_file)
        options |= {"UserKnownHostsFile": _quoted(known), "GlobalKnownHostsFile": os.devnull}
        options |= {"StrictHostKeyChecking": "yes", "UpdateHostKeys": "no"}
    parts = ["ssh", *(part for name, value in options.items() for part in ("-o", f"{name}={value}"))]
    named = user_name(folder)
    return shlex.join([*(["env", *(f"{name}={value}" for name, value in named.items())] if named else []), *parts])


def user_name(folder: Path) -> dict[str, str]:
    """Returns variables with which OpenSSH's programs start where the user id has no name; folder: a private one.

    nss_wrapper (https://cwrap.org/nss_wrapper.html) answers from a file of ours who the user is.
    Nothing where it is not installed: whoever uses no ssh does not need it.
    """
    user, group = os.getuid(), os.getgid()
    library = next(_nss_wrappers(), None)
    if library is None or _has_name(user):
        return {}
    passwd, groups = folder / "passwd", folder / "group"
    passwd.write_text(f"agent-training:x:{user}:{group}::{folder}:/bin/sh\n")
    groups.write_text(f"agent-training:x:{group}:\n")
    return {"LD_PRELOAD": str(library), "NSS_WRAPPER_PASSWD": str(passwd), "NSS_WRAPPER_GROUP": str(groups)}


def _copy(target: Path, variable: str, source: str) -> Path:
    if not Path(source).is_file():
        raise StageError(f"{variable} names {source}, which is not a file")
    try:
        content = Path(source).read_bytes()
    except OSError as error:
        reason = f"{error.strerror}; let the user id {os.getuid()} read it"
        raise StageError(f"{variable} names {source}, which cannot be read: {reason}") from None
    target.touch(mode=0o600)
    # Editors and secret stores lose the last line end, or make two of one, and ssh takes no such key.
    target.write_bytes(content.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n")
    return target


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("%", "%%") + '"'  # ssh_config(5): spaces, and what it would fill in


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _nss_wrappers() -> Iterator[Path]:
    for folder in map(Path, _LIBRARIES):
        yield from (*folder.glob("libnss_wrapper.so*"), *folder.glob("*/libnss_wrapper.so*"))
