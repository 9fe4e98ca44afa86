-- Runs busted inside the interpreter under test, against a staged tree:
--   lua5.4 spec/support/runner.lua TREE [busted's arguments]
-- Specs that start programs find the tree as require("spec.support.tree").
local tree = table.remove(arg, 1)
local version = _VERSION:match("%d+%.%d+")

package.path = ("%s/share/lua/%s/?.lua;%s/share/lua/%s/?/init.lua;./?.lua;"):format(tree, version, tree, version)
  .. package.path
package.cpath = ("%s/lib/lua/%s/?.so;"):format(tree, version) .. package.cpath

-- GC torture: a whole collection after every so many instructions of the virtual machine.
local torture = tonumber(os.getenv("ENTRA_SPEC_TORTURE"))
if torture then
  debug.sethook(function() collectgarbage() end, "", torture)
end

package.preload["spec.support.tree"] = function() return tree end
require("busted.runner") { standalone = false }
