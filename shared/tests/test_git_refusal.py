"""What servers say when they refuse, as public threads quote them, and the remedy that fits."""

import pytest

from shared.access.git_failure import failure
from shared.access.git_refusal import Attempt, is_locked

TRIED = Attempt("bot <bot@localhost>", "", False, ("flux/ai/agent-sre/MODEL_VERSION",))
KEY, PERSON, MODE = "GIT_SIGNING_KEY_FILE", "GIT_COMMITTER_EMAIL to what the server wants", "set deploy.mode to branch"
WRITE, RULE = "the right to write", "that is a rule of the server's own: ask whoever keeps it"
REMEDIES = (KEY, PERSON, MODE, WRITE, "authorize the token or key", "unarchive it", "it takes for a secret")
REMEDIES += ("raise its limit", "no password will do", "look there with `git fsck`", "the space on its disk", RULE)
REMEDIES += ("check the address", "remove /srv/x.git/refs/heads/main.lock")

RULES = """remote: error: GH013: Repository rule violations found for refs/heads/main.
remote: Review all repository rules at https://github.com/acme/homelab/rules?ref=refs%2Fheads%2Fmain
remote:
remote: - {}
remote:
To https://github.com/acme/homelab
 ! [remote rejected] abc -> main (push declined due to repository rule violations)
error: failed to push some refs to 'https://github.com/acme/homelab'"""
PROTECTED = """remote: error: GH006: Protected branch update failed for refs/heads/main.
remote: error: {}
 ! [remote rejected] abc -> main (protected branch hook declined)"""
HOOK = """remote: {}
 ! [remote rejected] abc -> main (pre-receive hook declined)
error: failed to push some refs to 'ssh://git@git.example/homelab.git'"""
FORBIDDEN = """remote: {}
fatal: unable to access 'https://github.com/acme/homelab/': The requested URL returned error: 403"""
OVER_SSH = """ERROR: {}
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists."""

SAID = [
    # GitHub
    (RULES.format("Commits must have verified signatures.\nremote:   Found 1 violation:"), [KEY]),
    (PROTECTED.format("Commits must have valid signatures."), [KEY]),
    (RULES.format("Changes must be made through a pull request."), [MODE]),
    (RULES.format("Cannot update this protected ref."), [MODE]),
    (PROTECTED.format('Required status check "test" is expected.'), [MODE]),
    (
        RULES.format("Commits must have verified signatures.\nremote: - Changes must be made through a pull request."),
        [KEY, MODE],
    ),
    (RULES.format("Committer email must end with acme.example (committer_email_pattern)"), [PERSON]),
    (
        "remote: error: GH007: Your push would publish a private email address.\n"
        " ! [remote rejected] abc -> main (push declined due to email privacy restrictions)",
        [PERSON],
    ),
    (RULES.format("GITHUB PUSH PROTECTION\nremote:     - Push cannot contain secrets"), ["it takes for a secret"]),
    ("remote: error: GH001: Large files detected.\n ! [remote rejected] a -> b (pre-receive hook declined)", ["limit"]),
    (OVER_SSH.format("The key you are authenticating with has been marked as read only."), [WRITE]),
    (FORBIDDEN.format("Permission to acme/homelab.git denied to github-actions[bot]."), [WRITE]),
    (FORBIDDEN.format("Write access to repository not granted."), [WRITE]),
    (FORBIDDEN.format("This repository was archived so it is read-only."), ["unarchive it"]),
    (FORBIDDEN.format("The 'acme' organization has enabled or enforced SAML SSO."), ["authorize the token or key"]),
    (
        "remote: Support for password authentication was removed on August 13, 2021.\n"
        "fatal: Authentication failed for 'https://github.com/acme/homelab/'",
        ["no password will do"],
    ),
    # GitLab
    (HOOK.format("GitLab: You are not allowed to push code to protected branches on this project."), [MODE]),
    (
        HOOK.format(
            "GitLab: You cannot push commits for 'bot@localhost'. You can only push commits if the committer email is "
            "one of your own verified emails."
        ),
        [PERSON],
    ),
    (HOOK.format("GitLab: Committer's email 'bot@localhost' does not follow the pattern '@acme.example$'"), [PERSON]),
    (HOOK.format("GitLab: Author 'bot@localhost' is not a member of team"), [PERSON]),
    (HOOK.format("GitLab: Commit must be signed with a GPG key"), [KEY]),
    (HOOK.format("GitLab: Commit message does not follow the pattern 'OPS-[0-9]+'"), [RULE]),
    (OVER_SSH.format("This deploy key does not have write access to this project."), [WRITE]),
    (FORBIDDEN.format("You are not allowed to push code to this project."), [WRITE]),
    (
        "remote: HTTP Basic: Access denied. The provided password or token is incorrect.\n"
        "fatal: Authentication failed for 'https://gitlab.example/acme/homelab.git/'",
        ["no password will do"],
    ),
    # Gitea
    (HOOK.format("Gitea: Not allowed to push to protected branch main"), [MODE]),
    (HOOK.format("Gitea: branch main is protected from unverified commit 0123abcd"), [KEY]),
    (HOOK.format("Gitea: User permission denied for writing."), [WRITE]),
    # Bitbucket, and a checker of commits for it
    (HOOK.format("Permission denied to update branch main."), [MODE]),
    (HOOK.format("Branch refs/heads/main can only be modified through pull requests."), [MODE]),
    (HOOK.format("refs/heads/main: 3207cba: expected committer email 'a@b.example' but found 'c@d'"), [PERSON]),
    (HOOK.format("You can only push your own commits in this repository"), [PERSON]),
    # Azure DevOps
    (
        " ! [remote rejected] abc -> main (TF402455: Pushes to this branch are not permitted; you must use a pull "
        "request to update this branch.)",
        [MODE],
    ),
    (
        "error: remote unpack failed: error VS403702: The push was rejected because one or more commits contain author "
        "email 'bot@localhost' which does not match the policy-specified patterns.\n ! [remote rejected] abc -> main",
        [PERSON],
    ),
    (
        "error: remote unpack failed: error VS403654: The push was rejected because it contains one or more secrets.\n"
        " ! [remote rejected] abc -> main (VS403654)",
        ["it takes for a secret"],
    ),
    # Gerrit, and Git itself
    (" ! [remote rejected] abc -> main (commit 7a12f22: invalid committer)", [PERSON]),
    (
        "remote: error: cannot lock ref 'refs/heads/main': Unable to create '/srv/x.git/refs/heads/main.lock': File "
        "exists.\n ! [remote rejected] abc -> main (failed to update ref)",
        ["remove /srv/x.git/refs/heads/main.lock"],
    ),
    (
        "remote: fatal: write error: No space left on device\nerror: remote unpack failed: index-pack abnormal exit\n"
        " ! [remote rejected] abc -> main (unpacker error)",
        ["the space on its disk"],
    ),
    (
        "remote: fatal: unable to read 3b358894e7f678d3192734644ce23446d6ccb749\n"
        "remote: aborting due to possible repository corruption on the remote side.\nfatal: early EOF",
        ["look there with `git fsck`"],
    ),
    # Somebody's own
    (HOOK.format("main is frozen until Monday"), [RULE]),
    (HOOK.format("Connection refused by policy"), [RULE]),
]


