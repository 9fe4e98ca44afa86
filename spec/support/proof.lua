-- The `form` of a grant's way: what every token request ends in, here an app's credential, or what a function
-- returns for one each time.
return function(given)
  return function(fields)
    local proof, err = given or {}, nil
    if type(given) == "function" then
      proof, err = given()
    end
    if not proof then
      return nil, err
    end
    for _, field in ipairs(proof) do
      fields[#fields + 1] = field
    end
    return fields, proof
  end
end
