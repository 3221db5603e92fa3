"""A stage's version: raised as far as its contract demands, and new wherever the stage changed."""

import subprocess
from pathlib import Path

import pytest
from git import Repo

from tests.project_copy import ProjectCopy, project
from tests.registry_server import registry
from tools.images.release import raised

__all__ = ["project", "registry"]

CONTRACT, PROJECT, CHANGELOG = (f"stages/train/{name}" for name in ("contract.py", "pyproject.toml", "CHANGELOG.md"))
SEED = "    seed: Seed = 0\n"


def release(project: ProjectCopy, *arguments: str) -> str:
    return project.said("tools.images.release", "train", *arguments)


def refusal(project: ProjectCopy, *arguments: str) -> str:
    return project.refusal("tools.images.release", *arguments)


@pytest.mark.parametrize(
    ("old", "new", "version"),
    [
        ("", "", "0.1.1"),
        (SEED, SEED + '    momentum: Annotated[float, "how much of the last step is kept"] = 0.0\n', "0.2.0"),
        (SEED, "", "1.0.0"),
        ("    seed: Seed = 0\n", "    seed: Seed\n", "1.0.0"),
        ("validation_loss: Annotated[float,", "loss: Annotated[float,", "1.0.0"),
    ],
    ids=["unchanged", "new input", "input removed", "default removed", "output renamed"],
)
def test_the_version_is_raised_as_far_as_the_contract_demands(
    project: ProjectCopy, old: str, new: str, version: str
) -> None:
    if old:
        project.replace(CONTRACT, old, new)
        if "seed: Seed\n" in new:  # a field without a default comes before those with one
            project.replace(CONTRACT, new, "")
            project.replace(CONTRACT, "    learning_rate:", new + "    learning_rate:")
    project.note("train")
    assert release(project).splitlines() == [
        f"train is {version} now. Next:",
        f'  git commit -m "Release train {version}" -- stages/train',
        "  make image-train push-train",
        f"  make pin-train VERSION={version}",
    ]
    assert f'\nversion = "{version}"\n' in (project.folder / PROJECT).read_text()


def test_nothing_else_in_the_files_changes(project: ProjectCopy) -> None:
    project.note("train", "- Learns faster.\n- And better.")
    before = {path: (project.folder / path).read_text() for path in (PROJECT, CHANGELOG)}
    release(project)
    assert (project.folder / PROJECT).read_text() == before[PROJECT].replace('"0.1.0"', '"0.1.1"')
    assert (project.folder / CHANGELOG).read_text() == before[CHANGELOG].replace("## Unreleased", "## 0.1.1")
    with Repo(project.folder) as repository:
        assert repository.git.status("--porcelain").splitlines() == [f" M {CHANGELOG}", f" M {PROJECT}"]


def test_more_than_is_demanded_may_be_asked_for(project: ProjectCopy) -> None:
    project.note("train")
    assert release(project, "--part=major").startswith("train is 1.0.0 now.")


def test_less_than_is_demanded_is_refused_with_the_reasons(project: ProjectCopy) -> None:
    project.replace(CONTRACT, SEED, "")
    project.note("train")
    reason = "since train 0.1.0, train 0.1.0 has no input seed, which the workflow passes; give PART=major"
    assert refusal(project, "train", "--part=minor") == f"release: PART=minor is too little: {reason}"
    assert 'version = "0.1.0"' in (project.folder / PROJECT).read_text()
    assert "## Unreleased" in (project.folder / CHANGELOG).read_text()


def test_a_contract_is_compared_with_the_last_release_and_not_with_the_last_commit(project: ProjectCopy) -> None:
    project.replace(CONTRACT, SEED, "")
    project.commit()
    (project.folder / "README.md").write_text("x")
    project.commit()
    project.note("train")
    assert release(project).startswith("train is 1.0.0 now.")
    project.commit()
    project.note("train")
    assert release(project).startswith("train is 1.0.1 now.")


@pytest.mark.parametrize("heading", ["", "## Unreleased\n\n", "## Unreleased\n\n\n", "## Unreleased later\n\n- x\n\n"])
def test_a_release_that_says_nothing_is_refused(project: ProjectCopy, heading: str) -> None:
    project.replace(CHANGELOG, "## 0.1.0\n", f"{heading}## 0.1.0\n")
    assert refusal(project, "train") == (
        "release: stages/train/CHANGELOG.md has nothing under `## Unreleased`; "
        "write there what changes for who uses the stage"
    )


