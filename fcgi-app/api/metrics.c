/* metrics.c: GET /metrics, in the text format 0.0.4 of Prometheus. */
#include "core/metrics.h"

#include <stdarg.h>
#include <stdio.h>

#include "api/route.h"
#include "core/ipc.h"
#include "service/monitor.h"

/* What all metrics but those of routes take, and what one route takes: 4 lines of requests, 18 of durations. */
enum { TEXT_FIXED = 16 * 1024, TEXT_ROUTE = (METRICS_CLASSES + METRICS_BUCKETS + 2) * 160 };

/* ---- Which route ------------------------------------------------------------------------------------------------- */

/* Slot 0 is for what has no route: a path or method that is none, a request that cannot be read, OPTIONS. */
size_t
route_slot(const struct route *route)
{
	return route != NULL ? (size_t)(route - routes) + 1 : 0;
}

uint32_t
routes_layout(void)
{
	uint32_t hash = FNV_BEGIN;

	for (size_t i = 0; i < routes_n; i++)
		hash = fnv_text(fnv_text(hash, method_name(routes[i].method)), routes[i].path);
	return hash;
}

/* ---- The text ---------------------------------------------------------------------------------------------------- */

struct text {
	char *p;
	size_t n, size;
	bool full;
};

static void PRINTF(2, 3) put(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	const int n = vsnprintf(text->p + text->n, text->size - text->n, fmt, args);
	va_end(args);
	text->full = text->full || n < 0 || (size_t)n >= text->size - text->n;
	if (!text->full)
		text->n += (size_t)n;
}

static void
put_number(struct text *text, uint64_t number, bool us)
{
	if (us)
		put(text, " %llu.%06llu\n", (unsigned long long)(number / 1000000), (unsigned long long)(number % 1000000));
	else
		put(text, " %llu\n", (unsigned long long)number);
}

/* The labels that say which route, without the brace at the end. */
static void
put_route(struct text *text, const char *name, const char *suffix, size_t slot)
{
	const struct route *route = slot > 0 ? &routes[slot - 1] : NULL;

	put(text, "%s%s{method=\"%s\",route=\"%s\"", name, suffix, route != NULL ? method_name(route->method) : "other",
	    route != NULL ? route->path : "other");
}

static void
put_requests(struct text *text, const struct metric *metric, size_t slot, const struct route_counts *counts)
{
	for (size_t i = 0; i < METRICS_CLASSES; i++) {
		put_route(text, metric->name, "", slot);
		put(text, ",status=\"%s\"}", metrics_class_names[i]);
		put_number(text, counts->classes[i], false);
	}
}

static void
put_durations(struct text *text, const struct metric *metric, size_t slot, const struct route_counts *counts)
{
	uint64_t below = 0;

	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		below += counts->buckets[i];
		put_route(text, metric->name, "_bucket", slot);
		put(text, ",le=\"%s\"}", metrics_bucket_names[i]);
		put_number(text, below, false);
	}
	put_route(text, metric->name, "_sum", slot);
	put(text, "}");
	put_number(text, counts->sum_us, true);
	put_route(text, metric->name, "_count", slot);
	put(text, "}");
	put_number(text, counts->n, false);
}

static void
put_value(struct text *text, const struct metric *metric, const struct metric_value *value, const struct gauges *gauges)
{
	if (metric->kind == METRIC_GAUGE && !gauges->there[value->at])
		return;
	put(text, "%s", metric->name);
	if (metric->label != NULL)
		put(text, "{%s=\"%s\"}", metric->label, value->is);
	put_number(text, metric->kind == METRIC_GAUGE ? gauges->value[value->at] : metrics_count((enum count)value->at),
	           metric->us);
}

static void
put_metric(struct text *text, const struct metric *metric, const struct route_counts *counts,
           const struct gauges *gauges)
{
	put(text, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name, metric_type(metric->kind));
	for (size_t i = 0; i < metric->n; i++)
		put_value(text, metric, &metric->values[i], gauges);
	for (size_t slot = 0; metric->kind == METRIC_REQUESTS && slot <= routes_n; slot++)
		if (counts[slot].n > 0)
			put_requests(text, metric, slot, &counts[slot]);
	for (size_t slot = 0; metric->kind == METRIC_DURATIONS && slot <= routes_n; slot++)
		if (counts[slot].n > 0)
			put_durations(text, metric, slot, &counts[slot]);
}

enum err
metrics_show(struct ctx *c)
{
	struct text text = { .size = TEXT_FIXED + (routes_n + 1) * TEXT_ROUTE };
	struct route_counts *counts = arena_alloc(c->arena, (routes_n + 1) * sizeof(*counts));
	struct gauges gauges;

	text.p = arena_alloc(c->arena, text.size);
	if (counts == NULL || text.p == NULL)
		return ERR_INTERNAL;
	monitor_look(c->app, &gauges);
	/* Read once: what is said of requests and of their durations agrees. */
	for (size_t slot = 0; slot <= routes_n; slot++)
		metrics_route(slot, &counts[slot]);
	for (size_t i = 0; i < metrics_n; i++)
		put_metric(&text, &metrics[i], counts, &gauges);
	arena_trim(c->arena, text.p, text.n);
	return text.full ? ERR_INTERNAL : reply_text(c, c->route->out_type, (struct str){ text.p, text.n });
}
