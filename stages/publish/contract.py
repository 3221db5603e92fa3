"""Stores an approved model and bumps MODEL_VERSION in Git, so that Flux rolls the agent."""

from dataclasses import dataclass
from typing import Annotated

from shared.access import mlflow, s3
from shared.agent_config.settings import MinimumAccuracy
from shared.artifacts import Adapters, ChatDataset, Evaluation, FineTunedModel, ModelCard
from shared.contract import Variable
from shared.model_stages import MLFLOW_STAGES

STORE_URI = Variable("STORE_URI", "where models are stored: file:///<folder>, or s3://<bucket>/<prefix>", required=True)
S3 = s3.variables("an s3:// store")
SIGNING_KEY = Variable("SIGNING_KEY", "the private key (EC, PEM) that signs the model; empty: none does", secret=True)
VERIFY_KEY = Variable("VERIFY_KEY", "the public key (PEM) that whoever fetches the model verifies it with")
GIT_TOKEN = Variable("GIT_TOKEN", "a token for an https repository, and for pull requests", secret=True)
GIT_SSH_KEY_FILE = Variable("GIT_SSH_KEY_FILE", "the path of a private key for an ssh repository")
GIT_SSH_KNOWN_HOSTS_FILE = Variable("GIT_SSH_KNOWN_HOSTS_FILE", "the path of the known_hosts of an ssh repository")
GIT_AUTHOR_NAME = Variable("GIT_AUTHOR_NAME", "who commits the version; agent-training where nothing is set")
GIT_AUTHOR_EMAIL = Variable("GIT_AUTHOR_EMAIL", "the e-mail address for it, where the server checks it")
GIT_COMMITTER_NAME = Variable("GIT_COMMITTER_NAME", "who commits it, if not the author")
GIT_COMMITTER_EMAIL = Variable("GIT_COMMITTER_EMAIL", "the e-mail address for it; the signing key's account has it")
GIT_SIGNING_KEY = Variable(
    "GIT_SIGNING_KEY", "the private SSH key, without a passphrase, that signs commits; empty: none does", secret=True
)
GITHUB_API_URL = Variable("GITHUB_API_URL", "the API that opens pull requests; empty for https://api.github.com")
OLLAMA_TOKEN = Variable("OLLAMA_TOKEN", "a bearer token for the Ollama servers of deploy.servers", secret=True)
OPENAI_API_KEY = Variable("OPENAI_API_KEY", "a key for the servers of kind openai in deploy.servers", secret=True)
STORE_PAGE_URL = Variable("STORE_PAGE_URL", "where people open the store, if not at S3_ENDPOINT")
EXECUTION = Variable("FLYTE_INTERNAL_EXECUTION_ID", "the execution's name, recorded in the commit")
ENVIRONMENT = (
    STORE_URI,
    *S3,
    SIGNING_KEY,
    VERIFY_KEY,
    *mlflow.VARIABLES,
    MLFLOW_STAGES,
    GIT_TOKEN,
    GIT_SSH_KEY_FILE,
    GIT_SSH_KNOWN_HOSTS_FILE,
    GIT_AUTHOR_NAME,
    GIT_AUTHOR_EMAIL,
    GIT_COMMITTER_NAME,
    GIT_COMMITTER_EMAIL,
    GIT_SIGNING_KEY,
    GITHUB_API_URL,
    OLLAMA_TOKEN,
    OPENAI_API_KEY,
    STORE_PAGE_URL,
    EXECUTION,
)
RUNTIME = ()


@dataclass(frozen=True)
class Inputs:
    """What publish needs."""

    dataset: Annotated[ChatDataset, "the rows, from dataset; they name the agent and its source"]
    model: Annotated[FineTunedModel, "the fine-tuned model, from train"]
    adapters: Annotated[Adapters, "the adapters, from train"]
    evaluation: Annotated[Evaluation, "the evaluation, from evaluate; its verdict is read again"]
    card: Annotated[ModelCard, "the model card, from register"]
    repository: Annotated[str, "the GitOps repository that is pushed to: a URL, or the path of a bare repository"]
    approved: Annotated[bool, "register's decision"]
    decision: Annotated[str, "register's sentence for it"]
    model_version: Annotated[str, "the version's name, from register"]
    champion: Annotated[str, "the version that register compared with; empty where there was none"]
    run_id: Annotated[str, "the MLflow run, from register"]
    minimum_accuracy: MinimumAccuracy
    branch: Annotated[str, "the branch that Flux reads; empty for the default branch"] = ""


@dataclass(frozen=True)
class Outputs:
    """What publish did."""

    outcome: Annotated[str, "one sentence: published or proposed, where and with which accuracy; or rejected and why"]
    model_uri: Annotated[str, "where the model lies in the store; empty where it was rejected"]
    model_page: Annotated[str, "an address at which a person finds it; empty where it was rejected"]
    bump_commit: Annotated[str, "the commit that bumped MODEL_VERSION, on whichever branch; empty where there was none"]
