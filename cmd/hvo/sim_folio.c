/* SPDX-License-Identifier: MIT */
/*
 * The commands about folios. Between commands the script holds one reference
 * on each of its folios; commands that change descriptors freeze them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/poison.h"
#include "sim.h"

/* Most folios of one command, so that their names have room. */
#define COUNT_MAX 99999

/* ---- groups of folios ----------------------------------------------- */

struct group {
	const char *name;
	struct hvo_page **pages;
	size_t n;
};

/* The folios that the first operand names. */
static int take_group(struct hvo_sim *sim, struct group *g)
{
	int err = hvo_sim_operand(sim, "a folio's name", &g->name);

	g->pages = NULL;
	if (!err)
		err = hvo_sim_group(sim, g->name, &g->pages, &g->n);
	return err ? err : hvo_sim_all_pooled(sim, g->pages, g->n, false);
}

/* The same where nothing but flags that have been taken may follow. */
static int take_only_group(struct hvo_sim *sim, struct group *g)
{
	int err = take_group(sim, g);

	return err ? err : hvo_sim_rest(sim);
}

static void freeze(const struct group *g)
{
	/* Only this thread has references, and one on each. */
	for (size_t i = 0; i < g->n; i++)
		hvo_folio_freeze(g->pages[i], 1);
}

static void unfreeze(const struct group *g, size_t from)
{
	for (size_t i = from; i < g->n; i++)
		hvo_folio_unfreeze(g->pages[i], 1);
}

/* ---- alloc ---------------------------------------------------------- */

static const struct {
	const char *word;
	unsigned flag;
} alloc_flags[] = {
    {"hvo", HVO_ALLOC_HVO},         {"try-hvo", HVO_ALLOC_TRY_HVO},
    {"zero", HVO_ALLOC_ZERO},       {"commit", HVO_ALLOC_COMMIT},
    {"reserve", HVO_ALLOC_RESERVE}, {"this-node", HVO_ALLOC_THIS_NODE},
};

/* What alloc's words say; *count is 0 if they do not. */
static int parse_alloc(struct hvo_sim *sim, struct hvo_alloc *alloc,
		       uint64_t *count)
{
	uint64_t node = 0;
	int err = hvo_sim_order(sim, &alloc->order);

	if (!err)
		err = hvo_sim_zone(sim, &alloc->limit);
	if (!err)
		err = hvo_sim_number(sim, "node", HVO_NODES_MAX - 1, &node);
	if (!err)
		err = hvo_sim_number(sim, "count", COUNT_MAX, count);
	if (err)
		return err;
	alloc->node = (unsigned)node;
	for (unsigned i = 0; i < sizeof(alloc_flags) / sizeof(*alloc_flags);
	     i++)
		if (hvo_sim_flag(sim, alloc_flags[i].word))
			alloc->flags |= alloc_flags[i].flag;
	return 0;
}

/* All or none: what there was room for goes back if it was too little. */
static int alloc_all(struct hvo_sim *sim, const struct hvo_alloc *alloc,
		     size_t n, struct hvo_page **folios)
{
	size_t done;
	int err = hvo_folio_alloc_bulk(sim->mm, alloc, n, folios, &done);

	for (size_t i = 0; err && i < done; i++)
		hvo_folio_put(sim->mm, folios[i]);
	return err;
}

static int alloc_named(struct hvo_sim *sim, const char *name,
		       const struct hvo_alloc *alloc, uint64_t count)
{
	size_t n = count ? (size_t)count : 1;
	struct hvo_page **folios = calloc(n, sizeof(*folios));
	int err = folios ? alloc_all(sim, alloc, n, folios)
			 : hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");

	for (size_t i = 0; !err && i < n; i++)
		err = hvo_sim_name(sim, name, count ? (long)i : -1, folios[i],
				   alloc->order);
	free(folios);
	return err;
}

static int do_alloc(struct hvo_sim *sim)
{
	struct hvo_alloc alloc = {.limit = HVO_ZONE_MOVABLE};
	uint64_t count = 0;
	const char *name = NULL;
	int err = parse_alloc(sim, &alloc, &count);

	if (!err)
		err = hvo_sim_operand(sim, "a name for the folio", &name);
	if (!err)
		err = hvo_sim_new_name(sim, name, count);
	if (!err)
		err = hvo_sim_rest(sim);
	return err ? err : alloc_named(sim, name, &alloc, count);
}

