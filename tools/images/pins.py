"""Which version of each image runs: writes a line of images.toml, shows all of them, and judges them for a cluster.

python -m tools.images.pins pin train --version 1.3.0 --variant cuda
python -m tools.images.pins pin-tree
python -m tools.images.pins versions
python -m tools.images.pins check
"""

import argparse
import re
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared import contract
from shared.contract import STAGES
from shared.errors import StageError
from tools.images.build import image_name, setting, tag
from tools.images.pull import check_tag
from tools.images.registry import NotThere, Repository
from tools.images.source import check_stage
from workflows.interface import check_hands_over, check_image
from workflows.placement import FOLDER, placed_image, read_image, read_placement

FILE = FOLDER / "images.toml"
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
SHOWN_DIGITS = 12  # of a digest


def pin(stage: str, version: str, registry: str = "", file: Path = FILE, variant: str = "") -> str:
    """Writes the stage's or variant's line of images.toml with the digest that the registry answers, and returns it.

    Raises StageError, and writes nothing, where the registry has no such version or the workflow cannot run it.
    """
    return "".join(_write(file, dict([_entry(stage, version, registry, variant)])))


def pin_tree(registry: str = "", file: Path = FILE) -> list[str]:
    """Writes the line of every stage with the tree's version, and returns them. Raises StageError as `pin` does."""
    return _write(file, dict(_entry(stage, contract.load(stage).version, registry) for stage in STAGES))


def _entry(stage: str, version: str, registry: str, variant: str = "") -> tuple[str, str]:
    """Returns the key and the value that images.toml has for a version."""
    check_stage(stage)
    if not _VERSION.fullmatch(version):
        raise StageError(
            f"VERSION is {version!r}; give three numbers, such as VERSION=1.3.0 (`make versions` lists them)"
        )
    name, published_tag = image_name(stage, registry), tag(version, variant)
    published = Repository(name).image(published_tag)
    check_image(stage, version, published.labels)
    return f"{stage}-{variant}" if variant else stage, f"{name}:{published_tag}@{published.digest}"


def _write(file: Path, references: Mapping[str, str]) -> list[str]:
    """Replaces the values of some lines, or adds lines at the end, and nothing else, all at once or none at all."""
    text = file.read_bytes().decode()
    wanted = tomllib.loads(text)
    for key, reference in references.items():
        wanted[key] = reference
        text = _swapped(text, key, reference)
        if not _is_swapped(text, wanted):
            raise StageError(f'{file} has not one line `{key} = "…"` that could be rewritten; write it yourself')
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False) as passing:
        passing.write(text.encode())
    Path(passing.name).chmod(file.stat().st_mode & 0o777)
    Path(passing.name).replace(file)
    return [f'{key} = "{reference}"' for key, reference in references.items()]


def _swapped(text: str, key: str, reference: str) -> str:
    line = re.compile(rf"""^([ \t]*["']?{re.escape(key)}["']?[ \t]*=[ \t]*)(["'])[^"'\r\n]*\2""", re.MULTILINE)
    if key in tomllib.loads(text):
        return line.sub(lambda found: f"{found[1]}{found[2]}{reference}{found[2]}", text)
    return text + ("" if text.endswith("\n") else "\n") + f'{key} = "{reference}"\n'


