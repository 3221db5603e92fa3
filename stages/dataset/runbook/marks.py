"""What a dialect of Markdown writes in its own way, in the way of the others: admonitions, tabs, signs by name."""

import re
from collections.abc import Sequence

_ADMONITION = re.compile(
    r"(?P<indent>[ \t]{0,8})(?:!!!|\?\?\?\+?|===[!+]?)[ \t]+(?:(?P<kind>[A-Za-z]\w*)[\w ]*)?"
    r"(?:[\"“](?P<title>[^\"”]*)[\"”])?[ \t]*$"
)
_NAMED_SIGN = re.compile(r":([a-z_+-]\w{0,24}):")
_SIGNS = {
    **dict.fromkeys(("x", "negative_squared_cross_mark", "heavy_multiplication_x"), "❌"),
    **dict.fromkeys(("no_entry", "stop_sign", "octagonal_sign"), "⛔"),
    **dict.fromkeys(("no_entry_sign", "prohibited"), "🚫"),
    **dict.fromkeys(("-1", "thumbsdown"), "👎"),
    **dict.fromkeys(("white_check_mark", "heavy_check_mark", "ballot_box_with_check", "check"), "✅"),
    **dict.fromkeys(("+1", "thumbsup", "ok", "ok_hand"), "👍"),
    **dict.fromkeys(("warning",), "⚠️"),
    **dict.fromkeys(("skull", "skull_and_crossbones"), "☠"),
}


def with_signs(line: str) -> str:
    """Returns a line with the signs for what it names as `:x:` and the like."""
    return _NAMED_SIGN.sub(lambda found: _SIGNS.get(found[1], found.group()), line) if ":" in line else line


def admonition_at(lines: list[str], number: int) -> tuple[str, int] | None:
    """Returns the title of the admonition or the tab that begins at a line, and the number of the line behind it.

    Its lines lose the indentation, and the first one becomes a callout as GitHub has it. None where none begins.
    """
    found = _ADMONITION.match(lines[number])
    if not found or not (found["kind"] or found["title"]):
        return None
    indent = len(found["indent"].expandtabs(4)) + 4
    end = _end(lines, number + 1, indent)
    if end == number + 1:
        return None
    follows_text = number > 0 and bool(lines[number - 1].strip())
    lines[number] = f"[!{found['kind'].upper()}]" if found["kind"] and not follows_text else ""
    for inner in range(number + 1, end):
        lines[inner] = lines[inner].expandtabs(4)[indent:]
    return found["title"] or "", end


def _end(lines: Sequence[str], start: int, indent: int) -> int:
    """Returns the number of the line behind the last one from start on that is indented."""
    end = start
    for number in range(start, len(lines)):
        line = lines[number].expandtabs(4)
        if line.strip() and not line.startswith(" " * indent):
            break
        end = number + 1 if line.strip() else end
    return end
