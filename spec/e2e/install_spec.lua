-- The installed tree: moved, linked to, and read by an interpreter that was exchanged since.
local provider = require("spec.support.provider")
local user = require("spec.support.user")

describe("an installed tree", function()
  local ada

  before_each(function()
    provider.reset()
    ada = user.new()
    ada:daemon("default")
    ada:must(([[cp -r %s ~/tree && sed -i "s|%s|$HOME/tree|" ~/tree/bin/entra-auth-cli]])
      :format(user.PREFIX, user.PREFIX))
  end)
  after_each(function() ada:remove() end)

  it("is found from any folder, and through a symbolic link", function()
    local result = ada:must("ln -s tree/bin/entra-auth-cli ~/eac; cd /; ~/tree/bin/entra-auth-cli get-token | wc -l;"
      .. " cd /usr; ~/eac get-token | wc -l")
    assert.equal("1\n1\n", result.out)
  end)

  it("works where its bytecode is another Lua's, cut short or away", function()
    for _, harm in ipairs { [[printf '\033Lua\120\001garbage' >]], "truncate -s 1000", "rm" } do
      local result = ada:must("bundle=$(echo ~/tree/share/lua/*/entra/cli/bundle.lua); " .. harm .. [[ $bundle
        ~/tree/bin/entra-auth-cli get-token]])
      assert.matches("^eyJ", result.out)
      assert.equal("", result.err)
    end
  end)

  it("has nothing but sources beside that bytecode, for any interpreter of its version", function()
    assert.equal("bundle.lua\n", ada:must([[cd ~/tree/share && grep -rlaP '^\x1b' . | xargs -n1 basename]]).out)
  end)
end)
