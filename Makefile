# Runbook in, function-calling model out. `make help` lists what can be done.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

STAGES := $(patsubst stages/%/contract.py,%,$(wildcard stages/*/contract.py))
PYTHON ?= python3
UV := .venv/bin/uv
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header
LOCKED := . tests tools/mlflow_server runner $(STAGES:%=stages/%)
PYTEST := -m pytest

# What was given on make's own command line, as NAME=value arguments of a program.
SETTINGS = $(foreach v,$(filter-out PYTHON,$(.VARIABLES)),$(if $(filter command,$(word 1,$(origin $v))),'$v=$(subst ','\'',$($v))'))

# given(VARIABLE,--option): the option with the variable's value, where it has one.
given = $(if $($1),$(if $2,$2=)'$(subst ','\'',$($1))')

.PHONY: help
help: ## list the targets
	@awk '/^# ── / { gsub(/^# ── | (─)+$$/, ""); print "\n" $$0 } \
	  /^[a-z].* ## |^\$$\(STAGES.* ## / { split($$0, line, / ## /); sub(/^\$$[^ ]* /, "", line[1]); sub(/:.*/, "", line[1]); \
	    printf "  %-16s %s\n", line[1], line[2] }' $(MAKEFILE_LIST)

# ── on this machine, without a server ─────────────────────────────────────────────────────────────

.PHONY: run
run: environments ## runbook → published model on this machine; AGENT= MODEL= GITOPS= ITERS= … BACKEND=docker: in containers; RUNNER=https://…: trained by a native runner
	@.venv/bin/python -m workflows.local.run $(SETTINGS)

.PHONY: watch
watch: .venvs/dataset/.made .venvs/watch/.made ## is an agent to be trained again? looks at today's runbook and the champion; AGENT= GITOPS= RETRAIN_BELOW= …
	@.venv/bin/python -m workflows.local.watching $(SETTINGS)

.PHONY: ask
ask: .venvs/evaluate/.made ## what would the model call? ALERT= alerts as Alertmanager tells of them: a JSON file, or JSON; RUN= a folder in .runs
	@.venvs/evaluate/bin/python -m stages.evaluate.ask \
	  --model '.runs/$(or $(RUN),latest)/train/outputs/model' --alert '$(subst ','\'',$(or $(ALERT),.runs/latest/alert.json))'

.PHONY: ui
ui: .venvs/mlflow-server/.made ## open MLflow's page on what was run here; PORT= (5000)
	@echo "MLflow's page: http://127.0.0.1:$(or $(PORT),5000) (Ctrl-C ends it)"
	@.venvs/mlflow-server/bin/mlflow server --backend-store-uri 'sqlite:///$(CURDIR)/.runs/mlflow/mlflow.db' \
	  --default-artifact-root '$(CURDIR)/.runs/mlflow/mlflow-artifacts' --host 127.0.0.1 --port $(or $(PORT),5000)

.PHONY: demo-base
demo-base: .venvs/train/.made ## train the example's tiny base model anew: minutes; what `make run` uses lies in examples/demo_model/base
	@.venvs/train/bin/python -m examples.demo_model.build

# ── a runbook ─────────────────────────────────────────────────────────────────────────────────────

AUTHOR = PYTHONPATH=. .venvs/dataset/bin/python -m stages.dataset.author
REPOSITORY ?= examples/homelab

.PHONY: lint-runbook
lint-runbook: .venvs/dataset/.made ## what each alert of an agent teaches: lint-runbook AGENT=agent-sre REPOSITORY=… FORMAT=github STRICT=1
	@$(AUTHOR) lint --agent $(AGENT) --repository $(REPOSITORY) --format $(or $(FORMAT),table) $(if $(STRICT),--strict)

.PHONY: adopt
adopt: .venvs/dataset/.made ## drafts of an agent's tools.yaml and config.yaml, of what its repository has: adopt AGENT= REPOSITORY= FUNCTION='flux-*' ALSO=folder RUNBOOK= INDEX=1
	@$(AUTHOR) adopt --agent '$(AGENT)' --repository '$(REPOSITORY)' $(call given,FUNCTION,--function) $(call given,ALSO,--also) \
	  $(call given,RUNBOOK,--runbook-path) $(if $(INDEX),--index)

