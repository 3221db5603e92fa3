"""Real Git repositories with one tiny agent, and runs of the stage on them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from shared import names
from stages.dataset.contract import Inputs, Outputs
from stages.dataset.main import run

ROOT = Path(__file__).resolve().parents[3]
HOMELAB = ROOT / "examples" / "homelab"
# What the example's pages and rules name: label values that all splits may have.
_STATING = (*HOMELAB.glob("flux/ai/*/docs/**/*.md"), *HOMELAB.glob("flux/monitoring/rules/*.yaml"))
STATED = {*re.findall(r"[\w.:/-]+", "\n".join(path.read_text("utf-8") for path in _STATING))}
AGENT = "agent-test"
RUNBOOK_PATH = names.runbook_path(AGENT)
CONFIG_PATH = f"{names.training_folder(AGENT)}/config.yaml"
TOOLS_PATH = f"{names.training_folder(AGENT)}/tools.yaml"
RUNBOOK = """# Runbook

## Alert: PodDown

**Severity**: critical

### Symptoms

- Pod {{ $labels.pod }} does not answer.
- Nothing listens in {{ $labels.namespace }}.

### Resolution

```bash
kubectl delete pod {{ $labels.pod }} -n {{ $labels.namespace }}
```
"""
CONFIG = "training:\n  iters: 20\ngate:\n  minimum_accuracy: 0.8\n"
TOOLS = """functions:
  - name: pod-restart
    description: Restart a pod.
    dangerous: true
    parameters:
      type: object
      properties:
        name: {type: string, description: Pod}
        namespace: {type: string}
      required: [name, namespace]
    commands:
      - kubectl delete pod {name} -n {namespace}
"""
_IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str, date: str = "2025-12-24T10:00:00+02:00") -> str:
    """Runs git in folder and returns what it prints, stripped."""
    environment = os.environ | _IDENTITY | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, files: dict[str, str | bytes], date: str = "2025-12-24T10:00:00+02:00") -> str:
    """Writes files, commits them and returns the commit."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change", date=date)
    return git(folder, "rev-parse", "HEAD")


def make(
    folder: Path, runbook: str | bytes = RUNBOOK, tools: str | bytes = TOOLS, config: str | bytes = CONFIG
) -> Path:
    """Makes a repository with the agent's three files in one commit on main, and returns its folder."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, {RUNBOOK_PATH: runbook, TOOLS_PATH: tools, CONFIG_PATH: config})
    return folder


def make_homelab(folder: Path) -> Path:
    """Makes a repository of examples/homelab in one commit, and returns its folder."""
    shutil.copytree(HOMELAB, folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, {})
    return folder


def read(repository: Path | str, outputs: Path, agent: str = AGENT, **options: str | int) -> Outputs:
    """Runs the stage inside this process."""
    outputs.mkdir(parents=True, exist_ok=True)
    return run(Inputs(agent, str(repository), **options), outputs)  # type: ignore[arg-type]


def command(repository: Path | str, outputs: Path, agent: str = AGENT, *options: str) -> list[str]:
    """Returns the command line that runs the stage as a program."""
    known = ["--agent-name", agent, "--repository", str(repository), "--outputs", str(outputs)]
    return [sys.executable, "-m", "stages.dataset.main", *known, *options]
