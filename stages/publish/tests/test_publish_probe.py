"""What is known of Git before anything is trained: every fault at once, and nothing changes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.publish.git import pull_request
from stages.publish.git.branch_rules import BranchRules
from stages.publish.git.identity import Identity, Person
from stages.publish.git.probe import Finding, findings
from stages.publish.tests.conftest import git, install_hook, nothing_changes
from tests.git_server import TOKEN, git_over_http
from tests.github_server import GithubServer, github

UNSIGNED = Finding("signing", None, "GIT_SIGNING_KEY is not set")
BOT = "GIT_COMMITTER_EMAIL"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of these tests names nobody, and no GitHub."""
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", BOT, "GIT_SIGNING_KEY", "GIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def found(repository: Path | str, **options: str) -> dict[str, tuple[bool | None, str]]:
    return {each.name: (each.holds, each.found) for each in findings(str(repository), **options)}


def faults(repository: Path | str, **options: str) -> list[str]:
    return [each.found for each in findings(str(repository), **options) if each.holds is False]


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return key


@pytest.mark.parametrize("mode", ["push", "branch"])
def test_a_repository_that_will_do_has_no_fault_and_is_not_changed(repository: Path, mode: str) -> None:
    install_hook(repository, "pre-receive", "exit 1")
    with nothing_changes(repository):
        made = list(findings(str(repository), mode=mode))
    target = "main" if mode == "push" else "agent-training/preflight"
    assert made == [
        Finding("committer", True, "commits are of agent-training <agent-training@localhost>"),
        UNSIGNED,
        Finding("address", True, f"{repository} has 1 branches"),
        Finding("branch", True, "main is there"),
        Finding("push", True, f"the server would take a push to {target}, as far as it tells before one"),
    ]


def test_a_key_that_signs_is_told_by_its_fingerprint(
    repository: Path, signing_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SIGNING_KEY_FILE", str(signing_key))
    holds, told = found(repository)["signing"]
    assert holds and told.startswith("commits are signed by SHA256:")


def test_every_fault_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BOT, "nobody")
    monkeypatch.setenv("GIT_SIGNING_KEY", "geheim")
    told = faults(tmp_path / "missing.git")
    assert [line.split()[0] for line in told] == ["GIT_COMMITTER_EMAIL", "the", "the"]
    assert "the key of GIT_SIGNING_KEY cannot sign commits" in told[1]
    assert told[2].startswith(f"the repository {tmp_path / 'missing.git'} is neither a folder that exists nor ")


def test_a_branch_that_is_not_there_is_told(repository: Path) -> None:
    assert faults(repository, branch="live") == [f"the repository {repository} has no branch live; its branches: main"]


def test_a_checkout_is_told(work: Path) -> None:
    (told,) = faults(work)
    assert told.startswith(f"the branch main is checked out in {work}, where git takes no push to it; ")
    assert faults(work, mode="branch") == []


def test_a_branch_that_leaves_no_room_for_proposals_is_told(repository: Path) -> None:
    git(repository, "branch", "agent-training", "main")
    assert faults(repository) == []
    assert len(faults(repository, mode="branch")) == 1


