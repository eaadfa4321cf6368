# Makefile - builds, runs, checks and installs toll. Sources are found by wildcard; every path is
# relative, so that the tree may stand under a name with spaces.
#
#   make run      install what is missing, build, measure this machine, name the page
#   make check    every test, under 10 minutes;  make check-long: the full product, a night, or with
#                 PRODUCT=--cover a choice from it, an hour
#   make help     the other targets
#
# BUILD, CC, SAN (address,undefined or thread) and WERROR=1 choose a build; each compiler and each
# sanitizer wants a BUILD folder of its own, as `make check` does it: build, build/clang, build/asan, …

VERSION := 0.1.0
BUILD ?= build
comma := ,
ifeq ($(origin CC),default)
CC := gcc
endif
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# --- what there is -----------------------------------------------------------------------------

REQUIRED := hwloc jansson inih gsl

# A mechanism that wants a library says so in its first lines: /* needs: liburing */, as pkg-config
# calls it, or /* needs: nng/nng.h -lnng */ where that knows nothing of it. Where one is missing the
# file is left out.
needs = $(shell sed -n '1,10s,.*needs: *\([a-z0-9. /_+-]*[a-z0-9_+]\).*,\1,p' $(1))
packages = $(filter-out %.h -l%,$(1))
present = $(shell $(if $(call packages,$(1)),$(PKG_CONFIG) --exists $(call packages,$(1)) 2>/dev/null,:) \
	$(foreach header,$(filter %.h,$(1)),&& $(CC) -E -x c -include $(header) /dev/null >/dev/null 2>&1) \
	&& echo yes)
cflags_of = $(if $(call packages,$(1)),$(shell $(PKG_CONFIG) --cflags $(call packages,$(1))))
libs_of = $(if $(call packages,$(1)),$(shell $(PKG_CONFIG) --libs $(call packages,$(1)))) $(filter -l%,$(1))
buildable = $(foreach file,$(1),$(if $(call needs,$(file)),\
	$(if $(call present,$(call needs,$(file))),$(file)),$(file)))

