/* SPDX-License-Identifier: MIT */
/*
 * What the verbs do with json-c: numbers as they should look, and the end.
 */
#ifndef HVO_JSON_H
#define HVO_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "cmd.h"

static inline void hvo_json_int(struct json_object *o, const char *key,
				uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

/* A number that may have a fraction, to nine digits. */
static inline void hvo_json_real(struct json_object *o, const char *key,
				 double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.9g", value);
	json_object_object_add(o, key, json_object_new_double_s(value, text));
}

static inline void hvo_json_bool(struct json_object *o, const char *key,
				 bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

static inline void hvo_json_text(struct json_object *o, const char *key,
				 const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

/* An object inside another one; it belongs to it. */
static inline struct json_object *hvo_json_object(struct json_object *o,
						  const char *key)
{
	struct json_object *inner = json_object_new_object();

	json_object_object_add(o, key, inner);
	return inner;
}

/* Print on one line, and free. Returns an exit code. */
static inline int hvo_json_print(struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(
	    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		puts(text);
	else
		hvo_error("no memory for the output");
	json_object_put(o);
	return text ? HVO_EXIT_OK : HVO_EXIT_FAILED;
}

#endif