.PHONY: preview
preview: .venvs/dataset/.made ## rows as the model sees them: preview AGENT=agent-sre ALERT=… ROWS=3
	@$(AUTHOR) preview --agent $(AGENT) --repository $(REPOSITORY) --alert '$(ALERT)' --rows $(or $(ROWS),5)

.PHONY: compare-datasets
compare-datasets: .venvs/dataset/.made ## what changed between two datasets: compare-datasets OLD=folder NEW=folder
	@$(AUTHOR) compare $(OLD) $(NEW)

# ── published versions ────────────────────────────────────────────────────────────────────────────

# What `make run` uses where the environment names no server.
OPERATE = MLFLOW_TRACKING_URI="$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/.runs/mlflow/mlflow.db}" \
  STORE_URI="$${STORE_URI:-file://$(CURDIR)/.runs/store}" .venvs/publish/bin/python -m stages.publish.operate
OF_AGENT = --agent '$(or $(AGENT),agent-sre)' --repository '$(or $(GITOPS),.runs/gitops.git)' $(call given,BRANCH,--branch)

.PHONY: history
history: .venvs/publish/.made ## an agent's versions, newest first; AGENT=agent-sre GITOPS= BRANCH=
	@$(OPERATE) history $(OF_AGENT)

.PHONY: preflight
preflight: .venvs/publish/.made ## before a training: could the model be published? MLflow, store, keys, Git, servers, one line each; AGENT= GITOPS= BRANCH=
	@$(OPERATE) preflight $(OF_AGENT)

.PHONY: verify
verify: .venvs/publish/.made ## is what Git rolls out whole? Git, registry, store, signature, one line each; AGENT= GITOPS= BRANCH=
	@$(OPERATE) verify $(OF_AGENT)

.PHONY: rollback
rollback: .venvs/publish/.made ## back to the previous champion, or to VERSION=; AGENT= GITOPS= BRANCH= REASON='…'
	@$(OPERATE) rollback $(OF_AGENT) $(call given,VERSION,--version) $(call given,REASON,--reason)

.PHONY: reconcile
reconcile: .venvs/publish/.made ## make the version that Git names the champion, after a merge; AGENT= GITOPS= BRANCH=
	@$(OPERATE) reconcile $(OF_AGENT)

# ── Flyte ─────────────────────────────────────────────────────────────────────────────────────────

# What make was given on its command line is in the environment of what it runs.
ON_FLYTE = GRPC_VERBOSITY=NONE .venv/bin/python -m

.PHONY: package
package: .venv/.made ## an archive for `flytectl register files`, checked, without a cluster; GITOPS=checkout GITOPS_URL= TRAIN_PROFILE= OUTPUT=
	@$(ON_FLYTE) tools.flyte.package $(call given,OUTPUT,--output)

.PHONY: register
register: .venv/.made ## the agents' launch plans on Flyte; PROJECT= DOMAIN= GITOPS=checkout GITOPS_URL= VERSION= TRAIN_PROFILE=
	@$(ON_FLYTE) tools.flyte.register $(call given,PROJECT,--project) $(call given,DOMAIN,--domain) $(call given,VERSION,--version)

.PHONY: launch
launch: .venv/.made ## start an agent's training on Flyte; AGENT=agent-sre WAIT=1 FORCE=1 PROJECT= DOMAIN= TRIGGER= COMMIT= PATIENCE= INPUT='ITERS=30'
	@.venv/bin/python -m workflows.flyte.triggers.launch --agent '$(or $(AGENT),agent-sre)' $(if $(WAIT),--wait) $(if $(FORCE),--force-retrain) \
	  $(call given,PROJECT,--project) $(call given,DOMAIN,--domain) $(call given,TRIGGER,--trigger) $(call given,COMMIT,--commit) \
	  $(call given,PATIENCE,--patience) $(foreach i,$(INPUT),--input='$i')

