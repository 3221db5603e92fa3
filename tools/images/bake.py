"""What `docker buildx bake` needs to build a stage's image for several platforms, with its SBOM and provenance.

    python -m tools.images.bake unreleased --registry ghcr.io/example/agent-training/released
    python -m tools.images.bake file train --registry ghcr.io/example/agent-training/released > bake.json

The file's format: https://docs.docker.com/build/bake/reference/
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from shared.contract import STAGES
from shared.errors import StageError
from tools.images import source
from tools.images.build import build_arguments, labels, tree_reference
from tools.images.push import published

PLATFORMS = ("linux/amd64", "linux/arm64")
ATTESTATIONS = ("type=sbom", "type=provenance,mode=max")


def unreleased(registry: str) -> list[str]:
    """Returns the stages whose version in the tree is not below registry.

    Raises StageError where one is there with another content, and where the registry is down or denies it.
    """
    return [stage for stage in STAGES if not published(stage, tree_reference(stage, registry))]


def bake_file(stage: str, registry: str) -> dict[str, Any]:
    """Returns the bake file of a stage's image, with the labels and arguments that every image of it has.

    Raises StageError for a stage that does not exist and a tree that differs from its last commit.
    """
    revision = source.revision(stage)
    if revision.is_modified:
        raise StageError(f"the tree differs from its last commit in what {stage}'s image holds; commit first")
    target = {
        "context": ".",
        "dockerfile": f"stages/{stage}/Dockerfile",
        "tags": [tree_reference(stage, registry)],
        "platforms": list(PLATFORMS),
        "attest": list(ATTESTATIONS),
        "args": build_arguments(revision),
        "labels": {name: _literal(value) for name, value in labels(stage, revision).items()},
    }
    return {"group": {"default": {"targets": [stage]}}, "target": {stage: target}}


def _literal(text: str) -> str:
    """Returns text that bake takes as it is: in its files `${` and `%{` begin a template."""
    return text.replace("${", "$${").replace("%{", "%%{")


def main(arguments: Sequence[str]) -> int:
    """Prints what the command line asks for, as JSON, and returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "unreleased":
                print(json.dumps(unreleased(options.registry)))
            case _:
                print(json.dumps(bake_file(options.stage, options.registry), indent=2))
    except StageError as error:
        print(f"bake: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bake", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    told = {
        "unreleased": "the stages whose version is not below the registry's prefix, as a JSON list",
        "file": "the bake file of one stage",
    }
    for command, text in told.items():
        options = commands.add_parser(command, help=text, description=text)
        if command == "file":
            options.add_argument("stage", metavar="STAGE")
        options.add_argument("--registry", required=True, metavar="HOST/PREFIX")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
