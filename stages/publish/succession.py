"""Which version in Git a new one may replace: the one that it was compared with, and none that a person put there.

Git is what is in use, so a version that somebody committed by hand, or that another run has just published, was not
what register compared the new one with. To replace it would undo what was meant, without a word.
"""

import re
from dataclasses import dataclass

from shared import names
from stages.publish.registered_version import RegisteredVersion, Registry

NO_MODEL = "none"  # MODEL_VERSION of an agent that has no model yet
_DAY = re.compile(r"v([0-9]{8})-")


@dataclass(frozen=True)
class Succession:
    """A new version, the version that it was `compared` with ('' for none), and whether it was the champion before."""

    new: RegisteredVersion
    compared: str
    was_champion: bool

    @classmethod
    def of(cls, new: RegisteredVersion, compared: str) -> "Succession":
        """Returns that of a version, as MLflow has it now."""
        return cls(new, compared, new.registry.at(names.CHAMPION) == new.name)

    def objection(self, deployed: str) -> str:
        """Returns why a version that Git names must not be replaced, and how to go on; '' where it may be.

        deployed: '' where the file is missing or empty, which nobody has to mean.
        """
        if deployed in ("", self.new.name) or (deployed == self.compared and not self.was_champion):
            return ""
        if not self.compared and not self.was_champion and self._is_older_stranger(deployed):
            return ""
        return f"{self._comparison(deployed)}; {self._remedy(deployed)}"

    def _is_older_stranger(self, deployed: str) -> bool:
        """Returns whether it comes from before MLflow knew this agent: the first version is compared with nothing."""
        if deployed == NO_MODEL:
            return True
        return not self._is_newer(deployed) and self.new.registry.find(deployed) is None

    def _comparison(self, deployed: str) -> str:
        if self.was_champion:
            return f"{self.new.name} was published before, and something else was put in its place"
        newer = ", and that one is newer" if self._is_newer(deployed) else ""
        return f"{self.new.name} was compared with {self.compared or 'no version'}{newer}"

    def _remedy(self, deployed: str) -> str:
        agent = self.new.registry.agent
        back = f"commit {self.new.name if self.was_champion else self.compared or NO_MODEL} there, and run again"
        if deployed == NO_MODEL:
            return f"if the agent is to have a model again, {back}"
        found = self.new.registry.find(deployed)
        if found is None:
            return f"MLflow does not know it: {back}"
        if found.status == names.REJECTED:
            return f"MLflow has it as rejected: {back}"
        return f"to keep it, `make reconcile AGENT={agent}` and run the workflow anew; to replace it, {back}"

    def _is_newer(self, deployed: str) -> bool:
        days = [found[1] if (found := _DAY.match(name)) else "" for name in (deployed, self.new.name)]
        return days[0] > days[1]


def estranged(registry: Registry, deployed: str) -> str:
    """Returns why no version that is trained now could replace the one that Git names; '' where one could.

    What is trained now will be compared with the champion: Git has to name that one, or none where there is none.
    """
    champion = registry.at(names.CHAMPION)
    is_stranger = registry.find(deployed) is None
    if deployed in ("", champion) or (not champion and (deployed == NO_MODEL or is_stranger)):
        return ""
    told = f"MODEL_VERSION names {deployed[:80]!r}, but the champion of {registry.agent} is {champion or 'none'}"
    if deployed == NO_MODEL or is_stranger:
        return f"{told}; commit {champion} there"
    return f"{told}; `make reconcile AGENT={registry.agent}` makes it that, or commit {champion or NO_MODEL} there"
