"""What a rule says of an alert is written out as Prometheus writes it, or left out with a warning.

What is expected was printed by Go's text/template and by Prometheus' own functions.
"""

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dataset.calls.placeholders import Placeholder
from stages.dataset.rows.annotations.go_format import UnrenderableError, printf, shortest
from stages.dataset.rows.annotations.template import holds_value, prepare, render, why_not
from stages.dataset.rows.annotations.values import draw_value

LABELS = {"pod": "shop-api-0", "instance": "10.1.2.3:9100", "namespace": "shop", "host": "a.b.c:80"}


def written(text: str, value: float = 0.931) -> str:
    prepared = prepare(text)
    assert prepared is not None, why_not(text)
    return render(prepared, lambda placeholder: LABELS.get(placeholder.name, placeholder.name), value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0.0, "0"), (1.0, "1"), (0.931, "0.931"), (100.0, "100"), (123456.0, "123456"), (1e6, "1e+06")),
        *((1234567.25, "1.23456725e+06"), (0.0001, "0.0001"), (0.00001, "1e-05"), (-3.25, "-3.25"), (1e21, "1e+21")),
    ],
)
def test_a_number_is_printed_with_the_fewest_digits(number: float, text: str) -> None:
    assert shortest(number) == text
    assert written("{{ $value }}", number) == text


@pytest.mark.parametrize(
    ("form", "number", "text"),
    [
        *(("%.0f", 2.5, "2"), ("%.0f", 3.5, "4"), ("%.2f", 0.931, "0.93"), ("%f", 1.0, "1.000000")),
        *(
            ("%.4g", 12345.678, "1.235e+04"),
            ("%g", 1e6, "1e+06"),
            ("%e", 87.0, "8.700000e+01"),
            ("%8.2f|", 0.931, "    0.93|"),
        ),
        *(
            ("%-8.1fx", 0.931, "0.9     x"),
            ("%08.2f", -3.25, "-0003.25"),
            ("%+.1f", 87.0, "+87.0"),
            ("%.1f%%", 93.1, "93.1%"),
        ),
    ],
)
def test_a_form_is_printed_as_go_prints_it(form: str, number: float, text: str) -> None:
    assert printf(form, [number]) == text


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("%d", [1.0]),
        ("%s", [1.0]),
        ("%f", ["a"]),
        ("%f", []),
        ("%f", [1.0, 2.0]),
        ("%!", [1.0]),
        ("%", []),
        ("%t", [1]),
    ],
)
def test_a_form_with_which_go_prints_a_fault_is_refused(form: str, values: list[float | str]) -> None:
    with pytest.raises(UnrenderableError):
        printf(form, values)


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        ("humanize", 0.0, "0"),
        ("humanize", 1234567.0, "1.235M"),
        ("humanize", 999.9, "999.9"),
        ("humanize", 0.00123, "1.23m"),
        ("humanize", -4200.0, "-4.2k"),
        ("humanize1024", 1048576.0, "1Mi"),
        ("humanize1024", 1500.0, "1.465ki"),
        ("humanize1024", 0.5, "0.5"),
        ("humanizeDuration", 0.0, "0s"),
        ("humanizeDuration", 0.02, "20ms"),
        ("humanizeDuration", 59.9, "59.9s"),
        ("humanizeDuration", 60.0, "1m 0s"),
        ("humanizeDuration", 3600.0, "1h 0m 0s"),
        ("humanizeDuration", 97200.0, "1d 3h 0m 0s"),
        ("humanizeDuration", -90.0, "-1m 30s"),
        ("humanizePercentage", 0.931, "93.1%"),
        ("humanizePercentage", 0.123456, "12.35%"),
        ("humanizeTimestamp", 1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
        ("humanizeTimestamp", 1700000000.0, "2023-11-14 22:13:20 +0000 UTC"),
    ],
)
def test_a_function_prints_what_prometheus_prints(function: str, value: float, text: str) -> None:
    assert written(f"{{{{ $value | {function} }}}}", value) == text
    assert written(f"{{{{ {function} .Value }}}}", value) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Disk of {{ $labels.pod }} is {{ printf "%.0f" $value }} % full.', "Disk of shop-api-0 is 1 % full."),
        ('{{$value|printf "%.1f%%"}}', "0.9%"),
        ("{{ .Labels.pod }} in {{ .CommonLabels.namespace }}", "shop-api-0 in shop"),
        ('{{ (index .Alerts 0).Labels.pod }}, {{ index $labels "namespace" }}', "shop-api-0, shop"),
        ('{{ printf \\"%.2f\\" $value }} of {{ index $labels \\"pod\\" }}', "0.93 of shop-api-0"),
        ("$labels.pod has $value, {{ value }}, ${value}", "shop-api-0 has 0.931, 0.931, 0.931"),
        ('a  {{- $labels.pod -}}  b {{- " c" }}', "ashop-api-0b c"),
        ('{{/* note */}}x{{ `raw "q"` }}{{ "}}" }}', 'xraw "q"}}'),
        ('{{ printf "%s: %v" $labels.pod $value }}', "shop-api-0: 0.931"),
        ("{{ print $labels.pod $value 3 4 }}", "shop-api-00.931 3 4"),
        ('{{ (printf "%.0f" $value) | printf "%3s" }}', "  1"),
        ("{{ 900 | humanizeDuration }}", "15m 0s"),
        ('{{ $labels.pod | toUpper }} {{ title "disk full" }}', "SHOP-API-0 Disk Full"),
        ("{{ $labels.instance | stripPort }} {{ $labels.host | stripDomain }}", "10.1.2.3 a:80"),
        ("{{ if gt $value 0.5 }}high{{ else }}low{{ end }}.", "high."),
        ("{{ if lt $value 0.5 }}low{{ else if gt $value 0.9 }}top{{ else }}high{{ end }}.", "top."),
        ("{{ if $labels.pod }}pod {{ $labels.pod }}{{ end }}!", "pod shop-api-0!"),
        ("{{ with $labels.namespace }}in {{ . }}{{ end }}!", "in shop!"),
        ('{{ if and (eq $labels.pod "x" "shop-api-0") (not false) }}A{{ if true }}B{{ end }}C{{ end }}D', "ABCD"),
        ('{{ if or (gt $value 2.0) (ne $labels.pod "x") }}yes{{ end }}', "yes"),
        ('Nothing of the kind { } % $ {{ "here" }}', "Nothing of the kind { } % $ here"),
    ],
)
def test_a_text_is_written_out(text: str, expected: str) -> None:
    assert written(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{{ query "up" | first | value }}', "query"),
        ('{{ range query "up" }}{{ . }}{{ end }}', '{{ range query "up" }}'),
        ("{{ $value | shout }}", "shout"),
        ('{{ printf "%d" $value }}', "a printf whose values do not fit '%d'"),
        ("{{ if gt $value 1 }}a{{ end }}", "gt of values that cannot be compared"),
        ("{{ if true }}a{{ else }}{{ shout }}{{ query $value }}{{ end }}", "query"),
        ("{{ if true }}a", "a template that no {{ end }} closes"),
        ("{{ end }}", "{{ end }}"),
        ("{{ $value", "a template that nothing closes"),
        ("}} x", "a template that nothing closes"),
        ("{{ }}", "{{  }}"),
        ("{{ $x := $value }}", "{{ $x := $value }}"),
        ("{{ . }}", "{{ . }}, which is all of an alert"),
        ("{{ $labels }}", "{{ $labels }}"),
        ("{{ externalURL }}/x", "{{ externalURL }}"),
        ("{{ .Values.name }}", "{{ .Values.name }}"),
        ("{{ $labels.pod $labels.pod }}", "several values side by side"),
        ("{{ $labels.pod | humanize }}", "a number that is none: 'pod'"),
        ("{{ $value + 1 }}", "{{ $value + 1 }}"),
        ('{{ template "x" }}', '{{ template "x" }}'),
        ("{{ if true }}" * 40 + "{{ end }}" * 40, "templates deeper than 30"),
        ("{{ print 1 }}" * 300, "more than 200 templates"),
    ],
)
def test_what_cannot_be_written_out_is_named(text: str, reason: str) -> None:
    assert prepare(text) is None
    assert why_not(text) == reason


