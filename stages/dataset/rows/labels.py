"""Alert labels: which label a runbook's placeholder means, and realistic values for each label.

Every value belongs to one split by a keyed hash, whatever the seed or the commit, and a row draws
all its values from its own split: no label value of a test row was ever seen in training. Labels of which there are
few values in all, such as a severity or a kind of object, are exempt (`is_shared`).
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from stages.dataset.calls.placeholders import Placeholder
from stages.dataset.calls.words import RESOURCE_NAMES
from stages.dataset.rows.label_values.generators import GENERATORS, is_shared
from stages.dataset.rows.label_values.splits import SHARES, draw_of, split_of
from stages.dataset.rows.label_values.together import draw, draw_all
from stages.dataset.rows.label_values.words import AROUND, PEOPLE, ROLES, TEAMS

__all__ = [
    "GENERATORS",
    "PEOPLE",
    "RESOLVABLE",
    "ROLES",
    "SHARES",
    "TEAMS",
    "draw",
    "draw_all",
    "draw_of",
    "is_shared",
    "resolve",
    "split_of",
]

# What a placeholder's word may mean by itself. Fewer than there are labels: `<path>`, `<version>`, `<code>` or `<host>`
# is in most runbooks for a person to think of, and no label of the alert.
RESOLVABLE = frozenset(
    {
        *("namespace", "pod", "container", "name", "node", "instance", "cluster", "persistentvolumeclaim", "secret"),
        *("certificate", "session", "user", "image", "collection", "team", "clusterrolebinding", "deployment"),
        *("statefulset", "daemonset", "replicaset", "service", "job", "cronjob", "queue"),
    }
)


def resolve(placeholder: Placeholder, aliases: Mapping[str, str]) -> str | None:
    """Returns the alert label that a placeholder stands for, None where no rule tells.

    `{{ $labels.x }}` is the label x. Any other name is looked up in aliases (tools.yaml), then among
    the labels known here, in lower case and without the words around it: `my-`, `-name`, `insert … here`.
    """
    if placeholder.is_label:
        return placeholder.name
    lowered = {_plain(name): label for name, label in aliases.items()}
    for name in _forms(placeholder.name):
        label = lowered.get(name) or RESOURCE_NAMES.get(name, {"ns": "namespace"}.get(name, name))
        if name in lowered or label in RESOLVABLE:
            return label
    return None


@lru_cache(maxsize=4096)  # a runbook has the same few in all of its texts
def _forms(name: str) -> tuple[str, ...]:
    """Returns a placeholder's name in lower case, and without each kind of words around it."""
    plain = _plain(name)
    without = re.sub(r"^(?:my|your|the)_|_name$", "", plain)
    return plain, without, _without_words_around(plain), re.sub(r"(?<=\w)_?name$", "", plain)


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    """Returns `podName`, `Pod Name` and `pod-name` as `pod_name`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s.-]+", "_", apart.lower())


def _without_words_around(plain: str) -> str:
    return "_".join(word for word in plain.split("_") if word and word not in AROUND)
