/* attr.h: the compiler attributes that the contracts in these headers lean on, and what the language lacks. */
#ifndef LATCH_CORE_ATTR_H
#define LATCH_CORE_ATTR_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* For a library that takes as a pointer to non-const what it only reads. */
static inline void *
unconst(const void *p)
{
	const union {
		const void *in;
		void *out;
	} u = { p };

	return u.out;
}

#endif
