/* SPDX-License-Identifier: MIT */
/*
 * Owns the folios that a script has named. NAME.0, NAME.1 ... are folios that
 * came together, by bulk allocation or from a split; NAME then means all of
 * them that are left, and what those were split into.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

struct hvo_sim_folio *hvo_sim_find(const struct hvo_sim *sim, const char *name,
				   size_t length)
{
	for (size_t i = 0; i < sim->count; i++)
		if (!strncmp(sim->folios[i].name, name, length) &&
		    !sim->folios[i].name[length])
			return &sim->folios[i];
	return NULL;
}

/* Is it NAME itself, or NAME.number, or a part of that? */
static bool belongs(const struct hvo_sim_folio *folio, const char *name,
		    size_t length)
{
	const char *rest;

	if (strncmp(folio->name, name, length))
		return false;
	rest = folio->name + length;
	return !*rest || (*rest == '.' && rest[1] &&
			  strspn(rest + 1, "0123456789.") == strlen(rest + 1));
}

static int by_pfn(const void *a, const void *b)
{
	const struct hvo_page *x = *(struct hvo_page *const *)a;
	const struct hvo_page *y = *(struct hvo_page *const *)b;

	return (x > y) - (x < y);
}

int hvo_sim_group(struct hvo_sim *sim, const char *name,
		  struct hvo_page ***pages, size_t *n)
{
	struct hvo_page **found = calloc(sim->count + 1, sizeof(*found));
	size_t length = strlen(name);

	*n = 0;
	if (!found)
		return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
	for (size_t i = 0; i < sim->count; i++)
		if (belongs(&sim->folios[i], name, length))
			found[(*n)++] =
			    hvo_mm_page(sim->mm, sim->folios[i].pfn);
	if (!*n) {
		free(found);
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "no folio is called '%s'", name);
	}
	qsort(found, *n, sizeof(*found), by_pfn);
	*pages = found;
	return 0;
}

int hvo_sim_new_name(struct hvo_sim *sim, const char *name, bool parts)
{
	size_t length = strlen(name);

	if (!isalpha((unsigned char)*name) || name[length - 1] == '.' ||
	    length + (parts ? 8 : 0) >= HVO_SIM_NAME)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "'%s' cannot be a folio's name: a letter, "
				   "then at most %d letters, digits, - and _",
				   name, HVO_SIM_NAME - 10);
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_", *c))
			return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
					   "'%s': a folio's name has letters, "
					   "digits, - and _",
					   name);
	for (size_t i = 0; i < sim->count; i++)
		if (belongs(&sim->folios[i], name, length))
			return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
					   "there is a folio '%s' already",
					   sim->folios[i].name);
	return 0;
}

int hvo_sim_name(struct hvo_sim *sim, const char *name, long part,
		 struct hvo_page *folio, unsigned order)
{
	struct hvo_sim_folio *f;
	char suffix[24] = "";

	if (part >= 0)
		snprintf(suffix, sizeof(suffix), ".%ld", part);
	if (strlen(name) + strlen(suffix) >= HVO_SIM_NAME)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "'%s%s' is too long a name", name, suffix);
	if (sim->count == sim->capacity) {
		size_t capacity = sim->capacity ? 2 * sim->capacity : 64;
		struct hvo_sim_folio *grown =
		    reallocarray(sim->folios, capacity, sizeof(*grown));

		if (!grown)
			return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
		sim->folios = grown;
		sim->capacity = capacity;
	}
	f = &sim->folios[sim->count++];
	f->pfn = hvo_mm_pfn(sim->mm, folio);
	f->order = order;
	f->pooled = false;
	stpcpy(stpcpy(f->name, name), suffix);
	return 0;
}

void hvo_sim_forget(struct hvo_sim *sim, struct hvo_page *const *pages,
		    size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < sim->count; i++) {
		struct hvo_page *page =
		    hvo_mm_page(sim->mm, sim->folios[i].pfn);

		if (!bsearch(&page, pages, n, sizeof(*pages), by_pfn))
			sim->folios[kept++] = sim->folios[i];
	}
	sim->count = kept;
}

int hvo_sim_all_pooled(struct hvo_sim *sim, struct hvo_page *const *pages,
		       size_t n, bool pooled)
{
	for (size_t i = 0; i < sim->count; i++) {
		const struct hvo_sim_folio *f = &sim->folios[i];
		struct hvo_page *page = hvo_mm_page(sim->mm, f->pfn);

		if (f->pooled == pooled ||
		    !bsearch(&page, pages, n, sizeof(*pages), by_pfn))
			continue;
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   pooled ? "'%s' is no pool's page: it came "
					    "from alloc"
					  : "'%s' is a pool's page: it can "
					    "only be given back (give)",
				   f->name);
	}
	return 0;
}
