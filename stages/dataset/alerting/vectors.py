"""What is known of the labels of a PromQL vector, and what aggregations and operators make of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

MAX_LABELS = 200


@dataclass(frozen=True)
class Labels:
    """fixed: labels with one value. named: labels that are there with some value. is_open: others may be, too.

    is_vector: False of a number and of a text, which is then in `text`. is_selector: it is one as it stands.
    """

    fixed: Mapping[str, str] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    is_open: bool = False
    is_vector: bool = True
    text: str | None = None
    is_selector: bool = False

    def may_have(self, label: str) -> bool:
        """Returns whether a label may be there at all."""
        return self.is_open or label in self.fixed or label in self.named

    @property
    def is_too_long(self) -> bool:
        """Whether nobody wrote this by hand."""
        return len(self.fixed) + len(self.named) > MAX_LABELS


SCALAR = Labels(is_vector=False)


@dataclass(frozen=True)
class Matching:
    """on: `on` or `ignoring`, '' for neither; names: which labels. side: `group_left` or `group_right`, and copied."""

    on: str = ""
    names: tuple[str, ...] = ()
    side: str = ""
    copied: tuple[str, ...] = ()

    def is_matched(self, label: str) -> bool:
        """Returns whether a label is the same on both sides."""
        return (label in self.names) == (self.on == "on")


def grouped(of: Labels, names: Iterable[str]) -> Labels:
    """Returns what `by` leaves."""
    kept = [name for name in names if name != "__name__" and of.may_have(name)]
    fixed = {name: of.fixed[name] for name in kept if name in of.fixed}
    return Labels(fixed, tuple(name for name in kept if name not in fixed))


def without(of: Labels, names: Iterable[str]) -> Labels:
    """Returns what is left without some labels."""
    gone = set(names)
    fixed = {label: value for label, value in of.fixed.items() if label not in gone}
    return replace(of, fixed=fixed, named=tuple(name for name in of.named if name not in gone))


def named_besides(of: Labels, names: Iterable[str | None]) -> Labels:
    """Returns a vector with labels that have some value, whatever it was before."""
    new = [name for name in names if name]
    left = without(of, new)
    return replace(left, named=(*left.named, *new))


def narrowed(of: Labels) -> Labels:
    """Returns what is known behind a function that is not known: nothing."""
    return Labels(is_open=True, is_vector=of.is_vector)


def combined(sign: str, left: Labels, matching: Matching, right: Labels) -> Labels:
    """Returns the labels of what a binary operator gives."""
    if not (left.is_vector and right.is_vector):
        return replace(right if right.is_vector else left, is_selector=False, text=None)
    if sign == "or":
        return _either(left, right)
    found = left if sign == "unless" else _matched(sign, left, matching, right)
    return replace(_with_names(found, matching), is_selector=False)


def _matched(sign: str, left: Labels, matching: Matching, right: Labels) -> Labels:
    if sign == "and":
        return _with_matched(left, right, matching)
    if matching.side == "group_left":
        return _with_copied(left, right, matching)
    if matching.side == "group_right":
        return _with_copied(right, left, matching)
    return _one_to_one(left, right, matching)


def _with_names(of: Labels, matching: Matching) -> Labels:
    """Returns a vector with the labels that `on` names: nobody matches by what is not there."""
    names = matching.names if matching.on == "on" else ()
    more = [name for name in names if of.may_have(name) and not _is_known(name, of)]
    return replace(of, named=(*more, *of.named))


def _either(left: Labels, right: Labels) -> Labels:
    """Returns what is known of vectors that come from either side."""
    fixed = {label: value for label, value in left.fixed.items() if right.fixed.get(label) == value}
    known = dict.fromkeys([*left.named, *right.named, *left.fixed, *right.fixed])
    named = [name for name in known if name not in fixed and _is_known(name, left) and _is_known(name, right)]
    alone = [name for name in (*left.named, *right.named) if name not in named and name not in fixed]
    return Labels(fixed, tuple(dict.fromkeys([*named, *alone])), left.is_open or right.is_open)


def _is_known(name: str, of: Labels) -> bool:
    return name in of.fixed or name in of.named


def _with_matched(of: Labels, other: Labels, matching: Matching) -> Labels:
    """Returns a side with what the other one demands of the labels that are the same on both."""
    more = {
        label: value
        for label, value in other.fixed.items()
        if matching.is_matched(label) and label not in of.fixed and of.may_have(label)
    }
    return replace(of, fixed={**of.fixed, **more}, named=tuple(name for name in of.named if name not in more))


def _with_copied(many: Labels, one: Labels, matching: Matching) -> Labels:
    """Returns the side of many, with the labels that it gets from the other."""
    left = named_besides(_with_matched(many, one, matching), matching.copied)
    fixed = {label: one.fixed[label] for label in matching.copied if label in one.fixed}
    named = tuple(name for name in left.named if name not in fixed and (name in many.named or one.may_have(name)))
    return replace(left, fixed={**left.fixed, **fixed}, named=named)


def _one_to_one(left: Labels, right: Labels, matching: Matching) -> Labels:
    """Returns the labels that two matched sides have in common: all, or those that they are matched by."""
    both = _with_matched(left, right, matching)
    if matching.on == "on":
        found = grouped(both, matching.names)
        known = [name for name in found.named if right.may_have(name)]
        return replace(found, named=tuple(known))
    both = without(both, matching.names)
    if both.is_open and not right.is_open:
        others = [name for name in right.named if name not in both.fixed and name not in matching.names]
        fixed = {label: value for label, value in both.fixed.items() if right.may_have(label)}
        return Labels(fixed, tuple(others))
    return both
