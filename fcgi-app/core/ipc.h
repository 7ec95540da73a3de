/* ipc.h: the keys of System V objects that the workers of one installation share. */
#ifndef LATCH_CORE_IPC_H
#define LATCH_CORE_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

/* FNV-1a, over eight bytes of a number, or over a text and its NUL (NULL: nothing); begin with FNV_BEGIN, go on with what the
 * last call gave. For telling things apart, not for secrets. */
#define FNV_BEGIN UINT32_C(2166136261)
uint32_t fnv_number(uint32_t hash, uint64_t number);
uint32_t fnv_text(uint32_t hash, const char *text);

/* A key from the device and inode of a file (the key file), from the user, and from a number that tells
 * objects of other layouts apart. Not ftok(3), which keeps 16 bits of the inode: two installations must not meet. Nor must two users, one of whom left
 * something behind, on a disk that is gone say. False (errno set): there is no such file. */
bool ipc_key(const char *path, uint32_t layout, int32_t *out) MUST_USE;

#endif