# ── client ────────────────────────────────────────────────────────────────────────────────────────

.PHONY: client
client: .venv/.made ## the package by which an agent asks its model, as a wheel in dist/
	@$(UV) build --quiet --offline --wheel client --out-dir dist && ls dist/*.whl

# ── native runner ─────────────────────────────────────────────────────────────────────────────────

# The service of this user, or with SYSTEM=1 (as root) the system's; FOLDER= where it has its files, where not as usual.
RUNNER_SERVICE = .venvs/runner/bin/python -m runner.service
OF_RUNNER = $(if $(SYSTEM),--system) $(call given,FOLDER,--folder)

.PHONY: runner-install
runner-install: .venvs/runner/.made ## on a Mac or a GPU host: the service that trains for a cluster's pods; LISTEN= PORT= NAMES='…' NAMESPACE= RENEW=1 SYSTEM=1 FOLDER=
	@$(RUNNER_SERVICE).install $(OF_RUNNER) $(call given,LISTEN,--host) $(call given,PORT,--port) $(call given,NAMES,--names) \
	  $(call given,NAMESPACE,--namespace) $(if $(RENEW),--renew)

.PHONY: runner-status
runner-status: .venvs/runner/.made ## does it run, answer and shut its jobs in, and what does it do? SYSTEM=1 FOLDER=
	@$(RUNNER_SERVICE).status $(OF_RUNNER)

.PHONY: runner-logs
runner-logs: .venvs/runner/.made ## the last lines of its log; FOLLOW=1 goes on; SYSTEM=1 FOLDER=
	@$(RUNNER_SERVICE).logs $(OF_RUNNER) $(if $(FOLLOW),--follow)

.PHONY: runner-uninstall
runner-uninstall: .venvs/runner/.made ## remove it; data, token and certificate stay, but for PURGE=1; SYSTEM=1 FOLDER=
	@$(RUNNER_SERVICE).uninstall $(OF_RUNNER) $(if $(PURGE),--purge)

# ── tests ─────────────────────────────────────────────────────────────────────────────────────────

LONGEST_FIRST := publish e2e register train dataset runner shared evaluate workflow watch convert demo-model
# Where make knows how, a part's output appears when it has ended, not mixed with others'.
WHOLE := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.PHONY: test
test: environments .venvs/pytest/.made .venvs/mlflow-server/.made .venvs/runner/.made ## everything that runs in minutes: style, types, stages, workflow, end to end
	@$(MAKE) -j2 $(WHOLE) lint $(LONGEST_FIRST:%=test-%) $(STAGES:%=test-%)

.PHONY: lint
lint: environments .venvs/mlflow-server/.made .venvs/runner/.made ## style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy shared workflows tools benchmarks/*.py $(filter-out tests/tiny_model.py,$(wildcard tests/*.py tests/containers/*.py tests/survival/*.py tests/served/*.py tests/tools/*.py))
	MYPYPATH=client .venv/bin/mypy client/agent_client client/build_backend.py
	MYPYPATH=client .venv/bin/mypy --python-executable .venvs/mlflow-server/bin/python examples/agent/agent.py
	.venv/bin/mypy --python-executable .venvs/runner/bin/python $(filter-out runner/tests/%,$(wildcard runner/*.py runner/*/*.py))
	.venv/bin/mypy --python-executable .venvs/train/bin/python examples/demo_model/*.py benchmarks/training/*.py tests/tiny_model.py
	.venv/bin/mypy --python-executable .venvs/evaluate/bin/python benchmarks/evaluation/*.py
	@$(foreach s,$(STAGES),echo mypy stages/$s; .venv/bin/mypy --python-executable .venvs/$s/bin/python $(filter-out stages/$s/tests/%,$(wildcard stages/$s/*.py stages/$s/*/*.py stages/$s/*/*/*.py));)

.PHONY: test-shared
test-shared: environments ## the contract, the archive, the codec, the renderer
	.venv/bin/python $(PYTEST) shared/tests

