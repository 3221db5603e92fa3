"""A command as words: what stands alone, and flags with their values, whatever their order and spelling."""

import re
import shlex
from dataclasses import dataclass
from functools import lru_cache

from stages.dataset.calls.placeholders import CLOSE, OPEN

MAX_COMMAND = 4096  # shlex takes time quadratic in a word's length

_SHORT_FLAGS = {"-n": "--namespace", "-l": "--selector", "-o": "--output", "-c": "--container", "-f": "--filename"}
_RESOURCES = {
    "deployment": ("deploy", "deployments"),
    "statefulset": ("sts", "statefulsets"),
    "daemonset": ("ds", "daemonsets"),
    "pod": ("po", "pods"),
    "persistentvolumeclaim": ("pvc", "pvcs", "persistentvolumeclaims"),
    "job": ("jobs",),
    "cronjob": ("cj", "cronjobs"),
    "replicaset": ("rs", "replicasets"),
    "node": ("no", "nodes"),
    "service": ("svc", "services"),
    "certificate": ("cert", "certs", "certificates"),
}
RESOURCE_NAMES = {alias: name for name, aliases in _RESOURCES.items() for alias in (name, *aliases)}
# What is left of `$`, `{{` and `<` once placeholders are marked is an expression that nobody can fill in.
_SHELL_SYNTAX = re.compile(r"[|;&`<>$]|\{\{|\}\}")
_GROUP = re.compile(r"\.(?:v\d\w*\.)?(?:apps|batch|cert-manager\.io)$")  # of `deployments.v1.apps`
_PARAMETER = re.compile(r"\{\w[\w.-]*\}")
# Everything up to a `#` that starts a word outside quotes.
_CODE = re.compile(r"""(?:[^'"\\#]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|(?<!\s)#)*""", re.DOTALL)


@dataclass(frozen=True)
class Words:
    """A command's words apart: what stands alone, and flags with their value ('' for a switch)."""

    positions: tuple[str, ...]
    flags: dict[str, str]


@lru_cache(maxsize=4096)
def split(command: str, switches: frozenset[str] | None = None, is_resource: bool = True) -> Words | None:
    """Returns the words of a simple command; None for a pipeline, an open quote or more than MAX_COMMAND characters.

    switches: flags without a value; None takes a flag before another flag, or last, for one.
    is_resource: whether a template's `{a}/{b}` stands for a Kubernetes resource, and not for any two words.
    """
    command = _without_comment(command)
    if len(command) > MAX_COMMAND or _SHELL_SYNTAX.search(command):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    positions: list[str] = []
    flags: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            positions += _resource(word, positions, is_resource)
            continue
        name, has_value, value = word.partition("=")
        name = _SHORT_FLAGS.get(name, name)
        is_switch = name in switches if switches is not None else not words or words[0].startswith("-")
        flags[name] = value if has_value else "" if is_switch or not words else words.pop(0)
    return Words(tuple(positions), flags)


def _without_comment(command: str) -> str:
    code = _CODE.match(command, 0, MAX_COMMAND + 1)
    end = code.end() if code else 0
    return command[:end] if command.startswith("#", end) else command


def _resource(word: str, before: list[str], is_resource: bool) -> list[str]:
    """Returns `deploy/x` as `deployment`, `x`, and a resource's short name in full."""
    kind, slash, name = word.partition("/")
    kind = kind.split(".")[0]
    if slash and (kind in RESOURCE_NAMES or (is_resource and _PARAMETER.fullmatch(kind))):
        resource = RESOURCE_NAMES.get(kind, kind)
        return [resource, _named(name, resource)]
    if not before:
        return [word]
    if before[-1] in _RESOURCES:  # the resource's own name, whatever it is
        return [_named(word, before[-1])]
    return [_named(RESOURCE_NAMES.get(_GROUP.sub("", word), word), before[-1])]


def _named(word: str, resource: str) -> str:
    """Returns `$NAME` behind a resource as the placeholder of that resource: `deployment $NAME` is a deployment."""
    is_name = word.lower() == f"{OPEN}?name{CLOSE}"
    return f"{OPEN}?{resource}{CLOSE}" if is_name and resource in _RESOURCES else word
