/* process.h: what every program here does first. */
#ifndef LATCH_CORE_PROCESS_H
#define LATCH_CORE_PROCESS_H

/* No core file and no debugger, both of which would show keys and passwords; files made from here on are the owner's
 * alone; malloc overwrites what libraries free, of about 1 KiB and more: buffers that a password or a hash went through. */
void process_harden(void);

#endif