.PHONY: test-runner
test-runner: .venvs/runner/.made .venvs/pytest/.made ## the native runner: its jobs' sandbox, its service, what it answers
	PYTHONPATH=.venvs/pytest .venvs/runner/bin/python $(PYTEST) runner/tests

.PHONY: test-client
test-client: .venv/.made ## the client, built and installed offline, with each Python that is here
	.venv/bin/python $(PYTEST) tests/test_client.py

.PHONY: $(STAGES:%=test-%)
$(STAGES:%=test-%): test-%: .venvs/%/.made .venvs/pytest/.made ## one stage's tests in its own environment: test-train
	PYTHONPATH=.venvs/pytest .venvs/$*/bin/python $(PYTEST) stages/$*/tests

.PHONY: test-demo-model
test-demo-model: .venvs/train/.made .venvs/pytest/.made
	PYTHONPATH=.venvs/pytest .venvs/train/bin/python $(PYTEST) examples/demo_model/tests

.PHONY: test-workflow
test-workflow: environments ## the workflow's interfaces and the layout
	.venv/bin/python $(PYTEST) tests $(foreach f,e2e demo containers survival served tools,--ignore tests/$f)

.PHONY: test-e2e
test-e2e: environments .venvs/mlflow-server/.made ## six stages in a row with a tiny random model
	.venv/bin/python $(PYTEST) tests/e2e -m 'not long'

.PHONY: test-tools
test-tools: environments .venvs/mlflow-server/.made ## images, registries, versions and local services: with Docker, minutes
	.venv/bin/python $(PYTEST) tests/tools

.PHONY: test-containers
test-containers: environments .venvs/mlflow-server/.made ## the images (`make images` first), the docker back end, real servers: several minutes; TORCH_PYTHON= one with torch reads the model too
	.venv/bin/python $(PYTEST) tests/containers

.PHONY: test-survival
test-survival: environments .venvs/mlflow-server/.made ## faults of MLflow, S3, Git and the machine, into docs/survival.md; KILLS=20 at random, SEED=, MARK=representative for a short run
	KILLS=$(or $(KILLS),20) $(if $(SEED),SEED=$(SEED)) .venv/bin/python $(PYTEST) tests/survival $(if $(MARK),-m '$(MARK) or not fault')

.PHONY: test-served
test-served: environments .venvs/mlflow-server/.made ## publish, rollback and an agent with a real Ollama and a real Alertmanager, where these programs are: minutes
	.venv/bin/python $(PYTEST) tests/served

.PHONY: test-demo
test-demo: environments .venvs/mlflow-server/.made ## what `make run` promises, measured on all three agents or on AGENTS=, and watch from end to end: half an hour
	.venv/bin/python $(PYTEST) tests/e2e -m long
	$(if $(AGENTS),AGENTS='$(AGENTS)') .venv/bin/python $(PYTEST) tests/demo

.PHONY: test-slow
test-slow: environments .venvs/pytest/.made .venvs/mlflow-server/.made ## all of these but test-served (`make images` first), two at a time
	@$(MAKE) -j2 $(WHOLE) test-demo test-containers test-survival test-tools

# ── images and versions of the stages ─────────────────────────────────────────────────────────────

IMAGES = .venv/bin/python -m tools.images

.PHONY: images
images: .venv/.made ## build all images; BASE_IMAGE= (the Dockerfile's: python:3.11-slim-bookworm) KUSTOMIZE_IMAGE= (that of publish)
	@$(IMAGES) build $(call given,BASE_IMAGE,--base)

.PHONY: images-changed
images-changed: .venv/.made ## build the images that have changed; SINCE=<revision>
	@$(IMAGES) build --since='$(SINCE)' $(call given,BASE_IMAGE,--base)

image-%: .venv/.made ## build one stage's image: image-train; VARIANT=cuda, with the libraries of its requirements.cuda.lock
	@$(IMAGES) build '$*' $(call given,BASE_IMAGE,--base) $(call given,VARIANT,--variant)

