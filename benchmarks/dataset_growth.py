"""How dataset's time and memory grow with the runbook: `make bench-dataset`.

Writes a GitOps repository with 10, 1,000 and 10,000 alerts, runs the stage on each in a process of its own, and prints
seconds with their spread, and peak memory. Ratios between the sizes are what to look at: machines differ.
"""

import argparse
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_AGENT = "agent-sre"
_TRAINING = _ROOT / "examples" / "homelab" / "flux" / "ai" / _AGENT / "training"
_RULES = _ROOT / "examples" / "homelab" / "flux" / "monitoring" / "rules"
_THINGS = (
    "Queue",
    "Gateway",
    "Index",
    "Broker",
    "Mailbox",
    "Router",
    "Ledger",
    "Cache",
    "Proxy",
    "Report",
    "Feed",
    "Job",
)
_STATES = ("Down", "Slow", "Stuck", "Full", "Late", "Idle", "Growing", "Rejected", "Unhealthy", "Degraded")
_COMMANDS = (
    "kubectl rollout restart deployment/<deployment> -n <namespace>",
    "kubectl scale deployment/<deployment> --replicas={count} -n <namespace>",
    "kubectl describe pvc <persistentvolumeclaim> -n <namespace>",
    "flux reconcile kustomization <name> -n <namespace>",
)
_SYMPTOMS = (
    "<deployment> in <namespace> has shown {code} for {count} minutes.",
    "{code} of <deployment> is above {count} percent.",
    "Users report {code} more often than {count} times an hour.",
)


@dataclass(frozen=True)
class Run:
    """seconds: wall clock; processor: of all processes together; memory: their peak, in MiB; rows: those written.

    memory: the peak resident set of the stage alone, or what it and those that draw rows ahead hold together, a page
    that several have counted once: more where that is more. That sum is looked at five times a second, on Linux.
    """

    seconds: float
    processor: float
    memory: float
    rows: int


def main() -> None:
    """Prints one line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, nargs="+", default=[10, 1000, 10_000], help="sizes of the runbook")
    parser.add_argument("--rows", type=int, default=8, help="rows for each alert")
    parser.add_argument("--runs", type=int, default=3, help="runs of each size")
    arguments = parser.parse_args()
    print(
        f"{'alerts':>8} {'rows':>8} {'n':>3} {'seconds':>9} {'spread':>15} {'CPU s':>7} {'ms/alert':>9} {'MiB':>7} "
        f"{'KiB/alert':>10}"
    )
    first: tuple[int, float] | None = None
    for alerts in arguments.alerts:
        with tempfile.TemporaryDirectory() as folder:
            repository = _repository(Path(folder), alerts)
            runs = [_run(repository, arguments.rows) for _ in range(arguments.runs)]
        seconds = [run.seconds for run in runs]
        middle, memory = statistics.median(seconds), statistics.median(run.memory for run in runs)
        first = first or (alerts, memory)
        processor = statistics.median(run.processor for run in runs)
        grown = 1024 * (memory - first[1]) / max(1, alerts - first[0])  # KiB for each alert more than the first size
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(
            f"{alerts:>8} {runs[0].rows:>8} {len(runs):>3} {middle:>9.2f} {spread:>15} {processor:>7.1f} "
            f"{1000 * middle / alerts:>9.2f} {memory:>7.0f} {grown:>10.1f}",
            flush=True,
        )


def _repository(folder: Path, alerts: int) -> Path:
    agent = folder / "gitops" / "flux" / "ai" / _AGENT
    (agent / "docs").mkdir(parents=True)
    shutil.copytree(_TRAINING, agent / "training")
    shutil.copytree(_RULES, folder / "gitops" / "flux" / "monitoring" / "rules")  # which tools.yaml names
    (agent / "docs" / "RUNBOOK.md").write_text(_runbook(alerts), "utf-8")
    git = ["git", "-C", str(folder / "gitops"), "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Write the runbook"]):
        subprocess.run([*git, *arguments], check=True)
    return folder / "gitops"


def _runbook(alerts: int) -> str:
    chance = random.Random(alerts)
    return "# Runbook\n" + "".join(_alert(number, chance) for number in range(alerts))


def _alert(number: int, chance: random.Random) -> str:
    name = f"{chance.choice(_THINGS)}{chance.choice(_THINGS)}{number}{chance.choice(_STATES)}"
    code = f"error {chance.choice(_THINGS).lower()}-{number}"
    symptoms = "".join(f"- {text.format(code=code, count=chance.randint(2, 90))}\n" for text in _SYMPTOMS)
    command = chance.choice(_COMMANDS).format(count=chance.randint(2, 9))
    return (
        f"\n## Alert: {name}\n\n**Severity**: warning\n\n### Symptoms\n\n{symptoms}"
        f"\n### Resolution\n\n```bash\n{command}\n```\n"
    )


def _run(repository: Path, rows: int) -> Run:
    with tempfile.TemporaryDirectory() as outputs:
        command = [sys.executable, "-m", "stages.dataset.main", "--agent-name", _AGENT, "--repository", str(repository)]
        began = time.monotonic()
        process = subprocess.Popen(
            [*command, "--examples-per-alert", str(rows), "--outputs", outputs],
            cwd=_ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with _watched(process.pid) as held:
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        if status:
            raise SystemExit(f"dataset ended with {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
        unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB elsewhere
        memory = max(usage.ru_maxrss * unit / 2**20, *held)
        return Run(seconds, usage.ru_utime + usage.ru_stime, memory, int((Path(outputs) / "rows").read_text()))


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[list[float]]:
    """Gives the list of what a process and its children held, in MiB, which grows until the end."""
    held, is_over = [0.0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.2):
            held.append(sum(map(_held, [pid, *_children(pid)])))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield held
    finally:
        is_over.set()
        watcher.join()


def _children(pid: int) -> list[int]:
    file = Path(f"/proc/{pid}/task/{pid}/children")
    with contextlib.suppress(OSError):
        return list(map(int, file.read_text().split()))
    return []


def _held(pid: int) -> float:
    """Returns the memory that a process holds now, in MiB, of a page that n processes have the n-th part; else 0."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return 0.0


if __name__ == "__main__":
    main()
