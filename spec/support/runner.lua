-- Runs busted inside the interpreter under test, against a staged tree:
--   lua5.4 spec/support/runner.lua TREE [busted's arguments]
local tree = table.remove(arg, 1)
local version = _VERSION:match("%d+%.%d+")

package.path = ("%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua;./?.lua;"):format(tree, version, tree, version)
  .. package.path
package.cpath = ("%s/lib/lua/%s/?.so;"):format(tree, version) .. package.cpath

require("busted.runner") { standalone = false }
