"""What stands under a name in a tree of Git's, asked of git itself.

GitPython reads a whole tree, a million entries or more, and raises for what others put into one, such as a linked
`.gitmodules`, wherever it stands.
"""

from git.objects import Blob, Submodule, Tree

_KINDS: dict[str, type[Blob | Tree | Submodule]] = {"blob": Blob, "tree": Tree, "commit": Submodule}


def entry(tree: Tree, name: str) -> Blob | Tree | Submodule | None:
    """Returns a file or link, a folder, or a submodule; None where there is nothing of this name."""
    listed = str(tree.repo.git.ls_tree("-z", "--full-tree", tree.hexsha, "--", f":(literal){name}"))
    if not listed:
        return None
    mode, kind, oid = listed.partition("\t")[0].split()
    return _KINDS[kind](tree.repo, bytes.fromhex(oid), int(mode, 8), name)
