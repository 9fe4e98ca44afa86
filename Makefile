# entra: `make demo` shows it working, `make test` proves it; see README.md.
#
# make            stage a runnable tree in build/
# make install    the same under PREFIX (DESTDIR is honoured)
# make lint spec e2e asan    the parts of `make test`
# make idp        the local identity provider, for trying things by hand
# make bench      costs as ratios beside their goals

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

# Where the tree is staged; `make asan` names another place.
BUILD := build
OBJ    = $(BUILD)/obj/$(notdir $(LUA))
LIBDIR = lib/lua/$(LUA_VERSION)/entra
LUADIR = share/lua/$(LUA_VERSION)

core_OBJS   := lcore lbind err buf base64 clock file lock record jwt text
crypto_OBJS := lcrypto lbind err buf seal
host_OBJS   := lhost lbind err buf signal harden tty
http_OBJS   := lhttp lbind ljson err buf clock form http token
crypto_LIBS := -lcrypto
http_LIBS   := -lcurl
MODULES     := core crypto host http

SO        = $(MODULES:%=$(BUILD)/$(LIBDIR)/%.so)
LUA_FILES := $(sort $(shell find lua -name '*.lua' | sed 's|^lua/||'))
STAGED    = $(LUA_FILES:%=$(BUILD)/$(LUADIR)/%)
LAUNCHER  = $(BUILD)/bin/entra-auth-cli

.DELETE_ON_ERROR:
.PHONY: all stage install deps lint spec e2e asan test deep bench demo idp clean need-lua

all: need-lua stage
stage: $(SO) $(STAGED) $(LAUNCHER)

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

# The launcher of build/ finds its tree from its own path; an installed one has it baked in.
$(LAUNCHER): lua/entra-auth-cli Makefile
	@mkdir -p $(@D)
	@sed -e '1s|@LUA@|$(LUA_BIN)|' -e 's|@ROOT@||' $< >$@ && chmod 755 $@

install: all
	@mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/$(LIBDIR) $(DESTDIR)$(PREFIX)/$(LUADIR)
	@install -m 755 $(SO) $(DESTDIR)$(PREFIX)/$(LIBDIR)
	@cd lua && for f in $(LUA_FILES); do install -D -m 644 $$f $(DESTDIR)$(PREFIX)/$(LUADIR)/$$f || exit 1; done
	@sed -e '1s|@LUA@|$(LUA_BIN)|' -e 's|@ROOT@|$(abspath $(PREFIX))|' lua/entra-auth-cli \
	  >$(DESTDIR)$(PREFIX)/bin/entra-auth-cli.new
	@chmod 755 $(DESTDIR)$(PREFIX)/bin/entra-auth-cli.new
	@mv $(DESTDIR)$(PREFIX)/bin/entra-auth-cli.new $(DESTDIR)$(PREFIX)/bin/entra-auth-cli
	@echo "installed $(PREFIX)/bin/entra-auth-cli"

deps:
	@.ci/deps

clean:
	rm -rf build
