/* unit.h: what every unit test includes; cmocka wants these headers before its own. */
#ifndef LATCH_TESTS_UNIT_H
#define LATCH_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail     /* route.h has a function of that name */
#undef fail_msg /* which needs it */

#endif
