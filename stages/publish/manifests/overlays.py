"""Whether the overlays of an agent, as they will be rendered, name the version that is rolled out."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.agent_config.deployment import FieldBump
from shared.errors import StageError
from stages.publish.manifests.kustomization import Overlay
from stages.publish.manifests.naming import Naming
from stages.publish.manifests.render import render
from stages.publish.manifests.sources import sources
from stages.publish.manifests.tree import RepositoryTree

REMEDY = "name it in deploy.fields of the agent's config.yaml, or take the overlay out of deploy.overlays"
MAX_TOLD = 100  # characters of a value


@dataclass(frozen=True)
class Overlays:
    """An agent's overlays, by their folders in the repository, and the version that each of them is to name."""

    agent: str
    version: str
    fields: tuple[FieldBump, ...]
    folders: tuple[str, ...]

    def faults(self, tree: RepositoryTree) -> Iterator[str]:
        """Yields a line for each overlay that cannot be rendered, and each value that names another model."""
        for folder in self.folders:
            try:
                yield from self._of_overlay(tree, folder)
            except StageError as error:
                yield str(error)

    def _of_overlay(self, tree: RepositoryTree, folder: str) -> Iterator[str]:
        overlay = Overlay.of(tree, folder)
        rendered = render(overlay.files, folder)
        found = list(Naming(self.agent, self.version, self.fields).of(rendered, folder))
        for each in found:
            if not each.is_right:
                key = "" if self.agent in each.text else each.key
                places = " and ".join(sources(overlay.files, each.text, key)) or "made by kustomize"
                told = f"{each.path} of {each.object} is {each.text[:MAX_TOLD]!r}, not {self.version} ({places})"
                yield f"{folder} names another model: {told}; {REMEDY}"
        if not found:
            yield f"{folder} names no model of {self.agent}: what it renders would not follow a new version; {REMEDY}"
