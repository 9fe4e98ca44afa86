local cache = require("entra.cache")

describe("entra.cache", function()
  local now = 1700000000

  local function item(fields)
    local out = { access_token = "t", scopes = { "User.Read" }, cached_at = now, expires_on = now + 3600 }
    for name, value in pairs(fields or {}) do
      out[name] = value
    end
    return out
  end

  it("keeps a margin of five minutes, a quarter of a short life", function()
    local long, short = item(), item { expires_on = now + 40 }
    assert.is_true(cache.is_fresh(long, now + 3299))
    assert.is_false(cache.is_fresh(long, now + 3301))
    assert.is_true(cache.is_fresh(short, now + 29))
    assert.is_false(cache.is_fresh(short, now + 31))
  end)

  it("believes no token from the future, and none that lasts for ever", function()
    assert.is_false(cache.is_fresh(item { cached_at = now + 86400, expires_on = now + 90000 }, now))
    assert.is_false(cache.is_fresh(item { expires_on = now + 12 * 366 * 86400 }, now))
    assert.is_false(cache.is_alive(item { expires_on = now + 12 * 366 * 86400 }, now))
    assert.is_false(cache.is_alive(item { cached_at = now + 86400, expires_on = now + 90000 }, now))
  end)

  it("calls a token alive until it expires, and due from refresh_on", function()
    assert.is_true(cache.is_alive(item(), now + 3599))
    assert.is_false(cache.is_alive(item(), now + 3600))
    assert.is_false(cache.is_due(item(), now))
    assert.is_true(cache.is_due(item { refresh_on = now }, now))
  end)

  it("selects the longest-lived token that covers the request", function()
    local body = { tokens = { item { access_token = "a" }, item { access_token = "b", expires_on = now + 4000 },
      item { access_token = "c", scopes = { "Mail.Read" }, expires_on = now + 9000 } } }
    assert.equal("b", cache.select(body, { "User.Read" }).access_token)
    assert.is_nil(cache.select(body, { "User.Read", "Mail.Read" }))
    assert.is_nil(cache.select(nil, { "User.Read" }))
  end)

  it("replaces a token of the same scopes, drops dead ones, keeps eight", function()
    local body, last = cache.insert({ tokens = { item { access_token = "old" } } }, item { access_token = "new" }, now)
    assert.equal(1, #body.tokens)
    assert.equal(now + 3600, last)
    body = cache.insert({ tokens = { item { scopes = { "a/b" }, expires_on = now - 1 } } }, item(), now)
    assert.equal(1, #body.tokens)
    for i = 1, 12 do
      body = cache.insert(body, item { scopes = { "Scope." .. i }, access_token = "t" .. i }, now)
    end
    assert.equal(8, #body.tokens)
    assert.equal("t12", body.tokens[1].access_token)
  end)

  it("drops what a wrong clock wrote, lest it stand before the right one", function()
    local tomorrow = item { scopes = { "User.Read", "Mail.Read" }, cached_at = now + 86400, expires_on = now + 90000 }
    local body = cache.insert({ tokens = { tomorrow } }, item { access_token = "today" }, now)
    assert.equal("today", cache.select(body, { "User.Read" }).access_token)
  end)

  it("finds the token stored last", function()
    assert.equal("b", cache.latest { tokens = { item { access_token = "a" },
      item { access_token = "b", cached_at = now + 1 } } }.access_token)
  end)

  it("names entries by all that a token depends on", function()
    local settings = { id = "1", authority = "https://a", tenant = "t", client_id = "c" }
    local names = { cache.tokens_name(settings, "app", "r"), cache.tokens_name(settings, "user", "r"),
      cache.tokens_name(settings, "app", "s") }
    for field, value in pairs { id = "2", authority = "https://b", tenant = "u", client_id = "d" } do
      local other = { id = "1", authority = "https://a", tenant = "t", client_id = "c" }
      other[field] = value
      names[#names + 1] = cache.tokens_name(other, "app", "r")
    end
    local seen = {}
    for _, name in ipairs(names) do
      assert.is_nil(seen[name])
      seen[name] = true
    end
    assert.is_true(cache.belongs_to(names[1], "1"))
    assert.is_false(cache.belongs_to(names[1], "11"))
    assert.is_true(cache.belongs_to(cache.secret_name(settings), "1"))
  end)
end)
