#define _GNU_SOURCE /* explicit_bzero */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 512 };

void ent_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

unsigned char *ent_buf_grow(struct ent_buf *buf, size_t n, struct ent_err *err)
{
	size_t need, room;
	unsigned char *fresh;

	if (n > buf->ceiling - buf->len) {
		ent_err_set(err, "too_big", "more than %zu bytes", buf->ceiling);
		return NULL;
	}
	need = buf->len + n + 1;
	if (need <= buf->room)
		return buf->data + buf->len;
	room = buf->room > 0 ? buf->room : FIRST_ROOM;
	while (room < need)
		room *= 2;
	fresh = malloc(room);
	if (!fresh) {
		ent_err_set(err, "ENOMEM", "out of memory");
		return NULL;
	}
	if (buf->len > 0)
		memcpy(fresh, buf->data, buf->len);
	ent_wipe(buf->data, buf->room);
	free(buf->data);
	buf->data = fresh;
	buf->room = room;
	buf->data[buf->len] = '\0';
	return buf->data + buf->len;
}

int ent_buf_add(struct ent_buf *buf, const void *bytes, size_t n, struct ent_err *err)
{
	unsigned char *at = ent_buf_grow(buf, n, err);

	if (!at)
		return -1;
	if (n > 0)
		memcpy(at, bytes, n);
	buf->len += n;
	buf->data[buf->len] = '\0';
	return 0;
}

void ent_buf_free(struct ent_buf *buf)
{
	ent_wipe(buf->data, buf->room);
	free(buf->data);
	buf->data = NULL;
	buf->len = buf->room = 0;
}
