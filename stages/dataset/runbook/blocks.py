"""A runbook as blocks in the order of its lines: headings, paragraphs, code.

Fences are found line by line before markdown-it-py sees the text, because those that people write
are often broken: indented by any amount, closed by two or six backticks, or never closed, where a
strict parser takes the sections behind for code. The parser sees blank lines in their place.
"""

import html
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from stages.dataset.runbook.headings import alert_name
from stages.dataset.runbook.marks import admonition_at, with_signs
from stages.dataset.runbook.sections.kinds import plain_label, section_kind
from stages.dataset.runbook.visible import bold_label, masked

MAX_LINE = 10_000  # characters that are looked at of one line
_LIST = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*"
_OPENING = re.compile(rf"(?P<before>{_LIST})(?P<fence>`{{3,}}|~{{3,}})[ \t]*(?P<info>[^`]*)$")
_CLOSING = re.compile(r"[ \t>]*(?:`{2,}|~{3,})[ \t]*$")
_HEADING = re.compile(r"[ \t]{0,3}#{2,6}[ \t]+(?P<text>\S.*)$")
_BOLD = re.compile(r"[ \t]*(?:[-*+][ \t]+)?\*\*(?P<text>[^*]+)\*\*")
_PRE = re.compile(r"[ \t]*<pre\b[^>]*>(?P<rest>.*)$", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_HTML_HEADING = re.compile(r"[ \t]*<h(?P<level>[1-6])\b[^>]*>(?P<text>[^<]*)</h[1-6]>[ \t]*$", re.IGNORECASE)
_FRONT_TITLE = re.compile(r"title\s*[:=]\s*(?P<quote>[\"']?)(?P<title>\S.*?)(?P=quote)\s*$")
_FOLD = re.compile(
    r"[ \t]*(?:<details[^>]*>[ \t]*)?(?:<summary[^>]*>(?P<text>[^\n]*?)</summary>[ \t]*)?(?P<end></details>[ \t]*)?",
    re.IGNORECASE,
)
_JUDGES = re.compile(
    r"\b(?:status|verdict|allowed|ok|okay|safe|use|do|run|permitted|confirmed|approved|recommended|rating|policy|valid|"
    r"forbidden|risk|note|remark|comment|result|outcome|effect|who|level|audience|role|tier|permission|decision|rule|category|rating|works)\b",
    re.IGNORECASE,
)
_FLAT = re.compile(r"\W*(?:never|not ever|do not|don[’']?t|forbidden|banned|prohibited|retired)\W*$", re.IGNORECASE)
_FORMER = re.compile(r"\bthe (?:former|first|left)(?: one| command)?\b", re.IGNORECASE)
_LATTER = re.compile(r"\bthe (?:latter|second|right)(?: one| command)?\b", re.IGNORECASE)
_COMMENT_END = re.compile(r"^(?:/|end\b|until here\b|up to here\b)|[:\s-](?:end|stop)\W*$", re.IGNORECASE)
_CONTAINER = re.compile(
    r"[ \t]*(?::{3,}[ \t]*(?P<kind>\w+)?(?P<title>.*)|\{%-?[ \t]*(?:end)?hint\b.*%\}[ \t]*)$", re.IGNORECASE
)
_STRIKES = re.compile(r"[ \t]*<(?P<end>/?)(?:s|del|strike)>[ \t]*$", re.IGNORECASE)
_TITLE = re.compile(r"[A-Z][\w/&-]*(?: [\w/&-]+){0,2}")
_SHORTCODE = re.compile(r"[ \t]*\{\{[<%].*[%>]\}\}[ \t]*$")


@dataclass(frozen=True)
class Heading:
    """A heading of a level from 1 to 6, and its parsed content."""

    level: int
    content: Token
    line: int


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, list item or table cell.

    column: the head of a cell's column. row: the first cell of its row, if it is another. beside: the cells of its
    row that may speak of it, each with the head of its column. behind: the text of the paragraph right behind it, with
    MARK for inline code. items: the lines of the list items that it stands in, the outermost first. note: the text of
    the first item of the list below it.
    """

    content: Token
    line: int
    column: str = ""
    row: str = ""
    beside: tuple[tuple[str, str], ...] = ()
    behind: str = ""
    items: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Code:
    """A fence or an indented block; line: of the first line of code, from 1. info: what follows the fence, if any."""

    lines: tuple[str, ...]
    info: str
    line: int
    is_fence: bool = True


@dataclass(frozen=True)
class Fold:
    """Where a section begins that a page shows folded: the text that stands for it; '' where one ends."""

    text: str
    line: int


@dataclass(frozen=True)
class Comment:
    """A comment that no reader of the page sees. has_end: whether another one ends what it speaks of."""

    text: str
    line: int
    has_end: bool = False


@dataclass(frozen=True)
class Strike:
    """Where text begins, or else ends, that is struck through."""

    is_end: bool
    line: int


_Cell = tuple[tuple[int, str], str]  # the place of a cell among the tokens, its text, and the head of its column
Block = Heading | Paragraph | Code | Fold | Comment | Strike


def read_blocks(text: str) -> list[Block]:
    """Returns the blocks of a text with Unix line ends."""
    lines = [line[:MAX_LINE] for line in text.split("\n")]
    codes = _take_code(lines)
    tokens = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(front_matter_plugin).parse("\n".join(lines))
    )
    return _with_ends(_with_texts_behind(sorted([*codes, *_parsed(tokens)], key=lambda block: block.line)))


def _with_ends(blocks: Sequence[Block]) -> list[Block]:
    """Returns blocks whose comments know whether a later one ends what they speak of."""
    found = list(blocks)
    last: tuple[int, Comment] | None = None
    for place, block in enumerate(blocks):
        if isinstance(block, Comment):
            if last and _COMMENT_END.search(block.text):
                found[last[0]] = replace(last[1], has_end=True)
            last = (place, block)
    return found


def _with_texts_behind(blocks: Sequence[Block]) -> list[Block]:
    """Returns blocks whose paragraphs know the one right behind them: in no list, or outside of the first one's."""
    found = list(blocks)
    for place, (block, behind) in enumerate(pairwise(blocks)):
        if not isinstance(block, Paragraph) or not isinstance(behind, Paragraph) or block.column or behind.column:
            continue
        if not _has_code(block) or names_what_comes(behind):
            continue
        if behind.content.level <= 1 or behind.content.level < block.content.level:
            found[place] = replace(block, behind=masked(behind.content))
        elif block.items and behind.items[:-1] == block.items and behind.content.level > block.content.level:
            found[place] = replace(block, note=masked(behind.content))
    return found


def _has_code(paragraph: Paragraph) -> bool:
    return any(child.type == "code_inline" for child in paragraph.content.children or [])


def names_what_comes(paragraph: Paragraph) -> bool:
    """Returns whether a paragraph is a label: in bold and without a full stop."""
    return bool(bold_label(paragraph.content)[0]) and not masked(paragraph.content).endswith((".", "!", ")"))


def _take_code(lines: list[str]) -> list[Code | Fold | Comment | Strike]:
    """Returns the fenced blocks, folds, comments and what strikes out, and blanks them and shortcodes in lines."""
    found: list[Code | Fold | Comment | Strike] = []
    number, next_fences = 0, _next_fences(lines)
    ends: dict[int, bool] = {}
    while number < len(lines):
        if titled := admonition_at(lines, number):
            found += [Comment(titled[0], number + 1, has_end=True)] if titled[0] else []
            ends[titled[1]] = bool(titled[0])
        found += [Comment("", number + 1)] if ends.pop(number, False) else []
        block, behind = _taken(lines, number, next_fences)
        found += [block] if block else []
        if behind > number:
            lines[number:behind] = [""] * (behind - number)
        elif isinstance(block, Comment):
            continue  # what stands behind it on its line is left
        else:
            lines[number] = _plain(lines[number])
        number = max(behind, number + 1)
    return found


def _taken(
    lines: list[str], number: int, next_fences: Sequence[int]
) -> tuple[Code | Fold | Comment | Strike | None, int]:
    """Returns what begins at a line and the number of the line behind it: the same number where nothing is taken."""
    line = lines[number]
    if opening := _OPENING.match(line):
        end, behind = _end_of_fence(lines, number, opening["fence"], next_fences)
        return _fence(lines, number, end, opening), behind
    if pre := _PRE.match(line):
        end = _line_with(lines, number, "</pre>")
        return _preformatted(lines, number, end, pre["rest"]), min(end + 1, len(lines))
    if line.lstrip().startswith("<!--"):
        return _comment(lines, number)
    if strike := _STRIKES.match(line):
        return Strike(bool(strike["end"]), number + 1), number + 1
    if container := _CONTAINER.match(line):
        title = (container["title"] or "").strip()
        return Comment(title.strip(" []"), number + 1) if title else None, number + 1
    if line.lstrip().startswith("<") and (fold := _FOLD.fullmatch(line[:1000])):
        is_shown = fold["text"] is not None or fold["end"]
        return Fold(_TAG.sub("", fold["text"] or "").strip(), number + 1) if is_shown else None, number + 1
    return None, number


def _comment(lines: list[str], number: int) -> tuple[Comment, int]:
    """Returns the comment that begins at a line; what stands behind one of a single line takes the line's place."""
    behind = min(_line_with(lines, number, "-->") + 1, len(lines))
    text, _, rest = "\n".join(lines[number:behind])[:MAX_LINE].partition("<!--")[2].partition("-->")
    holds_code = "`" in text or re.search(r":[ \t]*\n", text)
    comment = Comment("" if holds_code else " ".join(text.split()), number + 1)
    if rest.strip() and behind == number + 1:
        lines[number] = rest
        return comment, number
    return comment, behind


def _next_fences(lines: Sequence[str]) -> list[int]:
    """Returns for each line the number of the next line, itself included, that opens or closes a fence."""
    found = [len(lines)] * (len(lines) + 1)
    for number in range(len(lines) - 1, -1, -1):
        is_fence = _OPENING.match(lines[number]) or _CLOSING.match(lines[number])
        found[number] = number if is_fence else found[number + 1]
    return found


def _end_of_fence(lines: Sequence[str], start: int, fence: str, next_fences: Sequence[int]) -> tuple[int, int]:
    """Returns the line behind the code, and the line behind the fence that closes it.

    A fence ends at the next line of backticks alone. Where another fence opens first, or none comes, or a
    heading that names an alert or a section stands in it, it was never closed.
    """
    number = next_fences[start + 1]
    while number < len(lines) and not _closes(lines[number], fence):
        if _OPENING.match(lines[number]) and len(fence) < 4:
            break
        number = next_fences[number + 1]
    is_closed = number < len(lines) and _closes(lines[number], fence)
    for inner in range(start + 1, number):
        if _starts_a_section(lines, inner):
            return inner, inner
    return (number, number + 1) if is_closed else (number, number)


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip(" \t>")
    if not _CLOSING.match(line) or stripped[0] != fence[0]:
        return False
    return len(fence) <= 3 or len(stripped) >= len(fence)


def _starts_a_section(lines: Sequence[str], number: int) -> bool:
    if lines[number - 1].strip():
        return False
    found = _HEADING.match(lines[number]) or _BOLD.match(lines[number])
    if not found:
        return False
    text = found["text"]
    return bool(section_kind(text)) or bool(_HEADING.match(lines[number]) and alert_name(text))


def _fence(lines: Sequence[str], start: int, end: int, opening: re.Match[str]) -> Code:
    quoted = ">" in opening["before"]
    body = [re.sub(r"^[ \t]*>[ ]?", "", line) if quoted else line for line in lines[start + 1 : end]]
    return Code(_dedented(body), opening["info"].strip(), start + 2)


def _preformatted(lines: Sequence[str], start: int, end: int, rest: str) -> Code:
    body = [rest, *lines[start + 1 : end + 1]]
    shown = [html.unescape(_TAG.sub("", line)) for line in body]
    return Code(_dedented(shown), "", start + 1)


def _dedented(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(textwrap.dedent("\n".join(line.expandtabs(4) for line in lines)).split("\n")) if lines else ()


def _line_with(lines: Sequence[str], start: int, text: str) -> int:
    return next((number for number in range(start, len(lines)) if text in lines[number].lower()), len(lines) - 1)


def _plain(line: str) -> str:
    heading = _HTML_HEADING.match(line)
    if heading:
        return f"{'#' * int(heading['level'])} {heading['text'].strip()}"
    return "" if _SHORTCODE.match(line) else with_signs(line)


def _parsed(tokens: Sequence[Token]) -> Iterator[Block]:
    row, cells = 1, _around_cells(tokens)
    items: list[int] = []
    for index, token in enumerate(tokens):
        row = token.map[0] + 1 if token.map else row
        if token.type == "list_item_open":
            items.append(row)
        elif token.type == "list_item_close":
            items.pop()
        if token.type == "front_matter" and not any(other.tag == "h1" for other in tokens):
            yield from _front_title(token)
        if token.type == "code_block":
            yield Code(_dedented(token.content.rstrip("\n").split("\n")), "", row, is_fence=False)
        elif token.type == "inline" and tokens[index - 1].type == "heading_open":
            yield Heading(int(tokens[index - 1].tag[1]), token, row)
        elif token.type == "inline" and _heads_a_list(tokens, index):
            yield Heading(6, token, row)
        elif token.type == "inline":
            yield from _labels_apart(Paragraph(token, row, *cells.get(index, ("", "", ())), items=tuple(items)))


def _around_cells(tokens: Sequence[Token]) -> dict[int, tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Returns the head of its column, the first cell of its row, and the cells that may speak of it, by place."""
    heads: list[str] = []
    row: dict[int, str] = {}
    found: dict[int, tuple[str, str, tuple[tuple[str, str], ...]]] = {}
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            heads = []
        elif token.type == "tr_open":
            row = {}
        elif token.type == "inline" and tokens[index - 1].type == "th_open":
            heads.append(token.content)
        elif token.type == "inline" and tokens[index - 1].type == "td_open":
            row[index] = token.content
        elif token.type == "tr_close":
            cells = list(zip(row.items(), heads, strict=False))
            coded = [number for number, ((_, text), _) in enumerate(cells) if "`" in text]
            for number, ((place, _), head) in enumerate(cells):
                first = cells[0][0][1] if number else ""
                rank = coded.index(number) if number in coded and len(coded) == 2 else -1
                notes = _notes(cells[number + 1 :], cells[:number])
                found[place] = (head, first, tuple(_of_rank(notes, rank)))
    return found


def _of_rank(notes: Iterable[tuple[str, str]], rank: int) -> Iterator[tuple[str, str]]:
    """Yields the cells that speak of the command of a row with that rank: `the former`, `the second one`."""
    for head, text in notes:
        ranked = _FORMER.search(text), _LATTER.search(text)
        if rank < 0 or bool(ranked[0]) == bool(ranked[1]):
            yield head, text
        elif ranked[rank]:
            yield head, (_FORMER, _LATTER)[rank].sub("it", text)


def _notes(right: Sequence[_Cell], left: Sequence[_Cell]) -> Iterator[tuple[str, str]]:
    """Yields the cells of a row that may speak of the commands in one: of its effect, say.

    right, left: those on its sides. What stands to the right, up to the next command, speaks of it; what stands to the
    left, only under a head that asks for it.
    """
    for (_, text), head in right:
        if "`" in text:
            break
        yield head, text
    for (_, text), head in left:
        if "`" not in text and (_JUDGES.search(head) or not re.search(r"\w", head) or _FLAT.match(text)):
            yield head, text


def _front_title(front_matter: Token) -> Iterator[Heading]:
    """Yields the title in a front matter, which pages without a heading of the first level have instead."""
    for number, line in enumerate(front_matter.content.split("\n"), 2):
        if found := _FRONT_TITLE.match(line):
            title = Token("text", "", 0, content=found["title"])
            yield Heading(1, Token("inline", "", 0, content=title.content, children=[title]), number)
            return


def _heads_a_list(tokens: Sequence[Token], index: int) -> bool:
    """Returns whether a paragraph is the name of a section alone on a line, right above its list."""
    text, behind = tokens[index].content, tokens[index + 2 : index + 3]
    is_above_list = bool(behind) and behind[0].type in ("bullet_list_open", "ordered_list_open")
    is_title = tokens[index - 1].level == 0 and is_above_list and _TITLE.fullmatch(text)
    return bool(is_title) and bool(section_kind(text))


def _labels_apart(paragraph: Paragraph) -> Iterator[Paragraph]:
    """Yields a paragraph, each of its lines that begins with a label as one of its own."""
    token = paragraph.content
    children = token.children or []
    starts = [0]
    starts += [index + 1 for index, child in enumerate(children) if _is_break(child) and _is_label(children, index + 1)]
    if len(starts) == 1:
        yield paragraph
        return
    for start, end in zip(starts, [*starts[1:], len(children)], strict=True):
        breaks = sum(map(_is_break, children[:start]))
        part = Token("inline", "", 0, children=children[start:end], content="", level=token.level)
        yield replace(paragraph, content=part, line=paragraph.line + breaks)


def _is_break(token: Token) -> bool:
    return token.type in ("softbreak", "hardbreak")


def _is_label(children: Sequence[Token], start: int) -> bool:
    part = [child for child in children[start : start + 6] if child.type != "text" or child.content.strip()]
    if not part or part[0].type not in ("strong_open", "em_open"):
        return bool(part and part[0].type == "text" and plain_label(part[0].content))
    inside = "".join(child.content for child in part[1:3])
    behind = next((part[number + 1 :] for number, child in enumerate(part) if child.type.endswith("_close")), [])
    return inside.endswith(":") or bool(behind and behind[0].content.lstrip().startswith(":"))
