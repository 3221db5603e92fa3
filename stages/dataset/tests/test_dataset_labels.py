"""Label values are what Kubernetes, Prometheus and people make of them, in all their forms, in every split."""

import ipaddress
import random
import re
import uuid
from collections.abc import Callable
from itertools import product
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.artifacts import SPLITS
from stages.dataset.calls.placeholders import Placeholder
from stages.dataset.rows import labels
from stages.dataset.rows.label_values import names
from stages.dataset.rows.label_values.closed import CLOSED
from stages.dataset.rows.label_values.noise import noise_labels
from stages.dataset.rows.leaks import label_values
from stages.dataset.secrets.redaction import redact

FUZZ = settings(
    max_examples=120, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
SEEDS = st.integers(0, 2**32)
SPLIT = st.sampled_from(SPLITS)
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
SUBDOMAIN = rf"(?=.{{1,253}}$){LABEL}(?:\.{LABEL})*"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TAG = r"\w[\w.-]{0,127}"
REPOSITORY = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
IMAGE = rf"(?:{LABEL}(?:\.{LABEL})+(?::\d{{1,5}})?/)?{REPOSITORY}(?:/{REPOSITORY})*(?::{TAG}|@sha256:[0-9a-f]{{64}})"
PERSON = r"[a-z]+\.[a-z]+(?:@example\.com)?|system:serviceaccount:[a-z]+:[a-z]+|[a-z]+_[a-z]+|[A-Z]+_[A-Z]+|svc-[a-z-]+"
IS_LABEL, IS_SUBDOMAIN = rf"(?=.{{1,63}}$){LABEL}", SUBDOMAIN
WRITTEN = {
    **dict.fromkeys(("namespace", "container", "name", "workload", "deployment", "statefulset"), IS_LABEL),
    **dict.fromkeys(("daemonset", "replicaset", "job_name", "job", "service", "collection", "team"), IS_LABEL),
    "cronjob": rf"(?=.{{1,52}}$){LABEL}",
    **dict.fromkeys(("pod", "node", "host", "ingress", "horizontalpodautoscaler", "certificate"), IS_SUBDOMAIN),
    **dict.fromkeys(("poddisruptionbudget", "secret", "configmap", "persistentvolumeclaim"), IS_SUBDOMAIN),
    **dict.fromkeys(("persistentvolume", "volume"), rf"pvc-{UUID}"),
    "uid": UUID,
    "clusterrolebinding": r"[a-z][a-z0-9:-]{0,252}",
    "cluster": r"[a-z0-9][a-z0-9:/_-]{0,99}",
    "path": r"(?:/[\w{}-]+)+",
    "device": r"(?:/dev/(?:mapper/)?)?[a-z][a-z0-9-]{2,24}",
    "interface": r"[a-z][a-z0-9]{2,14}",
    "mountpoint": r"(?:/[\w.~-]+)+",
    "image": IMAGE,
    "version": r"v?\d+\.\d+\.\d+(?:-(?:rc\.\d+|eks-[0-9a-f]{7})|\+build\.\d+)?",
    **dict.fromkeys(("queue", "topic", "consumer_group", "database"), r"[A-Za-z][A-Za-z0-9._-]{0,62}"),
    "user": PERSON,
    "session": r"[a-z]+-[a-z0-9]{4}|[0-9a-f]{12}",
}


def is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < 65_536


def is_host(text: str) -> bool:
    if re.fullmatch(r"[\d.]+", text):
        return bool(ipaddress.IPv4Address(text))
    return re.fullmatch(SUBDOMAIN, text) is not None


def is_address(text: str) -> bool:
    if found := re.fullmatch(r"\[([^]]+)\]:(\d+)", text):
        return bool(ipaddress.IPv6Address(found[1])) and is_port(found[2])
    host, colon, port = text.partition(":")
    return is_host(host) and (not colon or is_port(port))


def is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and is_address(parts.netloc) and parts.path.startswith("/")


CHECKS: dict[str, Callable[[str], bool]] = {
    "instance": lambda text: is_url(text) if "/" in text else is_address(text),
    "url": is_url,
}


def is_valid(label: str, value: str) -> bool:
    return CHECKS[label](value) if label in CHECKS else re.fullmatch(WRITTEN[label], value) is not None


def drawn(label: str, split: str, count: int) -> list[str]:
    chance = random.Random(f"{label} {split}")
    return [labels.draw(label, split, chance) for _ in range(count)]


def test_every_label_s_form_is_known_here() -> None:
    assert {*WRITTEN, *CHECKS} == {*labels.GENERATORS}


@pytest.mark.parametrize("label", sorted(labels.GENERATORS))
@FUZZ
@given(split=SPLIT, seed=SEEDS)
def test_a_value_is_one_that_its_label_can_have(label: str, split: str, seed: int) -> None:
    value = labels.draw(label, split, random.Random(seed))
    assert is_valid(label, value), value
    assert labels.split_of(value) == split
    assert redact(f"Look at {value} first.") == (f"Look at {value} first.", [])


FORMS = {
    "pod": {
        "a ReplicaSet's": r"[a-z0-9-]+-[bcdf4-9]{8,10}-[b-df-hj-np-tv-xz2-9]{5}",
        "a StatefulSet's": r"[a-z0-9-]+-(?:\d|1[0-2])",
        "a DaemonSet's": r"[a-z]+-[a-z]+-[b-df-hj-np-tv-xz2-9]{5}",
        "a CronJob's": r"[a-z-]+-(?:2[89]|30)\d{6}-[b-df-hj-np-tv-xz2-9]{5}",
        "a runner's": rf"[a-z]+-{UUID}",
        "an indexed job's": r"[a-z]+-[a-z]+-\d{1,2}-[b-df-hj-np-tv-xz2-9]{5}",
        "a static one": r"(?:etcd|kube-apiserver|kube-controller-manager|kube-scheduler)-\S+",
        "a bare one": r"[a-z]+-(?:debug|netshoot|psql|shell|toolbox)",
        "a long one": r".{58,63}",
    },
    "node": {
        "a full name": r"[a-z0-9-]+\.(?:prod\.example\.com|internal|lan|local|dc1\.example\.net)",
        "AWS, in full": r"ip-(?:\d+-){3}\d+\.[a-z]+-[a-z]+-\d\.compute\.internal",
        "AWS": r"ip-(?:\d+-){3}\d+",
        "GKE": r"gke-[a-z]+-[a-z]+-[a-z0-9-]+-[0-9a-f]{8}-[a-z0-9]{4}",
        "AKS": r"aks-[a-z0-9]+-\d{8}-vmss[0-9a-z]{6}",
        "kind": r"[a-z]+-(?:control-plane|worker\d?)",
        "plain": r"(?:node|worker|server)-\d+",
    },
    "instance": {
        "IPv4": r"[\d.]+:\d+",
        "IPv6": r"\[[0-9a-f:]+\]:\d+",
        "a host": r"[a-z][a-z0-9.-]+\.[a-z]+:\d+",
        "a probe": r"https?://\S+/\S*",
        "a node": r"[a-z][a-z0-9.-]*",
    },
    "job_name": {
        "scheduled": r"\S+-\d{8}",
        "once": r"[a-z]+(?:-[a-z]+)+",
        "numbered": r"[a-z-]+-\d{1,2}",
        "generated": r"\S+-(?=\w*\d)(?=\w*[a-z])\w{5}",
    },
    "persistentvolumeclaim": {
        "a StatefulSet's": r"(?:data|pgdata|storage|logs|wal)-[a-z0-9-]+-\d+",
        "another": r"[a-z]+-[a-z]+-(?:data|storage|backup)",
        "generated": rf"[a-z]+-{UUID}",
    },
    "namespace": {
        "a team": "[a-z]+",
        "a stage": r"[a-z]+-(?:prod|staging|dev)",
        "digits": r"[a-z]+\d+",
        "a preview": r"[a-z]+-pr-\d+",
        "a system's": r"(?:kube|flux|istio|cnpg|metallb|gatekeeper|tigera|longhorn|cattle)-\S+",
        "long": r".{35,63}",
    },
    "secret": {
        "plain": r"[a-z]+-[a-z]+-(?:token|credentials|tls|key)",
        "a release": r"sh\.helm\.release\.v1\.\S+\.v\d+",
        "kustomize": r"\S+-[bcdfghkmt2-9]{10}",
    },
    "device": {
        "in full": r"/dev/(?:sd|vd|xvd)[a-h]\d?|/dev/nvme\dn1(?:p\d)?",
        "a partition": r"nvme\dn1p\d",
        "mapped": r"/dev/mapper/\S+",
        "network": r"(?:eth|ens|bond)\d+",
    },
    "image": {
        "short": r"[a-z0-9-]+:\S+",
        "a registry": r"[a-z0-9.-]+\.[a-z]+(?::5000)?/\S+:[^@]+",
        "a digest": r"\S+@sha256:[0-9a-f]{64}",
    },
    "queue": {"lower": "[a-z-]+", "dotted": r"[a-z]+\.[a-z.]+", "upper": "[A-Z_]+", "camel": r"(?:[A-Z][a-z]+){2,}"},
    "user": {"a person": r"[a-z]+\.[a-z]+", "mail": r"\S+@\S+", "an account": r"system:\S+", "upper": "[A-Z_]+"},
    "version": {
        "v": r"v\d+\.\d+\.\d+",
        "plain": r"\d+\.\d+\.\d+",
        "build": r"\S+\+build\.\d+",
        "EKS": r"v1\.\S+-eks-\S+",
    },
    "cluster": {"plain": r"[a-z0-9]+-\d+", "a stage": r"[a-z]+-prod", "GKE": r"gke_\S+", "EKS": r"arn:aws:eks:\S+"},
}


@pytest.mark.parametrize(("label", "split"), [*product(FORMS, SPLITS)])
def test_each_form_of_a_label_is_in_every_split(label: str, split: str) -> None:
    values = drawn(label, split, 1500)
    missing = [form for form, written in FORMS[label].items() if not any(re.fullmatch(written, v) for v in values)]
    assert missing == []


@pytest.mark.parametrize("split", SPLITS)
def test_forms_come_in_shares_like_those_of_clusters(split: str) -> None:
    pods = drawn("pod", split, 3000)
    shares = {
        name: sum(re.fullmatch(written, pod) is not None for pod in pods) / len(pods)
        for name, written in FORMS["pod"].items()
    }
    assert 0.4 < shares["a ReplicaSet's"] < 0.6
    assert 0.12 < shares["a StatefulSet's"] < 0.28
    assert 0.04 < shares["a CronJob's"] < 0.12
    assert shares["a long one"] < 0.06


@FUZZ
@given(st.text("abcdefghij0-", min_size=1, max_size=63), SEEDS)
def test_a_generated_name_fits_63_characters_and_keeps_its_random_end(base: str, seed: int) -> None:
    name = names.generated(base, random.Random(seed))
    assert len(name) <= 63
    assert name[:-5] == f"{base}-"[:58]


def test_one_seed_draws_the_same_and_another_draws_others() -> None:
    one, again, other = (
        labels.draw_all(labels.GENERATORS, "train", random.Random(seed), "PodDown") for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other
    assert {labels.split_of(value) for value in one.values()} == {"train"}


OWNED = {
    ("deployment", "pod"): r"{0}-[bcdf4-9]{{8,10}}-\w{{5}}",
    ("replicaset", "pod"): r"{0}-\w{{5}}",
    ("deployment", "replicaset"): r"{0}-[bcdf4-9]{{8,10}}",
    ("statefulset", "pod"): r"{0}-\d{{1,2}}",
    ("daemonset", "pod"): r"{0}-\w{{5}}",
    ("job_name", "pod"): r"{0}-\w{{5}}",
    ("cronjob", "pod"): r"{0}-\d{{8}}-\w{{5}}",
    ("cronjob", "job_name"): r"{0}-\d{{8}}",
    ("statefulset", "persistentvolumeclaim"): r"[a-z]+-{0}-\d{{1,2}}",
    ("deployment", "workload"): "{0}",
    ("daemonset", "exported_pod"): r"{0}-\w{{5}}",
    ("statefulset", "kubernetes_pod_name"): r"{0}-\d{{1,2}}",
}


@pytest.mark.parametrize(("owner", "label"), OWNED)
@settings(FUZZ, max_examples=60)
@given(split=SPLIT, seed=SEEDS)
def test_what_belongs_to_a_workload_has_its_name(owner: str, label: str, split: str, seed: int) -> None:
    values = labels.draw_all([label, "cluster", owner], split, random.Random(seed))
    base = values[owner]
    # Kubernetes cuts what it generates names of.
    if not (label.endswith("pod") and len(values[label]) == 63):
        assert re.fullmatch(OWNED[owner, label].format(re.escape(base)), values[label])
    assert {labels.split_of(value) for value in values.values()} == {split}


@FUZZ
@given(SPLIT, SEEDS)
def test_a_whole_chain_belongs_together(split: str, seed: int) -> None:
    values = labels.draw_all(["statefulset", "pod", "persistentvolumeclaim", "namespace"], split, random.Random(seed))
    assert values["pod"].rpartition("-")[0] == values["statefulset"]
    assert values["persistentvolumeclaim"].endswith(f"-{values['pod']}")


@pytest.mark.parametrize(
    ("owner", "label", "at_least"),
    [
        ("node", "instance", 0.4),
        ("node", "host", 0.4),
        ("deployment", "horizontalpodautoscaler", 0.6),
        ("deployment", "service", 0.5),
        ("statefulset", "poddisruptionbudget", 0.6),
        ("certificate", "secret", 0.35),
        ("container", "image", 0.35),
    ],
)
def test_some_labels_often_hold_the_name_of_another(owner: str, label: str, at_least: float) -> None:
    chance = random.Random(owner)
    found = [labels.draw_all({owner, label}, split, chance) for split in SPLITS for _ in range(200)]
    assert at_least < sum(values[owner] in values[label] for values in found) / len(found) < 1


def test_a_pod_fits_the_type_of_its_workload() -> None:
    endings = {"statefulset": r"-\d{1,2}", "daemonset": r"-\w{5}", "cronjob": r"-\d{8}-\w{5}", "job": r"-\w{5}"}
    for seed in range(200):
        values = labels.draw_all({"pod", "workload", "workload_type"}, "train", random.Random(seed))
        ending = endings.get(values["workload_type"])
        if ending and len(values["pod"]) < 63:
            assert re.fullmatch(re.escape(values["workload"]) + ending, values["pod"])


@pytest.mark.parametrize(
    ("about", "kinds"),
    [
        ("KubeStatefulSetReplicasMismatch Its pods are not ready on node a.", {"StatefulSet"}),
        ("ReplicasMismatch The stateful sets of the namespace lack replicas.", {"StatefulSet"}),
        ("KubeDeploymentRolloutStuck", {"Deployment"}),
        ("DAEMONSET_NOT_SCHEDULED", {"DaemonSet"}),
        ("BackupCronJobLate The job did not start.", {"CronJob"}),
        ("KubeJobFailed", {"Job"}),
        ("FluxKustomizationFailing", {"Kustomization"}),
        ("ReconciliationFailed A Kustomization or HelmRelease does not reconcile.", {"Kustomization", "HelmRelease"}),
        ("HelmReleasesSuspended", {"HelmRelease"}),
        ("SourceStale The git repository \ue000=name\ue001 is not fetched.", {"GitRepository"}),
        ("CertificateExpiresSoon", {"Certificate"}),
        ("SecretSyncFailed The secret of a namespace is old.", {"Secret", "Namespace"}),
        ("Config Maps are too large in many namespaces.", {"ConfigMap"}),
        ("KubePodCrashLooping", {"Pod"}),
        ("HorizontalPodAutoscalersMaxedOut Pods wait.", {"HorizontalPodAutoscaler"}),
    ],
)
def test_a_kind_is_what_the_alert_is_about(about: str, kinds: set[str]) -> None:
    chance = random.Random(0)
    assert {labels.draw("kind", split, chance, about) for split in SPLITS for _ in range(60)} == kinds
    assert {labels.draw("exported_kind", "test", chance, about) for _ in range(60)} == kinds


@pytest.mark.parametrize(
    "about", ["", "SomethingIsWrong", "A placeholder \ue000=statefulset\ue001 is no word.", "The podium"]
)
def test_where_nothing_is_told_any_kind_may_be_meant(about: str) -> None:
    chance = random.Random(0)
    assert {labels.draw("kind", "train", chance, about) for _ in range(2000)} == {*CLOSED["kind"]}


@pytest.mark.parametrize(
    ("label", "about", "value"),
    [
        ("owner_kind", "KubeStatefulSetUpdateNotRolledOut", "StatefulSet"),
        ("created_by_kind", "DaemonSetMisscheduled", "DaemonSet"),
        ("workload_type", "KubeStatefulSetDown", "statefulset"),
        ("workload_type", "CronJobs are late", "cronjob"),
        ("phase", "KubePodNotReady It has been Pending for long.", "Pending"),
        ("condition", "NodeDiskPressure", "DiskPressure"),
        ("reason", "ContainerOOMKilled", "OOMKilled"),
        ("reason", "A container waits: crash loop back off.", "CrashLoopBackOff"),
    ],
)
def test_other_labels_are_told_by_an_alert_s_words_too(label: str, about: str, value: str) -> None:
    assert {labels.draw(label, split, random.Random(seed), about) for split in SPLITS for seed in range(20)} == {value}


def test_labels_drawn_beside_it_tell_the_kind_where_words_do_not() -> None:
    for seed in range(30):
        values = labels.draw_all({"kind", "daemonset"}, "test", random.Random(seed), "TargetDown")
        assert values["kind"] == "DaemonSet"


def test_a_long_text_about_an_alert_is_read_in_time() -> None:
    about = "stateful " * 50_000 + "\ue000" * 50_000
    assert labels.draw("kind", "train", random.Random(0), about)


@pytest.mark.parametrize("label", ["kind", "code", "le", "region", "phase", "exported_kind", "http_method", "env"])
def test_every_split_has_all_values_of_a_label_that_has_few(label: str) -> None:
    chance = random.Random(0)
    found = [{labels.draw(label, split, chance) for _ in range(2000)} for split in SPLITS]
    assert found[0] == found[1] == found[2]
    assert labels.is_shared(label)
    assert label_values({"notification": f'{{"labels": {{"{label}": "{min(found[0])}"}}}}'}) == set()


@pytest.mark.parametrize(
    "label", [*sorted(labels.GENERATORS), "exported_pod", "exported_severity", "shard", "kind_of_thing"]
)
def test_values_of_any_other_label_belong_to_one_split(label: str) -> None:
    assert not labels.is_shared(label)
    value = labels.draw(label, "test", random.Random(0))
    assert labels.split_of(value) == "test"
    assert label_values({"notification": f'{{"labels": {{"{label}": "{value}"}}}}'}) == {value}


def test_a_name_and_a_severity_are_shared_and_a_name_made_up_is_not() -> None:
    row = {"notification": '{"labels": {"alertname": "A", "severity": "critical"}}'}
    assert label_values(row) == set()
    assert label_values(row | {"alertname": "renamed"}) == {"A"}


@pytest.mark.parametrize(
    ("label", "like"),
    [
        ("exported_pod", "pod"),
        ("kubernetes_namespace", "namespace"),
        ("kubernetes_pod_name", "pod"),
        ("node_name", "node"),
        ("nodename", "node"),
        ("pvc", "persistentvolumeclaim"),
        ("volumename", "persistentvolume"),
        ("datname", "database"),
        ("consumergroup", "consumer_group"),
        ("target_namespace", "namespace"),
        ("something_else", "workload"),
    ],
)
def test_a_label_of_another_name_has_the_values_of_the_one_it_means(label: str, like: str) -> None:
    for value in drawn(label, "train", 200):
        assert is_valid(like, value)


@pytest.mark.parametrize(
    "word",
    [
        *("path", "code", "version", "host", "url", "device", "kind", "reason", "phase", "uid", "topic", "database"),
        *("method", "le", "region", "mountpoint", "endpoint", "interface", "volume", "condition", "env", "workload"),
    ],
)
def test_a_word_that_may_mean_anything_is_no_label(word: str) -> None:
    assert labels.resolve(Placeholder(word, False), {}) is None
    assert labels.resolve(Placeholder(word, True), {}) == word


@FUZZ
@given(SPLIT, SEEDS)
def test_labels_that_no_call_needs_are_well_formed_too(split: str, seed: int) -> None:
    found = noise_labels({"team"}, split, random.Random(seed))
    assert "team" not in found
    assert {labels.split_of(value) for label, value in found.items() if not labels.is_shared(label)} <= {split}
    assert is_address(found.get("instance", "10.0.0.1:80"))
    assert is_valid("version", found.get("release", "v1.2.3"))
    assert found.get("region", "eu-west-1") in CLOSED["region"]
    for value in found.values():
        assert redact(value) == (value, [])


def test_a_uid_is_a_random_uuid() -> None:
    for value in drawn("uid", "valid", 100):
        assert uuid.UUID(value).version == 4
        assert uuid.UUID(value).variant == uuid.RFC_4122
