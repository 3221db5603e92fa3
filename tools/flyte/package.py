"""Writes what is registered on Flyte into one archive, which `flytectl register files` reads: no cluster is asked.

    GITOPS=../homelab GITOPS_URL=https://git.example.com/homelab.git python -m tools.flyte.package --output package.tgz

Without GITOPS, the agents are those of the example.
"""

import argparse
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from shared.errors import StageError
from tools.flyte import entities
from tools.flyte.entities import Entity, kind_of, name_of
from tools.images import pins


def write(found: Sequence[Entity], output: Path) -> None:
    """Writes the archive, whole or not at all. Raises StageError where it cannot be written."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent) as folder:
            entities.write(found, folder)
            passing = Path(folder, "package.tgz")
            with tarfile.open(passing, "w:gz") as archive:
                for file in sorted(Path(folder).glob("*.pb")):
                    archive.add(file, arcname=file.name)
            passing.replace(output)
    except OSError as error:
        raise StageError(f"{output} cannot be written: {error.strerror}; give another --output") from None


def main(arguments: Sequence[str]) -> int:
    """Checks everything, writes the archive and returns the exit code; each mistake is one line on stderr."""
    parser = argparse.ArgumentParser(prog="package", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = Path(".runs/flyte-package.tgz")
    parser.add_argument("--output", type=Path, default=default, help="the archive (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        found = entities.entities()
        if unfit := pins.unfit():
            print("".join(f"package: images.toml: {line}\n" for line in unfit), end="", file=sys.stderr)
            return 1
        write(found, options.output)
    except StageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    plans = [name_of(entity) for entity in found if kind_of(entity) == "launch plan"]
    print(f"{options.output}: {len(found) - len(plans)} tasks and workflows, {len(plans)} launch plans")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
