"""What is said when git fails on a repository: what was found, where, and what to do."""

import re

from shared.access.git import without_secret
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
_VERDICT = re.compile(r"! \[.*\] .*\((.*)\)$")
_TOLD = re.compile(r"(?:remote: (?:error: )?|fatal: )(\S.*?)\s*$")


def failure(address: str, what: str, stderr: str) -> StageError:
    """Returns the error for what git printed. what: such as ` cannot be cloned`, put behind the address."""
    lines = [line.strip() for line in _unwrapped(without_secret(stderr)).splitlines() if line.strip()]
    return StageError(f"the repository {without_secret(address)}{what}: {_explained(lines)}")


def _explained(lines: list[str]) -> str:
    """Returns reason and remedy; where they are not known, what git and the server said, the verdict first."""
    verdicts = [found[1] for line in lines if (found := _VERDICT.match(line))]
    # What a hook of the server says is shown as it is: it may contain any of the known words.
    own = "\n".join(line for line in lines if not line.startswith("remote:"))
    known = next((told for pattern, told in _KNOWN if re.search(pattern, own)), None)
    if known and not verdicts:
        return known
    told = [found[1] for line in lines if (found := _TOLD.match(line))]
    return f"{'; '.join(verdicts + told or lines)[:400] or 'git gave no reason'}; {_REST}"


def _unwrapped(stderr: str) -> str:
    return stderr.strip().removeprefix("stderr: '").removesuffix("'")  # as GitPython has it