def _is_swapped(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def unfit() -> list[str]:
    """Returns why a cluster cannot run what images.toml pins, one line each; none where it can."""
    with ThreadPoolExecutor() as pool:
        lines = list(pool.map(_unfit, STAGES))
    return list(dict.fromkeys(line for line in lines if line))  # a registry that is down is told once


def _unfit(stage: str) -> str:
    try:
        image = placed_image(stage)
        if not image.digest:
            variant = image.tag.removeprefix(image.version).removeprefix("-")
            remedy = f"push it, then `make pin-{stage} VERSION={image.version}{setting(variant)}`"
            return f"{stage} is not pinned, and a cluster must know which content it runs; {remedy}"
        repository = Repository(image.name)
        labels = repository.image(image.digest).labels
        check_image(stage, image.version, labels)
        if read_placement(stage).profile.runner_url:
            check_hands_over(stage, labels)
        check_tag(image, repository)
    except StageError as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class Versions:
    """A stage's versions: the tree's, the pinned one, and the newest in the registry; '' where there is none.

    `reasons` say why the workflow cannot run the pinned or the newest one, `problem` why that is not known.
    """

    stage: str
    tree: str
    pinned: str
    newest: str = ""
    reasons: tuple[str, ...] = ()
    problem: str = ""

    @property
    def verdict(self) -> str:
        """What is to be said of the stage in one word or two; the reasons stand elsewhere."""
        if self.problem or not self.newest:
            return "unknown" if self.problem else "not pushed"
        return "no" if self.reasons else "yes"


def versions(registry: str = "") -> list[Versions]:
    """Returns the versions of all stages, also where a registry does not answer."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda stage: _versions(stage, registry), STAGES))


def _versions(stage: str, registry: str) -> Versions:
    image, tree = read_image(stage), contract.load(stage).version
    digest = image.digest.removeprefix("sha256:")[:SHOWN_DIGITS]
    pinned = f"{image.version} {digest or 'unpinned'}"
    repository = Repository(image_name(stage, registry))
    try:
        newest = newest_version(repository.tags())
        judged = {(repository, newest, newest)} if newest else set()
        if image.digest:
            judged.add((Repository(image.name), image.version, image.digest))
        reasons = tuple(sorted({reason for entry in judged if (reason := _reason(stage, *entry))}))
    except StageError as error:
        return Versions(stage, tree, pinned, problem=str(error))
    return Versions(stage, tree, pinned, newest, reasons)


def _reason(stage: str, repository: Repository, version: str, reference: str) -> str:
    """Returns why the workflow cannot run a version, '' where it can. Raises StageError where that is not known."""
    try:
        labels = repository.image(reference).labels
    except NotThere as error:
        return str(error)
    try:
        check_image(stage, version, labels)
    except StageError as error:
        return str(error)
    return ""


def newest_version(tags: Sequence[str]) -> str:
    """Returns the highest tag of three numbers, '' where there is none."""
    known = [tuple(map(int, tag.split("."))) for tag in tags if _VERSION.fullmatch(tag)]
    return ".".join(map(str, max(known))) if known else ""


def show(rows: Sequence[Versions], console: Console) -> None:
    """Prints the versions as a table, and below it each reason once."""
    table = Table("stage", "in tree", "pinned", "newest in registry", "compatible", box=None, header_style="bold")
    for row in rows:
        table.add_row(row.stage, row.tree, row.pinned, row.newest or "-", row.verdict)
    console.print(table)
    said = [reason for row in rows for reason in (*row.reasons, row.problem) if reason]
    for reason in dict.fromkeys(said):
        console.print(Text(reason), soft_wrap=True)


def main(arguments: Sequence[str]) -> int:
    """Does what the command line asks and returns the exit code; a failure is one line on stderr."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "pin":
                print(pin(options.stage, options.version, options.registry, variant=options.variant))
            case "pin-tree":
                print(*pin_tree(options.registry), sep="\n")
            case "versions":
                show(versions(options.registry), Console(highlight=False))
            case _:
                for line in (found := unfit()):
                    print(f"images.toml: {line}", file=sys.stderr)
                return int(bool(found))
    except NotThere as error:
        print(f"pins: {error}; `make versions` shows what is there", file=sys.stderr)
        return 1
    except StageError as error:
        print(f"pins: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pins", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("pin", "pin-tree", "versions", "check"):
        options = commands.add_parser(command)
        if command == "pin":
            options.add_argument("stage", metavar="STAGE")
            options.add_argument("--version", default="")
            options.add_argument("--variant", default="", metavar="NAME")
        if command != "check":
            options.add_argument("--registry", default="", metavar="HOST:PORT/PREFIX")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
