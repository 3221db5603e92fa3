"""Which generator draws which label's values, and by which names a label goes."""

from functools import lru_cache

from stages.dataset.rows.label_values import kubernetes, machines, names, software
from stages.dataset.rows.label_values.closed import CLOSED, SAME_CLOSED
from stages.dataset.rows.label_values.splits import Draw
from stages.dataset.rows.label_values.words import WORDS, mixed

GENERATORS: dict[str, Draw] = {
    "namespace": names.namespace,
    "pod": kubernetes.pod,
    "container": names.container,
    "name": names.workload,
    "workload": names.workload,
    "deployment": names.workload,
    "statefulset": names.stateful,
    "daemonset": names.workload,
    "replicaset": lambda chance: kubernetes.replica_set(names.workload(chance), chance),
    "cronjob": names.cron,
    "job_name": kubernetes.job_name,
    # The label is a scrape job by Prometheus, and a Job by those who write `kubectl delete job <job>`.
    "job": mixed((60, kubernetes.job_name), (40, machines.scrape_job)),
    "service": kubernetes.service,
    "ingress": kubernetes.ingress,
    "horizontalpodautoscaler": kubernetes.autoscaler,
    "poddisruptionbudget": kubernetes.disruption_budget,
    "secret": kubernetes.secret,
    "configmap": kubernetes.config_map,
    "certificate": kubernetes.certificate,
    "clusterrolebinding": kubernetes.cluster_role_binding,
    "persistentvolumeclaim": kubernetes.persistent_volume_claim,
    "persistentvolume": kubernetes.volume,
    "volume": kubernetes.volume,
    "uid": names.uuid,
    "node": kubernetes.node,
    "instance": machines.instance,
    "cluster": machines.cluster,
    "host": machines.host,
    "url": machines.url,
    "path": machines.path,
    "device": machines.device,
    "interface": machines.interface,
    "mountpoint": machines.mount_point,
    "image": software.image,
    "version": software.version,
    "queue": software.queue,
    "topic": software.topic,
    "consumer_group": software.consumer_group,
    "database": software.database,
    "user": software.user,
    "session": software.session,
    "collection": software.collection,
    "team": software.team,
}
_SAME: dict[str, str] = WORDS["same"] | SAME_CLOSED
_BEFORE = ("exported_", "kubernetes_", "kube_", "k8s_", "source_", "destination_", "src_", "dst_", "target_")


@lru_cache(maxsize=4096)
def known(label: str) -> str:
    """Returns the label whose values one has: pod of exported_pod, empty where nothing is known of its values."""
    plain = next((label.removeprefix(start) for start in _BEFORE if label.startswith(start)), label)
    for name in (label, plain, plain.removesuffix("_name")):
        meant = _SAME.get(name, name)
        if meant in GENERATORS or meant in CLOSED:
            return meant
    return ""


def is_shared(label: str) -> bool:
    """Returns whether all splits have the values of a label: there are few in all, or the alert itself gives them."""
    return label in ("alertname", "severity") or known(label) in CLOSED
