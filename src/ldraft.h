/* The part of entra.core that writes files: its functions are added to the module's table. */
#ifndef ENT_LDRAFT_H
#define ENT_LDRAFT_H

#include "compat.h"

/* Register the type, and set file_replace, file_create, file_draft, file_sweep and dir_sweep in the table on
 * top of the stack. */
void ldraft_open(lua_State *L);

#endif
