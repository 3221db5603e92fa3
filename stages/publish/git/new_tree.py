"""A tree that differs from another in a few files, made from Git's objects.

Only the folders above these files are listed, and nothing goes through an index: it would hold every file of
the repository, and git refuses to put into one what is harmless here, such as a linked `.gitmodules`.
"""

import re
from collections.abc import Mapping
from tempfile import TemporaryFile

from shared.access.git_process import BoundedGit

FOLDER_MODE = b"040000 tree"


def new_tree(git: BoundedGit, tree: str, files: Mapping[str, tuple[str, str]]) -> str:
    """Returns the tree like `tree` in which the files at these paths have another mode and blob.

    A file that is not there yet is added; its folder has to be there.
    """
    entries: dict[str, bytes] = {}
    folders: dict[str, dict[str, tuple[str, str]]] = {}
    for path, (mode, blob) in files.items():
        name, _, rest = path.partition("/")
        if rest:
            folders.setdefault(name, {})[rest] = (mode, blob)
        else:
            entries[name] = f"{mode} blob {blob}".encode()
    listed = _listed(git, tree)
    for name, below in folders.items():
        inner = git.run("rev-parse", "--verify", f"{tree}:{name}")
        entries[name] = FOLDER_MODE + b" " + new_tree(git, inner, below).encode()
    for name, entry in entries.items():
        listed = _with_entry(listed, name.encode(), entry)
    return _made(git, listed)


def _with_entry(listed: bytes, name: bytes, entry: bytes) -> bytes:
    line = entry + b"\t" + name + b"\0"
    known = re.compile(rb"(?:(?<=\0)|\A)[0-9]+ [a-z]+ [0-9a-f]+\t" + re.escape(name) + rb"\0")
    changed, count = known.subn(lambda _: line, listed, count=1)
    return changed if count else listed + line


def _listed(git: BoundedGit, tree: str) -> bytes:
    with TemporaryFile() as file:
        git.run("ls-tree", "-z", tree, into=file)
        file.seek(0)
        return file.read()


def _made(git: BoundedGit, listed: bytes) -> str:
    with TemporaryFile() as file:
        file.write(listed)
        file.seek(0)
        return git.run("mktree", "-z", "--missing", given=file)
