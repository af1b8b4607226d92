# relayd - the only build file.  GNU make, no configure step; `make help` lists
# the targets.  A folder's sources are taken by wildcard: no list to keep.

PREFIX	?= /usr/local
BINDIR	?= $(PREFIX)/bin
SBINDIR	?= $(PREFIX)/sbin
MANDIR	?= $(PREFIX)/share/man
ETCDIR	?= /etc
UNITDIR	?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR	?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR	?= $(PREFIX)/lib/tmpfiles.d
COMPDIR	?= $(PREFIX)/share/bash-completion/completions
ZSHDIR	?= $(PREFIX)/share/zsh/site-functions
FISHDIR	?= $(PREFIX)/share/fish/vendor_completions.d

CC	= gcc
PYTHON	?= python3
SAN	?=
WERROR	?= 0
V	?= 0

comma	:= ,
variant	= $(if $(SAN),san-$(subst $(comma),-,$(SAN)),release)$(if $(findstring clang,$(CC)),-clang)
O	?= build/$(variant)

VERSION	:= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1)

# --- flags -----------------------------------------------------------------
is_clang	:= $(shell $(CC) --version 2>/dev/null | grep -c clang)

warnings = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla \
	-Wimplicit-fallthrough -Wnull-dereference -Wswitch-enum
ifeq ($(is_clang),0)
warnings += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
else
warnings += -Wcomma -Wconditional-uninitialized
endif
ifeq ($(WERROR),1)
warnings += -Werror
endif
# Strangers' bytes become integers in these two.
strict = -Wconversion -Wsign-conversion

ifeq ($(SAN),)
hardening = -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
	-fstack-protector-strong -fstack-clash-protection
ifneq ($(filter x86_64 i%86,$(shell uname -m)),)
hardening += -fcf-protection
endif
ifeq ($(is_clang),0)
hardening += -ftrivial-auto-var-init=zero
endif
hardening_ld = -pie -Wl,-z,relro,-z,now,-z,noexecstack
else
hardening = -O1 -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
hardening_ld = -fsanitize=$(SAN)
endif

std	= -std=c11 -D_GNU_SOURCE -I. -g -fPIE -pthread
CFLAGS	?=
ALL_CFLAGS	= $(std) $(hardening) $(warnings) $(CFLAGS)
ALL_LDFLAGS	= $(hardening_ld) -pthread $(LDFLAGS)

pc	= $(shell pkg-config --$(1) $(2))
proto_pc	= libcjson libsodium libzstd zlib
store_pc	= lmdb libsodium
ctl_pc	= libqrencode
tui_pc	= $(ctl_pc) ncursesw libevent_core
relayd_pc	= libevent_core libcurl libcares inih
proto_libs	= $(call pc,libs,$(proto_pc))
store_libs	= $(call pc,libs,$(store_pc))
ctl_libs	= $(call pc,libs,$(ctl_pc))
tui_libs	= $(call pc,libs,$(tui_pc))
relayd_libs	= $(call pc,libs,$(relayd_pc))

