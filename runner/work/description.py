"""What a pod wants to be run: one stage, its code, inputs and arguments. Equal ones are one job."""

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

PROTOCOL = 1
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]
Text = Annotated[str, Field(max_length=4096, pattern="^[^\\x00]*$")]


class File(BaseModel):
    """A file that the runner has, or is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sha256: Digest
    bytes: int = Field(ge=0)


class Input(File):
    """An input of the stage; directory: whether the file is the archive of one."""

    directory: bool = True


class Description(BaseModel):
    """The job as JSON. program: the module; code: a canonical tar with `shared/` and `stages/<stage>/`.

    checkpoints: whether the program takes `--checkpoint-to`. network: whether it needs one. lease_seconds: how long the
    job goes on when nobody asks for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    protocol: int
    stage: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,62}$")]
    program: Annotated[str, Field(pattern=r"^stages(\.[a-z][a-z0-9_]*){1,4}$")]
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,64}$")]
    agent: Annotated[str, Field(pattern="^[a-z0-9-]{0,63}$")] = ""
    requires_python: Annotated[str, Field(pattern=r"^[0-9.,<>=!~* ]{1,64}$")]
    code: File
    inputs: dict[Name, Input] = Field(max_length=32)
    arguments: dict[Name, Text] = Field(max_length=128)
    outputs: list[Name] = Field(min_length=1, max_length=32)
    checkpoints: bool = False
    network: bool = False
    lease_seconds: int = Field(900, ge=10, le=7 * 24 * 3600)

    @property
    def id(self) -> str:
        """The sha256 of what decides the outputs: who asks, and for how long, is not of it."""
        told: dict[str, Any] = {
            "stage": self.stage,
            "program": self.program,
            "code": self.code.sha256,
            "inputs": {name: file.sha256 for name, file in self.inputs.items()},
            "arguments": self.arguments,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def files(self) -> dict[str, File]:
        """All files that the job needs, by digest."""
        return {file.sha256: file for file in (self.code, *self.inputs.values())}
