"""Names of Kubernetes' objects in the forms that its controllers, clouds and installers give them."""

import random

from stages.dataset.rows.label_values.names import (
    compound,
    config_hash,
    cron,
    generated,
    hexadecimal,
    random_ending,
    scheduled,
    stateful,
    template_hash,
    uuid,
    workload,
)
from stages.dataset.rows.label_values.words import ROLES, SOFTWARE, TEAMS, WORDS, below, joined, mixed, pick

_ORDINALS = (0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_CLOUD_REGIONS = ("eu-west-1", "eu-central-1", "us-west-2", "ap-southeast-2", "eu-north-1")


def _address(chance: random.Random) -> str:
    return f"10-{below(chance, 128)}-{below(chance, 256)}-{1 + below(chance, 254)}"


def _numbered_node(chance: random.Random) -> str:
    return f"{pick(chance, WORDS['node_names'])}-{below(chance, 40)}"


def _qualified_node(chance: random.Random) -> str:
    name = _numbered_node(chance) if chance.random() < 0.6 else f"{pick(chance, TEAMS)}{1 + below(chance, 40):02d}"
    return f"{name}.{pick(chance, WORDS['zones'])}"


def _aws_node(chance: random.Random) -> str:
    shown = chance.random()
    if shown < 0.2:
        return f"ip-{_address(chance)}"
    if shown < 0.35:
        return f"ip-{_address(chance)}.ec2.internal"
    return f"ip-{_address(chance)}.{pick(chance, _CLOUD_REGIONS)}.compute.internal"


def _gke_node(chance: random.Random) -> str:
    ending = "".join(pick(chance, _BASE36) for _ in range(4))
    pool = f"gke-{pick(chance, TEAMS)}-{pick(chance, WORDS['clusters'])}-{pick(chance, WORDS['node_pools'])}"
    return f"{pool}-{hexadecimal(chance, 8)}-{ending}"


def _aks_node(chance: random.Random) -> str:
    count = f"{below(chance, 40):06d}" if chance.random() < 0.7 else f"00000{pick(chance, _BASE36)}"
    return f"aks-{pick(chance, WORDS['aks_pools'])}-{10_000_000 + below(chance, 40_000_000)}-vmss{count}"


def _kind_node(chance: random.Random) -> str:
    cluster = pick(chance, WORDS["clusters"]) if chance.random() < 0.6 else pick(chance, TEAMS)
    return cluster + pick(chance, ("-control-plane", "-control-plane", "-worker", "-worker2", "-worker3", "-worker4"))


def _team_node(chance: random.Random) -> str:
    return f"{pick(chance, TEAMS)}-{pick(chance, WORDS['node_names'])}-{below(chance, 30):02d}"


def _talos_node(chance: random.Random) -> str:
    return f"talos-{random_ending(chance)[:3]}-{random_ending(chance)[:3]}"


node = mixed(
    (28, _numbered_node),
    (15, _qualified_node),
    (20, _aws_node),
    (11, _gke_node),
    (9, _aks_node),
    (8, _kind_node),
    (6, _team_node),
    (3, _talos_node),
)


def replica_set(deployment: str, chance: random.Random) -> str:
    """Returns the name of a deployment's ReplicaSet."""
    return f"{deployment}-{template_hash(chance)}"


def pod_of_deployment(deployment: str, chance: random.Random) -> str:
    """Returns the name of a deployment's pod: name-6c8d7f9b5d-x7k2p."""
    return generated(replica_set(deployment, chance), chance)


def pod_of_cron_job(cron_job: str, chance: random.Random) -> str:
    """Returns the name of a CronJob's pod: name-28401230-x7k2p."""
    return generated(scheduled(cron_job, chance), chance)


def pod_of_stateful_set(stateful_set: str, chance: random.Random) -> str:
    """Returns the name of a StatefulSet's pod: name-0, and seldom more than name-9."""
    return f"{stateful_set}-{_ORDINALS[int(chance.random() * len(_ORDINALS))]}"


def static_pod(node_name: str, chance: random.Random) -> str:
    """Returns the name of a pod that the kubelet of a node starts by itself."""
    return f"{pick(chance, WORDS['static_pods'])}-{node_name}"


def _pod_of_indexed_job(chance: random.Random) -> str:
    base = f"{pick(chance, TEAMS)}-{pick(chance, WORDS['indexed_tasks'])}-{below(chance, 32)}"
    return generated(base, chance)


def _bare_pod(chance: random.Random) -> str:
    return f"{pick(chance, TEAMS)}-{pick(chance, WORDS['tools'])}"


pod = mixed(
    (50, lambda chance: pod_of_deployment(workload(chance), chance)),
    (18, lambda chance: pod_of_stateful_set(stateful(chance), chance)),
    (10, lambda chance: generated(workload(chance), chance)),
    (4, lambda chance: generated(_one_off(chance), chance)),
    (7, lambda chance: pod_of_cron_job(cron(chance), chance)),
    (4, lambda chance: f"{pick(chance, WORDS['runners'])}-{uuid(chance)}"),
    (2, _pod_of_indexed_job),
    (3, lambda chance: static_pod(node(chance), chance)),
    (2, _bare_pod),
)


def _one_off(chance: random.Random) -> str:
    return f"{compound(chance)}-{pick(chance, WORDS['cron_tasks'])}"


job_name = mixed(
    (35, _one_off),
    (40, lambda chance: scheduled(cron(chance), chance)),
    (15, lambda chance: f"{_one_off(chance)}-{1 + below(chance, 60)}"),
    (10, lambda chance: generated(_one_off(chance), chance)),
)


def claim_of(stateful_pod: str, chance: random.Random) -> str:
    """Returns the claim of a StatefulSet's pod: data-postgres-0."""
    return f"{pick(chance, WORDS['claims'])}-{stateful_pod}"


persistent_volume_claim = mixed(
    (45, lambda chance: claim_of(pod_of_stateful_set(stateful(chance), chance), chance)),
    (35, lambda chance: f"{compound(chance)}-{pick(chance, WORDS['claims'])}"),
    (15, joined(SOFTWARE, WORDS["claims"])),
    (5, lambda chance: f"{pick(chance, WORDS['claims'])}-{uuid(chance)}"),
)


def volume(chance: random.Random) -> str:
    """Returns the name of a volume that a provisioner made."""
    return f"pvc-{uuid(chance)}"


secret = mixed(
    (65, lambda chance: f"{compound(chance)}-{pick(chance, WORDS['secret_endings'])}"),
    (15, lambda chance: f"{pick(chance, SOFTWARE)}-{pick(chance, TEAMS)}-{pick(chance, WORDS['secret_endings'])}"),
    (10, lambda chance: f"sh.helm.release.v1.{compound(chance)}.v{1 + below(chance, 80)}"),
    (10, lambda chance: f"{compound(chance)}-config-{config_hash(chance)}"),
)
config_map = mixed(
    (60, lambda chance: f"{compound(chance)}-{pick(chance, ('config', 'env', 'settings', 'scripts', 'dashboards'))}"),
    (25, lambda chance: f"{compound(chance)}-config-{config_hash(chance)}"),
    (15, joined(SOFTWARE, ROLES)),
)
certificate = mixed(
    (70, lambda chance: f"{compound(chance)}-{pick(chance, ('tls', 'cert'))}"),
    (15, lambda chance: f"{pick(chance, TEAMS)}.{pick(chance, WORDS['domains'])}"),
    (15, lambda chance: f"wildcard-{pick(chance, TEAMS)}-{pick(chance, WORDS['domains']).replace('.', '-')}"),
)
service = mixed(
    (75, workload),
    (10, lambda chance: f"{stateful(chance)}-headless"),
    (15, joined(TEAMS, ("svc", "http", "grpc", "lb"))),
)
ingress = mixed(
    (60, workload), (40, lambda chance: f"{compound(chance)}-{pick(chance, ('ingress', 'public', 'http'))}")
)
autoscaler = mixed((60, workload), (40, lambda chance: f"{compound(chance)}-hpa"))
disruption_budget = mixed((50, workload), (50, lambda chance: f"{compound(chance)}-pdb"))
cluster_role_binding = mixed(
    (75, lambda chance: f"{compound(chance)}-{pick(chance, ('admin', 'binding', 'view', 'edit'))}"),
    (25, lambda chance: f"system:{pick(chance, TEAMS)}:{pick(chance, ROLES)}"),
)