# --- sources ---------------------------------------------------------------
proto_src	:= $(filter-out proto/version.c,$(wildcard proto/*.c proto/dialect/*.c))
store_src	:= $(wildcard store/*.c)
relayd_src	:= $(filter-out relayd/main.c,$(wildcard relayd/*.c relayd/provider/*.c relayd/messenger/*.c relayd/ctl/*.c))
tui_src	:= $(filter-out relay-tui/main.c relay-tui/relayctl.c,$(wildcard relay-tui/*.c relay-tui/noun/*.c relay-tui/screen/*.c))
upstream_src	:= $(wildcard tests/upstream/*.c)
bench_src	:= $(wildcard tests/bench/*.c)
unit_src	:= $(wildcard tests/unit/test_*.c)
fuzz_src	:= $(wildcard tests/fuzz/fuzz_*.c)
support_src	:= $(wildcard tests/support/*.c)
headers	:= $(wildcard proto/*.h proto/*/*.h store/*.h relayd/*.h relayd/*/*.h relay-tui/*.h relay-tui/*/*.h tests/*/*.h)
formatted	= $(wildcard proto/*.[ch] proto/dialect/*.[ch] store/*.[ch] \
	relayd/*.[ch] relayd/provider/*.[ch] relayd/messenger/*.[ch] relayd/ctl/*.[ch] relay-tui/*.[ch] \
	relay-tui/noun/*.[ch] relay-tui/screen/*.[ch] tests/*/*.[ch])

obj	= $(patsubst %.c,$(O)/%.o,$(1))

programs	:= $(if $(wildcard relayd/main.c),$(O)/bin/relayd) \
	$(if $(wildcard relay-tui/relayctl.c),$(O)/bin/relayctl) \
	$(if $(wildcard relay-tui/main.c),$(O)/bin/relay-tui)
test_programs	:= $(if $(upstream_src),$(O)/bin/practice-upstream) \
	$(patsubst tests/bench/%.c,$(O)/bin/bench-%,$(bench_src))
unit_programs	:= $(patsubst tests/unit/%.c,$(O)/unit/%,$(unit_src))
replay_programs	:= $(patsubst tests/fuzz/%.c,$(O)/replay/%,$(fuzz_src))

catalogues	:= $(patsubst po/%.po,$(O)/share/locale/%/LC_MESSAGES/relayd.mo,$(wildcard po/*.po))

.PHONY: all help clean FORCE
all: $(programs) $(test_programs) $(catalogues)

help:
	@echo 'make                 build relayd, relayctl and the practice upstream'
	@echo 'make check           unit tests, fuzz corpus, behaviour cases, lint'
	@echo 'make check-tui       relay-tui, played by scripts and under tmux'
	@echo 'make check-door      quickstart.sh, and what make install installs'
	@echo 'make check-clients   the real command-line clients (npm, node 20)'
	@echo 'make check-long      tests that take longer than a commit should wait'
	@echo 'make bench           the tables of speed and memory, side by side;'
	@echo '                     BENCH=--quick takes 90 seconds'
	@echo 'make bench-sched     what choosing an account takes among a thousand'
	@echo 'make bench-ledger    what keeping receipts costs, and asking a year of ten'
	@echo '                     million; RECEIPTS=100000 is done in seconds'
	@echo 'make fuzz T=x SECS=n fuzz one target with libFuzzer (clang)'
	@echo 'make lint            floors, tables, headers, sizes, manual pages, clang-tidy'
	@echo 'make format          clang-format everything (format-check only looks)'
	@echo 'make install         into DESTDIR/PREFIX; uninstall removes it again'
	@echo 'Variables: CC SAN=address,undefined WERROR=1 V=1 O=DIR PREFIX DESTDIR'

# --- compiling -------------------------------------------------------------
ifeq ($(V),1)
Q	=
say	= @true
else
Q	= @
say	= @printf '  %-5s %s\n'
endif

flags_text	= $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)
$(O)/.flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(flags_text))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(flags_text))' > $@

$(O)/proto/%.o: private extra = $(strict) $(call pc,cflags,$(proto_pc))
$(O)/store/%.o: private extra = $(strict) $(call pc,cflags,$(store_pc))
$(O)/relay-tui/%.o: private extra = $(call pc,cflags,$(tui_pc))
$(O)/relayd/%.o: private extra = $(call pc,cflags,$(relayd_pc) $(store_pc))

$(O)/%.o: %.c $(O)/.flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) $(extra) -MMD -MP -c -o $@ $<

# The version is known to one object, so that a commit does not rebuild the world.
$(O)/proto/version.o: proto/version.c $(O)/.flags FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(VERSION)' | cmp -s - $(O)/.version && test -e $@ || { \
		printf '%s\n' '$(VERSION)' > $(O)/.version; \
		$(CC) $(ALL_CFLAGS) '-DRELAYD_VERSION="$(VERSION)"' -c -o $@ $<; }

# The price table is part of the program.
$(O)/relayd/price_packaged.o: contrib/prices.json

define archive
$(O)/$(1): $(call obj,$(2)) $(3)
	$$(say) AR $$@
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(eval $(call archive,libproto.a,$(proto_src),$(if $(wildcard proto/version.c),$(O)/proto/version.o)))
$(eval $(call archive,libstore.a,$(store_src),))
$(eval $(call archive,librelayd.a,$(relayd_src),))
$(eval $(call archive,libtui.a,$(tui_src),))
$(eval $(call archive,libsupport.a,$(support_src),))

# Languages: gettext.  Programs look beside themselves, in ../share/locale.
$(O)/share/locale/%/LC_MESSAGES/relayd.mo: po/%.po
	@mkdir -p $(@D)
	$(say) MO $@
	$(Q)msgfmt --check-format -o $@ $<

link	= @mkdir -p $(@D); $(CC) $(ALL_CFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

$(O)/bin/relayd: $(O)/relayd/main.o $(O)/librelayd.a $(O)/libstore.a $(O)/libproto.a
	$(say) LD $@
	$(Q)$(link) $(ALL_LDFLAGS) $(relayd_libs) $(store_libs) $(proto_libs)

$(O)/bin/relayctl: $(O)/relay-tui/relayctl.o $(O)/libtui.a $(O)/libproto.a
	$(say) LD $@
	$(Q)$(link) $(ALL_LDFLAGS) $(ctl_libs) $(proto_libs)

$(O)/bin/relay-tui: $(O)/relay-tui/main.o $(O)/libtui.a $(O)/libproto.a
	$(say) LD $@
	$(Q)$(link) $(ALL_LDFLAGS) $(tui_libs) $(proto_libs)

$(O)/bin/practice-upstream: $(call obj,$(upstream_src)) $(O)/libproto.a
	$(say) LD $@
	$(Q)$(link) $(ALL_LDFLAGS) $(proto_libs)

$(O)/bin/bench-%: $(O)/tests/bench/%.o $(O)/librelayd.a $(O)/libstore.a $(O)/libproto.a
	$(say) LD $@
	$(Q)$(link) $(ALL_LDFLAGS) $(relayd_libs) $(store_libs) $(proto_libs) -lm

test_libs	= $(O)/libsupport.a $(O)/librelayd.a $(O)/libtui.a $(O)/libstore.a $(O)/libproto.a
$(O)/unit/%: $(O)/tests/unit/%.o $(test_libs)
	$(say) LD $@
	$(Q)$(link) $(ALL_LDFLAGS) $(relayd_libs) $(store_libs) $(tui_libs) $(proto_libs) -lcmocka

# Servers of the tests' own do their TLS by hand.
$(O)/unit/test_dial $(O)/unit/test_fetch: private proto_libs += -lssl -lcrypto

$(O)/replay/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/replay.o $(test_libs)
	$(say) LD $@
	$(Q)$(link) $(ALL_LDFLAGS) $(relayd_libs) $(store_libs) $(tui_libs) $(proto_libs)

.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)

# --- tests -----------------------------------------------------------------
.PHONY: check check-unit check-corpus check-cases check-tui check-door check-clients check-long bench bench-ledger bench-sched fuzz
check: check-unit check-corpus check-cases check-tui lint

# make check-unit T=test_buf runs one.
T	?=
check-unit: $(if $(T),$(O)/unit/$(T),$(unit_programs))
	@sh tests/run-unit.sh $(if $(T),$(O)/unit/$(T),$(unit_programs))

check-corpus: $(replay_programs)
	@sh tests/fuzz/replay.sh $(O)

check-cases: all
	@$(PYTHON) tests/cases/run.py --build $(O) $(CASES)

check-tui: all
	@$(PYTHON) -B tests/tui/run.py --build $(O) $(SCREENS)

check-door: all
	@$(PYTHON) -B tests/door/run.py

check-clients: all
	@sh tests/clients/run.sh $(O)

check-long: all $(O)/unit/test_app
	@$(PYTHON) tests/long/run.py --build $(O)

bench: all
	@$(PYTHON) tests/bench/run.py --build $(O) $(BENCH)

RECEIPTS ?= 10000000
bench-sched: $(O)/bin/bench-sched
	@$(O)/bin/bench-sched

bench-ledger: all
	@$(O)/bin/bench-ledger
	@$(O)/bin/bench-year $(RECEIPTS)

# The targets are linked with archives, so that one is built while something it
# does not use is half written; objects are kept from run to run.
$(O)/target/%: $(O)/tests/fuzz/fuzz_%.o $(test_libs)
	$(say) LD $@
	$(Q)$(link) $(ALL_LDFLAGS) -fsanitize=fuzzer $(relayd_libs) $(store_libs) $(tui_libs) $(proto_libs)

SECS	?= 60
# SEED=0: another one each time.
SEED	?= 0
fuzz:
	@test -n '$(T)' || { echo 'make fuzz T=<target> SECS=60; targets:' \
		$(patsubst tests/fuzz/fuzz_%.c,%,$(fuzz_src)); exit 1; }
	@mkdir -p build/fuzz/corpus-$(T) tests/fuzz/corpus/$(T)
	@$(MAKE) --no-print-directory CC=clang O=build/fuzz \
		SAN=fuzzer-no-link,address,undefined build/fuzz/target/$(T)
	build/fuzz/target/$(T) -seed=$(SEED) -max_total_time=$(SECS) -timeout=10 -rss_limit_mb=4096 \
		build/fuzz/corpus-$(T) tests/fuzz/corpus/$(T)

# --- what is checked without running ---------------------------------------
.PHONY: lint floors defs catalogues po headers sizes man-lint tidy format format-check compile_commands.json
lint: floors defs catalogues headers sizes man-lint tidy

floors:
	@$(PYTHON) tests/lint/floors.py
defs:
	@$(PYTHON) tests/lint/defs.py
catalogues:
	@$(PYTHON) tests/lint/catalogues.py
po:
	@$(PYTHON) tests/lint/catalogues.py --update
sizes:
	@$(PYTHON) tests/lint/sizes.py
headers:
	@sh tests/lint/headers.sh '$(CC) $(std) $(warnings) $(foreach f,proto store relayd tui,$(call pc,cflags,$($(f)_pc)))' $(headers)
man-lint:
	@if ls man/*.[1-8] >/dev/null 2>&1; then mandoc -T lint -W warning man/*.[1-8]; fi
tidy:
	@sh tests/lint/tidy.sh $(O) '$(std) $(foreach f,proto store relayd tui,$(call pc,cflags,$($(f)_pc)))' \
		$(filter %.c,$(formatted))
format:
	@clang-format -i $(formatted)
format-check:
	@clang-format --dry-run -Werror $(formatted)
compile_commands.json:
	@rm -rf build/bear && bear -- $(MAKE) O=build/bear all >/dev/null

# --- install ---------------------------------------------------------------
.PHONY: install uninstall
install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR)
	install -m 755 $(O)/bin/relayd $(DESTDIR)$(SBINDIR)/relayd
	install -m 755 $(O)/bin/relayctl $(DESTDIR)$(BINDIR)/relayctl
	install -m 755 $(O)/bin/relay-tui $(DESTDIR)$(BINDIR)/relay-tui
	for s in 1 5 7 8; do for m in man/*.$$s; do test -e "$$m" || continue; \
		install -d $(DESTDIR)$(MANDIR)/man$$s && \
		install -m 644 "$$m" $(DESTDIR)$(MANDIR)/man$$s/; done; done
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(COMPDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	sed 's|/usr/local/sbin|$(SBINDIR)|' contrib/relayd.service > $(DESTDIR)$(UNITDIR)/relayd.service
	install -d $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR)
	install -m 644 contrib/sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/relayd.conf
	install -m 644 contrib/tmpfiles.conf $(DESTDIR)$(TMPFILESDIR)/relayd.conf
	install -d $(DESTDIR)$(PREFIX)/share/relayd
	install -m 644 contrib/prices.json $(DESTDIR)$(PREFIX)/share/relayd/
	install -m 644 contrib/relayctl.bash $(DESTDIR)$(COMPDIR)/relayctl
	install -m 644 contrib/relayctl.zsh $(DESTDIR)$(ZSHDIR)/_relayctl
	install -m 644 contrib/relayctl.fish $(DESTDIR)$(FISHDIR)/relayctl.fish
	install -d $(DESTDIR)$(ETCDIR)/relayd
	test -e $(DESTDIR)$(ETCDIR)/relayd/relayd.conf || \
		install -m 644 contrib/relayd.conf $(DESTDIR)$(ETCDIR)/relayd/

uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/relayd $(DESTDIR)$(BINDIR)/relayctl $(DESTDIR)$(BINDIR)/relay-tui
	for m in man/*.[1-8]; do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done
	rm -f $(DESTDIR)$(PREFIX)/share/relayd/prices.json
	rm -f $(DESTDIR)$(PREFIX)/share/locale/*/LC_MESSAGES/relayd.mo
	rm -f $(DESTDIR)$(UNITDIR)/relayd.service $(DESTDIR)$(COMPDIR)/relayctl
	rm -f $(DESTDIR)$(ZSHDIR)/_relayctl $(DESTDIR)$(FISHDIR)/relayctl.fish
	rm -f $(DESTDIR)$(SYSUSERSDIR)/relayd.conf $(DESTDIR)$(TMPFILESDIR)/relayd.conf

clean:
	rm -rf build
