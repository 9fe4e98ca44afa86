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
dependencies = { "lua >= 5.4, < 5.5", "lua-cjson", "argparse >= 0.7", "dkjson" }
external_dependencies = {
  CRYPTO = { header = "openssl/evp.h", library = "crypto" },
  CURL = { header = "curl/curl.h", library = "curl" },
}
build = {
  type = "make",
  build_variables = { LUA = "$(LUA)", LUA_CFLAGS = "-I$(LUA_INCDIR)" },
  install_variables = { LUA = "$(LUA)", LUA_CFLAGS = "-I$(LUA_INCDIR)", PREFIX = "$(PREFIX)" },
}
deploy = { wrap_bin_scripts = false }
