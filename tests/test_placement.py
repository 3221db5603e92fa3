"""placement.toml and images.toml: what is in them is used, and what is wrong in them is told."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from shared.contract import NODES, PROGRAMS
from shared.errors import StageError
from workflows.placement import Image, Placement, Profile, read_image, read_placement

TRAIN = '[train]\ncpu = "4"\nmemory = "16Gi"\nephemeral_storage = "16Gi"\ntimeout_minutes = 720\nretries = 1\n'
DIGEST = "sha256:" + "0a" * 32


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "some.toml"
        file.write_text(text)
        return file

    return write


@pytest.mark.parametrize("stage", NODES)
def test_every_stage_has_a_placement_and_an_image(stage: str) -> None:
    assert read_placement(stage).timeout >= timedelta(minutes=1)
    assert read_image(stage).reference.rpartition("/")[2].startswith(f"{PROGRAMS.get(stage, stage)}:")


def test_train_goes_to_the_apple_silicon_runner() -> None:
    profile = read_placement("train").profile
    assert profile.node_selector == {"agent-training/accelerator": "apple-silicon"}
    assert [toleration["key"] for toleration in profile.tolerations] == ["agent-training/accelerator"]
    assert profile.runner_url == "https://host.docker.internal:8765"


def test_a_placement_without_a_profile_selects_no_node(written: Callable[[str], Path]) -> None:
    expected = Placement("4", "16Gi", timedelta(hours=12), 1, ephemeral_storage="16Gi")
    assert read_placement("train", written(TRAIN)) == expected


def test_a_profile_adds_selector_tolerations_resources_and_image(written: Callable[[str], Path]) -> None:
    profile = (
        '[profiles.gpu]\nnode_selector = { a = "b" }\nresources = { "gpu.example/x" = "2" }\nimage_variant = "gpu"\n'
    )
    placement = read_placement("train", written(f'{TRAIN}profile = "gpu"\n{profile}'))
    assert placement.profile == Profile(node_selector={"a": "b"}, resources={"gpu.example/x": "2"}, image_variant="gpu")
    assert placement.requests()["gpu.example/x"] == placement.limits()["gpu.example/x"] == "2"


def test_a_limit_is_the_request_unless_it_is_given(written: Callable[[str], Path]) -> None:
    placement = read_placement("train", written(f'{TRAIN}cpu_limit = "8"\n'))
    assert placement.requests() == {"cpu": "4", "memory": "16Gi", "ephemeral-storage": "16Gi"}
    assert placement.limits() == {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "16Gi"}


def test_a_profile_with_a_runner_says_what_the_pod_itself_needs(written: Callable[[str], Path]) -> None:
    runner = '[profiles.mac]\nrunner_url = "https://mac.example:8765/"\ncpu = "100m"\nmemory = "256Mi"\n'
    placement = read_placement("train", written(f'{TRAIN}profile = "mac"\ncpu_limit = "8"\n{runner}'))
    assert placement.requests() == placement.limits()
    assert placement.requests() == {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "16Gi"}
    placement = read_placement("train", written(f'{TRAIN}profile = "mac"\n{runner}memory_limit = "1Gi"\n'))
    assert placement.limits()["memory"] == "1Gi"


def test_a_runner_is_refused_for_a_stage_that_needs_more_than_its_inputs(written: Callable[[str], Path]) -> None:
    file = written(TRAIN.replace("[train]", "[convert]") + 'profile = "m"\n[profiles.m]\nrunner_url = "https://m"\n')
    with pytest.raises(StageError, match=r"\[profiles.m\] has a runner_url, and no runner does the work of convert"):
        read_placement("convert", file)


def test_the_environment_gives_train_another_profile_and_no_other_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_placement("evaluate")
    monkeypatch.setenv("TRAIN_PROFILE", "cuda")
    assert read_placement("train").profile.image_variant == "cuda"
    assert read_placement("evaluate") == before
    monkeypatch.setenv("TRAIN_PROFILE", "tpu")
    known = "known are apple-silicon, cpu, cuda, mac-runner"
    with pytest.raises(StageError, match=f"^the environment variable TRAIN_PROFILE names the profile tpu; {known}$"):
        read_placement("train")


def test_a_variant_is_an_image_of_its_own_line(written: Callable[[str], Path]) -> None:
    file = written(f'train = "r/train:0.3.1"\ntrain-cuda = "r/train:0.3.1-cuda@{DIGEST}"\n')
    image = read_image("train", file, "cuda")
    assert (image.name, image.version, image.address) == ("r/train", "0.3.1", f"r/train@{DIGEST}")
    assert read_image("train", file).reference == "r/train:0.3.1"
    made = "`make image-train push-train VARIANT=rocm`, then `make pin-train VERSION=… VARIANT=rocm`"
    with pytest.raises(StageError, match=f"has no train-rocm, the image for that profile; {made}$"):
        read_image("train", file, "rocm")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"\[train\] has no cpu; write cpu = a Kubernetes quantity in quotes"),
        (TRAIN.replace("retries = 1\n", ""), r"\[train\] has no retries; write retries = a whole number"),
        (TRAIN.replace('"4"', "4"), r"\[train\] has cpu = 4; write cpu = a Kubernetes quantity in quotes"),
        (
            TRAIN.replace("720", '"12h"'),
            r"\[train\] has timeout_minutes = '12h'; write timeout_minutes = a whole number",
        ),
        (f'{TRAIN}profile = "gpu"\n[profiles.cpu]\n', r"\[train\] names the profile gpu; known are cpu"),
        (
            f'{TRAIN}profile = "gpu"\n[profiles.gpu]\nnodes = 1\n',
            r"\[profiles.gpu\] has nodes; "
            "known here: cpu, cpu_limit, image_variant, memory, memory_limit, node_selector, resources, runner_url, ",
        ),
        (
            f'{TRAIN}profile = "mac"\n[profiles.mac]\nrunner_url = "http://mac:8765"\n',
            r"\[profiles.mac\] has runner_url = 'http://mac:8765'; write https://host:port",
        ),
        (
            TRAIN + 'profile = "m"\n[profiles.m]\nnode_selector = { "agent-training/accelerator" = "apple-silicon" }\n',
            r"\[profiles.m\] selects apple-silicon nodes, where a container trains on the CPU; add runner_url = ",
        ),
        (f'{TRAIN}memory_limits = "1Gi"\n', r"\[train\] has memory_limits; did you mean memory_limit\?"),
        (TRAIN.replace('"16Gi"', '"much"', 1), r"\[train\] has memory = 'much'; write memory = a Kubernetes quantity"),
        (f"{TRAIN}interruptible = 1\n", r"\[train\] has interruptible = 1; write interruptible = true or false"),
        (
            f'{TRAIN}profile = "gpu"\n[profiles.gpu]\ntolerations = [{{ keys = "a" }}]\n',
            r"\[profiles.gpu\] has keys in a toleration; did you mean key\?",
        ),
        (
            f'{TRAIN}profile = "gpu"\n[profiles.gpu]\nnode_selector = {{ a = true }}\n',
            r"\[profiles.gpu\] has a = True in node_selector; write \"True\"",
        ),
        (f"{TRAIN}[tran]\n", "tran is no stage; the stages are dataset, convert, train"),
        ('train = "fast"\n', r"train is 'fast'; write a table \[train\] with a key a line"),
        ("[train\n", r"cannot be read as TOML: .*line 1.*; mend it"),
    ],
)
def test_a_wrong_placement_names_file_and_remedy(written: Callable[[str], Path], text: str, reason: str) -> None:
    file = written(text)
    with pytest.raises(StageError, match=f"^{file}:? {reason}"):
        read_placement("train", file)


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("train:1.2.3", Image("train:1.2.3", "1.2.3", "")),
        ("localhost:5000/agents/train:1.2.3", Image("localhost:5000/agents/train:1.2.3", "1.2.3", "")),
        (f"ghcr.io/a/train:1.2.3@{DIGEST}", Image(f"ghcr.io/a/train:1.2.3@{DIGEST}", "1.2.3", DIGEST)),
    ],
)
def test_an_image_has_a_version_and_once_pushed_a_digest(
    written: Callable[[str], Path], reference: str, image: Image
) -> None:
    assert read_image("train", written(f'train = "{reference}"')) == image


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "train is ''; write registry/name:version, with @sha256:… once pushed"),
        ('train = "ghcr.io/train"', "train is 'ghcr.io/train'; write registry/name:version"),
        ('train = "localhost:5000/train"', "train is 'localhost:5000/train'; write registry/name:version"),
        ('train = "ghcr.io/train:1.0@sha256:12"', "train is 'ghcr.io/train:1.0@sha256:12'; write"),
        ('train = "ghcr.io/train:1.0 "', "train is 'ghcr.io/train:1.0 '; write"),
        ("train = 1.0", "train is 1.0; write"),
        ('trian = "ghcr.io/train:1.0"', "trian is no stage; the stages are dataset, convert, train"),
        (
            'train = "ghcr.io/train:1.0',
            r"cannot be read as TOML: Unterminated string.*; mend it, or take it from Git again",
        ),
    ],
)
def test_a_wrong_image_names_file_and_remedy(written: Callable[[str], Path], text: str, reason: str) -> None:
    file = written(text)
    with pytest.raises(StageError, match=f"^{file}:? {reason}"):
        read_image("train", file)


def test_where_no_cluster_is_a_stage_gets_what_it_needs_by_itself() -> None:
    """Its pod may be a small one, which a runner computes for."""
    pod, own = read_placement("train"), read_placement("train", on_cluster=False)
    assert (pod.cpu, pod.memory, pod.memory_limit) == ("100m", "256Mi", "1Gi")
    assert (own.cpu, own.memory, own.memory_limit) == ("4", "16Gi", "")


@pytest.mark.parametrize("read", [read_placement, read_image])
def test_a_missing_file_and_an_unknown_stage_are_told(tmp_path: Path, read: Callable[..., Placement | Image]) -> None:
    with pytest.raises(StageError, match=r"gone.toml cannot be read as TOML: .*No such file"):
        read("train", tmp_path / "gone.toml")
    with pytest.raises(StageError, match="there is no stage 'tran'; the stages are dataset"):
        read("tran")


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "images.toml").write_bytes(b'train = "\xff"')
    with pytest.raises(StageError, match="cannot be read as TOML"):
        read_image("train", tmp_path / "images.toml")