@pytest.mark.parametrize(("stderr", "remedies"), SAID)
def test_each_refusal_gets_its_remedies_and_no_other(stderr: str, remedies: list[str]) -> None:
    told = str(failure("https://git.example/homelab.git", ", branch main, does not accept the push", stderr, TRIED))
    expected = [known for known in REMEDIES if any(one in known for one in remedies)]
    assert expected, remedies
    assert [known for known in REMEDIES if known in told] == expected, told


def said(stderr: str, attempt: Attempt) -> str:
    return str(failure("https://git.example/homelab.git", "", stderr, attempt))


def test_what_the_server_says_is_told_without_its_ornaments() -> None:
    stderr = "remote: Resolving deltas: 100% (1/1), completed with 1 local object.\nremote:   ————————\n" + RULES
    told = said(stderr.format("Commits must have verified signatures."), TRIED)
    assert "push declined due to repository rule violations; GH013: Repository rule violations found" in told
    assert "Resolving deltas" not in told and "———" not in told


def test_a_signature_that_is_not_known_there_is_no_reason_to_sign_again() -> None:
    told = said(RULES.format("Commits must have verified signatures."), Attempt("bot <b@acme.example>", "SHA256:abc"))
    assert "signed by the key SHA256:abc for bot <b@acme.example>; register its public half there" in told
    assert KEY not in told


def test_a_proposal_that_is_refused_is_not_told_to_propose() -> None:
    told = said(RULES.format("Changes must be made through a pull request."), Attempt(is_proposal=True))
    assert MODE not in told
    assert told.endswith("its rules hold for the branches agent-training/** too: let the account push to these")


def test_a_flood_of_words_is_told_in_part() -> None:
    told = said("".join(f"remote: line {number} of a long story\n" for number in range(1000)), TRIED)
    assert len(told) < 800


def test_a_lock_is_known_by_its_file() -> None:
    assert is_locked("Unable to create '/srv/x.git/refs/heads/main.lock': File exists.")
    assert not is_locked("cannot lock ref 'refs/heads/main': is at 0123 but expected 4567")
