#define _GNU_SOURCE /* strerrordesc_np, strerrorname_np: strerror's thread-safe relatives */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t format(struct ent_err *err, const char *fmt, va_list args)
{
	int n = vsnprintf(err->text, sizeof err->text, fmt, args);

	if (n < 0) {
		err->text[0] = '\0';
		return 0;
	}
	return (size_t)n < sizeof err->text ? (size_t)n : sizeof err->text - 1;
}

int ent_err_set(struct ent_err *err, const char *code, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	va_start(args, fmt);
	format(err, fmt, args);
	va_end(args);
	return -1;
}

int ent_err_sys(struct ent_err *err, int errnum, const char *fmt, ...)
{
	const char *name = strerrorname_np(errnum);
	const char *meaning = strerrordesc_np(errnum);
	va_list args;
	size_t used;

	err->code = name ? name : "errno";
	va_start(args, fmt);
	used = format(err, fmt, args);
	va_end(args);
	snprintf(err->text + used, sizeof err->text - used, ": %s", meaning ? meaning : "unknown error");
	return -1;
}
