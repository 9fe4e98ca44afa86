#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "clock.h"
#include "trust.h"

enum { RETRY_AFTER_MAX = 3600, CONFIG_MAX = 4096 };

static int out_of_memory(struct ent_err *err)
{
	return ent_err_set(err, "ENOMEM", "out of memory");
}

/* ---- what newer versions than libcurl 7.68 have, and what stands in for it ---- */

static CURLcode set_newer_options(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Do not wait for the resolver's thread when giving up. An older library than its header refuses;
	 * it then waits, which is slow and not wrong. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
#else
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
}

static const char *compiled_in_ca_path(void)
{
#if LIBCURL_VERSION_NUM >= 0x074600
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (info->age >= CURLVERSION_SEVENTH && info->capath)
		return info->capath;
#endif
	return "/etc/ssl/certs";
}

/* ---- trust ---- */

static const char *text_or_null(const struct ent_buf *buf)
{
	return buf->len > 0 ? (const char *)buf->data : NULL;
}

static CURLcode set_trust(struct ent_http *http)
{
	const char *file = text_or_null(&http->ca_file), *path = text_or_null(&http->ca_path);
	CURLcode rc;

	if (!file && !path) {
		path = compiled_in_ca_path();
		if (!ent_trust_is_hashed(path))
			return CURLE_OK;
	}
	rc = curl_easy_setopt(http->easy, CURLOPT_CAINFO, file);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(http->easy, CURLOPT_CAPATH, path);
	/* The same for a proxy spoken to over TLS, where this libcurl can do that at all. */
	curl_easy_setopt(http->easy, CURLOPT_PROXY_CAINFO, file);
	curl_easy_setopt(http->easy, CURLOPT_PROXY_CAPATH, path);
	return rc;
}

/* ---- what libcurl calls while it works; none of these calls anything but C ---- */

static size_t on_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct ent_http *http = arg;

	(void)one; /* always 1 */
	return ent_buf_add(&http->reply.body, bytes, n, &http->sink) == 0 ? n : 0;
}

static size_t on_header(char *line, size_t one, size_t n, void *arg)
{
	static const char *const names[] = {
	    [ENT_HTTP_DATE] = "Date",
	    [ENT_HTTP_RETRY_AFTER] = "Retry-After",
	    [ENT_HTTP_CONTENT_TYPE] = "Content-Type",
	};
	struct ent_http *http = arg;
	size_t i;

	(void)one;
	/* Older versions of libcurl have no bound of their own (CVE-2023-38039). */
	http->head += n;
	if (http->head > ENT_HTTP_MOST)
		return 0;
	/* A status line: what came before belongs to an interim reply (100, 103). */
	if (n > 5 && memcmp(line, "HTTP/", 5) == 0)
		memset(http->seen, 0, sizeof http->seen);
	for (i = 0; i < ENT_COUNT(names); i++)
		ent_token_header(line, n, names[i], http->seen[i]);
	return n;
}

/* ---- the handles ---- */

static pthread_once_t start_once = PTHREAD_ONCE_INIT;

static void start_libcurl(void)
{
	/* Never undone: others in this process may use libcurl too. If it fails, curl_easy_init does. */
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Set one option unless an earlier one failed: `easy` and `rc` are the caller's. */
#define SET(option, value) (rc = rc == CURLE_OK ? curl_easy_setopt(easy, option, value) : rc)

/* What is the same for every request. What libcurl does not do by default is not switched off here. */
static CURLcode set_options(struct ent_http *http)
{
	CURL *easy = http->easy;
	CURLcode rc = set_newer_options(easy);

	_Static_assert(sizeof http->trouble >= CURL_ERROR_SIZE, "libcurl writes that much");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* A client that asks once an hour, or keeps its connection, has no use for TLS session tickets. */
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_MAXFILESIZE, (long)ENT_HTTP_MOST);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, http);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, http);
	SET(CURLOPT_ERRORBUFFER, http->trouble);
	SET(CURLOPT_USERAGENT, text_or_null(&http->user_agent));
	return rc == CURLE_OK ? set_trust(http) : rc;
}

