"""Flyte's own copilot, as a program of this machine: it fetches a task's inputs, and takes a container's outputs."""

import base64
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.literals_pb2 import LiteralMap
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.interface import Interface, transform_interface_to_typed_interface
from flytekit.core.type_engine import TypeEngine
from flytekit.models import literals

BUCKET = "bucket"


@dataclass(frozen=True)
class Copilot:
    """The program, and a folder that stands for its object store."""

    program: str
    store: Path

    @classmethod
    def found(cls, store: Path) -> "Copilot":
        """Returns the program that $FLYTECOPILOT names or that is on the path; skips the test where there is none."""
        program = os.environ.get("FLYTECOPILOT") or shutil.which("flytecopilot")
        if not program:
            pytest.skip("there is no flytecopilot; build flyteorg/flyte's, or let FLYTECOPILOT name the program")
        (store / BUCKET).mkdir(parents=True)
        return cls(program, store)

    def fetch(self, values: Mapping[str, Any], kinds: Mapping[str, Any], folder: Path) -> None:
        """Writes a task's inputs to folder, as its pod's first container does; values: of Python, by name."""
        context = FlyteContextManager.current_context()
        made = TypeEngine.dict_to_literal_map(context, dict(values), type_hints=dict(kinds))
        (self.store / BUCKET / "inputs.pb").write_bytes(made.to_flyte_idl().SerializeToString())
        self._run("download", f"--from-remote={self._at('inputs.pb')}", f"--to-local-dir={folder}")

    def take(self, kinds: Mapping[str, Any], folder: Path) -> dict[str, Any] | None:
        """Returns what the outputs in folder are for Flyte; None where it does not take them.

        An artefact is the path of what was stored.
        """
        declared = transform_interface_to_typed_interface(Interface({}, dict(kinds)))
        interface = base64.b64encode(declared.to_flyte_idl().SerializeToString()).decode()
        at_once = ("--start-watcher-type=noop", "--exit-watcher-type=noop", "--timeout=1m")
        taken = self.store / BUCKET / "out" / "outputs.pb"
        taken.unlink(missing_ok=True)
        places = (f"--from-local-dir={folder}", f"--to-raw-output={self._at('raw')}")
        self._run("sidecar", f"--interface={interface}", *places, *at_once)
        return self._values(LiteralMap.FromString(taken.read_bytes()), kinds) if taken.exists() else None

    def _values(self, found: LiteralMap, kinds: Mapping[str, Any]) -> dict[str, Any]:
        context, values = FlyteContextManager.current_context(), dict[str, Any]()
        for name, literal in literals.LiteralMap.from_flyte_idl(found).literals.items():
            if literal.scalar.blob:
                values[name] = self.store / literal.scalar.blob.uri.removeprefix("file://")
            else:
                values[name] = TypeEngine.to_python_value(context, literal, kinds[name])
        return values

    def _at(self, key: str) -> str:
        return f"file://{BUCKET}/{key}"

    def _run(self, *arguments: str) -> None:
        place = ("--storage.type=stow", "--storage.stow.kind=local", f"--storage.stow.config=path={self.store}")
        command = [self.program, *arguments, *place, f"--storage.container={BUCKET}"]
        command.append(f"--to-output-prefix={self._at('out')}")
        finished = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert finished.returncode == 0, finished.stderr
