"""Repositories that are damaged, unusual or vast: each is read, or one sentence says what was found and what to do."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import StageError
from stages.dataset.gitops.blobs import Blobs
from stages.dataset.gitops.repository import Entry, Repository
from stages.dataset.source import Source, opened, read_source
from stages.dataset.tests.repositories import (
    AGENT,
    CONFIG,
    CONFIG_PATH,
    RUNBOOK,
    RUNBOOK_PATH,
    TOOLS,
    TOOLS_PATH,
    commit,
    git,
    make,
    read,
)

DAMAGED = "it is damaged or incomplete: look at it with `git fsck`, and clone it anew"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "a" + "\nsize 4096\n"


def source_of(repository: Path | str, revision: str = "", runbook: str = "") -> Source:
    with opened(str(repository)) as repo:
        return read_source(repo, str(repository), revision, AGENT, runbook)


def refused(repository: Path | str, revision: str = "", runbook: str = "") -> str:
    with pytest.raises(StageError) as raised:
        source_of(repository, revision, runbook)
    return str(raised.value)


def object_file(repository: Path, name: str) -> Path:
    """Returns the file of a loose object, which may be written to."""
    oid = git(repository, "rev-parse", name)
    file = repository / ".git/objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    return file


def pack_file(repository: Path, suffix: str) -> Path:
    git(repository, "gc", "--quiet")
    (file,) = (repository / ".git/objects/pack").glob(f"*.{suffix}")
    file.chmod(0o644)
    return file


OBJECTS = {
    "HEAD": "HEAD is at {0:.8}, whose object is missing or damaged",
    "HEAD^{tree}": "",
    "HEAD:flux": "",
    "HEAD:flux/ai": "",
    f"HEAD:flux/ai/{AGENT}/training": "",
    f"HEAD:{RUNBOOK_PATH}": "the object {0} is missing or damaged",
    f"HEAD:{TOOLS_PATH}": "the object {0} is missing or damaged",
}


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "half"])
@pytest.mark.parametrize("name", OBJECTS)
def test_a_damaged_object_is_told(tmp_path: Path, name: str, damage: str) -> None:
    repository = make(tmp_path / "gitops")
    oid, file = git(repository, "rev-parse", name), object_file(repository, name)
    content = file.read_bytes()
    file.write_bytes({"garbage": b"garbage", "half": content[: len(content) // 2]}.get(damage, b""))
    if damage == "missing":
        file.unlink()
    said = refused(repository)
    path = name.removeprefix("HEAD:") + ": " if name.endswith((".md", ".yaml")) else ""
    reason = "" if damage == "half" else OBJECTS[name].format(oid)
    assert said.startswith(f"{path}the repository {repository} cannot be read: {reason}")
    assert DAMAGED in said


def test_a_history_with_a_hole_is_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    file, first = object_file(repository, "HEAD"), git(repository, "rev-parse", "HEAD")
    commit(repository, {"other": "x"})
    file.unlink()
    assert refused(repository).startswith(f"the repository {repository} cannot be read: Could not read {first}")


@pytest.mark.parametrize("suffix", ["pack", "idx"])
@pytest.mark.parametrize("damage", ["cut", "gone", "bits"])
def test_a_damaged_pack_is_told(tmp_path: Path, suffix: str, damage: str) -> None:
    repository = make(tmp_path / "gitops")
    file = pack_file(repository, suffix)
    content = file.read_bytes()
    file.write_bytes(content[:150] if damage == "cut" else bytes(255 - byte for byte in content))
    if damage == "gone":
        file.unlink()
    assert DAMAGED in refused(repository)


@pytest.mark.parametrize("content", ["garbage\n", "", "\0" * 41, "ab" * 20 + "\n"])
def test_a_broken_reference_is_told(tmp_path: Path, content: str) -> None:
    repository = make(tmp_path / "gitops")
    (repository / ".git/refs/heads/main").write_text(content)
    for revision in ("", "main"):
        said = refused(repository, revision)
        assert said.startswith(f"the repository {repository} ")
        assert DAMAGED in said


def test_a_head_that_names_no_branch_asks_for_a_revision(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    git(repository, "symbolic-ref", "HEAD", "refs/heads/gone")
    told = "its default branch gone has no commit: name another as the revision"
    assert refused(repository) == f"the repository {repository} has no revision HEAD; its branches: main; {told}"
    assert source_of(repository, "main").commit == git(repository, "rev-parse", "main")


@pytest.mark.parametrize("file", ["HEAD", "config", "packed-refs"])
def test_a_broken_file_of_git_is_told(tmp_path: Path, file: str) -> None:
    repository = make(tmp_path / "gitops")
    git(repository, "pack-refs", "--all")
    (repository / ".git" / file).write_text("[core\nrubbish ==\n")
    assert refused(repository).startswith(f"the repository {repository} cannot be read: ")


@pytest.mark.parametrize("setting", [("core.repositoryformatversion", "9"), ("extensions.future", "true")])
def test_a_format_that_git_does_not_know_asks_for_a_newer_git(tmp_path: Path, setting: tuple[str, str]) -> None:
    repository = make(tmp_path / "gitops")
    git(repository, "config", "core.repositoryformatversion", "1")
    git(repository, "config", *setting)
    assert refused(repository).endswith("; it needs a newer git than the one that runs here")


def test_an_empty_repository_has_no_revision(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    for address in (str(tmp_path / "empty.git"), f"file://{tmp_path}/empty.git"):
        assert refused(address) == f"the repository {address} has no revision HEAD; its branches: none"


def test_a_folder_inside_a_repository_is_none(tmp_path: Path) -> None:
    folder = make(tmp_path / "gitops") / "flux"
    assert refused(folder) == f"{folder} is no Git repository; give a clone or a bare repository, or a URL"


def test_alternates_are_read_and_missing_ones_are_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    git(tmp_path, "clone", "--quiet", "--shared", "--bare", "gitops", "shared.git")
    assert source_of(tmp_path / "shared.git") == source_of(repository)
    repository.rename(tmp_path / "elsewhere")
    said = refused(tmp_path / "shared.git")
    assert "whose object is missing or damaged; unable to normalize alternate object path: " in said


def test_a_worktree_is_read_and_one_without_its_repository_is_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    last = commit(tmp_path / "linked", {RUNBOOK_PATH: RUNBOOK + "\nMore.\n"})
    assert source_of(tmp_path / "linked").commit == last
    repository.rename(tmp_path / "elsewhere")
    said = f"the repository {tmp_path}/linked cannot be read: not a git repository: "
    assert refused(tmp_path / "linked").startswith(said)


def test_a_repository_of_sha256_is_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    last = commit(tmp_path, {RUNBOOK_PATH: RUNBOOK, TOOLS_PATH: TOOLS, CONFIG_PATH: CONFIG})
    assert len(last) == 64
    assert source_of(tmp_path).commit == source_of(f"file://{tmp_path}").commit == last


def with_date(folder: Path, date: str) -> Path:
    """Makes a repository whose one commit has a date as it stands."""
    repository = make(folder)
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    body = f"tree {tree}\nauthor a <a@b> {date}\ncommitter a <a@b> {date}\n\nx\n".encode()
    command = ["git", "-C", str(repository), "hash-object", "-t", "commit", "-w", "--literally", "--stdin"]
    made = subprocess.run(command, input=body, capture_output=True, check=True).stdout
    (repository / ".git/refs/heads/main").write_bytes(made)
    return repository


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("0 +0000", "1970-01-01T00:00:00+00:00"),
        ("253402300799 +0000", "9999-12-31T23:59:59+00:00"),
        ("4102444800 +1400", "2100-01-01T00:00:00+00:00"),
        ("1766562000 +9999", "2025-12-24T07:40:00+00:00"),
        ("1766562000 -1", "2025-12-24T07:40:00+00:00"),
    ],
)
def test_an_odd_date_is_read(tmp_path: Path, date: str, told: str) -> None:
    assert source_of(with_date(tmp_path / "gitops", date)).committed.isoformat() == told


@pytest.mark.parametrize("date", ["-5 +0000", "253402300800 +0000", 20 * "9" + " +0000", "yesterday", "", "5 o'clock"])
def test_a_date_that_no_calendar_has_is_told(tmp_path: Path, date: str) -> None:
    repository = with_date(tmp_path / "gitops", date)
    last = git(repository, "rev-parse", "HEAD")
    assert refused(repository) == (
        f"commit {last[:8]} of {repository}, the last one that touched the agent's files, has no date that a calendar "
        "knows; make a new commit that touches one of them"
    )


@pytest.mark.parametrize(
    ("path", "what"), [(RUNBOOK_PATH, "runbook"), (CONFIG_PATH, "configuration"), (TOOLS_PATH, "list of functions")]
)
def test_a_pointer_of_lfs_is_not_the_file(tmp_path: Path, path: str, what: str) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {path: LFS})
    reason = f"is a pointer of Git LFS, which does not hold the {what} itself"
    assert refused(repository).startswith(f"{path} {reason}; keep it in Git: `git lfs untrack`, and add it again")


def test_a_page_that_is_a_pointer_of_lfs_is_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {"docs/a.md": RUNBOOK, "docs/b.md": LFS})
    assert refused(repository, runbook="docs").startswith("docs/b.md is a pointer of Git LFS")


def with_submodule(folder: Path, path: str) -> Path:
    repository = make(folder)
    other = make(folder.parent / "other")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), path)
    commit(repository, {})
    return repository


def test_a_submodule_in_the_way_is_told(tmp_path: Path) -> None:
    repository = with_submodule(tmp_path / "gitops", "wiki")
    elsewhere = "is a submodule, whose files another repository has"
    assert refused(repository, runbook="wiki") == f"wiki {elsewhere}; commit the runbook itself"
    path = f"wiki/{RUNBOOK_PATH}"
    assert refused(repository, runbook=path) == f"wiki {elsewhere}; commit the folder of the runbook itself"
    assert refused(repository, runbook="wiki/**/*.md").startswith("no Markdown page has a path such as wiki/**/*.md")


@pytest.mark.parametrize("kind", ["link", "submodule", "file"])
def test_an_agents_home_that_is_no_folder_is_told(tmp_path: Path, kind: str) -> None:
    repository = tmp_path / "gitops"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    (repository / "flux").mkdir()
    if kind == "submodule":
        other = str(make(tmp_path / "other"))
        git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "flux/ai")
    elif kind == "link":
        (repository / "flux/ai").symlink_to("elsewhere")
    else:
        (repository / "flux/ai").write_text("x")
    commit(repository, {})
    names = {"link": "a symbolic link", "submodule": "a submodule", "file": "a file"}
    assert refused(repository).startswith(f"flux/ai is {names[kind]}")


def test_a_folder_and_a_file_in_each_others_place_are_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    (repository / CONFIG_PATH).unlink()
    last = commit(repository, {f"{CONFIG_PATH}/x": "x", "docs": "x"})
    told = f"{CONFIG_PATH} is a folder at commit {last[:8]}; the configuration must be a file"
    assert refused(repository) == told
    assert refused(repository, runbook="docs/a.md") == (
        "docs is a file; the runbook docs/a.md cannot be below it; and 1 more, which `make lint-runbook` tells"
    )


def test_a_name_that_is_no_utf_8_is_told_where_the_page_is_wanted(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {"docs/a.md": RUNBOOK, os.fsdecode(b"docs/caf\xe9.md"): RUNBOOK})
    assert refused(repository, runbook="docs") == r"'docs/caf\udce9.md' has a name that is no UTF-8; rename it"
    assert source_of(repository).pages[0].path == RUNBOOK_PATH


def test_the_stage_and_not_only_the_reading_takes_such_repositories(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    commit(
        tmp_path, {"my docs/“a” & b.md": RUNBOOK, TOOLS_PATH: TOOLS, CONFIG_PATH: CONFIG}, date="1970-01-02T00:00:00Z"
    )
    outputs = read(tmp_path, tmp_path / "out", runbook_path="my docs/“a” & b.md")
    assert outputs.dataset.agent()["committed"] == "1970-01-02T00:00:00+00:00"


class Counting:
    """What is asked of a repository."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.blobs: list[str] = []
        self.entries: list[Entry] = []
        content, listed = Blobs.content, Repository._entries

        def reading(blobs: Blobs, oid: str) -> bytes:
            self.blobs.append(oid)
            return content(blobs, oid)

        def listing(repo: Repository, *arguments: str) -> Any:
            for entry in listed(repo, *arguments):
                self.entries.append(entry)
                yield entry

        monkeypatch.setattr(Blobs, "content", reading)
        monkeypatch.setattr(Repository, "_entries", listing)


