"""Images are built, pushed, pinned and pulled, with a real Docker and a real registry."""

import io
import json
import os
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared import contract
from shared.contract import STAGES
from tests.mlflow_server import free_port
from tests.project_copy import FIRST, ProjectCopy, docker_project, labels, project
from tests.pushed import push_manifest
from tests.registry_server import registry
from tools.images.pins import newest_version
from tools.images.registry import Repository
from workflows.interface import LABEL

__all__ = ["docker_project", "project", "registry"]

IMAGES, PINS, RELEASE = "tools.images", "tools.images.pins", "tools.images.release"
DIGEST = "sha256:" + "0a" * 32


def described(**others: object) -> dict[str, str]:
    return {LABEL: json.dumps(contract.load("train").describe() | {"version": FIRST} | others)}


def change(project: ProjectCopy, path: str = "stages/train/engine/step.py") -> None:
    with (project.folder / path).open("a") as file:
        file.write("# changed\n")


# ── building ─────────────────────────────────────────────────────────────────────────────────────


def test_an_image_says_what_it_is_and_where_it_comes_from(docker_project: ProjectCopy) -> None:
    asked = ["git", "log", "-1", "--format=%H %ct"]
    commit, seconds = subprocess.run(asked, cwd=docker_project.folder, capture_output=True, text=True).stdout.split()
    (docker_project.folder / "stages/train/README.md").write_text("not in the image")
    docker_project.commit("Second")
    docker_project.said(IMAGES, "build", "train")
    found = labels(f"{docker_project.registry}/train:0.1.0")
    assert json.loads(found.pop(LABEL)) == contract.load("train").describe() | {"version": FIRST}
    assert found == {
        "org.opencontainers.image.title": "agent-training-train",
        "org.opencontainers.image.description": "Trains LoRA adapters and fuses them",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": "0.1.0",
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.created": datetime.fromtimestamp(int(seconds), UTC).isoformat(),
    }


def test_an_image_of_uncommitted_changes_says_so(docker_project: ProjectCopy) -> None:
    change(docker_project)
    docker_project.said(IMAGES, "build", "train")
    assert labels(f"{docker_project.registry}/train:0.1.0")["org.opencontainers.image.revision"].endswith("-modified")


def test_only_what_has_changed_is_built(docker_project: ProjectCopy) -> None:
    change(docker_project)
    docker_project.commit()
    change(docker_project, "stages/register/gate/gate.py")
    assert docker_project.said(IMAGES, "build", "--since=main~1").splitlines() == [
        "train: stages/train/engine/step.py changed since main~1",
        "register: stages/register/gate/gate.py changed since main~1",
        f"train: built {docker_project.registry}/train:0.1.0",
        f"register: built {docker_project.registry}/register:0.1.0",
    ]
    docker_project.commit()
    assert (
        docker_project.said(IMAGES, "build", "--since=main") == "nothing that an image holds has changed since main\n"
    )


def test_a_base_that_does_not_exist_is_docker_s_to_name(docker_project: ProjectCopy) -> None:
    docker_project.replace("stages/train/Dockerfile", "FROM scratch", "ARG BASE_IMAGE=scratch\nFROM $BASE_IMAGE")
    complaint = docker_project.refusal(IMAGES, "build", "train", f"--base={docker_project.registry}/nothing:1")
    assert complaint.splitlines()[-1] == "images: docker build failed; it says why above"


@pytest.mark.parametrize("command", ["build", "push", "pull"])
def test_a_stage_that_does_not_exist_is_named(project: ProjectCopy, command: str) -> None:
    reason = f"images: there is no stage 'trian'; the stages are {', '.join(STAGES)}"
    assert project.refusal(IMAGES, command, "trian") == reason


def without_docker(tmp_path: Path) -> str:
    """Returns a PATH with Git and no docker."""
    (tmp_path / "bin").mkdir()
    git = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True).stdout.strip()
    (tmp_path / "bin/git").symlink_to(git)
    return str(tmp_path / "bin")


