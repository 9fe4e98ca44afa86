#!/bin/bash
# A person's browser that notes in $REDIRECTED_AT when it comes back: for spec/bench/sign_in.
address=$("${BASH_SOURCE%/*}/../support/browser/elsewhere.sh" "$1")
echo "$EPOCHREALTIME" >"$REDIRECTED_AT"
curl -sS -o /dev/null "$address"
