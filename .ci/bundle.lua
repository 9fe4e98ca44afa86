-- lua bundle.lua OUT FILE...: the modules lua/FILE in one file of bytecode that fills package.preload.
-- Debugging information is left out; each module is only undumped when it is required.
local load = loadstring or load -- luacheck: ignore
local out = { "local load = loadstring or load\nlocal preload = package.preload\n" }
for i = 2, #arg do
  local name = arg[i]:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
  local code = string.dump(assert(loadfile("lua/" .. arg[i])), true)
  out[#out + 1] = ("preload[%q] = function(...) return load(%q)(...) end\n"):format(name, code)
end
local file = assert(io.open(arg[1], "wb"))
assert(file:write(string.dump(assert(load(table.concat(out), "=bundle")), true)))
assert(file:close())
