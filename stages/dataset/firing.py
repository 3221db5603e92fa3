"""What an alert carries when it fires, as its alerting rule says."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Firing:
    """What every alert of one rule carries.

    annotations: summary, description and message, with their templates, one line each. labels: those with a fixed
    value: the rule's own without a template, and what its expression demands (`namespace="shop"`). varying: labels
    whose values the expression leaves open (`by (namespace, pod)`).
    """

    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    varying: tuple[str, ...] = ()
