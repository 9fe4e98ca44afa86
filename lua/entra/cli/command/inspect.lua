--- `entra-auth-cli inspect`
-- @module entra.cli.command.inspect

local core = require("entra.core")
local errors = require("entra.errors")
local options = require("entra.cli.options")
local output = require("entra.cli.output")

local inspect = {
  name = "inspect",
  summary = "Decode a token; nothing is verified. Exits 0 if it is valid now, 1 if expired or not yet valid.",
  examples = {
    "entra-auth-cli inspect --profile production",
    "entra-auth-cli inspect -p production -o json | jq -r .exp",
    "entra-auth-cli get-token | entra-auth-cli inspect -",
  },
}

local TOKEN_MAX = 1024 * 1024
local SKEW = 300 -- seconds that a clock may be behind the issuer's, for nbf

function inspect.build(parser)
  parser:argument("input", "The token, or '-' for standard input."):args("?")
  options.profile(parser)
  options.scope(parser)
  parser:option("--token", "The token."):argname("TOKEN")
  parser:option("--file", "A file that holds the token."):argname("FILE")
  options.output(parser, "pretty", "json")
  parser:flag("--claims", "Print the claims alone.")
  parser:flag("--header", "Print the header alone.")
end

local function read_stdin()
  return io.stdin:read(TOKEN_MAX + 1) or ""
end

local function from_profile(values)
  local client, err, context = require("entra.cli.session").open(values)
  if not client then
    return nil, err
  end
  local token
  token, err = client:peek { scope = values.scope }
  if token then
    return token.access_token
  end
  local name = context.settings.name
  return nil, err or errors.new("interaction", ("no token available for profile '%s'"):format(name), {
    code = "no_token", hint = ("entra-auth-cli get-token --profile %s"):format(name) })
end

-- Standard input is read for '-', or where nothing at all was named and something was piped in.
local function source(values)
  if values.input == "-" then
    return read_stdin()
  end
  local given = values.input or values.token
  if given then
    return given
  end
  if values.file then
    local file = io.open(values.file, "rb")
    local text = file and file:read(TOKEN_MAX + 1)
    if file then
      file:close()
    end
    if not text then
      return nil, errors.new("usage", ("cannot read %s"):format(values.file), { code = "file" })
    end
    return text
  end
  if not values.profile and not values.scope then
    local kind = require("entra.host").kind(0)
    local text = (kind == "pipe" or kind == "file") and read_stdin() or ""
    if text:match("%S") then
      return text
    end
  end
  return from_profile(values)
end

-- Is it valid now? Also the words for it. Times that are no numbers decide nothing.
local function validity(claims, now)
  local exp, nbf = tonumber(claims.exp), tonumber(claims.nbf)
  local function span(seconds)
    local units = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } }
    for _, unit in ipairs(units) do
      if seconds >= unit[1] or unit[1] == 1 then
        local n = math.floor(seconds / unit[1])
        return ("%.0f %s%s"):format(n, unit[2], n == 1 and "" or "s")
      end
    end
  end
  if exp and now >= exp then
    return false, ("Expired: %s ago"):format(span(now - exp))
  end
  if nbf and now < nbf - SKEW then
    return false, ("Not valid yet: in %s"):format(span(nbf - now))
  end
  return true, exp and ("Valid for: %s"):format(span(exp - now)) or "Valid: no expiry"
end

local TIMES = { exp = true, nbf = true, iat = true, auth_time = true, xms_tcdt = true }

local function value_text(name, value)
  if type(value) == "table" then
    return output.safe((output.json(value):gsub("%s*\n%s*", " "):gsub("%s+$", "")))
  end
  local number = TIMES[name] and tonumber(value)
  if number and number > -6e10 and number < 2e11 then
    return ("%s (%s)"):format(output.safe(tostring(value)), output.time(number))
  end
  return output.safe(tostring(value))
end

local function section(lines, title, members)
  lines[#lines + 1] = title
  local names = {}
  for name in pairs(members) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = members[name]
    if name == "scp" and type(value) == "string" or name == "roles" and type(value) == "table" then
      lines[#lines + 1] = ("  %s"):format(name)
      for item in (type(value) == "table" and table.concat(value, " ") or value):gmatch("%S+") do
        lines[#lines + 1] = "    - " .. output.safe(item)
      end
    else
      lines[#lines + 1] = ("  %-14s %s"):format(output.safe(name), value_text(name, value))
    end
  end
end

local function pretty(decoded, values, words)
  local lines = {}
  if not values.claims and not values.header then
    lines[#lines + 1] = ("JWT, %s; decoded, NOT verified"):format(output.safe(tostring(decoded.header.alg or "no alg")))
    lines[#lines + 1] = ""
  end
  if not values.claims then
    section(lines, "Header", decoded.header)
  end
  if not values.header then
    section(lines, "Claims", decoded.claims)
  end
  if not values.claims and not values.header then
    lines[#lines + 1] = ""
    lines[#lines + 1] = words
  end
  return table.concat(lines, "\n") .. "\n"
end

local function as_json(decoded, values, now)
  if values.claims then
    return output.json(decoded.claims)
  elseif values.header then
    return output.json(decoded.header)
  end
  local object = {}
  for name, value in pairs(decoded.claims) do
    object[name] = value
  end
  local exp = tonumber(decoded.claims.exp)
  object.header, object.claims, object.payload = decoded.header, decoded.claims, decoded.claims
  object.signature = decoded.signature
  object.expires_in = exp and math.floor(exp - now) or nil
  return output.json(object, { "header", "claims", "payload", "signature", "expires_in" })
end

function inspect.run(values)
  local text, err = source(values)
  if not text then
    return nil, err
  end
  local decoded
  decoded, err = require("entra.jwt").decode(text)
  if not decoded then
    return nil, err
  end
  local now = core.now()
  local valid, words = validity(decoded.claims, now)
  local shown = values.output == "json" and as_json(decoded, values, now) or pretty(decoded, values, words)
  return { text = shown, status = valid and 0 or 1 }
end

return inspect
