"""lists an agent's versions: when they were registered, accuracy, status, champion, deployed"""

from collections.abc import Iterator

from stages.publish.operate.places import Places, opened

COLUMNS = ("version", "registered", "accuracy", "status", "rolled out", "now")


def run(agent: str, repository: str, branch: str) -> Iterator[str]:
    """Yields a table, newest version first."""
    with opened(agent, repository, branch) as places:
        rows = [COLUMNS, *_rows(places)]
    if len(rows) == 1:
        yield f"MLflow has no version of {agent} yet"
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()


def _rows(places: Places) -> Iterator[tuple[str, ...]]:
    deployed, aliases = places.deployed(), places.registry.aliases()
    rollouts = places.repository.rollouts(places.agent, places.branch)
    for version in places.registry.versions():
        now = [alias for alias, number in sorted(aliases.items()) if number == version.number]
        now += ["deployed"] if version.name == deployed else []
        days = dict.fromkeys(f"{when:%Y-%m-%d}" for name, when in rollouts if name == version.name)
        registered, accuracy = f"{version.created:%Y-%m-%d}", version.tags.get("accuracy", "")
        yield version.name, registered, accuracy, version.status, ", ".join(days), ", ".join(now)
