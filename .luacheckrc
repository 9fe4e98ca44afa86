std = "min"
max_line_length = 120
exclude_files = { "build", "spec/support/idp/node_modules" }
files["lua/resty"] = { globals = { "ngx" } }
files["spec"] = { std = "+busted" }
files["spec/support/runner.lua"] = { std = "max" }
