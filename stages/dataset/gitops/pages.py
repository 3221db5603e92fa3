"""The pages of a runbook: one file, all Markdown below a folder, what a pattern names, or several of these.

A text that is the path of something is that path. Otherwise commas part it; blanks around them do not count. A path
that is a file's below the agent's own folder is that file: `docs/RUNBOOK.md` is how its author thinks of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from shared.errors import StageError
from stages.dataset.faults import collect
from stages.dataset.gitops import pattern
from stages.dataset.gitops.pattern import Pattern
from stages.dataset.gitops.place import Place

MAX_PAGES = 2000
MARKDOWN = (".md", ".markdown", ".mdx", ".mdown")
_ANY_CASE = tuple("*." + "".join(f"[{letter}{letter.upper()}]" for letter in suffix[1:]) for suffix in MARKDOWN)


@dataclass(frozen=True)
class Pages:
    """Paths of pages; pathspecs: what git's history of them is asked by, those that were deleted among them.

    is_one: a single file was named. links: what stands among the pages and is not read.
    """

    paths: tuple[str, ...]
    pathspecs: tuple[str, ...]
    is_one: bool
    links: tuple[str, ...] = ()


def find_pages(place: Place, wanted: Sequence[str], faults: list[str], own: str) -> Pages:
    """Returns the pages that texts name, each once, in the order of the texts. Adds what is wrong to the faults.

    own: the agent's folder.
    """
    named = [_own(place, name, own) for text in wanted for name in _parts(place, text)]
    if wanted and not named:
        faults.append(f"runbook_path is {', '.join(wanted)!r}, which names nothing; write a path, or leave it empty")
    found = [pages for name in named if (pages := collect(faults, _find, place, name)) is not None]
    paths = tuple(dict.fromkeys(path for pages in found for path in pages.paths))
    links = tuple(dict.fromkeys(path for pages in found for path in pages.links))
    if len(paths) > MAX_PAGES:
        asked = ", ".join(named)
        faults.append(f"{asked} names {len(paths)} pages, more than {MAX_PAGES}; name a folder or pattern with fewer")
        paths = ()
    specs = tuple(dict.fromkeys(spec for pages in found for spec in pages.pathspecs))
    return Pages(paths, specs, len(named) == 1 and all(pages.is_one for pages in found), links)


def _parts(place: Place, text: str) -> list[str]:
    if place.kind(text):
        return [text]
    return [_plain(part.strip()) for part in text.split(",") if part.strip()]


def _own(place: Place, name: str, folder: str) -> str:
    path = f"{folder}/{name}"
    return path if place.kind(path) == "file" else name


def _plain(text: str) -> str:
    """Returns a path without the `./` and the `/` that a shell's completion puts around it."""
    return (text.removeprefix("./").rstrip("/") if text.strip("/") else text) or text


def _find(place: Place, name: str) -> Pages:
    kind = place.kind(name)
    if kind == "folder":
        return _below(place, name)
    if kind or not pattern.is_pattern(name):
        return Pages((name,), (pattern.literal(name),), True)
    return _matching(place, name)


def _below(place: Place, folder: str) -> Pages:
    listed = [(path, kind) for path, kind in place.below(folder) if _is_markdown(path)]
    specs = tuple(pattern.below(folder, name) for name in _ANY_CASE)
    return _pages(place, listed, specs, f"the folder {folder} holds no Markdown page", folder)


def _matching(place: Place, text: str) -> Pages:
    if "\\" in text or {"", ".", ".."} & set(text.split("/")):
        raise StageError(f"{text} is no pattern of paths; write it from the repository's root, with / between folders")
    wanted = Pattern(text)
    suffix = PurePosixPath(text).suffix or ".md"
    listed = [
        (path, kind)
        for path, kind in place.below(wanted.fixed)
        if (_is_markdown(path) or path.endswith(suffix)) and wanted.matches(path)
    ]
    return _pages(place, listed, (wanted.pathspec,), f"no Markdown page has a path such as {text}", wanted.fixed)


def _pages(place: Place, listed: Sequence[tuple[str, str]], specs: tuple[str, ...], none: str, folder: str) -> Pages:
    paths = tuple(sorted(path for path, kind in listed if kind == "file"))
    if not paths:
        raise StageError(f"{none}{place.at}; {_what_is_there(place, folder)}")
    return Pages(paths, specs, False, tuple(sorted(path for path, kind in listed if kind != "file")))


def _what_is_there(place: Place, folder: str) -> str:
    """Returns what the folder holds, or the last folder above it that exists."""
    while folder and place.kind(folder) != "folder":
        folder = folder.rpartition("/")[0]
    held = list(_shown(place.children(folder)))
    more = f" and {len(held) - 10} more" if len(held) > 10 else ""
    return f"{folder or 'the repository'} has: {', '.join(held[:10]) or 'nothing'}{more}"


def _shown(children: Sequence[tuple[str, str]]) -> Iterator[str]:
    for path, kind in children:
        yield PurePosixPath(path).name + ("/" if kind == "folder" else "")


def _is_markdown(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in MARKDOWN
