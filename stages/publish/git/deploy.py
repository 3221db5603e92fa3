"""The block `deploy` of the agent's config.yaml, as the dataset carries it."""

from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from shared.agent_config.deployment import PUSH, FieldBump, check_field, check_file, check_mode, check_value
from shared.artifacts import ChatDataset
from shared.errors import StageError


@dataclass(frozen=True)
class Deploy:
    """How a new version gets into Git, and which YAML fields follow it."""

    mode: str
    fields: tuple[FieldBump, ...]

    @classmethod
    def of(cls, dataset: ChatDataset) -> "Deploy":
        """Returns what agent.json holds; a push without fields where it holds nothing. Raises StageError for more."""
        where = f"config.deploy in {dataset.path / 'agent.json'}"
        return cls._read(dataset.agent()["config"], where, "make the dataset anew")

    @classmethod
    def read(cls, text: str, file: str) -> "Deploy":
        """Returns what the text of a config.yaml holds. Raises StageError, naming file, where it cannot be used."""
        try:
            known = YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            raise StageError(f"{file} is no YAML; correct it") from None
        return cls._read(known or {}, f"deploy in {file}", "correct it")

    @classmethod
    def _read(cls, config: Any, where: str, remedy: str) -> "Deploy":
        try:
            known = config.get("deploy") or {}
            fields = [FieldBump(one["file"], one["field"], one["value"]) for one in known.get("fields", [])]
            return cls(check_mode(known.get("mode", PUSH)), tuple(_checked(field) for field in fields))
        except StageError as error:
            reason = str(error)
        except (LookupError, TypeError, AttributeError):
            reason = "it must hold mode and fields, each with the texts file, field and value"
        raise StageError(f"{where} cannot be used: {reason}; {remedy}")


def _checked(field: FieldBump) -> FieldBump:
    return FieldBump(check_file(field.file), check_field(field.field), check_value(field.value))
