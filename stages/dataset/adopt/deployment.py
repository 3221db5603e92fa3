"""Fields of an agent's manifests that name its model, and patches that set the model where no bump reaches it.

A text in a manifest that is YAML itself, such as a patch in a kustomization, is searched like the manifest.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared import names
from shared.agent_config.field_path import Choice, Index, Inside, Key, Step, written
from shared.errors import StageError
from stages.dataset.adopt.drafted import WORDS
from stages.dataset.adopt.overlays import overlays
from stages.dataset.adopt.texts import Repository, read_documents, scalar_text
from stages.dataset.calls.rules import FUNCTION

_VARIABLES, _KEYS = set(WORDS["model_variables"]), set(WORDS["model_keys"])
_VERSION = re.compile(r"v?\d{8}-[0-9a-f]{8}(?:\.\d+)?")
_MAYBE = re.compile(r"model|\d{8}-[0-9a-f]{8}", re.IGNORECASE)
_MARKS = re.compile(r"[{}\n]")
_BRACKET = re.compile(r"\s*[\[{]")  # what JSON begins with
_CHOSEN_BY = (("name",), ("value", "name"), ("path",), ("target", "name"))


@dataclass(frozen=True)
class ModelField:
    """A field that holds a model; file: below the agent's folder. now: what it holds. value: what a bump would write.

    is_own: whether it names this agent's model already, and not another that the agent uses.
    """

    file: str
    field: str
    now: str
    value: str
    is_own: bool


@dataclass(frozen=True)
class Unreached:
    """A patch outside the agent's folder that sets its model; place: with its line. path: what it sets."""

    place: str
    path: str
    now: str


@dataclass(frozen=True)
class Manifests:
    """What a new version has to reach: fields, patches that it cannot reach, and overlays, which are rendered."""

    fields: tuple[ModelField, ...]
    unreached: tuple[Unreached, ...]
    overlays: tuple[str, ...]

    @classmethod
    def of(cls, repository: Repository) -> "Manifests":
        """Returns what the agent's manifests hold."""
        fields, unreached = model_fields(repository)
        found = overlays(repository, {each.file for each in fields if each.is_own})
        return cls(tuple(fields), tuple(unreached), tuple(found))


def model_fields(repository: Repository) -> tuple[list[ModelField], list[Unreached]]:
    """Returns the fields of the agent's manifests that hold a model, and the patches that a bump does not reach."""
    fields: list[ModelField] = []
    unreached: list[Unreached] = []
    folder = f"{repository.folder}/"
    for path in (*repository.own(".yaml", ".yml"), *repository.shared(".yaml", ".yml")):
        text = repository.raw(path)
        is_own = path.startswith(folder)
        if not _MAYBE.search(text) or FUNCTION in text or (not is_own and not _patches(text, repository.agent)):
            continue
        found = [each for document in repository.documents(path) for each in _scalars(document.node)]
        if is_own:
            fields += _once(_fields(path.removeprefix(folder), found, repository.agent))
        else:
            unreached += (each for steps, node in found for each in _unreached(path, steps, node, repository.agent))
    return fields, unreached


def _patches(text: str, agent: str) -> bool:
    return "patch" in text and agent in text


def _once(found: Iterator[ModelField]) -> list[ModelField]:
    """Returns the fields whose path stands in one document of the file alone: a bump takes no other."""
    fields = list(found)
    paths = [each.field for each in fields]
    return [each for each in fields if paths.count(each.field) == 1]


def _fields(file: str, found: list[tuple[tuple[Step, ...], ScalarNode]], agent: str) -> Iterator[ModelField]:
    for steps, node in found:
        text = scalar_text(node)
        if text and not _MARKS.search(text) and node.style not in ("|", ">") and _is_model(steps, text, agent):
            yield ModelField(file, written(steps), text, _follows(text, agent), _is_agents(text, agent))
        is_patch = _is_patch(steps)
        for inner, _, held in _set_in_text(file, node, agent):
            if not _MARKS.search(held) and (is_patch or _is_agents(held, agent)):
                path = written((*steps, Inside(), *inner))
                yield ModelField(file, path, held, _follows(held, agent), _is_agents(held, agent))


def _is_model(steps: tuple[Step, ...], text: str, agent: str) -> bool:
    """Returns whether a field holds a model: by its key, by its variable's name, or by a version in its value."""
    keys = [step.name for step in steps if isinstance(step, Key)]
    choices = [step.value for step in steps if isinstance(step, Choice)]
    if keys and keys[-1] == "image":
        return False
    if choices and keys and keys[-1] == "value":
        return choices[-1] in _VARIABLES or choices[-1].split("/")[-1].lower() in _KEYS
    is_named = bool(keys) and (keys[-1].lower() in _KEYS or keys[-1] in _VARIABLES)
    return is_named or (_VERSION.search(text) is not None and agent in text)


