/*
 * config.h: latch.conf and the LATCH_* environment, as one struct.
 *
 * One table (config_keys.c) has a row a key: name, parser, bounds, default, help. The file, the environment, --sample-config
 * and the check that latch.conf(5) is complete all come from it.
 */
#ifndef LATCH_CORE_CONFIG_H
#define LATCH_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/address.h"
#include "core/attr.h"
#include "core/str.h"

enum { CONFIG_TEXT_MAX = 256, CONFIG_LIST_MAX = 1024, CONFIG_LINE_MAX = 2048, CONFIG_PREFIX_MAX = 16 };

enum token_alg { TOKEN_ES256, TOKEN_RS256, TOKEN_HS256 };

/* What argon2id may cost at most, whether the configuration asks or a stored hash. The work is memory times passes: under a
 * second. */
enum { ARGON2_MEMORY_KIB_MAX = 262144, ARGON2_PASSES_MAX = 16, ARGON2_PARALLELISM_MAX = 8, ARGON2_WORK_MAX = 1048576 };

struct config {
	char public_url[CONFIG_TEXT_MAX]; /* no slash at the end */
	char service_name[CONFIG_TEXT_MAX];
	char issuer[CONFIG_TEXT_MAX];
	char audience[CONFIG_TEXT_MAX];
	char cors_origins[CONFIG_LIST_MAX];      /* separated by spaces */
	char return_origins[CONFIG_LIST_MAX];    /* the same */
	char trusted_proxies[CONFIG_LIST_MAX];   /* the same */
	struct address_list proxies;             /* what that says */
	char metrics_addresses[CONFIG_LIST_MAX]; /* the same */
	struct address_list metrics_from;        /* what that says */
	char rules_file[CONFIG_TEXT_MAX];        /* "" means none */
	bool openapi;
	uint32_t workers;

	char db_socket[CONFIG_TEXT_MAX]; /* "" means TCP to db_host:db_port */
	char db_host[CONFIG_TEXT_MAX];
	uint32_t db_port;
	char db_tls_ca[CONFIG_TEXT_MAX];
	char db_name[CONFIG_TEXT_MAX];
	char db_table_prefix[CONFIG_PREFIX_MAX + 1];
	char db_user[CONFIG_TEXT_MAX];
	char db_password[CONFIG_TEXT_MAX];
	char db_password_file[CONFIG_TEXT_MAX];
	char db_owner_user[CONFIG_TEXT_MAX];
	char db_owner_password[CONFIG_TEXT_MAX];
	char db_owner_password_file[CONFIG_TEXT_MAX];
	uint32_t db_connect_timeout_s;
	uint32_t db_timeout_s;

	char key_file[CONFIG_TEXT_MAX];
	enum token_alg token_alg;
	uint32_t access_ttl_s;
	uint32_t session_ttl_s;
	uint32_t session_idle_s;
	uint32_t refresh_grace_s;
	uint32_t revocation_max_age_s;
	uint32_t jwks_max_age_s;

	uint32_t password_min; /* code points */
	uint32_t argon2_memory_kib;
	uint32_t argon2_passes;
	uint32_t hash_lanes;
	uint32_t hash_queue;
	uint32_t hash_wait_ms;
	uint32_t outbound_lanes;   /* 0: other servers are not asked */
	uint32_t outbound_queue;   /* follows from the two beside it: as many may wait as may ask, where anybody waits */
	uint32_t outbound_wait_ms; /* 0: nobody waits */
	char outbound_program[CONFIG_TEXT_MAX];
	char common_passwords[CONFIG_TEXT_MAX]; /* "" means no list */

	/* Each 0: no limit. */
	uint32_t login_address_free;
	uint32_t register_per_hour;
	uint32_t refresh_per_minute;

	uint32_t audit_days; /* 0: for ever */
};

/* Whose database password is read: only what migrates holds the owner's. Where a password has a file, the file counts. */
enum config_role { CONFIG_SERVICE, CONFIG_OWNER };

/* "ES256" and so on (RFC 7518, 3.1); and back: false for anything else. */
const char *token_alg_name(enum token_alg alg);
bool token_alg_parse(struct str name, enum token_alg *out) MUST_USE;

/* Where the file is: `given`, else $LATCH_CONFIG, else the path the program was built with. */
const char *config_path(const char *given);

/* Reads defaults, then the file, then the environment, then the secret files of `role`. Every complaint is a line on
 * `complaints`, with its place ("latch.conf:12: ..."). False when there was one; *out is then not to be used.
 * config_wipe when done. */
bool config_load(const char *path, char *const *environment, enum config_role role, struct config *out,
                 FILE *complaints) MUST_USE;
void config_wipe(struct config *config);

/* Of a public_url: whether it is https; whether its host is this machine itself; its origin (RFC 6454, 6.2). */
bool url_is_https(struct str url);
bool url_is_loopback(struct str url);
struct str url_origin(struct str url);

/* A commented file with every key at its default. */
void config_sample(FILE *out);

#endif
