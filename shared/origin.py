"""Where a dataset came from, and whether artefacts belong together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared import archive, names
from shared.access.git import without_secret
from shared.artifacts import Artifact, ChatDataset
from shared.errors import StageError

_AGENT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class Origin:
    """The agent, and the last commit that touched its inputs, with its time in UTC."""

    agent: str
    repository: str
    commit: str
    committed: datetime
    runbook_sha256: str
    training: Mapping[str, Any]
    """What config.yaml said in its block `training`."""
    agents: str = names.AGENTS
    """Where agents live in the repository, such as `flux/ai/*`."""

    @classmethod
    def of(cls, dataset: ChatDataset) -> "Origin":
        """Returns what agent.json tells. Raises StageError where it lacks something or names no agent or commit."""
        known = dataset.agent()
        try:
            origin = cls(
                agent=known["agent"],
                repository=without_secret(known["repository"]),
                commit=known["commit"],
                committed=datetime.fromisoformat(known["committed"]).astimezone(UTC),
                runbook_sha256=known["runbook"]["sha256"],
                training=known["config"].get("training", {}),
                agents=names.check_agents(known.get("agents", names.AGENTS)),
            )
            is_sound = bool(_AGENT.fullmatch(origin.agent) and _COMMIT.fullmatch(origin.commit))
        except (LookupError, TypeError, ValueError, AttributeError, StageError):
            is_sound = False
        if not is_sound:
            reason = "it needs agent, repository, commit, committed, runbook.sha256 and config"
            raise StageError(f"{dataset.path / 'agent.json'} does not tell where the rows came from; {reason}")
        return origin

    def model_version(self, repeat: int = 1) -> str:
        """Returns the name of a model version of this origin."""
        return names.model_version(self.committed, self.commit, repeat)


def check_made_together(one: Artifact, other: Artifact) -> None:
    """Raises StageError where both say what they were made from, and it is not the same.

    An artefact that was made by hand says nothing, and passes.
    """
    first, second = (made.lineage().get("inputs", {}) for made in (one, other))
    digests = [{name: each.get("sha256") for name, each in inputs.items()} for inputs in (first, second)]
    if all(digests) and digests[0] != digests[1]:
        different = ", ".join(sorted(name for name in digests[0] if digests[0][name] != digests[1].get(name)))
        kinds = f"the {type(one).__name__} and the {type(other).__name__}"
        reason = f"{kinds} were made from another {different or 'set of inputs'}"
        raise StageError(f"{reason}; pass the artefacts of one and the same run")


def check_made_from(made: Artifact, name: str, source: Artifact) -> None:
    """Raises StageError where made says that its input `name` was something else than source.

    An artefact that was made by hand says nothing, and passes.
    """
    known = made.lineage().get("inputs", {}).get(name, {}).get("sha256")
    if known and known != archive.digest(source.path):
        kind, other = type(made).__name__, type(source).__name__
        raise StageError(f"the {kind} was not made from this {other}; pass the artefacts of one and the same run")
