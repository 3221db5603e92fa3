"""Labels that Prometheus, Alertmanager and teams add to alerts, and that no call needs: the model must choose."""

import random
from collections.abc import Callable

from stages.dataset.rows.labels import ROLES, TEAMS, draw_of

ALWAYS = "cluster"
OPTIONAL_SHARE = 0.3


def _address(chance: random.Random) -> str:
    return (
        f"10.{chance.randrange(64)}.{chance.randrange(256)}.{chance.randrange(1, 255)}:{chance.randrange(8000, 10000)}"
    )


def _region(chance: random.Random) -> str:
    continent, side = chance.choice(("eu", "us", "ap", "sa")), chance.choice(("west", "east", "north"))
    return f"{continent}-{side}-{chance.randrange(1, 10)}"


GENERATORS: dict[str, Callable[[random.Random], str]] = {
    "endpoint": lambda chance: f"{chance.choice(ROLES)}-metrics",
    "job": lambda chance: f"{chance.choice(TEAMS)}/{chance.choice(ROLES)}",
    "instance": _address,
    "prometheus": lambda chance: f"monitoring/{chance.choice(TEAMS)}",
    "region": _region,
    "release": lambda chance: f"v{chance.randrange(1, 9)}.{chance.randrange(40)}.{chance.randrange(20)}",
    "team": lambda chance: chance.choice(TEAMS),
}


def noise_labels(used: set[str], split: str, chance: random.Random) -> dict[str, str]:
    """Returns some labels that are none of used, with values of split."""
    wanted = [label for label in GENERATORS if label not in used and chance.random() < OPTIONAL_SHARE]
    return {label: draw_of(GENERATORS[label], label, split, chance) for label in wanted}
