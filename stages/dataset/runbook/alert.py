"""What is read from a runbook: alerts, their sections and their commands."""

from dataclasses import dataclass, field
from typing import Literal

from stages.dataset.firing import Firing
from stages.dataset.runbook.standing import MEANT, Standing

KINDS = (
    *("meaning", "symptoms", "causes", "impact", "diagnosis", "mitigation", "verification", "escalation"),
    *("prevention", "references", "other"),
)
MAX_SHOWN = 80  # characters of a command that is not read


def place_of(page: str, line: int) -> str:
    """Returns `line 12`, and of a runbook of several pages `docs/pods.md, line 12`."""
    return f"{page}, line {line}" if page else f"line {line}"


@dataclass(frozen=True)
class Command:
    """What a person would paste and run as one command.

    section: a kind of KINDS; heading: the section's own. line: of the file, from 1, where it begins.
    dangerous: deletes or irreversibly changes something, stops a service or forces past a guard.
    mutating: changes any state. A dangerous command is mutating.
    """

    text: str
    section: str
    line: int
    heading: str = ""
    source: Literal["fence", "inline"] = "fence"
    dangerous: bool = False
    mutating: bool = False
    standing: Standing = MEANT
    """Whether the runbook means it, forbids it, or leaves that in doubt, and by which words."""
    assigned: str = ""
    """What the lines above it in its block set of its variables, as lines of a shell: `NS=shop`."""
    page: str = ""
    """The path of its page, of a runbook of several."""

    @property
    def place(self) -> str:
        """Where it stands, as a person reads it."""
        return place_of(self.page, self.line)

    @property
    def script(self) -> str:
        """The command behind what is set above it: what a function's forms are compared with."""
        return f"{self.assigned}\n{self.text}" if self.assigned else self.text


@dataclass(frozen=True)
class Unread:
    """A command that cannot be read whole, and is therefore none. text: its first characters; line: of the file."""

    line: int
    text: str
    reason: str
    """What is open in it, in words."""


@dataclass
class Section:
    """A section of an alert: its kind, its own heading, its line, and its texts, one per list item or paragraph."""

    kind: str
    heading: str
    line: int
    texts: list[str] = field(default_factory=list)


@dataclass
class Alert:
    """One alert: sections and commands in their order, and queries (PromQL, LogQL) that a person is to run.

    unread: commands that are cut off, or never end.
    """

    name: str
    line: int
    severity: str = ""
    level: int = 0
    """Of the heading that starts it, from 1; 0: the whole file is about it."""
    sections: list[Section] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Names of further alerts of which all this is told as well."""
    page: str = ""
    """The path of its page, of a runbook of several."""
    firing: Firing | None = None
    """What its alerting rule says that it carries; None where no rule is known."""

    @property
    def place(self) -> str:
        """Where it starts, as a person reads it."""
        return place_of(self.page, self.line)

    @property
    def texts(self) -> dict[str, list[str]]:
        """The texts of all sections by their kind."""
        found: dict[str, list[str]] = {}
        for section in self.sections:
            if section.texts:
                found.setdefault(section.kind, []).extend(section.texts)
        return found
