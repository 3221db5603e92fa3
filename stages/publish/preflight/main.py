"""preflight: every fault that publishing would meet and that can be known before the training, in one table."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from shared import stage
from shared.errors import StageError, one_line
from stages.publish.git.probe import Finding
from stages.publish.preflight.contract import Inputs, Outputs
from stages.publish.preflight.examination import Examination
from stages.publish.preflight.places import start

MARKS = {True: "ok", False: "FAILED", None: "--"}
SECONDS = 55  # for all of it together


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Returns what was found where nothing is wrong. Raises StageError, with every fault, where something is."""
    found = examined(inputs)
    for line in table(found):
        print(line, file=sys.stderr, flush=True)
    return Outputs(verdict(found))


def examined(inputs: Inputs, seconds: float = SECONDS) -> list[Finding]:
    """Returns what was found in all places, in their order; what takes longer than `seconds` is a fault."""
    examination = Examination(seconds)
    start(examination, inputs)
    return examination.findings()


def table(found: Sequence[Finding]) -> Iterator[str]:
    """Yields a line for each finding."""
    width = max((len(finding.name) for finding in found), default=0)
    for finding in found:
        yield f"{MARKS[finding.holds]:<7} {finding.name:<{width}}  {one_line(finding.found)}"


def verdict(found: Sequence[Finding]) -> str:
    """Returns a sentence where nothing is wrong. Raises StageError, with every fault, where something is."""
    faults = [finding for finding in found if finding.holds is False]
    if faults:
        told = "; ".join(f"{finding.name}: {finding.found}" for finding in faults)
        raise StageError(f"{len(faults)} of {len(found)} checks failed, so nothing is trained: {told}")
    looked = sum(finding.holds is True for finding in found)
    return f"{looked} checks hold, {len(found) - looked} say nothing: what will be trained can be published"


if __name__ == "__main__":
    stage.main("preflight", run)
