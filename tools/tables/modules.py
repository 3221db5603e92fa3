"""Writes into the READMEs which modules a folder has and what each is for, from their docstrings."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from shared.contract import STAGES

ROOT = Path(__file__).parents[2]
FOLDERS = ("shared", "tools", "workflows", *(f"stages/{stage}" for stage in STAGES))
BEGIN, END = "<!-- modules -->", "<!-- /modules -->"
FIRST = ("contract.py", "main.py")
ELSEWHERE = ("tests", "__pycache__")


def stale(write: bool = False) -> list[str]:
    """Returns one line for each README whose table is not that of its folder; with `write`, mends those that can be."""
    found = []
    for folder in FOLDERS:
        readme = ROOT / folder / "README.md"
        text = readme.read_text("utf-8") if readme.exists() else ""
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            found.append(f"{folder}/README.md is missing or has not one {BEGIN} and one {END}")
            continue
        wanted = with_table(text, readme.parent)
        if wanted != text and not write:
            found.append(f"{folder}/README.md is stale; `make tables` writes it")
        elif wanted != text:
            readme.write_text(wanted, "utf-8")
            print(f"wrote {folder}/README.md")
    return found


def with_table(text: str, folder: Path) -> str:
    """Returns a README's text with the folder's modules between its markers."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(folder)}\n{END}{rest.partition(END)[2]}"


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
    problems = stale(write=sys.argv[1:] != ["--check"])
    print("".join(f"{problem}\n" for problem in problems), end="", file=sys.stderr)
    sys.exit(1 if problems else 0)
