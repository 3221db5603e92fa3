"""The `docker` program: found, asked, and its failures told in one line."""

import functools
import json
import os
import re
import subprocess
from pathlib import Path

from shared.errors import StageError, one_line

BUILDX_FROM = 23  # the first major version of the program that needs the plugin buildx to build with BuildKit
# Without attestations and with BuildKit, whichever version it is: an image has one manifest and reproducible layers.
_SETTINGS = {"DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


def run(*arguments: str) -> None:
    """Runs docker with its output shown. Raises StageError where it fails or cannot be used."""
    if subprocess.run([program(), *arguments], env=os.environ | _SETTINGS, stdin=subprocess.DEVNULL).returncode:
        raise StageError(f"docker {arguments[0]} failed; it says why above")


def answer(*arguments: str) -> str:
    """Returns what docker prints. Raises StageError with the last line of its complaint where it fails."""
    done = subprocess.run([program(), *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        complaint = (done.stderr or done.stdout).strip().splitlines() or ["it does not say why"]
        raise StageError(f"docker {arguments[0]} failed: {one_line(complaint[-1])}")
    return done.stdout


@functools.cache
def program() -> str:
    """Returns the first docker on PATH that can build with BuildKit, once its engine answers.

    Raises StageError with what to install or to start where there is none.
    """
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = [path for folder in folders if folder and os.access(path := Path(folder, "docker"), os.X_OK)]
    if not found:
        raise StageError("there is no docker program on PATH; install Docker (Debian and Ubuntu: docker.io)")
    able = next((str(path) for path in found if _has_buildkit(path)), "")
    if not able:
        raise StageError(f"{found[0]} has no BuildKit, which builds images; install its plugin buildx (docker-buildx)")
    asked = subprocess.run([able, "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True)
    if asked.returncode:
        said = one_line(asked.stderr.strip().splitlines()[-1] if asked.stderr.strip() else "no answer")
        remedy = "join the group docker" if "permission denied" in said else "start it, or let DOCKER_HOST name another"
        raise StageError(f"Docker does not answer: {said}; {remedy}")
    return able


def _has_buildkit(path: Path) -> bool:
    told = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    version = re.search(r"version (\d+)", told)
    if version and int(version[1]) < BUILDX_FROM:
        return True
    return subprocess.run([path, "buildx", "version"], capture_output=True).returncode == 0


def labels(reference: str) -> dict[str, str]:
    """Returns the labels of an image that Docker holds. Raises StageError where it holds none of that name."""
    found = json.loads(answer("image", "inspect", "--format={{json .Config.Labels}}", reference))
    return {str(name): str(value) for name, value in (found or {}).items()}
