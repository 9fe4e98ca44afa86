-- Keys and certificates, made while the specs run by the openssl command: none is ever in the repository.
-- One folder per test process; what was made is made once.
local shell = require("spec.support.shell")

local pki = {}

local dir

local KINDS = {
  rsa = "-newkey rsa:2048", small = "-newkey rsa:1024", ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256",
  pss = "-newkey rsa-pss -pkeyopt rsa_keygen_bits:2048",
}

local made = {}

local function openssl(command, at)
  if not dir then
    dir = shell.folder()
  end
  local before = at and ("faketime -f %s "):format(shell.quote(at)) or ""
  shell.capture(("cd %s && %sopenssl %s 2>/dev/null"):format(dir, before, command))
end

-- The file called so, made before or by the caller.
function pki.path(name)
  return dir .. "/" .. name
end

function pki.read(name)
  return shell.read(pki.path(name))
end

-- A self-signed certificate NAME.pem with its key NAME.key. `about`: `kind` (rsa, small, ec, pss), `days`, `at` (when
-- it begins, for faketime, such as "-40d"), `subject`, `key` (another certificate's name, whose key it is for).
function pki.certificate(name, about)
  about = about or {}
  if not made[name] then
    local key = about.key and "-key " .. about.key .. ".key"
      or KINDS[about.kind or "rsa"] .. " -keyout " .. name .. ".key"
    openssl(("req -x509 %s -nodes -utf8 -subj %s -days %d -out %s.pem"):format(key,
      shell.quote(about.subject or "/CN=" .. name), about.days or 365, name), about.at)
    if about.key then
      os.execute(("cp %s/%s.key %s/%s.key"):format(dir, about.key, dir, name))
    end
    made[name] = true
  end
  return pki.path(name .. ".pem"), pki.path(name .. ".key")
end

-- NAME.pem certified by CA.pem, both with new keys.
function pki.issued(name, ca, subject)
  if not made[name] then
    openssl(("req -new -newkey rsa:2048 -nodes -subj %s -keyout %s.key -out %s.csr"):format(
      shell.quote(subject or "/CN=" .. name), name, name))
    openssl(("x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -days 300 -out %s.pem"):format(name, ca, ca, name))
    made[name] = true
  end
  return pki.path(name .. ".pem"), pki.path(name .. ".key")
end

-- A PFX of the certificate FROM, under this password; `more` are further arguments.
function pki.pfx(file, from, password, more)
  openssl(("pkcs12 -export -in %s.pem -inkey %s.key -passout pass:%s %s -out %s"):format(from, from, password,
    more or "", file))
  return pki.path(file)
end

-- Any other openssl command, in the folder.
function pki.openssl(command)
  openssl(command)
end

-- Hexadecimal digits of the certificate's fingerprint, as the openssl command says it.
function pki.fingerprint(name, hash)
  return (shell.capture(("openssl x509 -in %s.pem -noout -fingerprint -%s"):format(pki.path(name), hash))
    :match("=(.*)$"):gsub(":", ""))
end

return pki
