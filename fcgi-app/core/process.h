/* process.h: what every program here does first. */
#ifndef LATCH_CORE_PROCESS_H
#define LATCH_CORE_PROCESS_H

#include <stdbool.h>

/* No core file and no debugger, both of which would show keys and passwords; files made from here on are the owner's
 * alone; memory of a password hash goes back to the system when it is freed, and process_wipe_freed. */
void process_harden(void);

/* Has malloc overwrite what libraries free, of about 1 KiB and more: buffers that a password or a hash went through.
 * Off around what allocates much and holds no secret, as it also fills what is allocated. */
void process_wipe_freed(bool on);

#endif
