# peer_msal.py cached|cold AUTHORITY CLIENT CACHE: MSAL prints a token, from its cache file or by an exchange.
# The secret is in $SECRET. `cached` spares MSAL the request for metadata that each of its processes makes.
import json
import os
import sys

import msal

mode, authority, client, path = sys.argv[1:]


class Metadata:
    """The authority's metadata, without a request."""

    status_code, headers = 200, {}
    text = json.dumps({"authorization_endpoint": authority + "/oauth2/v2.0/authorize", "issuer": authority + "/v2.0",
                       "token_endpoint": authority + "/oauth2/v2.0/token"})

    def raise_for_status(self):
        pass

    def get(self, *_, **__):
        return self

    def post(self, *_, **__):
        raise RuntimeError("that was no cached token")

    def close(self):
        pass


cache = msal.SerializableTokenCache()
is_stored = mode == "cached" and os.path.exists(path)
if is_stored:
    with open(path) as file:
        cache.deserialize(file.read())
app = msal.ConfidentialClientApplication(
    client, client_credential=os.environ["SECRET"], authority=authority, validate_authority=False,
    instance_discovery=False, token_cache=cache, http_client=Metadata() if is_stored else None)
scopes = ["https://graph.microsoft.com/.default"]
reply = app.acquire_token_silent(scopes, account=None) if is_stored else app.acquire_token_for_client(scopes)
if mode == "cached" and not is_stored:
    with open(path, "w") as file:
        file.write(cache.serialize())
print(reply["access_token"])
