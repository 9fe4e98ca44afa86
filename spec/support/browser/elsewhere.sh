#!/bin/bash
# A browser on another machine: signs in, and prints the address at which it ends, which it cannot reach.
set -u
jar=$(mktemp -p ~) head=$(mktemp -p ~)
trap 'rm -f "$jar" "$head"' EXIT
where=$(curl -sS --proto-redir =https -L -b "$jar" -c "$jar" -o /dev/null -w '%{url_effective}' "$1")
url=$where
args=(-d username=ada@contoso.com -d password=secret)
while :; do
	curl -sS -b "$jar" -c "$jar" -o /dev/null -D "$head" "${args[@]}" "$url"
	next=$(tr -d '\r' <"$head" | sed -n 's/^[Ll]ocation: //p' | tail -1)
	case $next in
	/*) url=$(grep -oE '^https://[^/]+' <<<"$where")$next args=() ;;
	*code=*) break ;;
	'') exit 1 ;;
	*) url=$next args=() ;;
	esac
done
printf '%s\n' "$next"
