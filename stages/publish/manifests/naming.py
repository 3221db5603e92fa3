"""Which values of manifests name an agent's model, and whether they name the version that is rolled out.

- what a value of deploy.fields is filled to, with this version or with another in its place;
- `spec.ai.model` of the agent's LambdaAgent, whatever it holds;
- a key, or a variable, MODEL_VERSION in an object that has the agent's name in its own;
- a single word with the agent's name and a version as this project makes them.

What stands in a comment is no value, and a sentence is no single word. A container's image is taken for a model only
where its tag is such a version.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared import names
from shared.agent_config.deployment import FieldBump
from shared.agent_config.field_path import Choice, Key, written
from stages.publish.git.yaml_search import YamlFile
from stages.publish.manifests.scalars import Scalar, scalars

VERSION = r"v?[0-9]{8}-[0-9a-f]{8}(?:\.[0-9]+)?"
# What may stand behind the agent's name for a version, such as `none` and `latest`. A number alone is a port.
_ANY = r"(?![0-9]{1,5}\Z)\w[\w.-]*"
_PLACEHOLDER = re.compile(r"(\{version\}|\{name\}|\{agent\})")
_DOCUMENT = re.compile(r"^---\n", re.MULTILINE)
_VARIABLE, _IMAGE = "MODEL_VERSION", "image"


@dataclass(frozen=True)
class Named:
    """A value that names the agent's model: in which object, at which path and last key.

    is_right: whether it is this version.
    """

    object: str
    path: str
    key: str
    text: str
    is_right: bool


@dataclass(frozen=True)
class Naming:
    """How the model of an agent is named, and the version that is rolled out."""

    agent: str
    version: str
    fields: tuple[FieldBump, ...]

    def of(self, rendered: str, overlay: str) -> Iterator[Named]:
        """Yields every value of rendered manifests that names the agent's model. Raises StageError for no YAML."""
        for text in _DOCUMENT.split(rendered):
            if self.agent in text or re.search(VERSION, text):
                yield from self._of_object(list(scalars(YamlFile(text, f"what {overlay} renders"))))

    def _of_object(self, values: list[Scalar]) -> Iterator[Named]:
        kind, name = (next((v.text for v in values if written(v.steps) == at), "") for at in ("kind", "metadata.name"))
        is_own = re.search(rf"(?<![a-z0-9]){re.escape(self.agent)}(?![a-z0-9])", name) is not None
        for value in values:
            is_right = self._is_right(value, kind if is_own else "", is_own)
            if is_right is not None:
                yield Named(f"{kind} {name}", written(value.steps), value.key, value.text.strip(), is_right)

    def _is_right(self, value: Scalar, kind: str, is_own: bool) -> bool | None:
        """Returns whether a value names this version; None where it names no model of the agent."""
        text = value.text.strip()
        if any(field.filled(self.agent, self.version) == text for field in self._following()):
            return True
        if is_own and _is_variable(value):
            return text == self.version
        if kind == "LambdaAgent" and written(value.steps) == "spec.ai.model":
            return self._holds_version(text)
        if value.key != _IMAGE and any(re.fullmatch(pattern, text) for pattern in self._patterns(is_own)):
            return False
        if re.fullmatch(rf"\S*{re.escape(self.agent)}\S*?{VERSION}", text):
            return self._holds_version(text)
        return None

    def _following(self) -> list[FieldBump]:
        return [field for field in self.fields if "{version}" in field.value or "{name}" in field.value]

    def _patterns(self, is_own: bool) -> Iterator[str]:
        """Yields the pattern of what each field's value is filled to, with any version.

        A value without the agent's name is told by its version alone, and in the agent's own objects.
        """
        agent = re.escape(self.agent)
        for field in self._following():
            fixed = _PLACEHOLDER.sub(lambda found: "" if found[0] == "{version}" else self.agent, field.value)
            is_named = self.agent in fixed
            name = f"{re.escape(names.registered_model(self.agent))}-{_ANY}"
            known = {"{version}": _ANY if is_named else VERSION, "{name}": name, "{agent}": agent}
            if is_named or is_own:
                yield "".join(known.get(part, re.escape(part)) for part in _PLACEHOLDER.split(field.value))

    def _holds_version(self, text: str) -> bool:
        return text.endswith((self.version, names.model_name(self.agent, self.version)))


def _is_variable(value: Scalar) -> bool:
    last = value.steps[-1] if value.steps else None
    if last == Key("value") and len(value.steps) > 1:
        return value.steps[-2] == Choice("name", _VARIABLE)
    return last == Key(_VARIABLE)
