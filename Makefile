# Open LLM Leaderboard backend. `make help` lists the targets.
#
# lib/*.c is one library that every program links; a program is one file: cgi-bin/NAME.c becomes
# build/NAME.fcgi, cron/NAME.c becomes build/NAME, tests/*/NAME.c becomes build/tests/NAME.

BUILD   ?= build
PREFIX  ?= /usr/local
ifeq ($(origin CC),default)
CC       = gcc
endif
PKGS     = fcgi jansson libcurl sqlite3 libcrypto zlib libbrotlienc libbrotlidec libzstd liblz4
WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wformat=2 -Wundef -Wcast-qual -Wno-overlength-strings $(WERROR)
HARDEN   = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
OPT     ?= -O2 -g
CFLAGS  ?= $(OPT) $(HARDEN)
LDFLAGS ?= -pie -Wl,-z,relro,-z,now
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE $(WARN) $(CFLAGS) $(SANITIZE) -Ilib -I$(BUILD)/gen -MMD -MP
LIBS     = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lfcgi -lsnappy -lm

ifndef V
SAY      = @echo "  $(notdir $@)";
endif

LIB_OBJ  = $(patsubst lib/%.c,$(BUILD)/lib/%.o,$(wildcard lib/*.c)) $(BUILD)/lib/sql.o
FCGI     = $(patsubst cgi-bin/%.c,$(BUILD)/%.fcgi,$(wildcard cgi-bin/*.c))
TOOLS    = $(patsubst %.c,$(BUILD)/%,$(notdir $(wildcard cron/*.c tools/*.c)))
TESTBIN  = $(patsubst tests/programs/%.c,$(BUILD)/tests/%,$(wildcard tests/programs/*.c)) $(BUILD)/tests/faults.so
FUZZERS  = $(patsubst tests/fuzz/%.c,%,$(filter-out tests/fuzz/seeds.c,$(wildcard tests/fuzz/*.c)))
FUZZ     = -DFUZZ_REPLAY
PAGE     = $(foreach file,$(wildcard www/*.html www/*.css www/*.js www/*.json www/docs/*),$(BUILD)/$(file) $(BUILD)/$(file).gz)
NPM      = npm install --silent --no-fund --no-audit --ignore-scripts --fetch-retries=1 --prefix $(BUILD)
SWAGGER  = $(if $(shell command -v npm),$(BUILD)/www/docs/swagger-ui.css.gz)
ERRORS   = $(patsubst %,$(BUILD)/www/errors/%.html,$(shell awk '/^[1-9]/ { print $$1 }' www/errors.txt))
SOURCES  = $(wildcard lib/*.[ch] cgi-bin/*.c cron/*.c tools/*.c tests/*/*.[ch])

.PHONY: all help programs run test san fuzz sweep soak leaks bench abuse check format install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY:

all: ## build everything into build/, installing what is missing
	@tools/deps.sh build
	@$(MAKE) --no-print-directory programs

programs: $(FCGI) $(TOOLS) $(TESTBIN) $(patsubst %,$(BUILD)/tests/fuzz/%,$(FUZZERS) seeds) $(PAGE) $(SWAGGER) $(ERRORS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

$(BUILD)/gen/sql.h $(BUILD)/gen/sql.c &: sql/embed.awk $(wildcard sql/*.sql)
	@mkdir -p $(BUILD)/gen
	@awk -v out=$(BUILD)/gen -f sql/embed.awk $(sort $(wildcard sql/*.sql))

$(BUILD)/lib/sql.o: $(BUILD)/gen/sql.c
	@mkdir -p $(@D)
	$(SAY)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/lib/%.o: lib/%.c | $(BUILD)/gen/sql.h
	@mkdir -p $(@D)
	$(SAY)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/liblb.a: $(LIB_OBJ)
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.fcgi: cgi-bin/%.c $(BUILD)/liblb.a
	$(SAY)$(CC) $(ALL_CFLAGS) $< $(BUILD)/liblb.a -o $@ $(LDFLAGS) $(LIBS)

$(BUILD)/%: cron/%.c $(BUILD)/liblb.a
	$(SAY)$(CC) $(ALL_CFLAGS) $< $(BUILD)/liblb.a -o $@ $(LDFLAGS) $(LIBS)

$(BUILD)/%: tools/%.c $(BUILD)/liblb.a
	$(SAY)$(CC) $(ALL_CFLAGS) $< $(BUILD)/liblb.a -o $@ $(LDFLAGS) $(LIBS)

$(BUILD)/tests/%: tests/programs/%.c $(BUILD)/liblb.a
	@mkdir -p $(@D)
	$(SAY)$(CC) $(ALL_CFLAGS) $< $(BUILD)/liblb.a -o $@ $(LDFLAGS) $(LIBS)

# The fuzzers call the programs themselves, so these are a library, too: main() is NAME_main() there.
$(BUILD)/cgi-bin/%.o: cgi-bin/%.c | $(BUILD)/gen/sql.h
	@mkdir -p $(@D)
	$(SAY)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -Dmain=$*_main -c $< -o $@

$(BUILD)/programs.a: $(patsubst cgi-bin/%.c,$(BUILD)/cgi-bin/%.o,$(wildcard cgi-bin/*.c))
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/programs.a $(BUILD)/liblb.a
	@mkdir -p $(@D)
	$(SAY)$(CC) $(ALL_CFLAGS) $(FUZZ) $< $(BUILD)/programs.a $(BUILD)/liblb.a -o $@ $(LDFLAGS) $(LIBS) -pthread

$(BUILD)/tests/fuzz/seeds: tests/fuzz/seeds.c $(BUILD)/liblb.a
	@mkdir -p $(@D)
	$(SAY)$(CC) $(ALL_CFLAGS) $< $(BUILD)/liblb.a -o $@ $(LDFLAGS) $(LIBS)

# Loaded before a program's libraries: without the sanitizers, whose own allocator comes first.
$(BUILD)/tests/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(SAY)$(CC) $(filter-out $(SANITIZE) $(HARDEN),$(ALL_CFLAGS)) -fPIC -shared $< -o $@

$(BUILD)/www/errors/%.html: www/errors.txt
	@mkdir -p $(@D)
	@awk '$$1 == "$*" { sub(/^[0-9]+ /, ""); gsub(/["\\]/, "\\\\&"); printf "{\"detail\":\"%s\"}\n", $$0 }' $< >$@

$(BUILD)/www/%.gz: www/%
	@mkdir -p $(@D)
	@gzip -9nc $< >$@

$(filter-out %.gz,$(PAGE)): $(BUILD)/%: %
	@mkdir -p $(@D)
	@cp $< $@

# Swagger UI, with which /docs shows the API's description; without npm or its registry the page does by
# itself. (One of its dependencies would tell its makers of each installation: no scripts.)
$(BUILD)/www/docs/swagger-ui.css.gz:
	@mkdir -p $(@D)
	-@$(NPM) swagger-ui-dist@5 >/dev/null && \
	  for file in swagger-ui-bundle.js swagger-ui.css; do \
	      cp $(BUILD)/node_modules/swagger-ui-dist/$$file $(@D) && gzip -9nc $(@D)/$$file >$(@D)/$$file.gz || exit; \
	  done

run: all ## serve the leaderboard in the foreground, with a local Hub unless HF_ENDPOINT is given
	@exec tools/serve.sh $(BUILD)

test: ## build and run all tests
	@tools/deps.sh build test
	@$(MAKE) --no-print-directory programs js
	@BUILD=$(BUILD) tests/run.sh $(TESTS)

san: ## the same tests under AddressSanitizer and UBSan, in build/san
	@$(MAKE) --no-print-directory test BUILD=$(BUILD)/san OPT='-O1 -g -fno-omit-frame-pointer' \
	    HARDEN= LDFLAGS= SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'

# The official client that the local Hub is tried with, what drives the browser that the page is tried
# with, and what the API's description is checked with; the tests skip themselves where it is not there.
.PHONY: js
js: $(if $(shell command -v npm),$(BUILD)/node_modules/.js)
$(BUILD)/node_modules/.js: Makefile | $(SWAGGER)
	-@$(NPM) @huggingface/hub@2 playwright-core@1 ajv@8 ajv-formats@3 @redocly/cli@2 >/dev/null && touch $@

fuzz: ## fuzz the parsers of what comes from outside, SECONDS=60 for each (TARGET=votes: for one)
	@tools/deps.sh build fuzz
	@BUILD=$(BUILD) tests/fuzz/run.sh $(or $(SECONDS),60) $(or $(TARGET),$(FUZZERS))

sweep: ## fail each allocation, read, write… of the programs in turn, EACH=2000 points a scene and kind
	@tools/deps.sh build test
	@$(MAKE) --no-print-directory programs
	@BUILD=$(BUILD) tests/sweep.sh --each $(or $(EACH),2000) $(SCENES)

soak: ## serve for MINUTES=30 under load and mishaps that SEED=1 decides, and count
	@tools/deps.sh build test
	@$(MAKE) --no-print-directory programs
	@BUILD=$(BUILD) tests/soak.sh $(or $(MINUTES),30) $(or $(SEED),1)

leaks: ## programs and fetcher under valgrind, and their memory over REQUESTS=100000 to each
	@tools/deps.sh build test
	@tools/deps.sh leaks || true
	@$(MAKE) --no-print-directory programs js
	@$(MAKE) --no-print-directory programs BUILD=$(BUILD)/leaks SANITIZE=-DFOR_VALGRIND
	@BUILD=$(BUILD) tests/leaks.sh $(PART)

bench: ## print measurements as ratios: QUICK=1 in two minutes, PART=bodies one of them
	@tools/deps.sh build bench
	@$(MAKE) --no-print-directory programs
	@BUILD=$(BUILD) CC='$(CC)' tests/bench/run.sh $(PART)

abuse: ## print what is left for others beside slow clients and floods, PART=flood beside these alone
	@tools/deps.sh build abuse
	@$(MAKE) --no-print-directory programs
	@BUILD=$(BUILD) PART=$(PART) tests/abuse.sh

check: ## clang-format, clang-tidy, cppcheck, the house rules and both compilers, all without a word
	@tools/deps.sh build check
	@BUILD=$(BUILD) tools/check.sh

format: ## lay the sources out with clang-format
	clang-format -i $(SOURCES)

install: programs ## install under PREFIX=/usr/local, see tools/install.sh --help (DESTDIR= as usual)
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install.sh install $(BUILD)

uninstall: ## remove what install put there; settings and state stay
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install.sh uninstall

clean: ## remove what was built
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/*.d $(BUILD)/lib/*.d $(BUILD)/cgi-bin/*.d $(BUILD)/tests/*.d $(BUILD)/tests/fuzz/*.d)
