"""Builds, pushes and pulls the stages' images.

    python -m tools.images build train --base python:3.11-slim-bookworm
    python -m tools.images push --registry localhost:5000/agent-training
    python -m tools.images pull

Without a stage, all of them; with `--since REVISION`, those whose image has changed since then. With `--variant cuda`,
the image of the same source with the libraries of requirements.cuda.lock, and `-cuda` behind its version in its tag.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from shared.contract import STAGES
from shared.errors import StageError
from tools.images import source
from tools.images.build import build
from tools.images.pull import pull
from tools.images.push import push


def selected(stages: Sequence[str], since: str | None) -> list[str]:
    """Returns the stages that were asked for, all where none was; with since, those of them that changed, and says why.

    Raises StageError for a stage that does not exist and a revision that is unknown.
    """
    for stage in stages:
        source.check_stage(stage)
    asked = list(stages) or list(STAGES)
    if since is None:
        return asked
    changes = {stage: files for stage in asked if (files := source.changed(stage, since))}
    for stage, files in changes.items():
        others = f" and {len(files) - 3} more" if len(files) > 3 else ""
        print(f"{stage}: {', '.join(files[:3])}{others} changed since {since}")
    if not changes:
        print(f"nothing that an image holds has changed since {since}")
    return list(changes)


def main(arguments: Sequence[str]) -> int:
    """Does what the command line asks and returns the exit code; a failure is one line on stderr."""
    options = _parser().parse_args(arguments)
    failed = False
    try:
        for stage in selected(options.stages, getattr(options, "since", None)):
            failed |= not _done(stage, options)
    except StageError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return int(failed)


def _done(stage: str, options: Any) -> bool:
    """Does one stage and returns whether it could; of a failed build the next ones would fail alike."""
    match options.command:
        case "build":
            print(f"{stage}: built {build(stage, options.base, options.anew, options.variant)}")
            return True
        case command:
            try:
                print(push(stage, options.registry, options.variant) if command == "push" else pull(stage))
            except StageError as error:
                print(f"images: {error}", file=sys.stderr)
                return False
            return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="images", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("build", "push", "pull"):
        options = commands.add_parser(command)
        options.add_argument("stages", nargs="*", metavar="STAGE")
        if command != "pull":
            options.add_argument("--since", metavar="REVISION")
            options.add_argument("--variant", default="", metavar="NAME")
        if command == "build":
            options.add_argument("--base", default="", metavar="IMAGE")
            options.add_argument("--anew", action="store_true")
        if command == "push":
            options.add_argument("--registry", default="", metavar="HOST:PORT/PREFIX")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
