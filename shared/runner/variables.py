"""Where a runner is, and what opens it: variables of a stage that may be run by one."""

from shared.contract import Variable

URL = Variable("MLX_RUNNER_URL", "where a runner is that computes in the stage's place; empty: the stage itself does")
TOKEN = Variable("MLX_RUNNER_TOKEN", "what the runner asks for; `make runner-install` made it", secret=True)
CERTIFICATE = Variable("MLX_RUNNER_CERTIFICATE", "the runner's own certificate (PEM), which is trusted and no other")
VARIABLES = (URL, TOKEN, CERTIFICATE)
