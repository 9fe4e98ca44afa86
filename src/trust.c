#include "trust.h"

#include <dirent.h>
#include <string.h>

/* As `openssl rehash` names them: xxxxxxxx.N */
static bool is_hash_link(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] != '\0' &&
	       strspn(name + 9, "0123456789") == strlen(name + 9);
}

bool ent_trust_is_hashed(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	/* The stream is ours alone, so readdir is safe in threads. */
	while (!found && (entry = readdir(dir)))
		found = is_hash_link(entry->d_name);
	closedir(dir);
	return found;
}
