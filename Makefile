# entra: `make demo` shows it working, `make test` proves it; see README.md.
#
# make deps       install what the rest needs (Debian)
# make            stage a runnable tree in build/
# make install    the same under PREFIX (DESTDIR is honoured)
# make install-openresty   into OpenResty's site/lualib (PREFIX=/usr/local/openresty, LUA=luajit)
# make lint spec e2e luas nginx asan fuzz package   the parts of `make test`
# make idp        the local identity provider, for trying things by hand
# make bench      costs as ratios beside their goals; make bench-nginx the same in nginx

LUA    ?= lua5.4
PREFIX ?= /usr/local
CC     ?= gcc

LUA_BIN     := $(shell command -v $(LUA))
LUA_VERSION := $(if $(LUA_BIN),$(shell $(LUA_BIN) -e 'io.write((_VERSION:gsub("^Lua ", "")))'))
LUA_CFLAGS  ?= $(shell pkg-config --cflags $(notdir $(LUA)) 2>/dev/null)

OPT      ?= -O2 -g
WARN     := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
HARDEN   := -D_FORTIFY_SOURCE=2 -fstack-protector-strong
SANITIZE ?=
CFLAGS_ALL  = -std=c11 -D_POSIX_C_SOURCE=200809L $(OPT) $(WARN) $(if $(SANITIZE),$(SANITIZE),$(HARDEN)) \
              -fPIC -fvisibility=hidden -pthread $(LUA_CFLAGS) $(CFLAGS)
LDFLAGS_ALL = -shared -pthread -Wl,-z,nodelete,-z,relro,-z,now -Wl,--as-needed $(SANITIZE) $(LDFLAGS)

# Where the tree is staged: build/, and build/NAME for another interpreter; `make asan` names another place.
BUILD := $(patsubst %/lua5.4,%,build/$(notdir $(LUA)))
OBJ    = $(BUILD)/obj
LIBDIR = lib/lua/$(LUA_VERSION)/entra
LUADIR = share/lua/$(LUA_VERSION)

core_OBJS   := lcore ldraft lbind err buf base64 clock draft file lock record jwt text
crypto_OBJS := lcrypto lcert lbind err buf seal cert certsource sign text
host_OBJS   := lhost lbind err buf signal harden tty
loopback_OBJS := lloopback lbind lfield err buf clock text slice request redirect page listener spawn
http_OBJS   := lhttp lbind lfield ljson err buf clock form http token trust text
crypto_LIBS := -lcrypto
http_LIBS   := -lcurl
MODULES     := core crypto host http loopback

SO        = $(MODULES:%=$(BUILD)/$(LIBDIR)/%.so)
# nginx's Lua is LuaJIT, whose folder is Lua 5.1's; no other interpreter can use what is for nginx.
LUA_FILES := $(sort $(shell find lua -name '*.lua' $(if $(filter 5.1,$(LUA_VERSION)),,-not -path 'lua/resty/*') | \
               sed 's|^lua/||'))
STAGED    = $(LUA_FILES:%=$(BUILD)/$(LUADIR)/%)
BUNDLE    = $(BUILD)/$(LUADIR)/entra/cli/bundle.lua
LAUNCHER  = $(BUILD)/bin/entra-auth-cli

.DELETE_ON_ERROR:
.PHONY: all stage install install-openresty installed deps lint spec e2e luas on-this-lua nginx asan asan-clang valgrind \
        tsan fuzz package idp-test doc test deep bench bench-nginx demo idp clean need-lua

all: need-lua stage
stage: $(SO) $(STAGED) $(BUNDLE) $(LAUNCHER)

need-lua:
	@test -n "$(LUA_VERSION)" || { echo "make: $(LUA) is not installed: run 'make deps'" >&2; exit 1; }

