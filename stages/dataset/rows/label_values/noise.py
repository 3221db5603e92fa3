"""Labels that Prometheus, Alertmanager and teams add to alerts, and that no call needs: the model must choose."""

import random

from stages.dataset.rows.label_values import machines, software
from stages.dataset.rows.label_values.splits import Draw, draw_of
from stages.dataset.rows.label_values.together import draw
from stages.dataset.rows.label_values.words import TEAMS, joined, mixed, pick

ALWAYS = "cluster"
OPTIONAL_SHARE = 0.3
_OPTIONAL = ("endpoint", "job", "instance", "prometheus", "region", "release", "team")
# Where what Prometheus adds has other forms than what an alert is about.
_GENERATORS: dict[str, Draw] = {
    "instance": machines.address,
    "job": machines.monitored,
    "prometheus": mixed(
        (50, lambda chance: f"monitoring/{pick(chance, TEAMS)}"),
        (50, joined(TEAMS, ("k8s", "kube-prometheus-stack-prometheus", "prometheus", "server"), "/")),
    ),
    "release": software.version,
}


def noise_labels(used: set[str], split: str, chance: random.Random) -> dict[str, str]:
    """Returns some labels that are none of used, with values of split."""
    wanted = [label for label in _OPTIONAL if label not in used and chance.random() < OPTIONAL_SHARE]
    return {label: _draw(label, split, chance) for label in wanted}


def _draw(label: str, split: str, chance: random.Random) -> str:
    if label in _GENERATORS:
        return draw_of(_GENERATORS[label], label, split, chance)
    return draw(label, split, chance)
