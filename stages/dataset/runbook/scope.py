"""How far words around commands reach: a heading over its section, a line with a colon over its block or list."""

import re

from stages.dataset.runbook.blocks import Comment, Fold, Heading, Paragraph, Strike
from stages.dataset.runbook.places.blocks import leads_on, of_following, of_following_two, of_lead, ranks_ahead
from stages.dataset.runbook.places.cells import of_cell
from stages.dataset.runbook.places.comments import of_comment, of_hidden, of_note
from stages.dataset.runbook.places.labels import names_case, of_label
from stages.dataset.runbook.places.sections import of_announced, of_section
from stages.dataset.runbook.standing import MEANT, Standing, first
from stages.dataset.runbook.visible import bold_label, masked, unstruck, visible
from stages.dataset.runbook.wording.lexicon import MARK
from stages.dataset.runbook.wording.passage import sentences_of


class Scope:
    """What headings, labels and lead-ins say of the commands at a place, as a runbook is walked from top to bottom."""

    def __init__(self) -> None:
        self.headings: list[tuple[int, Standing]] = []
        self.label = MEANT
        self.folds: list[Standing] = []
        self.lead: tuple[int, str, int] | None = None
        """The level, the text and the line of the paragraph that leads to what comes now."""
        self.has_led = ""
        """To what it has led already: a `list`, which goes on, or a `block`, which does not."""
        self.comment: tuple[Standing, bool] = (MEANT, False)
        """What the comment above says of what comes now, and whether that ends only where another comment ends it."""
        self.has_commented = ""
        """Of what the comment has spoken already: a `list`, which goes on, or a `block`, which does not."""
        self.struck = MEANT
        self.is_first = False
        """Whether nothing stands yet below the heading, or in the fold."""
        self.is_of_above = False
        """Whether the paragraph that comes now speaks of the block above it, and leads to nothing."""
        self.lead_struck = False
        self.behind = MEANT
        """What the paragraph behind the one that comes now says of the command in that."""
        self.blocks = 0
        """How many blocks of code the paragraph has led to."""
        self.announced = MEANT
        """What a paragraph before the one that leads to it said of what follows."""

    def heading(self, heading: Heading) -> None:
        """Enters the section of a heading."""
        self.headings = [(level, said) for level, said in self.headings if level < heading.level]
        text = masked(heading.content)
        head = unstruck(heading.content)
        said = Standing("forbidden", "struck through") if not text else MEANT if names_case(head) else of_label(head)
        self.headings.append((heading.level, said.at(heading.line)))
        self.label, self.lead = MEANT, None
        self.is_first = True
        if not self.comment[1]:
            self.comment = (MEANT, False)

    def mark(self, mark: Comment | Strike) -> None:
        """Goes on to a comment, which counts for what stands below it, or to where text is struck through."""
        if isinstance(mark, Comment):
            self.comment, self.has_commented = (of_hidden(mark.text).at(mark.line), mark.has_end), ""
        else:
            self.struck = MEANT if mark.is_end else Standing("forbidden", "struck through", mark.line)

    def paragraph(self, paragraph: Paragraph) -> None:
        """Goes on to a paragraph, which may be a label, or lead to a block or a list."""
        label, rest = bold_label(paragraph.content)
        if label and _is_marked(paragraph):
            self.label = MEANT if rest else of_label(_with_sign(paragraph, label)).at(paragraph.line)
        level = paragraph.content.level
        self._whole(paragraph)
        self.behind = _told_behind(paragraph)
        self._go_on("list" if level > 1 else "paragraph", ends=level <= 1 and MARK in masked(paragraph.content))
        if self.lead is None or level <= self.lead[0] or not self._leads_to_list() or self.has_led == "block":
            self._announce()
            self.lead, self.has_led, self.blocks = (level, masked(paragraph.content), paragraph.line), "", 0
            self.lead = None if self.is_of_above else self.lead
            self.lead_struck = _struck(paragraph)
        else:
            self.has_led = "list"
        self.is_of_above = False

    def _whole(self, paragraph: Paragraph) -> None:
        """Hears what a paragraph says of the section that it stands in."""
        said = of_section(masked(paragraph.content), self.is_first and not paragraph.items).at(paragraph.line)
        self.is_first = False
        if said and self.folds:
            self.folds[-1] = first([self.folds[-1], said])
        elif said and self.headings:
            self.headings[-1] = (self.headings[-1][0], first([self.headings[-1][1], said]))

    def _announce(self) -> None:
        """Keeps what the paragraph before said of what follows, until that has come."""
        is_used = bool(self.has_led)
        said = of_announced(self.lead[1]).at(self.lead[2]) if self.lead and not is_used else MEANT
        self.announced = MEANT if is_used else first([self.announced, said])

    def fold(self, fold: Fold) -> None:
        """Enters a folded section, or leaves one."""
        self.is_first, self.lead = bool(fold.text), None
        if fold.text:
            self.folds.append(MEANT if names_case(fold.text) else of_comment(fold.text).at(fold.line))
        else:
            del self.folds[-1:]

    def around(self, block: Heading | Paragraph) -> Standing:
        """Returns what stands around the inline commands of a heading or paragraph."""
        if isinstance(block, Heading):
            return MEANT
        cells = [of_label(block.column).at(block.line)]
        cells += [of_cell(head, text).at(block.line) for head, text in block.beside]
        is_item = self.lead is not None and self.lead[2] != block.line
        return first([*cells, *self._above(), self._led("") if is_item else MEANT, self.behind])

    def block(self) -> None:
        """Goes on to a block of code."""
        self._go_on("block", ends=True)
        self.blocks += 1
        self.is_first = False

    def of_code(self, command: str) -> Standing:
        """Returns what stands above a command of the block of code that comes now."""
        self.has_led = self.has_led or "block"
        return first([*self._above(), self._led(command), self.announced])

    def leading(self) -> tuple[str, int]:
        """Returns the text and the line of what leads to the commands that come now; '' where nothing does."""
        return (self.lead[1], self.lead[2]) if self.lead else ("", 0)

    def _go_on(self, kind: str, *, ends: bool) -> None:
        """Ends what a comment says where it spoke of another block or list already. ends: whether this block is one."""
        if not self.comment[1] and self.has_commented and (self.has_commented, kind) != ("list", "list"):
            self.comment = (MEANT, False)
        self.has_commented = self.has_commented or (kind if ends or kind == "list" else "")

    def _above(self) -> list[Standing]:
        return [self.struck, self.comment[0], self.label, *self.folds, *(said for _, said in self.headings)]

    def _leads_to_list(self) -> bool:
        return self.lead is not None and leads_on(self.lead[1])

    def _led(self, command: str) -> Standing:
        if self.lead is None:
            return MEANT
        _, text, line = self.lead
        if self.lead_struck:
            return Standing("forbidden", "struck through", line)
        if self.blocks and ranks_ahead(text):
            return of_following_two(text)[min(self.blocks, 2) - 1].at(line)
        return of_lead(text, command).at(line)


def _told_behind(paragraph: Paragraph) -> Standing:
    """Returns what the paragraph behind one that ends with its only command says of that."""
    text = masked(paragraph.content)
    if paragraph.note and MARK not in paragraph.note and text.strip(" *_.") == MARK:
        return of_note(paragraph.note).at(paragraph.line)
    if not paragraph.behind or text.count(MARK) != 1 or MARK not in sentences_of(text)[-1]:
        return MEANT
    return of_following(paragraph.behind).at(paragraph.line)


def _struck(paragraph: Paragraph) -> bool:
    """Returns whether all of a paragraph is struck through."""
    text = visible(paragraph.content)
    return bool(text) and not masked(paragraph.content) and not of_label(text)


def _with_sign(paragraph: Paragraph, label: str) -> str:
    """Returns a label with the signs that stand before it."""
    return visible(paragraph.content).split(label)[0] + label


def _is_marked(paragraph: Paragraph) -> bool:
    """Returns whether a paragraph begins in bold or italics, and not within a list."""
    children = paragraph.content.children or []
    types = [child.type for child in children if child.type != "text" or re.search(r"\w", child.content)]
    return paragraph.content.level <= 1 and types[:1] in (["strong_open"], ["em_open"])
