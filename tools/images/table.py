"""Writes docs/images.md: what each stage's image is, how big and of what."""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from shared import contract
from shared.contract import STAGES, Contract
from shared.errors import StageError
from tools.images import docker_program
from tools.images.build import tree_reference
from tools.images.layers import Content, Layer, content
from tools.images.source import ROOT

PAGE = ROOT / "docs" / "images.md"
HEADS = ("image", "version", "size", "biggest layers", "biggest packages", "user", "network")
SHOWN = 3  # layers; and packages, twice as many
DOMINANT = 0.9  # the part of a layer's bytes that a folder must have for the layer to be called after it
DEEPEST = 2  # folders that such a name may have
# A folder of site-packages, or a library that stands in the environment itself.
_PACKAGE = re.compile(r"/site-packages/(?P<name>[^/]+)/|/venv/lib/(?P<library>[^/]+[.]so[^/]*)$")
# What a variable's name says that a stage talks to.
_SERVICES = {
    "GIT": "Git repository",
    "HF": "model hub",
    "MLFLOW": "MLflow",
    "STORE": "store",
}
_TEXT = """# The images

`make image-table` wrote this page. Sizes are those that Docker shows, unpacked, in MB of 1,000,000 bytes, on
{machine}. All stages share one base image; these were measured on `{base}`, {size}.
`make images` takes the Dockerfiles' own, `{default}`, unless `BASE_IMAGE=` names another.

{table}

The user is a number without a name; any other works too. *Network* is what the contract's environment names: a stage
with `none` runs without a network. A repository, a store or a database in a folder needs none either.
"""


def page(base: str) -> str:
    """Returns the page. base: what the stages' images were built on; raises StageError where they were not."""
    below = _inspect(base)
    rows = [_row(stage, below["RootFS"]["Layers"], base) for stage in STAGES]
    machine = docker_program.answer("version", "--format={{.Server.Os}}/{{.Server.Arch}}").strip()
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in (HEADS, ["---"] * len(HEADS), *rows))
    return _TEXT.format(base=base, size=_megabytes(below["Size"]), table=table, machine=machine, default=default_base())


def default_base() -> str:
    """Returns the base image that the Dockerfiles name."""
    found = re.search(r"^ARG BASE_IMAGE=(\S+)", (ROOT / "stages/train/Dockerfile").read_text("utf-8"), re.MULTILINE)
    if not found:
        raise StageError("stages/train/Dockerfile has no line ARG BASE_IMAGE=…; give the base as BASE_IMAGE=")
    return found[1]


def _row(stage: str, below: list[str], base: str) -> list[str]:
    reference, declared = tree_reference(stage), contract.load(stage)
    told, held = _inspect(reference), content(reference)
    if [layer.digest for layer in held.layers[: len(below)]] != below:
        raise StageError(f"{reference} was not built on {base}; name its base as BASE_IMAGE=, or build it anew")
    layers = [*_base_layer(held, len(below)), *((_name(layer), layer.size) for layer in held.layers[len(below) :])]
    biggest = sorted(layers, key=lambda layer: -layer[1])[:SHOWN]
    packages = package_sizes(held.layers[len(below) :]).most_common(2 * SHOWN)
    return [
        stage,
        declared.version,
        _megabytes(told["Size"]),
        _listed(biggest),
        _listed(packages),
        told["Config"]["User"],
        network(declared),
    ]


def _base_layer(held: Content, count: int) -> list[tuple[str, int]]:
    return [("base image", sum(layer.size for layer in held.layers[:count]))]


def _name(layer: Layer) -> str:
    """Returns the folder that holds nearly all of a layer."""
    parts: list[str] = []
    sizes = {path: entry.size for path, entry in layer.entries.items()}
    while len(parts) < DEEPEST:
        depth = len(parts)
        below: Counter[str] = Counter()
        for path, size in sizes.items():
            names = path.split("/")
            if names[:depth] == parts and len(names) > depth + 1:
                below[names[depth]] += size
        most = below.most_common(1)
        if not most or most[0][1] < DOMINANT * layer.size:
            break
        parts.append(most[0][0])
    return f"`/{'/'.join(parts)}`"


def package_sizes(layers: Iterable[Layer]) -> Counter[str]:
    """Returns the bytes of each Python package, with the shared libraries that its wheel brings beside it."""
    sizes: Counter[str] = Counter()
    for layer in layers:
        for path, entry in layer.entries.items():
            found = _PACKAGE.search(path)
            name = found["name"] or found["library"] if found else ""
            if name and not name.endswith((".dist-info", "__pycache__")):
                sizes[name.removesuffix(".libs")] += entry.size
    return sizes


def network(declared: Contract) -> str:
    """Returns what a stage talks to, by the names of its variables, or none."""
    prefixes = tuple(variable.name.partition("_")[0] for variable in declared.environment if not variable.runtime)
    return ", ".join(service for prefix, service in _SERVICES.items() if prefix in prefixes) or "none"


def _listed(sizes: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {_megabytes(size)}" for name, size in sizes)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"


def _inspect(reference: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(docker_program.answer("image", "inspect", reference))
    return found[0]


def main(arguments: Sequence[str]) -> int:
    """Writes the page and returns the exit code; a failure is one line on stderr."""
    parser = argparse.ArgumentParser(prog="image_table", description=__doc__)
    parser.add_argument("--base", default="", metavar="IMAGE", help="what the images were built on")
    try:
        PAGE.write_text(page(parser.parse_args(arguments).base or default_base()), "utf-8")
    except StageError as error:
        print(f"image_table: {error}", file=sys.stderr)
        return 1
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
