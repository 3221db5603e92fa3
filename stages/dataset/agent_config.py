"""training/config.yaml: how an agent's model is trained and when it may be published; what all agents share."""

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    create_model,
    field_validator,
    model_validator,
)

from shared import names
from shared.agent_config import deployment
from shared.agent_config import servers as model_servers
from shared.agent_config.settings import GATE, TRAINING, WATCH, Floor
from shared.contract import Field, to_text
from shared.errors import StageError, nearest
from stages.dataset import strict_yaml

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Schedule(BaseModel):
    """When a training starts by itself, when watch looks, and who hears of a failure."""

    model_config = STRICT
    cron: str = ""
    watch: str = ""
    notify: list[str] = []

    @field_validator("cron", "watch")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        if cron and len(cron.split()) != 5:
            raise ValueError(f"{cron!r} is no cron schedule of five fields, such as '0 2 * * 0'")
        return cron

    @field_validator("notify")
    @classmethod
    def _addresses(cls, addresses: list[str]) -> list[str]:
        for address in addresses:
            if not re.fullmatch(r"[^\s@]+@[^\s@]+", address):
                raise ValueError(f"{address!r} is no e-mail address")
        return addresses


def _checking(check: Callable[[Any], Any]) -> AfterValidator:
    """Returns the validator that turns a check's StageError into what pydantic expects."""

    def validate(value: Any) -> Any:
        try:
            return check(value)
        except StageError as error:
            raise ValueError(str(error)) from None

    return AfterValidator(validate)


class DeployField(BaseModel):
    """A YAML field that is bumped besides MODEL_VERSION."""

    model_config = STRICT
    file: Annotated[str, _checking(deployment.check_file)]
    field: Annotated[str, _checking(deployment.check_field)]
    value: Annotated[str, _checking(deployment.check_value)]


class DeployServer(BaseModel):
    """A server of the agent's models."""

    model_config = STRICT
    kind: Annotated[str, _checking(model_servers.check_kind)]
    url: Annotated[str, _checking(model_servers.check_url)]
    name: str | None = None
    keep: int | None = None

    @model_validator(mode="after")
    def _whole(self) -> "DeployServer":
        try:
            model_servers.read_server(self.kind, self.url, self.name, self.keep)
        except StageError as error:
            raise ValueError(str(error)) from None
        return self


class Deploy(BaseModel):
    """How a new version gets into Git, what is bumped besides MODEL_VERSION, and who serves it."""

    model_config = STRICT
    mode: Annotated[str, _checking(deployment.check_mode)] = deployment.PUSH
    fields: list[DeployField] = []
    servers: list[DeployServer] | None = None

    @field_validator("servers")
    @classmethod
    def _each_server_once(cls, servers: list[DeployServer] | None) -> list[DeployServer] | None:
        for index, each in enumerate(servers or ()):
            if each in (servers or ())[:index]:
                raise ValueError(f"{each.kind} at {each.url} is named twice")
        return servers

    @field_validator("fields")
    @classmethod
    def _each_once(cls, fields: list[DeployField]) -> list[DeployField]:
        places = [(each.file, each.field) for each in fields]
        for file, field in places:
            if places.count((file, field)) > 1:
                raise ValueError(f"{field} of {file} is named twice")
        return fields


def _block(name: str, settings: dict[str, Any], **more: Any) -> type[BaseModel]:
    """Returns the model of a block whose keys are settings, each optional and checked by its limits.

    more: the types of further optional keys.
    """
    types = {key: _checked(key, hint) for key, hint in settings.items()} | more
    fields: dict[str, Any] = {key: (kind | None, None) for key, kind in types.items()}
    return create_model(name, __config__=STRICT, **fields)


def _checked(key: str, hint: Any) -> Any:
    """Returns the type of a setting with the checks that its value meets again as the input of a stage."""
    kind, description, *limits = get_args(hint)
    field = Field(key, kind, description, tuple(limits), dataclasses.MISSING)

    return Annotated[kind, _checking(lambda value: field.parse(to_text(value)))]


