"""An address that people open comes from the environment as it is, or is refused without showing a password."""

import pytest

from shared.access import web_address
from shared.contract import Variable
from shared.errors import StageError

PAGE = Variable("PAGE_URL", "where people look")


@pytest.mark.parametrize("address", ["", "http://mlflow:5000", "https://mlflow.example.com/a/", "http://[::1]:9001"])
def test_an_address_is_taken_as_it_is(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_URL", address)
    assert web_address.read(PAGE) == address


@pytest.mark.parametrize(
    "address",
    [
        "mlflow.example.com",
        "javascript:alert(1)",
        "ftp://files",
        "https://",
        "https://a b",
        "https://host/#/experiments",
    ],
)
def test_what_leads_nowhere_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_URL", address)
    with pytest.raises(StageError) as refused:
        web_address.read(PAGE)
    told = "it must be http(s)://host/path, without a password, `?` or `#`"
    assert str(refused.value) == f"PAGE_URL is {address}; {told}"


def test_a_password_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_URL", "https://anna:geheim@store.example.com/?view=list")
    with pytest.raises(StageError) as refused:
        web_address.read(PAGE, with_query=True)
    told = "it must be http(s)://host/path, without a password"
    assert str(refused.value) == f"PAGE_URL is https://store.example.com/?view=list; {told}"


def test_a_query_may_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGE_URL", "https://store.example.com/list?of=models#top")
    assert web_address.read(PAGE, with_query=True) == "https://store.example.com/list?of=models#top"