def _is_agents(text: str, agent: str) -> bool:
    return text.split(":")[0].split("/")[-1] == agent or agent in text or bool(_VERSION.fullmatch(text))


def _follows(text: str, agent: str) -> str:
    """Returns what a field is to hold for a version, in the shape that it has today."""
    if names.registered_model(agent) in text:
        return re.sub(rf"{re.escape(names.registered_model(agent))}[\w.-]*", "{name}", text)
    if _VERSION.search(text):
        return _VERSION.sub("{version}", text)
    head, colon, _ = text.rpartition(":")
    return f"{head}:{{version}}" if colon and head.split("/")[-1] == agent else f"{agent}:{{version}}"


def _scalars(node: Node | None) -> Iterator[tuple[tuple[Step, ...], ScalarNode]]:
    """Yields every scalar of a document with its path; an item that has a `name`, or a `path`, is chosen by that."""
    waiting: list[tuple[tuple[Step, ...], Node]] = [((), node)] if node else []
    seen: set[int] = set()
    while waiting:
        steps, found = waiting.pop()
        if isinstance(found, ScalarNode):
            yield steps, found
        elif id(found) not in seen and len(steps) < 40:
            seen.add(id(found))
            waiting += reversed(list(_inner(steps, found)))


def _inner(steps: tuple[Step, ...], node: Node) -> Iterator[tuple[tuple[Step, ...], Node]]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield (*steps, Key(scalar_text(key))), value
    elif isinstance(node, SequenceNode):
        for number, item in enumerate(node.value):
            yield (*steps, _chosen(item, node) or Index(number)), item


def _chosen(item: Node, items: SequenceNode) -> Choice | None:
    for keys in _CHOSEN_BY:
        held = [_value(each, keys) for each in items.value]
        value = _value(item, keys)
        if value and held.count(value) == 1 and not re.search(r'["\n]', value):
            return Choice(keys[-1], value, keys[:-1])
    return None


def _value(item: Node, keys: tuple[str, ...]) -> str:
    """Returns the text under a key, or under keys of keys, of an item; '' where there is none."""
    found: Node | None = item
    for wanted in keys:
        pairs = found.value if isinstance(found, MappingNode) else ()
        found = next((value for key, value in pairs if scalar_text(key) == wanted), None)
    return scalar_text(found) if found else ""


def _is_patch(steps: tuple[Step, ...]) -> bool:
    keys = [step.name for step in steps if isinstance(step, Key)]
    return bool(keys) and "patch" in keys[-1].lower()


def _unreached(path: str, steps: tuple[Step, ...], node: ScalarNode, agent: str) -> Iterator[Unreached]:
    """Yields the agent's models that a patch in a text sets: operations of JSON 6902, or a part of the object."""
    first = node.start_mark.line + (2 if node.style in ("|", ">") else 1)
    for inner, scalar, text in _set_in_text(path, node, agent):
        if _is_patch(steps) and _is_agents(text, agent):
            yield Unreached(f"{path}, line {first + scalar.start_mark.line}", _shown(inner), text)


def _set_in_text(path: str, node: ScalarNode, agent: str) -> Iterator[tuple[tuple[Step, ...], ScalarNode, str]]:
    """Yields the scalars that set a model in a text that is YAML itself, each with its path in it."""
    text = scalar_text(node)
    is_block = node.style in ("|", ">") or "\n" in text
    if not (is_block or _BRACKET.match(text)) or not _MAYBE.search(text):
        return
    try:
        documents = list(read_documents(text, f"{path}, a text"))
    except StageError:
        return
    for document in documents:
        for inner, scalar in _scalars(document.node) if not isinstance(document.node, ScalarNode) else ():
            if _is_set(inner, scalar_text(scalar), agent) and scalar.style not in ("|", ">"):
                yield inner, scalar, scalar_text(scalar)


def _is_set(steps: tuple[Step, ...], text: str, agent: str) -> bool:
    """Returns whether a scalar of a patch sets a model; of an operation, its path tells what is set."""
    choice = next((step.value for step in steps if isinstance(step, Choice) and step.name == "path"), "")
    keys = [step.name for step in steps if isinstance(step, Key)]
    if choice and keys == ["value"]:
        return choice.rsplit("/", 1)[-1].lower() in _KEYS
    return bool(text) and not (choice and keys[:1] != ["value"]) and _is_model(steps, text, agent)


def _shown(steps: tuple[Step, ...]) -> str:
    choice = next((step.value for step in steps if isinstance(step, Choice) and step.name == "path"), "")
    variable = next((step.value for step in steps[::-1] if isinstance(step, Choice) and step.name == "name"), "")
    return f"{choice}{f' ({variable})' if variable else ''}" if choice else written(steps)
