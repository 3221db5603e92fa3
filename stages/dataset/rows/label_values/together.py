"""The labels of one alert together: a pod's name begins with that of its deployment, as Kubernetes makes it."""

import random
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from stages.dataset.rows.label_values import kubernetes, names, software
from stages.dataset.rows.label_values.closed import CLOSED, draw_closed
from stages.dataset.rows.label_values.generators import GENERATORS, known
from stages.dataset.rows.label_values.machines import NODE_PORTS
from stages.dataset.rows.label_values.splits import draw_of, split_of
from stages.dataset.rows.label_values.words import pick

_DRAWS = 24  # of a value that hangs on another, before that one is drawn anew
_RESTARTS = 200
_KINDS = ("deployment", "statefulset", "daemonset", "cronjob", "job_name", "replicaset")
_Make = Callable[[str, random.Random], str]


class _Tie(NamedTuple):
    """How a label's value is made of its owner's, and in which share of the alerts that have both.

    make returns an empty text where this owner's value tells nothing.
    """

    owner: str
    make: _Make
    share: float = 1.0


def _same(owner: str, _: random.Random) -> str:
    return owner


def _with(*endings: str) -> _Make:
    return lambda owner, chance: owner + pick(chance, endings)


def _last_word(owner: str, _: random.Random) -> str:
    word = owner.rpartition("-")[2]
    return word if word.isalpha() else owner


def _claim_of_pod(pod: str, chance: random.Random) -> str:
    return kubernetes.claim_of(pod, chance) if re.fullmatch(r".*-\d\d?", pod) else ""


def _claim_of_stateful_set(owner: str, chance: random.Random) -> str:
    return kubernetes.claim_of(kubernetes.pod_of_stateful_set(owner, chance), chance)


def _name_of_kind(kind: str, chance: random.Random) -> str:
    return GENERATORS.get("job_name" if kind == "Job" else kind.lower(), names.workload)(chance)


def _at_port(node: str, chance: random.Random) -> str:
    return node if chance.random() < 0.4 else f"{node}:{pick(chance, NODE_PORTS)}"


_PODS: dict[str, _Make] = {
    "deployment": kubernetes.pod_of_deployment,
    "statefulset": kubernetes.pod_of_stateful_set,
    "daemonset": names.generated,
    "job_name": names.generated,
    "job": names.generated,
    "cronjob": kubernetes.pod_of_cron_job,
    "replicaset": names.generated,
    "barepod": _same,
    "staticpod": lambda owner, chance: f"{owner}-{kubernetes.node(chance)}",
}

# The first tie whose owner is drawn counts. Labels stand behind those that they hang on.
_TIES: dict[str, tuple[_Tie, ...]] = {
    "name": (_Tie("kind", _name_of_kind),),
    "replicaset": (_Tie("deployment", kubernetes.replica_set),),
    "job_name": (_Tie("cronjob", names.scheduled),),
    "workload": tuple(
        _Tie(owner, _same) for owner in ("deployment", "statefulset", "daemonset", "cronjob", "job_name")
    ),
    "pod": (
        *(_Tie(owner, _PODS[owner]) for owner in ("replicaset", "deployment", "statefulset", "daemonset", "job_name")),
        _Tie("cronjob", kubernetes.pod_of_cron_job),
        _Tie("workload", kubernetes.pod_of_deployment),
        _Tie("node", kubernetes.static_pod, 0.03),
    ),
    "persistentvolumeclaim": (_Tie("pod", _claim_of_pod), _Tie("statefulset", _claim_of_stateful_set)),
    "horizontalpodautoscaler": (
        _Tie("deployment", _with("", "", "-hpa"), 0.7),
        _Tie("statefulset", _with("", "-hpa"), 0.7),
    ),
    "poddisruptionbudget": (_Tie("deployment", _with("", "-pdb"), 0.7), _Tie("statefulset", _with("", "-pdb"), 0.7)),
    "service": (
        _Tie("deployment", _with("", "", "-http", "-svc"), 0.6),
        _Tie("statefulset", _with("", "-headless"), 0.6),
    ),
    "ingress": (_Tie("service", _with("", "-ingress", "-public"), 0.5), _Tie("deployment", _same, 0.5)),
    "container": tuple(_Tie(owner, _last_word, 0.5) for owner in ("deployment", "statefulset", "daemonset")),
    "image": (_Tie("container", software.image_of, 0.5),),
    "secret": (_Tie("certificate", _with("", "-key", "-secret"), 0.5),),
    "instance": (_Tie("node", _at_port, 0.5),),
    "host": (_Tie("node", _same, 0.5),),
    "volume": (_Tie("persistentvolume", _same),),
}
_ORDER = {label: place for place, label in enumerate(_TIES)}


