"""A file's bytes as text: whatever its encoding and line ends, with one line for each line of the file."""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(r"\r\n?")


def decode(data: bytes) -> str:
    """Returns the text of a file: by its byte order mark, else as UTF-8, else as Windows-1252. Never raises."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return clean(data.decode(encoding))
    except UnicodeDecodeError:
        return clean(data.decode("cp1252", "replace"))


def clean(text: str) -> str:
    """Returns text with Unix line ends, without byte order mark, and without what no line may hold."""
    return _LINE_END.sub("\n", text.removeprefix("\ufeff")).replace("\0", "\ufffd")
