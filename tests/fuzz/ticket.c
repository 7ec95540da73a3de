/* ticket.c: a ticket is taken only in the one form in which it is made, and none is taken that was not. */
#include "auth/ticket.h"
#include "fuzz.h"

static struct tickets tickets;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct master_key master = { { 1, 2, 3 } };

	(void)argc;
	(void)argv;
	HOLDS(tickets_open(&tickets, &master) == OK);
	return 0;
}

/* As it came; and its beginning under a right MAC, so that what is behind the MAC is reached. */
static void
as_it_came(struct str text)
{
	char again[TICKET_LENGTH + 1];
	struct ticket ticket;
	unsigned taken = 0;

	for (enum ticket_kind kind = TICKET_REFRESH; kind <= TICKET_DEVICE; kind++) {
		const enum err err = ticket_read(&tickets, kind, text, &ticket);
		HOLDS(err == OK || err == ERR_TOKEN);
		if (err != OK)
			continue;
		HOLDS(ticket_make(&tickets, kind, &ticket, again) == OK && str_eq(text, str_of(again)));
		taken++;
	}
	HOLDS(taken <= 1);
}

static void
as_made(const uint8_t *data, size_t size)
{
	struct ticket in = { .counter = 0 }, out;
	char text[TICKET_LENGTH + 1];

	if (size < 2 * 16 + 4)
		return;
	in.session = uuid_unpack(data);
	in.user = uuid_unpack(data + 16);
	memcpy(&in.counter, data + 32, sizeof(in.counter));
	HOLDS(ticket_make(&tickets, TICKET_REFRESH, &in, text) == OK && strlen(text) == TICKET_LENGTH);
	HOLDS(ticket_read(&tickets, TICKET_REFRESH, str_of(text), &out) == OK);
	HOLDS(strcmp(in.session.text, out.session.text) == 0 && strcmp(in.user.text, out.user.text) == 0);
	HOLDS(in.counter == out.counter);
	HOLDS(ticket_read(&tickets, TICKET_COOKIE, str_of(text), &out) == ERR_TOKEN);
	if (size > 2 * 16 + 4) {
		text[data[36] % TICKET_LENGTH] ^= 1;
		HOLDS(ticket_read(&tickets, TICKET_REFRESH, str_of(text), &out) == ERR_TOKEN);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_it_came((struct str){ (const char *)data, size });
	as_made(data, size);
	return 0;
}
