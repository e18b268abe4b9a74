# SPDX-License-Identifier: MIT
# The door: what lies behind it is Meson and Ninja. Everything here can be run
# on a Debian machine that has gcc, make and git; scripts/setup fetches the
# rest.
#
#   make          set up and build; the command is then build/hvo
#   make run      and run the main job: hvo run $(ARGS)
#   make test     all tests, plain and with sanitizers, and short fuzz runs
#   make lint     all checks of the source
#   make fuzz     fuzz for FUZZ_SECONDS a target, keeping what is found
#   make boot     start the reference kernel under QEMU: ARCH=x86_64 (CPUS=,
#                 MEM=, BOOT="words of its command line")
#   make bench-boot  instructions for each huge page (ARCHS=, BENCH=)
#   make kernels-arm64  hvo host on Debian's kernels for arm64
#   make size     what the engine takes in a kernel: code and stack
#   make deb      Debian packages, in build-deb
#   make install  build and install (PREFIX, DESTDIR)
#   make clean    remove what was built

BUILD        ?= build
BUILD_ASAN   ?= build-asan
PREFIX       ?= /usr/local
FUZZ_SECONDS ?= 3600
ARCH         ?= x86_64
PAGE         ?= 4K
CPUS         ?= 1
MEM          ?= 1G
BOOT         ?= hugepages=64
BENCH        ?= hugepages=1500

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

run: all
	$(BUILD)/hvo run $(ARGS)

test: setup-test
	@scripts/test $(BUILD) $(BUILD_ASAN)

lint: setup-lint
	@scripts/lint

fuzz: setup-test
	@scripts/fuzz-all $(BUILD_ASAN) $(FUZZ_SECONDS)

boot: setup-boot
	@scripts/boot $(ARCH) PAGE=$(PAGE) CPUS=$(CPUS) MEM=$(MEM) -- $(BOOT)

bench-boot: setup-boot
	@PAGE=$(PAGE) scripts/bench-boot $(ARCHS) -- $(BENCH)

kernels-arm64: setup-kernels-arm64
	@scripts/build-arm64 build-arm64
	@tests/kernels/kernels.sh build-arm64/hvo scripts/guest \
		build-arm64/guest arm64

size: setup-boot
	@scripts/size

deb: setup-deb
	@scripts/deb build-deb

install: all
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD_ASAN) build-lint build-kernel build-deb \
		build-arm64

$(BUILD)/build.ninja: | setup-build
	@meson setup $(BUILD)

all: setup-build

setup-build:
	@scripts/setup build

setup-test:
	@scripts/setup build test kernels boot deb

setup-boot:
	@scripts/setup build boot

setup-deb:
	@scripts/setup build deb

setup-kernels-arm64:
	@scripts/setup build kernels-arm64

setup-lint:
	@scripts/setup build lint

.PHONY: all run test lint fuzz boot bench-boot kernels-arm64 size deb install \
	clean setup-build setup-test setup-boot setup-deb setup-kernels-arm64 \
	setup-lint
