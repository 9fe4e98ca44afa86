--- The certificate that `config create` is given: its flags, its password, and a look at it before it is kept.
-- @module entra.cli.certificate

local certificate = require("entra.certificate")
local core = require("entra.core")
local errors = require("entra.errors")

local module = {}

local PASSWORD_MAX = 1024
local TRIES = 3

--- The flags.
function module.options(parser)
  parser:option("--certificate", "The app's certificate: a PFX or PEM file, or an OpenSSL store URI."):argname("FILE")
  parser:option("--certificate-key", "Its private key, where that is in another file; or an OpenSSL store URI.")
    :argname("FILE")
  parser:flag("--certificate-password-stdin", "Read the password of certificate or key from standard input.")
  parser:option("--certificate-mode", "sealed: read now, kept in the store, read again when the file changes "
    .. "(default for PFX); reference: read where it is, each time (default for PEM and URIs)."):choices {
    "sealed", "reference" }
  parser:flag("--send-certificate-chain", "Send the certificates along (x5c), for subject name and issuer trust.")
  parser:option("--assertion-algorithm", "PS256, or RS256 for servers that know no other (default: PS256)."):choices {
    "PS256", "RS256" }
end

local function usage(message, hint)
  return nil, errors.new("usage", message, { code = "arguments", hint = hint })
end

local function default_mode(about)
  for _, location in ipairs { about.path, about.key_path } do
    local bytes = not certificate.is_uri(location) and core.file_read(location, 1024 * 1024, "public")
    if not bytes or certificate.is_pem(bytes) then
      return "reference"
    end
  end
  return "sealed"
end

-- What only makes sense with --certificate.
local COMPANIONS = { "certificate_key", "certificate_password_stdin", "certificate_mode", "send_certificate_chain",
  "assertion_algorithm" }

--- What the flags say; nil and no error where they say nothing.
-- @treturn table|nil see `entra.profiles.settings`, member `certificate`
-- @treturn entra.errors kind `usage`
function module.read(values)
  if not values.certificate then
    for _, name in ipairs(COMPANIONS) do
      if values[name] then
        return usage("missing --certificate")
      end
    end
    return nil
  end
  local about = { send_chain = values.send_certificate_chain or false,
    algorithm = values.assertion_algorithm or "PS256" }
  for member, location in pairs { path = values.certificate, key_path = values.certificate_key } do
    -- RFC 7512 §2.4 allows it, but profiles.json is no place for a PIN.
    if certificate.is_uri(location) and location:find("pin-value", 1, true) then
      return usage("a PIN does not belong into a URI", "give it with --certificate-password-stdin")
    end
    local err
    about[member] = location
    if not certificate.is_uri(location) then
      about[member], err = require("entra.cli.options").absolute(location)
    end
    if err then
      return nil, err
    end
  end
  about.mode = values.certificate_mode or default_mode(about)
  return about
end

local function password_from_stdin()
  local text = (io.stdin:read(PASSWORD_MAX + 1) or ""):gsub("\r?\n$", "")
  if #text > PASSWORD_MAX then
    return usage("the certificate's password is longer than 1 KiB")
  end
  return text
end

--- Open the certificate, asking for its password where there is somebody to ask, and say how long it is valid.
-- @tparam table about
-- @tparam table values the flags
-- @treturn table|nil see `entra.certificate.open`
-- @treturn string|entra.errors|nil the password
-- @treturn string|nil the files' identity
function module.open(about, values)
  local prompt = require("entra.cli.prompt")
  local identity = certificate.identity(about)
  local is_asked = prompt.is_interactive()
  local password, err
  if values.certificate_password_stdin and not is_asked then
    password, err = password_from_stdin()
    if err then
      return nil, err
    end
  end
  local open
  open, err = certificate.open(about, password)
  local tries = 0
  while not open and is_asked and tries < TRIES
    and (err.code == "certificate_password_needed" or err.code == "certificate_password") do
    if tries > 0 then
      io.stderr:write("Wrong password.\n")
    end
    tries = tries + 1
    local problem
    password, problem = prompt.hidden(("Password of %s: "):format(core.clean(about.path, 300)))
    if not password then
      return nil, problem
    end
    open, err = certificate.open(about, password)
  end
  if not open then
    return nil, err
  end
  local fine, word = certificate.judge(open.facts, core.now())
  if not fine then
    return nil, word
  end
  if word then
    io.stderr:write("Warning: ", word, "\n")
  end
  return open, password, identity
end

return module
