/*
 * banned.h: functions whose easy use is a bug. The Makefile includes this file before every source file; a call is then
 * a compile error that names the function. (The technique is git's.)
 */
#ifndef LATCH_CORE_BANNED_H
#define LATCH_CORE_BANNED_H

/* Their declarations must have been seen before the names become macros. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define BANNED(function) this_function_is_banned_##function

/* snprintf, memcpy, struct str */
#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef strncpy
#define strncpy(...) BANNED(strncpy)
#undef strncat
#define strncat(...) BANNED(strncat)
#undef stpcpy
#define stpcpy(...) BANNED(stpcpy)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
/* str_cut */
#undef strtok
#define strtok(...) BANNED(strtok)
/* gmtime_r, timegm */
#undef gmtime
#define gmtime(...) BANNED(gmtime)
#undef localtime
#define localtime(...) BANNED(localtime)
#undef ctime
#define ctime(...) BANNED(ctime)
#undef asctime
#define asctime(...) BANNED(asctime)
#undef mktime
#define mktime(...) BANNED(mktime)
/* parse_u64 */
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)
/* random_bytes */
#undef rand
#define rand(...) BANNED(rand)
#undef random
#define random(...) BANNED(random)
/* no shell, no guessable temporary file */
#undef system
#define system(...) BANNED(system)
#undef popen
#define popen(...) BANNED(popen)
#undef mktemp
#define mktemp(...) BANNED(mktemp)

#endif
