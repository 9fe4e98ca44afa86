--- The version of entra, as `entra-auth-cli --version` prints it.
-- @module entra.version
return "0.1.0"
