"""Files cross once, whole, and what a runner does not take is told in its own words."""

import hashlib
from pathlib import Path

import pytest

from shared.errors import StageError
from shared.runner import patience, transfer
from shared.runner.connection import Connection
from shared.runner.transfer import Blob
from shared.tests.scripted_runner import Say, ScriptedRunner

CONTENT = bytes(range(256)) * 4096  # a mebibyte
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedRunner:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    return ScriptedRunner(tmp_path / "runner")


def connection(runner: ScriptedRunner, limit: float = 5) -> Connection:
    return Connection(runner.settings, 5, limit)


@pytest.fixture
def blob(tmp_path: Path) -> Blob:
    (tmp_path / "weights").write_bytes(CONTENT)
    return Blob(tmp_path / "weights", SHA256, len(CONTENT))


def kept(count: int) -> Say:
    return Say(404, headers={"Upload-Offset": str(count)})


def test_a_file_that_is_there_is_not_sent(runner: ScriptedRunner, blob: Blob) -> None:
    runner.answers = [Say(200)]
    transfer.send(connection(runner), blob)
    ((method, path, headers, _),) = runner.asked
    assert (method, path) == ("HEAD", f"/v1/blobs/{SHA256}")
    assert headers["Authorization"] == "Bearer a-token"


def test_only_what_is_missing_is_sent(runner: ScriptedRunner, blob: Blob) -> None:
    runner.answers = [kept(1_000_000), Say(201, b"{}")]
    transfer.send(connection(runner), blob)
    method, _, headers, body = runner.asked[1]
    assert (method, body) == ("PUT", CONTENT[1_000_000:])
    assert (headers["Upload-Offset"], headers["Upload-Length"]) == ("1000000", str(len(CONTENT)))


def test_another_offset_than_expected_is_asked_for_again(runner: ScriptedRunner, blob: Blob) -> None:
    runner.answers = [kept(0), Say(409, b"{}"), kept(1_048_000), Say(201, b"{}")]
    transfer.send(connection(runner), blob)
    assert runner.asked[3][3] == CONTENT[1_048_000:]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_runner_that_is_busy_is_asked_again(runner: ScriptedRunner, blob: Blob, status: int) -> None:
    runner.answers = [Say(status), kept(0), Say(status, b'{"error": "later"}'), kept(0), Say(201, b"{}")]
    transfer.send(connection(runner), blob)
    assert runner.answers == []


def test_a_file_that_arrives_damaged_is_sent_again_and_then_told(runner: ScriptedRunner, blob: Blob) -> None:
    damaged = Say(422, b'{"error": "the digest is another; send it again"}')
    runner.answers = [kept(0), damaged, kept(0), Say(201, b"{}")]
    transfer.send(connection(runner), blob)
    runner.answers = [kept(0), damaged] * (transfer.ATTEMPTS + 1)
    with pytest.raises(StageError, match=r"does not take .*/weights: the digest is another; send it again$"):
        transfer.send(connection(runner), blob)


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize(("status", "reason"), [(413, "it is too large"), (507, "the disk has 3 MiB; free some")])
def test_a_runner_without_room_says_so(
    runner: ScriptedRunner, blob: Blob, status: int, reason: str, reads: bool
) -> None:
    runner.answers = [kept(0), Say(status, f'{{"error": "{reason}"}}'.encode(), reads=reads)] * 20
    with pytest.raises(StageError, match=rf"^the runner https://127.0.0.1:\d+ does not take .*/weights: {reason}$"):
        transfer.send(connection(runner), blob)


def test_a_file_that_shrinks_is_told(runner: ScriptedRunner, blob: Blob) -> None:
    blob.file.write_bytes(CONTENT[:10])
    runner.answers = [kept(0), Say(201)]
    with pytest.raises(StageError, match=r"weights became shorter while it was read; run again"):
        transfer.send(connection(runner), blob)


def test_a_file_that_is_gone_is_no_broken_connection(runner: ScriptedRunner, blob: Blob) -> None:
    blob.file.unlink()
    runner.answers = [kept(0), Say(201)]
    with pytest.raises(FileNotFoundError):
        transfer.send(connection(runner), blob)


def test_a_download_that_is_cut_goes_on_where_it_was(runner: ScriptedRunner, tmp_path: Path) -> None:
    runner.answers = [Say(200, CONTENT, cut=700_000), Say(206, CONTENT[700_000:])]
    taken = Blob(tmp_path / "taken", SHA256, len(CONTENT))
    transfer.take(connection(runner), taken)
    assert taken.file.read_bytes() == CONTENT
    assert runner.asked[1][2]["Range"] == "bytes=700000-"


def test_a_runner_without_ranges_sends_all_again(runner: ScriptedRunner, tmp_path: Path) -> None:
    runner.answers = [Say(200, CONTENT, cut=700_000), Say(200, CONTENT)]
    taken = Blob(tmp_path / "taken", SHA256, len(CONTENT))
    transfer.take(connection(runner), taken)
    assert taken.file.read_bytes() == CONTENT


def test_a_damaged_download_is_fetched_again_and_then_told(runner: ScriptedRunner, tmp_path: Path) -> None:
    taken = Blob(tmp_path / "taken", SHA256, len(CONTENT))
    runner.answers = [Say(200, bytes(len(CONTENT))), Say(200, CONTENT)]
    transfer.take(connection(runner), taken)
    taken.file.unlink()
    runner.answers = [Say(200, bytes(len(CONTENT)))] * transfer.ATTEMPTS
    with pytest.raises(StageError, match=r"sends taken damaged; is its disk broken\?"):
        transfer.take(connection(runner), taken)
    assert not taken.file.exists()


def test_an_output_that_is_gone_is_told(runner: ScriptedRunner, tmp_path: Path) -> None:
    runner.answers = [Say(404, b'{"error": "there is no such blob"}')]
    with pytest.raises(StageError, match=r"does not send taken: there is no such blob; run again"):
        transfer.take(connection(runner), Blob(tmp_path / "taken", SHA256, 3))


def test_an_empty_file_is_sent_and_taken(runner: ScriptedRunner, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    empty = hashlib.sha256(b"").hexdigest()
    runner.answers = [kept(0), Say(201, b"{}")]
    transfer.send(connection(runner), Blob(tmp_path / "empty", empty, 0))
    assert runner.asked[1][3] == b""
    transfer.take(connection(runner), Blob(tmp_path / "taken", empty, 0))
    assert (tmp_path / "taken").read_bytes() == b""


def test_patience_ends_and_says_how_to_go_on(
    runner: ScriptedRunner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(patience, "QUIET", 0.02)
    runner.answers = [Say(503, b'{"error": "it starts"}')] * 99
    remedy = "`make runner-status` on its machine says how it is; run again, and the job goes on where it is"
    with pytest.raises(StageError, match=rf"could not be asked for 0 minutes: it starts; {remedy}"):
        connection(runner, 0.6).ask("GET", "/v1")
    assert capsys.readouterr().err == "the runner cannot be asked: it starts; trying for 0 minutes\n"
