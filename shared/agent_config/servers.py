"""`servers` in the block `deploy` of config.yaml: who serves the agent's model, and under which name.

Ollama gets the model from publish. A server of OpenAI's API (mlx_lm.server, vLLM, llama-server) fetches it itself, and
is only asked.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared import names
from shared.access.git import without_secret
from shared.errors import StageError, nearest, one_line

KINDS = OLLAMA, OPENAI = "ollama", "openai"
NAMES = {OLLAMA: "{agent}:{version}", OPENAI: "default_model"}
"""The name where config.yaml sets none; `default_model` is mlx_lm.server's word for the one that it serves."""
KEEP = 3
MOST_KEPT = 1000
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")
_PLACEHOLDERS = ("{version}", "{agent}", "{name}")
_PART = r"[A-Za-z0-9_][\w.-]{0,79}"
# https://github.com/ollama/ollama/blob/v0.13.5/types/model/name.go: [[host/]namespace/]model[:tag]
_OLLAMA_NAME = re.compile(rf"(?:(?:[A-Za-z0-9_][\w.:-]*/)?{_PART}/)?{_PART}(?::{_PART})?", re.ASCII)


@dataclass(frozen=True)
class Server:
    """A server of models. name: as config.yaml has it. keep: how many of the agent's versions Ollama keeps."""

    kind: str
    url: str
    name: str
    keep: int = KEEP

    def model(self, agent: str, version: str) -> str:
        """Returns the name under which a version is asked for."""
        known = {"{version}": version, "{agent}": agent, "{name}": names.model_name(agent, version)}
        return _BRACES.sub(lambda found: known[found[0]], self.name)

    def __str__(self) -> str:
        return f"{self.kind} at {self.url}"


def read_server(kind: str, url: str, name: str | None = None, keep: int | None = None) -> Server:
    """Returns a server, with the defaults of what is not set. Raises StageError for what makes none."""
    check_kind(kind)
    if kind != OLLAMA and keep is not None:
        raise StageError(f"keep is for {OLLAMA} alone: {kind} has one model; leave it out")
    name = NAMES[kind] if name is None else name
    return Server(kind, check_url(url), _check_name(kind, name), _check_keep(KEEP if keep is None else keep))


def check_kind(kind: str) -> str:
    """Returns kind. Raises StageError where there is no such kind, with the nearest one."""
    if kind not in KINDS:
        raise StageError(f"{kind!r} is no kind of server; {nearest(str(kind), KINDS)}")
    return kind


def check_url(url: str) -> str:
    """Returns url without a slash at its end. Raises StageError for what is no http(s) address, or holds a password."""
    try:
        parts = urlsplit(url)
        is_known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        is_known = False
    if not is_known or one_line(url) != url or re.search(r"[\s?#]", url):
        shown = without_secret(url)
        raise StageError(
            f"{shown!r:.120} is no address of a server; write http(s)://host:port, such as http://ollama:11434"
        )
    if "@" in parts.netloc:
        remedy = "set OLLAMA_TOKEN or OPENAI_API_KEY instead"
        raise StageError(
            f"{without_secret(url)} stands there with a user or a password, which Git would keep; {remedy}"
        )
    return url.rstrip("/")


def _check_name(kind: str, name: str) -> str:
    if not name or one_line(name) != name:
        raise StageError(f"{name!r:.120} must be one line of text without blanks around it")
    if unknown := [found for found in _BRACES.findall(name) if found not in _PLACEHOLDERS]:
        raise StageError(f"{unknown[0]} is no placeholder; known are {', '.join(_PLACEHOLDERS)}")
    if kind == OLLAMA and not {"{version}", "{name}"} & set(_BRACES.findall(name)):
        raise StageError(f"{name!r} would be the name of every version; let it hold {{version}} or {{name}}")
    if kind == OLLAMA and not _OLLAMA_NAME.fullmatch(_BRACES.sub("x", name)):
        raise StageError(f"{name!r:.120} is no name of a model in Ollama, such as {NAMES[OLLAMA]}")
    return name


def _check_keep(keep: int) -> int:
    if type(keep) is not int or not 1 <= keep <= MOST_KEPT:
        raise StageError(f"keep is {keep!r:.40}; it must be a whole number from 1 to {MOST_KEPT}")
    return keep
