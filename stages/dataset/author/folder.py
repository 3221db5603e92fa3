"""An agent's files as they lie in a folder, committed or not: what an author checks before a commit."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from shared import names
from shared.errors import StageError
from stages.dataset.calls.remedies import Findings, find_remedies
from stages.dataset.calls.rules import FUNCTION, RuleFile, read_rules
from stages.dataset.calls.tools import Tools, read_tools
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.runbook.text import decode
from stages.dataset.secrets.reporting import FoundIn, clean


@dataclass(frozen=True)
class AgentFolder:
    """What one agent's runbook, tools.yaml and rules say; secrets: where each was that was redacted."""

    runbook_path: str
    tools_path: str
    tools: Tools
    findings: Findings
    secrets: tuple[FoundIn, ...]


def read_folder(repository: Path, agent: str) -> AgentFolder:
    """Returns what an agent's files teach. Raises StageError for what a person can mend."""
    runbook_path, tools_path = names.runbook_path(agent), f"{names.training_folder(agent)}/tools.yaml"
    secrets: list[FoundIn] = []
    runbook = clean(runbook_path, _text(repository, runbook_path), secrets)
    tools = read_tools(clean(tools_path, _text(repository, tools_path), secrets), tools_path)
    rules = read_rules(_rules(repository, agent, tools, secrets))
    alerts = read_runbook(runbook, runbook_path)
    if not alerts and not rules:
        raise StageError(f"{runbook_path} documents no alert; head each one with its name, as `## Alert: PodDown`")
    return AgentFolder(runbook_path, tools_path, tools, find_remedies(alerts, tools, rules), tuple(secrets))


def _text(repository: Path, path: str) -> str:
    try:
        return decode((repository / path).read_bytes())
    except OSError as error:
        raise StageError(f"{repository / path} cannot be read: {error.strerror}") from None


def _rules(repository: Path, agent: str, tools: Tools, secrets: list[FoundIn]) -> list[RuleFile]:
    own, training = f"{names.agent_folder(agent)}/", f"{names.training_folder(agent)}/"
    paths = sorted(path for path in repository.rglob("*.y*ml") if path.is_file() and ".git" not in path.parts)
    found = []
    for path in paths:
        name = path.relative_to(repository).as_posix()
        is_own = name.startswith(own) and not name.startswith(training)
        if is_own or any(fnmatchcase(name, pattern) for pattern in tools.rules):
            text = decode(path.read_bytes())
            if FUNCTION in text:
                found.append(RuleFile(name, clean(name, text, secrets)))
    return found
