-- The environment of a program whose disk fails: see failing.c. One build per test process.
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

return failing
