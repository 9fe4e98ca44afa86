-- Lua in a process of its own, for what belongs to a process: signals, limits, ids, descriptors.
-- It is the interpreter of the specs, with their search paths.
local shell = require("spec.support.shell")

-- `before` stands in front of the interpreter (env, trap, setpriv), `redirect` behind the script.
-- Returns {out, err, status}.
return function(code, redirect, before)
  local dir = shell.folder()
  local pwd = shell.capture("pwd")
  local function absolute(path)
    return (path:gsub("[^;]+", function(entry)
      return entry:sub(1, 1) == "/" and entry or pwd .. "/" .. entry
    end))
  end
  shell.write(dir .. "/code.lua", ("package.path, package.cpath = %q, %q\n%s\n"):format(
    absolute(package.path), absolute(package.cpath), code))
  os.execute("chmod 755 " .. dir)
  -- `before` may change the folder.
  local interpreter = arg[-1]:find("/", 1, true) and absolute(arg[-1]) or arg[-1]
  local result = shell.run(("%s %s %s %s"):format(before or "", interpreter, dir .. "/code.lua", redirect or ""), {
    PATH = "/usr/bin:/bin", ASAN_OPTIONS = "detect_leaks=0" })
  os.execute("rm -rf " .. dir)
  return result
end
