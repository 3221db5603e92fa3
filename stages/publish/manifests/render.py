"""Renders an overlay by the program kustomize, in a passing folder that holds the overlay's files and nothing else."""

import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

from shared.errors import StageError

SECONDS = 60
MAX_BYTES = 16 << 20
MAX_MEMORY = 1 << 30  # bytes
MAX_TOLD = 500  # characters of what kustomize says
# Flux builds so, within the repository: https://fluxcd.io/flux/components/kustomize/kustomizations
_OPTIONS = ("--load-restrictor=LoadRestrictionsNone",)
_INSTALL = "install kustomize (https://kubectl.docs.kubernetes.io/installation/kustomize) or kubectl"
_NOWHERE = "http://127.0.0.1:9"


def render(files: Mapping[str, bytes], folder: str) -> str:
    """Returns the manifests that kustomize makes of a folder. files: what it may read, by paths from one root.

    Raises StageError where there is no such program, where it refuses, takes longer than a minute, more than 1 GiB of
    memory, or writes more than 16 MiB. Plugins, functions, charts, Git and the network are out of its reach.
    """
    command = program()
    with TemporaryDirectory(prefix="overlay-") as passing:
        root, home = Path(passing) / "files", Path(passing) / "home"
        home.mkdir()
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        said = Path(passing) / "said"
        rendered, failure = _run([*command, *_OPTIONS, str(root / folder)], home, said)
        if not failure and rendered is not None:
            return rendered.decode("utf-8", "replace")
        reason = failure or _first_line(said).replace(f"{root}/", "")
    shown = reason if len(reason) <= MAX_TOLD else f"{reason[: MAX_TOLD // 2]} … {reason[-MAX_TOLD // 2 :]}"
    raise StageError(f"{folder} cannot be rendered: {shown.removeprefix('Error: ')}")


def program() -> list[str]:
    """Returns the command that renders a folder. Raises StageError where there is none."""
    for name, command in (("kustomize", "build"), ("kubectl", "kustomize")):
        if found := shutil.which(name):
            return [str(Path(found).absolute()), command]
    raise StageError(f"deploy.overlays cannot be rendered: there is neither kustomize nor kubectl here; {_INSTALL}")


def _first_line(said: Path) -> str:
    lines = said.read_text("utf-8", "replace").split("\n")
    if re.match(r"(?:fatal error|runtime).*(?:out of memory|cannot allocate memory|pthread_create failed)", lines[0]):
        return f"it takes more than {MAX_MEMORY >> 20} MiB of memory"
    return next((line for line in lines if line.startswith("Error: ")), lines[0])


def _run(command: list[str], home: Path, said: Path) -> tuple[bytes | None, str]:
    """Returns what the command wrote, None where it failed, and why it was ended."""
    # Without a PATH there is no git, helm or plugin to run.
    environment = {"PATH": str(home), "HOME": str(home), "XDG_CONFIG_HOME": str(home), "TMPDIR": str(home)}
    environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), _NOWHERE)
    ended: list[str] = []
    with said.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=home,
            start_new_session=True,
        )  # fmt: skip
        _limit(process.pid)
        timer = Timer(SECONDS, _end, (process, ended, f"it takes longer than {SECONDS} s"))
        timer.start()
        try:
            assert process.stdout
            written = process.stdout.read(MAX_BYTES + 1)
            if len(written) > MAX_BYTES:
                _end(process, ended, f"it makes more than {MAX_BYTES >> 20} MiB of manifests")
            code = process.wait()
        finally:
            timer.cancel()
            _end(process, [], "")
            process.stdout.close() if process.stdout else None
    return (None if code else written), next(iter(ended), "")


def _limit(pid: int) -> None:
    """Limits a process's memory and its time on the processors, where the system can (Linux).

    The latter ends it, too, where this program is killed meanwhile.
    """
    if hasattr(resource, "prlimit"):
        resource.prlimit(pid, resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
        resource.prlimit(pid, resource.RLIMIT_CPU, (4 * SECONDS, 4 * SECONDS))


def _end(process: "subprocess.Popen[bytes]", ended: list[str], reason: str) -> None:
    if process.poll() is None:
        ended.append(reason)
        os.killpg(process.pid, signal.SIGKILL)
