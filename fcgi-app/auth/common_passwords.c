#include "auth/common_passwords.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORD_MAX = 256, FILE_MAX = 64 * 1024 * 1024 };

static int
compare(struct str a, struct str b)
{
	const int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order != 0 ? order : a.n < b.n ? -1 : a.n > b.n;
}

/* The number of the first line that is not above the one before it; 0 when there is none. */
static size_t
first_unsorted(struct str all)
{
	struct str before = STR("");

	for (size_t line = 1; all.p != NULL && all.n > 0; line++) {
		const struct str word = str_cut(&all, '\n');
		if (line > 1 && compare(before, word) >= 0)
			return line;
		before = word;
	}
	return 0;
}

bool
common_passwords_open(struct common_passwords *list, const char *path, bool look_through, char *complaint,
                      size_t complaint_size)
{
	struct stat st;

	*list = (struct common_passwords){ 0 };
	if (path[0] == '\0')
		return true;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)snprintf(complaint, complaint_size, "common_passwords %s: %s", path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	void *map = MAP_FAILED;
	if (S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= FILE_MAX)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (map == MAP_FAILED) {
		(void)snprintf(complaint, complaint_size, "common_passwords %s: must be a file of 1 byte to 64 MiB", path);
		return false;
	}
	*list = (struct common_passwords){ map, (size_t)st.st_size };

	const size_t unsorted = look_through ? first_unsorted((struct str){ list->p, list->n }) : 0;
	if (unsorted == 0)
		return true;
	(void)snprintf(complaint, complaint_size, "common_passwords %s:%zu: not sorted; run LC_ALL=C sort -u over it", path,
	               unsorted);
	common_passwords_close(list);
	return false;
}

void
common_passwords_close(struct common_passwords *list)
{
	union {
		const char *in;
		void *out;
	} map = { .in = list->p };

	if (list->p != NULL)
		(void)munmap(map.out, list->n);
	*list = (struct common_passwords){ 0 };
}

bool
common_passwords_has(const struct common_passwords *list, struct str password)
{
	char lower[WORD_MAX];
	size_t low = 0, high = list->n; /* the word, if it is there, starts in [low, high) */

	if (password.n == 0 || password.n > sizeof(lower))
		return false;
	for (size_t i = 0; i < password.n; i++)
		lower[i] = ascii_lower(password.p[i]);
	int order = -1;
	while (low < high && order != 0) {
		size_t start = low + (high - low) / 2;
		while (start > low && list->p[start - 1] != '\n')
			start--;
		struct str rest = { list->p + start, list->n - start };
		const struct str word = str_cut(&rest, '\n');
		order = compare((struct str){ lower, password.n }, word);
		if (order < 0)
			high = start;
		else
			low = start + word.n + 1;
	}
	explicit_bzero(lower, sizeof(lower));
	return order == 0;
}
