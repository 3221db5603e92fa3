"""What a model must fulfil to be published: the scalars are inputs, the floors travel in the dataset's agent.json."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from shared import contract
from shared.agent_config.settings import GATE, Floor
from shared.artifacts import ChatDataset
from shared.contract import Field
from shared.errors import StageError
from stages.register.contract import Inputs


@dataclass(frozen=True)
class Policy:
    """The block `gate` of an agent's config.yaml. maximum_latency_ms: 0 is no ceiling. floors: by function.

    maximum_false_calls and maximum_missed_calls are shares; 1 is no ceiling.
    """

    minimum_accuracy: float
    accuracy_margin: float
    maximum_false_calls: float
    maximum_missed_calls: float
    maximum_latency_ms: float
    floors: Mapping[str, float]


def read_policy(inputs: Inputs) -> Policy:
    """Returns the policy. Raises StageError for a value out of its limits, which NaN is always."""
    scalars = {name: getattr(inputs, name) for name in GATE}
    for field in contract.fields_of(Inputs):
        if field.name in scalars:
            field.check(scalars[field.name])
    return Policy(**scalars, floors=_floors(inputs.dataset))


def _floors(dataset: ChatDataset) -> dict[str, float]:
    gate = dataset.agent()["config"].get("gate", {})
    floors = gate.get("floors", {}) if isinstance(gate, dict) else None
    if not isinstance(floors, dict):
        raise StageError(f"{dataset.path / 'agent.json'}: config.gate must hold settings, and floors by function")
    return {function: _checked(f"the floor of {function}", floor) for function, floor in floors.items()}


def _checked(name: str, floor: Any) -> float:
    kind, description, *limits = get_args(Floor)
    if isinstance(floor, bool) or not isinstance(floor, int | float):
        raise StageError(f"{name} is {floor!r:.80}; it must be a number")
    Field(name, kind, description, tuple(limits), dataclasses.MISSING).check(floor)
    return float(floor)
