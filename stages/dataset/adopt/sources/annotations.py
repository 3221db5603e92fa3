"""Alerting rules of a repository, and the functions that they call: `lambda_function` among their annotations."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from typing import Any

from stages.dataset.adopt.drafted import NAME, Drafted, Parameter
from stages.dataset.adopt.schema import type_of
from stages.dataset.adopt.texts import Repository
from stages.dataset.calls.rules import FUNCTION, Rule, RuleFile, holds_rules, read_rules
from stages.dataset.files import MAX_RUNBOOK

_TELLING = (".yaml", ".yml", ".json", ".py")
_LABEL = re.compile(r"\$labels\.(\w+)|\{\{\s*[.$]?(\w+)\s*\}\}")


@dataclass(frozen=True)
class Called:
    """The rules that name functions, the files of rules outside the agent's folder, and what could not be read.

    Files without a function are among them: the agent is asked about those alerts, too. others: files whose functions
    are another agent's, or were not asked for.
    """

    rules: tuple[Rule, ...]
    elsewhere: tuple[str, ...]
    others: tuple[str, ...]
    faults: tuple[str, ...]

    def functions(self) -> dict[str, list[Rule]]:
        """Returns the rules of each function, by its name."""
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            found.setdefault(rule.function, []).append(rule)
        return found

    def patterns(self) -> list[str]:
        """Returns what names the files elsewhere: one pattern for a folder that has several, where all are meant."""
        folders = Counter(path.rpartition("/")[0] for path in self.elsewhere)
        whole = {folder for folder, count in folders.items() if count > 1 and not self._holds_others(folder)}
        found = (
            f"{escape(folder)}/*.{path.rpartition('.')[2]}"
            if (folder := path.rpartition("/")[0]) in whole
            else escape(path)
            for path in self.elsewhere
        )
        return list(dict.fromkeys(found))

    def _holds_others(self, folder: str) -> bool:
        return not folder or any(path.startswith(f"{folder}/") for path in self.others)


def read_called(repository: Repository, pattern: re.Pattern[str]) -> Called:
    """Returns the rules of the agent's folder and of folders that are no agent's.

    A file elsewhere counts where all functions that its rules call have names that fit the pattern, and none is another
    agent's.
    """
    rules: list[Rule] = []
    faults: list[str] = []
    elsewhere: list[str] = []
    others: list[str] = []
    folder = f"{repository.folder}/"
    for path in (*repository.own(".yaml", ".yml"), *repository.shared(".yaml", ".yml")):
        raw = repository.raw(path, MAX_RUNBOOK)
        if FUNCTION not in raw and not holds_rules(raw):
            continue
        file = RuleFile(path, repository.text(path, MAX_RUNBOOK))
        read = read_rules([file])
        faults += [each.says for each in read.unread] + [rule.fault for rule in read.known if rule.fault]
        found = [rule for rule in read.known if rule.function and not rule.fault]
        if read.known and not path.startswith(folder):
            called = {rule.function for rule in found}
            if not all(map(pattern.fullmatch, called)) or _are_anothers(called, repository):
                others.append(path)
                continue
            elsewhere.append(path)
        rules += found
    return Called(tuple(rules), tuple(elsewhere), tuple(others), tuple(faults))


def drafts(called: Called) -> Iterator[Drafted]:
    """Yields a function for each that a rule calls, with the parameters that the rules give it."""
    for name, rules in called.functions().items():
        if NAME.fullmatch(name):
            for path in dict.fromkeys(rule.path for rule in rules):
                known = [rule.parameters for rule in rules if rule.path == path]
                yield Drafted(name, "alerting rule", parameters=tuple(_parameters(known)), places=(path,))


def _are_anothers(functions: set[str], repository: Repository) -> bool:
    """Returns whether another agent's files name one of the functions, and this agent's do not."""
    own = [path for path in repository.own(*_TELLING) if not path.startswith(repository.beside)]
    missing = {name for name in functions if not _is_named(name, own, repository)}
    return any(_is_named(name, repository.others(*_TELLING), repository) for name in missing)


def _is_named(name: str, paths: Sequence[str], repository: Repository) -> bool:
    return any(name in path or name in repository.raw(path) for path in paths)


def _parameters(given: Sequence[Mapping[str, Any]]) -> Iterator[Parameter]:
    for name in dict.fromkeys(name for parameters in given for name in parameters):
        values = [parameters[name] for parameters in given if name in parameters]
        kinds = {type_of(value) for value in values}
        labels = dict.fromkeys(label for value in values for label in _labels(value))
        said = " or ".join(label for label in labels if label != name).replace("_", " ").capitalize()
        required = len(values) == len(given)
        yield Parameter(name, kinds.pop() if len(kinds) == 1 else "string", said, required=required)


def _labels(value: Any) -> Iterator[str]:
    for found in _LABEL.finditer(value if isinstance(value, str) else json.dumps(value)):
        yield found[1] or found[2]
