/* The part of entra.crypto that is about certificates: its functions are added to the module's table. */
#ifndef ENT_LCERT_H
#define ENT_LCERT_H

#include "compat.h"

/* Register the type, and set the field `certificate` of the table on top of the stack. */
void lcert_open(lua_State *L);

#endif
