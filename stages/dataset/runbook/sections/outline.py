"""Which sections are open at a place of an alert: headings within headings, and labels within those.

A heading without a kind goes on with the section that it stands in. A label in a list reaches as far as its item. A
label that tells something (`Why: …`) ends where a command comes that it does not lead to, so that no remedy is taken
for an explanation.
"""

from dataclasses import dataclass

from stages.dataset.runbook.alert import Section

ACTING = {"diagnosis", "mitigation", "verification"}
_TELLING = {"meaning", "symptoms", "causes", "impact", "references"}
_LABEL = 7  # below every heading


@dataclass
class _Open:
    section: Section
    level: int
    items: tuple[int, ...] = ()
    """The lines of the list items that a label stands in, the outermost first."""
    is_told: bool = False
    """Whether a label has had text of its own, which does not lead on to what comes next."""
    has_text: bool = False
    """Whether that text stood in the label's own paragraph."""
    is_verb: bool = False


class Outline:
    """The open sections, the innermost last; the first is the alert's own, which has no heading."""

    def __init__(self, line: int) -> None:
        self.open = [_Open(Section("other", "", line), 0)]

    @property
    def section(self) -> Section:
        """The innermost section."""
        return self.open[-1].section

    @property
    def level(self) -> int:
        """The level of the innermost heading that is open; 7 where none is."""
        return next((each.level for each in reversed(self.open) if 0 < each.level < _LABEL), _LABEL)

    def around(self, level: int) -> Section | None:
        """Returns the section of the heading around one of a level, None where it stands in none."""
        return next((each.section for each in reversed(self.open) if 0 < each.level < level), None)

    def headed(self) -> Section:
        """Returns the section of the innermost heading, or the alert's own."""
        return next(each.section for each in reversed(self.open) if each.level < _LABEL)

    def enter(self, section: Section, level: int) -> None:
        """Opens the section of a heading."""
        self.leave(level)
        self.open.append(_Open(section, level))

    def leave(self, level: int) -> None:
        """Closes the sections of all headings from a level on, and all labels."""
        self.open = [each for each in self.open if each.level < level and each.level < _LABEL]

    def label(self, section: Section, items: tuple[int, ...], text: str, is_verb: bool) -> None:
        """Opens the section of a label, which has text of its own or none."""
        self.open = [each for each in self.open if each.level < _LABEL or _is_inside(items, each.items)]
        is_told = bool(text) and not text.endswith((":", "："))
        self.open.append(_Open(section, _LABEL, items, is_told, is_told, is_verb))

    def cell(self, section: Section) -> None:
        """Opens a section of a table's cell, which `end_cell` closes."""
        self.open.append(_Open(section, _LABEL))

    def end_cell(self) -> None:
        """Closes the section of a table's cell."""
        self.open.pop()

    def end_labels(self) -> None:
        """Closes the sections of all labels, as at the end of a folded part."""
        self.leave(_LABEL)

    def other_label(self) -> None:
        """Goes on to a label without a kind, which is the next step behind one such as `Verify:`."""
        if self.open[-1].is_verb and self.headed().kind in ACTING:
            self.open.pop()

    def item(self, items: tuple[int, ...]) -> None:
        """Goes on to a paragraph in list items, or in none: labels of other items end."""
        while self.open[-1].items and self._is_behind(self.open[-1], items):
            self.open.pop()

    def _is_behind(self, label: _Open, items: tuple[int, ...]) -> bool:
        if _is_inside(items, label.items):
            return False
        is_sibling = items[: len(label.items) - 1] == label.items[:-1] and len(items) >= len(label.items)
        if is_sibling and not label.is_told:
            return False
        return self.headed().kind in ACTING or (is_sibling and label.section.kind not in ACTING)

    def tell(self, text: str) -> None:
        """Notes a text in the innermost section."""
        self.open[-1].is_told = not text.endswith((":", "："))

    def command(self) -> None:
        """Goes on to a block of code or a paragraph with commands: a label that has told its own ends."""
        label = self.open[-1]
        is_over = label.level == _LABEL and label.is_told and label.section.kind in _TELLING
        if is_over and (label.has_text or self.headed().kind in ACTING):
            self.open.pop()


def _is_inside(items: tuple[int, ...], of: tuple[int, ...]) -> bool:
    return items[: len(of)] == of and bool(of)