/* ---- adopt, disown -------------------------------------------------- */

static int adopt(struct hvo_sim *sim, const char *name, const char *place,
		 const struct hvo_alloc *alloc)
{
	struct hvo_page *folio;
	hvo_pfn_t pfn;
	int err = hvo_sim_place(sim, place, &pfn);

	if (!err)
		err = hvo_folio_adopt(sim->mm, pfn, alloc, &folio);
	return err ? err : hvo_sim_name(sim, name, -1, folio, alloc->order);
}

static int do_adopt(struct hvo_sim *sim)
{
	struct hvo_alloc alloc = {0};
	uint64_t count = 0;
	const char *name = NULL, *place = NULL;
	int err = parse_alloc(sim, &alloc, &count);

	if (!err)
		err = hvo_sim_operand(sim, "a name for the folio", &name);
	if (!err)
		err = hvo_sim_new_name(sim, name, false);
	if (!err)
		err = hvo_sim_operand(sim, "where it lies", &place);
	if (!err)
		err = hvo_sim_rest(sim);
	return err ? err : adopt(sim, name, place, &alloc);
}

static int do_disown(struct hvo_sim *sim)
{
	struct group g = {0};
	size_t done = 0;
	int err = take_only_group(sim, &g);

	if (!err) {
		freeze(&g);
		while (!err && done < g.n) {
			err = hvo_folio_disown(sim->mm, g.pages[done]);
			done += !err;
		}
		unfreeze(&g, done);
		hvo_sim_forget(sim, g.pages, done);
	}
	free(g.pages);
	return err;
}

/* ---- free ----------------------------------------------------------- */

static unsigned order_of(const struct group *g)
{
	return hvo_folio_order(g->pages[0]);
}

static int same_order(struct hvo_sim *sim, const struct group *g)
{
	for (size_t i = 1; i < g->n; i++)
		if (hvo_folio_order(g->pages[i]) != order_of(g))
			return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
					   "the folios called '%s' are of "
					   "different sizes: name one",
					   g->name);
	return 0;
}

/* With no-host it may fail, and then those behind *done are kept. */
static int free_frozen(struct hvo_sim *sim, const struct group *g)
{
	size_t done = 0;
	int err = same_order(sim, g);

	if (err)
		return err;
	freeze(g);
	err = hvo_folio_free(sim->mm, g->pages, g->n, HVO_FREE_NO_HOST, &done);
	unfreeze(g, done);
	hvo_sim_forget(sim, g->pages, done);
	return err;
}

static int free_group(struct hvo_sim *sim, const struct group *g)
{
	int err = 0;

	for (size_t i = 0; !err && i < g->n; i++)
		err = hvo_folio_put(sim->mm, g->pages[i]);
	hvo_sim_forget(sim, g->pages, g->n);
	return err;
}

static int do_free(struct hvo_sim *sim)
{
	bool no_host = hvo_sim_flag(sim, "no-host");
	struct group g = {0};
	int err = take_only_group(sim, &g);

	if (!err)
		err = no_host ? free_frozen(sim, &g) : free_group(sim, &g);
	free(g.pages);
	return err;
}

/* ---- optimize, restore ---------------------------------------------- */

static int change(struct hvo_sim *sim,
		  int (*call)(struct hvo_mm *, struct hvo_page *const *, size_t,
			      size_t *))
{
	struct group g = {0};
	int err = take_only_group(sim, &g);

	if (!err)
		err = same_order(sim, &g);
	if (!err) {
		freeze(&g);
		err = call(sim->mm, g.pages, g.n, NULL);
		unfreeze(&g, 0);
	}
	free(g.pages);
	return err;
}

static int do_optimize(struct hvo_sim *sim)
{
	return change(sim, hvo_folio_optimize);
}

static int do_restore(struct hvo_sim *sim)
{
	return change(sim, hvo_folio_restore);
}

/* ---- split, join ---------------------------------------------------- */

/* One folio, not several. */
static int take_folio(struct hvo_sim *sim, const char **name,
		      struct hvo_sim_folio *folio)
{
	int err = hvo_sim_operand(sim, "a folio's name", name);
	const struct hvo_sim_folio *found;
	struct hvo_page *page;