def _listed(paths: Any) -> Any:
    """Returns a single text as a list of it."""
    return [paths] if isinstance(paths, str) else paths


def _path(path: str) -> str:
    if not path.strip() or path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"{path!r} is no path or pattern from the repository's root, such as docs/runbooks")
    return path


class Blocks(BaseModel):
    """What may be said of one agent, or of all; every block and every key may be left out."""

    model_config = STRICT
    training: _block("Training", TRAINING) | None = None  # type: ignore[valid-type]
    gate: _block("Gate", GATE, floors=dict[str, _checked("a floor", Floor)]) | None = None  # type: ignore[valid-type]
    watch: _block("Watch", WATCH) | None = None  # type: ignore[valid-type]
    deploy: Deploy | None = Deploy()
    schedule: Schedule | None = Schedule()


BLOCKS = tuple(Blocks.model_fields)


class Fleet(Blocks):
    """agent-training.yaml at the repository's root: where agents live, and what each config.yaml need not repeat."""

    agents: Annotated[str, _checking(names.check_agents)] = names.AGENTS

    @field_validator("gate")
    @classmethod
    def _no_floors(cls, gate: Any) -> Any:
        if gate is not None and gate.floors is not None:
            raise ValueError("floors belong into the config.yaml of the agent that has the functions")
        return gate


class AgentConfig(Blocks):
    """The whole file. runbook_path: as dataset's input of that name."""

    runbook_path: Annotated[list[Annotated[str, AfterValidator(_path)]], BeforeValidator(_listed)] = []

    def over(self, defaults: Blocks) -> "AgentConfig":
        """Returns this configuration where it sets a key, and the defaults elsewhere."""
        own, others = (each.model_dump(include=set(BLOCKS), exclude_unset=True) for each in (self, defaults))
        blocks = {block: (others.get(block) or {}) | (own.get(block) or {}) for block in [*others, *own]}
        blocks |= {block: None for block in own if own[block] is None and not others.get(block)}
        return AgentConfig.model_validate({**blocks, "runbook_path": self.runbook_path})

    def settings(self) -> dict[str, dict[str, Any]]:
        """Returns the keys that the file sets, by block; without the runbook's path, of which agent.json tells."""
        return self.model_dump(exclude_none=True, exclude={"runbook_path"})

    def inputs(self) -> dict[str, Any]:
        """Returns the keys that the file sets and that are inputs of the training; others are in agent.json alone."""
        return self._keys("training", TRAINING) | self._keys("gate", GATE)

    def watch_inputs(self) -> dict[str, Any]:
        """Returns the keys that the file sets and that are inputs of watch."""
        return self._keys("watch", WATCH)

    def _keys(self, block: str, known: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in self.settings().get(block, {}).items() if key in known}

    def check_floors(self, functions: Iterable[str], name: str, tools: str) -> None:
        """Raises StageError where the file `name` sets a floor for none of the functions that the file `tools` has."""
        known = list(functions)
        for function in self.settings().get("gate", {}).get("floors", {}):
            if function not in known:
                reason = f"{function}, which is no function of {tools}"
                raise StageError(f"{name}: gate.floors names {reason}; {nearest(function, known)}")


def read_fleet(text: str) -> Fleet:
    """Returns what agent-training.yaml says. Raises StageError as `read_config` does."""
    return strict_yaml.read(text, names.FLEET, Fleet)


def read_config(text: str, name: str) -> AgentConfig:
    """Returns the configuration in the text of the file `name`.

    Raises StageError, naming file and line, for what is not YAML, an unknown key (with the nearest
    known one), a wrong type, or a value out of range.
    """
    if not text.strip():
        raise StageError(f"{name} is empty; write at least `training: {{}}`")
    return strict_yaml.read(text, name, AgentConfig)
