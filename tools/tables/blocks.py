"""The part of a page that a program writes, between two markers; `--check` only names the pages where it is stale."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    """Such a part, called by a name."""

    name: str

    @property
    def begin(self) -> str:
        return f"<!-- {self.name} -->"

    @property
    def end(self) -> str:
        return f"<!-- /{self.name} -->"

    def filled(self, text: str, content: str) -> str:
        """Returns a page's text with the content between its markers."""
        before, _, rest = text.partition(self.begin)
        return f"{before}{self.begin}\n{content}\n{self.end}{rest.partition(self.end)[2]}"

    def stale(self, contents: Mapping[Path, str], write: bool = False) -> list[str]:
        """Returns one line for each page whose block is not its content; with `write`, mends those that can be."""
        return [line for page, content in contents.items() if (line := self._stale(page, content, write))]

    def _stale(self, page: Path, content: str, write: bool) -> str:
        name = page.relative_to(ROOT).as_posix()
        text = page.read_text("utf-8") if page.exists() else ""
        if text.count(self.begin) != 1 or text.count(self.end) != 1:
            return f"{name} needs one {self.begin} and one {self.end}" if text else f"{name} is missing"
        wanted = self.filled(text, content)
        if wanted == text:
            return ""
        if not write:
            return f"{name} is stale; `make tables` writes it"
        page.write_text(wanted, "utf-8")
        print(f"wrote {name}")
        return ""

    def main(self, contents: Mapping[Path, str], arguments: Sequence[str]) -> int:
        """Writes or checks the pages and returns the exit code."""
        problems = self.stale(contents, write=list(arguments) != ["--check"])
        print("".join(f"{problem}\n" for problem in problems), end="", file=sys.stderr)
        return int(bool(problems))
