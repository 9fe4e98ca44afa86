#!/bin/bash
# A person and their browser, the quick way: curl through the provider's sign-in page. $BROWSER of most specs.
#   WHO       the account (default ada@contoso.com); nobody: presses Cancel
#   ~/browser/ keeps what was opened (url), and the last page (page) with its headers (head)
set -u
mkdir -p ~/browser
echo "$1" >~/browser/url
env | sort >~/browser/environment
jar=$(mktemp -p ~/browser)
fetch() { curl -sS --proto-redir =http,https -L -b "$jar" -c "$jar" "$@"; }
page=$(fetch -w '\n%{url_effective}\n' "$1")
where=$(tail -n1 <<<"$page")
answer=(-d username="${WHO:-ada@contoso.com}" -d password=secret)
[ "${WHO:-}" = nobody ] && answer=(-d cancel=yes)
case $where in
https://*/interaction/*) fetch -D ~/browser/head "${answer[@]}" "$where" >~/browser/page ;;
*) printf '%s' "$page" >~/browser/page ;;
esac
touch ~/browser/done