def test_a_token_that_may_read_and_not_write_is_told(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TOKEN", TOKEN)
    git(repository, "config", "http.receivepack", "false")
    with git_over_http(repository.parent) as (server, _):
        (told,) = faults(f"{server}/{repository.name}")
    assert told.startswith(f"the repository {server}/{repository.name}, branch main, cannot be pushed to: ")
    assert "it refuses the request (403); give the account of GIT_TOKEN or GIT_TOKEN_FILE the right" in told


def test_a_server_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = faults("http://127.0.0.1:9/homelab.git")
    assert told.endswith("its server does not answer; check the address and that the server runs")


# The rules that GitHub tells


@pytest.fixture
def hub(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GithubServer]:
    """A GitHub that has the repository, and rules; the environment has its address and the token."""
    with github(repository) as server:
        monkeypatch.setenv("GITHUB_API_URL", server.api)
        monkeypatch.setenv("GIT_TOKEN", TOKEN)
        monkeypatch.setattr(pull_request, "RETRY", pull_request.RETRY.new(total=0))
        yield server


@pytest.fixture
def address(repository: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the repository below its owner's folder, as GitHub has it."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "acme").mkdir()
    repository.rename(tmp_path / "served" / "acme" / "homelab.git")
    repository.symlink_to(tmp_path / "served" / "acme" / "homelab.git")
    with git_over_http(tmp_path / "served") as (server, _):
        yield f"{server}/acme/homelab.git"


def test_each_rule_that_refuses_the_bump_is_told(hub: GithubServer, address: str) -> None:
    pattern = {"operator": "ends_with", "pattern": "@acme.example", "negate": False}
    hub.rules = {
        "main": [
            {"type": "deletion", "ruleset_id": 1},
            {"type": "required_signatures", "ruleset_id": 1},
            {"type": "pull_request", "ruleset_id": 1, "parameters": {}},
            {"type": "committer_email_pattern", "ruleset_id": 2, "parameters": pattern},
            {"type": "commit_author_email_pattern", "ruleset_id": 2, "parameters": pattern},
        ]
    }
    email = "agent-training@localhost breaks the rule '@acme.example'"
    assert faults(address) == [
        "on main commits must have verified signatures; let GIT_SIGNING_KEY_FILE name an SSH key",
        "on main changes must be made through a pull request; set deploy.mode to pull-request in config.yaml",
        f"on main the committer's e-mail {email}; set GIT_COMMITTER_EMAIL",
        f"on main the author's e-mail {email}; set GIT_AUTHOR_EMAIL",
    ]


def test_a_bump_that_fits_the_rules_has_no_fault(
    hub: GithubServer, address: str, signing_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = {"operator": "regex", "pattern": r"@acme\.example$", "negate": False}
    hub.rules = {"main": [{"type": "required_signatures"}, {"type": "committer_email_pattern", "parameters": pattern}]}
    monkeypatch.setenv("GIT_SIGNING_KEY_FILE", str(signing_key))
    monkeypatch.setenv(BOT, "bot@acme.example")
    assert found(address)["rules"] == (True, "2 rules hold for main, and none is known to refuse the bump")


def test_rules_that_the_token_need_not_follow_are_no_fault(hub: GithubServer, address: str) -> None:
    hub.rules, hub.bypassed = {"main": [{"type": "required_signatures", "ruleset_id": 7}]}, {7}
    assert found(address)["rules"] == (True, "0 rules hold for main, and none is known to refuse the bump")


def test_the_rules_of_a_proposal_s_branch_are_asked_for_where_versions_are_proposed(
    hub: GithubServer, address: str
) -> None:
    hub.rules = {"main": [{"type": "pull_request"}], "agent-training/preflight": [{"type": "required_signatures"}]}
    (told,) = faults(address, mode="pull-request")
    assert told.startswith("on agent-training/preflight commits must have verified signatures; ")


def test_a_server_that_tells_no_rules_is_no_fault(hub: GithubServer, address: str) -> None:
    assert found(address)["rules"] == (None, "the server does not tell its rules for the branch")


@pytest.mark.parametrize(
    ("operator", "pattern", "negate", "holds"),
    [
        ("ends_with", "@acme.example", False, True),
        ("starts_with", "ops", False, False),
        ("contains", "acme", True, False),
        ("regex", "^bot@", False, True),
        ("regex", "(", False, True),
        ("sounds_like", "bot", False, True),
    ],
)
def test_a_pattern_is_read_by_its_operator(operator: str, pattern: str, negate: bool, holds: bool) -> None:
    parameters = {"operator": operator, "pattern": pattern, "negate": negate}
    rules = BranchRules(({"type": "committer_email_pattern", "parameters": parameters},))
    bot = Person("bot", "bot@acme.example")
    assert (list(rules.faults(Identity(bot, bot), is_signed=False, is_proposal=False)) == []) == holds
