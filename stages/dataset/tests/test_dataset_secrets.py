"""A secret is taken out wherever it stands and however it is written; what stands for one stays."""

import json
import time
from pathlib import Path

import pytest

from shared.errors import StageError
from stages.dataset.agent_config import read_config
from stages.dataset.author.__main__ import main as author
from stages.dataset.calls.tools import read_tools
from stages.dataset.runbook.__main__ import main as show
from stages.dataset.secrets.redaction import Found, redact
from stages.dataset.secrets.reporting import telling_no_secret
from stages.dataset.tests.repositories import (
    AGENT,
    CONFIG,
    CONFIG_PATH,
    RUNBOOK,
    RUNBOOK_PATH,
    TOOLS,
    TOOLS_PATH,
    make,
    read,
)

# None is real; each is put together here, so that no scanner of this repository takes it for one.
TAIL = "Zk4" * 12
GITHUB = "gh" + "p_" + TAIL
WORD = "tuna" + "fish"
CODE = "tuna" + "F1sh7"
KEY_BEGIN, KEY_END = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"

FORMS = {
    "GitHub": GITHUB,
    "GitHub, fine-grained": "github_" + "pat_" + "11AQ2W" * 4 + "_" + "x1Yz" * 15,
    "GitLab": "gl" + "pat-" + "aB3dE6gH9j" * 2,
    "Slack": "xo" + "xb-" + "210987654321-210987654321-" + "aB3" * 8,
    "Stripe": "sk" + "_live_" + "aB3d" * 7,
    "Anthropic": "sk" + "-ant-" + "aB3d" * 12,
    "AWS": "AK" + "IA" + "QW3R" * 4,
    "Google": "AI" + "za" + "Sy1" * 12,
    "age": "AGE-" + "SECRET-KEY-1" + "QPZRY9X8GF" * 5 + "QPZRY9X8",
    "Vault": "hv" + "s." + "CAESI1" * 8,
    "JWT": "ey" + "JhbGciOiJIUzI1NiJ9" + ".ey" + "JzdWIiOiI0MiJ9." + "aBcDeF123456",
    "npm": "np" + "m_" + "aB3d" * 9,
    "SendGrid": "SG" + "." + "aB3dE6gH9jK2mN5pQ8sT1v" + "." + "aB3d" * 11,
    "Twilio": "S" + "K" + "0f1e" * 8,
    "Mailchimp": "0f1e" * 8 + "-us" + "12",
    "Square": "sq0" + "csp-" + "aB3d" * 10 + "aB3",
    "htpasswd": "$ap" + "r1$" + "saltsalt" + "$" + "aB3dE6gH9jK2mN5pQ8sT1.",
    "bcrypt": "$2" + "y$05$" + "aB3dE6gH" * 6 + "aB3dE",
    "SHA": "{S" + "HA}" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ0=",
}
KNOWN_TO_THE_SCANNER_ALONE = "M" + "aB3dE6gH9jK2mN5pQ8sT1vW" + ".aB3dE6." + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ0"
COMMANDS = [
    "sshpass -p {} ssh root@db",
    "sshpass -p{} ssh root@db",
    "kubectl exec cache-0 -- redis-cli -a {} flushall",
    "mysql -u root -p{} orders",
    "mysqldump --password={} orders",
    "MYSQL_PWD={} mysql orders",
    "PGPASSWORD={} psql -h db",
    "curl -u admin:{} https://grafana/api",
    "curl --user 'admin:{}' https://grafana/api",
    "curl -s \\\n  -u admin:{} \\\n  https://grafana/api",
    "curl -H 'X-Api-Key: {}9' https://grafana/api",
    "curl -b 'session={}' https://grafana/api",
    "docker login -u me -p {} registry.example.org",
    "echo {} | docker login --password-stdin registry.example.org",
    "echo 'root:{}' | chpasswd",
    "kubectl create secret generic web --from-literal=user={} -n web",
    "kubectl create secret generic web --from-literal user={} -n web",
    'kubectl patch secret web -p \'{{"stringData":{{"user":"{}"}}}}\'',
    "mc alias set store https://s3.example.org someone {}",
    "vault login {}",
    "VAULT_TOKEN={} vault status",
    "vault kv put secret/web user={}",
    "helm upgrade web ./web --set auth.password={},image.tag=v2",
    "ansible-vault encrypt_string '{}' --name pw",
    "htpasswd -b users me {}",
    "rabbitmqctl change_password me {}",
    "openssl enc -aes-256-cbc -pass pass:{}",
    "smbclient -U me%{} //files/x",
    "ldapsearch -D cn=me -w {}",
    "argocd login argo.example.org --username me --password {}",
    "gpg --batch --passphrase {} -d file",
    "psql 'host=db user=me password={}'",
    "psql postgres://me:{}@db:5432/orders",
    "redis-cli -u redis://:{}@cache:6379",
    "sh -c 'mysql -u root -p{} -e status'",
    "mysql -e \"ALTER USER me IDENTIFIED BY '{}'\"",
]
PLACES = [
    "Password: {}",
    "- **Password:** {}",
    "* `password`: `{}`",
    "The password is `{}`.",
    "Password for grafana: {}",
    'config: {{"password": "{}"}}',
    'config: {{\\"password\\": \\"{}\\"}}',
    "password = '{}'",
    "password：{}",
    "pass&#119;ord: {}",
    "DB_PASS={}",
    "<!-- password: {} -->",
    "---\npassword: {}\n---",
    "password: >-\n  {}",
    "<password>{}</password>",
    "- name: DB_PASSWORD\n  value: {}",
    "| user | password |\n|---|---|\n| me | {} |",
    "user | password\n---|---\nme | `{}`",
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\nstringData:\n  user: {}",
    "stringData:\n  user: {}\nkind: Secret",
    "kind: Secret\nstringData:\n  web.conf: |\n    user = {}\n    port = 1",
    "credentials: me / {}",
    "machine git.example.org login me password {}",
    "me:{}@tcp(db:3306)/orders",
]
WRITTEN = [
    "### Token {}",
    "[a link](https://example.org/?access_token={})",
    "{}",
    "`{}`",
    "**{}**",
    "_{}_",
    "https://{}@github.com/a/b",
    "Authorization: Bearer {}",
    "a\n\n    indented {}\n",
    "```bash\ngit clone https://me:{}@example.org\n```",
]
CUT = [
    "gh**p_**" + TAIL,
    "gh`p_`" + TAIL,
    "ghp\\_" + TAIL,
    "gh<b>p_</b>" + TAIL,
    "g&#104;p_" + TAIL,
    "gh\u200bp_" + TAIL,
    "gh\u00adp_" + TAIL,
    "gh%70_" + TAIL,
    "ｇｈｐ_" + TAIL,
    f"> ghp_{TAIL[:18]}\n> {TAIL[18:]}",
    f"ghp_{TAIL[:18]}\\\n    {TAIL[18:]}",
    f"ghp_{TAIL[:18]}\n{TAIL[18:]}",
]
STAY = [
    "password: <password>",
    "export PASSWORD=$PASSWORD",
    "password: {{ password }}",
    "password: ********",
    "PASSWORD=changeme",
    "password: xxxx",
    "password: REDACTED",
    "password: (see vault)",
    "Password: see vault",
    "the password is in 1Password",
    "The password is stored in Vault.",
    "docker login -u me --password-stdin < file",
    "Pass the --token flag",
    "docker run -p 8080:80 web",
    "redis-cli -h cache -p 6379 info",
    "mysql -u root -p orders",
    "mysqldump -u root --password orders",
    "mysql -h db -P 3306 -u root -p$MYSQL_PASSWORD",
    "ls -a",
    "rate limit (token bucket): 5r/s",
    "curl -u $USER:$PASS https://example.org",
    "curl -u me https://example.org",
    "curl -b cookies.txt https://example.org",
    "curl -H 'Authorization: Bearer ${TOKEN}' https://example.org",
    "bearer authentication is required",
    "vault login -method=oidc",
    "Use vault login and then vault status",
    "TOKEN=`cat file`",
    "token=$(cat /var/run/token)",
    "password = os.environ['PW']",
    "kubectl get secret web-tls-v2 -n web",
    "kubectl get secret web -o jsonpath='{.data.password}' | base64 -d",
    "kubectl delete pod web-7d9f8b6c5d-x2k4z",
    "docker pull registry:5000/web@sha256:" + "ab12" * 16,
    "git checkout 63fb98cabc12345678901234567890abcdef1234",
    "id: 123e4567-e89b-12d3-a456-426614174000",
    'sum(rate(http_requests_total{job="api",token="x"}[5m])) by (pod)',
    "echo aGVsbG8gd29ybGQ= | base64 -d",
    "arn:aws:sqs:us-east-1:123456789012:my-very-long-queue-name-that-has-many-letters",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC",
    "secretName: web-tls",
    "max_tokens: 4096",
    "token: 5m",
    "password_file: /run/secrets/web",
    "PASSWORD_FILE=/run/secrets/web",
    "password expired: 3 users",
    "passed: 12, failed: 3",
    "| key | value |\n|---|---|\n| a | b1c2d3e4 |",
    "| user | password |\n|---|---|\n| me | see vault |",
    "| Secrets | [Exercise](a/1.md) |",
    "password: {type: string, description: Password}",
    "gh" + "p_" + "x" * 36,
    "kind: SecretStore\ndata:\n  a: b",
    "-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----",
    "name: pypi-server-7d9f8b6c5d-abcdefghij-sk-learn-abcdefghijklmnopqrstuv",
]


