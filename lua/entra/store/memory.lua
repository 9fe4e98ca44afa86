--- A store that lives and dies with the process, for profiles given as tables.
-- The same methods as `entra.store.sealed`; there is nobody to be locked out.
-- @module entra.store.memory

local memory = {}

local Memory = { __name = "entra.store.memory" }
Memory.__index = Memory

local NO_LOCK = { release = function() end }
local NO_ROOM = { drop = function() end }

-- What callers do to their tables must not reach into the store.
local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local out = {}
  for key, child in pairs(value) do
    out[key] = copy(child)
  end
  return out
end

function memory.new()
  return setmetatable({ bodies = {}, notes = {} }, Memory)
end

function Memory:read(name)
  return copy(self.bodies[name])
end

function Memory:write(name, body)
  self.bodies[name] = copy(body)
  return true
end

function Memory:reserve() -- luacheck: ignore self
  return NO_ROOM
end

function Memory:remove(name)
  self.bodies[name], self.notes[name] = nil, nil
  return true
end

function Memory:names(wanted)
  local out = {}
  for name in pairs(self.bodies) do
    if wanted(name) then
      out[#out + 1] = name
    end
  end
  return out
end

function Memory:set_aside(name)
  self.bodies[name] = nil
  return true
end

function Memory:lock() -- luacheck: ignore self
  return NO_LOCK, false
end

function Memory:read_note(name)
  return copy(self.notes[name])
end

function Memory:write_note(name, note)
  self.notes[name] = copy(note)
end

function Memory:describe() -- luacheck: ignore self
  return "in memory"
end

return memory
