-- The listener is C and has a spec of its own; here it answers from a script.
local new_clock = require("spec.support.clock")
local redirect = require("entra.redirect")

describe("entra.redirect", function()
  local clock, script, listened, closed, complaints, lines, wait

  before_each(function()
    clock, script, closed, complaints, lines = new_clock(), {}, 0, {}, {}
    local core = require("entra.core")
    wait = core.wait
    core.wait = function(_, wake, input) -- a paste is always waiting
      return nil, "", input and "input" or wake and "interrupted"
    end
    package.loaded["entra.loopback"] = {
      listen = function(options)
        listened = options
        if options.port == 1 then
          return nil, "port 1 is in use", "EADDRINUSE"
        end
        return {
          port = function() return options.port == 0 and 51703 or options.port end,
          close = function() closed = closed + 1 end,
          wait = function(_, opts)
            local answer = table.remove(script, 1)
            if type(answer) == "function" then
              answer = answer(opts)
            end
            if type(answer) == "table" then
              return answer
            end
            return nil, "no", answer
          end,
        }
      end,
    }
  end)
  after_each(function()
    package.loaded["entra.loopback"] = nil
    require("entra.core").wait = wait
  end)

  local input = { fd = 0, read = function() return table.remove(lines, 1) end }

  local function open(fields)
    fields = fields or {}
    fields.clock = clock
    fields.complain = function(why) complaints[#complaints + 1] = why end
    return redirect.open(fields)
  end

  local function in_seconds(n)
    return clock.monotonic() + n
  end

  it("is http://localhost with a port of its own, and no path where none was given", function()
    assert.equal("http://localhost:51703", open().uri)
    assert.same({ port = 0, path = "/" }, listened)
    assert.equal("http://127.0.0.1:8400/back", open { redirect_uri = "http://127.0.0.1:8400/back" }.uri)
    assert.same({ port = 8400, path = "/back" }, listened)
    assert.equal("http://localhost:9000/", open { redirect_uri = "http://localhost/", port = 9000 }.uri)
  end)

  it("is never plain http to another machine, nor anything odd", function()
    for _, uri in ipairs { "http://contoso.com/back", "http://localhost.evil.example", "ftp://localhost", "localhost",
      "http://localhost:1:2", "http://user@localhost", "http://localhost/?a=b", "http://local host", "" } do
      local opened, err = open { redirect_uri = uri }
      assert.is_nil(opened, uri)
      assert.equal("redirect_uri", err.code)
    end
  end)

  it("says that a port is taken, and what to do", function()
    local opened, err = open { port = 1 }
    assert.is_nil(opened)
    assert.equal("EADDRINUSE", err.code)
    assert.matches("--port", err.hint, 1, true)
  end)

  it("is what the listener brings", function()
    script = { { code = "c" } }
    local self = open()
    assert.same({ code = "c" }, self:wait("s", in_seconds(10), true))
    self:close()
    assert.equal(1, closed)
  end)

  it("ends with the deadline, with Ctrl-C, and with what else went wrong", function()
    script = { function(opts)
      clock.pass(opts.timeout)
      return "timeout"
    end }
    assert.equal("timeout", select(2, open():wait("s", in_seconds(10), true)).kind)
    script = { "interrupted" }
    assert.equal("cancelled", select(2, open():wait("s", in_seconds(10), true)).kind)
    script = { "EMFILE" }
    assert.equal("EMFILE", select(2, open():wait("s", in_seconds(10), true)).code)
  end)

  it("takes a pasted address beside the listener, where no browser was opened", function()
    script = { "input" }
    lines = { " http://localhost:51703/?code=a%2Fb+c&state=s&session_state=x \r" }
    local self = open { input = input }
    assert.is_true(self:takes_input(false))
    assert.equal("a/b c", self:wait("s", in_seconds(10), false).code)
    assert.is_false(self:takes_input(true))
    script = { function(opts)
      assert.is_nil(opts.input)
      return { code = "c" }
    end }
    assert.equal("c", self:wait("s", in_seconds(10), true).code)
  end)

  it("says what is wrong with a pasted text, and goes on", function()
    script = { "input", "input", "input", "input", "input", "input" }
    lines = {
      "hello", "", "http://localhost/?code=a&state=another", "http://localhost/?state=s",
      "http://localhost/?code=a&code=b&state=s", "http://localhost/?error=access_denied&state=s#x",
    }
    assert.equal("access_denied", open { input = input }:wait("s", in_seconds(10), false).error)
    assert.equal(5, #complaints)
    assert.matches("another sign%-in", complaints[3])
    assert.matches("no code", complaints[4])
  end)

  it("no longer waits for a person who has closed their input, and still for the browser", function()
    script = { "input", { code = "c" } }
    local self = open { input = input }
    assert.equal("c", self:wait("s", in_seconds(10), false).code)
    assert.is_false(self:takes_input(false))
  end)

  describe("at an app's own https address", function()
    local URI = "https://app.contoso.com/signin"

    it("can only be pasted", function()
      lines = { "https://app.contoso.com/signin?code=c&state=s" }
      local self = open { redirect_uri = URI, input = input }
      assert.equal(URI, self.uri)
      assert.is_true(self:takes_input(true))
      assert.equal("c", self:wait("s", in_seconds(10), true).code)
      self:close()
      assert.equal(0, closed)
    end)

    it("needs somebody to paste it", function()
      local opened, err = open { redirect_uri = URI }
      assert.is_nil(opened)
      assert.equal("interaction", err.kind)
      assert.is_string(err.hint)
    end)

    it("ends where the input ends", function()
      assert.equal("cancelled", select(2, open { redirect_uri = URI, input = input }:wait("s", in_seconds(10))).kind)
    end)
  end)
end)