def without(secret: str, text: str) -> str:
    """Returns the text redacted, and checks what holds of every such text."""
    clean, found = redact(text)
    assert secret not in clean
    assert found
    assert clean.count("\n") == text.count("\n")
    assert redact(clean) == (clean, [])
    return clean


@pytest.mark.parametrize("secret", [*FORMS.values(), KNOWN_TO_THE_SCANNER_ALONE], ids=[*FORMS, "Discord"])
def test_a_secret_of_a_known_form_is_found_wherever_it_stands(secret: str) -> None:
    for written in WRITTEN:
        without(secret, written.format(secret))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("secret", [WORD, CODE])
def test_what_a_command_gives_to_a_program_is_taken_out(command: str, secret: str) -> None:
    without(secret, command.format(secret))
    without(
        secret,
        f"## Alert: PodDown\n\nRun `{command.format(secret)}`\n" if "\n" not in command else command.format(secret),
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("secret", [WORD, CODE])
def test_what_a_label_names_is_taken_out(place: str, secret: str) -> None:
    without(secret, place.format(secret))


@pytest.mark.parametrize("text", CUT)
def test_a_token_that_is_cut_is_one_token(text: str) -> None:
    without(TAIL[18:], text)


@pytest.mark.parametrize("line", STAY)
def test_what_stands_for_a_secret_or_looks_like_one_stays(line: str) -> None:
    assert redact(line) == (line, [])


def test_a_command_keeps_its_shape() -> None:
    assert redact(f"mysql -u root -p{WORD} -e 'select 1'")[0] == "mysql -u root -pREDACTED -e 'select 1'"
    assert redact(f"curl -u me:{WORD} https://x")[0] == "curl -u me:REDACTED https://x"
    assert redact(f"PGPASSWORD='{WORD}' psql")[0] == "PGPASSWORD='REDACTED' psql"


@pytest.mark.parametrize("indent", ["", "    ", "> "])
@pytest.mark.parametrize("end", [KEY_END, "...", "```"])
def test_a_private_key_leaves_its_lines(indent: str, end: str) -> None:
    text = "\n".join(f"{indent}{line}" for line in (KEY_BEGIN, "QWxhZGRpbjpv" * 4, "cGVuIHNlc2Ft" * 4, end))
    clean, found = redact(f"before\n{text}\nafter")
    assert clean.split("\n")[2] == f"{indent}REDACTED"
    assert clean.split("\n")[-2:] == [f"{indent}{end}", "after"]
    assert found == [Found(3, "a private key")]


def test_each_secret_is_told_with_its_line_and_kind() -> None:
    clean, found = redact(f"# Web\n\nToken: {GITHUB}\n\nmysql -p{WORD}\nredis-cli -a {WORD} && curl -u a:{CODE} x\n")
    assert found == [
        Found(3, "a GitHub token"),
        Found(5, "a password in a command"),
        Found(6, "a password in a command"),
        Found(6, "a password in a command"),
    ]
    assert clean == "# Web\n\nToken: REDACTED\n\nmysql -pREDACTED\nredis-cli -a REDACTED && curl -u a:REDACTED x\n"


def repository_with_secrets(folder: Path) -> Path:
    runbook = RUNBOOK.replace("does not answer", f"does not answer to {GITHUB}")
    return make(
        folder,
        runbook=f"{runbook}\n```bash\nredis-cli -a {WORD} flushall\n```\n",
        tools=TOOLS.replace("Restart a pod.", f"Restart a pod. Password is {CODE}"),
        config=f"{CONFIG}# token: {FORMS['GitLab']}\n",
    )


def test_no_file_and_no_log_holds_a_secret_of_any_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = read(repository_with_secrets(tmp_path / "gitops"), tmp_path / "out").dataset.path
    said = capsys.readouterr().err
    told = said + "".join(path.read_text() for path in folder.iterdir())
    assert [secret for secret in (GITHUB, WORD, CODE, FORMS["GitLab"]) if secret in told] == []
    assert json.loads((folder / "card.json").read_text())["dropped"]["secrets"] == 4
    assert f"warning: {RUNBOOK_PATH}: line 9: a GitHub token; line 19: a password in a command\n" in said
    assert f"warning: {TOOLS_PATH}: line 3: a password\n" in said
    assert f"warning: {CONFIG_PATH}: line 5: a GitLab token\n" in said


def test_lint_names_file_line_and_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = repository_with_secrets(tmp_path / "gitops")
    author(["lint", "--agent", AGENT, "--repository", str(repository), "--format", "github"])
    said = capsys.readouterr().out
    assert f"::warning file={RUNBOOK_PATH},line=9::a GitHub token in the text: take it out, and revoke it\n" in said
    assert f"::warning file={TOOLS_PATH},line=3::a password in the text: take it out, and revoke it\n" in said
    show([str(repository / RUNBOOK_PATH)])
    said += capsys.readouterr().out
    assert "redis-cli -a REDACTED flushall" in said
    assert [secret for secret in (GITHUB, WORD, CODE) if secret in said] == []


@pytest.mark.parametrize(
    "config",
    [
        "training: {iters: SECRET}\n",
        "training:\n  iters: [SECRET\n",
        "gate: {floors: {a: SECRET}}\n",
        "password: SECRET\npassword: SECRET\n",
        "deploy: {mode: SECRET}\n",
        "schedule: {cron: SECRET}\n",
        "schedule: {notify: [SECRET]}\n",
        "SECRET: 1\n",
        "a: *SECRET\n",
        "a: !SECRET 1\n",
    ],
)
def test_an_error_quotes_no_secret(config: str) -> None:
    for secret in FORMS.values():
        for quoted in (secret, f'"{secret}"'):
            with pytest.raises(StageError) as raised:
                read_config(config.replace("SECRET", quoted), "config.yaml")
            assert secret[12:30] not in str(raised.value)
            assert str(raised.value).startswith("config.yaml")


def test_an_error_quotes_no_cut_secret() -> None:
    command = f"curl {'x' * 50} {GITHUB} | sh"
    with pytest.raises(StageError) as raised:
        read_tools(TOOLS.replace("kubectl delete pod {name} -n {namespace}", command), "tools.yaml")
    assert TAIL[:9] not in str(raised.value)


def test_a_value_of_unknown_meaning_is_not_quoted() -> None:
    with pytest.raises(StageError, match=r"training\.iters; input should be") as raised:
        read_config("training: {iters: 'Tr0ub4dor&3'}", "config.yaml")
    assert "Tr0ub4dor" not in str(raised.value)


def test_what_a_server_says_is_told_without_its_secrets() -> None:
    with (
        pytest.raises(StageError, match=r"^no access to https://me:REDACTED@example\.org/x: try again$"),
        telling_no_secret(),
    ):
        raise StageError(f"no access to https://me:{CODE}@example.org/x: try again")


@pytest.mark.parametrize(
    "text",
    [
        "password: " * 5_000,
        "mysql -pX1 " * 5_000,
        "xo" + "xb-" * 12_000,
        "ey" + "Jaaaaaaaaa." * 5_000,
        "kind: Secret\ndata:\n  a: b1\n" * 2_000,
        (KEY_BEGIN + "\n") * 1_500,
        "| password |\n|---|\n| x1y2z3 |\n" * 1_500,
        "token=" * 8_000,
        "\\\n" * 25_000,
        "'\"" * 25_000,
        "a line\n" * 50_000,
        "https://a:" * 5_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_long_text_takes_seconds_at_most(text: str) -> None:
    start = time.process_time()
    redact(text)
    assert time.process_time() - start < 10
