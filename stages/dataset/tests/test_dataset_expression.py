"""What a PromQL expression says of the labels of its alerts."""

import time

import pytest

from stages.dataset.alerting.expression import MAX_DEPTH, carried


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("up == 0", {}),
        ('up{job="till"} == 0', {"job": "till"}),
        ("up{job='till',} == 0", {"job": "till"}),
        ("up{job=`till`} == 0", {"job": "till"}),
        ('0 == up{job="till"}', {"job": "till"}),
        ('{__name__="up", job="till"} == 0', {"job": "till"}),
        ('{"till.up", "store.name"="north"} == 0', {"store.name": "north"}),
        ('up{job="till", zone=~"a|b", rack!="7", row!~"x.*"}', {"job": "till"}),
        ('up{job="", zone="a"}', {"zone": "a"}),
        ('up{job="till", job!="shop"}', {}),
        (r'up{path="C:\\till", note="say \"hi\""}', {"path": "C:\\till", "note": 'say "hi"'}),
        (r'up{path="a\x41b", job="till"}', {"job": "till"}),
        ('up{job="{{ .Values.job }}", zone="${ZONE}", rack="7"}', {"rack": "7"}),
        ('up{job="till"} # {zone="a"}\n == 0', {"job": "till"}),
        ('up{job="a} # b"}', {"job": "a} # b"}),
        ('rate(errors_total{job="till"}[5m]) > .5', {"job": "till"}),
        ('max_over_time(load{job="till"}[1h:5m] offset 5m) > 3', {"job": "till"}),
        ('load{job="till"} offset -1h30m @ end() > 1e-3', {"job": "till"}),
        ('-load{job="till"} ^ 2 < -Inf', {"job": "till"}),
        ('(load{job="till"} > bool 3) == 1', {"job": "till"}),
        ('seconds_bucket{job="till", le="0.5"} > 0', {"job": "till", "le": "0.5"}),
        ('seconds{job="till", quantile="0.9"} > 2', {"job": "till", "quantile": "0.9"}),
        ('time() - last{job="till"} > 60', {"job": "till"}),
        ('clamp_max(load{job="till"}, 3) > 1', {"job": "till"}),
        ('sgn(predict_linear(free{job="till"}[1h], 4 * 3600)) < 0', {"job": "till"}),
        ("vector(1)", {}),
        ('scalar(up{job="till"}) > 1', {}),
    ],
)
def test_what_is_demanded_to_be_equal_is_carried(expression: str, labels: dict[str, str]) -> None:
    assert carried(expression).labels == labels


@pytest.mark.parametrize(
    ("expression", "labels", "varying"),
    [
        ('sum(load{job="till", zone="a"}) > 1', {}, ()),
        ('sum by (zone) (load{job="till", zone="a"}) > 1', {"zone": "a"}, ()),
        ('SUM BY (zone, till) (load{zone="a"}) > 1', {"zone": "a"}, ("till",)),
        ('sum(load{zone="a"}) by (zone, till,) > 1', {"zone": "a"}, ("till",)),
        ('avg without (till) (load{zone="a", till="7"})', {"zone": "a"}, ()),
        ('avg(load{zone="a", till="7"}) without (till)', {"zone": "a"}, ()),
        ('quantile by (till) (0.9, load{zone="a"}) > 1', {}, ("till",)),
        ('topk(3, load{zone="a"}) > 1', {"zone": "a"}, ()),
        ('topk by (till) (3, load{zone="a"}) > 1', {"zone": "a"}, ()),
        ('count_values("version", build{zone="a"}) > 1', {}, ("version",)),
        ('count by (zone) (count_values without (till) ("version", build{zone="a"}))', {"zone": "a"}, ()),
        ("max by (zone, till) (sum by (till) (load)) > 1", {}, ("till",)),
        ("sum by () (load)", {}, ()),
        ("sum by (__name__, till) (load)", {}, ("till",)),
        ('histogram_quantile(0.9, sum by (le, till) (rate(x_bucket{till="7"}[5m])))', {"till": "7"}, ()),
        ('label_replace(load{zone="a", till="7"}, "till", "$1", "name", "(.*)")', {"zone": "a"}, ("till",)),
        ('label_join(load{zone="a"}, "till", "-", "x", "y")', {"zone": "a"}, ("till",)),
        ('unheard_of(load{zone="a"})', {}, ()),
        ('unheard_of(load{zone="a"}) by (zone)', {"zone": "a"}, ()),
        ('sum by (till) (rate({zone="a"} |= "error" != "x" | json | level="bad" [5m])) > 3', {}, ("till",)),
        ('count_over_time({till="7"} | regexp `(?P<a>.)` [5m]) > 3', {"till": "7"}, ()),
    ],
)
def test_an_aggregation_carries_what_it_groups_by(
    expression: str, labels: dict[str, str], varying: tuple[str, ...]
) -> None:
    found = carried(expression)
    assert (found.labels, found.varying) == (labels, varying)


