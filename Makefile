# Everything a person or CI does with this repository. The work is in scripts/ and in CMakePresets.json.
CXX_SOURCES = $(shell git ls-files --cached --others --exclude-standard -- 'include/*.h' 'src/*.cc' 'src/*.h' \
                'tests/*.cc' 'tests/*.h' 'bench/*.cc' 'bench/*.h')

.PHONY: help build test demo bench format tidy sanitize fuzz test-pypi clean

help:
	@echo 'make build      the program: build/fittest'
	@echo 'make test       installs what is missing, builds, runs every test, the sanitized ones too'
	@echo 'make demo       pytest -n auto beside fittest pytest, under the same hard memory limit'
	@echo 'make bench      the measurements in bench/'
	@echo 'make sanitize   the unit tests with address, undefined and thread sanitizers'
	@echo 'make fuzz       an hour of garbage for what reads foreign bytes (Clang 14)'
	@echo 'make test-pypi  the end-to-end tests with the newest pytest 7, 8 and 9 of PyPI'
	@echo 'make format     clang-format;  make tidy: clang-tidy'

build:
	@scripts/build release fittest

test:
	@scripts/test

demo:
	@scripts/setup build demo
	@scripts/build release fittest
	@scripts/demo

bench:
	@scripts/setup build demo bench
	@scripts/bench

sanitize:
	@scripts/test sanitize

fuzz:
	@scripts/setup build test
	@scripts/fuzz

test-pypi:
	@scripts/build release
	@scripts/test-pypi

format:
	clang-format-14 -i $(CXX_SOURCES)

tidy:
	@scripts/build release
	run-clang-tidy -quiet -p build '/src/'

clean:
	rm -rf build build-asan build-tsan build-bench build-fuzz