def test_a_release_that_is_not_committed_is_not_raised_again(project: ProjectCopy) -> None:
    project.note("train")
    release(project)
    project.note("train")
    assert refusal(project, "train") == "release: train 0.1.1 is released already and not committed; commit it first"


def test_what_cannot_be_released_is_named(project: ProjectCopy) -> None:
    assert refusal(project, "trian").startswith("release: there is no stage 'trian'; the stages are dataset, ")
    assert refusal(project, "train", "--part=big") == "release: PART is 'big'; it must be one of patch, minor, major"


def test_a_part_of_the_history_is_refused(project: ProjectCopy, tmp_path: Path) -> None:
    project.commit("Second")
    shallow = ProjectCopy(tmp_path / "shallow", project.registry)
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{project.folder}", str(shallow.folder)], check=True)
    assert refusal(shallow, "train") == (
        f"release: {shallow.folder} holds a part of its history only; `git fetch --unshallow` fetches the rest"
    )


@pytest.mark.parametrize(
    ("version", "part", "following"),
    [
        ("0.1.4", "patch", "0.1.5"),
        ("0.1.4", "minor", "0.2.0"),
        ("0.9.9", "minor", "0.10.0"),
        ("0.1.4", "major", "1.0.0"),
        ("1.2.3", "major", "2.0.0"),
    ],
)
def test_the_following_version(version: str, part: str, following: str) -> None:
    assert raised(version, part) == following


def unreleased(project: ProjectCopy, since: str = "main~1") -> list[str]:
    done = project.run("tools.images.release", "--check", f"--since={since}")
    lines = done.stderr.splitlines()
    assert done.returncode == bool(lines)
    return [line.removeprefix("versions: ") for line in lines]


def test_a_changed_stage_needs_a_new_version(project: ProjectCopy) -> None:
    with (project.folder / "stages/train/engine/step.py").open("a") as file:
        file.write("# changed\n")
    project.commit()
    assert unreleased(project) == [
        "stages/train/engine/step.py changed, and train is still 0.1.0; "
        "write what changed into its CHANGELOG.md, then `make release-train`"
    ]
    project.note("train")
    release(project)
    assert unreleased(project) == []


def test_a_changed_module_of_shared_is_a_change_of_the_stages_that_import_it_alone(project: ProjectCopy) -> None:
    with (project.folder / "shared/names.py").open("a") as file:
        file.write("# changed\n")
    project.commit()
    ask = "write what changed into its CHANGELOG.md, then `make release-{0}`"
    line = f"shared/names.py changed, and {{0}} is still 0.1.0; {ask}"
    assert unreleased(project) == [
        line.format(stage) for stage in ("dataset", "evaluate", "register", "publish", "watch")
    ]
    with (project.folder / "shared/contract.py").open("a") as file:
        file.write("# changed\n")
    assert len(unreleased(project)) == 7


def test_tests_and_documents_are_no_part_of_an_image(project: ProjectCopy) -> None:
    for name in ("stages/train/tests/test_train.py", "shared/tests/test_contract.py", "stages/train/README.md"):
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_text("changed")
    project.commit()
    assert unreleased(project) == []


def test_a_version_that_was_raised_too_little_by_hand_is_named(project: ProjectCopy) -> None:
    project.replace(CONTRACT, SEED, "")
    project.replace(PROJECT, '"0.1.0"', '"0.2.0"')
    project.commit()
    assert unreleased(project) == [
        "train 0.2.0 is too low after 0.1.0: it must be at least 1.0.0, "
        "as train 0.2.0 has no input seed, which the workflow passes"
    ]
    project.replace(PROJECT, '"0.2.0"', '"1.0.0"')
    assert unreleased(project) == ["stages/train/CHANGELOG.md has no heading `## 1.0.0`; write what changed below it"]


@pytest.mark.parametrize(
    ("since", "reason"),
    [
        ("", "no revision is given to compare with; name a commit, a tag or a branch: SINCE=main"),
        ("nope", "'nope' is no commit that this clone knows; fetch it, or name another; CI needs the whole history"),
        ("--all", "'--all' is no commit that this clone knows; fetch it, or name another; CI needs the whole history"),
    ],
)
def test_a_revision_that_is_unknown_is_named(project: ProjectCopy, since: str, reason: str) -> None:
    assert refusal(project, "--check", f"--since={since}").startswith(f"release: {reason}")
