"""The key `overlays` of the block `deploy`: kustomize overlays that must name a new version before it is pushed."""

from collections.abc import Sequence

from shared.errors import StageError, one_line

MOST = 20


def check_overlay(overlay: str) -> str:
    """Returns overlay. Raises StageError where it is no folder below the agent's."""
    parts = overlay.split("/")
    if one_line(overlay) != overlay or "\\" in overlay or {"", ".", ".."} & set(parts):
        raise StageError(f"{overlay!r} must be a folder below the agent's, such as k8s/kustomize/studio")
    if parts[-1].lower().endswith((".yaml", ".yml")) or parts[-1] == "Kustomization":
        raise StageError(f"{overlay} is a file; name the folder that it is in")
    return overlay


def check_overlays(overlays: Sequence[str]) -> list[str]:
    """Returns the overlays, each checked. Raises StageError where one is named twice, or there are too many."""
    if isinstance(overlays, str) or not all(isinstance(each, str) for each in overlays):
        raise StageError("overlays must be a list of folders")
    checked = [check_overlay(each) for each in overlays]
    for each in checked:
        if checked.count(each) > 1:
            raise StageError(f"{each} is named twice")
    if len(checked) > MOST:
        raise StageError(f"there are {len(checked)} overlays; name {MOST} at most")
    return checked