def vast(folder: Path) -> Path:
    repository = make(folder)
    commit(
        repository,
        {f"apps/{number % 7}/{number}.yaml": f"n: {number}\n" for number in range(300)}
        | {f"docs/runbooks/{number}.md": RUNBOOK.replace("PodDown", f"Pod{number}Down") for number in range(20)}
        | {f"docs/runbooks/{number}.png": f"{number}" for number in range(50)},
    )
    return repository


@pytest.mark.parametrize(("runbook", "blobs", "most"), [("", 3, 10), ("docs/runbooks/**/*.md", 22, 120)])
def test_only_what_is_wanted_is_listed_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runbook: str, blobs: int, most: int
) -> None:
    repository = vast(tmp_path / "gitops")
    count = Counting(monkeypatch)
    source_of(repository, runbook=runbook)
    assert len(count.blobs) == blobs
    assert len(count.entries) <= most
    assert not any(entry.path.startswith("apps") for entry in count.entries)


def blobs_in(repo: Repository) -> int:
    listed = repo.ask("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    return listed.split("\n").count("blob")


@pytest.mark.parametrize("protocol", ["2", "0"])
def test_a_clone_has_no_blob_that_nobody_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    repository = vast(tmp_path / "gitops")
    git(repository, "config", "uploadpack.allowFilter", "true")
    monkeypatch.setattr("stages.dataset.source.git_environment", _speaking(protocol))
    with opened(f"file://{repository}") as repo:
        assert (repo.is_partial, blobs_in(repo)) == (True, 0)
        source = read_source(repo, "", "", AGENT, "docs/runbooks")
        # An old server gives no single object: then all are fetched.
        assert blobs_in(repo) == (23 if protocol == "2" else 373)
    assert len(source.pages) == 20


def _speaking(protocol: str) -> Callable[..., dict[str, str]]:
    from shared.access.git import git_environment

    def environment(*arguments: Any) -> dict[str, str]:
        known = git_environment(*arguments)
        number = known["GIT_CONFIG_COUNT"]
        setting = {f"GIT_CONFIG_KEY_{number}": "protocol.version", f"GIT_CONFIG_VALUE_{number}": protocol}
        return {**known, **setting, "GIT_CONFIG_COUNT": str(int(number) + 1)}

    return environment


def test_a_server_that_cannot_filter_gives_all(tmp_path: Path) -> None:
    repository = vast(tmp_path / "gitops")
    with opened(f"file://{repository}") as repo:
        assert (repo.is_partial, blobs_in(repo)) == (False, 373)
        assert len(read_source(repo, "", "", AGENT, "docs/runbooks").pages) == 20


def test_a_server_that_goes_away_is_told(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    git(repository, "config", "uploadpack.allowFilter", "true")
    with opened(f"file://{repository}") as repo, pytest.raises(StageError) as raised:
        repository.rename(tmp_path / "elsewhere")
        read_source(repo, "", "", AGENT)
    assert str(raised.value).startswith(f"the repository file://{repository} cannot be read: ")