def test_a_text_without_a_template_stays_as_it_is() -> None:
    text = "Errors at 5 % {a} [b] __c__ @d"
    assert prepare(text) == text


@given(
    st.lists(
        st.sampled_from(["{{", "}}", "{{ if $value }}", "{{ else }}", "{{ end }}", "$value", '"', "`", " | ", "(", "a"])
    )
)
def test_no_template_is_ever_left(parts: list[str]) -> None:
    prepared = prepare(" ".join(parts))
    if prepared is not None:
        text = render(prepared, lambda placeholder: "v", 1.0)
        assert "{{" not in re.sub(r'"[^"]*"', "", text)
        assert "$value" not in text


@pytest.mark.parametrize(
    ("texts", "least", "most"),
    [
        (["{{ $value | humanizePercentage }}"], 0.01, 1),
        (["{{ $value }} % full"], 1, 100),
        (["{{ $value | humanizeDuration }}"], 1, 100_000),
        (["{{ humanizeTimestamp $value }}"], 1.7e9, 1.8e9),
        (["{{ $value | humanize1024 }}B"], 2**20, 2**40),
        (["{{ $value }} errors"], 1, 1000),
    ],
)
def test_a_value_has_the_size_that_its_text_shows(texts: list[str], least: float, most: float) -> None:
    prepared = [text for text in map(prepare, texts) if text]
    assert all(least <= draw_value(prepared, random.Random(seed)) <= most for seed in range(200))


def test_nothing_is_drawn_where_no_text_shows_a_value() -> None:
    chance = random.Random(1)
    state = chance.getstate()
    assert draw_value(["{{ x }} of \ue000=pod\ue001", "100 %"], chance) == 0
    assert chance.getstate() == state
    assert holds_value(str(prepare("{{ $value }}")))
    assert not holds_value(str(prepare("{{ $labels.value }}")))


def test_a_label_called_value_is_that_label() -> None:
    prepared = str(prepare("{{ $labels.value }}"))
    assert render(prepared, lambda placeholder: "x" if placeholder == Placeholder("value", True) else "", 3.0) == "x"


@pytest.mark.parametrize(
    "piece", ["{{", "{{ ", "}}", '{{"', "{{`", "{{ if ", " {{- ", " -}} ", "{{(", "<a ", "$", "{{ $value }}"]
)
def test_long_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    prepare(piece * 50_000)
    prepare(piece + " " * 50_000 + piece)
    assert time.process_time() - start < 5
