# `make run` and `make test` are all that a fresh Debian machine with a Rust toolchain needs.
.PHONY: run build test unit acceptance check bench chaos lives guest sim deps clean-tests
CARGO ?= cargo
PYTEST = .venv/bin/pytest -c acceptance/pytest.ini --rootdir acceptance acceptance

# Starts everything on 127.0.0.1:4566 in the foreground; Ctrl-C stops it. ARGS="--stop-tasks" and the like are passed on.
run: build
	@exec target/release/longshore up $(ARGS)

build:
	@scripts/deps run
	$(CARGO) build --release --locked -p server

# All that must pass.
test:
	@scripts/deps test
	$(MAKE) --no-print-directory check unit acceptance

unit:
	$(CARGO) nextest run --workspace --locked --no-fail-fast

# Starts the real binary and drives it with unmodified clients; needs root.
acceptance:
	@scripts/deps test
	$(CARGO) build --locked -p server
	$(PYTEST) $(ARGS)

check:
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) xtask tidy
	$(CARGO) deny --all-features check bans licenses sources

# Each figure beside a peer measured in the same run, printed as a ratio.
bench: build
	@scripts/deps bench
	$(CARGO) build --release --locked -p agent --example floor
	.venv/bin/python benches/run.py $(ARGS)
	.venv/bin/python benches/tasks.py
	.venv/bin/python benches/heal.py
	.venv/bin/python benches/balancer.py $(ARGS)
	.venv/bin/python benches/registry.py

# Random kills for three minutes over 200 tasks: make chaos SEED=7. Needs root.
chaos:
	@scripts/deps test
	$(CARGO) build --locked -p server
	CHAOS=full SEED=$(SEED) .venv/bin/pytest -c acceptance/pytest.ini --rootdir acceptance acceptance/test_chaos.py -s

# On a machine of its own with pure cgroup v2 and NFS, by QEMU: make guest ARGS="test_guest.py test_tasks.py". Needs root.
guest:
	$(CARGO) build --locked -p server
	scripts/guest $(or $(ARGS),test_guest.py)

# A thousand tasks, one after the other: nothing stays behind. Needs root.
lives:
	@scripts/deps test
	$(CARGO) build --locked -p server
	LIVES=1000 .venv/bin/pytest -c acceptance/pytest.ini --rootdir acceptance acceptance/test_lives.py -s

# One simulated world: make sim SEED=7 STEPS=200. Many: make sim SEED=1 ARGS="--seeds 100".
SEED ?= 1
STEPS ?= 200
sim:
	$(CARGO) run --locked -q -p sim -- --seed $(SEED) --steps $(STEPS) $(ARGS)
