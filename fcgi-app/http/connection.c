#include "http/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"

void
connection_begin(struct connection *c, unsigned within_ms)
{
	c->touched = false;
	c->deadline_us = clock_mono_us() + (uint64_t)within_ms * 1000;
}

bool
connection_has_more(const struct connection *c)
{
	return c->at < c->n;
}

/* False when the time is up, or when there is nothing to wait for. */
static bool
wait_until(int fd, short events, uint64_t deadline_us)
{
	struct pollfd one = { .fd = fd, .events = events };
	const uint64_t now = clock_mono_us();

	return now < deadline_us && poll(&one, 1, (int)((deadline_us - now) / 1000) + 1) > 0;
}

/* Reads what is there into the empty buffer, and waits where nothing is. */
static bool
fill(struct connection *c)
{
	for (;;) {
		const ssize_t got = recv(c->fd, c->raw, sizeof(c->raw), MSG_DONTWAIT);
		if (got > 0) {
			if ((size_t)got < c->n) /* what was taken before and is not overwritten now */
				explicit_bzero(c->raw + got, c->n - (size_t)got);
			c->at = 0;
			c->n = (size_t)got;
			return true;
		}
		if (got == 0 || (errno != EAGAIN && errno != EINTR) || !wait_until(c->fd, POLLIN, c->deadline_us))
			return false;
	}
}

bool
connection_take(struct connection *c, void *out, size_t n)
{
	unsigned char *to = out;

	while (n > 0) {
		if (c->at == c->n && !fill(c))
			return false;
		const size_t left = c->n - c->at, part = n < left ? n : left;
		if (to != NULL) {
			memcpy(to, c->raw + c->at, part);
			to += part;
		}
		c->at += part;
		n -= part;
		c->touched = true;
	}
	return true;
}

/* Takes `sent` bytes off the front. */
static void
advance(struct iovec **parts, size_t *n, size_t sent)
{
	while (*n > 0 && sent >= (*parts)->iov_len) {
		sent -= (*parts)->iov_len;
		(*parts)++;
		(*n)--;
	}
	if (*n > 0) {
		(*parts)->iov_base = (char *)(*parts)->iov_base + sent;
		(*parts)->iov_len -= sent;
	}
}

bool
connection_send(struct connection *c, struct iovec *parts, size_t n)
{
	const uint64_t deadline_us = clock_mono_us() + (uint64_t)CONNECTION_WRITE_MS * 1000;

	while (n > 0) {
		const struct msghdr message = { .msg_iov = parts, .msg_iovlen = n };
		const ssize_t sent = sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent >= 0)
			advance(&parts, &n, (size_t)sent);
		else if ((errno != EAGAIN && errno != EINTR) || !wait_until(c->fd, POLLOUT, deadline_us))
			return false;
	}
	return true;
}

void
connection_wipe(struct connection *c)
{
	explicit_bzero(c->raw, c->at);
}

void
connection_close(struct connection *c, bool linger)
{
	const uint64_t deadline_us = clock_mono_us() + (uint64_t)CONNECTION_LINGER_MS * 1000;

	if (c->fd < 0)
		return;
	if (linger && shutdown(c->fd, SHUT_WR) == 0) {
		c->deadline_us = deadline_us;
		do
			c->at = c->n; /* what is read is left out */
		while (clock_mono_us() < deadline_us && fill(c));
	}
	(void)close(c->fd);
	explicit_bzero(c->raw, c->n);
	c->fd = -1;
	c->at = c->n = 0;
}
