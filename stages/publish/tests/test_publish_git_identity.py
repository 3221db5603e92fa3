"""Who commits, and with which signature: what servers demand of a commit can be given, and a bad key is told first."""

import subprocess
from pathlib import Path

import pytest

from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.git.commits.identity import Identity, Person
from stages.publish.main import run
from stages.publish.operate.__main__ import main
from stages.publish.tests.conftest import (
    AGENT,
    OLD,
    PATH,
    VERSION,
    git,
    install_hook,
    nothing_changes,
    publish,
    refusal_of,
)

EMAIL = "bot@acme.example"
NAMES = [f"GIT_{role}_{part}" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")]


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of these tests names nobody."""
    for name in (*NAMES, "GIT_SIGNING_KEY", "GIT_SIGNING_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SSH keys: plain, other, locked by a passphrase, and in PEM."""
    folder = tmp_path_factory.mktemp("ssh-keys")
    made = {"plain": ["-t", "ed25519"], "other": ["-t", "ed25519"], "locked": ["-t", "ed25519"]}
    made |= {"pem": ["-t", "ecdsa", "-m", "PEM"]}
    for name, kind in made.items():
        passphrase = "geheim" if name == "locked" else ""
        subprocess.run(["ssh-keygen", "-q", *kind, "-N", passphrase, "-f", folder / name], check=True)
    return folder


def demand_signatures(repository: Path, key: Path) -> None:
    """Lets the server take commits that a key has signed for EMAIL, and no others, as GitHub tells it."""
    signers = repository / "signers"
    signers.write_text(f"{EMAIL} {key.with_suffix('.pub').read_text()}")
    install_hook(
        repository,
        "pre-receive",
        f"""while read old new ref; do
  signer=$(git -c gpg.ssh.allowedSignersFile={signers} log -1 --format=%G?%GS $new)
  test "$signer" = "G{EMAIL}" || {{ echo '- Commits must have verified signatures.' >&2; exit 1; }}
done""",
    )


def demand_email(repository: Path) -> None:
    """Lets the server take commits of one committer, as a push rule of GitLab's does."""
    install_hook(
        repository,
        "pre-receive",
        f"""while read old new ref; do
  email=$(git log -1 --format=%ce $new)
  test "$email" = "{EMAIL}" && continue
  echo "GitLab: Committer's email '$email' does not follow the pattern '@acme.example'" >&2; exit 1
done""",
    )


def test_nobody_s_commits_are_of_agent_training() -> None:
    assert Identity.read() == Identity.default()
    assert str(Identity.default().committer) == "agent-training <agent-training@localhost>"


@pytest.mark.parametrize("role", ["AUTHOR", "COMMITTER"])
def test_what_is_set_for_one_role_holds_for_both(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    monkeypatch.setenv(f"GIT_{role}_NAME", "Acme Bot")
    monkeypatch.setenv(f"GIT_{role}_EMAIL", EMAIL)
    assert Identity.read() == Identity(Person("Acme Bot", EMAIL), Person("Acme Bot", EMAIL))


def test_author_and_committer_are_those_of_the_environment(
    registered: Inputs, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(NAMES, ["Anna Ö", "anna@acme.example", "Bot", EMAIL], strict=True):
        monkeypatch.setenv(name, value)
    commit = publish(registered).bump_commit
    told = git(repository, "log", "-1", "--format=%an <%ae> %cn <%ce>", commit)
    assert told == f"Anna Ö <anna@acme.example> Bot <{EMAIL}>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_AUTHOR_NAME", "Anna <anna@x>"),
        ("GIT_AUTHOR_NAME", "Anna\ntree 4b825dc"),
        ("GIT_COMMITTER_NAME", "...,"),
        ("GIT_COMMITTER_NAME", "x" * 201),
        ("GIT_AUTHOR_EMAIL", "anna"),
        ("GIT_AUTHOR_EMAIL", "<anna@x>"),
        ("GIT_COMMITTER_EMAIL", "anna@x\nencoding y"),
        ("GIT_COMMITTER_EMAIL", "Anna anna@x"),
    ],
)
def test_what_cannot_stand_in_a_commit_is_refused_before_anything_is_stored(
    registered: Inputs, repository: Path, store: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with nothing_changes(repository, store):
        assert refusal_of(registered).startswith(f"{name} is {value[:80]!r}; give ")


def test_a_server_that_wants_certain_e_mail_addresses_gets_them(
    registered: Inputs, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand_email(repository)
    refused = refusal_of(registered)
    assert "Committer's email 'agent-training@localhost' does not follow the pattern" in refused
    remedy = (
        "set GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_COMMITTER_NAME and GIT_COMMITTER_EMAIL to what the server wants"
    )
    assert refused.endswith(f"the commit is of agent-training <agent-training@localhost>; {remedy}")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", EMAIL)
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")


@pytest.mark.parametrize("key", ["plain", "pem"])
def test_a_server_that_wants_signatures_gets_them(
    registered: Inputs, repository: Path, ssh_keys: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    demand_signatures(repository, ssh_keys / key)
    refused = refusal_of(registered)
    assert "Commits must have verified signatures" in refused
    assert "let GIT_SIGNING_KEY_FILE name a private SSH key without a passphrase" in refused
    assert "deploy.mode" not in refused and "GIT_TOKEN" not in refused
    monkeypatch.setenv("GIT_SIGNING_KEY_FILE", str(ssh_keys / key))
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", EMAIL)
    assert publish(registered).bump_commit == git(repository, "rev-parse", "main")


def test_a_key_that_the_server_does_not_know_is_told_by_its_fingerprint(
    registered: Inputs, repository: Path, ssh_keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand_signatures(repository, ssh_keys / "plain")
    monkeypatch.setenv("GIT_SIGNING_KEY_FILE", str(ssh_keys / "other"))
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", EMAIL)
    listed = subprocess.run(["ssh-keygen", "-lf", ssh_keys / "other.pub"], check=True, capture_output=True, text=True)
    expected = f"the commit is signed by the key {listed.stdout.split()[1]} for agent-training <{EMAIL}>"
    assert f"{expected}; register its public half there" in refusal_of(registered)


def test_a_key_is_used_however_it_is_mounted(
    registered: Inputs, repository: Path, ssh_keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "mounted key"
    mounted.write_bytes((ssh_keys / "plain").read_bytes().replace(b"\n", b"\r\n").rstrip())
    mounted.chmod(0o444)
    monkeypatch.setenv("GIT_SIGNING_KEY_FILE", str(mounted))
    assert "gpgsig" in git(repository, "cat-file", "commit", publish(registered).bump_commit)
    assert not list(tmp_path.rglob("signing-key*"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("locked", "it is locked by a passphrase"),
        ("plain.pub", "it is no private SSH key"),
        ("geheim", "it is no private SSH key"),
    ],
)
def test_a_key_that_cannot_sign_is_told_before_anything_is_stored(
    registered: Inputs,
    repository: Path,
    store: Path,
    ssh_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    reason: str,
) -> None:
    file = ssh_keys / content
    monkeypatch.setenv("GIT_SIGNING_KEY", file.read_text() if file.exists() else content)
    with nothing_changes(repository, store):
        refused = refusal_of(registered)
    made = "`ssh-keygen -t ed25519 -N '' -f <file>` makes one for GIT_SIGNING_KEY_FILE"
    assert refused == f"the key of GIT_SIGNING_KEY cannot sign commits: {reason}; {made}"


def test_a_key_that_is_not_there_is_told(registered: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SIGNING_KEY_FILE", "/no/key")
    assert (
        refusal_of(registered) == "GIT_SIGNING_KEY_FILE names /no/key, which cannot be read: No such file or directory"
    )


def test_without_ssh_keygen_the_missing_program_is_named(
    registered: Inputs, ssh_keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SIGNING_KEY_FILE", str(ssh_keys / "plain"))
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = "GIT_SIGNING_KEY is set, but there is no ssh-keygen; install OpenSSH's client"
    with pytest.raises(StageError, match=expected):
        run(registered, tmp_path)


def test_a_signed_version_is_found_by_the_next_run(
    registered: Inputs, repository: Path, ssh_keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SIGNING_KEY_FILE", str(ssh_keys / "plain"))
    commit = publish(registered).bump_commit
    with nothing_changes(repository):
        again = publish(registered)
    assert (again.bump_commit, again.outcome) == (commit, f"already published: {VERSION}")


def test_a_rollback_is_signed_and_whoever_only_looks_needs_no_key(
    registered: Inputs,
    repository: Path,
    ssh_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish(registered)
    named = ["--agent", AGENT, "--repository", str(repository)]
    put_back = f"data 1\nx\nfrom refs/heads/main^0\nM 100644 inline {PATH}\ndata {len(OLD)}\n{OLD}\n"
    feed = f"commit refs/heads/main\ncommitter A <a@b> 1 +0000\n{put_back}"
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input=feed.encode(), check=True)
    monkeypatch.setenv("GIT_SIGNING_KEY", "no key")
    assert main(["history", *named]) == 0
    assert main(["rollback", *named, "--version", VERSION]) == 1
    assert "the key of GIT_SIGNING_KEY cannot sign commits" in capsys.readouterr().err
    monkeypatch.setenv("GIT_SIGNING_KEY", (ssh_keys / "plain").read_text())
    assert main(["rollback", *named, "--version", VERSION]) == 0
    assert "gpgsig" in git(repository, "cat-file", "commit", "main")
