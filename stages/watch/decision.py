"""Whether the agent is trained again: what was found asks for it, and nothing stands against it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shared import sentences
from stages.watch.cause import Kind
from stages.watch.findings import Finding


@dataclass(frozen=True)
class Decision:
    """Whether to train, why, in one sentence with the numbers, and the key of the cause; '' where there is none."""

    retrain: bool
    reason: str
    cause: str

    def turned_down(self, obstacle: str) -> "Decision":
        """Returns the decision not to train for this cause, because of an obstacle."""
        return Decision(False, sentences.fitting(f"{obstacle}; {self.reason}"), self.cause)


def decide(
    subject: str,
    findings: Sequence[Finding],
    forced: bool,
    cause_of: Callable[[Kind], str],
    obstacle_to: Callable[[str], str],
) -> Decision:
    """Returns the decision about findings, which come in the order of their kinds.

    subject: whom they speak of. forced: train in any case. cause_of: the key of a kind. obstacle_to: what stands
    against training for a cause, in words; '' where nothing does.
    """
    asking = [finding for finding in findings if finding.asks]
    if not asking and not forced:
        return Decision(False, sentences.fitting(f"nothing to do: {_told(subject, findings)}"), "")
    cause = cause_of(asking[0].kind if asking else Kind.REQUEST)
    reason = _told(subject, asking or findings)
    if forced:
        return Decision(True, sentences.fitting(f"asked for by force_retrain; {reason}"), cause)
    decision = Decision(True, sentences.fitting(reason), cause)
    obstacle = obstacle_to(cause)
    return decision.turned_down(obstacle) if obstacle else decision


def _told(subject: str, findings: Iterable[Finding]) -> str:
    return f"{subject} {', '.join(finding.text for finding in findings)}"
