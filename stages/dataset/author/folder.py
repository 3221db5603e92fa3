"""An agent's files as they lie in a folder, committed or not: what an author checks before a commit."""

from pathlib import Path

from stages.dataset.files import check_agent, read_files, read_shared
from stages.dataset.gitops.folder import Folder
from stages.dataset.study import Study, study


def read_folder(repository: Path, agent: str, runbook_path: str = "") -> Study:
    """Returns what an agent's files say. Raises StageError where there is no such agent."""
    folder = Folder(repository)
    fleet = read_shared(folder)
    check_agent(folder, agent, fleet.agents)
    files, faults = read_files(folder, agent, fleet, runbook_path)
    return study(files, agent, faults)
