# make            set up an environment (.venv), train LeNet, convert it: models/json_models/keras/model.json
# make convert    convert the models that need no training, in a small environment without TensorFlow
#                 (make convert ARGS=--continue goes on past a broken model)
# make test       the tests, on both stacks where a Python 3.6 is found (ARGS="tests/unit -k name" for some of them)
# make view       see the converted models in the browser; make view MODEL=mine: that one
# make image      the container image; make docker-convert converts in it
# make clean      remove what was built, and nothing else
#
# PYTHON=python3.12 takes that Python; PYTHON=python3.6 builds with the pinned stack of 2021 in .venv-py36.

MAKEFLAGS += --no-print-directory
SUITABLE = import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))

# The environment's own Python comes first, so that another python3 on the PATH does not make the environment anew.
ifndef PYTHON
CHOSEN := $(shell for p in .venv/bin/python python3 python3.13 python3.12 python3.11 python3.10; do \
	"$$p" -c "$(SUITABLE)" >/dev/null 2>&1 && echo "$$p" && break; done)
CHOSEN := $(or $(CHOSEN),python3)
else
CHOSEN := $(PYTHON)
endif

# A missing Python is an error only in a recipe, since not every target needs one.
RUNS = $(shell "$(CHOSEN)" -c "print(1)" 2>/dev/null)
SET_UP = $(if $(RUNS),,$(error $(CHOSEN) is no Python that runs here: install Python 3.10 - 3.13 with venv, or name \
	another one, as in: make PYTHON=python3.12))"$(CHOSEN)" scripts/bootstrap.py

# exec: no shell stands between make and what it runs, which would live on where the shell is killed.
build:
	@exec $(SET_UP) train -- -m doit convert

convert:
	@WITHOUT_TRAINING=1; export WITHOUT_TRAINING; exec $(SET_UP) convert -- -m doit $(ARGS) convert

ROLES = train reference test onnx view notebook

# Without PYTHON `make test` tests the modern stack, then Python 3.6's; `make -j2 test` tests both at once.  Both run,
# even if the first one fails.  All environments are made before the tests, since the tests of one stack compare its
# models with the other's.  The modern one is made first: that is quick, or says what is in the way.
# tests/artifacts alone is about what models/ holds: it sets up no second stack, and runs on one that is there.
# SHARES=2: two processes of each stack share its tests (tests/turns.py), for machines that are faster so
# (make -j4 test SHARES=2).  SHARES36 is the number for Python 3.6 where it is another one.
SHARES = 1
SHARES36 = $(SHARES)
MODERN = $(patsubst %,test-modern-%,$(wordlist 1,$(SHARES),1 2 3 4))
OLD = $(patsubst %,test-py36-%,$(wordlist 1,$(SHARES36),1 2 3 4))
WANTED36 = $(if $(filter tests/artifacts%,$(ARGS)),,1)
EACH = $(if $(filter-out 1,$(SHARES)),-p tests.turns)

test:
ifdef PYTHON
	@$(SET_UP) $(ROLES) -- -m pytest $(EACH) $(ARGS)
else
	@$(SET_UP) $(ROLES)
	@status=0; python36=; turns=$$(mktemp -d) || exit; \
	if [ "$(WANTED36)" ] || [ -d .venv-py36 ] || [ "$$REQUIRE_ALL" = 1 ]; then \
		python36=$$($(SET_UP) --python36) && { $(MAKE) -k environments36 PYTHON36="$$python36" || status=1; }; \
	fi; \
	TURNS=$$turns $(MAKE) -k $(MODERN) $(OLD) PYTHON36="$$python36" || status=1; \
	rm -r "$$turns"; \
	exit $$status
endif

test-modern-%:
	@$(MAKE) test PYTHON="$(CHOSEN)"

test-py36-%:
	@if [ -n "$(PYTHON36)" ]; then \
		echo; echo "The same tests on Python 3.6 ($(PYTHON36)):"; \
		$(MAKE) test PYTHON="$(PYTHON36)"; \
	else \
		echo "NOT TESTED on Python 3.6, the image's: $(if $(WANTED36),none was found here,it is not set up here: \
make PYTHON=python3.6 does that)" >&2; \
		[ "$$REQUIRE_ALL" != 1 ]; \
	fi

# What the tests need.
environment:
	@$(SET_UP) $(ROLES)

# What they need of Python 3.6 (PYTHON36 names it): the stack, and Keras 2.3.1.
environments36: environment-py36 environment-keras231

environment-py36:
	@"$(PYTHON36)" scripts/bootstrap.py $(ROLES)

environment-keras231:
	@"$(PYTHON36)" scripts/bootstrap.py keras231

view:
	@exec $(SET_UP) train view -- -m doit $(if $(MODEL),view:$(MODEL),view)

image:
	@exec $(SET_UP) convert -- -m doit image

docker-convert:
	@exec docker compose -f docker/compose.yaml run --rm --user "$$(id -u):$$(id -g)" convert

bench:
	@exec $(SET_UP) train view -- -m doit bench

lock:
	@exec "$(CHOSEN)" -m scripts.lock

clean:
	@exec $(SET_UP) convert -- -m doit clean -a

.PHONY: build convert test environment environments36 environment-py36 environment-keras231 view image docker-convert bench lock clean
