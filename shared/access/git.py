"""How stages run git on a repository that they were given: what it may reach, and with which secret.

Nothing of the user's or the machine's git configuration is read, no hook runs, nothing asks for a
password, and a token is handed over by a credential helper that prints a file, never in a URL.
"""

import os
import re
import shlex
from pathlib import Path

from shared.access.ssh import ssh_command
from shared.errors import StageError

_REMOTE = re.compile(r"(https?|ssh|file)://\S+|\w[\w.-]*@\w[\w.-]*:\S+")
_SECRET_IN_URL = re.compile(r"(?<=://)[^/\s]+@")
SLOW_SECONDS = 60  # without a single byte; a server that works tells so every five seconds
_OURS = re.compile(
    r"GIT_(TOKEN|SSH_KEY_FILE|SSH_KNOWN_HOSTS_FILE|SIGNING_KEY|(AUTHOR|COMMITTER)_(NAME|EMAIL)|PYTHON|EXEC_PATH)"
)


def git_environment(
    folder: Path, token: str = "", ssh_key_file: str = "", known_hosts_file: str = ""
) -> dict[str, str]:
    """Returns the environment for git, and takes git's other variables out of the process's own.

    folder: a private directory, which gets the secrets' files. Raises StageError where a file cannot be used.
    """
    # A hook that started this process, or a person's shell, may point git elsewhere (GIT_DIR), or
    # switch checks off (GIT_SSL_NO_VERIFY).
    for name in [name for name in os.environ if name.startswith("GIT_") and not _OURS.match(name)]:
        del os.environ[name]
    settings = {"core.hooksPath": os.devnull, "protocol.allow": "never", "core.symlinks": "true", "gc.auto": "0"}
    settings |= {f"protocol.{name}.allow": "always" for name in ("http", "https", "ssh", "file")}
    settings |= {"http.lowSpeedLimit": "1", "http.lowSpeedTime": str(SLOW_SECONDS)}
    if authorities := os.environ.get("SSL_CERT_FILE"):
        settings |= {"http.sslCAInfo": authorities}
    if token:
        settings |= {"credential.helper": _credential_helper(folder / "credentials", token)}
    environment = {
        "GIT_ASKPASS": "",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": ssh_command(folder, ssh_key_file, known_hosts_file),
        "GIT_SSH_VARIANT": "ssh",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(_trusting_configuration(folder / "config")),
        "GIT_CONFIG_COUNT": str(len(settings)),
        "LC_ALL": "C",
    }
    for number, (key, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


def check_repository(repository: str) -> str:
    """Returns repository, a URL or the path of an existing folder.

    Raises StageError for anything that git would take for an option or another transport.
    """
    if _REMOTE.fullmatch(repository):
        return repository
    if repository and not repository.startswith("-") and Path(repository).is_dir():
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


def _trusting_configuration(file: Path) -> Path:
    # A bare repository of another user, mounted into a container, is meant to be read. In a file, because
    # git passes no setting of the environment on to the process that serves a local repository.
    file.write_text("[safe]\n\tdirectory = *\n")
    return file


def _credential_helper(file: Path, token: str) -> str:
    file.touch(mode=0o600)
    # GitHub and GitLab take any user name beside a token; x-access-token is GitHub's documented one.
    file.write_text(f"username=x-access-token\npassword={token}\n")
    # Git runs this by the shell: no program of ours has to lie where programs may not run.
    return f"!print_credentials() {{ cat {shlex.quote(str(file))}; }}; print_credentials"
