PYTHON ?= python3
BIN := .venv/bin
# On a terminal pip shows what it downloads.
QUIET := $(if $(MAKE_TERMOUT),,--quiet)
PAGE := .config/page

# pip does not compile the modules, since most are never imported (a third of the time of an
# installation); the first import of a module stores it compiled.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help predict serve train test lint docs format proto bench lock bench-peers soak fuzz sbom audit ray

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

predict: .venv/serve  ## classify one flower with models/iris-model.pth
	$(BIN)/stateserve predict --sepal-length 5.1 --sepal-width 3.5 --petal-length 1.4 --petal-width 0.2

serve: .venv/serve  ## serve models/iris-model.pth on http://127.0.0.1:8000
	$(BIN)/stateserve serve

train: .venv/train  ## retrain models/iris-model.pth (TRAIN='--seeds 0' for a short run)
	$(BIN)/python -m training $(TRAIN)

test: .venv/dev .venv/kserve-client .venv/openapi-clients  ## run the tests
	# Three on two cores: many tests wait for a process.
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal

lint: .venv/dev $(PAGE)/node_modules  ## check style, types, imports, dependencies, the page and the Dockerfile (needs npm)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry app stateserve
	$(BIN)/hadolint Dockerfile
	npm run --silent --prefix $(PAGE) lint

docs: .venv/dev  ## build the site of the documents, build/site
	$(BIN)/mkdocs build --quiet

format: .venv/dev $(PAGE)/node_modules  ## mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	npm run --silent --prefix $(PAGE) format

proto: .venv/protoc  ## write app/grpc/open_inference_pb2.py from its .proto
	mkdir -p build/proto/app/grpc
	# A different package name: it would clash with that of a client of the protocol.
	sed 's/^package inference;/package stateserve.inference;/' app/grpc/open_inference.proto \
		> build/proto/app/grpc/open_inference.proto
	PYTHONPATH=.venv/protoc $(BIN)/python -m grpc_tools.protoc -I build/proto \
		--python_out=. --pyi_out=. app/grpc/open_inference.proto

bench: .venv/dev  ## measure the service as ratios (8 min, 4 GB; needs wrk and taskset)
	$(BIN)/python -m benchmarks

bench-peers: .venv/dev  ## compare with other servers, each in its own environment (35 min, 10 GB)
	$(BIN)/python -m benchmarks.peers iris
	$(BIN)/python -m benchmarks.peers lenet

soak: .venv/dev  ## ten minutes at 80% of capacity: memory, errors, latency (needs wrk and taskset)
	$(BIN)/python -m benchmarks.soak

ray: .venv/dev deploy/.venv/ray  ## Ray Serve: kill one of two replicas under load (40 s; installs Ray)
	$(BIN)/python -m pytest tests/deploy/test_ray_serve.py

fuzz: .venv/fuzz  ## mutate checkpoints, cards and bodies in search of a fault (FUZZ_SECONDS=600; Linux)
	$(BIN)/python -m tests.fuzz

lock: .venv/supply  ## write constraints.txt from what is installed, and the image's requirements.lock
	$(BIN)/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//' > constraints.txt
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --annotation-style line --no-header \
	    --no-emit-index-url --no-emit-find-links --unsafe-package torch --extra images \
	    --constraint constraints.txt --output-file requirements.lock pyproject.toml
	# The warning that torch is not in it: torch has its own lock.
	sed -i '/^# WARNING/,$$d' requirements.lock

sbom: .venv/supply build/image  ## list what the image installs, as CycloneDX, in build/sbom.json
	# cyclonedx-py cannot read a dynamic version.
	version=$$($(BIN)/python -c 'import app; print(app.__version__)') && \
	    sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml > build/pyproject.toml
	$(BIN)/cyclonedx-py environment --pyproject build/pyproject.toml --mc-type application \
	    --output-reproducible --validate --output-file build/sbom.json build/image
	@$(BIN)/python -c 'import json; c = json.load(open("build/sbom.json"))["metadata"]["component"]; print("build/sbom.json:", c["name"], c["version"])'

audit: .venv/supply  ## look for known vulnerabilities in what the image installs (asks a database)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock --requirement torch.lock

# The same steps as in the Dockerfile, but without bytecode, because nothing here is run.
build/image: requirements.lock torch.lock
	rm -rf $@
	$(PYTHON) -m venv --without-pip $@
	for lock in torch requirements; do \
	    $(BIN)/python -m pip --python $@ install --quiet --no-compile --no-deps --only-binary=:all: \
	        --require-hashes --requirement $$lock.lock || exit 1; \
	done
	touch $@

# .venv/dev means that '.[dev]' is installed, and with it what serve and train need. Serving needs
# no extra; fuzz and supply need dev, too.
EXTRAS = [$*]
ALSO :=
.venv/serve: EXTRAS :=
.venv/dev: ALSO = .venv/train .venv/serve
.venv/fuzz .venv/supply: EXTRAS = [dev,$*]
.venv/fuzz .venv/supply: ALSO = .venv/dev .venv/train .venv/serve
.venv/%: pyproject.toml constraints.txt | .venv
	@echo 'Installing .$(EXTRAS) and PyTorch into .venv: a minute or two, once'
	@$(BIN)/python -m pip install $(QUIET) --no-compile --constraint constraints.txt --editable '.$(EXTRAS)'
	@touch $@ $(ALSO)

$(PAGE)/node_modules: $(PAGE)/package-lock.json
	@command -v npm >/dev/null || { echo 'npm is not installed: it installs what checks app/page' >&2; exit 1; }
	npm ci --silent --prefix $(PAGE)
	@touch $@

# In a separate folder: it needs older versions of packages that the tests use.
.venv/kserve-client: tests/kserve-client.txt | .venv/dev
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --upgrade --target $@ --requirement $<
	touch $@

# The generators of clients: one for Python, which needs another typer, and those of npm.
OPENAPI := tests/clients/openapi
.venv/openapi-clients: $(OPENAPI)/requirements.txt $(OPENAPI)/package-lock.json | .venv/dev
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --upgrade --target $@ --requirement $<
	if command -v npm >/dev/null; then npm ci --silent --prefix $(OPENAPI); fi
	touch $@

# In a separate folder: it needs an older protobuf than its output.
.venv/protoc: | .venv
	$(BIN)/python -m pip install --quiet --target $@ grpcio-tools==1.81.1

# A separate environment: Ray is large and has its own pins.
RAY_PINS := benchmarks/peers/ray_serve/constraints.txt
deploy/.venv/ray: pyproject.toml constraints.txt $(RAY_PINS)
	$(PYTHON) -m venv deploy/.venv
	deploy/.venv/bin/python -m pip install --quiet --constraint constraints.txt \
		--constraint $(RAY_PINS) --editable . 'ray[serve]'
	touch $@

.venv:
	$(PYTHON) -m venv .venv
