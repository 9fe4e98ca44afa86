--- An app's certificate and key: where they are, what they are, whether they are valid.
--
-- Each of the two is a file (PFX or PEM), PEM text, or an OpenSSL store URI
-- (`file:`, and whatever a configured provider offers, such as `pkcs11:`).
-- Reading and signing is C (`entra.crypto`); nothing here is stored.
--
-- @module entra.certificate

local core = require("entra.core")
local errors = require("entra.errors")

local certificate = {}

local FILE_MAX = 1024 * 1024
local DAY = 86400
-- Days before the expiry at which to begin to warn.
local WARN_DAYS = 30

local NEW_KEY = "make an RSA key and certificate: openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=app "
  .. "-keyout key.pem -out cert.pem"

-- By the codes of `entra.crypto.certificate`.
local HINT = {
  password_needed = "give its password with --certificate-password-stdin",
  password = "give the right password with --certificate-password-stdin",
  unsupported = "write it anew where OpenSSL's legacy provider is: "
    .. "openssl pkcs12 -legacy -in OLD.pfx -nodes | openssl pkcs12 -export -out NEW.pfx",
  garbled = "a PFX (PKCS #12) or PEM file is expected; see what it is: openssl pkcs12 -info -noout -in FILE",
  store = "see what OpenSSL can open: openssl storeutl -noout URI",
  no_key = "name the file of the private key with --certificate-key",
  no_certificate = "name the file of the certificate with --certificate",
  key_mismatch = "name the key of this certificate with --certificate-key",
  key_type = NEW_KEY, key_bits = NEW_KEY,
  mode = "chmod go-w FILE", ENOENT = "check the path", EACCES = "check the file's owner and mode",
  not_exportable = "leave it where it is: --certificate-mode reference",
}

--- An error about a certificate.
-- @tparam string message
-- @tparam string code of `entra.crypto`, or `expired`, `not_yet_valid`, …
function certificate.error(message, code)
  return errors.new("credential", message, { code = "certificate_" .. code, hint = HINT[code] })
end

--- Is this an OpenSSL store URI, as opposed to a path?
function certificate.is_uri(location)
  return location:match("^%a[%w+.-]+:") ~= nil
end

local function text(value)
  return type(value) == "string" and value ~= "" and value or nil
end

-- The values that a member can have, the default first.
local CHOICES = { certificateMode = { "sealed", "reference" }, assertionAlgorithm = { "PS256", "RS256" } }

local function chosen(stored, member)
  local value = text(stored[member]) or CHOICES[member][1]
  for _, choice in ipairs(CHOICES[member]) do
    if choice:lower() == value:lower() then
      return choice
    end
  end
end

--- Where a stored profile's certificate is and how it is used.
-- @tparam table stored the profile, as in `profiles.json`
-- @treturn table|nil `path`, `key_path`, `mode`, `algorithm`, `send_chain`
-- @treturn string the member that is no good
function certificate.of_stored(stored)
  local about = {
    path = text(stored.certificatePath), key_path = text(stored.certificateKeyPath),
    mode = chosen(stored, "certificateMode"), algorithm = chosen(stored, "assertionAlgorithm"),
    send_chain = stored.sendCertificateChain == true,
  }
  for _, need in ipairs { { "path", "certificatePath" }, { "mode", "certificateMode" },
    { "algorithm", "assertionAlgorithm" } } do
    if not about[need[1]] then
      return nil, need[2]
    end
  end
  return about
end

-- Where to look, the certificate's place before the key's.
local function locations_of(about)
  local list = { about.path }
  list[#list + 1] = about.key_path
  return list
end

local function source_of(location)
  if certificate.is_uri(location) then
    return { uri = location }
  end
  local bytes, message, code = core.file_read(location, FILE_MAX, "public")
  if not bytes then
    return nil, certificate.error(message, code)
  end
  return { [certificate.is_pem(bytes) and "pem" or "pfx"] = bytes }
end

--- Is this PEM text, as opposed to a PFX?
function certificate.is_pem(bytes)
  return bytes:find("-----BEGIN ", 1, true) ~= nil
end

-- For messages; a URI's query may hold a PIN.
local function name_of(location)
  return certificate.is_uri(location) and location:match("^[^?]*") or location
end

local function facts_of(handle)
  local facts, message, code = handle:facts()
  if not facts then
    return nil, certificate.error(message, code)
  end
  return { handle = handle, facts = facts }
end

--- Open a certificate and its key.
-- @tparam table about `path` or `pem`; optional `key_path`, where the key is not in the same place
-- @tparam[opt] string password
-- @treturn table|nil `handle` (see `src/lcert.c`), `facts`
-- @treturn entra.errors kind `credential`
function certificate.open(about, password)
  local sources = { about.pem and { pem = about.pem } }
  for _, location in ipairs(locations_of(about)) do
    local source, err = source_of(location)
    if not source then
      return nil, err
    end
    sources[#sources + 1] = source
  end
  local handle, message, code, number = require("entra.crypto").certificate(sources, password)
  if handle then
    return facts_of(handle)
  end
  local location = number == 2 and about.key_path or about.path
  return nil, certificate.error(("cannot use %s: %s"):format(location and name_of(location) or "the certificate",
    message), code)
end

--- Which files these are, and in which state; nil where one of them cannot be looked at.
-- A URI is always the same.
function certificate.identity(about)
  local parts = { about.pem }
  for _, location in ipairs(locations_of(about)) do
    local state = certificate.is_uri(location) and "" or core.file_identity(location)
    if not state then
      return nil
    end
    parts[#parts + 1] = location .. "|" .. state
  end
  return table.concat(parts, "\n")
end

--- Seconds since 1970 as RFC 3339 UTC.
function certificate.time(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds))
end

--- Whole days until the expiry; negative once it has passed.
function certificate.days_left(facts, now)
  return math.floor((facts.not_after - now) / DAY)
end

--- Is it valid now?
-- @tparam table facts
-- @tparam number now seconds since 1970
-- @treturn true|nil
-- @treturn string|entra.errors with true: a warning, or nil; else why not
function certificate.judge(facts, now)
  local time = certificate.time
  if now < facts.not_before then
    local err = certificate.error(("the certificate is not valid before %s"):format(time(facts.not_before)),
      "not_yet_valid")
    err.hint = ("check the clock: it is %s here"):format(time(now))
    return nil, err
  end
  if now >= facts.not_after then
    local err = certificate.error(("the certificate expired on %s"):format(time(facts.not_after)), "expired")
    err.hint = "renew it, upload the new one to the app registration, and replace the file"
    return nil, err
  end
  local days = certificate.days_left(facts, now)
  return true, days < WARN_DAYS and ("the certificate expires in %.0f day%s, on %s"):format(days,
    days == 1 and "" or "s", time(facts.not_after)) or nil
end

--- Bytes as the upper-case hexadecimal digits in which Entra's portal shows thumbprints.
function certificate.hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02X"):format(c:byte()) end))
end

return certificate
