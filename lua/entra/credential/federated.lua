--- A token of another identity provider as the app's credential (workload identity federation, RFC 7523 §2.2).
--
-- Kubernetes writes it to a file and renews it there; the file is read for each
-- exchange, and what it holds is sent as it is. Nothing of it is stored.
--
-- @module entra.credential.federated

local assertion = require("entra.credential.assertion")
local core = require("entra.core")
local errors = require("entra.errors")

local federated = {}

local FILE_MAX = 64 * 1024

local function failed(message, code, hint)
  return nil, errors.new("credential", message, { code = "federated_" .. code, hint = hint })
end

--- Where the token is: the profile's file, else the one that the environment names.
-- @tparam table settings
-- @treturn string|nil
function federated.path(settings)
  local path = settings.federated.token_file or os.getenv("AZURE_FEDERATED_TOKEN_FILE")
  return path ~= "" and path or nil
end

--- The form fields that prove who the app is.
-- @treturn {{string,string},...}|nil
-- @treturn entra.errors kind `credential`
function federated.form(_, settings)
  local path = federated.path(settings)
  if not path then
    return failed(("profile '%s' has no federated token"):format(settings.name), "no_token",
      "set AZURE_FEDERATED_TOKEN_FILE, or create the profile with --federated-token-file FILE")
  end
  local bytes, message, code = core.file_read(path, FILE_MAX, "public")
  if not bytes then
    return failed(message, code, code == "mode" and ("chmod go-w '%s'"):format(path)
      or "check the path, and that the workload has its token mounted")
  end
  local text = bytes:gsub("^%s+", ""):gsub("%s+$", "")
  if not core.jwt_split(text) then
    return failed(("%s does not hold a JSON Web Token"):format(path), "garbled",
      "the file must hold the token that the identity provider issued, and nothing else")
  end
  return { { "client_assertion_type", assertion.TYPE }, { "client_assertion", text } }
end

return federated
