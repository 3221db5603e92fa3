"""A runbook of many pages: which files they are, what each teaches, and how each is named to people."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import StageError
from stages.dataset.author.__main__ import main
from stages.dataset.files import Page
from stages.dataset.gitops import pages as finding
from stages.dataset.gitops.folder import Folder, missing_pages
from stages.dataset.gitops.pattern import Pattern
from stages.dataset.pages import read_pages
from stages.dataset.source import Source, opened, read_source
from stages.dataset.tests.repositories import (
    AGENT,
    CONFIG,
    CONFIG_PATH,
    RUNBOOK,
    RUNBOOK_PATH,
    commit,
    git,
    make,
    read,
)

INDEX = "# All runbooks\n\n- [Pods](pods/down.md)\n- [Nodes](../RUNBOOK.md)\n"


def page(name: str) -> str:
    return RUNBOOK.replace("PodDown", name)


PAGES = {
    "docs/runbooks/README.md": INDEX,
    "docs/runbooks/nodes.md": page("NodeDown"),
    "docs/runbooks/pods/down.md": page("PodDown"),
    "docs/runbooks/pods/deep/full.markdown": page("DiskFull"),
    "docs/runbooks/pods/picture.txt": "a picture",
    "docs/other.md": page("Other"),
}


@pytest.fixture(scope="module")
def wiki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with pages; not to be changed."""
    repository = make(tmp_path_factory.mktemp("wiki") / "gitops")
    commit(repository, PAGES, date="2025-12-25T10:00:00+00:00")
    return repository


def source_of(repository: Path, runbook: str = "") -> Source:
    with opened(str(repository)) as repo:
        return read_source(repo, str(repository), "", AGENT, runbook)


def paths_of(repository: Path, runbook: str = "") -> list[str]:
    return [page.path for page in source_of(repository, runbook).pages]


def refused(repository: Path, runbook: str) -> str:
    with pytest.raises(StageError) as raised:
        source_of(repository, runbook)
    return str(raised.value)


OWN = RUNBOOK_PATH.removesuffix("/docs/RUNBOOK.md")
RUNBOOKS = [
    "docs/runbooks/README.md",
    "docs/runbooks/nodes.md",
    "docs/runbooks/pods/deep/full.markdown",
    "docs/runbooks/pods/down.md",
]


@pytest.mark.parametrize(
    ("runbook", "paths"),
    [
        ("docs/runbooks", RUNBOOKS),
        ("docs/runbooks/", RUNBOOKS),
        ("./docs/runbooks", RUNBOOKS),
        ("docs/runbooks/**", RUNBOOKS),
        ("docs/**/runbooks/**", RUNBOOKS),
        ("docs/runbooks/**/*.md", [path for path in RUNBOOKS if path.endswith(".md")]),
        ("docs/runbooks/*.md", RUNBOOKS[:2]),
        ("docs/runbooks/p*/d*.md", RUNBOOKS[3:]),
        ("docs/runbooks/node?.md", RUNBOOKS[1:2]),
        ("docs/runbooks/[mn]odes.md", RUNBOOKS[1:2]),
        ("**/full.markdown", RUNBOOKS[2:3]),
        ("docs/runbooks/**/*.txt", ["docs/runbooks/pods/picture.txt"]),
        ("docs/other.md, docs/runbooks/pods", ["docs/other.md", *RUNBOOKS[2:]]),
        ("docs/runbooks/pods,docs/runbooks/**/down.md,", RUNBOOKS[2:]),
        ("docs/runbooks/nodes.md", RUNBOOKS[1:2]),
        ("", [RUNBOOK_PATH]),
    ],
)
def test_a_folder_a_pattern_and_several_of_them_name_pages(wiki: Path, runbook: str, paths: list[str]) -> None:
    assert paths_of(wiki, runbook) == paths
    found = finding.find_pages(Folder(wiki), [runbook or RUNBOOK_PATH], faults := [], OWN)
    assert (list(found.paths), faults) == (paths, [])


