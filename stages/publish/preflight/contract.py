"""Finds out, before anything is trained, what would keep the model from being published."""

from dataclasses import asdict, dataclass
from typing import Annotated

from shared.contract import Variable
from stages.publish import contract as publish


class Examined(Variable):
    """A variable that publish reads. What is wrong with it is told among the other faults, not alone before them."""

    def check(self) -> None:
        """Leaves it to the examination."""


ENVIRONMENT = tuple(Examined(**asdict(variable) | {"required": False}) for variable in publish.ENVIRONMENT)
RUNTIME = ()


@dataclass(frozen=True)
class Inputs:
    """What preflight needs."""

    agent_name: Annotated[str, "the agent that a model is to be trained for"]
    repository: Annotated[str, "the GitOps repository that will be pushed to: a URL, or the path of a bare repository"]
    branch: Annotated[str, "the branch that Flux reads; empty for the default branch"] = ""


@dataclass(frozen=True)
class Outputs:
    """What preflight found."""

    outcome: Annotated[str, "one sentence: how much was examined, and that nothing was found"]
