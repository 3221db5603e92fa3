"""Where something is reached, and what a machine has: instances, addresses, hosts, disks, mount points."""

import random

from stages.dataset.rows.label_values.kubernetes import node, volume
from stages.dataset.rows.label_values.names import compound, hexadecimal, uuid
from stages.dataset.rows.label_values.words import ENVIRONMENTS, ROLES, SOFTWARE, TEAMS, WORDS, below, mixed, pick

_PORTS = ("80", "443", "2379", "3000", "5432", "6379", "8080", "8443", "9090", "9092", "9093", "9115", "9187", "9308")
"""Ports of programs; those of a node's own stand in NODE_PORTS."""
NODE_PORTS = ("9100", "9100", "9100", "10250", "10249", "10255", "10256", "10257", "10259", "9796")
_LETTERS = "abcdefgh"


def port(chance: random.Random) -> str:
    """Returns a port, mostly one that exporters and servers listen at."""
    share = chance.random()
    if share < 0.35:
        return pick(chance, NODE_PORTS)
    return pick(chance, _PORTS) if share < 0.8 else str(1024 + below(chance, 64_512))


def _ipv4(chance: random.Random) -> str:
    if chance.random() < 0.75:
        return f"10.{below(chance, 256)}.{below(chance, 256)}.{1 + below(chance, 254)}"
    if chance.random() < 0.6:
        return f"192.168.{below(chance, 256)}.{1 + below(chance, 254)}"
    return f"172.{16 + below(chance, 16)}.{below(chance, 256)}.{1 + below(chance, 254)}"


def _ipv6(chance: random.Random) -> str:
    first, last = 1 + below(chance, 65_535), 1 + below(chance, 65_535)
    return f"{pick(chance, ('fd00:10:244', '2001:db8', 'fd12:3456:789a'))}:{first:x}::{last:x}"


