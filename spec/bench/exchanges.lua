-- lua exchanges.lua TREE N: N exchanges of the profile `default` in one process, through the library.
local tree, n = arg[1], tonumber(arg[2])
local version = _VERSION:match("%d+%.%d+")
local share = ("%s/share/lua/%s"):format(tree, version)
package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(share, share, package.path)
package.cpath = ("%s/lib/lua/%s/?.so;%s"):format(tree, version, package.cpath)

local profile = assert(require("entra").profile("default"))
for _ = 1, n do
  assert(profile:token { force = true })
end
