/* start SOCKET PROGRAM ARGUMENT...: starts a worker on a socket of its own and asks it for /readyz at once; prints the
 * microseconds from before fork to the first byte of "Status: 200", and ends it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "http/records.h"

static size_t
add(unsigned char *out, unsigned type, const void *content, size_t n)
{
	record_encode((enum record_type)type, 1, n, out);
	if (n > 0)
		memcpy(out + RECORD_HEADER_SIZE, content, n);
	return RECORD_HEADER_SIZE + n;
}

int
main(int argc, char **argv)
{
	static const unsigned char begin[RECORD_BEGIN_SIZE] = { 0, ROLE_RESPONDER };
	static const char params[] = "\x0e\x03REQUEST_METHODGET\x09\x07PATH_INFO/readyz";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	unsigned char wire[512];
	char answer[64];
	size_t n = add(wire, RECORD_BEGIN, begin, sizeof(begin));

	if (argc < 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	n += add(wire + n, RECORD_PARAMS, params, sizeof(params) - 1);
	n += add(wire + n, RECORD_PARAMS, NULL, 0);
	n += add(wire + n, RECORD_STDIN, NULL, 0);
	memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
	(void)unlink(argv[1]);
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 8) != 0)
		return 1;
	const uint64_t start = clock_mono_us();
	const pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(listener, 0);
		(void)execv(argv[2], argv + 2);
		_exit(127);
	}
	const int connected = connect(client, (struct sockaddr *)&address, sizeof(address));
	(void)close(listener); /* so that a worker that ends at once ends this as well */
	(void)alarm(10);
	const int good = connected == 0 && send(client, wire, n, 0) == (ssize_t)n
	              && recv(client, answer, sizeof(answer), 0) > RECORD_HEADER_SIZE + 11
	              && memcmp(answer + RECORD_HEADER_SIZE, "Status: 200", 11) == 0;
	const uint64_t took = clock_mono_us() - start;
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
	(void)unlink(argv[1]);
	if (good)
		(void)printf("%llu\n", (unsigned long long)took);
	return good ? 0 : 1;
}
