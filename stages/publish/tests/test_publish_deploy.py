"""How a version gets into Git: YAML fields that follow it, and branches and pull requests that propose it."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared import names
from shared.errors import StageError
from stages.publish.contract import Inputs, Outputs
from stages.publish.git import pull_request
from stages.publish.git.pull_request import PullRequests
from stages.publish.tests.conftest import (
    AGENT,
    DECISION,
    MODEL,
    OLD,
    PATH,
    VERSION,
    aliases,
    deploying,
    git,
    install_hook,
    nothing_changes,
    publish,
    push,
    refusal_of,
)
from tests.git_server import TOKEN, git_over_http
from tests.github_server import NAME, OWNER, PAGE, GithubServer, github

MANIFEST = f"flux/ai/{AGENT}/k8s/agent.yaml"
YAML = """# by hand\r
spec:\r
  ai: {model: "agent:none"}  # {"$imagepolicy": "x"}\r
  env:\r
    - name: MODEL_NAME\r
      value: agent:none\r
"""
FIELDS = [
    {"file": "k8s/agent.yaml", "field": "spec.ai.model", "value": "{agent}:{version}"},
    {"file": "k8s/agent.yaml", "field": "spec.env[name=MODEL_NAME].value", "value": "{name}"},
]
PROPOSAL = f"agent-training/{AGENT}/{VERSION}"
AFTERWARDS = f"`make reconcile AGENT={AGENT}` makes it the champion afterwards"


def status(client: MlflowClient) -> str:
    return str(client.get_model_version(MODEL, "2").tags[names.STATUS_TAG])


@pytest.fixture
def manifest(work: Path, repository: Path) -> str:
    """The path of a YAML file in the repository, which a person has made executable."""
    (work / MANIFEST).parent.mkdir()
    (work / MANIFEST).write_bytes(YAML.encode())
    (work / MANIFEST).chmod(0o755)
    git(work, "add", ".")
    push(work, "Add the manifest")
    return MANIFEST


def test_the_fields_change_with_the_version_in_one_commit(registered: Inputs, repository: Path, manifest: str) -> None:
    made = publish(deploying(registered, fields=FIELDS)).bump_commit
    assert git(repository, "diff-tree", "-r", "--no-commit-id", "--name-only", made).split() == [PATH, manifest]
    assert git(repository, "show", f"main:{PATH}") == VERSION
    expected = YAML.replace('"agent:none"', f'"{AGENT}:{VERSION}"')
    expected = expected.replace("agent:none", f"{AGENT}-functiongemma-{VERSION[1:]}")
    command = ["git", "-C", repository, "cat-file", "blob", f"main:{manifest}"]
    assert subprocess.run(command, check=True, capture_output=True).stdout == expected.encode()
    assert git(repository, "ls-tree", "main", manifest).split()[0] == "100755"


def test_it_is_done_when_the_fields_are_right_too(
    registered: Inputs, repository: Path, work: Path, manifest: str
) -> None:
    first = publish(deploying(registered, fields=FIELDS))
    with nothing_changes(repository):
        assert publish(registered).bump_commit == first.bump_commit
    git(work, "pull", "-q", "origin", "main")
    (work / manifest).write_bytes((work / manifest).read_bytes().replace(f"{AGENT}:{VERSION}".encode(), b"other"))
    push(work, "Break it")
    mended = publish(registered)
    assert git(repository, "diff-tree", "-r", "--no-commit-id", "--name-only", mended.bump_commit) == manifest
    assert git(repository, "rev-parse", f"main:{manifest}") == git(
        repository, "rev-parse", f"{first.bump_commit}:{manifest}"
    )


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (FIELDS[0] | {"field": "spec.ai.modle"}, ", line 3: spec.ai has no modle; did you mean model?"),
        (FIELDS[0] | {"file": "k8s/other.yaml"}, " is missing in {repository}; {names_it}"),
        (FIELDS[0] | {"file": "none/other.yaml"}, " is missing in {repository}; {names_it}: {path}"),
        (FIELDS[0] | {"file": "k8s/link.yaml"}, " in {repository} is no regular file; replace it by one"),
        (FIELDS[0] | {"file": "k8s/latin.yaml"}, " in {repository} is not UTF-8 text; save it as that"),
    ],
)
def test_a_field_that_cannot_be_bumped_is_told_before_anything_is_stored(
    registered: Inputs,
    repository: Path,
    work: Path,
    store: Path,
    database: Path,
    manifest: str,
    field: dict[str, str],
    reason: str,
) -> None:
    (work / manifest).with_name("link.yaml").symlink_to("agent.yaml")
    (work / manifest).with_name("latin.yaml").write_bytes(b"a: \xe4\n")
    push(work, "Add odd files")
    with nothing_changes(repository, store, database):
        told = refusal_of(deploying(registered, fields=[field]))
    path = f"flux/ai/{AGENT}/{field['file']}"
    shown = path if "path" not in reason else f"flux/ai/{AGENT}/none"
    names_it = "deploy.fields of the agent's config.yaml names it"
    assert told == shown + reason.format(repository=repository, names_it=names_it, path=path)


SHAPE = "it must hold mode, formats and fields, each with the texts file, field and value"


def test_a_block_that_dataset_would_not_have_passed_is_refused(registered: Inputs, store: Path) -> None:
    for deploy, reason in (
        ({"mode": "pr"}, "'pr' is no mode; it must be one of push, branch, pull-request"),
        ({"fields": [{"file": "a.yaml"}]}, SHAPE),
        ({"servers": [{"kind": "ollama"}]}, SHAPE),
        ({"servers": [{"kind": "x", "url": "http://o"}]}, "'x' is no kind of server; known here: ollama, openai"),
        (
            {"servers": [{"kind": "ollama", "url": "http://o", "kep": 1}]},
            "servers hold 'kep', which is not known; did you mean keep?",
        ),
        ({"fields": [FIELDS[0] | {"file": "../a.yaml"}]}, "'../a.yaml' must be a path below the agent's folder"),
    ):
        with nothing_changes(store):
            told = refusal_of(deploying(registered, **deploy))
        file = registered.dataset.path / "agent.json"
        assert told.startswith(f"config.deploy in {file} cannot be used: {reason}")


def test_a_branch_proposes_and_changes_nothing_else(
    registered: Inputs, repository: Path, store: Path, client: MlflowClient
) -> None:
    outputs = publish(deploying(registered, mode="branch"))
    uri = f"{store.as_uri()}/{AGENT}/{VERSION}"
    told = f"accuracy 0.90, stored at {uri}, MODEL_VERSION bumped in {repository} on {PROPOSAL}"
    assert outputs == Outputs(
        f"proposed {VERSION}: {told}, waiting for the merge; {AFTERWARDS}",
        uri,
        uri,
        git(repository, "rev-parse", PROPOSAL),
    )
    assert git(repository, "show", f"main:{PATH}") == OLD
    assert git(repository, "rev-parse", f"{PROPOSAL}^") == git(repository, "rev-parse", "main")
    assert (aliases(client), status(client)) == ({"champion": "1"}, "proposed")


def test_a_proposal_is_made_once(registered: Inputs, repository: Path, store: Path, database: Path, work: Path) -> None:
    first = publish(deploying(registered, mode="branch"))
    push(work, "Go on", **{"README.md": "# home\n"})
    with nothing_changes(repository, store, database):
        again = publish(registered)
    assert again.bump_commit == first.bump_commit
    assert again.outcome == f"already proposed: {VERSION}, waiting for the merge; {AFTERWARDS}"


def test_a_merged_proposal_is_published(registered: Inputs, repository: Path, client: MlflowClient) -> None:
    first = publish(deploying(registered, mode="branch"))
    git(repository, "update-ref", "refs/heads/main", PROPOSAL)
    git(repository, "branch", "-D", PROPOSAL)
    merged = publish(registered)
    assert (merged.outcome.split(":")[0], merged.bump_commit) == (f"published {VERSION}", first.bump_commit)
    assert (aliases(client), status(client)) == ({"champion": "2", "previous": "1"}, "published")


def test_a_proposal_that_somebody_changed_is_completed_on_top(registered: Inputs, repository: Path, work: Path) -> None:
    git(work, "checkout", "-q", "-b", PROPOSAL)
    git(work, "push", "-q", "origin", PROPOSAL)
    made = publish(deploying(registered, mode="branch")).bump_commit
    assert git(repository, "rev-parse", PROPOSAL) == made
    assert git(repository, "show", f"{PROPOSAL}:{PATH}") == VERSION


def test_a_branch_that_leaves_no_room_for_a_proposal_is_named(
    registered: Inputs, repository: Path, store: Path
) -> None:
    git(repository, "branch", "agent-training", "main")
    with nothing_changes(repository, store):
        told = refusal_of(deploying(registered, mode="branch"))
    reason = f"its branch agent-training leaves no room for a branch {PROPOSAL}"
    assert told == f"the repository {repository} cannot be pushed to: {reason}; rename it"


def test_a_protected_branch_can_be_proposed_to(registered: Inputs, repository: Path) -> None:
    script = (
        'while read old new ref; do test $ref != refs/heads/main || { echo "main is protected" >&2; exit 1; }; done'
    )
    install_hook(repository, "pre-receive", script)
    refused = refusal_of(registered)
    assert "main is protected" in refused
    remedy = "set deploy.mode to branch or pull-request in config.yaml, or let the account push to this branch"
    assert refused.endswith(f"main is protected; {remedy}")
    assert publish(deploying(registered, mode="branch")).outcome.startswith("proposed ")


@pytest.fixture
def hub(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GithubServer]:
    """A GitHub that has the repository; the environment has its address and the token."""
    with github(repository) as server:
        monkeypatch.setenv("GITHUB_API_URL", server.api)
        monkeypatch.setenv("GIT_TOKEN", TOKEN)
        monkeypatch.setattr(pull_request, "RETRY", pull_request.RETRY.new(backoff_factor=0))
        yield server


@pytest.fixture
def proposing(registered: Inputs, hub: GithubServer, tmp_path: Path) -> Iterator[Inputs]:
    """The inputs of an agent that proposes by pull requests, in a repository acme/homelab on a server."""
    served = tmp_path / "served" / OWNER
    served.mkdir(parents=True)
    (served / f"{NAME}.git").symlink_to(hub.repository)
    with git_over_http(served.parent) as (address, _):
        yield replace(deploying(registered, mode="pull-request"), repository=f"{address}/{OWNER}/{NAME}.git")


def test_a_pull_request_says_what_the_commit_says(
    proposing: Inputs, hub: GithubServer, store: Path, client: MlflowClient
) -> None:
    outputs = publish(proposing)
    (pull,) = hub.pulls
    assert (pull["title"], pull["head"]["ref"], pull["base"]["ref"]) == (f"Bump {AGENT} to {VERSION}", PROPOSAL, "main")
    assert pull["body"].startswith(f"A{DECISION[1:]}.\n\n| | |\n|---|---|\n| Model-Version | `{VERSION}` |\n")
    assert "| Mlflow-Run | `0123abcd` |\n" in pull["body"]
    assert pull["body"].endswith(f"| Model | `{store.as_uri()}/{AGENT}/{VERSION}` |\n")
    assert outputs.outcome.endswith(f", waiting for the merge of {PAGE}/1; {AFTERWARDS}")
    assert TOKEN not in pull["body"] + outputs.outcome
    assert (aliases(client), status(client)) == ({"champion": "1"}, "proposed")


def test_an_open_pull_request_is_kept_and_a_merged_one_is_published(
    proposing: Inputs, hub: GithubServer, store: Path, database: Path, client: MlflowClient
) -> None:
    first = publish(proposing)
    with nothing_changes(hub.repository, store, database):
        assert publish(proposing).outcome.startswith(f"already proposed: {VERSION}, waiting for the merge of {PAGE}/1")
    assert len(hub.pulls) == 1
    hub.merge_pull(1)
    merged = publish(proposing)
    assert (merged.outcome.split(":")[0], merged.bump_commit) == (f"published {VERSION}", first.bump_commit)
    assert aliases(client) == {"champion": "2", "previous": "1"}


def test_a_run_that_was_cut_off_before_the_pull_request_opens_it(proposing: Inputs, hub: GithubServer) -> None:
    first = publish(deploying(proposing, mode="branch"))
    again = publish(deploying(proposing, mode="pull-request"))
    assert [pull["html_url"] for pull in hub.pulls] == [f"{PAGE}/1"]
    assert again.bump_commit == first.bump_commit


def test_a_pull_request_that_somebody_closed_stays_closed(
    proposing: Inputs, hub: GithubServer, store: Path, database: Path
) -> None:
    publish(proposing)
    hub.close_pull(1)
    hub.git("branch", "-D", PROPOSAL)
    with nothing_changes(hub.repository, store, database):
        told = refusal_of(proposing)
    reason = f"somebody closed the pull request {PAGE}/1 without merging it"
    assert told == f"{reason}; reopen it to propose this version again, or train another one"


def test_a_merge_that_was_taken_back_is_told(proposing: Inputs, hub: GithubServer) -> None:
    publish(proposing)
    tip = hub.git("rev-parse", "main")
    hub.merge_pull(1)
    hub.git("update-ref", "refs/heads/main", tip)
    expected = f"the pull request {PAGE}/1 was merged, but main does not hold its change"
    assert refusal_of(proposing) == f"{expected}; merge it into main anew, or train another version"


ADDRESS = "https://git.example/acme/homelab.git"


def opened(address: str = ADDRESS) -> str:
    return PullRequests.of(address).open("proposal", "main", "Bump", "Because")


def failure_of(address: str = ADDRESS) -> str:
    with pytest.raises(StageError) as refused:
        opened(address)
    assert TOKEN not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def proposal(hub: GithubServer, work: Path) -> None:
    """A branch `proposal` that is one commit ahead."""
    git(work, "checkout", "-q", "-b", "proposal")
    git(work, "commit", "-q", "--allow-empty", "-m", "Propose")
    git(work, "push", "-q", "origin", "proposal")


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example/acme/homelab",
        "https://anna:geheim@git.example:8443/acme/homelab.git/",
        "ssh://git@git.example:2222/acme/homelab.git",
        "git@git.example:acme/homelab.git",
    ],
)
def test_owner_and_repository_are_read_from_an_address(proposal: None, hub: GithubServer, address: str) -> None:
    assert opened(address) == f"{PAGE}/1"


@pytest.mark.parametrize("address", ["/srv/homelab.git", "file:///srv/acme/homelab.git", "https://git.example/homelab"])
def test_an_address_without_owner_and_repository_is_refused(hub: GithubServer, address: str) -> None:
    told = f"deploy.mode is pull-request, but the repository {address} is no https or ssh address of the form"
    assert failure_of(address) == f"{told} https://github.com/<owner>/<repository>; set mode to push or branch"


def test_another_host_than_github_needs_its_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_API_URL", raising=False)
    told = f"the repository {ADDRESS} is not on github.com; let GITHUB_API_URL name the API of git.example"
    assert failure_of() == told


def test_without_a_token_there_is_no_pull_request(hub: GithubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_TOKEN")
    assert failure_of() == "deploy.mode is pull-request, and GitHub's API wants a token; set GIT_TOKEN"


def test_a_wrong_token_is_told_without_it(hub: GithubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TOKEN", "wrong-geheim")
    told = f"GitHub's API at {hub.api} answers 401: it does not accept the token; check GIT_TOKEN or GIT_TOKEN_FILE"
    assert failure_of() == told


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (403, "it refuses the request; give the account of GIT_TOKEN the right to write pull requests"),
        (404, "it shows no such repository; check the address, and the right of GIT_TOKEN to read it"),
        (422, "as the test wants it; mend that, and run again"),
        (500, "as the test wants it; run again later"),
    ],
)
def test_what_the_api_refuses_is_told(hub: GithubServer, status: int, told: str) -> None:
    hub.failures = [status] * 4
    assert failure_of() == f"GitHub's API at {hub.api} answers {status}: {told}"


def test_a_busy_api_is_asked_again(proposal: None, hub: GithubServer) -> None:
    hub.failures = [502, 503]
    assert opened() == f"{PAGE}/1"


def test_a_head_without_commits_is_told(hub: GithubServer) -> None:
    hub.git("branch", "proposal", "main")
    told = "Validation Failed; No commits between main and proposal; mend that, and run again"
    assert failure_of() == f"GitHub's API at {hub.api} answers 422: {told}"


def test_an_api_that_is_down_or_elsewhere_is_told(hub: GithubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.failures, hub.location = [301], "https://127.0.0.1/elsewhere"
    assert failure_of() == f"GitHub's API at {hub.api} redirects elsewhere; correct GITHUB_API_URL"
    hub.failures, hub.location = [200], ""
    assert failure_of() == f"{hub.api} answers like no API of GitHub's; correct GITHUB_API_URL"
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    told = "GitHub's API at http://127.0.0.1:9 does not answer (ConnectionError)"
    assert failure_of() == f"{told}; check GITHUB_API_URL and that the server is well, and run again"
    monkeypatch.setenv("GITHUB_API_URL", "api.github.example")
    assert failure_of() == "GITHUB_API_URL is no address of an API, such as https://github.example.com/api/v3"
