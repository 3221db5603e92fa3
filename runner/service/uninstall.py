"""`make runner-uninstall`: the service and the program go; data, token and certificate stay, unless told otherwise."""

import shutil

from runner.service import options, supervisor
from shared.errors import StageError


def main(arguments: list[str] | None = None) -> int:
    """Ends the service and removes what `make runner-install` put there."""
    parser = options.parser(str(__doc__))
    parser.add_argument("--purge", action="store_true", help="remove data, settings, token and certificate, too")
    given = parser.parse_args(arguments)
    places = options.places(given)
    if not places.home.is_dir():
        raise StageError(f"no runner is installed in {places.home}; FOLDER= and SYSTEM=1 name another one")
    if given.purge and not places.settings.is_file():
        raise StageError(f"{places.home} holds no {places.settings.name}, and is not removed; look what it is")
    service = supervisor.find(given.system)
    if service is not None:
        service.stop()
    shutil.rmtree(places.program, ignore_errors=True)
    if given.purge:
        shutil.rmtree(places.home)
        print(f"removed the runner, and {places.home} with its data, token and certificate")
    else:
        print(f"removed the runner; its data, token and certificate stay in {places.home} (PURGE=1 removes them)")
    return 0


if __name__ == "__main__":
    options.end(main)
