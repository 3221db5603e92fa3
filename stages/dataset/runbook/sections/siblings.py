"""Sections headed as high as the alert before them: its own where several alerts have such, else the file's."""

from collections.abc import Sequence

from stages.dataset.runbook.blocks import Block, Heading
from stages.dataset.runbook.headings import alert_name
from stages.dataset.runbook.sections.kinds import section_kind
from stages.dataset.runbook.visible import visible


def siblings(blocks: Sequence[Block]) -> frozenset[int]:
    """Returns the lines of the headings that start a section of the alert before them, on its own level.

    A kind of section that stands behind two alerts or more is told of each (`## PodDown`, `## Resolution`,
    `## NodeDown`, `## Resolution`); one that comes once is about all that is in the file.
    """
    found: dict[tuple[str, int], dict[int, int]] = {}
    alert: Heading | None = None
    for heading in (block for block in blocks if isinstance(block, Heading)):
        text = visible(heading.content)
        kind = section_kind(text)
        if alert_name(text) and not kind:
            alert = heading
        elif kind and alert and heading.level == alert.level:
            found.setdefault((kind, heading.level), {})[heading.line] = alert.line
    several = (alert_of for alert_of in found.values() if len(set(alert_of.values())) > 1)
    return frozenset(line for alert_of in several for line in alert_of)
