/* process.h: what every program here does first. */
#ifndef LATCH_CORE_PROCESS_H
#define LATCH_CORE_PROCESS_H

/* No core file and no debugger, both of which would show keys and passwords; files made from here on are the owner's
 * alone; memory of a password hash goes back to the system when it is freed. */
void process_harden(void);

#endif