FOUND := $(wildcard mechanisms/*.c mechanisms/plugins/*.c)
WANTING := $(if $(FOUND),$(shell grep -l 'needs: ' $(FOUND)))
LEFT_OUT := $(filter-out $(call buildable,$(WANTING)),$(WANTING))
# Those of one name register in this order: ring.c, which has the default, before ring-bytes.c.
MECHANISMS := $(filter-out $(LEFT_OUT) mechanisms/plugins/%,$(addsuffix .c,$(sort $(basename $(FOUND)))))
PLUGINS := $(filter-out $(LEFT_OUT),$(filter mechanisms/plugins/%,$(FOUND)))
# Of those built in: a plug-in links with what it needs itself.
WANTED := $(sort $(foreach file,$(filter $(MECHANISMS),$(WANTING)),$(call needs,$(file))))
PATTERNS := $(sort $(wildcard bench/patterns/*.h))

ifeq ($(MAKELEVEL),0)
$(foreach file,$(LEFT_OUT),$(info left out: $(file) (needs $(call needs,$(file)); make deps)))
endif

TOLL_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/*.c bench/conformance/*.c analysis/*.c \
	reports/*.c))
MECHANISM_OBJECTS := $(MECHANISMS:%.c=$(BUILD)/%.o)
WORKER_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/worker/*.c)) $(MECHANISM_OBJECTS)
PLUGIN_FILES := $(PLUGINS:mechanisms/plugins/%.c=$(BUILD)/plugins/%.so)
CONFORM_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/conform.c tests/conformance/*.c))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

# --- flags -------------------------------------------------------------------------------------

# Those of $(1) that this compiler takes.
known = $(shell for flag in $(1); do $(CC) -Werror $$flag -fsyntax-only -x c /dev/null \
	>/dev/null 2>&1 && echo $$flag; done)

WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wundef -Wvla -Wformat=2 \
	$(call known,-Wlogical-op -Wduplicated-cond) $(if $(filter 1,$(WERROR)),-Werror)
CFLAGS ?= $(if $(SAN),-O1,-O2) -g
# The measured loops: no indirect jump, and no luck in where a function or a loop happens to lie.
# Where a variable is at each instruction is not followed: that was a quarter of their compiling.
LOOPS := $(call known,-fno-jump-tables -falign-functions=64 -falign-loops=32 -fno-var-tracking)
# With sanitizers the loops' inlining (TOLL_HOT) is left to the compiler: 1 s a mechanism instead of 68.
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -Dalways_inline=unused \
	$(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined))

LANGUAGE := -std=gnu11 -D_GNU_SOURCE -DTOLL_VERSION=\"$(VERSION)\" -Ibench -I$(BUILD)
COMMON := $(LANGUAGE) -MMD -MP $(WARNINGS) $(CPPFLAGS) $(CFLAGS) $(SANITIZE)
TOLL_CFLAGS := -DTOLL_WITHOUT_PATTERNS -I. -Ianalysis -Ireports $(shell $(PKG_CONFIG) --cflags $(REQUIRED) 2>/dev/null)
TOLL_LIBS := $(shell $(PKG_CONFIG) --libs $(REQUIRED) 2>/dev/null) -lm
# libpfm4 knows the processors' events by name (bench/counters.c); pkg-config knows nothing of it.
LIBPFM := $(if $(call present,perfmon/pfmlib_perf_event.h -lpfm),-lpfm)
TOLL_LIBS += $(LIBPFM)
WORKER_CFLAGS := $(LOOPS) $(call cflags_of,$(WANTED))
WORKER_LIBS := $(call libs_of,$(WANTED)) -ldl -lrt -lpthread
LINK = $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS)
# One short line for each step; the whole command with V=1.
step = $(if $(V),mkdir -p $(@D); ,@mkdir -p $(@D); echo '$(1) $@';)

# --- building ----------------------------------------------------------------------------------

.PHONY: all run check check-long bench lint deps install uninstall clean help
.PHONY: analysis configs mechanisms reports tests

# What the build cannot do without and does not find.
MISSING := $(shell for library in $(REQUIRED); do \
	$(PKG_CONFIG) --exists $$library 2>/dev/null || echo $$library; done; \
	command -v $(firstword $(CC)) >/dev/null || echo $(firstword $(CC)))
ifneq ($(MISSING),)
$(BUILD)/flags: | missing
.PHONY: missing
missing:
	@echo 'toll: not found: $(MISSING); make deps installs what is missing' >&2; false
endif

all: $(BUILD)/toll $(BUILD)/toll-worker $(PLUGIN_FILES)

# Stamps: rewritten only when what they say changes, so what hangs on them is rebuilt then only.
stamp = @mkdir -p $(@D); printf '%s\n' $(1) | cmp -s - $@ || printf '%s\n' $(1) > $@
.PHONY: FORCE
FORCE:

$(BUILD)/flags: FORCE
	$(call stamp,'$(CC) $(COMMON) $(TOLL_CFLAGS) $(WORKER_CFLAGS)')
$(BUILD)/sources: FORCE
	$(call stamp,'$(TOLL_OBJECTS)' '$(WORKER_OBJECTS)' '$(LINK) $(TOLL_LIBS) $(WORKER_LIBS)')

$(BUILD)/libpfm: FORCE
	$(call stamp,'$(LIBPFM)')

names = $(notdir $(basename $(PATTERNS)))
$(BUILD)/patterns.h: FORCE
	$(call stamp,'/* patterns.h - every pattern there is; written by make from bench/patterns/. */' \
	'/* SPDX-License-Identifier: MIT */' '#ifndef TOLL_PATTERNS_H' '#define TOLL_PATTERNS_H' \
	$(foreach name,$(names),'#include "patterns/$(name).h"') \
	'#define TOLL_EACH_PATTERN(X$(comma) ...)$(foreach name,$(names), X($(name)$(comma) __VA_ARGS__))' \
	'#endif')

