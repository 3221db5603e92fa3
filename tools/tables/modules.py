"""Writes into the READMEs which modules a folder has and what each is for, from their docstrings."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from shared.contract import STAGES
from tools.tables.blocks import ROOT, Block

FOLDERS = ("runner", "shared", "tools", "workflows", *(f"stages/{stage}" for stage in STAGES))
BLOCK = Block("modules")
FIRST = ("contract.py", "main.py")
ELSEWHERE = ("tests", "__pycache__")


def contents() -> dict[Path, str]:
    """Returns the READMEs, and the table of each one's folder."""
    return {ROOT / folder / "README.md": table(ROOT / folder) for folder in FOLDERS}


def table(folder: Path) -> str:
    """Returns the modules below a folder as a Markdown table, each room behind what lies beside it."""
    rows = [f"| `{path.relative_to(folder).as_posix()}` | {idea(path)} |" for path in modules(folder)]
    return "\n".join(["| module | idea |", "|---|---|", *rows])


def modules(folder: Path) -> Iterator[Path]:
    """Yields the modules below a folder: what is to be read first, then the others by name, then the rooms'."""
    yield from sorted(folder.glob("*.py"), key=lambda path: (path.name not in FIRST, path.name))
    for room in sorted(path for path in folder.iterdir() if path.is_dir() and path.name not in ELSEWHERE):
        yield from modules(room)


def idea(module: Path) -> str:
    """Returns the first paragraph of a module's docstring as a cell. Raises ValueError for a module without one."""
    said = ast.get_docstring(ast.parse(module.read_text("utf-8")))
    if not said:
        raise ValueError(f"{module} has no docstring; write what it is for")
    paragraph = " ".join(said.split("\n\n")[0].split())
    return paragraph.rstrip(".:").replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(BLOCK.main(contents(), sys.argv[1:]))
