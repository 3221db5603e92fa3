"""What is said of git's own words: the reason in plain ones, the remedy, and no secret."""

import pytest

from shared.access.git_failure import failure

ADDRESS = "https://anna:geheim@git.example/homelab.git"
REST = "check the address, the right to it, GIT_TOKEN and GIT_SSH_KEY_FILE"
RULE = "that is a rule of the server's own: ask whoever keeps it"


def said(stderr: str) -> str:
    text = str(failure(ADDRESS, " cannot be cloned", stderr))
    assert text.startswith("the repository https://git.example/homelab.git cannot be cloned: ")
    return text.partition(": ")[2]


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        (
            "error: unable to write file: No space left on device\nfatal: early EOF",
            "there is no room for it here; free some on the device of TMPDIR, and run again",
        ),
        (
            "fatal: could not read Username for 'https://git.example': terminal prompts disabled",
            "it wants a token, and there is none; set GIT_TOKEN or GIT_TOKEN_FILE",
        ),
        (
            "fatal: unable to access 'https://git.example/': The requested URL returned error: 403",
            "it refuses the request (403); give the account of GIT_TOKEN or GIT_TOKEN_FILE the right",
        ),
        (
            "fatal: unable to access 'https://git.example/': The requested URL returned error: 502",
            "the server is busy or out of order (5xx); run again later",
        ),
        (
            "fatal: unable to access 'https://git.example/': server certificate verification failed. CAfile: none",
            "it cannot be spoken to by TLS; check the address, and SSL_CERT_FILE for an authority of your own",
        ),
        (
            "fatal: unable to access 'https://git.example/': Could not resolve host: git.example",
            "the name of its server is not known; check the address",
        ),
        (
            "ssh: connect to host git.example port 22: Connection timed out\nfatal: Could not read from remote",
            "its server does not answer in time; check the address and that the server runs",
        ),
        (
            'Load key "/tmp/x/ssh-key": error in libcrypto\ngit@git.example: Permission denied (publickey).',
            "ssh cannot read the key; let GIT_SSH_KEY_FILE name a private key without a passphrase",
        ),
        (
            "No user exists for uid 1000\nfatal: Could not read from remote repository.",
            "ssh does not start for a user id without a name; install libnss-wrapper, or add the user to /etc/passwd",
        ),
        (
            "error: cannot run ssh: No such file or directory\nfatal: unable to fork",
            "there is no ssh; install OpenSSH's client",
        ),
    ],
)
def test_known_words_are_told_with_the_remedy(stderr: str, told: str) -> None:
    assert said(stderr) == told


def test_other_words_are_told_as_they_are() -> None:
    assert said("stderr: 'fatal: 'https://anna:geheim@git.example/x' is odd'") == (
        f"'https://git.example/x' is odd; {REST}"
    )


def test_nothing_said_is_told_too() -> None:
    assert said("") == f"git gave no reason; {REST}"


def test_what_a_hook_says_is_no_reason_of_git_s_own() -> None:
    stderr = """remote: Connection refused by policy
To https://git.example/x
 ! [remote rejected] abc -> main (pre-receive hook declined)
error: failed to push some refs"""
    assert said(stderr) == f"pre-receive hook declined; Connection refused by policy; {RULE}"
