"""Names that people give in Kubernetes, and what Kubernetes makes of them: hashes, random endings, UUIDs.

A generated name is cut to 58 characters before its five random ones, as the API server does it, so that it fits 63.
"""

import random

from stages.dataset.rows.label_values.words import (
    ENVIRONMENTS,
    ROLES,
    SOFTWARE,
    TEAMS,
    WORDS,
    below,
    joined,
    mixed,
    pick,
)

_SAFE = "bcdfghjklmnpqrstvwxz2456789"  # the alphabet of generated names: without vowels, no word comes out
_TWO = [a + b for a in _SAFE for b in _SAFE]
_THREE = [a + b for a in _TWO for b in _SAFE]
# A template's hash is a 32-bit number in decimal digits, each of them written as a letter of that alphabet.
_DIGITS = str.maketrans("0123456789", "456789bcdf")
_HEX = str.maketrans("013ae", "ghkmt")  # as kustomize writes the hash of a ConfigMap
_LONGEST_BASE = 58
_LONGEST_NAME = 52  # of a CronJob, which is the strictest

compound = joined(TEAMS, ROLES)


def random_ending(chance: random.Random) -> str:
    """Returns five random characters, as they end a generated name: x7k2p."""
    return pick(chance, _THREE) + pick(chance, _TWO)


def template_hash(chance: random.Random) -> str:
    """Returns the hash of a ReplicaSet's pod template: 6c8d7f9b5d."""
    return str(10_000_000 + below(chance, 4_284_967_296)).translate(_DIGITS)


def config_hash(chance: random.Random) -> str:
    """Returns the hash that kustomize appends to the name of a ConfigMap or Secret."""
    return hexadecimal(chance, 10).translate(_HEX)


def hexadecimal(chance: random.Random, digits: int) -> str:
    """Returns so many hexadecimal digits."""
    return f"{chance.getrandbits(4 * digits):0{digits}x}"


def uuid(chance: random.Random) -> str:
    """Returns a random UUID."""
    digits = hexadecimal(chance, 32)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{pick(chance, '89ab')}{digits[17:20]}-{digits[20:]}"


def generated(base: str, chance: random.Random) -> str:
    """Returns the name that Kubernetes generates of a base: base-x7k2p, the base cut where it is too long."""
    return f"{base}-"[:_LONGEST_BASE] + random_ending(chance)


def scheduled(base: str, chance: random.Random) -> str:
    """Returns the name of a CronJob's job: base-28401230, the minutes since 1970."""
    return f"{base}-{28_000_000 + below(chance, 2_500_000)}"


def _long(chance: random.Random) -> str:
    release = f"{pick(chance, TEAMS)}-{pick(chance, TEAMS)}-{pick(chance, ENVIRONMENTS)}"
    return f"{release}-{pick(chance, WORDS['charts'])}-{pick(chance, ROLES)}"[:_LONGEST_NAME].rstrip("-")


def _numbered(chance: random.Random) -> str:
    return f"{pick(chance, TEAMS)}{1 + below(chance, 9)}-{pick(chance, ROLES)}"


def _versioned(chance: random.Random) -> str:
    return f"{compound(chance)}-{pick(chance, WORDS['endings'])}"


workload = mixed(
    (60, compound),
    (12, joined(TEAMS, SOFTWARE)),
    (10, _versioned),
    (5, joined(SOFTWARE, ROLES)),
    (4, lambda chance: pick(chance, TEAMS)),
    (5, _numbered),
    (4, _long),
)
stateful = mixed(
    (40, joined(TEAMS, SOFTWARE)), (35, compound), (10, joined(SOFTWARE, ENVIRONMENTS)), (12, _versioned), (3, _long)
)
cron = mixed(
    (50, joined(TEAMS, WORDS["cron_tasks"])),
    (40, lambda chance: f"{compound(chance)}-{pick(chance, WORDS['cron_tasks'])}"),
    (10, joined(SOFTWARE, WORDS["cron_tasks"])),
)


def _preview(chance: random.Random) -> str:
    return f"{pick(chance, TEAMS)}-pr-{1 + below(chance, 9999)}"


def _long_namespace(chance: random.Random) -> str:
    first, second, third = (pick(chance, TEAMS) for _ in range(3))
    return f"{first}-{second}-{third}-{pick(chance, ROLES)}-integration-{pick(chance, ENVIRONMENTS)}"


namespace = mixed(
    (27, lambda chance: pick(chance, TEAMS)),
    (35, joined(TEAMS, ENVIRONMENTS)),
    (10, joined(ENVIRONMENTS, TEAMS)),
    (6, compound),
    (6, lambda chance: f"{pick(chance, TEAMS)}{1 + below(chance, 30)}"),
    (5, _preview),
    (8, lambda chance: pick(chance, WORDS["namespaces"])),
    (3, _long_namespace),
)


def workload_of_software(chance: random.Random) -> str:
    """Returns the name of a program, as a container has it."""
    return pick(chance, SOFTWARE)


container = mixed((55, lambda chance: pick(chance, ROLES)), (20, workload_of_software), (25, compound))
