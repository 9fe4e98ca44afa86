-- One redirect taken among whatever else comes to the port; curl, bash and node are the browsers.
local child = require("spec.support.child")
local loopback = require("entra.loopback")
local shell = require("spec.support.shell")

local STATE = "Zm9yIHRoZSBzcGVjLCAzMiByYW5kb20gYnl0ZXM-_43"
local FOREVER = 60

-- A machine without IPv6 can show less.
local IPV6 = (shell.read("/proc/net/if_inet6") or ""):find(("0"):rep(31) .. "1", 1, true)
local with_ipv6 = IPV6 and it or pending

-- What the scripts of clients may call; `good` is the redirect that ends the wait.
local PRELUDE = [[
get() { curl -s -g --max-time 30 "$@"; }
status() { get -o /dev/null -w '%{http_code}\n' "$@"; }
good() { get -o /dev/null "http://localhost:$PORT/?code=c0de&state=$STATE"; }
say() { exec 3<>"/dev/tcp/127.0.0.1/$PORT"; printf "$1" >&3; }
raw() { say "$1"; head -n 1 <&3 | cut -d' ' -f2; exec 3<&-; }
]]

local function client(script, port)
  return ("env -u LD_PRELOAD STATE=%s PORT=%s bash -c %s 2>&1"):format(STATE, port, shell.quote(PRELUDE .. script))
end

-- Wait while a client runs. Returns what it brought, or the code of what went wrong, and what it printed.
local function meet(listener, script, options)
  local pipe = io.popen(client(script, listener:port()))
  local wait = { state = STATE, timeout = FOREVER }
  for name, value in pairs(options or {}) do
    wait[name] = value
  end
  local params, _, code = listener:wait(wait)
  local out = pipe:read("*a")
  pipe:close()
  return params or code, out
end

-- The same in a process of its own, which then runs `after` and ends; `before` stands in front of it.
local function meet_apart(script, after, before)
  return child(([[
    local listener = assert(require("entra.loopback").listen {})
    local client = io.popen(((%q):gsub("@PORT@", listener:port())))
    local params, message, code = listener:wait { state = %q, timeout = 1500 }
    %s]]):format(client(script, "@PORT@"), STATE, after), "", before)
end

local function answers(script, listener)
  local params, out = meet(listener or assert(loopback.listen {}), script .. "\ngood")
  assert.same({ code = "c0de" }, params)
  return out
end

local function is_open(port)
  return shell.capture(client([[
    for address in 127.0.0.1 ::1; do (exec 3<>"/dev/tcp/$address/$PORT") 2>/dev/null && echo open; done; true]],
    port)) ~= ""
end

-- "%41%42…": every byte escaped.
local function escape(text)
  return (text:gsub(".", function(c) return ("%%%02x"):format(c:byte()) end))
end