@pytest.mark.parametrize(
    ("runbook", "reason"),
    [
        (
            "docs/runbook/**/*.md",
            "no Markdown page has a path such as docs/runbook/**/*.md{at}; docs has: other.md, runbooks/",
        ),
        ("doc/*.md", "no Markdown page has a path such as doc/*.md{at}; the repository has: docs/, flux/"),
        ("docs/*.txt", "no Markdown page has a path such as docs/*.txt{at}; docs has: other.md, runbooks/"),
        ("flux/ai/agent-test/training", "the folder {0} holds no Markdown page{at}; {0} has: config.yaml, tools.yaml"),
        ("docs/none.md, docs/other.md", "the runbook docs/none.md is missing{at}; add it, or name another path"),
        ("../*.md", "../*.md is no pattern of paths; write it from the repository's root, with / between folders"),
        (
            "/docs/*.md",
            "/docs/*.md is no pattern of paths; write it from the repository's root, with / between folders",
        ),
        (
            "docs\\*.md",
            "docs\\*.md is no pattern of paths; write it from the repository's root, with / between folders",
        ),
        (" , ", "runbook_path is ' , ', which names nothing; write a path, or leave it empty"),
    ],
)
def test_what_names_no_page_is_told_with_what_is_there(wiki: Path, runbook: str, reason: str) -> None:
    at = f" at commit {git(wiki, 'rev-parse', 'HEAD')[:8]}"
    assert refused(wiki, runbook) == reason.format(runbook, at=at)


