--- What a grant is handed: who asks for what, the app's credential, and the way to the authority.
-- @module entra.way

local credential = require("entra.credential")
local exchange = require("entra.exchange")
local flow = require("entra.flow")

local way = {}

--- The grant behind a flow.
-- @tparam string name the CLI's
function way.grant(name)
  return require("entra.grant." .. flow.BY_NAME[name].grant)
end

--- The way of one call.
-- @tparam entra.client self
-- @tparam table plan
-- @tparam table opts
-- @tparam[opt] boolean is_public whether the app proves nothing here, whatever credential it has
-- @treturn table see `entra.grant.client_credentials.run`; `sent` is when the last request was
function way.of(self, plan, opts, is_public)
  local env = { clock = self.clock, deadline = plan.deadline, wake = self.wake, http = self.http, log = self.log,
    connect_timeout = self.connect_timeout }
  local out = {
    settings = self.settings, scopes = plan.scopes, clock = self.clock, deadline = plan.deadline,
    claims = opts.claims,
    on_wait = function(left) -- looked up late: on_prompt may decide how the wait is shown
      if opts.on_wait then
        opts.on_wait(left)
      end
    end,
  }
  --- A token request's form with what every one of them ends in: the app's proof, and the claims challenge.
  -- Returns the proof as well, since some are good for one request (`one_time`); or nil and an error.
  function out.form(fields)
    local proof, err = {}, nil
    if not is_public then
      proof, err = credential.form(self.store, self.settings, self)
    end
    if not proof then
      return nil, err
    end
    for _, field in ipairs(proof) do
      fields[#fields + 1] = field
    end
    if opts.claims then
      fields[#fields + 1] = { "claims", opts.claims }
    end
    return fields, proof
  end
  function out.post(request)
    env.deadline = out.deadline -- a person's wait may have ended later than it was planned
    out.sent = self.clock.now()
    return exchange.post(self.settings, request, env)
  end
  return out
end

return way
