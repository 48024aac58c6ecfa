# Habitual names for the scripts; see README.md.
.PHONY: deps build test test-unit differential demo demo-check bench soak format lint fuzz

deps:
	./scripts/deps.sh

build: deps
	cmake --preset release && cmake --build --preset release

test:
	./scripts/test.sh

test-unit:
	./scripts/test.sh --unit

# The comparison with a real Prometheus at length: 2,000 queries of the whole grammar, then as many with a new seed.
differential: build
	THANOS_DIFF_GRAMMAR=2000 THANOS_DIFF_QUERIES=200 python3 -m unittest -v tests.integration.test_differential
	THANOS_DIFF_SEED=$$(date +%s) THANOS_DIFF_GRAMMAR=2000 THANOS_DIFF_QUERIES=200 python3 -m unittest -v tests.integration.test_differential

demo:
	./scripts/demo.sh

demo-check:
	./scripts/demo.sh --check

bench: build
	./scripts/bench.sh

soak: build
	./scripts/soak.sh

format:
	git ls-files '*.h' '*.cc' | xargs clang-format-14 -i

lint:
	./scripts/lint.sh

fuzz:
	./scripts/fuzz.sh