static void drop_handles(struct ent_http *http)
{
	/* The multi handle owns the connections, so it goes last. */
	curl_easy_cleanup(http->easy);
	curl_multi_cleanup(http->multi);
	http->easy = http->multi = NULL;
}

static int make_handles(struct ent_http *http, struct ent_err *err)
{
	CURLcode rc;

	if (http->easy)
		return 0;
	pthread_once(&start_once, start_libcurl);
	http->easy = curl_easy_init();
	http->multi = curl_multi_init();
	rc = http->easy && http->multi ? set_options(http) : CURLE_OUT_OF_MEMORY;
	if (rc == CURLE_OK)
		return 0;
	drop_handles(http);
	if (rc == CURLE_OUT_OF_MEMORY)
		return out_of_memory(err);
	return ent_err_set(err, "transfer", "this libcurl cannot be used: %s", curl_easy_strerror(rc));
}

/* ---- one transfer ---- */

static int explain(struct ent_http *http, CURLcode result, double deadline, struct ent_err *err)
{
	struct ent_break facts = {
	    http->host, http->trouble, curl_easy_strerror(result), (int)result, 0, 0, false, false, false};
	curl_off_t lookup = 0;
	long os = 0;

	curl_easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &os);
	curl_easy_getinfo(http->easy, CURLINFO_HTTP_CONNECTCODE, &facts.proxy_status);
	curl_easy_getinfo(http->easy, CURLINFO_NAMELOOKUP_TIME_T, &lookup);
	facts.os = os > 0 && os < 4096 ? (int)os : 0;
	facts.named = lookup > 0;
	/* libcurl's timer and ours are set alike, and either may be first. */
	facts.late = deadline - ent_clock_monotonic() < 0.02;
	facts.no_memory = http->sink.code && strcmp(http->sink.code, "ENOMEM") == 0;
	return ent_token_broken(&facts, err);
}

/*
 * OpenSSL under older versions of libcurl writes to sockets without MSG_NOSIGNAL, and with
 * CURLOPT_NOSIGNAL libcurl leaves SIGPIPE to us. Blocking it in this thread disturbs no other.
 */
struct hush {
	sigset_t pipe, before;
	bool was_pending;
};

static void hush_begin(struct hush *hush)
{
	sigset_t pending;

	sigemptyset(&hush->pipe);
	sigaddset(&hush->pipe, SIGPIPE);
	sigemptyset(&pending);
	sigpending(&pending);
	hush->was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &hush->pipe, &hush->before);
}

static void hush_end(const struct hush *hush)
{
	static const struct timespec now = {0, 0};

	while (!hush->was_pending && sigtimedwait(&hush->pipe, NULL, &now) < 0 && errno == EINTR)
		;
	pthread_sigmask(SIG_SETMASK, &hush->before, NULL);
}

static int say_interrupted(const struct ent_http *http, struct ent_err *err)
{
	return ent_err_set(err, "interrupted", "the request to %s was interrupted", http->host);
}

/* Asked of poll itself, which tells of a closed pipe too, as ent_clock_wait does; libcurl does not. */
static bool is_woken(int wake)
{
	struct pollfd fd = {wake, POLLIN, 0};

	return wake >= 0 && poll(&fd, 1, 0) > 0;
}

static long to_ms(double seconds)
{
	return seconds < 0.001 ? 1 : (long)(seconds * 1000);
}

/* Until libcurl is done, the deadline or the wake descriptor; *result is what libcurl says. */
static int run(struct ent_http *http, int wake, double deadline, CURLcode *result, struct ent_err *err)
{
	struct curl_waitfd extra = {wake, CURL_WAIT_POLLIN, 0};
	int running = 1, left;
	const CURLMsg *msg;
	CURLMcode rc;

	for (;;) {
		double seconds = deadline - ent_clock_monotonic();

		if (is_woken(wake))
			return say_interrupted(http, err);
		if (seconds <= 0)
			return explain(http, CURLE_OPERATION_TIMEDOUT, deadline, err);
		rc = curl_multi_perform(http->multi, &running);
		if (rc == CURLM_OK && running)
			rc = curl_multi_poll(http->multi, &extra, wake >= 0, (int)to_ms(seconds), NULL);
		if (rc != CURLM_OK)
			return explain(http, CURLE_FAILED_INIT, deadline, err);
		if (!running)
			break;
	}
	msg = curl_multi_info_read(http->multi, &left);
	*result = msg ? msg->data.result : CURLE_FAILED_INIT;
	return 0;
}

