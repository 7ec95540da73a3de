/*
 * fuzz.h: what every fuzz target includes.
 *
 * A target is one file: what it claims of the function under test it says with HOLDS, for any input whatever. With clang it
 * is a libFuzzer program (tests/fuzz/run); linked with replay.c instead it runs the files that it is given.
 */
#ifndef LATCH_TESTS_FUZZ_H
#define LATCH_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

/* libFuzzer's two entries. The first is called once. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A claim; where it does not hold the input is a finding. */
#define HOLDS(claim) ((claim) ? (void)0 : does_not_hold(#claim, __FILE__, __LINE__))

static inline _Noreturn void
does_not_hold(const char *claim, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
	abort();
}

static inline bool
has_bytes(struct str all, struct str part)
{
	return part.n > 0 && all.n > 0 && memmem(all.p, all.n, part.p, part.n) != NULL;
}

#endif
