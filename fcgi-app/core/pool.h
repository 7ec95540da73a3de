/*
 * pool.h: malloc and free for libraries that build small trees and take them down again within a request.
 *
 * Memory comes from one fixed block, which is wiped and starts anew whenever all of it has been given back; what does not
 * fit comes from the heap, and is wiped before it goes back there. So a request's JSON costs no heap allocation, and
 * leaves nothing behind. The block is the process's own, as no hook of these libraries takes an argument: not for threads.
 */
#ifndef LATCH_CORE_POOL_H
#define LATCH_CORE_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* As malloc(3): aligned for anything; NULL when memory is out. */
void *pool_alloc(size_t size);
/* Takes back what pool_alloc gave; NULL is nothing. */
void pool_free(void *p);

/* Whether pool_alloc has given NULL since this was last asked. jansson does not always say: it goes on with a text that
 * lacks a piece. */
bool pool_failed(void);

#endif