class _Step(NamedTuple):
    """One label to draw: what its values mean, and the ties to those of the alert's labels that are drawn before."""

    label: str
    meant: str
    ties: tuple[_Tie, ...]


def draw(label: str, split: str, chance: random.Random, about: str = "") -> str:
    """Returns a realistic value of a label that belongs to split, or to all where there are few values in all.

    about: an alert's name and texts; `kind` is what they are about. A label that nobody knows gets a workload's name.
    """
    return _alone(label, known(label), split, chance, (about,))


def _alone(label: str, meant: str, split: str, chance: random.Random, told: tuple[str, ...]) -> str:
    if meant in CLOSED:
        return draw_closed(meant, chance, told)
    return draw_of(GENERATORS.get(meant, names.workload), label, split, chance)


def draw_all(
    labels: Iterable[str],
    split: str,
    chance: random.Random,
    about: str = "",
    fixed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Returns a value of each label of one alert, as `draw` does, so that they belong together.

    The pod is one of the drawn deployment, StatefulSet, DaemonSet or job, the claim one of its StatefulSet, the
    instance often the node's. Nothing hangs together where no such values belong to split. fixed: values of further
    labels of the alert, on which others may hang.
    """
    wanted = tuple(sorted(labels))
    plan = _plan(wanted, tuple(sorted(fixed)))
    told = (about, " ".join(label for label in (*wanted, *fixed) if label in _KINDS))
    for _ in range(_RESTARTS):
        drawn = _drawn(plan, fixed, split, chance, told)
        if drawn:
            return drawn
    return {label: draw(label, split, chance, about) for label in wanted}


@lru_cache(maxsize=1024)
def _plan(labels: tuple[str, ...], fixed: tuple[str, ...]) -> tuple[_Step, ...]:
    """Returns the labels in the order in which they are drawn: owners first. fixed: labels that have a value."""
    every = (*labels, *fixed)
    label_of = {known(label): label for label in reversed(every)} | {label: label for label in every}
    ordered = sorted(labels, key=lambda label: (_ORDER.get(known(label), -1), label))
    return tuple(
        _Step(
            label,
            known(label),
            tuple(
                tie._replace(owner=label_of[tie.owner]) for tie in _TIES.get(known(label), ()) if tie.owner in label_of
            ),
        )
        for label in ordered
    )


def _drawn(
    plan: tuple[_Step, ...], fixed: Mapping[str, str], split: str, chance: random.Random, told: tuple[str, ...]
) -> dict[str, str]:
    """Returns the values of a plan's labels; none where a value that must hang on another cannot."""
    values = dict(fixed)
    for step in plan:
        value = _tied(step, values, split, chance) if step.ties else ""
        if value is None:
            return {}
        values[step.label] = value or _alone(step.label, step.meant, split, chance, told)
    return {step.label: values[step.label] for step in plan}


def _tied(step: _Step, values: Mapping[str, str], split: str, chance: random.Random) -> str | None:
    """Returns a value that hangs on another, empty where it need not, and None where it must and none is of split."""
    for tie in step.ties:
        if tie.share < 1 and chance.random() >= tie.share:
            continue
        owner = values[tie.owner]
        make = _PODS.get(values.get("workload_type", ""), tie.make) if tie.owner == "workload" else tie.make
        value = make(owner, chance)
        for _ in range(_DRAWS if value else 0):
            if split_of(value) == split:
                return value
            value = make(owner, chance)
        if value and tie.share == 1:
            return None
    return ""
