"""The block `deploy` of the agent's config.yaml, as the dataset carries it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from shared import names
from shared.agent_config.deployment import PUSH, FieldBump, check_field, check_file, check_mode, check_value
from shared.agent_config.servers import Server, read_server
from shared.artifacts import ChatDataset
from shared.errors import StageError, nearest

_SERVER_KEYS = ("kind", "url", "name", "keep")


@dataclass(frozen=True)
class Deploy:
    """How a new version gets into Git, which YAML fields follow it, and who serves it."""

    mode: str
    fields: tuple[FieldBump, ...]
    servers: tuple[Server, ...] = ()

    @classmethod
    def of(cls, dataset: ChatDataset) -> "Deploy":
        """Returns what agent.json holds; a push without fields where it holds nothing. Raises StageError for more."""
        where = f"config.deploy in {dataset.path / 'agent.json'}"
        return cls._read(dataset.agent()["config"], where, "make the dataset anew")

    @classmethod
    def read(cls, text: str, file: str, defaults: Mapping[str, Any] | None = None) -> "Deploy":
        """Returns what the text of a config.yaml holds, with the defaults of keys that it does not set.

        Raises StageError, naming file, where it cannot be used.
        """
        known = _parsed(text, file)
        own = known.get("deploy") if isinstance(known, dict) else known
        merged = {**(defaults or {}), **(own or {})} if isinstance(own, dict | None) else own
        return cls._read({"deploy": merged}, f"deploy in {file}", "correct it")

    @classmethod
    def _read(cls, config: Any, where: str, remedy: str) -> "Deploy":
        try:
            known = config.get("deploy") or {}
            fields = [FieldBump(one["file"], one["field"], one["value"]) for one in known.get("fields", [])]
            servers = tuple(_server(one) for one in known.get("servers") or ())
            return cls(check_mode(known.get("mode", PUSH)), tuple(_checked(field) for field in fields), servers)
        except StageError as error:
            reason = str(error)
        except (LookupError, TypeError, AttributeError):
            reason = (
                "it must hold mode, fields, each with the texts file, field and value, and servers with kind and url"
            )
        raise StageError(f"{where} cannot be used: {reason}; {remedy}")


@dataclass(frozen=True)
class Fleet:
    """What agent-training.yaml says of all agents: where they live, and the defaults of their block `deploy`."""

    agents: str
    deploy: Mapping[str, Any]

    @classmethod
    def read(cls, text: str | None) -> "Fleet":
        """Returns what the file's text holds; None: the usual, where there is none. Raises StageError."""
        if text is None:
            return cls(names.AGENTS, {})
        known = _parsed(text, names.FLEET)
        agents, deploy = (known.get("agents", names.AGENTS), known.get("deploy")) if isinstance(known, dict) else (0, 0)
        if not isinstance(agents, str) or not isinstance(deploy, dict | None):
            raise StageError(f"{names.FLEET} must hold keys and values, such as agents: {names.AGENTS}; correct it")
        return cls(names.check_agents(agents), deploy or {})


def _parsed(text: str, file: str) -> Any:
    try:
        known = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise StageError(f"{file} is no YAML; correct it") from None
    return {} if known is None else known


def _checked(field: FieldBump) -> FieldBump:
    return FieldBump(check_file(field.file), check_field(field.field), check_value(field.value))


def _server(known: Mapping[str, Any]) -> Server:
    if odd := sorted(known.keys() - set(_SERVER_KEYS)):
        raise StageError(f"servers hold {odd[0]!r:.80}, which is not known; {nearest(str(odd[0]), _SERVER_KEYS)}")
    return read_server(known["kind"], known["url"], known.get("name"), known.get("keep"))