# What the programs say of their own build. The commit stands in a file of its own source, so that
# another one compiles that alone; where git says nothing of this folder there is none.
quoted = $(subst ','\'',$(subst ",\",$(subst \,\\,$(strip $(1)))))
FLAGS = -std=gnu11 $(CPPFLAGS) $(CFLAGS) $(SANITIZE)
COMMIT = $(shell test -e .git && commit=$$(git rev-parse --short=12 HEAD 2>/dev/null) && echo $$commit$$( \
	GIT_OPTIONAL_LOCKS=0 git diff --quiet HEAD -- 2>/dev/null || echo +))
versions = $(foreach package,$(1),$(package) $(shell $(PKG_CONFIG) --modversion $(package) 2>/dev/null))
$(BUILD)/built.h: FORCE
	$(call stamp,'/* built.h - how toll was built; written by make. */' \
	'#define BUILT_COMMIT "$(call quoted,$(COMMIT))"' '#define BUILT_FLAGS "$(call quoted,$(FLAGS))"' \
	'#define BUILT_LIBRARIES "$(call quoted,$(call versions,$(REQUIRED)))"' \
	'#define BUILT_WITHOUT "$(call quoted,$(foreach file,$(LEFT_OUT),\
		$(notdir $(basename $(file))) (needs $(strip $(call needs,$(file))))))"')
$(BUILD)/built_worker.h: FORCE
	$(call stamp,'/* built_worker.h - how toll-worker was built; written by make. */' \
	'/* SPDX-License-Identifier: MIT */' \
	'#define BUILT_FLAGS "$(call quoted,$(FLAGS) $(LOOPS))"' \
	'#define BUILT_LIBRARIES "$(call quoted,$(call versions,$(call packages,$(WANTED))))"')

# What toll new writes.
TEMPLATES := $(wildcard bench/templates/*)
$(BUILD)/templates.h: $(TEMPLATES)
	@mkdir -p $(@D)
	@{ echo '/* templates.h - bench/templates/ as text; written by make. */'; $(foreach file,$(TEMPLATES),\
		echo 'static const char template_$(notdir $(basename $(file)))[] ='; \
		sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $(file); echo ';';) } > $@

$(BUILD)/toll: $(TOLL_OBJECTS) $(BUILD)/sources
	$(call step,link)$(LINK) -o $@ $(TOLL_OBJECTS) $(TOLL_LIBS)
$(BUILD)/toll-worker: $(WORKER_OBJECTS) $(BUILD)/sources
	$(call step,link)$(LINK) -rdynamic -o $@ $(WORKER_OBJECTS) $(WORKER_LIBS)

$(BUILD)/bench/worker/%.o $(BUILD)/mechanisms/%.o: EXTRA := $(WORKER_CFLAGS)
$(TOLL_OBJECTS): EXTRA := $(TOLL_CFLAGS)
$(WORKER_OBJECTS): | $(BUILD)/patterns.h
$(BUILD)/bench/counters.o: EXTRA += $(if $(LIBPFM),-DTOLL_LIBPFM)
$(BUILD)/bench/counters.o: $(BUILD)/libpfm
$(BUILD)/bench/new.o: | $(BUILD)/templates.h
$(BUILD)/bench/account.o: | $(BUILD)/built.h
$(BUILD)/bench/worker/describe.o: | $(BUILD)/built_worker.h
$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call step,cc)$(CC) $(COMMON) $(EXTRA) -c -o $@ $<

# A source straight to something that runs or loads.
straight = $(CC) $(COMMON) $(1) -MF $@.d -MT $@ $(LDFLAGS) -o $@ $<

# Any mechanism, unchanged, as a plug-in.
PLUGIN = $(call straight,$(WORKER_CFLAGS) -fPIC -shared)
$(BUILD)/plugins/%.so: mechanisms/plugins/%.c $(BUILD)/flags $(BUILD)/patterns.h
	$(call step,plug-in)$(call straight,$(WORKER_CFLAGS) $(call cflags_of,$(call needs,$<)) -fPIC -shared) \
		$(call libs_of,$(call needs,$<))
$(BUILD)/plugins/%.so: mechanisms/%.c $(BUILD)/flags $(BUILD)/patterns.h
	$(call step,plug-in)$(PLUGIN)
# Those of the tests are never measured: built without the inlining that takes the time.
$(BUILD)/plugins/%.so: tests/plugins/%.c $(BUILD)/flags $(BUILD)/patterns.h
	$(call step,plug-in)$(call straight,$(WORKER_CFLAGS) -fPIC -shared -O0 -Dalways_inline=unused)
# The ring as a plug-in beside the one built in: only its name is another.
$(BUILD)/plugins/ring-plugin.c: mechanisms/ring.c
	@mkdir -p $(@D); sed 's/\.name = "ring"/.name = "ring-plugin"/' $< > $@
$(BUILD)/plugins/ring-plugin.so: $(BUILD)/plugins/ring-plugin.c $(BUILD)/flags $(BUILD)/patterns.h
	$(call step,plug-in)$(call straight,$(WORKER_CFLAGS) -Imechanisms -fPIC -shared)

# Changed copies of mechanisms, which conformance has to find out (tests/mutants/run). They are made anew
# each time, and warned of nothing: what a mutation leaves unused is no mistake.
$(BUILD)/mutants/%.so: $(BUILD)/mutants/%.c $(BUILD)/patterns.h
	$(call step,mutant)$(call straight,$(WORKER_CFLAGS) -Imechanisms -fPIC -shared -O0 -Dalways_inline=unused -w)

# A changed copy of a mechanism, built as the mechanisms are (tests/hotpath.sh).
$(BUILD)/mutant/%.o: $(BUILD)/mutant/%.c $(BUILD)/patterns.h
	$(call step,cc)$(CC) $(COMMON) -Imechanisms $(WORKER_CFLAGS) -c -o $@ $<

$(BUILD)/man/%: reports/man/%.scd
	$(call step,man)scdoc < $< > $@

# --- running -----------------------------------------------------------------------------------

# As many jobs as there are CPUs, unless the user said how many.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

run:
	@.ci/deps --needed
	+@$(MAKE) --no-print-directory $(JOBS) all
	@$(BUILD)/toll run

# --- testing -----------------------------------------------------------------------------------

# All of toll but main(), so that a test links with what it tests.
$(BUILD)/toll.a: $(TOLL_OBJECTS) $(BUILD)/sources
	$(call step,ar)rm -f $@; ar rcs $@ $(filter-out %/main.o,$(TOLL_OBJECTS))

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/toll.a $(BUILD)/flags
	$(call step,cc)$(call straight,$(TOLL_CFLAGS)) $(BUILD)/toll.a -lcmocka $(TOLL_LIBS)

$(CONFORM_OBJECTS): EXTRA := $(TOLL_CFLAGS)
CONFORM_PLUGINS := $(patsubst tests/plugins/%.c,$(BUILD)/plugins/%.so,$(wildcard tests/plugins/*.c)) \
	$(BUILD)/plugins/ring-plugin.so
$(BUILD)/conform: $(CONFORM_OBJECTS) $(BUILD)/toll.a | $(BUILD)/toll-worker $(CONFORM_PLUGINS)
	$(call step,link)$(LINK) -o $@ $(CONFORM_OBJECTS) $(BUILD)/toll.a $(TOLL_LIBS)

# The goals of the statistics: simulated first, then on this machine; a quick part in make check.
STATS := $(patsubst tests/stat/%.c,$(BUILD)/stat-%,$(sort $(wildcard tests/stat/*.c)))
# The slowed copies of mechanisms that they name: "pipe-slowed".
SLOWED := $(shell grep -oh '"[a-z-]*-slowed"' $(wildcard tests/stat/*.c) | tr -d '"' | sort -u)
.PHONY: stat-check stat
stat: all $(STATS) $(SLOWED:%=$(BUILD)/slowed/%.so)
stat-check: stat
	@status=0; for stat in $(filter %-simulated,$(STATS)) $(filter-out %-simulated,$(STATS)); do \
		echo "== $$stat"; BUILD=$(BUILD) $$stat || status=1; done; exit $$status
$(BUILD)/stat-%: tests/stat/%.c $(BUILD)/toll.a $(BUILD)/flags
	$(call step,cc)$(call straight,$(TOLL_CFLAGS)) $(BUILD)/toll.a $(TOLL_LIBS)

.SECONDARY: $(SLOWED:%=$(BUILD)/slowed/%.c)
$(BUILD)/slowed/%-slowed.c: mechanisms/%.c tests/inlined.awk tests/stat/slowed.awk $(wildcard mechanisms/*.h)
	$(call step,slow)awk -f tests/inlined.awk $< | awk -f tests/stat/slowed.awk > $@
$(BUILD)/slowed/%.so: $(BUILD)/slowed/%.c $(BUILD)/flags $(BUILD)/patterns.h
	$(call step,plug-in)$(call straight,$(WORKER_CFLAGS) -Imechanisms -Itests/stat -fPIC -shared)

# What the analysis answers, for R and SciPy to answer as well.
$(BUILD)/oracle-answers: tests/oracle/answers.c $(BUILD)/toll.a $(BUILD)/flags
	$(call step,cc)$(call straight,$(TOLL_CFLAGS)) $(BUILD)/toll.a $(TOLL_LIBS)

$(BUILD)/bench-%: tests/bench/%.c $(BUILD)/toll.a $(BUILD)/flags
	$(call step,cc)$(call straight,$(TOLL_CFLAGS)) $(BUILD)/toll.a $(TOLL_LIBS)

# libFuzzer's targets, of a build of their own: CC=clang SAN=fuzzer-no-link,address,undefined.
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/*.c))
.PHONY: fuzzers
fuzzers: $(FUZZERS)
$(FUZZERS): $(BUILD)/%: tests/fuzz/%.c $(BUILD)/toll.a $(BUILD)/flags
	$(call step,fuzzer)$(call straight,$(TOLL_CFLAGS) -fsanitize=fuzzer) $(BUILD)/toll.a $(TOLL_LIBS)

# What runs in the guests of tests/kernels: they have no library but toll's.
$(BUILD)/kernels/%: tests/kernels/%.c $(BUILD)/flags
	$(call step,guest)$(call straight) -static

# The hand-written loops that toll's are compared with.
$(BUILD)/bare/%.so: tests/bench/bare/%.c $(BUILD)/flags $(BUILD)/patterns.h
	$(call step,plug-in)$(PLUGIN)

# What the tests run, of one build; with sanitizers, in the long check, also every mechanism as a plug-in.
.PHONY: conform tested
conform: all $(BUILD)/conform
tested: conform $(UNIT_TESTS) $(if $(SAN),,$(STATS) $(BUILD)/oracle-answers) \
	$(if $(SAN),$(if $(filter long,$(TOLL_CHECK)),$(MECHANISMS:mechanisms/%.c=$(BUILD)/plugins/%.so)))

check check-long: export CC := $(CC)
check:
	@.ci/deps --tests
	+@BUILD=$(BUILD) MAKE='$(MAKE)' JOBS='$(JOBS)' tests/check short
check-long:
	@.ci/deps --tests
	@.ci/deps --long --needed
	+@BUILD=$(BUILD) MAKE='$(MAKE)' JOBS='$(JOBS)' PRODUCT='$(PRODUCT)' tests/check long

# One after the other: they time things.
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench-%,$(wildcard tests/bench/*.c))
BARE := $(patsubst tests/bench/bare/%.c,$(BUILD)/bare/%.so,$(wildcard tests/bench/bare/*.c))
bench: all $(BENCHES) $(BARE)
	@status=0; for bench in $(BENCHES) $(wildcard tests/bench/*.sh); do \
		echo "== $$bench"; BUILD=$(BUILD) $$bench || status=1; done; exit $$status

lint:
	@.ci/deps --lint
	+@BUILD=$(BUILD) MAKE='$(MAKE)' JOBS='$(JOBS)' tests/check lint

SOURCES := $(wildcard bench/*.c bench/*/*.c analysis/*.c reports/*.c mechanisms/*.c \
	mechanisms/plugins/*.c tests/*.c tests/*/*.c)
HEADERS := $(wildcard bench/*.h bench/*/*.h analysis/*.h reports/*.h mechanisms/*.h tests/*.h tests/*/*.h)
SOURCES := $(filter-out $(LEFT_OUT),$(SOURCES))
.PHONY: format lint-format lint-tidy lint-cppcheck
format:
	clang-format -i $(SOURCES) $(HEADERS)
lint-format:
	@clang-format --dry-run -Werror $(SOURCES) $(HEADERS)
# The analyzer's walk takes most of the time: the product is worth it, tests are not. NODES: how far it
# goes in a function; make lint NODES=225000, clang's own measure, takes four times as long. Without it the
# patterns are walked in two mechanisms, one in shared memory and one of descriptors, and of the others the
# verbs: the same patterns again and again were half of all linting.
analyzer = $(foreach word,-analyzer-config max-nodes=$(or $(NODES),20000),--extra-arg=-Xclang --extra-arg=$(word))
walked = mechanisms/ring.c mechanisms/pipe.c
verbs = $(if $(NODES),,$(if $(filter mechanisms/%,$(filter-out $(walked),$(1))),-DTOLL_WITHOUT_PATTERNS))
lint-tidy: $(SOURCES:%.c=$(BUILD)/lint/%.tidy)
# Another commit is no reason to look at all of it again.
BUILT := $(addprefix $(BUILD)/,built.h built_worker.h)
$(BUILD)/lint/%.tidy: %.c .clang-tidy $(HEADERS) $(BUILD)/patterns.h $(BUILD)/templates.h | $(BUILT)
	$(call step,tidy)clang-tidy --quiet $(analyzer) $(if $(filter tests/%,$<),--checks=-clang-analyzer-*) $< -- \
		$(LANGUAGE) $(if $(filter $(<:%.c=$(BUILD)/%.o),$(TOLL_OBJECTS)),$(TOLL_CFLAGS),\
		$(filter-out -DTOLL_WITHOUT_PATTERNS,$(TOLL_CFLAGS)) $(call verbs,$<)) $(WORKER_CFLAGS) -Wall -Wextra -Wshadow
	@touch $@
lint-cppcheck: $(BUILD)/patterns.h $(BUILD)/templates.h $(BUILT)
	cppcheck --quiet -j $(shell nproc) --std=c11 --language=c -D__cppcheck__ $(filter-out -std%,$(LANGUAGE)) \
		-Ianalysis -Ireports --enable=warning,style,performance,portability --inline-suppr \
		--error-exitcode=1 --suppress=missingIncludeSystem $(SOURCES)

# --- installing --------------------------------------------------------------------------------

DEST = $(DESTDIR)$(PREFIX)
PAGES := $(patsubst reports/man/%.scd,%,$(wildcard reports/man/*.scd))
SCDOC := $(shell command -v scdoc)
MANUALS := $(if $(SCDOC),$(PAGES:%=$(BUILD)/man/%))

# What a plug-in is compiled with: its loops are what is measured, hence -O2 and LOOPS. It finds its
# place from its own, so that what stands under DESTDIR works there as well.
$(BUILD)/toll.pc: FORCE
	$(call stamp,'prefix=$${pcfiledir}/../..' 'includedir=$${prefix}/include/toll' '' 'Name: toll' \
	'Description: what a mechanism of toll is compiled with; man toll-mechanism' 'Version: $(VERSION)' \
	'Cflags: -std=gnu11 -D_GNU_SOURCE -O2 $(filter-out -fno-var-tracking,$(LOOPS)) -I$${includedir}')

install: all $(MANUALS) $(BUILD)/toll.pc
	install -d '$(DEST)/bin' '$(DEST)/libexec/toll' '$(DEST)/include/toll/patterns' '$(DEST)/share/toll'
	install $(BUILD)/toll '$(DEST)/bin/'
	install $(BUILD)/toll-worker '$(DEST)/libexec/toll/'
	$(if $(PLUGIN_FILES),install -d '$(DEST)/libexec/toll/plugins')
	$(if $(PLUGIN_FILES),install -m 644 $(PLUGIN_FILES) '$(DEST)/libexec/toll/plugins/')
	install -m 644 bench/toll.h $(BUILD)/patterns.h '$(DEST)/include/toll/'
	install -m 644 $(PATTERNS) '$(DEST)/include/toll/patterns/'
	cp -R configs '$(DEST)/share/toll/'
	install -m 644 $(wildcard reports/*.gp) '$(DEST)/share/toll/'
	install -d '$(DEST)/share/pkgconfig'
	install -m 644 $(BUILD)/toll.pc '$(DEST)/share/pkgconfig/'
	$(if $(SCDOC),,@echo 'left out: the manual pages (scdoc is missing; make deps)')
ifneq ($(MANUALS),)
	$(foreach section,1 7,install -d '$(DEST)/share/man/man$(section)'; \
		install -m 644 $(filter %.$(section),$(MANUALS)) '$(DEST)/share/man/man$(section)/';)
endif

uninstall:
	rm -rf '$(DEST)/libexec/toll' '$(DEST)/include/toll' '$(DEST)/share/toll' '$(DEST)/bin/toll'
	rm -f '$(DEST)/share/pkgconfig/toll.pc' $(foreach page,$(PAGES),\
		'$(DEST)/share/man/man$(patsubst .%,%,$(suffix $(page)))/$(page)')

deps:
	@.ci/deps

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#   //p' Makefile
	@echo 'others: all bench clean deps install lint stat-check uninstall; PREFIX, DESTDIR, CC, WERROR=1'

-include $(patsubst %.o,%.d,$(TOLL_OBJECTS) $(WORKER_OBJECTS) $(CONFORM_OBJECTS)) \
	$(wildcard $(patsubst %,$(BUILD)/%/*.d,. plugins unit bare slowed kernels))