def _host(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return f"{pick(chance, TEAMS)}-{pick(chance, ROLES)}.{pick(chance, WORDS['domains'])}"
    return f"{pick(chance, TEAMS)}.{pick(chance, WORDS['domains'])}"


def _service_host(chance: random.Random) -> str:
    return f"{pick(chance, ROLES)}.{pick(chance, TEAMS)}.svc{pick(chance, ('', '', '.cluster.local'))}"


def url(chance: random.Random) -> str:
    """Returns an address that a probe asks for."""
    share = chance.random()
    if share < 0.25:
        return f"http://{_service_host(chance)}:{port(chance)}/{pick(chance, WORDS['paths'])}"
    end = pick(chance, WORDS["paths"]) if share < 0.8 else ""
    return f"https://{_host(chance)}/{end}"


def path(chance: random.Random) -> str:
    """Returns the path of a request."""
    end = pick(chance, ("", "", f"/{1 + below(chance, 9999)}", "/{id}", "/search"))
    return f"{pick(chance, ('/api', '/api/v1', '/api/v2', ''))}/{pick(chance, TEAMS)}/{pick(chance, ROLES)}{end}"


address = mixed(
    (90, lambda chance: f"{_ipv4(chance)}:{port(chance)}"),
    (10, lambda chance: f"[{_ipv6(chance)}]:{port(chance)}"),
)
instance = mixed(
    (42, lambda chance: f"{_ipv4(chance)}:{port(chance)}"),
    (5, lambda chance: f"[{_ipv6(chance)}]:{port(chance)}"),
    (12, lambda chance: f"{_host(chance)}:{port(chance)}"),
    (14, lambda chance: f"{node(chance)}:{pick(chance, NODE_PORTS)}"),
    (8, url),
    (19, node),
)
host = mixed((50, _host), (40, node), (10, _service_host))


def _disk(chance: random.Random) -> str:
    letters, number = pick(chance, _LETTERS), 1 + below(chance, 9)
    if chance.random() < 0.5:
        return f"nvme{below(chance, 8)}n1" + pick(chance, ("", f"p{number}", f"p{number}"))
    return f"{pick(chance, ('sd', 'sd', 'vd', 'xvd'))}{letters}{pick(chance, ('', str(number)))}"


def _array(chance: random.Random) -> str:
    return f"{pick(chance, ('dm-', 'md', 'rbd', 'loop', 'zd'))}{below(chance, 40)}"


def _mapped(chance: random.Random) -> str:
    return f"/dev/mapper/{pick(chance, TEAMS)}-{pick(chance, WORDS['claims'])}"


def interface(chance: random.Random) -> str:
    """Returns the name of a network device."""
    if chance.random() < 0.3:
        return f"{pick(chance, ('cali', 'veth', 'lxc'))}{hexadecimal(chance, 11)}"
    return f"{pick(chance, WORDS['interfaces'])}{below(chance, 12)}"


device = mixed((35, lambda chance: f"/dev/{_disk(chance)}"), (25, _disk), (10, _array), (10, _mapped), (20, interface))


def _claim_s_mount(chance: random.Random) -> str:
    return f"/var/lib/kubelet/pods/{uuid(chance)}/volumes/kubernetes.io~csi/{volume(chance)}/mount"


mount_point = mixed(
    (60, lambda chance: f"{pick(chance, WORDS['mounts'])}/{pick(chance, TEAMS)}"),
    (20, lambda chance: f"{pick(chance, WORDS['mounts'])}/{pick(chance, SOFTWARE)}"),
    (15, lambda chance: f"/mnt/{pick(chance, ('disk', 'disks/ssd', 'vol', 'brick'))}{below(chance, 40)}"),
    (5, _claim_s_mount),
)


def _cloud_cluster(chance: random.Random) -> str:
    return f"{pick(chance, ('eks', 'aks', 'gke', 'k8s', 'ocp'))}-{pick(chance, TEAMS)}-{pick(chance, ENVIRONMENTS)}"


def _gke_context(chance: random.Random) -> str:
    zone = pick(chance, ("europe-west1", "europe-west4-a", "us-central1-c"))
    return f"gke_{pick(chance, TEAMS)}-{below(chance, 1000)}_{zone}_{pick(chance, WORDS['clusters'])}"


def _eks_name(chance: random.Random) -> str:
    account = 100_000_000_000 + below(chance, 800_000_000_000)
    return f"arn:aws:eks:eu-west-1:{account}:cluster/{pick(chance, TEAMS)}"


cluster = mixed(
    (40, lambda chance: f"{pick(chance, ('cluster', 'site', 'zone', 'rack', 'k8s', 'edge'))}-{below(chance, 100)}"),
    (20, lambda chance: f"{pick(chance, WORDS['clusters'])}-{pick(chance, TEAMS)}"),
    (15, lambda chance: f"{pick(chance, TEAMS)}-{pick(chance, ENVIRONMENTS)}"),
    (6, lambda chance: f"{pick(chance, WORDS['clusters'])}-{pick(chance, ('eu', 'us', 'ap'))}{1 + below(chance, 20)}"),
    (6, lambda chance: pick(chance, WORDS["clusters"])),
    (9, _cloud_cluster),
    (3, _gke_context),
    (1, _eks_name),
)

scrape_job = mixed(
    (50, compound),
    (20, lambda chance: pick(chance, WORDS["scrape_jobs"])),
    (15, lambda chance: f"{pick(chance, TEAMS)}-{pick(chance, SOFTWARE)}-exporter"),
    (15, lambda chance: f"{pick(chance, TEAMS)}-metrics"),
)
monitored = mixed(
    (50, lambda chance: f"{pick(chance, TEAMS)}/{pick(chance, ROLES)}"),
    (10, lambda chance: f"serviceMonitor/{pick(chance, TEAMS)}/{pick(chance, ROLES)}/0"),
    (40, scrape_job),
)