static CURLcode aim(struct ent_http *http, const struct ent_http_request *request, double seconds)
{
	double connecting = request->connect_timeout < seconds ? request->connect_timeout : seconds;
	CURL *easy = http->easy;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_HTTPHEADER, http->headers);
	/* Not copied: the one copy of a secret in our hands is the one that we wipe. */
	SET(CURLOPT_POSTFIELDS, http->form.len > 0 ? (const char *)http->form.data : "");
	SET(CURLOPT_POSTFIELDSIZE, (long)http->form.len);
	SET(CURLOPT_TIMEOUT_MS, to_ms(seconds));
	SET(CURLOPT_CONNECTTIMEOUT_MS, to_ms(connecting));
	/* On a kept connection that turns out to be dead libcurl would send it again by itself. */
	SET(CURLOPT_FRESH_CONNECT, request->repeatable ? 0L : 1L);
	return rc;
}

/* Digits, or a date against the server's own clock where it told it. */
static double read_retry_after(const char *text, double date)
{
	double seconds = -1;
	time_t then;

	if (text[0] == '\0')
		return -1;
	if (text[strspn(text, "0123456789")] == '\0') {
		if (!ent_token_read_count(text, strlen(text), &seconds))
			seconds = RETRY_AFTER_MAX;
	} else if ((then = curl_getdate(text, NULL)) != (time_t)-1) {
		seconds = (double)then - (date >= 0 ? date : ent_clock_wall());
		seconds = seconds > 0 ? seconds : 0;
	}
	return seconds < RETRY_AFTER_MAX ? seconds : RETRY_AFTER_MAX;
}

static void read_headers(struct ent_http *http)
{
	struct ent_http_reply *reply = &http->reply;
	const char *date = http->seen[ENT_HTTP_DATE];

	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &reply->status);
	/* curl_getdate's failure is -1 as well */
	reply->date = date[0] != '\0' ? (double)curl_getdate(date, NULL) : -1;
	reply->retry_after = read_retry_after(http->seen[ENT_HTTP_RETRY_AFTER], reply->date);
	ent_token_media(http->seen[ENT_HTTP_CONTENT_TYPE], reply->media);
}

static void clear_reply(struct ent_http *http)
{
	ent_buf_free(&http->reply.body);
	memset(&http->reply, 0, sizeof http->reply);
	http->reply.body.ceiling = ENT_HTTP_MOST;
	http->reply.date = http->reply.retry_after = -1;
	memset(http->seen, 0, sizeof http->seen);
	http->head = 0;
	http->sink.code = NULL;
	http->trouble[0] = '\0';
}

static int attempt(struct ent_http *http, const struct ent_http_request *request, double deadline,
                   struct ent_err *err)
{
	double start = ent_clock_monotonic();
	CURLcode result = CURLE_OK;
	int rc;

	clear_reply(http);
	result = aim(http, request, deadline - start);
	if (result != CURLE_OK)
		return explain(http, result, deadline, err);
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		return out_of_memory(err);
	rc = run(http, request->wake, deadline, &result, err);
	curl_multi_remove_handle(http->multi, http->easy);
	if (rc == 0 && result != CURLE_OK)
		rc = explain(http, result, deadline, err);
	if (rc != 0) {
		ent_buf_free(&http->reply.body);
		return -1;
	}
	read_headers(http);
	http->reply.seconds = ent_clock_monotonic() - start;
	return 0;
}

/* ---- the client ---- */

/* A second and up to 0.3 more, so that those who failed together do not come back together. */
static double pause_before_retry(void)
{
	return 1 + (double)((uint64_t)(ent_clock_monotonic() * 1e6) % 300000) / 1e6;
}

