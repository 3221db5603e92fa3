"""Why a server refuses, in the words of GitHub, GitLab, Gitea, Bitbucket, Azure DevOps and Git itself, and what helps.

A remedy is named only where it does not lead to the same refusal: not a branch where the commit is what is wrong, and
nothing that was tried already. What a hook of somebody's own says is no line here: it is shown as it is.
"""

import re
from dataclasses import dataclass
from posixpath import normpath


@dataclass(frozen=True)
class Attempt:
    """What was tried. committer: `name <e-mail>`; signing_key: the fingerprint of the key that signed, '' for none.

    is_proposal: the push was to a branch of its own. changed: the files that the commit changes.
    """

    committer: str = ""
    signing_key: str = ""
    is_proposal: bool = False
    changed: tuple[str, ...] = ()


_SIGN = (
    "let GIT_SIGNING_KEY_FILE name a private SSH key without a passphrase, and register its public half there as the "
    "signing key of the account that has the e-mail address of GIT_COMMITTER_EMAIL"
)
_SIGNED = (
    "the commit is signed by the key {0.signing_key} for {0.committer}; register its public half there as a signing "
    "key of the account that has this e-mail address, and confirm the address"
)
_PERSON = (
    "the commit is of {0.committer}; set GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_COMMITTER_NAME and "
    "GIT_COMMITTER_EMAIL to what the server wants"
)
_MODE = "set deploy.mode to branch or pull-request in config.yaml, or let the account push to this branch"
_OPEN = "its rules hold for the branches agent-training/** too: let the account push to these"
_SECRET = "the commit changes {1}; take out there, or allow on the server, what it takes for a secret"
_LARGE = "the commit changes {1}; ask whoever keeps the server to raise its limit"
_WRITE = "give the key or token that is used the right to write, or use one that has it"
_ARCHIVED = "unarchive it there, or give the repository that is in use now"
_SSO = "authorize the token or key for the organization's single sign-on"
_TOKEN = "let GIT_TOKEN or GIT_TOKEN_FILE hold a token that is valid and may write contents; no password will do"
_LOCKED = "it is locked on the server: if no git works on it there, remove {2}"
_CHECKED_OUT = (
    "it is a checkout, and the branch is checked out there: give a bare repository (`git clone --bare`), or check "
    "out another branch there"
)
_DISK = "the server cannot write it: look there at the space on its disk, and at the owner of the repository's files"
DAMAGED = "the repository is damaged on its server: look there with `git fsck`, and restore it"
DAMAGE = (
    r"repository corruption|bad (object|tree|blob|pack)|missing (blob|tree|commit|object)|is corrupt|cannot be accessed"
    r"|unable to (read|parse|find) (tree |blob |commit )?\(?[0-9a-f]{40}|Could not read [0-9a-f]{40}|too-short tree"
    r"|did not send all necessary objects|did not receive expected object|inflate: data|non-monotonic index"
    r"|does not point to a valid object|unresolvable reference|not a valid object"
)
_OFTEN = "the server takes no more requests for now; run again later"

# Each line: what the server says, and what helps; a second remedy is for who has tried the first one. The first lines
# say what is wrong; of the general ones, which several causes share, the first counts, and only where no other does.
_SPECIFIC: tuple[tuple[str, str, str], ...] = (
    (
        r"verified signature|valid signature|unverified commit|must be signed|unsigned|not signed|GPG.signed"
        r"|signed with|signature (is )?(required|verification failed)|unknown signature",
        _SIGN,
        _SIGNED,
    ),
    (
        r"(committer|author)('s)?[ _](e-?mail|name)|e-?mail[ _](address|privacy|pattern)|private email"
        r"|cannot push commits for|can only push (your own )?commits|is not a member of team"
        r"|invalid (committer|author)|committer is not|VS403702|GH007",
        _PERSON,
        "",
    ),
    (
        r"push protection|contains? (one or more )?secrets|credentials or other secrets|VS403654"
        r"|secrets? ((was|were|has been|have been) )?(found|detected)",
        _SECRET,
        "",
    ),
    (r"GH001|file size limit|larger than the allowed|too large|VS403729", _LARGE, ""),
    (
        r"marked as read.only|Write access to repository not granted|does not have write access|DeployKey does not"
        r"|Permission to \S+ denied to|not allowed to (push code to this project|upload code)|denied for writing"
        r"|TF401027.*GenericContribute|GenericContribute",
        _WRITE,
        "",
    ),
    (r"archived|TF401456|repository is (disabled|read.only)", _ARCHIVED, ""),
    (r"SAML|single sign.on|\bSSO\b|re-authorize", _SSO, ""),
    (
        r"password authentication (was removed|is not supported)|HTTP Basic: Access denied|Bad credentials"
        r"|Invalid (username|credentials)|token (has )?expired|TF400813",
        _TOKEN,
        "",
    ),
    (r"\.lock': File exists", _LOCKED, ""),
    (r"branch is currently checked out|refusing to update checked out branch", _CHECKED_OUT, ""),
    (r"No space left on device|disk quota exceeded|insufficient permission for adding an object", _DISK, ""),
    (DAMAGE, DAMAGED, ""),
    (r"rate limit|too many requests|returned error: 429", _OFTEN, ""),
    (r"(through|use) (a )?pull request|TF402455", _MODE, _OPEN),
)
_GENERAL: tuple[tuple[str, str, str], ...] = (
    (
        r"GH006|protected branch|\b(is|are) protected\b|permission denied to update branch|protected ref"
        r"|status check|merge queue|not allowed to (push|merge) (code )?(in)?to protected|protected from"
        r"|Branch restriction",
        _MODE,
        _OPEN,
    ),
)
_LOCK = re.compile(r"'([^']+\.lock)': File exists")


def remedies(said: str, attempt: Attempt) -> list[str]:
    """Returns what helps against what a server said; nothing where its words are not known."""
    found = [_remedy(line, attempt, said) for line in _SPECIFIC if re.search(line[0], said, re.IGNORECASE)]
    general = [_remedy(line, attempt, said) for line in _GENERAL if re.search(line[0], said, re.IGNORECASE)]
    return found or general[:1]


def is_locked(said: str) -> bool:
    """Returns whether a lock on the server is in the way: another push's for a moment, or one left behind."""
    return bool(_LOCK.search(said))


def _remedy(line: tuple[str, str, str], attempt: Attempt, said: str) -> str:
    _, first, second = line
    is_tried = attempt.signing_key if second is _SIGNED else attempt.is_proposal
    lock = normpath(found[1]) if (found := _LOCK.search(said)) else "the lock"
    changed = ", ".join(attempt.changed) or "what its config.yaml names"
    return (second if second and is_tried else first).format(attempt, changed, lock)
