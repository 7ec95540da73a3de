#include "ctl/finding.h"

#include <stdarg.h>
#include <stdio.h>

#include "ctl/output.h"

static const struct field finding_fields[] = { SHOWN(struct finding, ok), SHOWN(struct finding, hint),
	                                           SHOWN(struct finding, text) };
static const struct schema finding_row = SCHEMA("Finding", struct finding, finding_fields);

struct finding
good(const char *fmt, ...)
{
	struct finding finding = { .ok = true };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding.text, sizeof(finding.text), fmt, args);
	va_end(args);
	return finding;
}

struct finding
bad(const char *fmt, ...)
{
	struct finding finding = { .ok = false };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding.text, sizeof(finding.text), fmt, args);
	va_end(args);
	return finding;
}

struct finding
hint(const char *fmt, ...)
{
	struct finding finding = { .ok = true, .hint = true };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding.text, sizeof(finding.text), fmt, args);
	va_end(args);
	return finding;
}

int
tell(const struct options *options, struct finding finding)
{
	const char *mark = !finding.ok ? "FAIL" : finding.hint ? "hint" : "ok  ";

	if (!options->json)
		(void)printf("%s  %s\n", mark, finding.text);
	else if (output_one(options, &finding_row, &finding) != EXIT_OK)
		return 1;
	return finding.ok ? 0 : 1;
}
