"""The installed runner's own copy of the program, with an environment from the lock: it needs this checkout no more."""

import shutil
import subprocess
import sys
from pathlib import Path

import uv

from runner.service.places import Places
from shared.errors import StageError

# What is copied of a checkout.
PARTS = ("runner", "shared")


def install(root: Path, places: Places) -> None:
    """Puts a copy of a checkout's runner in place, whole or not at all; an older copy is gone then.

    Raises StageError where its libraries cannot be installed.
    """
    new, old = (places.home / f"program.{name}" for name in ("new", "old"))
    for folder in (new, old):
        shutil.rmtree(folder, ignore_errors=True)
    left_out = shutil.ignore_patterns("tests", "__pycache__")
    for part in PARTS:
        shutil.copytree(root / part, new / part, ignore=left_out)
    _make_environment(new / "environment", root / "runner" / "requirements.lock")
    if places.program.exists():
        places.program.rename(old)
    new.rename(places.program)
    shutil.rmtree(old, ignore_errors=True)


def _make_environment(folder: Path, lock: Path) -> None:
    # Its paths are relative, as its folder gets another name when it is complete.
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    interpreter = base if base.exists() else Path(sys.executable).resolve()
    _uv("venv", "--quiet", "--relocatable", "--python", str(interpreter), str(folder))
    python = str(folder / "bin" / "python")
    _uv("pip", "sync", "--quiet", "--compile-bytecode", "--python", python, "--require-hashes", str(lock))


def _uv(*arguments: str) -> None:
    done = subprocess.run([uv.find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StageError(f"uv {arguments[0]} failed for the runner's environment: {done.stderr.strip()}")
