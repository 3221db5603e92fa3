"""Names what differs between two images, layer by layer: `python -m tools.images.compare A B`.

Exits with 0 where all files and settings are the same, and says whether their times and digests are, too.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import zip_longest
from typing import Any

from shared.errors import StageError, one_line
from tools.images.layers import Content, Entry, Layer, content

SHOWN = 20  # differences of one layer


def differences(first: Content, second: Content) -> list[str]:
    """Returns a line for each path, and each setting, that differs; times and digests do not count."""
    lines = []
    layers = zip_longest(first.layers, second.layers)
    for number, (one, other) in enumerate(layers, 1):
        if one is None or other is None:
            lines.append(f"layer {number}: only the {'second' if one is None else 'first'} image has it")
            continue
        found = list(_layer_differences(one, other))
        more = [f"… and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        lines += [f"layer {number}: {line}" for line in (*found[:SHOWN], *more)]
    return lines + list(_setting_differences(first, second))


def _layer_differences(first: Layer, second: Layer) -> Iterator[str]:
    for path in sorted(first.entries.keys() | second.entries.keys()):
        one, other = first.entries.get(path), second.entries.get(path)
        if one is None or other is None:
            yield f"{one_line(path)} is in the {'second' if one is None else 'first'} image alone"
        elif differing := [name for name in _compared() if getattr(one, name) != getattr(other, name)]:
            told = "; ".join(f"{name} {getattr(one, name)!r} and {getattr(other, name)!r}" for name in differing)
            yield f"{one_line(path)} differs: {told}"


def _compared() -> list[str]:
    return [field.name for field in fields(Entry) if field.name != "modified"]


def _setting_differences(first: Content, second: Content) -> Iterator[str]:
    one, other = _flat(first.settings), _flat(second.settings)
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            yield f"setting {name}: {one.get(name)!s:.200} and {other.get(name)!s:.200}"


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings with each label as one."""
    labels = settings.get("Labels") or {}
    return {**settings, "Labels": None} | {f"label {name}": value for name, value in labels.items()}


def likeness(first: Content, second: Content) -> str:
    """Returns in one sentence how alike two images of the same files are: by their digests, their times, or neither."""
    pairs = list(zip(first.layers, second.layers, strict=True))
    files = sum(len(layer.entries) for layer in first.layers)
    what = f"the same {files} entries in {len(pairs)} layers, and the same settings"
    if all(one.digest == other.digest for one, other in pairs):
        return f"{what}; every layer has the same digest"
    later = sum(
        one.entries[path].modified != other.entries[path].modified for one, other in pairs for path in one.entries
    )
    return f"{what}; the layers' digests differ, as do the times of {later} entries"


def main(arguments: Sequence[str]) -> int:
    """Compares the two images that are named and returns the exit code."""
    if len(arguments) != 2:
        print("compare_images: name two images: make compare-images A=… B=…", file=sys.stderr)
        return 2
    try:
        first, second = (content(reference) for reference in arguments)
    except StageError as error:
        print(f"compare_images: {error}", file=sys.stderr)
        return 2
    lines = differences(first, second)
    print("\n".join(lines) if lines else likeness(first, second))
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