def test_docker_that_is_not_installed_is_named(project: ProjectCopy, tmp_path: Path) -> None:
    reason = "images: there is no docker program on PATH; install Docker (Debian and Ubuntu: docker.io)"
    assert project.refusal(IMAGES, "build", "train", PATH=without_docker(tmp_path)) == reason


def test_docker_without_buildkit_is_named(project: ProjectCopy, tmp_path: Path) -> None:
    path = without_docker(tmp_path)
    program = Path(path, "docker")
    program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Docker version 28.2.2, build e6534b4" || exit 1\n')
    program.chmod(0o755)
    reason = f"images: {program} has no BuildKit, which builds images; install its plugin buildx (docker-buildx)"
    assert project.refusal(IMAGES, "build", "train", PATH=path) == reason


def test_docker_that_does_not_run_is_named(docker_project: ProjectCopy) -> None:
    said = docker_project.refusal(IMAGES, "build", "train", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert said.startswith("images: Docker does not answer: Cannot connect to the Docker daemon at unix:///nowhere")
    assert said.endswith("; start it, or let DOCKER_HOST name another")


def test_a_variant_is_the_same_source_with_the_libraries_of_its_own_lock(docker_project: ProjectCopy) -> None:
    copied = "ARG LOCK=requirements.lock\nCOPY stages/train/${LOCK} /requirements.lock\n"
    docker_project.replace("stages/train/Dockerfile", "ENTRYPOINT", f"{copied}ENTRYPOINT")
    for name in ("requirements.lock", "requirements.cuda.lock"):
        (docker_project.folder / "stages/train" / name).write_text(f"{name}\n")
    docker_project.commit()
    built, target = docker_project.said(IMAGES, "build", "train", "--variant=cuda"), f"{docker_project.registry}/train"
    assert built == f"train: built {target}:0.1.0-cuda\n"
    assert content(f"{target}:0.1.0-cuda", "/requirements.lock") == "requirements.cuda.lock\n"
    assert json.loads(labels(f"{target}:0.1.0-cuda")[LABEL])["version"] == FIRST
    pushed = docker_project.said(IMAGES, "push", "train", "--variant=cuda").strip()
    before, line = docker_project.images_toml(), f'train-cuda = "{pushed}"'
    for _ in ("added", "rewritten"):
        assert docker_project.said(PINS, "pin", "train", "--version=0.1.0", "--variant=cuda") == f"{line}\n"
        assert docker_project.images_toml() == [*before, line]
    assert Repository(target).tags() == ["0.1.0-cuda"]


def content(reference: str, path: str) -> str:
    """Returns what a file of an image holds."""
    made = subprocess.run(["docker", "create", reference], capture_output=True, check=True, text=True)
    container = made.stdout.strip()
    copied = subprocess.run(["docker", "cp", f"{container}:{path}", "-"], capture_output=True)
    subprocess.run(["docker", "rm", container], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
        (member,) = archive.getmembers()
        file = archive.extractfile(member)
        assert file
        return file.read().decode()


@pytest.mark.parametrize("command", ["build", "push"])
def test_a_variant_that_a_stage_does_not_have_is_named(project: ProjectCopy, command: str) -> None:
    reason = "images: convert has no variant cuda: there is no stages/convert/requirements.cuda.lock"
    assert project.refusal(IMAGES, command, "convert", "--variant=cuda") == reason


# ── pushing ──────────────────────────────────────────────────────────────────────────────────────


def test_what_is_pushed_has_the_digest_that_the_registry_answers(docker_project: ProjectCopy) -> None:
    docker_project.said(IMAGES, "build", "train")
    target = f"{docker_project.registry}/train:0.1.0"
    published = Repository(f"{docker_project.registry}/train").image
    said = docker_project.said(IMAGES, "push", "train")
    assert said == f"{target}@{published('0.1.0').digest}\n"
    again = f"train: the registry has this version already\n{said}"
    assert docker_project.said(IMAGES, "push", "train") == again


def test_an_image_goes_to_another_registry_where_one_is_given(docker_project: ProjectCopy) -> None:
    docker_project.said(IMAGES, "build", "train")
    other = f"{docker_project.registry}/other"
    said = docker_project.said(IMAGES, "push", "train", f"--registry={other}/")
    assert said == f"{other}/train:0.1.0@{Repository(f'{other}/train').image('0.1.0').digest}\n"


def test_a_version_is_never_overwritten_by_another_content(docker_project: ProjectCopy) -> None:
    docker_project.said(IMAGES, "build", "train")
    first = docker_project.said(IMAGES, "push", "train")
    change(docker_project)
    docker_project.commit()
    docker_project.said(IMAGES, "build", "train")
    reason = docker_project.refusal(IMAGES, "push", "train")
    assert reason.startswith(f"images: {docker_project.registry}/train:0.1.0 is in the registry already, from ")
    assert reason.endswith("and a version never changes; `make release-train` gives the tree a new one")
    assert first.strip().endswith(Repository(f"{docker_project.registry}/train").image("0.1.0").digest)


def test_a_change_of_shared_that_the_stage_does_not_use_asks_for_no_new_version(docker_project: ProjectCopy) -> None:
    docker_project.said(IMAGES, "build", "train")
    docker_project.said(IMAGES, "push", "train")
    change(docker_project, "shared/names.py")
    docker_project.commit()
    docker_project.said(IMAGES, "build", "train")
    assert "the registry has this version already" in docker_project.said(IMAGES, "push", "train")


def test_only_the_committed_tree_s_own_image_is_pushed(docker_project: ProjectCopy) -> None:
    target = f"{docker_project.registry}/train:0.1.0"
    no_image = f"images: there is no image {target}; `make image-train` builds it"
    assert docker_project.refusal(IMAGES, "push", "train") == no_image
    change(docker_project)
    docker_project.said(IMAGES, "build", "train")
    uncommitted = "images: the tree differs from its last commit in what train's image holds; commit first"
    assert docker_project.refusal(IMAGES, "push", "train") == uncommitted
    commit = docker_project.commit()
    stale = docker_project.refusal(IMAGES, "push", "train")
    assert stale.startswith(f"images: {target} was built from ")
    assert stale.endswith(f"-modified, and the tree is at {commit}; `make image-train` builds it anew")


def test_a_registry_that_is_down_takes_nothing(docker_project: ProjectCopy) -> None:
    docker_project.said(IMAGES, "build", "train")
    host = f"localhost:{free_port()}"
    said = docker_project.refusal(IMAGES, "push", "train", f"--registry={host}/a")
    assert said.startswith(f"images: the registry {host} does not answer: ")


# ── pinning ──────────────────────────────────────────────────────────────────────────────────────


def test_a_pin_is_one_changed_line(project: ProjectCopy) -> None:
    digest = push_manifest(f"{project.registry}/train", "1.3.0", described(version="1.3.0"))
    before, line = project.images_toml(), f'train = "{project.registry}/train:1.3.0@{digest}"'
    assert project.said(PINS, "pin", "train", "--version=1.3.0") == f"{line}\n"
    assert project.images_toml() == [line if entry.startswith("train =") else entry for entry in before]


def test_the_whole_tree_is_pinned_at_once_or_not_at_all(project: ProjectCopy) -> None:
    labelled = {stage: contract.load(stage).describe() | {"version": FIRST} for stage in STAGES}

    def push(stage: str) -> str:
        digest = push_manifest(f"{project.registry}/{stage}", FIRST, {LABEL: json.dumps(labelled[stage])})
        return f'{stage} = "{project.registry}/{stage}:{FIRST}@{digest}"'

    *first, last = STAGES
    lines, before = [push(stage) for stage in first], project.images_toml()
    assert f"/{last} {FIRST}; push it first" in project.refusal(PINS, "pin-tree")
    assert project.images_toml() == before
    lines.append(push(last))
    assert project.said(PINS, "pin-tree").splitlines() == lines
    comments = [line for line in before if line.startswith("#")]
    assert project.images_toml() == [*comments, *lines]


def test_what_a_profile_asks_for_is_pinned_before_a_cluster_gets_it(project: ProjectCopy) -> None:
    file = project.folder / "workflows/images.toml"
    file.write_text(file.read_text() + f'train-cuda = "{project.registry}/train:0.1.0-cuda"')
    done = project.run(PINS, "check", TRAIN_PROFILE="cuda")
    assert "push it, then `make pin-train VERSION=0.1.0 VARIANT=cuda`\n" in done.stderr


def test_all_other_bytes_of_the_file_stay(project: ProjectCopy) -> None:
    push_manifest(f"{project.registry}/train", "0.1.0", described())
    file = project.folder / "workflows/images.toml"
    text = file.read_text().replace("\n", "\r\n").replace("train = ", "train   =  ") + '# train = "…"  # the end'
    file.write_bytes(text.encode())
    file.chmod(0o640)
    project.said(PINS, "pin", "train", "--version=0.1.0")
    digest = Repository(f"{project.registry}/train").image("0.1.0").digest
    assert file.read_bytes().decode() == text.replace("/train:0.1.0", f"/train:0.1.0@{digest}")
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("pushed", "reason"),
    [
        (
            {},
            "the image of train has no label io.agent-training.contract, so that its contract is unknown; ",
        ),
        (
            described(outputs=[]),
            "train 0.1.0 has no output model, which the workflow takes; train 0.1.0 has ",
        ),
        (described(version="7.0.0"), "the image of train that is named 0.1.0 is 7.0.0 by its label; pin it anew"),
    ],
    ids=["unlabelled", "another interface", "another version"],
)
def test_what_the_workflow_cannot_run_is_not_pinned(project: ProjectCopy, pushed: dict[str, str], reason: str) -> None:
    push_manifest(f"{project.registry}/train", "0.1.0", pushed)
    before = project.images_toml()
    assert project.refusal(PINS, "pin", "train", "--version=0.1.0").startswith(f"pins: {reason}")
    assert project.images_toml() == before


def test_what_is_not_there_is_not_pinned(project: ProjectCopy) -> None:
    host, _, path = project.registry.partition("/")
    missing = f"pins: {host} has no {path}/train 1.3.0; push it first; `make versions` shows what is there"
    assert project.refusal(PINS, "pin", "train", "--version=1.3.0") == missing
    wrong = "pins: VERSION is 'latest'; give three numbers, such as VERSION=1.3.0 (`make versions` lists them)"
    assert project.refusal(PINS, "pin", "train", "--version=latest") == wrong
    assert project.refusal(PINS, "pin", "trian", "--version=1.3.0").startswith("pins: there is no stage 'trian'")


def test_a_line_that_cannot_be_rewritten_is_left_alone(project: ProjectCopy) -> None:
    push_manifest(f"{project.registry}/train", "0.1.0", described())
    file = project.folder / "workflows/images.toml"
    file.write_text(file.read_text().replace('train = "', 'train = """').replace('train:0.1.0"', 'train:0.1.0"""'))
    before = file.read_text()
    reason = f'pins: {file} has not one line `train = "…"` that could be rewritten; write it yourself'
    assert project.refusal(PINS, "pin", "train", "--version=0.1.0") == reason
    assert file.read_text() == before


# ── swapping ─────────────────────────────────────────────────────────────────────────────────────


def test_a_new_version_there_and_back_is_one_changed_line_each(docker_project: ProjectCopy) -> None:
    docker_project.said(IMAGES, "build", "train")
    docker_project.said(IMAGES, "push", "train")
    first = docker_project.said(PINS, "pin", "train", "--version=0.1.0")
    before = docker_project.images_toml()
    docker_project.replace(
        "stages/train/contract.py",
        "    seed: Seed = 0\n",
        '    seed: Seed = 0\n    momentum: Annotated[float, "how much of the last step is kept"] = 0.0\n',
    )
    docker_project.note("train", "- Takes `momentum`.")
    docker_project.said(RELEASE, "train")
    docker_project.commit("Release train 0.2.0")
    docker_project.said(IMAGES, "build", "train")
    docker_project.said(IMAGES, "push", "train")
    second = docker_project.said(PINS, "pin", "train", "--version=0.2.0")
    assert second != first and "train:0.2.0@sha256:" in second
    assert docker_project.images_toml() == [second.strip() if f"{line}\n" == first else line for line in before]
    reason = "pins: train 0.1.0 has no input momentum, which the workflow passes; take another version of train"
    assert docker_project.refusal(PINS, "pin", "train", "--version=0.1.0").startswith(reason)
    docker_project.replace("stages/train/contract.py", '    momentum: Annotated[float, "how much of', '    # "')
    assert docker_project.said(PINS, "pin", "train", "--version=0.1.0") == first
    assert docker_project.images_toml() == before


def table(project: ProjectCopy) -> dict[str, list[str]]:
    lines = project.said(PINS, "versions").splitlines()
    return {words[0]: words[1:] for line in lines[1 : 1 + len(STAGES)] if (words := line.split())}


def test_the_versions_of_all_stages_are_shown(project: ProjectCopy) -> None:
    digest = push_manifest(f"{project.registry}/train", "0.1.0", described())
    project.said(PINS, "pin", "train", "--version=0.1.0")
    for version in ("0.2.0", "0.10.0", "latest"):
        push_manifest(f"{project.registry}/train", version, described(version=version))
    push_manifest(f"{project.registry}/convert", "0.1.0", described())
    rows = table(project)
    assert rows["train"] == ["0.1.0", "0.1.0", digest[7:19], "0.10.0", "yes"]
    assert rows["convert"] == ["0.1.0", "0.1.0", "unpinned", "0.1.0", "no"]
    assert rows["publish"] == ["0.1.0", "0.1.0", "unpinned", "-", "not", "pushed"]
    assert "the image of convert is one of train 0.1.0; let convert name its own" in project.said(PINS, "versions")


def test_versions_say_why_the_newest_one_does_not_fit(project: ProjectCopy) -> None:
    push_manifest(f"{project.registry}/train", "2.0.0", described(version="2.0.0", outputs=[]))
    assert table(project)["train"][-1] == "no"
    assert "\ntrain 2.0.0 has no output model, which the workflow takes; " in project.said(PINS, "versions")


def test_versions_are_shown_while_the_registry_is_down(project: ProjectCopy) -> None:
    host = f"localhost:{free_port()}"
    said = project.said(PINS, "versions", f"--registry={host}/a")
    assert said.count("unknown") == len(STAGES)
    assert said.count(f"the registry {host} does not answer: ") == 1


@pytest.mark.parametrize(
    ("tags", "newest"), [([], ""), (["latest", "1.0"], ""), (["0.9.0", "0.10.0", "0.10.0-rc"], "0.10.0")]
)
def test_the_newest_version_is_the_highest_of_three_numbers(tags: list[str], newest: str) -> None:
    assert newest_version(tags) == newest


# ── what a cluster is given, and pulling ─────────────────────────────────────────────────────────


def pin_all(project: ProjectCopy) -> None:
    for stage in STAGES:
        label = {LABEL: json.dumps(contract.load(stage).describe() | {"version": FIRST})}
        push_manifest(f"{project.registry}/{stage}", "0.1.0", label)
        project.said(PINS, "pin", stage, "--version=0.1.0")


def test_a_cluster_gets_pinned_images_alone_and_hears_of_all_at_once(project: ProjectCopy) -> None:
    assert project.refusal(PINS, "check").splitlines() == [
        f"images.toml: {stage} is not pinned, and a cluster must know which content it runs; "
        f"push it, then `make pin-{stage} VERSION=0.1.0`"
        for stage in STAGES
    ]
    pin_all(project)
    assert project.said(PINS, "check") == ""


def test_a_cluster_gets_no_image_that_has_come_to_misfit(project: ProjectCopy) -> None:
    pin_all(project)
    project.replace("stages/train/contract.py", "validation_loss: Annotated[float,", "loss: Annotated[float,")
    project.replace("stages/convert/contract.py", "base_revision: Annotated[str,", "revision: Annotated[str,")
    lines = project.refusal(PINS, "check").splitlines()
    assert [line.partition(";")[0] for line in lines] == [
        "images.toml: convert 0.1.0 has no output revision, which the workflow takes",
        "images.toml: train 0.1.0 has no output loss, which the workflow takes",
    ]


def test_a_cluster_gets_no_image_whose_version_was_pushed_again(project: ProjectCopy) -> None:
    pin_all(project)
    label = contract.load("train").describe() | {"version": FIRST, "title": "Another"}
    now = push_manifest(f"{project.registry}/train", "0.1.0", {LABEL: json.dumps(label)})
    (line,) = project.refusal(PINS, "check").splitlines()
    assert line.startswith(f"images.toml: {project.registry}/train:0.1.0@sha256:")
    assert line.endswith(f"the registry has 0.1.0 as {now}; find out who replaced it, then pin what you trust")


def test_a_registry_that_is_down_is_told_once(project: ProjectCopy) -> None:
    pin_all(project)
    host, file = f"localhost:{free_port()}", project.folder / "workflows/images.toml"
    file.write_text(file.read_text().replace(project.registry.partition("/")[0], host))
    (line,) = project.refusal(PINS, "check").splitlines()
    assert line.startswith(f"images.toml: the registry {host} does not answer: ")


def test_what_is_pinned_is_pulled_by_digest(docker_project: ProjectCopy) -> None:
    docker_project.said(IMAGES, "build", "train")
    reference = docker_project.said(IMAGES, "push", "train").strip()
    docker_project.said(PINS, "pin", "train", "--version=0.1.0")
    subprocess.run(["docker", "rmi", f"{docker_project.registry}/train:0.1.0"], capture_output=True, check=True)
    assert docker_project.said(IMAGES, "pull", "train") == f"{reference}\n"
    name, _, digest = reference.partition(":0.1.0@")
    assert json.loads(labels(f"{name}@{digest}")[LABEL])["stage"] == "train"


def test_what_cannot_be_pulled_is_named(project: ProjectCopy) -> None:
    unpinned = "images: train is not pinned; `make pin-train VERSION=0.1.0` pins what is pushed"
    assert project.refusal(IMAGES, "pull", "train") == unpinned
    file = project.folder / "workflows/images.toml"
    file.write_text(file.read_text().replace("/train:0.1.0", f"/train:0.1.0@{DIGEST}"))
    host, _, path = project.registry.partition("/")
    assert project.refusal(IMAGES, "pull", "train") == f"images: {host} has no {path}/train {DIGEST}; push it first"
    now = push_manifest(f"{project.registry}/train", "0.1.0", described())
    reason = f"{project.registry}/train:0.1.0@{DIGEST} is pinned, and the registry has 0.1.0 as {now}"
    replaced = f"images: {reason}; find out who replaced it, then pin what you trust"
    assert project.refusal(IMAGES, "pull", "train") == replaced


def test_make_builds_pins_and_refuses_by_the_names_that_the_readme_gives(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    asked = ["make", "--dry-run", "--old-file=.venv/.made", f"--directory={root}", "--no-print-directory"]
    targets = {
        "image-train": "tools.images build 'train'",
        "images-changed": "tools.images build --since=''",
        "push-train": "tools.images push 'train'",
        "pin": "tools.images.pins pin-tree",
        "pin-train": "tools.images.pins pin 'train' --version=''",
        "release-train": "tools.images.release 'train'",
        "versions": "tools.images.pins versions",
        "check-versions": "tools.images.release --check --since=''",
        "pull": "tools.images pull",
        "package": "tools.flyte.package",
        "register": "tools.flyte.register",
    }
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    for target, command in targets.items():
        done = subprocess.run([*asked, target], env=kept, capture_output=True, text=True)
        assert done.stdout.strip().endswith(command), target
