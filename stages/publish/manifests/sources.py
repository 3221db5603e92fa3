"""Where in an overlay's files a rendered value comes from, as far as it stands there as it is rendered."""

from collections.abc import Iterator, Mapping

from shared.errors import StageError
from stages.publish.git.yaml_search import YamlFile
from stages.publish.manifests.scalars import scalars

MOST = 3
_YAML = (".yaml", ".yml", ".json", "Kustomization")


def sources(files: Mapping[str, bytes], text: str, key: str) -> list[str]:
    """Returns the files and lines that hold a value, those of the overlay before those of its bases; three at most.

    key: that it stands under, of a value that may stand elsewhere with another meaning; '' for any.

    An image's tag stands apart from its name in a kustomization: it is looked for where the whole value is nowhere.
    """
    found = list(_holding(files, text, key)) or list(_holding(files, text.rpartition(":")[2], "newTag"))
    return found[:MOST]


def _holding(files: Mapping[str, bytes], text: str, key: str) -> Iterator[str]:
    for path, content in files.items():
        if text.encode() in content:
            yield from (f"{path}, line {line}" for line in dict.fromkeys(_lines(path, content, text, key)))


def _lines(path: str, content: bytes, text: str, key: str) -> Iterator[int]:
    decoded = content.decode("utf-8", "replace")
    if path.endswith(_YAML):
        try:
            values = list(scalars(YamlFile(decoded, path)))
        except StageError:
            return
        yield from (value.line for value in values if value.text.strip() == text and key in ("", value.key))
    elif key in path or key in decoded:  # MODEL_VERSION, or lines of NAME=value
        for number, line in enumerate(decoded.splitlines(), 1):
            if line.strip().endswith(text) and not line.lstrip().startswith("#"):
                yield number