static int exchange(struct ent_http *http, const struct ent_http_request *request, struct ent_err *err)
{
	double deadline = ent_clock_monotonic() + request->timeout, pause;
	struct ent_http_request second = *request;
	int rc = attempt(http, request, deadline, err);
	struct ent_attempt first = {rc == 0 ? NULL : err->code, http->reply.status,
	                            http->reply.retry_after >= 0, request->repeatable};

	if (!request->retry || !ent_token_again(&first))
		return rc;
	pause = pause_before_retry();
	if (ent_clock_monotonic() + pause >= deadline)
		return rc;
	clear_reply(http);
	if (ent_clock_wait(pause, request->wake, err) != 0)
		return say_interrupted(http, err);
	second.repeatable = false; /* this is the repetition: on a new connection, see aim */
	return attempt(http, &second, deadline, err);
}

/* Check the URL and keep its host for messages. */
static int read_url(struct ent_http *http, const char *url, struct ent_err *err)
{
	CURLU *parts;
	char *host = NULL;
	int rc = -1;

	/* libcurl would take a third slash too. */
	if (strncasecmp(url, "https://", 8) != 0 || url[8] == '/')
		return ent_err_set(err, "url", "the URL does not begin with https://");
	parts = curl_url();
	if (!parts)
		return out_of_memory(err);
	if (curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK && strlen(host) < sizeof http->host) {
		memcpy(http->host, host, strlen(host) + 1);
		rc = 0;
	} else {
		ent_err_set(err, "url", "the URL is malformed");
	}
	curl_free(host);
	curl_url_cleanup(parts);
	return rc;
}

static void forget_request(struct ent_http *http)
{
	if (http->easy) {
		/* libcurl keeps these two by reference. */
		curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, NULL);
		curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
	}
	curl_slist_free_all(http->headers);
	http->headers = NULL;
	ent_buf_free(&http->form);
}

int ent_http_post(struct ent_http *http, const struct ent_http_request *request, struct ent_err *err)
{
	static const char *const own[] = {"Content-Type: application/x-www-form-urlencoded",
	                                  "Accept: application/json", "Expect:"};
	struct hush hush;
	int rc = -1;
	size_t i;

	hush_begin(&hush);
	if (read_url(http, request->url, err) != 0 || make_handles(http, err) != 0)
		goto out;
	for (i = 0; i < ENT_COUNT(own); i++) {
		if (ent_http_add_header(http, own[i], err) != 0)
			goto out;
	}
	rc = exchange(http, request, err);
out:
	forget_request(http);
	hush_end(&hush);
	return rc;
}

void ent_http_init(struct ent_http *http)
{
	memset(http, 0, sizeof *http);
	http->form.ceiling = ENT_HTTP_MOST;
	http->user_agent.ceiling = http->ca_file.ceiling = http->ca_path.ceiling = CONFIG_MAX;
	clear_reply(http);
}

static int keep(struct ent_buf *buf, const char *text, struct ent_err *err)
{
	return text ? ent_buf_add(buf, text, strlen(text), err) : 0;
}

int ent_http_configure(struct ent_http *http, const char *user_agent, const char *ca_file,
                       const char *ca_path, struct ent_err *err)
{
	if (keep(&http->user_agent, user_agent, err) != 0 || keep(&http->ca_file, ca_file, err) != 0)
		return -1;
	return keep(&http->ca_path, ca_path, err);
}

void ent_http_clear(struct ent_http *http)
{
	forget_request(http);
	clear_reply(http);
}

int ent_http_add_header(struct ent_http *http, const char *line, struct ent_err *err)
{
	struct curl_slist *longer = curl_slist_append(http->headers, line);

	if (!longer)
		return out_of_memory(err);
	http->headers = longer;
	return 0;
}

void ent_http_free(struct ent_http *http)
{
	struct hush hush;

	hush_begin(&hush); /* closing a connection writes to it */
	ent_http_clear(http);
	drop_handles(http);
	ent_buf_free(&http->user_agent);
	ent_buf_free(&http->ca_file);
	ent_buf_free(&http->ca_path);
	hush_end(&hush);
}

const char *ent_http_version(void)
{
	return curl_version();
}