$(OBJ)/%.o: src/%.c $(wildcard src/*.h) Makefile
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(CFLAGS_ALL) -c $< -o $@

define module
$$(BUILD)/$$(LIBDIR)/$(1).so: $$($(1)_OBJS:%=$$(OBJ)/%.o)
	@mkdir -p $$(@D)
	@echo "  LD  $$@"
	@$$(CC) $$(LDFLAGS_ALL) -o $$@ $$^ $$($(1)_LIBS)
endef
$(foreach m,$(MODULES),$(eval $(call module,$(m))))

$(BUILD)/$(LUADIR)/%.lua: lua/%.lua
	@mkdir -p $(@D)
	@cp $< $@

# What get-token needs, in one file of bytecode: parsing it would cost a cached get-token a sixth of its time, and
# opening thirty files 3 % of an exchange.
BUNDLED := $(filter-out entra/init.lua entra/challenge.lua entra/jwt.lua entra/profile.lua entra/store/memory.lua \
             entra/grant/device_code.lua entra/grant/authorization_code.lua entra/id_token.lua entra/redirect.lua \
             entra/browser.lua entra/sign_in.lua entra/cli/clipboard.lua entra/cli/options.lua entra/cli/output.lua \
             entra/cli/prompt.lua entra/cli/certificate.lua $(filter resty/%,$(LUA_FILES)) \
             $(filter-out %/get-token.lua,$(filter entra/cli/command/%,$(LUA_FILES))),$(LUA_FILES))

$(BUNDLE): $(BUNDLED:%=lua/%) .ci/bundle.lua
	@mkdir -p $(@D)
	@$(LUA_BIN) .ci/bundle.lua $@ $(BUNDLED)

# The launcher of build/ finds its tree from its own path; an installed one has it baked in.
$(LAUNCHER): lua/entra-auth-cli Makefile
	@mkdir -p $(@D)
	@sed -e '1s|@LUA@|$(LUA_BIN)|' -e 's|@ROOT@||' $< >$@ && chmod 755 $@

# A rock is laid out otherwise, and moved into place afterwards: it names these three itself.
INST_BINDIR ?= $(PREFIX)/bin
INST_LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_VERSION)
INST_LUADIR ?= $(PREFIX)/share/lua/$(LUA_VERSION)

install: all
	@install -d $(DESTDIR)$(INST_BINDIR) $(DESTDIR)$(INST_LIBDIR)/entra
	@install -m 755 $(SO) $(DESTDIR)$(INST_LIBDIR)/entra
	@for f in $(LUA_FILES) entra/cli/bundle.lua; do \
	  install -D -m 644 $(BUILD)/$(LUADIR)/$$f $(DESTDIR)$(INST_LUADIR)/$$f || exit 1; done
	@sed -e '1s|@LUA@|$(LUA_BIN)|' -e 's|@ROOT@|$(abspath $(PREFIX))|' lua/entra-auth-cli \
	  >$(DESTDIR)$(INST_BINDIR)/entra-auth-cli.new
	@chmod 755 $(DESTDIR)$(INST_BINDIR)/entra-auth-cli.new
	@mv $(DESTDIR)$(INST_BINDIR)/entra-auth-cli.new $(DESTDIR)$(INST_BINDIR)/entra-auth-cli
	@echo "installed $(INST_BINDIR)/entra-auth-cli"

# OpenResty searches site/lualib by itself, for sources and C modules alike; its Lua is LuaJIT. The CLI is no
# part of this.
install-openresty: all
	@test "$(LUA_VERSION)" = 5.1 || { echo "make: OpenResty's Lua is LuaJIT: add LUA=luajit" >&2; exit 1; }
	@install -d $(DESTDIR)$(PREFIX)/site/lualib/entra
	@install -m 755 $(SO) $(DESTDIR)$(PREFIX)/site/lualib/entra
	@for f in $(filter-out entra/cli/%,$(LUA_FILES)); do \
	  install -D -m 644 $(BUILD)/$(LUADIR)/$$f $(DESTDIR)$(PREFIX)/site/lualib/$$f || exit 1; done
	@echo "installed $(PREFIX)/site/lualib/resty/entra.lua"

deps:
	@.ci/deps

# ---- proof ----

RUN_SPECS = spec/support/runner.lua
INSTALLED = $(abspath $(BUILD)/installed)

lint:
	@.ci/lint

installed: all
	@$(MAKE) --no-print-directory -s install PREFIX=$(INSTALLED) DESTDIR= >/dev/null

spec: installed
	@$(LUA_BIN) $(RUN_SPECS) $(INSTALLED) spec/src spec/entra spec/architecture_spec.lua spec/security_spec.lua

# The installed CLI against the identity provider. Each file has a provider of its own and waits more than it
# works, so several run at once.
AT_ONCE  = $(MAKE) --no-print-directory -j4 --output-sync=target
E2E     := $(wildcard spec/e2e/*_spec.lua)
e2e: installed
	@$(AT_ONCE) $(E2E:%=run/%)
run/%:
	@$(LUA_BIN) $(RUN_SPECS) $(INSTALLED) $*

# Every other Lua: its own build, the unit specs, and the CLI where it depends on the interpreter most.
OTHER_LUAS := lua5.1 lua5.2 lua5.3 luajit
luas:
	@$(AT_ONCE) $(OTHER_LUAS:%=on/%)
on/%:
	@echo "-- $*"
	@$(MAKE) --no-print-directory LUA=$* on-this-lua
on-this-lua: installed
	@$(LUA_BIN) $(RUN_SPECS) $(INSTALLED) spec/src spec/entra spec/architecture_spec.lua
	@$(LUA_BIN) $(RUN_SPECS) $(INSTALLED) $(addprefix spec/e2e/,seed_spec.lua get_token_spec.lua refresh_spec.lua \
	  inspect_spec.lua library_spec.lua install_spec.lua)

# resty.entra in a real nginx, whose Lua is LuaJIT.
NGINX := $(wildcard spec/nginx/*_spec.lua)
nginx: installed
	@$(MAKE) --no-print-directory -s LUA=luajit installed
	@$(AT_ONCE) $(NGINX:%=run/%)

# The same unit specs with every C module, and their interpreter, built for the sanitizers.
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
BUILD_ASAN := build/asan
asan:
	@$(MAKE) --no-print-directory stage BUILD=$(BUILD_ASAN) SANITIZE="$(ASAN)" OPT="-O1 -g"
	@$(CC) $(ASAN) -g $(LUA_CFLAGS) spec/support/host.c -o $(BUILD_ASAN)/lua -l$(notdir $(LUA))
	@UBSAN_OPTIONS=print_stacktrace=1 $(BUILD_ASAN)/lua $(RUN_SPECS) $(BUILD_ASAN) spec/src spec/entra

# With the collector at work after every few instructions, so that whatever is not held is really gone.
valgrind: all
	@ENTRA_SPEC_TORTURE=100 valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
	  --trace-children=no $(LUA_BIN) $(RUN_SPECS) $(BUILD) spec/src

# Two Lua states in two threads that use core, crypto and http at once.
tsan:
	@$(MAKE) --no-print-directory stage BUILD=build/tsan SANITIZE="-fsanitize=thread" OPT="-O1 -g"
	@$(CC) -fsanitize=thread -g -O1 -pthread $(LUA_CFLAGS) spec/support/threads.c -o build/tsan/threads -l$(notdir $(LUA))
	@TSAN_OPTIONS=halt_on_error=1 $(LUA_BIN) spec/support/threads.lua build/tsan

# Every parser of somebody else's bytes.
fuzz:
	@.ci/fuzz

# The rock and the Debian package.
package: need-lua
	@.ci/package

# The identity provider tests itself.
idp-test:
	@npm test --silent --prefix spec/support/idp

test: deps
	@MAKE="$(MAKE)" .ci/test lint spec e2e luas nginx asan fuzz package idp-test

# What takes longer than a commit should.
deep: deps
	@FUZZ_SECONDS=60 MAKE="$(MAKE)" .ci/test lint spec e2e luas nginx asan asan-clang valgrind tsan fuzz package idp-test

asan-clang:
	@$(MAKE) --no-print-directory asan CC=clang BUILD_ASAN=build/asan-clang

# The reference of the Lua API, in build/doc; a warning is an error.
doc:
	@ldoc -q --fatalwarnings . >/dev/null

# ---- trying it ----

demo: deps
	@$(MAKE) --no-print-directory installed
	@.ci/demo

idp: deps
	@exec node spec/support/idp/main.js --dir $(abspath build/idp) --env

bench: installed
	@.ci/bench

bench-nginx:
	@$(MAKE) --no-print-directory -s LUA=luajit installed
	@.ci/bench-nginx

clean:
	rm -rf build
