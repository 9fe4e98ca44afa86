--- Signing a person in: the flows in turn, and what is stored afterwards.
-- @module entra.sign_in

local cache = require("entra.cache")
local flow = require("entra.flow")
local keep = require("entra.keep")
local way = require("entra.way")

local sign_in = {}

-- Storing what a person signed in for is worth a wait.
local STORE_SECONDS = 60

-- What a flow that needs a person is handed.
local function way_to_person(self, plan, opts, name, account)
  local means = way.of(self, plan, opts, flow.BY_NAME[name].public)
  means.flow, means.on_prompt, means.wake, means.complain = name, opts.on_prompt, self.wake, self.warn
  means.input, means.port = opts.input and opts.input(), opts.port
  means.redirect_uri = opts.redirect_uri or self.settings.redirect_uri
  means.login_hint = opts.login_hint or account and account.username
  means.open_browser = opts.open_browser
  if means.open_browser == nil then
    means.open_browser = require("entra.browser").open
  end
  return means
end

-- Refusals of the way of signing in, not of the person: another flow may be let through. (Conditional Access,
-- security defaults; the numbers decide nothing but which of the configured flows comes next.)
local WAY_REFUSED = { [50005] = true, [50131] = true, [53000] = true, [53001] = true, [53002] = true, [53003] = true,
  [530032] = true, [530034] = true, [530035] = true }

-- Ask the person, by the first flow that works here.
local function ask(self, plan, opts, account)
  for i, name in ipairs(plan.flows) do
    local grant = way.grant(name)
    plan.deadline = self.clock.monotonic() + (opts.timeout or grant.PATIENCE)
    local means = way_to_person(self, plan, opts, name, account)
    local reply, err = grant.run(means)
    if reply then
      reply.public = flow.BY_NAME[name].public
      return reply, nil, means.sent
    end
    local following = plan.flows[i + 1]
    if not following or not (WAY_REFUSED[err.aadsts] or err.code == "no_browser") then
      return nil, err
    end
    self.warn(("%s does not work here: %s; trying %s"):format(name, err.message, following))
  end
end

local function is_same(before, now)
  return before and before.home_account_id and now and now.home_account_id == before.home_account_id
end

-- Whatever was cached for somebody else must never answer for the one who signs in now.
local function make_room(self, plan)
  local names, err = self.store:names(function(name)
    return cache.is_token_of(name, self.settings, plan.partition)
  end)
  for _, name in ipairs(names or {}) do
    local ok
    ok, err = self.store:remove(name)
    if not ok then
      return nil, err
    end
  end
  return names and true, err
end

-- Store what a sign-in brought, in place of what was there.
local function keep_sign_in(self, plan, opts, reply, sent)
  local lock, err = self.store:lock(plan.lock, STORE_SECONDS)
  if not lock then
    return nil, err
  end
  -- Only now that there is another one: until here, mending the key would have brought it back.
  local held, problem = self.store:read(plan.refresh)
  if problem and problem.broken then
    self.store:set_aside(plan.refresh)
  end
  local before, now = held and held.account, reply.account
  local ok, item, unkept = true, nil, nil
  if not is_same(before, now) then
    ok, err = make_room(self, plan)
  end
  if ok then
    item, err, unkept = keep.reply(self, plan, opts, reply, sent)
    self.store:write_note(plan.lock, nil)
  end
  lock:release()
  if item and before and before.username and now and now.username and not is_same(before, now) then
    self.warn(("profile '%s' is now signed in as %s, no longer as %s"):format(self.settings.name, now.username,
      before.username))
  end
  return item, err, unkept
end

--- Sign a person in. No lock is held while the person acts, only to store.
function sign_in.run(self, plan, opts)
  local held = self.store:read(plan.refresh)
  local reply, err, sent = ask(self, plan, opts, held and held.account)
  if not reply then
    return nil, err
  end
  local item, unkept
  item, err, unkept = keep_sign_in(self, plan, opts, reply, sent)
  if not item then
    self.warn("the sign-in is not stored: " .. err:line())
  elseif not reply.refresh_token then
    self.warn("the server gave no refresh token: include the offline_access scope")
  end
  return self:hand_out(plan, item or unkept or keep.item(self, plan, reply, sent), opts, false)
end

return sign_in
