"""What a runner is given: the stage's code as its image holds it, the inputs, and a description that names the job."""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import archive, contract
from shared.artifacts import ChatDataset
from shared.contract import Contract
from shared.errors import StageError
from shared.runner.connection import PROTOCOL
from shared.runner.transfer import Blob

ROOT = Path(__file__).parents[2]
# What no image of a stage holds (.dockerignore), and what Python and tools leave beside code.
NOT_CODE = shutil.ignore_patterns("tests", "__pycache__", ".*", "*.md", "Dockerfile", "cuda.txt", "requirements.*.lock")
_AGENT = re.compile("[a-z0-9-]{1,63}")
CHECKPOINTS = "checkpoint_to"  # a stage with this input goes on from where it was


@dataclass(frozen=True)
class Job:
    """A stage's work as a runner is given it. blobs: the code and the inputs that the description names."""

    id: str
    description: Mapping[str, Any]
    blobs: tuple[Blob, ...]

    def body(self) -> bytes:
        """Returns the description as it is sent."""
        return json.dumps(self.description, sort_keys=True).encode()


def pack_code(declared: Contract, folder: Path) -> Blob:
    """Returns the archive of shared/ and the stage's own folder, which it writes to folder, an empty one."""
    tree, file = folder / "code", folder / "code.tar"
    for part in ("shared", f"stages/{declared.home}"):
        shutil.copytree(ROOT / part, tree / part, ignore=NOT_CODE)
    archive.pack(tree, file)
    shutil.rmtree(tree)
    return _blob(file, archive.digest(file))


def pack_input(source: Path, sha256: str, file: Path) -> Blob:
    """Returns an input as it is sent: the file itself, or a directory as the archive that it writes to file.

    sha256: of the file, or of the directory's archive.
    """
    if source.is_dir():
        archive.pack(source, file)
        if archive.digest(file) != sha256:
            raise StageError(f"{source} changed while it was read; run again")
        source = file
    return _blob(source, sha256)


def _blob(file: Path, sha256: str) -> Blob:
    return Blob(file, sha256, file.stat().st_size)


def job(
    declared: Contract, values: Mapping[str, Any], code: Blob, inputs: Mapping[str, Blob], lease_seconds: int
) -> Job:
    """Returns the job of a stage. values: its inputs by name, artefacts opened. inputs: the artefacts as files."""
    arguments = {field.name: contract.to_text(values[field.name]) for field in declared.inputs if not field.artifact}
    known = {"stage": declared.stage, "program": declared.program, "arguments": arguments}
    digests = {"code": code.sha256, "inputs": {name: blob.sha256 for name, blob in inputs.items()}}
    canonical = json.dumps(known | digests, sort_keys=True, separators=(",", ":"))
    description = known | {
        "protocol": PROTOCOL,
        "version": declared.version,
        "agent": _agent(values),
        "requires_python": _this_python(),
        "code": _described(code),
        "inputs": {
            field.name: _described(inputs[field.name]) | {"directory": field.artifact.is_directory}
            for field in declared.inputs
            if field.artifact
        },
        "outputs": [field.name for field in declared.outputs],
        "checkpoints": any(field.name == CHECKPOINTS for field in declared.runtime),
        "network": False,
        "lease_seconds": lease_seconds,
    }
    return Job(hashlib.sha256(canonical.encode()).hexdigest(), description, (code, *inputs.values()))


def _described(blob: Blob) -> dict[str, Any]:
    return {"sha256": blob.sha256, "bytes": blob.bytes}


def _agent(values: Mapping[str, Any]) -> str:
    """Returns whose model it is, so that a runner can take agents in turn; '' where no dataset tells it."""
    for value in values.values():
        if isinstance(value, ChatDataset) and _AGENT.fullmatch(str(agent := value.agent().get("agent"))):
            return str(agent)
    return ""


def _this_python() -> str:
    """Returns the Python of this image: its lock was made for that one, and another might compute otherwise."""
    return f"=={sys.version_info.major}.{sys.version_info.minor}.*"
