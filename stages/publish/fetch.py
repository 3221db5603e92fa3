"""Fetches a published model: the program of an init container, which an agent's pod runs before the agent.

    python -m stages.publish.fetch --agent agent-sre --version-file /etc/agent/MODEL_VERSION --folder /models/agent-sre

Exit 0: the folder holds the version, every file as it was published. Exit 1: the last line on stderr says why, and
the folder is as it was before. Exit 2: bad arguments.
"""

import argparse
import functools
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from shared.engine.command_line import Parser
from shared.engine.ending import end_with, report_bug, stop_on_signals
from shared.errors import StageError
from stages.publish.contract import S3, STORE_URI, VERIFY_KEY
from stages.publish.signing.key import read_verify_key
from stages.publish.signing.signature import verify
from stages.publish.store.manifest import MANIFEST, Manifest, manifest_key, signature_key
from stages.publish.store.opening import open_store
from stages.publish.store.passing_folder import check_replaceable, passing_folder, put_in_place
from stages.publish.store.protocol import Store
from stages.publish.store.stored_version import read_manifest
from stages.publish.store.version_folder import is_laid_out, lay_out

NAME = "fetch"
NONE = "none"  # MODEL_VERSION of an agent that has no model yet


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Fetches what the arguments name from the store that the environment names, and exits."""
    options = _parser().parse_args(arguments)
    sys.excepthook = functools.partial(report_bug, NAME)
    passing = passing_folder(options.folder)
    stop_on_signals(NAME, passing, passing)
    try:
        version = options.version or _read_version(options.version_file)
        done = _fetched(options.agent, version, options.folder, options.allow_none)
    except StageError as error:
        end_with(NAME, 1, str(error))
    print(f"{NAME}: {done}", file=sys.stderr, flush=True)
    sys.exit(0)


def fetch(store: Store, agent: str, version: str, folder: Path, public_key: str) -> bool:
    """Makes folder hold a version's files and its manifest. Returns False where it did so already.

    public_key: the PEM of the key that must have signed them; '': no signature is asked for. Raises StageError
    where the version is missing, damaged, unsigned or changed, and where folder holds what `fetch` did not put
    there; the folder is as before then.
    """
    manifest = _published(store, agent, version)
    signature = _signature(store, manifest) if public_key else b""
    folder = folder.resolve()
    where = store.location(signature_key(agent, version))
    with _told(folder):
        is_new = not is_laid_out(manifest, folder)
        if is_new:
            _bring(store, manifest, folder, lambda found: _verify(found, signature, public_key, where))
        else:
            _verify(folder, signature, public_key, where)
    return is_new


def fetch_nothing(folder: Path) -> None:
    """Makes folder an empty one. Raises StageError as `fetch` does."""
    with _told(folder), _replaced(folder.resolve()) as passing:
        passing.mkdir()


def _bring(store: Store, manifest: Manifest, folder: Path, check: Callable[[Path], None]) -> None:
    try:
        with _replaced(folder) as passing:
            lay_out(store, manifest, passing, {})
            check(passing)
    except OSError:
        # Whoever was faster with the same version has removed what this process was making.
        if not is_laid_out(manifest, folder):
            raise
        check(folder)


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Yields the place for a new folder, which becomes `folder` when the block ends well."""
    check_replaceable(folder, _is_fetched)
    passing = passing_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(passing, ignore_errors=True)
    try:
        yield passing
        put_in_place(passing, folder)
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def _published(store: Store, agent: str, version: str) -> Manifest:
    manifest = read_manifest(store, agent, version)
    if manifest is None:
        missing = store.location(manifest_key(agent, version))
        raise StageError(f"there is no {missing}; check STORE_URI, and whether {version} of {agent} was published")
    return manifest


def _signature(store: Store, manifest: Manifest) -> bytes:
    key = signature_key(manifest.about["agent"], manifest.about["version"])
    signature = store.read(key)
    if signature is None:
        raise StageError(f"there is no {store.location(key)}, but VERIFY_KEY asks for it; publish with SIGNING_KEY")
    return signature


def _verify(folder: Path, signature: bytes, public_key: str, where: str) -> None:
    if not public_key:
        return
    try:
        verify(folder, signature, public_key)
    except StageError as error:
        raise StageError(f"{where} does not fit: {error}; check VERIFY_KEY, and who writes to the store") from None


def _is_fetched(folder: Path) -> bool:
    """Returns whether folder is one that was fetched, of any version."""
    try:
        Manifest.parse((folder / MANIFEST).read_bytes(), str(folder))
    except (OSError, StageError):
        return False
    return True


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        found = f"{error.filename or folder}: {error.strerror}"
        raise StageError(f"{folder} cannot be filled ({found}); check the rights and the space of its volume") from None


def _fetched(agent: str, version: str, folder: Path, allow_none: bool) -> str:
    if version == NONE:
        if not allow_none:
            told = f"the version is {NONE}: {agent} has no model yet"
            raise StageError(f"{told}; publish one, or start without a model by --allow-none")
        fetch_nothing(folder)
        return f"{agent} has no model yet; {folder} is empty"
    public_key = read_verify_key()
    is_new = fetch(open_store(STORE_URI.read(), to_write=False), agent, version, folder, public_key)
    verified = ", its signature verified" if public_key else ""
    return f"{agent} {version} {'is' if is_new else 'was'} in {folder}{verified}"


def _read_version(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise StageError(f"the version's file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StageError(f"the version's file {file} is not a text file") from None


def _parser() -> argparse.ArgumentParser:
    variables = "\n".join(f"  {variable.name}: {variable.description}" for variable in (STORE_URI, *S3, VERIFY_KEY))
    parser = Parser(
        prog="python -m stages.publish.fetch",
        description="Fetch a published model.",
        epilog=f"environment (NAME_FILE may name a file that holds the value):\n{variables}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.stage = NAME
    parser.add_argument("--agent", required=True, help="the agent, such as agent-sre")
    named = parser.add_mutually_exclusive_group(required=True)
    named.add_argument("--version", help="the version, such as v20251224-abc12345")
    named.add_argument("--version-file", type=Path, help="a file that holds the version, such as MODEL_VERSION")
    parser.add_argument("--folder", type=Path, required=True, help="the folder that shall hold the model's files")
    parser.add_argument("--allow-none", action="store_true", help="make an empty folder where the version is none")
    return parser


if __name__ == "__main__":
    main()
