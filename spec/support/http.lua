-- An http client that answers from a script: each entry is a reply (a table), a refusal
-- {code =, details =}, or a function that is handed the request and returns one of these.
return function(script)
  local http = { requests = {}, script = script or {} }

  function http:post(request)
    self.requests[#self.requests + 1] = request
    local answer = table.remove(self.script, 1)
    assert(answer, "a request that the spec did not expect")
    if type(answer) == "function" then
      answer = answer(request)
    end
    if answer.code then
      return nil, answer.message or "failed", answer.code, answer.details or {}
    end
    return answer
  end

  -- The last request's form as a table.
  function http:form()
    local form = {}
    for _, pair in ipairs(self.requests[#self.requests].form) do
      form[pair[1]] = pair[2]
    end
    return form
  end

  return http
end
