-- What every store promises, and what the sealed one promises beyond.
local core = require("entra.core")
local memory = require("entra.store.memory")
local sealed = require("entra.store.sealed")
local shell = require("spec.support.shell")

describe("entra.store", function()
  local dir

  before_each(function() dir = shell.folder() .. "/state" end)
  after_each(function() os.execute("rm -rf " .. dir:gsub("/state$", "")) end)

  for name, new in pairs {
    memory = function() return memory.new() end,
    sealed = function() return sealed.new(dir) end,
  } do
    describe(name, function()
      it("gives back what was written, and nil for what was not", function()
        local store = new()
        assert.same({}, { store:read("tokens|1|a") })
        assert.is_true(store:write("tokens|1|a", { secret = "S3~x%&=+/é\0\255", n = 1795464160.5 }))
        assert.same({ secret = "S3~x%&=+/é\0\255", n = 1795464160.5 }, store:read("tokens|1|a"))
        assert.is_nil((store:read("tokens|1|b")))
      end)

      it("replaces what was there, and is not changed through what it gave or was given", function()
        local store, body = new(), { tokens = { { scopes = { "a" } } } }
        store:write("x", { old = true })
        store:write("x", body)
        body.tokens[1].scopes[1] = "changed by the writer"
        store:read("x").tokens[1].scopes[1] = "changed by a reader"
        assert.same({ tokens = { { scopes = { "a" } } } }, store:read("x"))
      end)

      it("forgets an entry that is set aside", function()
        local store = new()
        store:write("x", { y = 1 })
        store:set_aside("x")
        assert.same({}, { store:read("x") })
        store:write("x", { y = 2 })
        assert.equal(2, store:read("x").y)
      end)

      it("takes room for what is written later, or gives it back", function()
        local store = new()
        store:write("x", { y = 1 })
        local room = assert(store:reserve("x"))
        assert.equal(1, store:read("x").y)
        assert.is_true(store:write("x", { y = 2 }, { room = room, durable = true }))
        room:drop()
        assert.equal(2, store:read("x").y)
        assert(store:reserve("x")):drop()
        assert.equal(2, store:read("x").y)
      end)

      it("says what it is", function()
        assert.is_truthy(new():describe():find(name == "sealed" and dir or "memory", 1, true))
      end)

      it("lists and removes entries", function()
        local store = new()
        for _, entry in ipairs { "tokens|1|a", "refresh|1|user", "tokens|2|a" } do
          store:write(entry, { x = 1 })
        end
        local names = store:names(function(entry) return entry:find("|1|", 1, true) ~= nil end)
        table.sort(names)
        assert.same({ "refresh|1|user", "tokens|1|a" }, names)
        assert.is_true(store:remove("tokens|1|a"))
        assert.is_true(store:remove("tokens|1|a"))
        assert.is_nil((store:read("tokens|1|a")))
        assert.is_truthy(store:read("tokens|2|a"))
      end)

      it("keeps notes beside entries, and loses them when told to", function()
        local store = new()
        local lock = store:lock("tokens|1|a", 1)
        assert.is_nil(store:read_note("tokens|1|a"))
        store:write_note("tokens|1|a", { at = 1 })
        assert.same({ at = 1 }, store:read_note("tokens|1|a"))
        store:write_note("tokens|1|a", nil)
        assert.is_nil(store:read_note("tokens|1|a"))
        store:write_note("tokens|1|a", { at = 2 })
        store:remove("tokens|1|a")
        assert.is_nil(store:read_note("tokens|1|a"))
        lock:release()
      end)
    end)
  end

  describe("sealed", function()
    local function path(name)
      return dir .. "/records/" .. core.record_file(name) .. ".rec"
    end

    it("is read by another process's store, whoever made the key", function()
      local one, two = sealed.new(dir), sealed.new(dir)
      one:write("a", { by = "one" })
      two:write("b", { by = "two" })
      assert.equal("two", one:read("b").by)
      assert.equal("one", two:read("a").by)
    end)

    it("makes nothing when it only reads", function()
      assert.is_nil((sealed.new(dir):read("a")))
      assert.is_nil(shell.read(dir .. "/key"))
    end)

    it("holds nothing in clear, in files for the user alone", function()
      sealed.new(dir):write("a", { client_secret = "a-telling-secret" })
      assert.equal("", shell.capture("grep -rl a-telling-secret " .. dir .. " || true"))
      assert.equal("600", shell.capture("stat -c %a " .. path("a") .. " " .. dir .. "/key | sort -u"))
      assert.equal("700", shell.capture(("stat -c %%a %s %s/records | sort -u"):format(dir, dir)))
    end)

    it("asks its provider for the key, and makes one only where there is none", function()
      local made = 0
      local key = { id = "theirs--", bytes = ("k"):rep(32) }
      local provider = { name = "vault", load = function() return made > 0 and key or nil end, create = function()
        made = made + 1
        return key
      end }
      local store = sealed.new(dir, provider)
      assert.is_nil((store:read("a")))
      assert.equal(0, made)
      store:write("a", { x = 1 })
      store:write("b", { x = 2 })
      assert.equal(1, sealed.new(dir, provider):read("a").x)
      assert.equal(1, made)
      assert.is_nil(shell.read(dir .. "/key"))
      assert.matches("vault", store:describe())
      local locked = { name = "vault", load = function() return nil, { kind = "store", message = "locked" } end }
      local body, err = sealed.new(dir, locked):read("a")
      assert.is_nil(body)
      assert.is_nil(err.broken, "a vault that is locked says nothing about the record")
    end)

    it("has no room where its folder is gone", function()
      local room, err = sealed.new(dir):reserve("a")
      assert.is_nil(room)
      assert.same({ "store", "ENOENT" }, { err.kind, err.code })
    end)

    it("has no room where the disk is full, though there is the right to write", function()
      local store = sealed.new(dir)
      store:write("a", { x = 1 })
      local mounted = os.execute(("mount -t tmpfs -o size=64k,mode=700 tmpfs %s/records 2>/dev/null"):format(dir))
      if mounted ~= true and mounted ~= 0 then
        pending("needs the right to mount")
      end
      finally(function() os.execute(("umount %s/records"):format(dir)) end)
      local rooms = {}
      local room, err
      repeat
        room, err = store:reserve("a")
        rooms[#rooms + 1] = room
      until not room
      assert.same({ "store", "ENOSPC" }, { err.kind, err.code })
      assert.matches("^make room on the disk", err.hint)
      assert.is_true(#rooms >= 3 and #rooms <= 4, #rooms .. " rooms of 16 KiB in 64")
      for _, each in ipairs(rooms) do
        each:drop()
      end
      assert.same({}, core.dir_list(dir .. "/records"))
    end)

    it("lists entries whatever their modes, and nothing that is reached through a link", function()
      local store = sealed.new(dir)
      store:write("a", { x = 1 })
      store:write("b", { x = 1 })
      os.execute(("chmod 666 %s; ln -s %s %s/records/0123456789abcdef.rec"):format(path("a"), path("b"), dir))
      local names = store:names(function() return true end)
      table.sort(names)
      assert.same({ "a", "b" }, names)
      os.execute(("mv %s/records %s/real; ln -s real %s/records"):format(dir, dir, dir))
      assert.equal("symlink", select(2, store:names(function() return true end)).code)
    end)

    it("lists nothing that is not an entry", function()
      local store = sealed.new(dir)
      assert.same({}, store:names(function() return true end))
      store:write("a", { x = 1 })
      shell.write(dir .. "/records/0123456789abcdef.rec", "junk")
      shell.write(dir .. "/records/README", "junk")
      store:write_note("a", { at = 1 })
      assert.same({ "a" }, store:names(function() return true end))
    end)

    it("loses a note that is junk, without a word", function()
      local store = sealed.new(dir)
      store:write("a", { x = 1 })
      local note = path("a"):gsub("%.rec$", ".note")
      shell.write(note, "}")
      os.execute("chmod 600 " .. note)
      assert.is_nil(store:read_note("a"))
    end)

    it("leaves a later layout's record as it is, with a hint that fits", function()
      local store = sealed.new(dir)
      store:write("a", { x = 1 })
      local bytes = shell.read(path("a"))
      shell.write(path("a"), bytes:sub(1, 8) .. "\9" .. bytes:sub(10))
      local body, err = store:read("a")
      assert.is_nil(body)
      assert.same({ "newer", "use the newer version of entra that wrote it" }, { err.code, err.hint })
      assert.is_nil(err.broken)
    end)

    it("detects every flipped byte", function()
      local store = sealed.new(dir)
      store:write("tokens|a", { x = "y" })
      local bytes = shell.read(path("tokens|a"))
      for i = 1, #bytes do
        shell.write(path("tokens|a"), bytes:sub(1, i - 1) .. string.char((bytes:byte(i) + 1) % 256) .. bytes:sub(i + 1))
        local body, err = store:read("tokens|a")
        assert.is_nil(body, tostring(i))
        assert.equal("store", err.kind)
        -- A later layout's number is not damage: such a record must be left alone.
        assert.equal(i ~= 9, err.broken == true, tostring(i))
      end
    end)

    it("is not fooled by a record under another's name", function()
      local store = sealed.new(dir)
      store:write("a", { x = 1 })
      store:write("b", { x = 2 })
      os.rename(path("a"), path("b"))
      local body, err = store:read("b")
      assert.is_nil(body)
      assert.is_true(err.broken)
    end)

    it("names file and key provider where a record does not open, and keeps it aside", function()
      local store = sealed.new(dir)
      store:write("a", { x = 1 })
      os.remove(dir .. "/key")
      local other = sealed.new(dir)
      local _, err = other:read("a")
      assert.is_true(err.broken)
      assert.matches(path("a"), err.message, 1, true)
      assert.matches("file", err.message)
      other:write("b", { x = 2 })
      _, err = other:read("a")
      assert.equal("other_key", err.code)
      other:set_aside("a")
      assert.is_nil((other:read("a")))
      assert.is_truthy(shell.read(path("a") .. ".broken"))
    end)

    it("refuses wide modes with the command to run", function()
      local store = sealed.new(dir)
      store:write("a", { x = 1 })
      for target, hint in pairs { [dir] = dir, [dir .. "/records"] = dir .. "/records", [path("a")] = path("a"),
        [dir .. "/key"] = dir .. "/key" } do
        os.execute("chmod g+r " .. target)
        local body, err = sealed.new(dir):read("a")
        os.execute("chmod g-r " .. target)
        assert.is_nil(body)
        assert.equal("mode", err.code)
        assert.is_truthy(err.hint:find(hint, 1, true))
        assert.matches("^chmod ", err.hint)
        assert.is_nil(err.broken)
      end
      assert.is_truthy(sealed.new(dir):read("a"))
    end)

    it("says that the key file is damaged", function()
      sealed.new(dir):write("a", { x = 1 })
      for _, bytes in ipairs { "short", ("x"):rep(41), "" } do
        shell.write(dir .. "/key", bytes)
        local _, err = sealed.new(dir):read("a")
        assert.equal("damaged", err.code)
        assert.matches("the key file", err.message)
        assert.is_nil(err.broken, "the records are sound, and open again with the right key")
      end
    end)

    it("lists and removes what was moved aside", function()
      local store = sealed.new(dir)
      store:write("tokens|1|a", { x = 1 })
      store:set_aside("tokens|1|a")
      assert.same({ "tokens|1|a" }, store:names(function() return true end))
      assert.is_true(store:remove("tokens|1|a"))
      assert.same({}, core.dir_list(dir .. "/records"))
    end)

    it("sweeps what killed writers left of anything, before it writes, reserves, notes or removes", function()
      sealed.new(dir):write("a", { x = 1 })
      for verb, act in pairs {
        write = function(store) store:write("a", { x = 2 }) end,
        reserve = function(store) store:reserve("a"):drop() end,
        write_note = function(store) store:write_note("a", { at = 1 }) end,
        remove = function(store) store:remove("a") end,
      } do
        for _, name in ipairs { path("a"), path("b"), (path("b"):gsub("rec$", "note")), dir .. "/key" } do
          shell.write(name .. ".0123456789abcdef.tmp", "half")
        end
        act(sealed.new(dir))
        assert.equal("", shell.capture(("find %s -name '*.tmp'"):format(dir)), verb)
      end
    end)

    it("leaves alone what another one is writing", function()
      local store = sealed.new(dir)
      store:write("a", { x = 1 })
      local room = store:reserve("a")
      sealed.new(dir):write("b", { x = 1 })
      assert.is_true(store:write("a", { x = 2 }, { room = room }))
      assert.equal(2, store:read("a").x)
    end)

    it("locks one holder at a time", function()
      local store = sealed.new(dir)
      local lock, waited = store:lock("a", 1)
      assert.is_false(waited)
      local none, err = store:lock("a", 0)
      assert.is_nil(none)
      assert.equal("timeout", err.kind)
      lock:release()
    end)
  end)
end)
