"""Lines of YAML: values as ruamel.yaml writes them, and comments that stay comments whatever they hold."""

from collections.abc import Iterator
from io import StringIO
from textwrap import wrap
from typing import Any

from ruamel.yaml import YAML

from shared.errors import one_line

WIDTH = 118
TODO = "TODO"


def value(data: Any) -> str:
    """Returns a value on one line."""
    yaml = YAML()
    yaml.default_flow_style = True
    yaml.width = 1 << 20
    stream = StringIO()
    yaml.dump(data, stream)
    return " ".join(stream.getvalue().removesuffix("...\n").split("\n")).strip()


def comment(text: str, indent: int = 0) -> Iterator[str]:
    """Yields a comment, over several lines where it is long."""
    plain = "".join(character if character.isprintable() else " " for character in one_line(text))
    before = " " * indent + "# "
    for line in wrap(plain, WIDTH - len(before), break_long_words=False, break_on_hyphens=False):
        yield before + line


def remark(text: str) -> str:
    """Returns a comment for the end of a line."""
    return "  # " + "".join(character if character.isprintable() else " " for character in one_line(text))


def as_comment(line: str, indent: int = 0) -> str:
    """Returns a line of YAML as a comment at an indentation that stays the line's once `# ` is taken away."""
    return f"{' ' * indent}# {line[indent:]}"
