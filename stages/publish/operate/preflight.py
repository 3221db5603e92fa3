"""finds out, before a training, what would keep the model from being published, one line a check"""

from collections.abc import Iterator

from stages.publish.preflight.contract import Inputs
from stages.publish.preflight.main import examined, table, verdict


def run(agent: str, repository: str, branch: str) -> Iterator[str]:
    """Yields a line a check. Raises StageError at the end where one of them failed."""
    found = examined(Inputs(agent, repository, branch))
    yield from table(found)
    yield verdict(found)
