"""A TOML file of this folder, read strictly: what is unknown or of another type is refused, with what is known."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from shared.errors import StageError, nearest


class Quantity(str):
    """A Kubernetes quantity, such as 500m or 16Gi."""


_EXAMPLES: dict[type, str] = {
    Quantity: "a Kubernetes quantity in quotes",
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
    dict: "a table { … }",
    list: "a list [ … ]",
}


@dataclass(frozen=True)
class Table:
    """A table of a file; its text is what messages call it: `placement.toml: [train]`."""

    file: Path
    name: str
    entries: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.file}: [{self.name}]" if self.name else str(self.file)

    def table(self, name: str) -> "Table":
        """Returns the table in this one, an empty one where there is none. Raises StageError where it is no table."""
        entry = self.entries.get(name, {})
        inner = f"{self.name}.{name}" if self.name else name
        if not isinstance(entry, dict):
            raise StageError(f"{self.file}: {inner} is {entry!r}; write a table [{inner}] with a key a line")
        return Table(self.file, inner, entry)

    def check_keys(self, known: Collection[str]) -> None:
        """Raises StageError for a key that is not known: it would be left out without a word."""
        for key in self.entries:
            if key not in known:
                raise StageError(f"{self} has {key}; {nearest(key, sorted(known))}")

    def values(self, kinds: Mapping[str, type], required: Collection[str]) -> dict[str, Any]:
        """Returns the entries. Raises StageError for an unknown key, a missing one, and a value of another type."""
        self.check_keys(kinds)
        for key, kind in kinds.items():
            if key in required or key in self.entries:
                self._check(key, kind)
        return dict(self.entries)

    def _check(self, key: str, kind: type) -> None:
        value = self.entries.get(key)
        if type(value) is (str if kind is Quantity else kind) and (kind is not Quantity or is_quantity(value)):
            return
        found = f"{key} = {value!r}" if key in self.entries else f"no {key}"
        raise StageError(f"{self} has {found}; write {key} = {_EXAMPLES[kind]}")


def read(file: Path) -> Table:
    """Returns the whole file. Raises StageError where it cannot be read as TOML."""
    try:
        return Table(file, "", tomllib.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:  # a ValueError is what is no UTF-8 or no TOML
        raise StageError(f"{file} cannot be read as TOML: {error}; mend it, or take it from Git again") from None


def is_quantity(value: Any) -> bool:
    """Returns whether a value is a positive Kubernetes quantity."""
    try:
        return isinstance(value, str) and parse_quantity(value) > 0  # type: ignore[no-untyped-call]
    except ValueError:
        return False
