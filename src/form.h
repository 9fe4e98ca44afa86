/*
 * application/x-www-form-urlencoded, writing only.
 *
 * Everything but the unreserved characters of RFC 3986 §2.3 is
 * percent-encoded, the space too: client secrets hold `~ + / = &`, and a `+`
 * is read as a space. Bytes are taken as they are; text should be UTF-8.
 */
#ifndef ENT_FORM_H
#define ENT_FORM_H

#include "buf.h"

/*
 * Append name=value, after a `&` when the buffer already holds something.
 * Fails with "too_big" or "ENOMEM"; the buffer is then as it was.
 */
int ent_form_add(struct ent_buf *out, const char *name, size_t name_len, const char *value, size_t value_len,
                 struct ent_err *err);

#endif
