"""An agent's files as they lie in a folder, committed or not: what an author checks before a commit."""

from pathlib import Path

from shared import names
from shared.errors import StageError
from stages.dataset.files import read_files
from stages.dataset.gitops.folder import Folder
from stages.dataset.study import Study, study


def read_folder(repository: Path, agent: str, runbook_path: str = "") -> Study:
    """Returns what an agent's files say. Raises StageError where there is no such agent."""
    folder = Folder(repository)
    if not (repository / names.agent_folder(agent)).is_dir():
        home = repository / names.agent_folder(agent).rpartition("/")[0]
        known = sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []
        raise StageError(f"there is no agent {agent} in {home}; it has: {', '.join(known) or 'none'}")
    files, faults = read_files(folder, agent, runbook_path)
    return study(files, agent, faults)
