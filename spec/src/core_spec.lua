local child = require("spec.support.child")
local core = require("entra.core")
local shell = require("spec.support.shell")

local function code_of(...)
  return (select(3, ...))
end

-- File modes do not bind root: what they promise is tried as somebody else.
local ORDINARY = shell.capture("id -u") == "0" and "setpriv --reuid=65534 --regid=65534 --clear-groups" or ""

local function as_ordinary(code)
  return child("local core = require('entra.core')\n" .. code, nil, ORDINARY)
end

local function give_away(path)
  os.execute((ORDINARY ~= "" and "chown -R 65534:65534 " or ": ") .. path)
end

describe("entra.core", function()
  local dir

  before_each(function() dir = shell.folder() end)
  after_each(function() os.execute(("chmod -R u+rwx %s; rm -rf %s"):format(dir, dir)) end)

  describe("base64url", function()
    -- RFC 4648 section 10, without the padding.
    local vectors = { [""] = "", f = "Zg", fo = "Zm8", foo = "Zm9v", foob = "Zm9vYg", fooba = "Zm9vYmE",
      foobar = "Zm9vYmFy", ["\255\254\253"] = "__79" }

    it("encodes and decodes the RFC's vectors", function()
      for bytes, text in pairs(vectors) do
        assert.equal(text, core.base64url_encode(bytes))
        assert.equal(bytes, core.base64url_decode(text))
      end
    end)

    it("refuses padding, white space, foreign characters, cut text and a second spelling", function()
      for _, text in ipairs { "Zg==", "Zm 9v", "Zm9v\n", "+/79", "Z", "Zm9vY", "Zh", "Zm9" } do
        assert.equal("base64", code_of(core.base64url_decode(text)), text)
      end
    end)

    it("goes there and back for every length", function()
      local bytes = ""
      for i = 1, 200 do
        bytes = bytes .. string.char(i * 7 % 256)
        assert.equal(bytes, core.base64url_decode(core.base64url_encode(bytes)))
      end
    end)
  end)

  describe("jwt_split", function()
    it("returns header, payload and signature", function()
      local header, payload, signature = core.jwt_split("e30.eyJhIjoxfQ.c2ln")
      assert.same({ "{}", '{"a":1}', "c2ln" }, { header, payload, signature })
    end)

    it("says what is wrong", function()
      for text, code in pairs { ["a.b"] = "parts", ["a.b.c.d"] = "parts", [""] = "parts", ["e30.!.x"] = "base64" } do
        assert.equal(code, code_of(core.jwt_split(text)), text)
      end
    end)
  end)

  describe("clean", function()
    it("lets ordinary text of any script through", function()
      assert.equal("Zürich → 東京 𝄞", core.clean("Zürich → 東京 𝄞", 100))
    end)

    it("replaces what steers a terminal or turns text around", function()
      for text, clean in pairs {
        ["a\27[31mb"] = "a?[31mb", ["\0\7\127"] = "???", ["\194\155x"] = "?x", ["\226\128\174x"] = "?x",
        ["\226\129\166x"] = "?x", ["\239\187\191x"] = "?x", ["\255\254"] = "??", ["\192\128"] = "??",
        ["\237\160\128"] = "???", ["\244\144\128\128"] = "????",
      } do
        assert.equal(clean, core.clean(text, 100))
      end
    end)

    it("stops at the first line's end and between characters", function()
      assert.equal("one", core.clean("one\r\ntwo", 100))
      assert.equal("é", core.clean("éé", 3))
      assert.equal("", core.clean("x", 0))
    end)
  end)

  describe("file_read", function()
    it("reads what is ours alone", function()
      shell.write(dir .. "/f", "secret")
      os.execute("chmod 600 " .. dir .. "/f")
      assert.equal("secret", core.file_read(dir .. "/f", 6))
    end)

    it("refuses wide modes, links, folders, pipes, long files and absent ones", function()
      shell.write(dir .. "/wide", "x")
      os.execute("cd " .. dir .. " && chmod 640 wide && ln -s wide link && mkfifo -m 600 pipe && touch long"
        .. " && chmod 600 long && echo 123456789 >long")
      for name, code in pairs { wide = "mode", link = "symlink", pipe = "not_regular", long = "too_big",
        ["."] = "not_regular", none = "ENOENT" } do
        assert.equal(code, code_of(core.file_read(dir .. "/" .. name, 5)), name)
      end
    end)

    it("reads an empty file, and one that fills its bound exactly", function()
      for _, text in ipairs { "", "x", ("y"):rep(100000) } do
        shell.write(dir .. "/f", text)
        os.execute("chmod 600 " .. dir .. "/f")
        assert.equal(text, core.file_read(dir .. "/f", #text))
      end
    end)

    it("refuses as a secret what belongs to somebody else, and takes it where it is public", function()
      local out = as_ordinary([[
        print((select(3, core.file_read("/etc/passwd", 1e6))))
        print(type(core.file_read("/etc/passwd", 1e6, "public")))
        print(type(core.file_read("/etc/passwd", 1e6, "any")))
        print((select(3, core.dir_check("/usr"))))
        print(core.dir_check("/usr", "public"))]]).out
      assert.equal("owner\nstring\nstring\nowner\ntrue\n", out)
    end)

    it("knows whose a file is that it may not even open, and one that is closed to its owner", function()
      if ORDINARY == "" then
        pending("needs root, to make files of two users")
      end
      os.execute(("cd %s && touch theirs own && chmod 600 theirs && chmod 000 own && chown 65534 . own"):format(dir))
      local out = as_ordinary(([[
        for _, name in ipairs { "theirs", "own" } do
          for _, trust in ipairs { "secret", "public", "any" } do
            print(select(2, core.file_read("%s/" .. name, 10, trust)))
          end
          print(select(2, core.lock("%s/" .. name, 0)))
        end]]):format(dir, dir)).out
      assert.equal(("%s/theirs belongs to user 0, not to you\towner\n"):format(dir):rep(4)
        .. ("%s/own is closed to you (mode 000)\tmode\n"):format(dir):rep(4), out)
    end)

    it("looks at a file of any mode, but through no link", function()
      shell.write(dir .. "/wide", "seen")
      os.execute("cd " .. dir .. " && chmod 666 wide && ln -s wide link && mkfifo pipe")
      assert.equal("seen", core.file_read(dir .. "/wide", 10, "any"))
      assert.equal("symlink", code_of(core.file_read(dir .. "/link", 10, "any")))
      assert.equal("not_regular", code_of(core.file_read(dir .. "/pipe", 10, "any")))
    end)

    it("lets a public file be a link and readable, but not writable by others", function()
      shell.write(dir .. "/f", "public")
      os.execute("cd " .. dir .. " && chmod 644 f && ln -s f link")
      assert.equal("public", core.file_read(dir .. "/link", 100, "public"))
      os.execute("chmod 664 " .. dir .. "/f")
      assert.equal("mode", code_of(core.file_read(dir .. "/f", 100, "public")))
    end)
  end)

  describe("file_replace", function()
    it("writes 0600 and leaves no temporary", function()
      for _, text in ipairs { "old", "new" } do
        assert.is_true(core.file_replace(dir .. "/f", text, true))
      end
      assert.equal("new", shell.read(dir .. "/f"))
      assert.equal("600", shell.capture("stat -c %a " .. dir .. "/f"))
      assert.same({ "f" }, core.dir_list(dir))
    end)

    it("fails without a trace where the disk is full", function()
      local mounted = os.execute("mount -t tmpfs -o size=64k,mode=700 tmpfs " .. dir .. " 2>/dev/null")
      if mounted ~= true and mounted ~= 0 then
        pending("needs the right to mount")
      end
      finally(function() os.execute("umount " .. dir) end)
      assert.is_true(core.file_replace(dir .. "/f", "old"))
      assert.equal("ENOSPC", code_of(core.file_replace(dir .. "/f", ("x"):rep(200000))))
      assert.equal("ENOSPC", code_of(core.file_create(dir .. "/g", ("x"):rep(200000))))
      assert.equal("ENOSPC", code_of(core.file_draft(dir .. "/f", 200000)))
      assert.equal("old", shell.read(dir .. "/f"))
      assert.same({ "f" }, core.dir_list(dir))
    end)

    it("fails without a trace where the folder is read-only", function()
      shell.write(dir .. "/f", "old")
      os.execute("chmod 500 " .. dir)
      give_away(dir)
      local out = as_ordinary(([[
        print((select(3, core.file_replace("%s/f", "new"))))
        print((select(3, core.file_create("%s/g", "new"))))
        print((select(3, core.file_remove("%s/f"))))
        print((select(3, core.file_set_aside("%s/f"))))
        print((select(3, core.dir_make("%s/sub"))))]]):format(dir, dir, dir, dir, dir)).out
      assert.equal(("EACCES\n"):rep(5), out)
      assert.equal("old", shell.read(dir .. "/f"))
      assert.equal("f", shell.capture("ls -A " .. dir))
    end)

    it("replaces a link by a file, and leaves alone what it pointed to", function()
      shell.write(dir .. "/target", "theirs")
      os.execute("ln -s target " .. dir .. "/f")
      assert.is_true(core.file_replace(dir .. "/f", "ours"))
      assert.equal("theirs", shell.read(dir .. "/target"))
      assert.equal("ours", shell.read(dir .. "/f"))
    end)

    it("fails with the folder's error", function()
      assert.equal("ENOENT", code_of(core.file_replace(dir .. "/none/f", "x")))
      assert.equal("ENOTDIR", code_of(core.file_replace("/dev/null/f", "x")))
    end)
  end)

  it("creates a file once: the first writer wins", function()
    assert.is_true(core.file_create(dir .. "/key", "first"))
    assert.equal("EEXIST", code_of(core.file_create(dir .. "/key", "second")))
    assert.equal("first", shell.read(dir .. "/key"))
    assert.same({ "key" }, core.dir_list(dir))
  end)

  describe("a draft", function()
    local function left()
      local names = core.dir_list(dir)
      table.sort(names)
      return names
    end

    it("takes its room at once, and becomes exactly what was written", function()
      for _, text in ipairs { "", "short", ("x"):rep(5000), ("y"):rep(20000) } do
        local draft = assert(core.file_draft(dir .. "/f", 16384))
        assert.equal("16384", shell.capture("stat -c %s " .. dir .. "/f.*.tmp"))
        assert.is_true(draft:replace(text, true))
        assert.equal(text, shell.read(dir .. "/f"))
        assert.equal("600", shell.capture("stat -c %a " .. dir .. "/f"))
        assert.same({ "f" }, left())
      end
    end)

    it("leaves nothing when it is dropped or forgotten", function()
      core.file_draft(dir .. "/f", 100):drop()
      assert.same({}, left())
      core.file_draft(dir .. "/f", 100)
      collectgarbage()
      collectgarbage()
      assert.same({}, left())
    end)

    it("serves once", function()
      local draft = core.file_draft(dir .. "/f", 0)
      draft:replace("x")
      draft:drop()
      assert.has_error(function() draft:replace("y") end)
      assert.equal("x", shell.read(dir .. "/f"))
    end)

    it("is swept when its writer is dead, and not before", function()
      local draft = core.file_draft(dir .. "/f", 0)
      core.file_sweep(dir .. "/f")
      core.dir_sweep(dir)
      assert.equal(1, #left())
      assert.is_true(draft:replace("x"))
      child(([[require("entra.core").file_draft(%q, 0); os.execute("kill -9 $PPID")]]):format(dir .. "/g"))
      assert.equal(2, #left())
      core.file_sweep(dir .. "/f")
      assert.equal(2, #left())
      core.dir_sweep(dir)
      assert.same({ "f" }, left())
    end)
  end)

  it("sweeps its own temporaries and nothing else", function()
    local kept = { "f", "f.0123456789abcdef.bak", "f.last-years-notes.tmp", "f.tmp", "g.0123456789abcdef.tmp" }
    for _, name in ipairs(kept) do
      shell.write(dir .. "/" .. name, "")
    end
    shell.write(dir .. "/f.0123456789abcdef.tmp", "")
    core.file_sweep(dir .. "/f")
    local left = core.dir_list(dir)
    table.sort(left)
    assert.same(kept, left)
  end)

  it("removes a file, and is content where there is none", function()
    shell.write(dir .. "/f", "x")
    assert.is_true(core.file_remove(dir .. "/f"))
    assert.is_true(core.file_remove(dir .. "/f"))
    assert.same({}, core.dir_list(dir))
  end)

  it("moves a file aside and keeps its bytes", function()
    shell.write(dir .. "/f", "broken")
    assert.is_true(core.file_set_aside(dir .. "/f"))
    assert.equal("broken", shell.read(dir .. "/f.broken"))
  end)

  it("makes folders 0700 and refuses wide and linked ones", function()
    assert.is_true(core.dir_make(dir .. "/a/b/c"))
    assert.equal("700", shell.capture("stat -c %a " .. dir .. "/a"))
    os.execute("chmod 755 " .. dir .. "/a/b/c && ln -s a " .. dir .. "/link")
    assert.equal("mode", code_of(core.dir_make(dir .. "/a/b/c")))
    assert.equal("mode", code_of(core.dir_check(dir .. "/a/b/c")))
    assert.equal("symlink", code_of(core.dir_check(dir .. "/link")))
    assert.is_true(core.dir_check(dir .. "/absent"))
    shell.write(dir .. "/file", "")
    assert.equal("not_folder", code_of(core.dir_check(dir .. "/file")))
  end)

  it("lets a public folder be a link and readable, but not writable by others who could write there", function()
    os.execute(("cd %s && mkdir folder && chmod 755 folder && ln -s folder link"):format(dir))
    assert.is_true(core.dir_check(dir .. "/link", "public"))
    os.execute("chmod 775 " .. dir .. "/folder")
    assert.equal("mode", code_of(core.dir_check(dir .. "/link", "public")))
    local mounted = os.execute(("mount -t tmpfs -o ro,mode=777 tmpfs %s/folder 2>/dev/null"):format(dir))
    if mounted ~= true and mounted ~= 0 then
      pending("needs the right to mount")
    end
    finally(function() os.execute(("umount %s/folder"):format(dir)) end)
    assert.is_true(core.dir_check(dir .. "/link", "public"))
    assert.equal("mode", code_of(core.dir_check(dir .. "/folder")))
    assert.equal("EROFS", code_of(core.dir_writable(dir .. "/folder")))
    assert.is_true(core.dir_writable(dir))
  end)

  it("follows links to where they lead, as far as they lead anywhere", function()
    shell.write(dir .. "/file", "")
    os.execute(("cd %s && ln -s file link && ln -s link second && ln -s none dangling && ln -s loop loop"):format(dir))
    assert.equal(dir .. "/file", core.file_target(dir .. "/second"))
    for _, name in ipairs { "/file", "/absent", "/dangling" } do
      assert.equal(dir .. name, core.file_target(dir .. name))
    end
    assert.equal("ELOOP", code_of(core.file_target(dir .. "/loop")))
  end)

  describe("lock", function()
    it("excludes another holder until it lets go", function()
      local path = dir .. "/l.lock"
      local first, waited = core.lock(path, 1)
      assert.is_false(waited)
      assert.equal("timeout", code_of(core.lock(path, 0)))
      first:release()
      first:release()
      assert.is_truthy(core.lock(path, 0))
    end)

    it("excludes another process, and is freed when that is killed", function()
      local path = dir .. "/l.lock"
      -- One process that holds the lock and its own pid: exec keeps both.
      os.execute(("bash -c 'umask 077; exec 9>%s; flock 9; echo $$ >%s/new; mv %s/new %s/pid; exec sleep 60' &")
        :format(path, dir, dir, dir))
      repeat until shell.read(dir .. "/pid")
      assert.equal("timeout", code_of(core.lock(path, 0.01)))
      os.execute("kill -9 $(cat " .. dir .. "/pid)")
      assert.is_truthy(core.lock(path, 5))
    end)

    it("lets a waiter in when the holder is done", function()
      local path = dir .. "/l.lock"
      -- The holder lets go once the waiter says, through a FIFO, that it is there.
      os.execute(("mkfifo %s/go; bash -c 'umask 077; exec 9>%s; flock 9; >%s/held; read <%s/go' &"):format(
        dir, path, dir, dir))
      repeat until shell.read(dir .. "/held")
      assert.equal("timeout", code_of(core.lock(path, 0)))
      os.execute("echo >" .. dir .. "/go")
      assert.is_truthy(core.lock(path, 10))
    end)

    it("tells a descriptor that wakes from one with input", function()
      assert.equal("interrupted input interrupted\n", child([[
        local core = require("entra.core")
        local function code(...) return (select(3, core.wait(60, ...))) end
        print(code(0) .. " " .. code(nil, 0) .. " " .. code(0, 0))]], "</etc/passwd").out)
    end)

    it("is left alone when a descriptor wakes the waiter", function()
      local path = dir .. "/l.lock"
      local held = core.lock(path, 0)
      -- A regular file is always readable, so descriptor 0 wakes at once.
      local code = ([[print((select(3, require("entra.core").lock(%q, 60, 0))))]]):format(path)
      assert.equal("interrupted\n", child(code, "</etc/passwd").out)
      held:release()
    end)

    it("is freed with its owner, be it forgotten", function()
      local path = dir .. "/l.lock"
      core.lock(path, 0)
      collectgarbage()
      collectgarbage()
      assert.is_truthy(core.lock(path, 0))
    end)

    it("refuses what is not an ordinary file of ours alone", function()
      os.execute(("cd %s && ln -s target link && mkfifo -m 600 pipe && mkdir folder && touch wide && chmod 640 wide")
        :format(dir))
      for name, code in pairs { link = "symlink", pipe = "not_regular", folder = "not_regular", wide = "mode" } do
        assert.equal(code, code_of(core.lock(dir .. "/" .. name, 0)), name)
      end
    end)
  end)

  describe("records", function()
    local head = { name = "tokens|a", key_id = "12345678", nonce = "abcdefghijkl", expires_on = 1700000000 }

    it("have the documented layout", function()
      local bytes = core.record_head(head)
      assert.equal("ENTRAREC\1\1" .. ("\0"):rep(6) .. "\0\0\0\0\101\83\241\0" .. ("\0"):rep(8)
        .. "12345678abcdefghijkl\0\0\0\8tokens|a", bytes)
    end)

    it("come apart as they were put together", function()
      local bytes = core.record_head(head)
      local record = core.record_parse(bytes .. "sealed")
      assert.equal("tokens|a", record.name)
      assert.equal("12345678", record.key_id)
      assert.equal("abcdefghijkl", record.nonce)
      assert.equal(1700000000, record.expires_on)
      assert.equal(0, record.refresh_on)
      assert.same({ bytes, "sealed" }, { record.head, record.sealed })
    end)

    it("that are cut or strange are damaged, later layouts newer", function()
      local bytes = core.record_head(head)
      for n = 0, #bytes - 1 do
        assert.equal("damaged", code_of(core.record_parse(bytes:sub(1, n))), tostring(n))
      end
      assert.equal("damaged", code_of(core.record_parse("X" .. bytes:sub(2))))
      for at = 11, 16 do
        assert.equal("damaged", code_of(core.record_parse(bytes:sub(1, at - 1) .. "\1" .. bytes:sub(at + 1))))
      end
      assert.equal("newer", code_of(core.record_parse(bytes:sub(1, 8) .. "\2" .. bytes:sub(10))))
    end)

    it("never crash the reader, whichever byte is another", function()
      local bytes = core.record_head(head) .. "sealed"
      for i = 1, #bytes do
        for _, other in ipairs { 0, 1, 127, 128, 255 } do
          local changed = bytes:sub(1, i - 1) .. string.char(other) .. bytes:sub(i + 1)
          local record, _, code = core.record_parse(changed)
          assert.is_true(code == "damaged" or code == "newer" or record.head .. record.sealed == changed)
        end
      end
    end)

    it("keep every time that they are given, and no nonsense", function()
      for given, kept in pairs { [0] = 0, [1.5] = 1, [2 ^ 40] = 2 ^ 40, [-1] = 0, [1e300] = 0, [1 / 0] = 0 } do
        local bytes = core.record_head { name = "x", key_id = "12345678", nonce = "abcdefghijkl", refresh_on = given }
        assert.equal(kept, core.record_parse(bytes).refresh_on)
      end
    end)

    it("have names up to a bound", function()
      local function code(n)
        return code_of(core.record_head { name = ("n"):rep(n), key_id = "12345678", nonce = "abcdefghijkl" })
      end
      assert.is_nil(code(4096))
      assert.equal("too_big", code(4097))
    end)

    it("are named by FNV-1a, 64 bits", function()
      assert.equal("cbf29ce484222325", core.record_file(""))
      assert.equal("af63dc4c8601ec8c", core.record_file("a"))
      assert.equal("85944171f73967e8", core.record_file("foobar"))
    end)
  end)

  it("raises on misuse instead of guessing", function()
    assert.has_error(function() core.file_read("a\0b", 10) end)
    assert.has_error(function() core.lock("x", -1) end)
    assert.has_error(function() core.record_head { name = "x", key_id = "short", nonce = "n" } end)
  end)
end)