@pytest.mark.parametrize(
    ("expression", "labels", "varying"),
    [
        ('a{x="1"} / a_max{y="2"} > 1', {"x": "1", "y": "2"}, ()),
        ('a{x="1", y="2"} / on (x) b > 1', {"x": "1"}, ()),
        ('a / on (x, z) b{x="1", y="2"} > 1', {"x": "1"}, ("z",)),
        ('a{x="1"} / ignoring (x) b{y="2"}', {"y": "2"}, ()),
        ('a{x="1"} * on (z) group_left (owner) b{owner="me", y="2"}', {"x": "1", "owner": "me"}, ("z",)),
        ('a{x="1"} * on (z) group_left (owner) b', {"x": "1"}, ("z", "owner")),
        ('a{y="2", owner="me"} * on (z) group_right (owner) b{x="1"}', {"x": "1", "owner": "me"}, ("z",)),
        ('a{x="1"} and b{y="2"}', {"x": "1", "y": "2"}, ()),
        ('a{x="1"} and on (y) b{y="2", z="3"}', {"x": "1", "y": "2"}, ()),
        ('a{x="1"} and on () b{y="2"}', {"x": "1"}, ()),
        ('sum by (x) (a) and on (x) b{x="1", y="2"}', {"x": "1"}, ()),
        ('a{x="1"} unless on (y) b{y="2"}', {"x": "1"}, ("y",)),
        ('a{x="1"} or b{x="1", y="2"}', {"x": "1"}, ()),
        ('a{x="1"} or b', {}, ()),
        ('sum by (x) (a) or sum by (x) (b{x="1"})', {}, ("x",)),
        ('a{x="1"} or vector(0)', {}, ()),
        ('(a{x="1"} or a{x="2"}) > 0', {}, ("x",)),
        ('a{x="1"} > 0 unless b{x="2"}', {}, ()),
        ('sum by (x) (a{x="1"}) / sum by (x) (b)', {"x": "1"}, ()),
        ('a{x="1"} > 2 or a{x="1"} < 1 and b{y="2"}', {"x": "1"}, ()),
    ],
)
def test_an_operator_carries_what_its_sides_have_in_common(
    expression: str, labels: dict[str, str], varying: tuple[str, ...]
) -> None:
    found = carried(expression)
    assert (found.labels, found.varying) == (labels, varying)


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ('absent(up{job="till", zone=~"a|b"})', {"job": "till"}),
        ('absent((up{job="till"}))', {"job": "till"}),
        ('absent_over_time(up{job="till"}[5m])', {"job": "till"}),
        ('absent(up{job="till"}) == 1', {"job": "till"}),
        ('absent(up{job="till"} == 1)', {}),
        ('absent(sum by (job) (up{job="till"}))', {}),
    ],
)
def test_what_is_absent_has_the_labels_that_are_looked_for(expression: str, labels: dict[str, str]) -> None:
    found = carried(expression)
    assert (found.labels, found.varying) == (labels, ())


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "(",
        "()",
        ")",
        "a{",
        'a{x="1"',
        'a{x="1"} >',
        'a{x="1"} b',
        'a{x=="1"}',
        "a{x=1}",
        'a{x="1" y="2"}',
        'a{x="1"} + "unclosed',
        'a{x="1"}[5m',
        'sum by (x (a{x="1"})',
        'sum by x (a{x="1"})',
        '$metric{x="1"}',
        '{{ .Values.metric }}{x="1"}',
        'a{x="1" or x="2"}',
        'WITH (f = {x="1"}) a{f}',
        "(" * 1000 + 'a{x="1"}' + ")" * 1000,
    ],
)
def test_what_is_not_understood_says_nothing(expression: str) -> None:
    found = carried(expression)
    assert (found.labels, found.varying) == ({}, ())


def test_brackets_are_read_as_deep_as_people_nest_them() -> None:
    deep = "a or b and c == d + e * f ^ (" * MAX_DEPTH + 'g{x="1"}' + ")" * MAX_DEPTH
    assert carried(deep).labels == {}
    assert carried("(" * MAX_DEPTH + 'g{x="1"}' + ")" * MAX_DEPTH).labels == {"x": "1"}


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 50_000,
        "sum(" * 15_000,
        "-" * 50_000 + "a",
        "a+" * 25_000 + "a",
        "a^" * 25_000 + "a",
        '"' + '\\"' * 25_000,
        "'\"`" * 17_000,
        "a" + "[" * 50_000,
        "#" * 50_000,
        " " * 50_000,
        '{a="b"}' + "|=" * 25_000,
        "a{" + ",".join(f'l{number}="x"' for number in range(5_000)) + "}",
        " + ".join(f'a{{l{number}="x"}}' for number in range(4_000)),
        " or ".join(f"sum by (l{number}) (a)" for number in range(3_000)),
        "a * on (b) group_left (c) " * 2_500 + "a",
    ],
    ids=lambda text: str(text)[:12],
)
def test_a_long_expression_is_read_in_a_time_like_its_length(expression: str) -> None:
    start = time.process_time()
    carried(expression)
    assert time.process_time() - start < 2
