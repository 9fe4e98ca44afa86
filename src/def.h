/* Declarations that every C file of entra shares: compiler attributes only. */
#ifndef ENT_DEF_H
#define ENT_DEF_H

#define ENT_EXPORT __attribute__((visibility("default")))
#define ENT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Number of elements of a true array (never of a pointer). */
#define ENT_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
