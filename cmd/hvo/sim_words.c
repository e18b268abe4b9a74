/* SPDX-License-Identifier: MIT */
/*
 * What the words of a script's line mean: operands, KEY=VALUE, flags, and the
 * numbers, sizes and places in them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"
#include "size.h"

int hvo_sim_bad(struct hvo_sim *sim, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(sim->text, sizeof(sim->text), format, args);
	va_end(args);
	return code;
}

/* ---- taking words ------------------------------------------------------- */

int hvo_sim_operand(struct hvo_sim *sim, const char *what, const char **word)
{
	for (unsigned i = 1; i < sim->word_count; i++) {
		if (!sim->words[i] || strchr(sim->words[i], '='))
			continue;
		*word = sim->words[i];
		sim->words[i] = NULL;
		return 0;
	}
	return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "%s wants %s", sim->words[0],
			   what);
}

const char *hvo_sim_value(struct hvo_sim *sim, const char *key)
{
	size_t length = strlen(key);

	for (unsigned i = 1; i < sim->word_count; i++) {
		const char *word = sim->words[i];

		if (!word || strncmp(word, key, length) || word[length] != '=')
			continue;
		sim->words[i] = NULL;
		return word + length + 1;
	}
	return NULL;
}

bool hvo_sim_flag(struct hvo_sim *sim, const char *word)
{
	for (unsigned i = 1; i < sim->word_count; i++) {
		if (!sim->words[i] || strcmp(sim->words[i], word))
			continue;
		sim->words[i] = NULL;
		return true;
	}
	return false;
}

int hvo_sim_rest(struct hvo_sim *sim)
{
	for (unsigned i = 1; i < sim->word_count; i++)
		if (sim->words[i])
			return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
					   "'%s' means nothing to %s here",
					   sim->words[i], sim->words[0]);
	return 0;
}

/* ---- values of keys ----------------------------------------------------- */

int hvo_sim_number(struct hvo_sim *sim, const char *key, uint64_t limit,
		   uint64_t *value)
{
	const char *text = hvo_sim_value(sim, key);
	const char *wrong = text ? hvo_number_parse(text, value) : NULL;

	if (wrong)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "%s=: '%s' %s", key,
				   text, wrong);
	if (text && *value > limit)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "%s=%s: at most %" PRIu64, key, text, limit);
	return 0;
}

int hvo_sim_size(struct hvo_sim *sim, const char *key, uint64_t *bytes)
{
	const char *text = hvo_sim_value(sim, key);
	const char *wrong = text ? hvo_size_parse(text, bytes) : NULL;

	if (!wrong)
		return 0;
	return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "%s=: '%s' %s", key, text,
			   wrong);
}

int hvo_sim_order(struct hvo_sim *sim, unsigned *order)
{
	uint64_t number = *order, bytes = 0;
	int err = hvo_sim_number(sim, "order", 63, &number);

	if (!err)
		err = hvo_sim_size(sim, "size", &bytes);
	if (err)
		return err;
	*order = (unsigned)number;
	if (!bytes)
		return 0;
	if (!hvo_is_power_of_2(bytes) || bytes < sim->base_page)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "size=: a folio is a power of two of base "
				   "pages (%" PRIu64 " bytes)",
				   sim->base_page);
	*order = (unsigned)__builtin_ctzll(bytes / sim->base_page);
	return 0;
}

int hvo_sim_zone(struct hvo_sim *sim, enum hvo_zone_type *zone)
{
	const char *text = hvo_sim_value(sim, "zone");

	if (!text)
		return 0;
	for (unsigned t = 0; t < HVO_ZONES; t++)
		if (!strcasecmp(text, hvo_zone_name((enum hvo_zone_type)t))) {
			*zone = (enum hvo_zone_type)t;
			return 0;
		}
	return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
			   "zone=%s: zones are dma32, normal, movable and "
			   "device",
			   text);
}

/* ---- places ------------------------------------------------------------- */

int hvo_sim_pages(struct hvo_sim *sim, const char *text, uint64_t *pages)
{
	const char *wrong;
	char *end;
	uint64_t bytes;

	errno = 0;
	*pages = strtoull(text, &end, 0);
	if (*text >= '0' && *text <= '9' && !*end && !errno)
		return 0;
	wrong = hvo_size_parse(text, &bytes);
	if (!wrong && bytes % sim->base_page)
		wrong = "is no multiple of a base page";
	if (wrong)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "'%s' %s", text, wrong);
	*pages = bytes / sim->base_page;
	return 0;
}

static bool begins_number(const char *text)
{
	return *text >= '0' && *text <= '9';
}

int hvo_sim_place(struct hvo_sim *sim, const char *text, hvo_pfn_t *pfn)
{
	const char *plus = strchr(text, '+');
	size_t length = plus ? (size_t)(plus - text) : strlen(text);
	const struct hvo_sim_folio *folio;
	uint64_t pages = 0;

	if (begins_number(text))
		return hvo_sim_pages(sim, text, pfn);
	folio = hvo_sim_find(sim, text, length);
	if (!folio)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "no folio is called '%.*s'", (int)length,
				   text);
	if (plus && hvo_sim_pages(sim, plus + 1, &pages))
		return HVO_SIM_SYNTAX;
	if (pages >> folio->order)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "'%s' is outside the folio", text);
	*pfn = folio->pfn + pages;
	return 0;
}

int hvo_sim_range(struct hvo_sim *sim, const char *text, hvo_pfn_t *pfn,
		  uint64_t *count)
{
	char place[256];
	const char *plus = strrchr(text, '+');
	const struct hvo_sim_folio *folio;

	if (!plus && !begins_number(text)) {
		folio = hvo_sim_find(sim, text, strlen(text));
		*count = folio ? UINT64_C(1) << folio->order : 0;
		return hvo_sim_place(sim, text, pfn);
	}
	if (!plus || (size_t)(plus - text) >= sizeof(place))
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "'%s' is no range: it has the form "
				   "FIRST+COUNT, in base pages (512+1024) or "
				   "sizes (2M+4M), or is a folio's name",
				   text);
	memcpy(place, text, (size_t)(plus - text));
	place[plus - text] = 0;
	if (hvo_sim_pages(sim, plus + 1, count))
		return HVO_SIM_SYNTAX;
	return hvo_sim_place(sim, place, pfn);
}