.PHONY: compare-images
compare-images: .venv/.made ## what differs between two images, layer by layer: A= B=
	@.venv/bin/python -m tools.images.compare $(call given,A,) $(call given,B,)

.PHONY: image-table
image-table: .venv/.made ## measure the images into docs/images.md; BASE_IMAGE= as they were built with
	@.venv/bin/python -m tools.images.table $(call given,BASE_IMAGE,--base)

.PHONY: base-image
base-image: ## make agent-training-base:local, a base image for machines that cannot pull one; needs root
	@tools/images/base_image.sh agent-training-base:local

.PHONY: kustomize-image
kustomize-image: ## make agent-training-kustomize:local of the program kustomize that is here, for machines that cannot pull its image
	@tools/images/kustomize_image.sh agent-training-kustomize:local

.PHONY: push
push: .venv/.made ## push all images; REGISTRY=host:port/prefix (that of images.toml); SINCE= for what has changed
	@$(IMAGES) push $(call given,REGISTRY,--registry) $(call given,SINCE,--since)

push-%: .venv/.made ## push one stage's image: push-train; VARIANT=
	@$(IMAGES) push '$*' $(call given,REGISTRY,--registry) $(call given,VARIANT,--variant)

.PHONY: pull
pull: .venv/.made ## pull what images.toml pins, by digest
	@$(IMAGES) pull

pull-%: .venv/.made ## pull one stage's image: pull-train
	@$(IMAGES) pull '$*'

release-%: .venv/.made ## raise one stage's version: release-train; PART=patch|minor|major (what its contract demands)
	@.venv/bin/python -m tools.images.release '$*' $(call given,PART,--part)

.PHONY: pin
pin: .venv/.made ## let images.toml name the tree's version of every stage, all pushed before; REGISTRY=
	@.venv/bin/python -m tools.images.pins pin-tree $(call given,REGISTRY,--registry)

pin-%: .venv/.made ## let images.toml name a pushed version: pin-train VERSION=1.3.0; VARIANT=
	@.venv/bin/python -m tools.images.pins pin '$*' --version='$(VERSION)' $(call given,REGISTRY,--registry) $(call given,VARIANT,--variant)

.PHONY: versions
versions: .venv/.made ## each stage's version in the tree, pinned and in the registry, and whether the workflow runs it
	@.venv/bin/python -m tools.images.pins versions $(call given,REGISTRY,--registry)

.PHONY: check-versions
check-versions: .venv/.made ## has every stage that changed a new version? SINCE=<revision>
	@.venv/bin/python -m tools.images.release --check --since='$(SINCE)'

.PHONY: new-stage
new-stage: .venv/.made ## make a stage from a template, which works as it stands: new-stage NAME=export
	@.venv/bin/python -m tools.new_stage '$(NAME)'
	@$(MAKE) .venvs/$(NAME)/.made
	@.venv/bin/python -m tools.tables.contracts
	@.venv/bin/python -m tools.tables.modules

# ── servers on this machine ───────────────────────────────────────────────────────────────────────

.PHONY: services-up services-down
services-up: .venv/.made .venvs/mlflow-server/.made ## MLflow, S3 (MinIO) and Git on this machine; MLFLOW_PORT=5001 S3_PORT=9000 GIT_PORT=3000
	@.venv/bin/python -m tools.services.up $(call given,MLFLOW_PORT,--mlflow-port) \
	  $(call given,S3_PORT,--s3-port) $(call given,GIT_PORT,--git-port)

services-down: .venv/.made ## stop them; their data stay in .services
	@.venv/bin/python -m tools.services.down

# ── benchmarks ────────────────────────────────────────────────────────────────────────────────────

.PHONY: bench-dataset
bench-dataset: .venvs/dataset/.made ## seconds and memory of dataset for 10, 1,000 and 10,000 alerts
	@.venvs/dataset/bin/python -m benchmarks.dataset_growth