	if (err)
		return err;
	found = hvo_sim_find(sim, *name, strlen(*name));
	if (!found)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "no folio is called '%s'", *name);
	*folio = *found;
	page = hvo_mm_page(sim->mm, found->pfn);
	return hvo_sim_all_pooled(sim, &page, 1, false);
}

static int name_parts(struct hvo_sim *sim, const char *name,
		      struct hvo_page *head, unsigned from, unsigned to)
{
	int err = 0;

	for (long i = 0; !err && i < 1l << (from - to); i++) {
		struct hvo_page *part = head + ((uint64_t)i << to);

		hvo_folio_unfreeze(part, 1);
		err = hvo_sim_name(sim, name, i, part, to);
	}
	return err;
}

static int split(struct hvo_sim *sim, const char *name,
		 const struct hvo_sim_folio *folio, unsigned to)
{
	struct hvo_page *head = hvo_mm_page(sim->mm, folio->pfn);
	int err;

	hvo_folio_freeze(head, 1);
	err = hvo_folio_split(sim->mm, head, to);
	if (err) {
		hvo_folio_unfreeze(head, 1);
		return err;
	}
	hvo_sim_forget(sim, &head, 1);
	return name_parts(sim, name, head, folio->order, to);
}

static int do_split(struct hvo_sim *sim)
{
	struct hvo_sim_folio folio = {0};
	unsigned to = UINT32_MAX;
	const char *name = NULL;
	int err = hvo_sim_order(sim, &to);

	if (!err && to == UINT32_MAX)
		err = hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				  "split wants order= or size=");
	if (!err)
		err = take_folio(sim, &name, &folio);
	if (!err)
		err = hvo_sim_rest(sim);
	if (err)
		return err;
	if (to < folio.order &&
	    (folio.order - to > 16 || strlen(name) + 7 > HVO_SIM_NAME - 1))
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "too many parts to name: split in steps of "
				   "at most 65536, and under short names");
	return split(sim, name, &folio, to);
}

static int join(struct hvo_sim *sim, const struct group *g)
{
	unsigned from = order_of(g);
	unsigned to = from + (unsigned)__builtin_ctzll(g->n);
	struct hvo_page *head = g->pages[0];
	int err = same_order(sim, g);

	if (!err && !hvo_is_power_of_2(g->n))
		err = hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				  "join wants all parts: of '%s' there are %zu",
				  g->name, g->n);
	if (err)
		return err;
	freeze(g);
	err = hvo_folio_join(sim->mm, head, to);
	if (err) {
		unfreeze(g, 0);
		return err;
	}
	hvo_folio_unfreeze(head, 1);
	hvo_sim_forget(sim, g->pages, g->n);
	return hvo_sim_name(sim, g->name, -1, head, to);
}

static int do_join(struct hvo_sim *sim)
{
	struct group g = {0};
	int err = take_only_group(sim, &g);

	if (!err)
		err = join(sim, &g);
	free(g.pages);
	return err;
}

/* ---- poison --------------------------------------------------------- */

static int take_place(struct hvo_sim *sim, hvo_pfn_t *pfn)
{
	const char *text;
	int err = hvo_sim_operand(sim, "a pfn, or NAME+PAGES", &text);

	if (!err)
		err = hvo_sim_rest(sim);
	return err ? err : hvo_sim_place(sim, text, pfn);
}

static int do_poison(struct hvo_sim *sim)
{
	hvo_pfn_t pfn;
	int err = take_place(sim, &pfn);

	if (err)
		return err;
	return sim->pools ? hvo_hugetlb_poison(sim->pools, pfn, NULL)
			  : hvo_mm_poison(sim->mm, pfn, NULL);
}

static int do_unpoison(struct hvo_sim *sim)
{
	hvo_pfn_t pfn;
	int err = take_place(sim, &pfn);

	return err ? err : hvo_mm_unpoison(sim->mm, pfn);
}

const struct hvo_sim_command hvo_sim_folio_commands[] = {
    {"alloc", do_alloc, false},
    {"adopt", do_adopt, false},
    {"disown", do_disown, false},
    {"free", do_free, false},
    {"optimize", do_optimize, false},
    {"restore", do_restore, false},
    {"split", do_split, false},
    {"join", do_join, false},
    {"poison", do_poison, false},
    {"unpoison", do_unpoison, false},
    {NULL, NULL, false},
};