def test_a_path_that_exists_is_itself_whatever_characters_it_has(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    names = ("a, b.md", "*.md", "[x].md", ":(glob)y.md", "q'u\"o.md", "new\nline.md", "ü 🙂.md", "-x.md", "back\\.md")
    commit(repository, {f"docs/{name}": page(f"Alert{number}") for number, name in enumerate(names)})
    for name in names:
        assert paths_of(repository, f"docs/{name}") == [f"docs/{name}"]
    assert paths_of(repository, "docs") == sorted(f"docs/{name}" for name in names)
    assert paths_of(repository, "docs/[x].md,docs/ü 🙂.md") == ["docs/[x].md", "docs/ü 🙂.md"]
    assert read(repository, tmp_path / "out", runbook_path="docs").rows


@pytest.mark.parametrize(
    ("pattern", "path", "is_one"),
    [
        ("a/**/b.md", "a/b.md", True),
        ("a/**/b.md", "a/x/y/b.md", True),
        ("a/**/b.md", "ab.md", False),
        ("a/**", "a/x/y", True),
        ("a/**", "a", False),
        ("**/b.md", "b.md", True),
        ("**/**/b.md", "x/b.md", True),
        ("a/*/b.md", "a/b.md", False),
        ("a/*/b.md", "a/x/y/b.md", False),
        ("a/x**.md", "a/xyz.md", True),
        ("a/x**.md", "a/x/y.md", False),
        ("a/?.md", "a/b.md", True),
        ("a/?.md", "a/.md", False),
        ("a/[!b].md", "a/c.md", True),
        ("a/[^b].md", "a/b.md", False),
        ("*.md", "A.MD", False),
        ("a/*.md", "a/.hidden.md", True),
    ],
)
def test_a_pattern_is_read_as_git_reads_it(pattern: str, path: str, is_one: bool, tmp_path: Path) -> None:
    assert Pattern(pattern).matches(path) is is_one
    git(tmp_path, "init", "--quiet")
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    git(tmp_path, "add", "--all")
    assert bool(git(tmp_path, "ls-files", "--", Pattern(pattern).pathspec)) is is_one


@given(st.lists(st.sampled_from(["**", "*", "a", "a*", "?"]), min_size=1, max_size=40), st.integers(1, 60))
def test_no_pattern_takes_long(parts: list[str], depth: int) -> None:
    Pattern("/".join([*parts, "z"])).matches("/".join(["a" * 50] * depth))


def test_a_long_pattern_of_many_stars_is_matched_at_once() -> None:
    assert not Pattern("/".join(["**", "a*a*a*a*b"] * 50)).matches("/".join(["a" * 1000] * 200))


def test_each_page_is_read_by_itself_and_names_its_page() -> None:
    full = "# DiskFull\n\n## Resolution\n\n```\nkubectl delete pod <pod> -n <namespace>\n```\n"
    alerts, without = read_pages([Page("docs/a.md", page("One")), Page("index.md", INDEX), Page("docs/b.md", full)])
    assert [(alert.name, alert.place) for alert in alerts] == [
        ("One", "docs/a.md, line 1"),
        ("DiskFull", "docs/b.md, line 1"),
    ]
    assert [command.place for alert in alerts for command in alert.commands] == [
        "docs/a.md, line 15",
        "docs/b.md, line 6",
    ]
    assert without == ["index.md"]


def test_a_single_page_names_lines_alone(wiki: Path) -> None:
    source = source_of(wiki, "docs/runbooks/n*.md")
    (alert,) = read_pages(source.pages)[0]
    assert (source.runbook_path, alert.place, alert.commands[0].place) == (
        "docs/runbooks/nodes.md",
        "line 1",
        "line 15",
    )


def lint(repository: Path, *options: str, status: int = 0) -> None:
    assert main(["lint", "--agent", AGENT, "--repository", str(repository), *options]) == status


def test_lint_tells_the_page_and_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = make(tmp_path / "gitops")
    odd = "## Alert: Odd\n\n### Fix\n\n`kubectl delete pod <victim> -n <ns>`\n"
    commit(
        repository, {"docs/a b.md": page("PodDown") + "\n" + odd, "docs/index.md": INDEX, "docs/z.md": page("PodDown")}
    )
    lint(repository, "--runbook-path", "docs")
    assert capsys.readouterr().out.splitlines() == [
        "docs/a b.md:3  ok      PodDown  pod-restart(name={pod}, namespace={namespace})",
        "              taught by docs/a b.md, line 15, under Resolution: "
        "kubectl delete pod {{ $labels.pod }} -n {{ $labels.namespace }}",
        "docs/a b.md:18 no rows Odd      docs/a b.md, line 22: <victim> (for name) is no known alert label; "
        "name one under placeholders in tools.yaml",
        "docs/z.md:1    no rows PodDown  repeats the alert of docs/a b.md, line 3",
        "1 alerts teach a call, 0 teach that none is due, 2 teach nothing until you decide; 0 warnings, 0 errors; "
        "1 of 3 pages document no alert",
    ]
    lint(repository, "--runbook-path", "docs", "--format", "json")
    assert [(each["file"], each["line"]) for each in json.loads(capsys.readouterr().out)] == [
        ("docs/a b.md", 3),
        ("docs/a b.md", 18),
        ("docs/z.md", 1),
    ]


def test_two_calls_for_one_alert_name_both_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = make(tmp_path / "gitops")
    commit(
        repository, {"docs/a.md": page("PodDown"), "docs/b.md": page("PodDown").replace("labels.pod", "labels.node")}
    )
    lint(repository, "--runbook-path", "docs", "--format", "json", status=1)
    (error,) = (each for each in json.loads(capsys.readouterr().out) if each["level"] == "error")
    assert error["says"].startswith(
        "PodDown teaches two calls: pod-restart (docs/a.md, line 15) and pod-restart (docs/b.md"
    )


def test_a_fault_of_a_page_is_shown_at_that_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {"docs/a.md": page("PodDown"), "docs/my page.md": b"\0\0", "docs/other.md": b"\0"})
    lint(repository, "--runbook-path", "docs", "--format", "github", status=1)
    assert capsys.readouterr().out.splitlines() == [
        "::error file=docs/my page.md::docs/my page.md is binary; the runbook must be text",
        "::error file=docs/other.md::docs/other.md is binary; the runbook must be text",
    ]


def test_a_fault_of_no_file_is_shown_at_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lint(make(tmp_path / "gitops"), "--runbook-path", "docs/**/*.md", "--format", "github", status=1)
    told = "no Markdown page has a path such as docs/**/*.md; the repository has: flux/"
    assert capsys.readouterr().out == f"::error::{told}\n"


