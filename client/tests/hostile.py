"""Answers of a model that must never become a call: 13 kinds, each in many forms."""

from collections.abc import Iterator

START, END, ESCAPE = "<start_function_call>", "<end_function_call>", "<escape>"
GOOD = "{name:<escape>shop-0<escape>,namespace:<escape>web<escape>,kind:<escape>pod<escape>}"
ODD_TEXTS = (
    *(
        "",
        " ",
        "sho",
        "shop-",
        "shop-0 ",
        " shop-0",
        "Shop-0",
        "SHOP-0",
        "shop-00",
        "shop_0",
        "shop-0\n",
        "shop-0\x00",
    ),
    *("shοp-0", "ｓhop-0", "shop‐0", "sh\u200bop-0", "\u202eshop-0", "s\u0301hop-0", "shop-０"),  # look-alikes
    *(
        "shop-0; rm -rf /",
        "$(reboot)",
        "`id`",
        "--all",
        "-A",
        "*",
        "../../etc/passwd",
        "shop-0 --force",
        "%s",
        "${POD}",
    ),
    *("{{ $labels.pod }}", "<pod-name>", "POD_NAME", "kube-system", "default", "production", "pod", "pod: shop-0"),
    *("null", "None", "true", "0", "8", "shop-0,web", "shop-0/web", "web/shop-0", "the pod shop-0", "Pod shop-0 is"),
    *("<eos>", "<bos>", "<end_of_turn>", "<start_of_turn>user", "</s>", "[INST]", "\ud7ff", "🔥", "x" * 5000),
)
NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x10", "1_0", "٣", "007", "+3", "3.", ".5", "1" * 101)
BAD_NUMBERS = ("0", "11", "-1", "1" * 99, "9223372036854775808", "3.0", "1e1", "2.5", "true", "null")


def call(function: str, arguments: str) -> str:
    return f"{START}call:{function}{arguments}{END}"


def text(value: str) -> str:
    return f"{ESCAPE}{value}{ESCAPE}"


def hostile_answers() -> Iterator[tuple[str, str]]:
    """Yields more than 200 answers to the alert PodDown of shop-0 in web, each with what is wrong with it."""
    for value in ODD_TEXTS:
        yield "ungrounded name", call("pod_restart", GOOD.replace("shop-0", value))
        yield "ungrounded namespace", call("pod_restart", GOOD.replace("web", value))
        yield "no choice", call("pod_restart", GOOD.replace(text("pod"), text(f"{value}.")))
        yield "ungrounded item", call("notify", f"{{channels:[{text('#on-call')},{text(value)}]}}")
        yield "ungrounded part", call("notify", f"{{channels:[{text('web')}],details:{{text:{text(value)}}}}}")
    for number in (*NO_NUMBERS, *BAD_NUMBERS, text("3"), "[3]", "{n:3}"):
        yield "number", call("scale", f"{{name:{text('shop-0')},replicas:{number}}}")
    yield from _misshapen()
    yield from _cut()
    for alertless in ("node_drain", "node-drain"):
        yield "dangerous", call(alertless, f"{{node:{text('node-1')}}}")


def _misshapen() -> Iterator[tuple[str, str]]:
    good = call("pod_restart", GOOD)
    for function in ("rm", "kubectl", "pod-restart", "Pod_Restart", "pod_restart2", "pοd_restart", "a.b", "__import__"):
        yield "undeclared function", call(function, GOOD)
    for missing in ("name:<escape>shop-0<escape>,", "namespace:<escape>web<escape>,", ",kind:<escape>pod<escape>"):
        yield "incomplete", call("pod_restart", GOOD.replace(missing, ""))
    for more in ("force:true", "type:<escape>pod<escape>", "name:<escape>shop-0<escape>", "a:{}", "a:[[[[]]]]"):
        yield "undeclared or second parameter", call("pod_restart", f"{GOOD[:-1]},{more}}}")
    for several in (good * 2, good + call("scale", "{}"), f"{good} and {good}", f"{call('rm', '{}')}{good}", good * 50):
        yield "several", several
    yield "too deep", call("notify", f"{{channels:{'[' * 40}{']' * 40}}}")
    yield "too many", call("notify", f"{{channels:[{','.join([text('web')] * 4)}]}}")
    yield "too long", good + "x" * 60_000
    yield "undeclared part", call("notify", f"{{channels:[{text('web')}],details:{{web:{text('web')}}}}}")


def _cut() -> Iterator[tuple[str, str]]:
    good = call("pod_restart", GOOD)
    for end in range(1, len(good)):
        yield "cut", good[:end]
    for token in (START, END):
        yield "without a token", good.replace(token, "")
    yield "in a fence", '```json\n{"name": "pod-restart", "arguments": {"name": "shop-0"}}\n```'
    yield "behind the end", f"No call is due.<end_of_turn>\n{good}"
