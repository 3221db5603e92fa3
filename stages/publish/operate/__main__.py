"""What is done with published versions: `python -m stages.publish.operate preflight|verify|…`."""

import argparse
import signal
import sys
from collections.abc import Sequence

from shared.errors import StageError, one_line
from stages.publish.operate import history, preflight, reconcile, rollback, verify

COMMANDS = {"preflight": preflight, "verify": verify, "reconcile": reconcile, "rollback": rollback, "history": history}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where something is wrong or cannot be done, 2 for bad arguments."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        for line in COMMANDS[command].run(**options):
            print(one_line(line), flush=True)
    except StageError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stages.publish.operate", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=str(module.__doc__).splitlines()[0], allow_abbrev=False)
        command.add_argument("--agent", required=True)
        command.add_argument("--repository", required=True, help="the GitOps repository: a URL, or a bare repository")
        command.add_argument("--branch", default="", help="the branch that is rolled out; empty for the default branch")
        if module is rollback:
            command.add_argument("--version", default="", help="the version to go to; empty for the previous champion")
            command.add_argument("--reason", default="", help="why, for the commit's message")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ends quietly where nobody reads on, as in `make history | head -3`
    sys.exit(main())
