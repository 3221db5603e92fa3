"""What the baselines learn from training rows, and only from those."""

from shared.alert import render_notification
from shared.function_call import Call
from stages.evaluate.judging.baselines import baselines, labels, most_frequent_function
from stages.evaluate.judging.scoring import Question


def question(alert: str, call: Call | None, **held: str) -> Question:
    content = render_notification({"labels": {"alertname": alert, **held}})
    return Question("", alert, "", content, "", (call,) if call else ())


def down(name: str, namespace: str = "web", **held: str) -> Question:
    call = Call("pod-restart", {"name": name, "namespace": namespace})
    return question("Down", call, pod=name, namespace=namespace, **held)


def busy(name: str, replicas: int, wanted: str) -> Question:
    return question("Busy", Call("scale", {"name": name, "replicas": replicas}), deployment=name, wanted=wanted)


def looked_up(training: list[Question], row: Question) -> tuple[Call, ...]:
    return baselines(training, [row])["lookup"][0].calls


def test_the_majority_is_the_most_frequent_whole_call() -> None:
    training = [down("a"), busy("b", 1, ""), busy("c", 2, ""), down("a"), busy("d", 3, "")]
    readings = baselines(training, [busy("x", 1, ""), down("y")])["majority"]
    assert [reading.calls for reading in readings] == [down("a").expected] * 2
    assert most_frequent_function(training) == "scale"


def test_lookup_copies_an_argument_from_the_label_that_held_it() -> None:
    training = [down("a", "web"), down("b", "shop"), down("c", "shop")]
    assert looked_up(training, down("new", "media")) == down("new", "media").expected


def test_lookup_copies_whole_numbers() -> None:
    training = [busy("a", 2, "2"), busy("b", 3, "3"), busy("c", 4, "4")]
    assert looked_up(training, busy("d", 17, "17")) == busy("d", 17, "17").expected


def test_lookup_prefers_a_constant_that_was_right_more_often_than_any_label() -> None:
    training = [busy("a", 3, "3"), busy("b", 3, "many"), busy("c", 3, "some")]
    assert looked_up(training, busy("d", 8, "8")) == (Call("scale", {"name": "d", "replicas": 3}),)


def test_lookup_falls_back_to_the_most_frequent_value_where_the_label_is_missing() -> None:
    training = [down("a"), down("b"), down("b")]
    row = question("Down", None, namespace="web")
    assert looked_up(training, row) == down("b").expected


def test_lookup_answers_an_unknown_alert_with_the_majority() -> None:
    training = [down("a"), down("a"), busy("b", 1, "1")]
    assert looked_up(training, question("New", None)) == down("a").expected


def test_lookup_knows_an_alert_by_the_name_that_it_shows_alone() -> None:
    training = [busy("a", 1, "1"), busy("b", 1, "1"), busy("b", 1, "1"), down("c"), down("d")]
    nameless = Question(
        "", "Down", "", render_notification({"labels": {"pod": "e", "namespace": "web"}}), "", down("e").expected
    )
    assert looked_up(training, nameless) == busy("b", 1, "1").expected


def test_lookup_knows_alerts_that_need_no_call() -> None:
    training = [question("Watchdog", None), question("Watchdog", None), down("a")]
    assert looked_up(training, question("Watchdog", None)) == ()


def test_lookup_ignores_rows_of_the_alert_that_another_function_answers() -> None:
    other = question("Down", Call("page", {"who": "web"}), namespace="web")
    assert looked_up([other, down("a"), down("b")], down("c")) == down("c").expected


def test_labels_are_the_lines_behind_the_first() -> None:
    assert labels("firing alert: Down\npod: a: b\nnamespace: web\nfree text") == {"pod": "a: b", "namespace": "web"}
