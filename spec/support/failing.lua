-- A program whose disk fails, or that dies at one of its changes of the disk: see failing.c. One build per test
-- process.
local shell = require("spec.support.shell")

local failing = {}

local library

local function build()
  if not library then
    local folder = shell.folder()
    library = folder .. "/failing.so"
    -- Whoever runs the program under test must be able to load it, an ordinary user too.
    local compile = "cc -O1 -Wall -Wextra -Werror -shared -fPIC -o %s spec/support/failing.c -ldl"
    shell.capture(("chmod 755 %s && " .. compile):format(folder, library))
  end
  return library
end

-- Let the at-th change below `under` go wrong: `how` as in failing.c; every one from it on, with `and_on`.
function failing.environment(under, how, at, and_on)
  return {
    LD_PRELOAD = build(), FAIL_UNDER = under, FAIL_HOW = how or "", FAIL_AT = tostring(at or 0),
    FAIL_AND_ON = and_on and "1" or nil, FAIL_LOG = under .. ".calls",
  }
end

-- The same as words to put before a command of the shell.
function failing.words(...)
  local words = {}
  for name, value in pairs(failing.environment(...)) do
    words[#words + 1] = name .. "=" .. shell.quote(value)
  end
  return table.concat(words, " ")
end

-- The names of all changes that a user's command makes below `under`, in their order. It must succeed.
function failing.changes(someone, command, under)
  local log = shell.quote(under .. ".calls")
  someone:must("rm -f " .. log)
  someone:must(command, nil, failing.environment(under))
  local names = {}
  for name in someone:must("cat " .. log).out:gmatch("%S+") do
    names[#names + 1] = name
  end
  return names
end

return failing
