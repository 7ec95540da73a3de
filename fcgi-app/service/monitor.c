#include "service/monitor.h"

#include <string.h>

#include "core/log.h"
#include "db/migrations.h"
#include "db/sessions.h"
#include "service/keys.h"
#include "service/migrate.h"

static void
set(struct gauges *gauges, enum gauge gauge, uint64_t value)
{
	gauges->there[gauge] = true;
	gauges->value[gauge] = value;
}

static void
look_at_lanes(const struct app *app, struct gauges *out)
{
	struct lanes_use use;

	if (lanes_look(&app->lanes, &use)) {
		set(out, GAUGE_LANES, use.lanes);
		set(out, GAUGE_LANES_IN_USE, use.in_use);
		set(out, GAUGE_LANES_WAITING, use.waiting);
	}
	if (lanes_look(&app->outbound_lanes, &use)) {
		set(out, GAUGE_OUTBOUND_LANES, use.lanes);
		set(out, GAUGE_OUTBOUND_IN_USE, use.in_use);
		set(out, GAUGE_OUTBOUND_WAITING, use.waiting);
	}
}

/* As this worker read them last; while the database is away they are what it works with. */
static void
look_at_keys(const struct app *app, struct gauges *out)
{
	const struct keyring *ring = &app->keyring;
	const struct timestamp now = clock_now();
	uint64_t next = 0, signing = 0;

	if (app->keys_read_us == 0)
		return;
	for (size_t i = 0; i < ring->n; i++)
		if (ring->keys[i].sign_from.ms > now.ms)
			next++;
		else if (&ring->keys[i] == keyring_signer(ring, now))
			signing++;
	set(out, GAUGE_KEYS_NEXT, next);
	set(out, GAUGE_KEYS_SIGNING, signing);
	set(out, GAUGE_KEYS_VERIFYING, ring->n - next - signing);
	set(out, GAUGE_KEYS_UNUSABLE, app->keys_unusable);
}

static void
look_at_sessions(struct app *app, struct gauges *out)
{
	uint32_t live;

	if (metrics_sample_due(MONITOR_SESSIONS_EVERY_S)) {
		if (sessions_live(app->db, &live) == OK)
			metrics_sample_put(live);
		else
			log_warn("metrics: the live sessions could not be counted: %s", db_error(app->db));
	}
	if (metrics_sample(MONITOR_SESSIONS_AGE_S, &live))
		set(out, GAUGE_SESSIONS, live);
}

void
monitor_look(struct app *app, struct gauges *out)
{
	uint32_t version;

	memset(out, 0, sizeof(*out));
	set(out, GAUGE_BUILD, 1);
	set(out, GAUGE_SCHEMA_PROGRAM, schema_version());
	set(out, GAUGE_SHARED, metrics_shared() ? 1 : 0);
	set(out, GAUGE_SINCE_S, (uint64_t)metrics_since_s());
	look_at_lanes(app, out);
	const bool up = keys_refresh(app) == OK && migrations_version(app->db, &version) == OK;
	set(out, GAUGE_DB_UP, up ? 1 : 0);
	look_at_keys(app, out);
	if (!up)
		return;
	set(out, GAUGE_SCHEMA_DATABASE, version);
	look_at_sessions(app, out);
}

/* What is no outcome of the password is somebody's mistake or ours. */
void
monitor_login(enum err outcome)
{
	enum count count = COUNT_LOGIN_ERROR;

	if (outcome == OK)
		count = COUNT_LOGIN_OK;
	else if (outcome == ERR_CREDENTIALS)
		count = COUNT_LOGIN_WRONG;
	else if (outcome == ERR_SLOW_DOWN)
		count = COUNT_LOGIN_SLOWED_DOWN;
	else if (outcome == ERR_DISABLED)
		count = COUNT_LOGIN_DISABLED;
	else if (outcome == ERR_BUSY)
		count = COUNT_LOGIN_BUSY;
	metrics_add(count, 1);
}

void
monitor_refresh(enum err outcome, bool replayed)
{
	enum count count = COUNT_REFRESH_ERROR;

	if (outcome == OK)
		count = COUNT_REFRESH_OK;
	else if (outcome == ERR_GRANT)
		count = replayed ? COUNT_REFRESH_REPLAY : COUNT_REFRESH_REFUSED;
	else if (outcome == ERR_SLOW_DOWN)
		count = COUNT_REFRESH_SLOWED_DOWN;
	metrics_add(count, 1);
}
