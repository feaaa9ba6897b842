/*
 * cli/script_sources.h - settings that Locust itself would take up: LOCUST_… variables, and what
 * the inspection found in locust.conf and pyproject.toml.
 */
#ifndef CICADA_CLI_SCRIPT_SOURCES_H
#define CICADA_CLI_SCRIPT_SOURCES_H

#include "base/err.h"
#include "cli/options.h"

struct json_document;

/* Options given by a stronger source stay. -1 with a sentence that names the place. */
int script_sources_apply(struct options *options, const struct json_document *document,
                         struct err *err);

#endif