describe("listening", function()
  with_ipv6("takes this machine's two loopback addresses at one port, and no other address", function()
    local listener = assert(loopback.listen {})
    local port = listener:port()
    local at = ("%04X"):format(port)
    -- 0A: listening
    local found = shell.capture("awk '$4 == \"0A\" && $2 ~ /:" .. at .. "$/ { print $2 }' /proc/net/tcp /proc/net/tcp6")
    assert.equal(("0100007F:%s\n00000000000000000000000001000000:%s"):format(at, at), found)
    listener:close()
    assert.is_false(is_open(port))
  end)

  it("says that a port is busy", function()
    local first = assert(loopback.listen {})
    local listener, message, code = loopback.listen { port = first:port() }
    assert.is_nil(listener)
    assert.equal("EADDRINUSE", code)
    assert.equal(("cannot listen on port %d of localhost: Address already in use"):format(first:port()), message)
    first:close()
  end)

  -- A browser may take ::1 for localhost: who has it would be sent the code.
  with_ipv6("calls a port busy that somebody has on ::1 alone", function()
    local squatter = io.popen([[node -e '
      process.on("SIGTERM", () => process.exit());
      const server = require("net").createServer().listen(0, "::1",
        () => console.log(process.pid, server.address().port))']])
    local pid, port = squatter:read("*n", "*n")
    assert.equal("EADDRINUSE", (select(3, loopback.listen { port = port })))
    shell.capture(("kill %.0f"):format(pid))
    squatter:close()
    assert(loopback.listen { port = port }):close()
  end)

  it("can have a port again at once after a sign-in", function()
    local listener = assert(loopback.listen {})
    local port = listener:port()
    answers("", listener)
    listener = assert(loopback.listen { port = port })
    answers("", listener)
  end)

  -- strace makes the n-th call fail; what is printed is whether it listens, and on how many addresses.
  local function with_fault(fault)
    return child([[
      local loopback = require("entra.loopback")
      local listener, _, code = loopback.listen {}
      local port = listener and (":%04X 0"):format(listener:port())
      local n = 0
      for _, path in ipairs { "/proc/net/tcp", "/proc/net/tcp6" } do
        for line in io.lines(path) do
          n = n + (port and line:find(port .. "%x+:0000 0A") and 1 or 0)
        end
      end
      print(code, n)]], "", "strace -o /dev/null -e trace=socket,bind -e inject=" .. fault).out
  end

  with_ipv6("is content with IPv4 on a machine without IPv6", function()
    assert.equal("nil\t1\n", with_fault("socket:error=EAFNOSUPPORT:when=2"))
    assert.equal("nil\t1\n", with_fault("bind:error=EADDRNOTAVAIL:when=2"))
  end)

  it("is not content without IPv4", function()
    assert.equal("EADDRNOTAVAIL\t0\n", with_fault("bind:error=EADDRNOTAVAIL:when=1"))
    assert.equal("EMFILE\t0\n", with_fault("socket:error=EMFILE:when=1"))
  end)

  with_ipv6("tries other free ports where the first is taken on ::1, but not for ever", function()
    assert.equal("nil\t2\n", with_fault("bind:error=EADDRINUSE:when=2"))
    assert.equal("EADDRINUSE\t0\n", with_fault("bind:error=EADDRINUSE:when=2+2"))
  end)

  it("ends with close, and with the collector", function()
    local listener = assert(loopback.listen {})
    local port = listener:port()
    assert.is_true(is_open(port))
    listener:close()
    listener:close()
    assert.is_false(is_open(port))
    assert(loopback.listen { port = port })
    collectgarbage()
    collectgarbage()
    assert.is_false(is_open(port))
  end)

  it("hands no socket to programs started meanwhile", function()
    local listener = assert(loopback.listen {})
    assert.is_nil(shell.capture("ls -l /proc/self/fd"):find("socket"))
    listener:close()
  end)

  it("raises on misuse", function()
    for _, wrong in ipairs { { port = -1 }, { port = 65536 }, { port = 1.5 }, { port = "80" }, { path = "back" },
      { path = "/?" }, { path = "/#" }, { path = "/a b" }, { path = "/\n" }, { path = 3 } } do
      assert.has_error(function() loopback.listen(wrong) end)
    end
    assert.has_error(function() loopback.listen() end)
    local listener = assert(loopback.listen {})
    for _, wrong in ipairs { {}, { state = STATE }, { timeout = 1 }, { state = "", timeout = 1 },
      { state = STATE, timeout = -1 }, { state = STATE, timeout = 1, wake = "x" } } do
      assert.has_error(function() listener:wait(wrong) end)
    end
    assert.has_error(function() listener:wait() end)
    listener:close()
    assert.has_error(function() listener:wait { state = STATE, timeout = 1 } end)
    assert.has_error(function() listener:port() end)
    assert.equal("too_big", (select(3, loopback.listen { path = "/" .. ("a"):rep(300) })))
  end)
end)

describe("the redirect", function()
  it("is handed out decoded, without the state and what nobody knows", function()
    local params = meet(assert(loopback.listen { path = "/back" }), ([[
      get "http://localhost:$PORT/back?client_info=e%%30%%3d&foo=1&code=1.AX%%2Bb+c&&=&code=&session_state=x\
&iss=%s&state=$STATE"]]):format(escape("https://login.example/v2.0")))
    assert.same({ code = "1.AX+b c", client_info = "e0=", iss = "https://login.example/v2.0" }, params)
  end)

  it("may be a refusal, whose words are made harmless", function()
    local params, page = meet(assert(loopback.listen {}), ([[
      get "http://localhost:$PORT/?state=$STATE&error=%s&error_subcode=cancel&error_description=%s"]]):format(
      escape("access_denied\27[2J"),
      escape("AADSTS65004: <script>alert(1)</script>\27]0;x\7 \226\128\174\194\155\0.\r\nTrace ID: 1-2\r\nMore: 3")))
    assert.same({ error = "access_denied?[2J", error_subcode = "cancel",
      error_description = "AADSTS65004: <script>alert(1)</script>?]0;x? ???. Trace ID: 1-2 More: 3" }, params)
    assert.matches("<h1>Sign%-in was refused</h1>\n<p>Go back to the terminal: it says why%.</p>", page)
    assert.is_nil(page:find("script", 1, true))
    assert.is_nil(page:find("AADSTS", 1, true))
  end)

  it("may come by every name of this machine, and over IPv6", function()
    for _, host in ipairs { "localhost", "LOCALHOST", "127.0.0.1", IPV6 and "[::1]" } do
      local params = meet(assert(loopback.listen {}), ('get "http://%s:$PORT/?state=$STATE&code=c"'):format(host))
      assert.same({ code = "c" }, params, host)
    end
  end)

  it("may leave out the port that HTTP has by default", function()
    local listener = loopback.listen { port = 80 }
    if not listener then
      return pending("port 80 cannot be had")
    end
    assert.same({ code = "c" }, (meet(listener, 'get "http://localhost/?state=$STATE&code=c"')))
  end)

  it("may come in pieces", function()
    local params, out = meet(assert(loopback.listen {}), [[
      say ''
      request=$(printf 'GET /?code=c&state=%s HTTP/1.1\r\nhost:\tlocalhost:%d \r\n\r\nX' $STATE $PORT; echo)
      for ((i = 0; i < ${#request} - 1; i++)); do printf %s "${request:i:1}" >&3; done
      head -n 1 <&3]])
    assert.same({ code = "c" }, params)
    assert.equal("HTTP/1.1 200 OK\r\n", out)
  end)

  it("may bring a long code and as many cookies as a browser has", function()
    local params = meet(assert(loopback.listen {}), [[
      get -H "Cookie: $(printf 'c%.0s' {1..20000})" \
        "http://localhost:$PORT/?state=$STATE&code=$(printf 'a%.0s' {1..8191})"]])
    assert.same({ code = ("a"):rep(8191) }, params)
  end)

  it("is the last: nothing listens while its page is delivered", function()
    local listener = assert(loopback.listen {})
    local port = listener:port()
    local params, out = meet(listener, [[
      say "GET /?code=c&state=$STATE HTTP/1.1\r\nHost: localhost:$PORT\r\n\r\n"
      head -n 1 <&3
      good; echo $?]])
    assert.same({ code = "c" }, params)
    assert.equal("HTTP/1.1 200 OK\r\n7\n", out) -- curl's "failed to connect"
    assert.has_error(function() listener:wait { state = STATE, timeout = 1 } end)
    assert.is_false(is_open(port))
  end)

  it("is answered whole although the process ends at once", function()
    -- A client that reads late and sends more: closing before it does would reset its connection.
    local dir = shell.folder()
    local result = meet_apart([[
      say "GET /?code=c&state=$STATE HTTP/1.1\r\nHost: localhost:$PORT\r\n\r\n"
      sleep 0.1
      cat <&3 >]] .. dir .. [[/page; echo $? >]] .. dir .. [[/done
      printf more >&3]],
      [[require("entra.host").exit(code and 1 or 42)]], "strace -e trace=recvfrom -o " .. dir .. "/trace")
    assert.equal(42, result.status)
    shell.capture("until [ -s " .. dir .. "/done ]; do sleep 0.01; done")
    assert.equal("0\n", shell.read(dir .. "/done"))
    assert.matches("You can close this tab%.</p>\n</main>\n$", shell.read(dir .. "/page"))
    assert.matches('"more".- = 4\n.*"".- = 0\n', shell.read(dir .. "/trace"))
    os.execute("rm -rf " .. dir)
  end)
end)

describe("what is not the redirect", function()
  -- curl's arguments, by the status they get.
  local REQUESTS = {
    ["404"] = { '"${U}favicon.ico"', '"${U}x$GOOD"', '"${U}%2f$GOOD"', '--path-as-is "$U/$GOOD"' },
    ["405"] = { '-X POST "$U$GOOD"', '-d code=c -d "state=$STATE" "$U"', '-I "$U$GOOD"', '-X get "$U$GOOD"',
      '-X OPTIONS "$U"' },
    -- twice what a head may be
    ["431"] = { [[-H "Cookie: $(printf 'c%.0s' {1..65536})" "$U$GOOD"]] },
    ["400"] = {
      -- DNS rebinding, and other names that are not ours
      '-H "Host: rebound.example" "$U$GOOD"', '-H "Host: rebound.example:$PORT" "$U$GOOD"',
      '-H "Host: localhost:1" "$U$GOOD"', '-H "Host: localhost" "$U$GOOD"', '-H "Host: localhost:${PORT}0" "$U$GOOD"',
      '-H "Host: localhost.:$PORT" "$U$GOOD"', '-H "Host: 127.0.0.1.example:$PORT" "$U$GOOD"',
      '-H "Host: 0.0.0.0:$PORT" "$U$GOOD"', '-H "Host: xlocalhost:$PORT" "$U$GOOD"', '-H "Host;" "$U$GOOD"',
      '-H "Host:" "$U$GOOD"', '-H "Host: rebound.example:$PORT" "${U}favicon.ico"',
      -- missing and forged state
      '"$U"', '"$U?code=c"', '"$U?code=c&state="', '"$U?code=c&state=x"', '"$U?code=c&state=${STATE}x"',
      '"$U?code=c&state=${STATE%?}"', '"$U?code=c&state=${STATE%?}x"', '"$U?code=c&state=x${STATE#?}"',
      '"$U?code=c&state=${STATE,,}"', '"$U?code=c&state=$STATE%00"', '"$U?code=c&State=$STATE"',
      '"$U?code=c&state=x&state=$STATE"', '"$U?code=c&state=$STATE&state=$STATE"', '"$U?error=access_denied&state=x"',
      -- the right state, and something else amiss
      '"$U?state=$STATE"', '"$U?state=$STATE&code="', '"$U$GOOD&error=access_denied"', '"$U$GOOD&code=d"',
      '"$U$GOOD&iss=a&iss=b"', '"$U?state=$STATE&error=a&error=b"', '"$U$GOOD%"', '"$U$GOOD%4"', '"$U$GOOD%zz"',
      '"$U?state=$STATE&error=a%g0"', '"$U?state=$STATE&code=c%0a"', '"$U?state=$STATE&code=c%7f"',
      '"$U?state=$STATE&code=c%c3%a4"', '"$U$GOOD&client_info=%1b"',
      [["$U?state=$STATE&code=$(printf 'a%.0s' {1..8192})"]],
    },
  }

  for expected, requests in pairs(REQUESTS) do
    it(("is answered with %s for %d reasons, and the wait goes on"):format(expected, #requests), function()
      local script, i = 'U="http://localhost:$PORT/" GOOD="?state=$STATE&code=c"\n', 0
      for _, arguments in ipairs(requests) do
        script = script .. "status " .. arguments .. "\n"
      end
      for status in answers(script):gmatch("%d+") do
        i = i + 1
        assert.equal(expected, status, requests[i])
      end
      assert.equal(#requests, i)
    end)
  end

  -- Heads that no browser sends; %s is the way a head goes on where nothing is wrong with it.
  local GET = "GET /?code=c&state=$STATE "
  local HEADS = {
    GET .. "HTTP/1.1\\nHost: localhost:$PORT\\n\\n", -- bare LF
    GET .. "HTTP/1.1\\r\\nHost: localhost:$PORT\\rX: y\\r\\n\\r\\n", -- bare CR
    GET .. "HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\nX: \\x01\\r\\n\\r\\n",
    GET .. "HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\nX: \\x00\\r\\n\\r\\n",
    GET .. "HTTP/1.1\\r\\n\\r\\n", -- no Host
    GET .. "HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\nHost: localhost:$PORT\\r\\n\\r\\n",
    GET .. "HTTP/1.1\\r\\nX: y\\r\\n Host: localhost:$PORT\\r\\n\\r\\n", -- folded
    GET .. "HTTP/1.1\\r\\nHost : localhost:$PORT\\r\\n\\r\\n",
    GET .. "HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\nnonsense\\r\\n\\r\\n",
    GET .. "HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\n: y\\r\\n\\r\\n",
    GET .. "HTTP/2.0\\r\\nHost: localhost:$PORT\\r\\n\\r\\n",
    GET .. "HTTP/1.10\\r\\nHost: localhost:$PORT\\r\\n\\r\\n",
    GET .. " HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\n\\r\\n", -- two spaces
    GET .. "\\r\\nHost: localhost:$PORT\\r\\n\\r\\n", -- HTTP/0.9, nearly
    "GET http://localhost:$PORT/?code=c&state=$STATE HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\n\\r\\n",
    "GET ?code=c&state=$STATE HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\n\\r\\n",
    "GET /?code=c#&state=$STATE HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\n\\r\\n",
    "GET /?x=\\xe4&code=c&state=$STATE HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\n\\r\\n",
    "G@T /?code=c&state=$STATE HTTP/1.1\\r\\nHost: localhost:$PORT\\r\\n\\r\\n",
    "\\r\\n\\r\\n", "\\x16\\x03\\x01\\x02\\x00\\x01\\x00", "PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n",
  }

  it("may be no HTTP that we speak", function()
    local script = {}
    for i, head in ipairs(HEADS) do
      -- printf's own % does not occur in heads.
      script[i] = 'raw "' .. head .. '"'
    end
    assert.equal(("400\n"):rep(#HEADS), answers(table.concat(script, "\n")))
  end)

  it("may come ten thousand times", function()
    local listener = assert(loopback.listen { path = "/back" })
    local params, out = meet(listener, "exec node spec/support/junk.js $PORT /back $STATE 10000",
      { timeout = 10 * FOREVER })
    assert.equal("10000 of 10000 \n", out)
    assert.same({ code = "real" }, params)
  end)

  it("may be slow, and many, and holds nobody up", function()
    -- Forty that never finish; the first of them have been shown out for the last.
    assert.equal("gone\nhere\n", answers([[
      for i in {1..40}; do
        exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
        [ $i = 1 ] && first=$fd
        printf 'GET /?code=c&state=' >&$fd
      done
      status "http://localhost:$PORT/x" >/dev/null # those before it have been let in
      read -t 0 <&$first && echo gone
      read -t 0 <&$fd || echo here]]))
  end)

  it("is shown out, once answered, before those who have yet to speak", function()
    local params, out = meet(assert(loopback.listen {}), [[
      exec {first}<>"/dev/tcp/127.0.0.1/$PORT"
      for i in {1..20}; do
        exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
        printf 'GET /x HTTP/1.1\r\nHost: localhost:%d\r\n\r\n' $PORT >&$fd
        head -n 1 <&$fd >/dev/null
      done
      printf 'GET /?code=first&state=%s HTTP/1.1\r\nHost: localhost:%d\r\n\r\n' $STATE $PORT >&$first
      head -n 1 <&$first]])
    assert.same({ code = "first" }, params)
    assert.equal("HTTP/1.1 200 OK\r\n", out)
  end)

  it("has ten seconds, however it spends them", function()
    -- A hundred times as fast as the clock, which the client does not know.
    local result = meet_apart([[
      trap '' PIPE
      say ''
      cat <&3
      echo silent one dropped
      say x
      while printf x >&3; do sleep 0.01; done 2>/dev/null
      echo busy one dropped
      good]], 'print(params.code, client:read("*a"))',
      "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 faketime -f '+0 x100'")
    assert.equal("c0de\tsilent one dropped\nbusy one dropped\n\n", result.out)
  end)
end)

describe("waiting", function()
  it("ends when its time is over; a request that has begun to arrive is not lost", function()
    local dir = shell.folder()
    local listener = assert(loopback.listen {})
    local pipe = io.popen(client(([[
      say "GET /?code=late&state=$STATE HTTP/1.1\r\nHost: loc"
      status "http://localhost:$PORT/x" # it has been let in when this is answered
      touch %s/begun
      until [ -e %s/go ]; do sleep 0.01; done
      printf 'alhost:%%d\r\n\r\n' $PORT >&3
      head -n 1 <&3]]):format(dir, dir), listener:port()))
    repeat
      local params, message, code = listener:wait { state = STATE, timeout = 0.01 }
      assert.is_nil(params)
      assert.equal("timeout", code)
      assert.equal("nobody came back from the browser in time", message)
    until shell.read(dir .. "/begun")
    shell.write(dir .. "/go", "")
    assert.same({ code = "late" }, listener:wait { state = STATE, timeout = FOREVER })
    assert.equal("404\nHTTP/1.1 200 OK\r\n", pipe:read("*a"))
    pipe:close()
    os.execute("rm -rf " .. dir)
  end)

  it("looks once where it has no time at all", function()
    local listener = assert(loopback.listen {})
    assert.equal("timeout", (select(3, listener:wait { state = STATE, timeout = 0 })))
    listener:close()
  end)

  it("ends at once when the wake descriptor is readable, and may go on", function()
    local listener = assert(loopback.listen {})
    -- A descriptor that is not open counts as readable: poll reports it at once.
    assert.equal("interrupted", (select(3, listener:wait { state = STATE, timeout = FOREVER, wake = 65535 })))
    assert.same({ code = "c0de" }, (meet(listener, "good")))
  end)

  it("ends when the other descriptor has something to read, which is not what ends a program", function()
    local listener = assert(loopback.listen {})
    local wait = { state = STATE, timeout = FOREVER, input = 65535 }
    assert.equal("input", (select(3, listener:wait(wait))))
    wait.wake = 65534
    assert.equal("interrupted", (select(3, listener:wait(wait))))
    assert.same({ code = "c0de" }, (meet(listener, "good")))
  end)

  -- What the client has done when Ctrl-C comes.
  local PHASES = {
    ["before anybody came"] = "true",
    ["in the middle of a request"] = "say 'GET /?co'; status http://localhost:$PORT/x >/dev/null",
    ["between requests"] = "status http://localhost:$PORT/x >/dev/null",
    ["while the page is delivered"] =
      [[say "GET /?code=c&state=$STATE HTTP/1.1\r\nHost: localhost:$PORT\r\n\r\n"; head -n 1 <&3 >/dev/null]],
  }

  for phase, script in pairs(PHASES) do
    it("is left with Ctrl-C " .. phase .. ", and nothing listens afterwards", function()
      local result = child(([[
        local host = require("entra.host")
        local wake = host.catch_signals()
        local listener = assert(require("entra.loopback").listen {})
        local pid = io.open("/proc/self/stat"):read("*n")
        local script = (%q):gsub("@PORT@", listener:port()):gsub("@PID@", ("%%.0f"):format(pid))
        local client = io.popen(script)
        print(listener:port(), listener:wait { state = %q, timeout = 60, wake = wake })
        io.stdout:flush()
        host.die_of_signal()]]):format(client(script .. [[;
          kill -INT @PID@
          for i in {1..1000}; do kill -0 @PID@ 2>/dev/null && sleep 0.01; done]], "@PORT@"), STATE), "",
        "env --default-signal=INT")
      local port, rest = result.out:match("^(%d+)\t(.*)$")
      assert.equal("nil\tinterrupted\tinterrupted\n", rest, result.err)
      assert.equal(130, result.status)
      assert.is_false(is_open(port))
    end)
  end

  it("is over when the delivery of the page is interrupted", function()
    local dir = shell.folder()
    shell.capture("mkfifo " .. dir .. "/wake")
    local result = child(([[
      local listener = assert(require("entra.loopback").listen {})
      local client = io.popen(((%q):gsub("@PORT@", listener:port())))
      print(listener:wait { state = %q, timeout = 60, wake = 3 })
      print(pcall(listener.wait, listener, { state = "x", timeout = 0 }))
      listener:close()]]):format(client(([[
        say "GET /?code=c&state=$STATE HTTP/1.1\r\nHost: localhost:$PORT\r\n\r\n"
        head -n 1 <&3 >%s/wake
        cat <&3 >/dev/null]]):format(dir), "@PORT@"), STATE), "3<>" .. dir .. "/wake")
    assert.matches("^nil\tinterrupted\tinterrupted\nfalse\t.*listener is closed", result.out)
    os.execute("rm -rf " .. dir)
  end)

  -- How often a process called the kernel that waited for half a second with this client.
  local function calls(name, script, before)
    local dir = shell.folder()
    script = ("%s; echo; until [ -s %s/over ]; do sleep 0.01; done"):format(script, dir)
    local result = child(([[
      local listener = assert(require("entra.loopback").listen {})
      local client = io.popen(((%q):gsub("@PORT@", listener:port())))
      client:read("*l")
      local over = io.open(%q, "w")
      %s
      listener:wait { state = %q, timeout = 0.5 }
      over:write("over"):close()]]):format(client(script, "@PORT@"), dir .. "/over", before or "", STATE), "",
      "ulimit -n 256; strace -e trace=/" .. name .. " -o /dev/stdout")
    os.execute("rm -rf " .. dir)
    return select(2, result.out:gsub(name .. "%(", ""))
  end

  local function few(n)
    assert.is_true(n >= 1 and n <= 10, n .. " calls")
  end

  it("sleeps, with an open connection too", function()
    few(calls("poll", "say 'GET /'"))
  end)

  it("sleeps while the page is delivered, and no longer than a second", function()
    few(calls("poll", [[say "GET /?code=c&state=$STATE HTTP/1.1\r\nHost: localhost:$PORT\r\n\r\n"]]))
  end)

  it("does not spin where the system gives no descriptor to accept with", function()
    few(calls("accept4", "say 'GET /'",
      [[local all = {} repeat all[#all + 1] = io.open("/dev/null") until #all > 0 and not io.open("/dev/null")]]))
  end)
end)

describe("the pages", function()
  local function page(query)
    local out = select(2, meet(assert(loopback.listen {}), ([[
      get -i "http://localhost:$PORT/?state=$STATE&%s"
      good]]):format(query)))
    local head, body = out:match("^(.-\r\n)\r\n(.*)$")
    return head, body
  end

  local STYLED = { ["code=c"] = "Signed in</h1>\n<p>You can close this tab.</p>",
    ["error=x"] = "Sign-in was refused</h1>\n<p>Go back to the terminal: it says why.</p>",
    ["code="] = "Not this sign-in</h1>\n<p>Go back to the terminal: it shows where to sign in.</p>" }

  for query, words in pairs(STYLED) do
    it("say what happened, load nothing and run nothing (" .. query .. ")", function()
      local head, body = page(query)
      assert.is_truthy(body:find(words, 1, true))
      assert.equal(query == "code=" and "400" or "200", head:match("^HTTP/1.1 (%d+)"))
      local style = body:match("<style>(.*)</style>")
      local hash = shell.capture("printf %s " .. shell.quote(style) .. " | openssl dgst -sha256 -binary | base64")
      for _, line in ipairs { "Content-Type: text/html; charset=utf-8", "Content-Length: " .. #body,
        "Content-Security-Policy: default-src 'none'; style-src 'sha256-" .. hash
          .. "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer", "Cache-Control: no-store",
        "Connection: close" } do
        assert.is_truthy(head:find("\r\n" .. line .. "\r\n", 1, true), line)
      end
      for _, word in ipairs { "<script", "<link", "<a ", "<img", "http:", "https:", "style=", "url(", "@import" } do
        assert.is_nil(body:lower():find(word, 1, true), word)
      end
    end)
  end

  it("are the same whatever was asked", function()
    local head, body = page("code=c")
    local other_head, other_body = page("code=d&client_info=" .. escape("<b>") .. "&x=%22%3e%3cscript%3e")
    assert.equal(head .. body, other_head .. other_body)
  end)

  it("have no body for HEAD, and name the method that is understood", function()
    local out = answers([[say "HEAD / HTTP/1.1\r\nHost: localhost:$PORT\r\n\r\n"; cat <&3]])
    assert.matches("^HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n", out)
    assert.matches("\r\n\r\n$", out)
    assert.matches("</p>\n$", (answers('get -X PUT "http://localhost:$PORT/"')))
  end)
end)