def test_the_stage_tells_of_pages(tmp_path: Path, wiki: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = read(wiki, tmp_path / "out", runbook_path="docs/runbooks")
    head = git(wiki, "rev-parse", "HEAD")
    log = capsys.readouterr().err.splitlines()
    assert log[0] == f"reading docs/runbooks, 4 pages, as of commit {head[:8]}"
    assert "1 pages document no alert: docs/runbooks/README.md" in log
    agent = outputs.dataset.agent()
    assert (agent["runbook"]["path"], list(agent["runbook"]["pages"])) == ("docs/runbooks", RUNBOOKS)
    card = json.loads((outputs.dataset.path / "card.json").read_text())
    assert card["source"]["pages"] == RUNBOOKS
    assert card["source"]["pages_without_alert"] == ["docs/runbooks/README.md"]
    assert {alert for alert in card["alerts"] if alert[0] != "("} == {"NodeDown", "PodDown", "DiskFull"}
    told = f"Made from `docs/runbooks` (4 pages, of which 1 document no alert) as of commit `{head}`"
    assert told in (outputs.dataset.path / "README.md").read_text()


def test_pages_without_any_alert_are_an_error(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {"docs/a.md": INDEX, "docs/b.md": INDEX, "docs/empty.md": ""})
    with pytest.raises(StageError, match=r"^docs documents no alert on 3 pages; head each one with its name"):
        read(repository, tmp_path / "out", runbook_path="docs")


def test_secrets_of_every_page_are_redacted(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    secret = "AKIA" + "Q7XZ2MPLTR9WVB3K"
    commit(repository, {f"docs/{n}.md": page(f"Alert{n}").replace("does not", f"with {secret} does not") for n in "ab"})
    dataset = read(repository, tmp_path / "out", runbook_path="docs").dataset.path
    assert json.loads((dataset / "card.json").read_text())["dropped"]["secrets"] == 2
    assert not any(secret in file.read_text() for file in dataset.iterdir())


def test_a_link_among_the_pages_is_not_followed_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = make(tmp_path / "gitops")
    (repository / "docs").mkdir()
    (repository / "docs/link.md").symlink_to("../flux/ai/agent-test/docs/RUNBOOK.md")
    commit(repository, {"docs/a.md": page("One"), "docs/b.md": page("Two")})
    assert paths_of(repository, "docs") == ["docs/a.md", "docs/b.md"]
    lint(repository, "--runbook-path", "docs")
    assert "docs/link.md is a symbolic link, and was not read as a page" in capsys.readouterr().out


@pytest.mark.parametrize("runbook", ["docs", "docs/**/*.md", "docs/a.md,docs/d/**"])
def test_the_commit_is_the_last_one_that_touched_a_page_also_one_that_is_gone(tmp_path: Path, runbook: str) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {"docs/a.md": page("One"), "docs/d/b.md": page("Two"), "docs/d/c.md": page("Three")})
    commit(repository, {"docs/d/picture.png": "x", "README.md": "x"})
    changed = commit(repository, {"docs/d/b.md": page("Two") + "\nMore.\n"})
    commit(repository, {"other.md": "x", "docs/z.txt": "x"})
    assert source_of(repository, runbook).commit == changed
    git(repository, "rm", "--quiet", "docs/d/b.md")
    removed = commit(repository, {})
    commit(repository, {"other.md": "y"})
    assert source_of(repository, runbook).commit == removed
    git(repository, "mv", "docs/d/c.md", "docs/d/e.md")
    renamed = commit(repository, {})
    commit(repository, {"other.md": "z"})
    assert source_of(repository, runbook).commit == renamed


@pytest.mark.parametrize("folder", ["a [x] *", "back\\slash", "?", ":(glob)", "**", "-x", "a,b"])
def test_a_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {f"{folder}/deep/one.MD": page("One"), f"{folder}/two.md": page("Two")})
    git(repository, "rm", "--quiet", "--", f":(literal){folder}/two.md")
    removed = commit(repository, {})
    commit(repository, {"a/other.md": "x", "x/y.md": "x"})
    source = source_of(repository, folder)
    assert ([each.path for each in source.pages], source.commit) == ([f"{folder}/deep/one.MD"], removed)


def test_pages_have_a_digest_of_their_own(wiki: Path, tmp_path: Path) -> None:
    one, many = source_of(wiki, "docs/other.md"), source_of(wiki, "docs/runbooks")
    assert many.page_sha256.keys() == set(RUNBOOKS)
    assert len({one.runbook_sha256, many.runbook_sha256, *many.page_sha256.values()}) == 6


