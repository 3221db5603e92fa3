"""The ssh that git gets: with a key of any owner and mode, and for a user id without a name."""

import os
import shlex
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.access import ssh as ssh_access
from shared.access.ssh import ssh_command
from shared.errors import StageError

STRANGER = 54321
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    private = tmp_path / "a private folder, 100%"
    private.mkdir()
    return private


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "mounted"
    file.write_text(KEY)
    file.chmod(0o444)
    return file


def options(command: str) -> dict[str, str]:
    """Returns what OpenSSH itself makes of the options."""
    parts = shlex.split(command)
    shown = subprocess.run([*parts, "-G", "git.example"], capture_output=True, text=True, check=True).stdout
    return {name: value for name, _, value in (line.partition(" ") for line in shown.splitlines())}


def refusal_of(folder: Path, key: str = "", known_hosts: str = "") -> str:
    with pytest.raises(StageError) as refused:
        ssh_command(folder, key, known_hosts)
    return str(refused.value)


def test_ssh_asks_nobody_and_does_not_wait_for_ever(folder: Path) -> None:
    known = options(ssh_command(folder, "", ""))
    assert (known["batchmode"], known["connecttimeout"]) == ("yes", "15")
    assert (known["serveraliveinterval"], known["serveralivecountmax"]) == ("15", "3")
    assert known["stricthostkeychecking"] != "false"


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_key_is_copied_as_ssh_demands_it(folder: Path, key: Path, end: str) -> None:
    key.chmod(0o644)
    key.write_bytes(KEY.replace("\n", "\r\n" if "\r" in end else "\n").encode() + end.encode())
    known = options(ssh_command(folder, str(key), ""))
    copied = folder / "ssh-key"
    assert copied.read_text() == f"{KEY}\n"
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    # OpenSSH shows this one as it was given, before it is filled in.
    assert known["identityfile"].replace("%%", "%") == str(copied)
    assert known["identitiesonly"] == "yes"


def test_known_hosts_that_are_given_are_the_only_ones(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("git.example ssh-ed25519 AAAA")
    known = options(ssh_command(folder, "", str(tmp_path / "hosts")))
    assert (folder / "known-hosts").read_text() == "git.example ssh-ed25519 AAAA\n"
    assert known["userknownhostsfile"] == str(folder / "known-hosts")
    assert (known["globalknownhostsfile"], known["stricthostkeychecking"]) == ("/dev/null", "true")


def test_a_missing_file_is_named(folder: Path) -> None:
    assert refusal_of(folder, key="/no/key") == "GIT_SSH_KEY_FILE names /no/key, which is not a file"
    expected = "GIT_SSH_KNOWN_HOSTS_FILE names /no/hosts, which is not a file"
    assert refusal_of(folder, known_hosts="/no/hosts") == expected


def test_a_public_key_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text("ssh-ed25519 AAAA anna@localhost")
    assert refusal_of(folder, key=str(tmp_path / "key.pub")) == (
        f"GIT_SSH_KEY_FILE names {tmp_path / 'key.pub'}, which holds no private key"
    )


def test_a_user_with_a_name_needs_no_wrapper(folder: Path) -> None:
    assert ssh_command(folder, "", "").startswith("ssh -o ")


@pytest.fixture
def strangers_folder() -> Iterator[Path]:
    """A folder of a user id without a name; only root can make one."""
    if os.getuid() != 0:
        pytest.skip("only root can run a program as another user")
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, STRANGER, STRANGER)
        yield Path(name)


START = """
import os, pathlib, subprocess, sys
from shared.access.ssh import ssh_command
folder, key, stranger = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
os.setgroups([])
os.setgid(stranger)
os.setuid(stranger)
command = ssh_command(folder, key, "")
sys.exit(subprocess.run(command + " -p 1 127.0.0.1", shell=True, cwd=folder).returncode)
"""


def said_to_stranger(folder: Path, key: Path | str = "") -> str:
    """Returns what ssh says on stderr to a user id without a name, asked for a port where nobody listens."""
    command = [sys.executable, "-c", START, str(folder), str(key), str(STRANGER)]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
    return subprocess.run(command, env=environment, capture_output=True, text=True).stderr


def test_ssh_starts_for_a_user_id_without_a_name(strangers_folder: Path) -> None:
    if not list(ssh_access._nss_wrappers()):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("libnss-wrapper is not installed")
    said = said_to_stranger(strangers_folder)
    assert "No user exists" not in said
    assert "Connection refused" in said


def test_a_key_that_cannot_be_read_is_named(strangers_folder: Path) -> None:
    key_of_somebody_else = strangers_folder / "key"
    key_of_somebody_else.write_text(KEY)
    key_of_somebody_else.chmod(0o400)
    said = said_to_stranger(strangers_folder, key_of_somebody_else)
    reason = f"Permission denied; let the user id {STRANGER} read it"
    expected = f"GIT_SSH_KEY_FILE names {key_of_somebody_else}, which cannot be read: {reason}"
    assert said.splitlines()[-1].endswith(expected)
