-- The `form` of a grant's way: what every token request ends in, here an app's credential.
return function(proof)
  return function(fields)
    for _, field in ipairs(proof or {}) do
      fields[#fields + 1] = field
    end
    return fields
  end
end
