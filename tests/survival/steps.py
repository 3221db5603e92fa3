"""The steps by which a stage changes something outside itself, and death between them.

A stage reaches the world by a few doors alone: HTTP requests, `git push`, and the delivery of its
outputs. Between two of those steps it only reads and computes, so that deaths before and after each
of them leave every state that a death between steps can leave.

Standard library only: a stage's own Python runs this, inside the stage's process.
"""

import json
import os
import pkgutil
import re
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Named = Callable[..., str]
"""Returns a step's name from the arguments of the function that takes it; '' where nothing would change."""

_IDS = re.compile(r"m-[0-9a-f]{32}|[0-9a-f]{32,64}")
_ASKING = re.compile(r"/(search|get-\w+|get|list)$")


def _request(_: object, method: str, url: str, *__: object, **___: object) -> str:
    path = urlsplit(url).path
    is_asking = method in ("GET", "HEAD") or _ASKING.search(path)
    return "" if is_asking else f"{method} {_IDS.sub('…', path)}"


def _push(_: object, *command: str, **__: object) -> str:
    return "git push" if "push" in command and "--dry-run" not in command else ""


def _delivery(*_: object) -> str:
    return "delivery"


HTTP = ("urllib3.connectionpool:HTTPConnectionPool.urlopen", _request)
GIT = ("shared.access.git_process:BoundedGit.run", _push)
DELIVERY = ("shared.stage:_deliver", _delivery)
DOORS: Mapping[str, tuple[tuple[str, Named], ...]] = {
    "register": (HTTP, DELIVERY),
    "publish": (HTTP, GIT, DELIVERY),
}


class Watch:
    """Writes each boundary that the process passes to a file, and kills the process at one of them.

    at: the number of the boundary to die at, from 1; 0 for none.
    """

    def __init__(self, file: Path, at: int) -> None:
        self.file, self.at, self.passed = file, at, 0

    def install(self, stage: str) -> None:
        """Puts itself around the stage's doors. Raises AttributeError or ImportError for a door that is gone."""
        for name, named in DOORS[stage]:
            owner, _, attribute = name.replace(":", ".").rpartition(".")
            setattr(pkgutil.resolve_name(owner), attribute, self._around(pkgutil.resolve_name(name), named))

    def _around(self, function: Callable[..., Any], named: Named) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            step = named(*arguments, **options)
            if not step:
                return function(*arguments, **options)
            self._pass(f"before {step}")
            result = function(*arguments, **options)
            self._pass(f"after {step}")
            return result

        return watched

    def _pass(self, boundary: str) -> None:
        self.passed += 1
        with self.file.open("a") as file:
            file.write(json.dumps(boundary) + "\n")
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
