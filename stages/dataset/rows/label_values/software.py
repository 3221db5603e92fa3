"""What programs name: images, versions, queues, topics, databases, accounts. Not all of it is lower case."""

import random

from stages.dataset.rows.label_values.names import compound, hexadecimal, random_ending
from stages.dataset.rows.label_values.words import (
    ENVIRONMENTS,
    PEOPLE,
    ROLES,
    SOFTWARE,
    TEAMS,
    WORDS,
    below,
    joined,
    mixed,
    pick,
)


def _number(chance: random.Random) -> str:
    return f"{below(chance, 20)}.{below(chance, 40)}.{below(chance, 20)}"


version = mixed(
    (40, lambda chance: f"v{_number(chance)}"),
    (35, _number),
    (8, lambda chance: f"{_number(chance)}+build.{1 + below(chance, 900)}"),
    (8, lambda chance: f"v1.{20 + below(chance, 15)}.{below(chance, 16)}-eks-{hexadecimal(chance, 7)}"),
    (9, lambda chance: f"{_number(chance)}-rc.{1 + below(chance, 9)}"),
)
_tag = mixed(
    (30, lambda chance: f"v{_number(chance)}"),
    (45, _number),
    (10, lambda chance: f"{_number(chance)}-alpine"),
    (10, lambda chance: f"sha-{hexadecimal(chance, 7)}"),
    (5, lambda chance: f"{pick(chance, ('main', 'release'))}-{2000 + below(chance, 8000)}"),
)


def image_of(name: str, chance: random.Random) -> str:
    """Returns an image of a program, in a registry."""
    return f"{pick(chance, WORDS['registries'])}/{name}:{_tag(chance)}"


def _by_digest(chance: random.Random) -> str:
    return f"{pick(chance, WORDS['registries'])}/{compound(chance)}@sha256:{hexadecimal(chance, 64)}"


image = mixed(
    (35, lambda chance: f"{compound(chance)}:{_tag(chance)}"),
    (30, lambda chance: image_of(compound(chance), chance)),
    (15, lambda chance: image_of(f"{pick(chance, TEAMS)}/{pick(chance, ROLES)}", chance)),
    (15, lambda chance: f"{pick(chance, SOFTWARE)}:{_tag(chance)}"),
    (5, _by_digest),
)


def _upper(chance: random.Random) -> str:
    return f"{pick(chance, TEAMS)}_{pick(chance, WORDS['queue_endings'])}".upper().replace("-", "_")


def _event(chance: random.Random) -> str:
    return f"{pick(chance, TEAMS)}.{pick(chance, ROLES)}.{pick(chance, WORDS['events'])}"


def _camel_case(chance: random.Random) -> str:
    return "".join(pick(chance, words).title() for words in (TEAMS, ROLES, WORDS["events"]))


queue = mixed((40, compound), (25, joined(TEAMS, WORDS["queue_endings"])), (15, _event), (15, _upper), (5, _camel_case))
topic = mixed(
    (30, _event),
    (25, lambda chance: f"{pick(chance, TEAMS)}-{pick(chance, WORDS['events'])}-v{1 + below(chance, 4)}"),
    (20, lambda chance: f"{pick(chance, TEAMS)}_{pick(chance, WORDS['events'])}"),
    (15, _upper),
    (10, _camel_case),
)
consumer_group = mixed(
    (55, compound),
    (15, lambda chance: f"connect-{pick(chance, TEAMS)}-{pick(chance, ('sink', 'source'))}"),
    (15, lambda chance: f"{pick(chance, TEAMS).title()}{pick(chance, ROLES).title()}"),
    (15, lambda chance: f"console-consumer-{1 + below(chance, 99_999)}"),
)
database = mixed(
    (30, joined(TEAMS, ROLES, "_")),
    (25, lambda chance: f"{pick(chance, TEAMS)}_{pick(chance, ENVIRONMENTS)}"),
    (15, lambda chance: pick(chance, TEAMS)),
    (15, compound),
    (15, lambda chance: f"{pick(chance, TEAMS)}_{pick(chance, ('db', 'dwh', 'hist'))}".upper()),
)
user = mixed(
    (45, joined(PEOPLE, TEAMS, ".")),
    (15, lambda chance: f"{pick(chance, PEOPLE)}.{pick(chance, TEAMS)}@example.com"),
    (12, lambda chance: f"system:serviceaccount:{pick(chance, TEAMS)}:{pick(chance, ROLES)}"),
    (12, joined(TEAMS, ("app", "ro", "rw", "svc", "etl"), "_")),
    (8, lambda chance: f"{pick(chance, TEAMS)}_{pick(chance, ('RO', 'RW', 'ADMIN'))}".upper()),
    (8, lambda chance: f"svc-{compound(chance)}"),
)
session = mixed(
    (80, lambda chance: f"{pick(chance, TEAMS)}-{random_ending(chance)[:4]}"),
    (20, lambda chance: hexadecimal(chance, 12)),
)
collection = mixed((100, lambda chance: f"{compound(chance)}-{pick(chance, ('docs', 'articles', 'faq'))}"))
team = mixed((100, lambda chance: pick(chance, TEAMS)))