@pytest.mark.parametrize(
    "named", ["docs/RUNBOOK.md", "./docs/RUNBOOK.md", RUNBOOK_PATH, "docs/RUNBOOK.md,docs/other.md"]
)
def test_a_file_is_looked_for_below_the_agents_folder_first(wiki: Path, named: str) -> None:
    commit(wiki, {"docs/RUNBOOK.md": "# Of the whole repository\n\n" + PAGES["docs/other.md"]})
    others = ["docs/other.md"] if "," in named else []
    assert paths_of(wiki, named) == [RUNBOOK_PATH, *others]


def test_a_folder_and_a_pattern_are_the_repositorys(wiki: Path) -> None:
    commit(wiki, {f"{OWN}/docs/runbooks/own.md": PAGES["docs/other.md"]})
    assert paths_of(wiki, "docs/runbooks") == RUNBOOKS


@pytest.mark.parametrize(
    ("said", "paths"),
    [
        ("runbook_path: docs/runbooks/nodes.md\n", RUNBOOKS[1:2]),
        ("runbook_path: docs/runbooks\n", RUNBOOKS),
        ("runbook_path: docs/other.md, docs/runbooks/pods\n", ["docs/other.md", *RUNBOOKS[2:]]),
        (
            "runbook_path:\n  - docs/other.md\n  - docs/runbooks/**/*.md\n",
            ["docs/other.md", *RUNBOOKS[:2], RUNBOOKS[3]],
        ),
        ("runbook_path: []\n", [RUNBOOK_PATH]),
        ("", [RUNBOOK_PATH]),
    ],
)
def test_the_configuration_names_the_runbook_and_the_input_wins(tmp_path: Path, said: str, paths: list[str]) -> None:
    repository = make(tmp_path / "gitops", config=said + CONFIG)
    commit(repository, PAGES)
    assert paths_of(repository) == paths
    assert paths_of(repository, "docs/other.md") == ["docs/other.md"]
    assert missing_pages(repository, list(paths), OWN) == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("runbook_path: 3", "line 1: runbook_path is 3; input should be a valid list"),
        (
            "runbook_path: ../docs",
            "line 1: runbook_path.0: '../docs' is no path or pattern from the repository's root, ",
        ),
        (
            "runbook_path: [docs, /etc]",
            "line 1: runbook_path.1: '/etc' is no path or pattern from the repository's root",
        ),
        ("runbook_path: ''", "line 1: runbook_path.0: '' is no path or pattern from the repository's root"),
        ("runbookpath: docs", "line 1: runbookpath is not known; did you mean runbook_path?"),
    ],
)
def test_a_wrong_name_in_the_configuration_is_told_with_its_line(tmp_path: Path, said: str, reason: str) -> None:
    repository = make(tmp_path / "gitops", config=f"{said}\n{CONFIG}")
    with pytest.raises(StageError) as raised:
        read(repository, tmp_path / "out")
    assert str(raised.value).startswith(f"{CONFIG_PATH}, {reason}")


def test_without_the_usual_runbook_a_wrong_configuration_is_the_fault(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops", config="runbook_path: docs\ntrainin: {}\n")
    (repository / RUNBOOK_PATH).unlink()
    commit(repository, {"docs/a.md": RUNBOOK})
    with pytest.raises(StageError) as raised:
        read(repository, tmp_path / "out")
    assert str(raised.value) == f"{CONFIG_PATH}, line 2: trainin is not known; did you mean training?"


def test_pages_are_bounded_in_number_and_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {f"docs/{number}.md": page(f"Alert{number}") for number in range(5)})
    monkeypatch.setattr("stages.dataset.files.MAX_PAGES_BYTES", 1000)
    assert refused(repository, "docs") == "the 5 pages have more than 1000 bytes; name fewer"
    monkeypatch.setattr("stages.dataset.gitops.pages.MAX_PAGES", 4)
    assert refused(repository, "docs") == "docs names 5 pages, more than 4; name a folder or pattern with fewer"
