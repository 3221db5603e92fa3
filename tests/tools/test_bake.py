"""What buildx is asked to release, with a real registry."""

import json

from shared.contract import STAGES
from tests.project_copy import ProjectCopy, project
from tests.pushed import push_manifest
from tests.registry_server import registry
from tools.images.bake import PLATFORMS

__all__ = ["project", "registry"]

BAKE = "tools.images.bake"
REVISION = "org.opencontainers.image.revision"


def test_a_release_is_built_for_both_platforms_with_the_labels_of_every_image(project: ProjectCopy) -> None:
    project.replace("stages/train/pyproject.toml", "Trains LoRA", "Trains ${LoRA} %{if}")
    commit = project.commit()
    file = json.loads(project.said(BAKE, "file", "train", "--registry=ghcr.io/example/released"))
    target = file["target"]["train"]
    assert file["group"]["default"]["targets"] == ["train"]
    assert target["tags"] == ["ghcr.io/example/released/train:0.1.0"]
    assert target["platforms"] == list(PLATFORMS) == ["linux/amd64", "linux/arm64"]
    assert target["attest"] == ["type=sbom", "type=provenance,mode=max"]
    assert target["args"]["SOURCE_DATE_EPOCH"].isdigit()
    assert target["labels"]["org.opencontainers.image.description"].startswith("Trains $${LoRA} %%{if}")
    assert target["labels"][REVISION] == commit


def test_what_is_not_committed_is_not_released(project: ProjectCopy) -> None:
    project.replace("stages/train/pyproject.toml", "Trains LoRA", "Trains other")
    assert project.refusal(BAKE, "file", "train", "--registry=ghcr.io/x") == (
        "bake: the tree differs from its last commit in what train's image holds; commit first"
    )


def test_what_the_registry_has_is_not_released_again(project: ProjectCopy) -> None:
    place = f"{project.registry}/released"
    assert json.loads(project.said(BAKE, "unreleased", f"--registry={place}")) == list(STAGES)
    labels = json.loads(project.said(BAKE, "file", "train", f"--registry={place}"))["target"]["train"]["labels"]
    push_manifest(f"{place}/train", "0.1.0", {REVISION: labels[REVISION]})
    others = [stage for stage in STAGES if stage != "train"]
    assert json.loads(project.said(BAKE, "unreleased", f"--registry={place}")) == others
