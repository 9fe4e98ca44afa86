-- lua fill.lua TREE FOLDER N: N sealed records of strangers in the store at FOLDER.
local tree, folder, n = arg[1], arg[2], tonumber(arg[3])
local version = _VERSION:match("%d+%.%d+")
package.path = ("%s/share/lua/%s/?.lua;%s"):format(tree, version, package.path)
package.cpath = ("%s/lib/lua/%s/?.so;%s"):format(tree, version, package.cpath)

local store = require("entra.store.sealed").new(folder)
local body = { tokens = { { access_token = ("x"):rep(1900), scopes = { "x" }, cached_at = 0, expires_on = 1 } } }
for i = 1, n do
  assert(store:write("tokens|" .. i, body, { expires_on = 1 }))
end