.PHONY: bench-train
bench-train: .venvs/train/.made ## a training step beside mlx-lm's and PEFT's: hours; QUICK=1, ROUNDS=, SHAPES=, CONTENDERS=, PEFT_PYTHON= one with torch and peft
	@.venvs/train/bin/python -m benchmarks.training.main $(if $(QUICK),--quick) $(call given,ROUNDS,--rounds) \
	  $(call given,LAYERS,--layers) $(call given,PEFT_PYTHON,--peft-python) $(if $(SHAPES),--shapes $(SHAPES)) \
	  $(if $(CONTENDERS),--contenders $(CONTENDERS))

.PHONY: bench-evaluate
bench-evaluate: .venvs/evaluate/.made ## answers decoded beside mlx-lm's own ways, on the last `make run`; QUICK=1, ROUNDS=5
	@.venvs/evaluate/bin/python -m benchmarks.evaluation.main $(if $(QUICK),--quick) $(call given,ROUNDS,--rounds)

# ── environments, made when missing or older than their lock ──────────────────────────────────────

.PHONY: environments
environments: .venv/.made $(STAGES:%=.venvs/%/.made)

.venv/.made: requirements.lock
	@echo "making the environment of the workflow (.venv)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	@$(PYTHON) -m venv --clear .venv
	@sed -n '/^uv==/,/^ *# via/p' requirements.lock > .venv/uv.lock.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock.txt
	@$(UV) pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
	@touch $@

.venvs/%/.made: stages/%/requirements.lock | .venv/.made
	@echo "making the environment of $*"
	@$(UV) venv --quiet --clear --python .venv/bin/python .venvs/$*
	@$(UV) pip sync --quiet --compile-bytecode --python .venvs/$*/bin/python --require-hashes $<
	@.venvs/$*/bin/python shared/engine/link_openblas.py .venvs/$*
	@touch $@

.venvs/pytest/.made: tests/requirements.lock | .venv/.made
	@$(UV) pip install --quiet --target .venvs/pytest --require-hashes -r $<
	@touch $@

.venvs/runner/.made: runner/requirements.lock | .venv/.made
	@echo "making the environment of the native runner"
	@$(UV) venv --quiet --clear --python .venv/bin/python .venvs/runner
	@$(UV) pip sync --quiet --compile-bytecode --python .venvs/runner/bin/python --require-hashes $<
	@touch $@

.venvs/mlflow-server/.made: tools/mlflow_server/requirements.lock | .venv/.made
	@echo "making the environment of the MLflow server"
	@$(UV) venv --quiet --clear --python .venv/bin/python .venvs/mlflow-server
	@$(UV) pip sync --quiet --compile-bytecode --python .venvs/mlflow-server/bin/python --require-hashes $<
	@touch $@

.PHONY: lock
lock: .venv/.made ## compile every requirements.lock again from its pyproject.toml, and train's of the variant cuda
	@for folder in $(LOCKED); do echo $$folder; $(LOCK) $$folder/pyproject.toml -o $$folder/requirements.lock; done
	@echo stages/train, cuda; $(LOCK) --override stages/train/cuda.txt --constraint stages/train/requirements.lock \
	  stages/train/pyproject.toml -o stages/train/requirements.cuda.lock

.PHONY: tables
tables: .venv/.made ## write contracts and modules into the READMEs, the variables into docs/cluster.md, and docs/nodes.md
	@.venv/bin/python -m tools.tables.contracts
	@.venv/bin/python -m tools.tables.modules
	@.venv/bin/python -m tools.tables.variables
	@env -u GITOPS -u GITOPS_URL -u TRAIN_PROFILE .venv/bin/python -m tools.tables.nodes

.PHONY: pictures
pictures: .venv/.made ## the README's picture of the report of the last `make run`, into docs/pictures/report.png; needs Chromium or Chrome
	@.venv/bin/python -m tools.pictures

.PHONY: clean
clean: ## remove what `make run` made: .runs
	rm -rf .runs .cache

.PHONY: distclean
distclean: clean ## remove the environments too
	rm -rf .venv .venvs
