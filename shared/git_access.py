"""How stages run git on a repository that they were given: what it may reach, and with which secret.

Nothing of the user's or the machine's configuration is read, no hook runs, nothing asks for a
password, and a token is handed over by a file that git's askpass prints, never in a URL.
"""

import os
import re
import shlex
from pathlib import Path

from shared.errors import StageError

_REMOTE = re.compile(r"(https?|ssh|file)://\S+|[\w.-]+@[\w.-]+:\S+")
_SECRET_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")


def git_environment(folder: Path, token: str = "", ssh_key_file: str = "") -> dict[str, str]:
    """Returns the environment for git; folder, a private directory, gets the askpass script."""
    settings = {"core.hooksPath": os.devnull, "protocol.allow": "never", "core.symlinks": "true", "gc.auto": "0"}
    settings |= {f"protocol.{name}.allow": "always" for name in ("http", "https", "ssh", "file")}
    # A bare repository of another user, mounted into a container, is meant to be read.
    settings |= {"safe.directory": "*"}
    environment = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": str(len(settings)),
        "LC_ALL": "C",
    }
    for number, (key, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    if token:
        environment["GIT_ASKPASS"] = str(_askpass(folder, token))
    if ssh_key_file:
        key = shlex.quote(ssh_key_file)
        environment["GIT_SSH_COMMAND"] = f"ssh -i {key} -o IdentitiesOnly=yes -o BatchMode=yes"
    return environment


def check_repository(repository: str) -> str:
    """Returns repository, a URL or the path of an existing folder.

    Raises StageError for anything that git would take for an option or another transport.
    """
    if _REMOTE.fullmatch(repository):
        return repository
    if not repository.startswith("-") and Path(repository).is_dir():
        return str(Path(repository).resolve())
    shown = without_secret(repository)
    raise StageError(f"the repository {shown} is neither a folder that exists nor an http, https, ssh or file URL")


def check_revision(revision: str) -> str:
    """Returns revision. Raises StageError where it cannot be the name of a branch, tag or commit."""
    if re.fullmatch(r"[A-Za-z0-9_][\w./+-]*", revision) and ".." not in revision:
        return revision
    raise StageError(f"the revision {revision!r} is no name of a branch, tag or commit")


def without_secret(text: str) -> str:
    """Returns text with the user part of every URL taken out; git repeats URLs in its messages."""
    return _SECRET_IN_URL.sub("", text)


def _askpass(folder: Path, token: str) -> Path:
    secret, script = folder / "token", folder / "askpass"
    secret.touch(mode=0o600)
    secret.write_text(token)
    # GitHub and GitLab take any user name beside a token; x-access-token is GitHub's documented one.
    answer = f'case "$1" in Username*) echo x-access-token;; *) cat {shlex.quote(str(secret))};; esac'
    script.write_text(f"#!/bin/sh\n{answer}\n")
    script.chmod(0o700)
    return script
