"""What is said when git fails on a repository: what was found, where, and what to do."""

import re

from shared.access.git import without_secret
from shared.access.git_process import GitFailedError, GitTimeoutError
from shared.access.git_refusal import DAMAGE, DAMAGED, Attempt, remedies
from shared.errors import StageError

_TOKEN = "GIT_TOKEN or GIT_TOKEN_FILE"
_SERVER = "check the address and that the server runs"
_HOSTS = "let GIT_SSH_KNOWN_HOSTS_FILE name a file with its line, as ssh-keyscan prints it"
# What git, libcurl and ssh print, what it means, and what to do. The first that is found is told.
_KNOWN = (
    (
        r"No space left on device|Disk quota exceeded",
        "there is no room for it here; free some on the device of TMPDIR, and run again",
    ),
    (DAMAGE, DAMAGED),
    (
        r"upload-pack: not our ref",
        "it names a commit that it does not have, or no longer: run again, and look there with `git fsck`",
    ),
    (r"could not read (Username|Password) for", f"it wants a token, and there is none; set {_TOKEN}"),
    (r"Authentication failed for", f"it does not accept the token; check {_TOKEN}"),
    (r"returned error: 401", f"it does not accept the token (401); check {_TOKEN}"),
    (r"returned error: 403", f"it refuses the request (403); give the account of {_TOKEN} the right"),
    (
        r"returned error: 404|repository '\S*' not found|Repository not found",
        f"there is none, or it is not shown; check the address, and {_TOKEN}",
    ),
    (r"returned error: 5\d\d", "the server is busy or out of order (5xx); run again later"),
    (
        r"Operation too slow|Operation timed out",
        "the server is too slow, or stopped answering; check that it is well, and run again",
    ),
    (
        r"[Cc]ertificate|SSL routines|TLS (connect|handshake|packet)|gnutls_handshake|wrong version number",
        "it cannot be spoken to by TLS; check the address, and SSL_CERT_FILE for an authority of your own",
    ),
    (r"Could not resolve host", "the name of its server is not known; check the address"),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        f"its server shows another host key than the known one; if that is right, {_HOSTS}",
    ),
    (r"Host key verification failed|No \S+ host key is known", f"the host key of its server is not known; {_HOSTS}"),
    (
        r"No user exists for uid",
        "ssh does not start for a user id without a name; install libnss-wrapper, or add the user to /etc/passwd",
    ),
    (
        r"Load key .*(libcrypto|invalid format)",
        "ssh cannot read the key; let GIT_SSH_KEY_FILE name a private key without a passphrase",
    ),
    (
        r"Permission denied \(|Too many authentication failures",
        "it does not accept the ssh key; check GIT_SSH_KEY_FILE, and that its public half is known there",
    ),
    (r"cannot run ssh|ssh: (command )?not found|ssh: No such file", "there is no ssh; install OpenSSH's client"),
    (
        r"Timeout, server \S+ not responding|[Cc]onnection (to \S+ port \d+ )?timed out|timed out during banner",
        f"its server does not answer in time; {_SERVER}",
    ),
    (
        r"Connection refused|Failed to connect|Couldn't connect|No route to host|Network is unreachable",
        f"its server does not answer; {_SERVER}",
    ),
    (
        r"Connection (closed|reset)|Empty reply|unexpected disconnect|early EOF|hung up unexpectedly",
        "its server broke the connection off; check that it is well, and run again",
    ),
)
_REST = "check the address, the right to it, GIT_TOKEN and GIT_SSH_KEY_FILE"
_RULE = "that is a rule of the server's own: ask whoever keeps it"
_TIMEOUT = "it was given up: look there at its load, at its disk, and at its hooks, and run again"
_VERDICT = re.compile(r"! \[.*\] .*?\((.*)\)$")
_TOLD = re.compile(r"(?:remote: *(?:(?:error|fatal|ERROR): *)?|fatal: |ERROR: )(\S.*?)\s*$")
# Lines without a word, and what git tells of its progress.
_NOISE = re.compile(
    r"(remote:)?[\W_]*$|(remote: )?(Enumerating|Counting|Compressing|Receiving|Resolving|Writing|Unpacking) [\w ]+:"
    r"|(remote: )?(Total \d|Analyzing objects|Storing|Processing changes|Validating|\(\?\) )"
)
# Git's own words begin so, but for what the server says of a pack, and what ssh passes on has no beginning at all.
_IS_SERVER_S = re.compile(r"(?!fatal:|error:|warning:)|error: remote unpack failed").match
MOST_TOLD = 600  # characters of what a server says: a line for a person, whose rest is in the server's log


def failure(address: str, what: str, stderr: str, attempt: Attempt | None = None) -> StageError:
    """Returns the error for what git printed. what: such as ` cannot be cloned`, put behind the address.

    attempt: what was pushed, and how, so that no remedy is named that was tried already.
    """
    lines = [line.strip() for line in _unwrapped(without_secret(stderr)).splitlines()]
    explained = _explained([line for line in lines if not _NOISE.match(line)], attempt or Attempt())
    return StageError(f"the repository {without_secret(address)}{what}: {explained}")


def failure_of(address: str, what: str, error: GitFailedError, attempt: Attempt | None = None) -> StageError:
    """Returns the error for a git that failed, or was ended because it took too long."""
    if not isinstance(error, GitTimeoutError):
        return failure(address, what, error.stderr, attempt)
    told = "; ".join(_told(without_secret(error.stderr).splitlines()))[-MOST_TOLD // 2 :]
    saying = f", saying {told!r}," if told else ""
    taken = f"its server did not answer{saying} within {error.seconds:.0f} seconds"
    return StageError(f"the repository {without_secret(address)}{what}: {taken}; {_TIMEOUT}")


def _explained(lines: list[str], attempt: Attempt) -> str:
    """Returns reason and remedy; where they are not known, what git and the server said, the verdict first."""
    verdicts = [found[1] for line in lines if (found := _VERDICT.match(line))]
    told = verdicts + _told(lines)
    helping = remedies("\n".join(filter(_IS_SERVER_S, lines)), attempt)
    # What a hook of the server says is shown as it is: it may contain any of the known words.
    own = "\n".join(line for line in lines if not line.startswith("remote:"))
    known = next((told for pattern, told in _KNOWN if re.search(pattern, own)), None)
    if known and not verdicts and not helping:
        return known
    said = "; ".join(dict.fromkeys(told or lines))[:MOST_TOLD] or "git gave no reason"
    return "; ".join([said, *(helping or [_RULE if verdicts else _REST])])


def _told(lines: list[str]) -> list[str]:
    return [found[1] for line in lines if not _NOISE.match(line.strip()) and (found := _TOLD.match(line.strip()))]


def _unwrapped(stderr: str) -> str:
    return stderr.strip().removeprefix("stderr: '").removesuffix("'")  # as GitPython has it
