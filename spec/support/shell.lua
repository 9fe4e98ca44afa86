-- Running programs from specs, with everything they print and how they ended.
local shell = {}

function shell.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

function shell.read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return text
end

function shell.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

-- The standard output of a command that must succeed, without its last line end.
function shell.capture(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("*a")
  local ok = pipe:close()
  assert(ok, "failed: " .. command)
  return (text:gsub("\n$", ""))
end

-- A new folder, 0700, removed by the caller or by `make clean`.
function shell.folder()
  os.execute("mkdir -p build/tmp")
  return shell.capture('mktemp -d "$PWD/build/tmp/spec.XXXXXX"')
end

-- Run a shell script under exactly this environment. Returns {out, err, status}; a signal n is 128 + n.
function shell.run(script, environment, stdin)
  local dir = shell.folder()
  local names = {}
  for name, value in pairs(environment) do
    names[#names + 1] = name .. "=" .. shell.quote(value)
  end
  shell.write(dir .. "/script", script)
  shell.write(dir .. "/in", stdin or "")
  os.execute(("env -i %s bash %s/script <%s >%s/out 2>%s/err; echo $? >%s/status"):format(
    table.concat(names, " "), dir, stdin and dir .. "/in" or "/dev/null", dir, dir, dir))
  local result = {
    out = shell.read(dir .. "/out"), err = shell.read(dir .. "/err"), status = tonumber(shell.read(dir .. "/status")),
  }
  os.execute("rm -rf " .. shell.quote(dir))
  return result
end

return shell
