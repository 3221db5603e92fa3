"""Who commits, and the SSH key that signs the commits: from the environment, checked before anything is stored."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.access.ssh import user_name
from shared.contract import Variable
from shared.errors import StageError, one_line
from stages.publish.contract import (
    GIT_AUTHOR_EMAIL,
    GIT_AUTHOR_NAME,
    GIT_COMMITTER_EMAIL,
    GIT_COMMITTER_NAME,
    GIT_SIGNING_KEY,
)

NAME, EMAIL = "agent-training", "agent-training@localhost"
MOST_CHARACTERS = 200
SECONDS = 20  # for ssh-keygen, which works for milliseconds
_NO_NAME = re.compile(r"[\x00-\x1f\x7f<>]|^[\s.,:;\"'\\]*$")  # git would drop these characters, or find nothing left
_EMAIL = re.compile(r"[^\s<>@\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Person:
    """A name and an e-mail address, as a commit has them."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True)
class Signature:
    """How commits are signed: git's options, the environment that they need, and the key's fingerprint."""

    options: tuple[str, ...] = ()
    key: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What `git commit-tree` is given."""
        return (f"-S{self.key}",) if self.key else ()


@dataclass(frozen=True)
class Identity:
    """Who is the author of the commits, and who the committer. What is set for one of them holds for the other too."""

    author: Person
    committer: Person

    @classmethod
    def default(cls) -> "Identity":
        """Returns who commits where the environment says nothing."""
        return cls(Person(NAME, EMAIL), Person(NAME, EMAIL))

    @classmethod
    def read(cls) -> "Identity":
        """Returns what the environment says, agent-training where it says nothing. Raises StageError."""
        names = [_checked_name(variable) for variable in (GIT_AUTHOR_NAME, GIT_COMMITTER_NAME)]
        emails = [_checked_email(variable) for variable in (GIT_AUTHOR_EMAIL, GIT_COMMITTER_EMAIL)]
        author = Person(names[0] or names[1] or NAME, emails[0] or emails[1] or EMAIL)
        return cls(author, Person(names[1] or author.name, emails[1] or author.email))

    def environment(self) -> dict[str, str]:
        """Returns it in git's variables."""
        people = {"AUTHOR": self.author, "COMMITTER": self.committer}
        names = {f"GIT_{role}_NAME": person.name for role, person in people.items()}
        return names | {f"GIT_{role}_EMAIL": person.email for role, person in people.items()}


def read_signature(folder: Path) -> Signature:
    """Returns how the key of GIT_SIGNING_KEY signs, after it has signed something; nothing where none is set.

    folder: a private directory, which gets the key, with the mode that ssh-keygen demands, however it is mounted.
    Raises StageError where the key cannot sign.
    """
    private = GIT_SIGNING_KEY.read()
    if not private:
        return Signature()
    key = folder / "signing-key"
    key.touch(mode=0o600)
    key.write_text(private.replace("\r\n", "\n") + "\n")
    named = user_name(folder)
    public = key.with_name("signing-key.pub")
    public.write_text(_asked(named, "-y", "-P", "", "-f", str(key)))
    fingerprint = _asked(named, "-l", "-f", str(public)).split()[1]
    _asked(named, "-Y", "sign", "-n", "git", "-f", str(key), given="a commit")
    return Signature(("-c", "gpg.format=ssh"), str(key), named, fingerprint)


def _asked(named: Mapping[str, str], *arguments: str, given: str = "") -> str:
    """Returns what ssh-keygen prints. Raises StageError, which says why the key cannot be used."""
    environment = {**os.environ, **named, "LC_ALL": "C"}
    try:
        ended = subprocess.run(
            ["ssh-keygen", *arguments], input=given, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
    except FileNotFoundError:
        raise StageError("GIT_SIGNING_KEY is set, but there is no ssh-keygen; install OpenSSH's client") from None
    except subprocess.TimeoutExpired:
        raise _unusable("ssh-keygen does not end with it") from None
    if ended.returncode:
        raise _unusable(_reason(ended.stderr))
    return ended.stdout


def _reason(said: str) -> str:
    if "passphrase" in said:
        return "it is locked by a passphrase"
    if re.search(r"invalid format|error in libcrypto|not a key file|unsupported", said):
        return "it is no private SSH key"
    return f"ssh-keygen says {one_line(said)[:200]!r}"


def _unusable(reason: str) -> StageError:
    made = "`ssh-keygen -t ed25519 -N '' -f <file>` makes one for GIT_SIGNING_KEY_FILE"
    return StageError(f"the key of GIT_SIGNING_KEY cannot sign commits: {reason}; {made}")


def _checked_name(variable: Variable) -> str:
    value = variable.read()
    if value and (_NO_NAME.search(value) or len(value) > MOST_CHARACTERS):
        raise StageError(f"{variable.name} is {value[:80]!r}; give a name of one line, without < and >")
    return value


def _checked_email(variable: Variable) -> str:
    value = variable.read()
    if value and (not _EMAIL.fullmatch(value) or len(value) > MOST_CHARACTERS):
        raise StageError(f"{variable.name} is {value[:80]!r}; give an e-mail address alone, such as bot@example.com")
    return value
