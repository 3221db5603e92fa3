"""What the alerts of a rule carry: its annotations and labels, and what its expression says of labels."""

import re
from collections.abc import Mapping
from functools import lru_cache

from stages.dataset.alerting import expression, nodes
from stages.dataset.alerting.helm import is_value, text_of
from stages.dataset.calls.placeholders import LABEL_REFERENCE, label_of
from stages.dataset.firing import Firing

TEXTS = ("summary", "description", "message")
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_GIVEN = ("alertname", "severity", "__name__")  # what no rule's labels are asked for: the rest of an alert has them


def firing_of(rule: nodes.Mapping, own: Mapping[str, str]) -> Firing:
    """Returns what every alert of a rule carries. own: the labels that the rule itself gives."""
    annotations = entries(rule.get("annotations"))
    query = rule.get("expr")
    found = expression.carried(text_of(query)) if query else expression.Carried({})
    labels = {label: value for label, value in found.labels.items() if label not in own}
    labels |= {label: value for label, value in own.items() if value and not expression.is_open(value)}
    drawn = [label for label, value in own.items() if expression.is_open(value)]
    shown = [label for text in (*annotations.values(), *own.values()) for label in _shown(text)]
    removed = {label for label, value in own.items() if not value}
    varying = dict.fromkeys([*found.varying, *drawn, *shown])
    return Firing(
        {name: annotations[name] for name in TEXTS if annotations.get(name)},
        {label: value for label, value in labels.items() if label not in _GIVEN},
        tuple(label for label in varying if label not in labels and label not in removed and label not in _GIVEN),
    )


def entries(node: nodes.Node | None) -> Mapping[str, str]:
    """Returns the texts of a mapping by their keys, one line each."""
    found = node.entries() if isinstance(node, nodes.Mapping) else ()
    return {key: _line(text_of(value)) for key, value in found if is_value(value)}


# Thousands of rules may have one long text by an alias: it is looked through once.
@lru_cache(maxsize=256)
def _line(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=256)
def _shown(text: str) -> tuple[str, ...]:
    """Returns the labels that a text's templates show."""
    templates = _TEMPLATE.findall(text) if "{{" in text else ()
    return tuple(label_of(found) for template in templates for found in LABEL_REFERENCE.finditer(template))
