"""Where models are kept. A store holds files under keys such as `agent-sre/v20251224-abc12345/manifest.json`."""

from pathlib import Path
from typing import Protocol

UNREADABLE = "unreadable"  # in the place of a digest


class Store(Protocol):
    """What publishing and fetching need of a store."""

    def location(self, key: str) -> str:
        """Returns the address of a key, for people and for whoever serves the model."""

    def read(self, key: str) -> bytes | None:
        """Returns a small file's content, or None where there is none."""

    def digest(self, key: str) -> str | None:
        """Returns the sha256 (hex) of what is stored, read back.

        None where there is nothing; UNREADABLE where something is, but the store cannot give it, or not all of it.
        """

    def download(self, key: str, target: Path) -> str | None:
        """Writes what is stored to a new file. Returns what `digest` does, of what was written."""

    def write(self, key: str, source: Path) -> None:
        """Stores a file whole, in place of what was there; to be read back.

        Nothing is written where another run has stored the key and called `remove_unfinished` meanwhile.
        """

    def write_if_absent(self, key: str, content: bytes) -> bool:
        """Stores content unless something is there. Returns whether content is what is there now."""

    def remove(self, key: str) -> bool:
        """Removes what is stored, if anything is. Returns whether it could: not every account may."""

    def remove_unfinished(self, key: str) -> None:
        """Removes what writers that were cut off left of a key that is stored, as well as it can."""
