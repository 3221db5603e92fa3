"""The servers of config.yaml's block deploy: what is read, and what is refused with which words."""

import pytest

from shared.agent_config.servers import Server, read_server
from shared.errors import StageError

VERSION = "v20251224-01234567"


def test_an_ollama_has_a_name_for_each_version_and_keeps_three() -> None:
    server = read_server("ollama", "https://ollama:11434/")
    assert server == Server("ollama", "https://ollama:11434", "{agent}:{version}", 3)
    assert server.model("agent-sre", VERSION) == f"agent-sre:{VERSION}"


def test_a_name_of_one_s_own_is_filled() -> None:
    server = read_server("ollama", "http://o", "library/{name}", 1)
    assert server.model("agent-sre", VERSION) == "library/agent-sre-functiongemma-20251224-01234567"


def test_a_server_that_fetches_the_model_itself_is_asked_for_its_one_model() -> None:
    assert read_server("openai", "http://mlx:8080/v1").model("agent-sre", VERSION) == "default_model"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("olama", "http://o"), "'olama' is no kind of server; did you mean ollama?"),
        (("x", "http://o"), "'x' is no kind of server; known here: ollama, openai"),
        *(
            (
                ("ollama", url),
                f"{url!r} is no address of a server; write http(s)://host:port, such as http://ollama:11434",
            )
            for url in (
                "ftp://o",
                "o:11434",
                "http://",
                "http://o:port",
                "http://[::1",
                "http://o/?a=b",
                "http://o o",
                "",
            )
        ),
        (
            ("ollama", "https://anna:geheim@o"),
            "https://o stands there with a user or a password, which Git would keep; set OLLAMA_TOKEN or "
            "OPENAI_API_KEY instead",
        ),
        (("ollama", "http://o", "x"), "'x' would be the name of every version; let it hold {version} or {name}"),
        (("ollama", "http://o", "{versio}"), "{versio} is no placeholder; known are {version}, {agent}, {name}"),
        (("ollama", "http://o", ""), "'' must be one line of text without blanks around it"),
        (
            ("ollama", "http://o", "a b:{version}"),
            "'a b:{version}' is no name of a model in Ollama, such as {agent}:{version}",
        ),
        (("ollama", "http://o", None, 0), "keep is 0; it must be a whole number from 1 to 1000"),
        (("ollama", "http://o", None, True), "keep is True; it must be a whole number from 1 to 1000"),
        (("openai", "http://o", None, 2), "keep is for ollama alone: openai has one model; leave it out"),
    ],
)
def test_what_makes_no_server_is_told(given: tuple[str, ...], reason: str) -> None:
    with pytest.raises(StageError) as refusal:
        read_server(*given)  # type: ignore[arg-type]
    assert str(refusal.value) == reason
