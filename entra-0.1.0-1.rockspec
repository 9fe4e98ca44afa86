rockspec_format = "3.0"
package = "entra"
version = "0.1.0-1"
source = {
  url = "git+https://example.invalid/entra.git", -- not published yet
  tag = "v0.1.0",
}
description = {
  summary = "Microsoft Entra ID access tokens: obtained, refreshed, cached and sealed",
  detailed = "A C module with Lua wrappers and a command line program, entra-auth-cli.",
  license = "MIT",
}
dependencies = { "lua >= 5.1, < 5.5", "lua-cjson", "argparse >= 0.7", "dkjson" }
-- Libraries only: LuaRocks does not look for headers where the compiler does (Debian's /usr/include/x86_64-linux-gnu).
external_dependencies = {
  CRYPTO = { library = "crypto" },
  CURL = { library = "curl" },
}
build = {
  type = "make",
  build_variables = { LUA = "$(LUA)", LUA_CFLAGS = "-I$(LUA_INCDIR)", CFLAGS = "$(CFLAGS)" },
  install_variables = {
    LUA = "$(LUA)", LUA_CFLAGS = "-I$(LUA_INCDIR)", CFLAGS = "$(CFLAGS)", PREFIX = "$(PREFIX)",
    INST_BINDIR = "$(BINDIR)", INST_LIBDIR = "$(LIBDIR)", INST_LUADIR = "$(LUADIR)",
  },
}
deploy = { wrap_bin_scripts = false }
