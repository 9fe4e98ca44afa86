local crypto = require("entra.crypto")

local function unhex(text)
  return (text:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
end

describe("entra.crypto", function()
  -- McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
  local key = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
  local nonce = unhex("cafebabefacedbaddecaf888")
  local aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
  local plain = unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953"
    .. "2fcf0e2449a6b525b16aedf5aa0de657ba637b39")
  local sealed = unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3d"
    .. "a7b08b1056828838c5f61e6393ba7a0abcc9f662" .. "76fc6ece0f4e1768cddf8853bb2d551b")

  it("seals as the standard says, and opens again", function()
    assert.equal(sealed, crypto.seal(key, nonce, aad, plain))
    assert.equal(plain, crypto.unseal(key, nonce, aad, sealed))
    assert.equal("", crypto.unseal(key, nonce, "", crypto.seal(key, nonce, "", "")))
  end)

  it("refuses any other bit of key, nonce, data or seal", function()
    local function flip(text, i)
      return text:sub(1, i - 1) .. string.char((text:byte(i) + 1) % 256) .. text:sub(i + 1)
    end
    for i = 1, #sealed do
      assert.equal("forged", (select(3, crypto.unseal(key, nonce, aad, flip(sealed, i)))))
    end
    assert.equal("forged", (select(3, crypto.unseal(flip(key, 32), nonce, aad, sealed))))
    assert.equal("forged", (select(3, crypto.unseal(key, flip(nonce, 1), aad, sealed))))
    assert.equal("forged", (select(3, crypto.unseal(key, nonce, flip(aad, 5), sealed))))
    assert.equal("forged", (select(3, crypto.unseal(key, nonce, aad, "short"))))
  end)

  it("gives random bytes of the length asked for, never the same", function()
    for _, n in ipairs { 1, 12, 32, 4096 } do
      assert.equal(n, #crypto.random(n))
    end
    assert.not_equal(crypto.random(16), crypto.random(16))
    assert.has_error(function() crypto.random(0) end)
    assert.has_error(function() crypto.random(4097) end)
  end)

  it("hashes as FIPS 180-4 says", function()
    local function hex(bytes) return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hex(crypto.sha256("abc")))
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", hex(crypto.sha256("")))
  end)

  it("compares strings whatever is in them", function()
    assert.is_true(crypto.equal("", ""))
    assert.is_true(crypto.equal("a\0b", "a\0b"))
    for _, other in ipairs { "a\0c", "a", "a\0b\0", "" } do
      assert.is_false(crypto.equal("a\0b", other))
    end
  end)

  it("can be made ready ahead, and do without words, more than once", function()
    for _ = 1, 2 do
      crypto.forgo_error_texts()
      assert.is_true(crypto.ready())
    end
    assert.equal(sealed, crypto.seal(key, nonce, aad, plain))
  end)

  it("raises on a key or nonce of the wrong length", function()
    assert.has_error(function() crypto.seal("short", nonce, aad, plain) end)
    assert.has_error(function() crypto.seal(key, "short", aad, plain) end)
  end)
end)
