# Habitual names for the scripts; see README.md.
.PHONY: deps build test test-unit demo demo-check bench soak format lint fuzz

deps:
	./scripts/deps.sh

build: deps
	cmake --preset release && cmake --build --preset release

test:
	./scripts/test.sh

test-unit:
	./scripts/test.sh --unit

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
