"""The agent's files are read from Git as of one commit, the last one that changed any of them."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.errors import StageError
from stages.dataset.files import MAX_RUNBOOK
from stages.dataset.source import Source, opened, read_source
from stages.dataset.tests.repositories import AGENT, CONFIG_PATH, RUNBOOK, RUNBOOK_PATH, TOOLS_PATH, commit, git, make


def source_of(repository: Path | str, revision: str = "", agent: str = AGENT, runbook: str = "") -> Source:
    with opened(str(repository)) as repo:
        return read_source(repo, str(repository), revision, agent, runbook)


def refused(repository: Path | str, revision: str = "", agent: str = AGENT, runbook: str = "") -> str:
    with pytest.raises(StageError) as raised:
        source_of(repository, revision, agent, runbook)
    return str(raised.value)


def test_the_three_files_are_read_from_the_default_branch(tiny: Path) -> None:
    source = source_of(tiny)
    assert source.runbook == RUNBOOK
    assert (source.runbook_path, source.config_path, source.tools_path) == (RUNBOOK_PATH, CONFIG_PATH, TOOLS_PATH)
    assert source.commit == git(tiny, "rev-parse", "HEAD")
    assert source.committed == datetime(2025, 12, 24, 8, tzinfo=UTC)


def test_a_file_url_and_a_bare_repository_read_the_same(tiny: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(tiny), "bare.git")
    assert source_of(f"file://{tiny}") == source_of(tmp_path / "bare.git") == source_of(tiny)


def test_an_unknown_agent_names_the_known_ones(homelab: Path) -> None:
    assert refused(homelab, agent="agent-sra") == (
        "there is no agent agent-sra in flux/ai of the repository; it has: agent-auditor, agent-bruno, agent-sre"
    )


def test_a_repository_without_agents_says_so(tmp_path: Path) -> None:
    tmp_path.joinpath("bare").mkdir()
    git(tmp_path / "bare", "init", "--quiet", "--initial-branch=main")
    commit(tmp_path / "bare", {"README.md": "x"})
    assert refused(tmp_path / "bare") == "there is no agent agent-test in flux/ai of the repository; it has: none"


def test_a_missing_repository_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere") == (
        f"the repository {tmp_path}/nowhere is neither a folder that exists nor an http, https, ssh or file URL"
    )


def test_a_url_that_cannot_be_cloned_gives_git_s_reason(tmp_path: Path) -> None:
    assert refused(f"file://{tmp_path}/nowhere.git") == (
        f"the repository file://{tmp_path}/nowhere.git cannot be cloned: '{tmp_path}/nowhere.git' does not "
        "appear to be a git repository; Could not read from remote repository.; "
        "check the address, the right to it, GIT_TOKEN and GIT_SSH_KEY_FILE"
    )


@pytest.mark.parametrize("address", ["--upload-pack=x", "ext::sh -c x", "-x"])
def test_an_address_that_is_an_option_or_a_command_is_refused(address: str) -> None:
    assert refused(address).startswith(f"the repository {address} is neither a folder that exists nor")


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == (f"{tmp_path} is no Git repository; give a clone or a bare repository, or a URL")


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    assert refused(tmp_path) == f"the repository {tmp_path} has no revision HEAD; its branches: none"


def test_a_shallow_clone_is_refused(tmp_path: Path) -> None:
    commit(make(tmp_path / "whole"), {"other": "x"})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{tmp_path}/whole", "shallow")
    assert refused(tmp_path / "shallow") == (
        f"{tmp_path}/shallow is a shallow clone, whose history hides the last change: `git fetch --unshallow`"
    )


def test_an_unknown_revision_names_the_branches(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    git(repository, "branch", "next")
    assert refused(repository, "mian") == (
        f"the repository {repository} has no revision mian; its branches: main, next"
    )


@pytest.mark.parametrize("revision", ["--upload-pack=x", "-x", "HEAD~1", "a..b", "@{1}", "main:flux", "a b", "^main"])
def test_a_revision_that_is_no_name_is_refused(tiny: Path, revision: str) -> None:
    assert refused(tiny, revision) == f"the revision {revision!r} is no name of a branch, tag or commit"


def test_branch_tag_commit_and_short_commit_are_revisions(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "--annotate", "--message", "x", "v1")
    git(repository, "branch", "feature/one")
    commit(repository, {RUNBOOK_PATH: RUNBOOK + "\nMore.\n"})
    for revision in ("v1", "feature/one", first, first[:8]):
        assert source_of(repository, revision).commit == first
    assert source_of(repository).commit != first


def test_a_branch_wins_over_a_tag_of_its_name(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    git(repository, "tag", "main")
    last = commit(repository, {RUNBOOK_PATH: RUNBOOK + "\nMore.\n"})
    assert source_of(repository, "main").commit == last


def test_a_branch_that_only_the_remote_has_is_found_in_a_clone(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    git(repository, "branch", "next")
    git(tmp_path, "clone", "--quiet", "gitops", "clone")
    assert source_of(tmp_path / "clone", "next") == source_of(repository, "next")


@pytest.mark.parametrize("kind", ["tree", "blob"])
def test_a_revision_that_is_no_commit_is_refused(tmp_path: Path, kind: str) -> None:
    repository = make(tmp_path / "gitops")
    thing = git(repository, "rev-parse", "HEAD^{tree}" if kind == "tree" else f"HEAD:{RUNBOOK_PATH}")
    git(repository, "tag", "odd", thing)
    for revision in ("odd", thing):
        assert refused(repository, revision).endswith(f"has no revision {revision}; its branches: main")


def test_the_commit_is_the_last_one_that_touched_the_agent_s_inputs(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    first = source_of(repository)
    commit(repository, {f"flux/ai/{AGENT}/MODEL_VERSION": "v1"}, date="2026-01-01T00:00:00Z")
    assert source_of(repository) == first
    touched = commit(repository, {f"flux/ai/{AGENT}/training/rules.yaml": "x"}, date="2026-01-02T00:00:00Z")
    assert source_of(repository).commit == touched
    assert source_of(repository).committed == datetime(2026, 1, 2, tzinfo=UTC)


def test_a_runbook_at_another_path_counts_for_the_commit(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    other = commit(repository, {"docs/*.md": RUNBOOK + "\nMore.\n"})
    commit(repository, {"docs/b.md": "x"})
    source = source_of(repository, runbook="docs/*.md")
    assert (source.commit, source.runbook) == (other, RUNBOOK + "\nMore.\n")


@pytest.mark.parametrize("path", ["docs/none.md", "../../etc/passwd", "/etc/passwd", ":(top)a", "a//b", "-x"])
def test_a_missing_runbook_is_refused(tiny: Path, path: str) -> None:
    assert refused(tiny, runbook=path) == (
        f"the runbook {path} is missing at commit {git(tiny, 'rev-parse', 'HEAD')[:8]}; add it, or name another path"
    )


@pytest.mark.parametrize(("path", "what"), [(CONFIG_PATH, "configuration"), (TOOLS_PATH, "list of functions")])
def test_a_missing_training_file_is_refused(tmp_path: Path, path: str, what: str) -> None:
    repository = make(tmp_path / "gitops")
    (repository / path).unlink()
    commit(repository, {})
    assert refused(repository).startswith(f"the {what} {path} is missing at commit ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" \n\n", "is empty; write the runbook first"),
        (b"\xef\xbb\xbf", "is empty; write the runbook first"),
        (b"# A\0", "is binary; the runbook must be text"),
        (b"x" * (MAX_RUNBOOK + 1), f"has {MAX_RUNBOOK + 1} bytes; a runbook may have at most {MAX_RUNBOOK}"),
    ],
)
def test_a_runbook_that_is_no_text_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    assert refused(make(tmp_path / "gitops", runbook=content)) == f"{RUNBOOK_PATH} {reason}"


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    (repository / RUNBOOK_PATH).unlink()
    (repository / RUNBOOK_PATH).symlink_to("/etc/passwd")
    commit(repository, {})
    assert refused(repository) == f"{RUNBOOK_PATH} is a symbolic link; commit the runbook itself"


def test_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    windows = b"\xef\xbb\xbf" + RUNBOOK.replace("\n", "\r\n").encode()
    assert source_of(make(tmp_path / "gitops", runbook=windows)).runbook == RUNBOOK


def test_bytes_that_are_not_utf_8_are_replaced(tmp_path: Path) -> None:
    runbook = RUNBOOK.encode() + b"caf\xe9\n"
    assert source_of(make(tmp_path / "gitops", runbook=runbook)).runbook == RUNBOOK + "café\n"


def test_where_a_clone_lies_is_not_part_of_the_source(tmp_path: Path, tiny: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(tiny), "elsewhere")
    assert source_of(tmp_path / "elsewhere") == source_of(tiny)
    assert source_of(tiny).repository == "local"
    assert re.fullmatch("[0-9a-f]{64}", source_of(tiny).runbook_sha256)
