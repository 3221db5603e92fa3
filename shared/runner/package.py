"""What a pod sends: its own code as one archive, and the description of its job."""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import archive, contract
from shared.contract import Contract

PROTOCOL = 1
_ROOT = Path(__file__).parents[2]
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "tests", "requirements.*.lock", "*.pyc")


@dataclass(frozen=True)
class File:
    """A file to be sent, or known to the runner: where it is, its sha256 and its bytes."""

    path: Path
    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: Path) -> "File":
        return cls(path, archive.digest(path), path.stat().st_size)

    def describe(self) -> dict[str, Any]:
        return {"sha256": self.sha256, "bytes": self.bytes}


@dataclass(frozen=True)
class Package:
    """A job: its description, its id, and the files that it needs."""

    description: Mapping[str, Any]
    files: tuple[File, ...]

    @property
    def id(self) -> str:
        """The sha256 of what decides the outputs."""
        job = self.description
        told = {
            "stage": job["stage"],
            "program": job["program"],
            "code": job["code"]["sha256"],
            "inputs": {name: file["sha256"] for name, file in job["inputs"].items()},
            "arguments": job["arguments"],
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def package(declared: Contract, options: Mapping[str, Any], agent: str, work: Path) -> Package:
    """Returns a stage's job. options: each input's scalar or artefact path; work: a folder for what is packed.

    What the engine fills in, such as where checkpoints go, is the runner's own business and not sent.
    """
    code = _packed(_copied(declared, work / "code"), work / "code.tar")
    artefacts = [field for field in declared.inputs if field.artifact]
    inputs = {field.name: _file(options[field.name], work / f"{field.name}.tar") for field in artefacts}
    scalars = [field for field in declared.inputs if not field.artifact]
    description = {
        "protocol": PROTOCOL,
        "stage": declared.home,
        "program": declared.program,
        "version": declared.version,
        "agent": agent,
        "requires_python": _requires_python(),
        "code": code.describe(),
        "inputs": {name: file.describe() for name, file in inputs.items()},
        "arguments": {field.name: contract.to_text(options[field.name]) for field in scalars},
        "outputs": [field.name for field in declared.outputs],
        "checkpoints": any(field.name == "checkpoint_to" for field in declared.runtime),
    }
    return Package(description, (code, *inputs.values()))


def _copied(declared: Contract, folder: Path) -> Path:
    for part in ("shared", f"stages/{declared.home}"):
        shutil.copytree(_ROOT / part, folder / part, ignore=_LEFT_OUT)
    return folder


def _file(source: Path, target: Path) -> File:
    return _packed(source, target) if source.is_dir() else File.of(source)


def _packed(folder: Path, target: Path) -> File:
    archive.pack(folder, target)
    return File.of(target)


def _requires_python() -> str:
    """Returns the Python of this image: the lock was made for it, and another one might compute otherwise."""
    return f"=={sys.version_info.major}.{sys.version_info.minor}.*"
