#include "page.h"

#include <stdio.h>
#include <string.h>

/* A change here changes STYLE_HASH: `printf %s "$style" | openssl dgst -sha256 -binary | base64`. */
#define STYLE                                                                                                \
	":root{color-scheme:light dark;--back:#f3f5f8;--card:#fff;--text:#1c2230;--soft:#5a6272;"            \
	"--line:#dfe3ea;--good:#1a7f37;--bad:#b42318;--odd:#8a6100}"                                         \
	"@media(prefers-color-scheme:dark){:root{--back:#0f1217;--card:#191d24;--text:#e9ecf1;"              \
	"--soft:#a3abb9;--line:#2b313b;--good:#4ac26b;--bad:#ff8a80;--odd:#e3b341}}"                         \
	"body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--back);"             \
	"color:var(--text);font:17px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"              \
	"main{box-sizing:border-box;width:min(26rem,92vw);padding:2.5rem 2rem;text-align:center;"            \
	"background:var(--card);border:1px solid var(--line);border-radius:14px}"                            \
	"svg{width:28px;height:28px;padding:12px;border-radius:50%;fill:none;stroke:var(--card);"            \
	"stroke-width:2.6;stroke-linecap:round;stroke-linejoin:round}"                                       \
	".good{background:var(--good)}.bad{background:var(--bad)}.odd{background:var(--odd)}"                \
	"h1{margin:1rem 0 .4rem;font-size:1.5rem;line-height:1.25}p{margin:0;color:var(--soft)}"
#define STYLE_HASH "sha256-FkBr+RbEvnid8lW2/n9eatcN44PJOpWXKkLT698J9qs="

/* clang-format off */
#define PLAIN(title, text) \
	"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>" title "</title>\n<p>" text "</p>\n"
#define CARD(title, text, kind, mark) \
	"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n" \
	"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n" \
	"<title>" title "</title>\n<style>" STYLE "</style>\n<main>\n" \
	"<svg class=\"" kind "\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"" mark "\"/></svg>\n" \
	"<h1>" title "</h1>\n<p>" text "</p>\n</main>\n"
/* clang-format on */

static const struct {
	const char *status;
	const char *body;
} pages[] = {
    [ENT_PAGE_SIGNED_IN] = {"200 OK",
                            CARD("Signed in", "You can close this tab.", "good", "M5 12.8l4.6 4.6L19 7.6")},
    [ENT_PAGE_REFUSED] = {"200 OK", CARD("Sign-in was refused", "Go back to the terminal: it says why.",
                                         "bad", "M7 7l10 10M17 7L7 17")},
    [ENT_PAGE_STRAY] = {"400 Bad Request",
                        CARD("Not this sign-in", "Go back to the terminal: it shows where to sign in.", "odd",
                             "M12 5.5v8M12 18v.1")},
    [ENT_PAGE_NOT_FOUND] = {"404 Not Found", PLAIN("Not found", "There is nothing here.")},
    [ENT_PAGE_METHOD] = {"405 Method Not Allowed\r\nAllow: GET",
                         PLAIN("Not allowed", "Only GET is understood.")},
    [ENT_PAGE_TOO_BIG] = {"431 Request Header Fields Too Large",
                          PLAIN("Too large", "The request is too large.")},
};

int ent_page_write(enum ent_page page, bool with_body, struct ent_buf *out, struct ent_err *err)
{
	static const char format[] = "HTTP/1.1 %s\r\n"
	                             "Content-Type: text/html; charset=utf-8\r\n"
	                             "Content-Length: %zu\r\n"
	                             "Content-Security-Policy: default-src 'none'; style-src '" STYLE_HASH
	                             "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
	                             "X-Content-Type-Options: nosniff\r\n"
	                             "Referrer-Policy: no-referrer\r\n"
	                             "Cache-Control: no-store\r\n"
	                             "Connection: close\r\n\r\n";
	const char *body = pages[page].body;
	char head[sizeof format + 64];
	int n = snprintf(head, sizeof head, format, pages[page].status, strlen(body));

	if (ent_buf_add(out, head, (size_t)n, err) != 0)
		return -1;
	return with_body ? ent_buf_add(out, body, strlen(body), err) : 0;
}
