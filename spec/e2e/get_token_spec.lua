local provider = require("spec.support.provider")
local user = require("spec.support.user")

describe("get-token", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
  end)

  after_each(function()
    ada:remove()
  end)

  it("prints exactly the token and one newline", function()
    ada:daemon("production")
    local result = ada:must("entra-auth-cli get-token -p production")
    assert.matches("^eyJ[%w_-]+%.[%w_-]+%.[%w_-]+\n$", result.out)
    assert.equal("", result.err)
  end)

  it("asks the network once, then answers from the cache", function()
    ada:daemon("production")
    local first = ada:must("entra-auth-cli get-token -p production").out
    local second = ada:must("entra-auth-cli get-token -p production").out
    assert.equal(first, second)
    assert.equal(1, provider.requests("token"))
  end)

  it("sends a secret of awkward characters unharmed", function()
    ada:daemon("production")
    ada:must("entra-auth-cli get-token -p production")
    local requests = provider.control("GET", "/requests")
    assert.equal("S3~x%&=+/é", requests[#requests].form.client_secret)
  end)
end)
