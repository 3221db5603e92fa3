"""The overlays of an agent are folders below its own, each named once."""

import pytest

from shared.agent_config.overlays import check_overlays
from shared.errors import StageError


def test_folders_are_kept_in_their_order() -> None:
    assert check_overlays(["k8s/studio", "k8s/air", "overlay"]) == ["k8s/studio", "k8s/air", "overlay"]


@pytest.mark.parametrize(
    ("overlays", "reason"),
    [
        ([""], "'' must be a folder below the agent's, such as k8s/kustomize/studio"),
        (["/k8s"], "'/k8s' must be a folder below the agent's"),
        (["k8s/"], "'k8s/' must be a folder below the agent's"),
        (["../other"], "'../other' must be a folder below the agent's"),
        (["k8s/./a"], "'k8s/./a' must be a folder below the agent's"),
        (["a\\b"], "'a\\\\b' must be a folder below the agent's"),
        (["a\nb"], "'a\\nb' must be a folder below the agent's"),
        (["k8s/kustomization.yaml"], "k8s/kustomization.yaml is a file; name the folder that it is in"),
        ("k8s", "overlays must be a list of folders"),
        ([1], "overlays must be a list of folders"),
        (["a", "b", "a"], "a is named twice"),
        ([f"a{number}" for number in range(21)], "there are 21 overlays; name 20 at most"),
    ],
)
def test_anything_else_is_refused(overlays: list[str], reason: str) -> None:
    with pytest.raises(StageError) as refused:
        check_overlays(overlays)
    assert str(refused.value).startswith(reason)
