/* SPDX-License-Identifier: MIT */
/*
 * The commands about pools of huge pages. A page that the script has taken
 * from a pool is named like a folio, and holds one reference between commands;
 * it can only be given back.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "sim.h"
#include "size.h"
#include "table.h"

#define COUNT_MAX 99999

/* ---- making them -------------------------------------------------------- */

static int add_size(struct hvo_sim *sim, struct hvo_hugetlb_config *c,
		    const char *text)
{
	uint64_t pages;

	if (c->sizes == HVO_HUGETLB_SIZES_MAX)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "at most %d sizes",
				   HVO_HUGETLB_SIZES_MAX);
	if (hvo_sim_pages(sim, text, &pages))
		return HVO_SIM_SYNTAX;
	if (!hvo_is_power_of_2(pages))
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "'%s' is no power of two of base pages",
				   text);
	c->orders[c->sizes++] = (unsigned)__builtin_ctzll(pages);
	return 0;
}

static int parse_pools(struct hvo_sim *sim, struct hvo_hugetlb_config *c)
{
	int err = hvo_sim_zone(sim, &c->limit);

	c->optimize = !hvo_sim_flag(sim, "full");
	c->alloc_flags = hvo_sim_flag(sim, "commit") ? HVO_ALLOC_COMMIT : 0;
	c->free_flags = hvo_sim_flag(sim, "no-host") ? HVO_FREE_NO_HOST : 0;
	for (unsigned i = 1; !err && i < sim->word_count; i++) {
		if (!sim->words[i] || strchr(sim->words[i], '='))
			continue;
		err = add_size(sim, c, sim->words[i]);
		sim->words[i] = NULL;
	}
	return err ? err : hvo_sim_rest(sim);
}

int hvo_sim_make_pools(struct hvo_sim *sim,
		       const struct hvo_hugetlb_config *config)
{
	size_t size = hvo_hugetlb_size(sim->mm, config);
	int err;

	free(sim->pools_memory);
	sim->pools_memory = aligned_alloc(64, size ? size : 64);
	if (!sim->pools_memory)
		return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
	err = hvo_hugetlb_init(&sim->pools, sim->pools_memory, sim->mm, config);
	if (err)
		sim->pools = NULL;
	sim->pool_sizes = config->sizes;
	memcpy(sim->pool_orders, config->orders, sizeof(config->orders));
	return err;
}

static int do_pools(struct hvo_sim *sim)
{
	struct hvo_hugetlb_config config = {.limit = HVO_ZONE_MOVABLE};
	int err;

	if (sim->pools)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "there are pools already: name all sizes at "
				   "once");
	err = parse_pools(sim, &config);
	if (!err && !config.sizes)
		err = hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				  "pools wants the sizes of its huge pages");
	return err ? err : hvo_sim_make_pools(sim, &config);
}

static int want_pools(struct hvo_sim *sim)
{
	if (sim->pools)
		return 0;
	return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
			   "%s: there are no pools yet: make them with 'pools "
			   "SIZE...'",
			   sim->words[0]);
}

/* ---- what commands are about -------------------------------------------- */

struct about {
	unsigned order;
	uint64_t count;
	uint64_t node;  /* HVO_NODES_MAX: all */
	uint32_t nodes; /* the same as a mask */
};

/* size= (or order=), count= and node=. */
static int parse_about(struct hvo_sim *sim, struct about *a)
{
	int err = want_pools(sim);

	*a = (struct about){UINT32_MAX, 1, HVO_NODES_MAX, 0};
	if (!err)
		err = hvo_sim_order(sim, &a->order);
	if (!err && a->order == UINT32_MAX)
		err = hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				  "%s wants size=", sim->words[0]);
	if (!err)
		err = hvo_sim_number(sim, "count", UINT64_MAX, &a->count);
	if (!err)
		err = hvo_sim_number(sim, "node", HVO_NODES_MAX - 1, &a->node);
	if (!err && a->node < HVO_NODES_MAX)
		a->nodes = UINT32_C(1) << a->node;
	return err;
}

static int parse_all(struct hvo_sim *sim, struct about *a)
{
	int err = parse_about(sim, a);

	return err ? err : hvo_sim_rest(sim);
}

/* The machine may have all the memory there is, and yet the pool no page. */
static int explain_empty(struct hvo_sim *sim, int err)
{
	if (err != -HVO_ENOMEM)
		return err;
	return hvo_sim_bad(sim, err,
			   "%s: the pool has not as many free pages that are "
			   "not reserved, and surplus ones are not to be had; "
			   "make it larger (pool), allow surplus (overcommit), "
			   "or free memory for that (ENOMEM)",
			   sim->words[0]);
}

/* ---- how many ----------------------------------------------------------- */

static int do_pool(struct hvo_sim *sim)
{
	struct about a;
	int err = parse_all(sim, &a);

	if (err)
		return err;
	if (a.nodes)
		return hvo_hugetlb_resize_node(sim->pools, a.order,
					       (unsigned)a.node, a.count, NULL);
	return hvo_hugetlb_resize(sim->pools, a.order, 0, a.count, NULL);
}

static int do_count(struct hvo_sim *sim,
		    int (*call)(struct hvo_hugetlb *, unsigned, uint64_t))
{
	struct about a;
	int err = parse_all(sim, &a);

	return err ? err : call(sim->pools, a.order, a.count);
}

static int do_overcommit(struct hvo_sim *sim)
{
	return do_count(sim, hvo_hugetlb_set_overcommit);
}

static int do_reserve(struct hvo_sim *sim)
{
	return explain_empty(sim, do_count(sim, hvo_hugetlb_reserve));
}

static int do_unreserve(struct hvo_sim *sim)
{
	return do_count(sim, hvo_hugetlb_unreserve);
}

/* ---- pages -------------------------------------------------------------- */

/* All or none. */
static int take_all(struct hvo_sim *sim, const struct hvo_hugetlb_want *want,
		    size_t n, struct hvo_page **pages)
{
	size_t done;
	int err = hvo_hugetlb_alloc(sim->pools, want, n, pages, &done);

	if (err && done)
		hvo_hugetlb_free(sim->pools, pages, done, NULL);
	return err;
}

static int take_named(struct hvo_sim *sim, const char *name,
		      const struct hvo_hugetlb_want *want, bool parts, size_t n)
{
	struct hvo_page **pages = calloc(n, sizeof(*pages));
	int err = pages ? take_all(sim, want, n, pages)
			: hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");

	for (size_t i = 0; !err && i < n; i++) {
		hvo_folio_unfreeze(pages[i], 1);
		err = hvo_sim_name(sim, name, parts ? (long)i : -1, pages[i],
				   want->order);
		if (!err)
			sim->folios[sim->count - 1].pooled = true;
	}
	free(pages);
	return err;
}

static int do_take(struct hvo_sim *sim)
{
	struct hvo_hugetlb_want want = {0};
	const char *name = NULL;
	struct about a;
	int err;

	want.flags = hvo_sim_flag(sim, "reserved") ? HVO_HUGETLB_RESERVED : 0;
	err = parse_about(sim, &a);
	if (!err)
		err = hvo_sim_operand(sim, "a name for the page", &name);
	if (!err)
		err = hvo_sim_new_name(sim, name, a.count > 1);
	if (!err)
		err = hvo_sim_rest(sim);
	if (!err && (!a.count || a.count > COUNT_MAX))
		err = hvo_sim_bad(sim, HVO_SIM_SYNTAX, "count=: 1 to %d",
				  COUNT_MAX);
	if (err)
		return err;
	want.order = a.order;
	want.node = a.nodes ? (unsigned)a.node : 0;
	want.nodes = a.nodes;
	return explain_empty(
	    sim, take_named(sim, name, &want, a.count > 1, (size_t)a.count));
}

static int give(struct hvo_sim *sim, struct hvo_page **pages, size_t n)
{
	int err = hvo_sim_all_pooled(sim, pages, n, true);

	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		hvo_folio_freeze(pages[i], 1);
	err = hvo_hugetlb_free(sim->pools, pages, n, NULL);
	hvo_sim_forget(sim, pages, n);
	return err;
}

static int do_give(struct hvo_sim *sim)
{
	struct hvo_page **pages = NULL;
	const char *name;
	size_t n;
	int err = want_pools(sim);

	if (!err)
		err = hvo_sim_operand(sim, "a page's name", &name);
	if (!err)
		err = hvo_sim_rest(sim);
	if (!err)
		err = hvo_sim_group(sim, name, &pages, &n);
	if (!err)
		err = give(sim, pages, n);
	free(pages);
	return err;
}

/* ---- free pages --------------------------------------------------------- */

/* dissolve RANGE */
static int dissolve_range(struct hvo_sim *sim, unsigned flags)
{
	const char *text;
	hvo_pfn_t pfn;
	uint64_t count;
	int err = hvo_sim_operand(sim, "size= or a range", &text);

	if (!err)
		err = hvo_sim_rest(sim);
	if (!err)
		err = hvo_sim_range(sim, text, &pfn, &count);
	return err ? err
		   : hvo_hugetlb_dissolve_range(sim->pools, pfn, count, flags,
						NULL);
}

static int do_dissolve(struct hvo_sim *sim)
{
	unsigned flags = hvo_sim_flag(sim, "no-host") ? HVO_FREE_NO_HOST : 0;
	struct about a;
	int err = want_pools(sim);

	if (err)
		return err;
	for (unsigned i = 1; i < sim->word_count; i++)
		if (sim->words[i] && !strchr(sim->words[i], '='))
			return dissolve_range(sim, flags);
	err = parse_all(sim, &a);
	if (err)
		return err;
	return hvo_hugetlb_dissolve(sim->pools, a.order, a.nodes, a.count,
				    flags, NULL);
}

static int reshape(struct hvo_sim *sim,
		   int (*call)(struct hvo_hugetlb *, unsigned, unsigned,
			       uint32_t, uint64_t, uint64_t *))
{
	const char *text = hvo_sim_value(sim, "to");
	struct about a;
	uint64_t pages;
	int err = parse_all(sim, &a);

	if (err)
		return err;
	if (!text)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "%s wants to=SIZE",
				   sim->words[0]);
	if (hvo_sim_pages(sim, text, &pages))
		return HVO_SIM_SYNTAX;
	if (!hvo_is_power_of_2(pages))
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "to=%s is no power of two of base pages",
				   text);
	return call(sim->pools, a.order, (unsigned)__builtin_ctzll(pages),
		    a.nodes, a.count, NULL);
}

static int do_demote(struct hvo_sim *sim)
{
	return reshape(sim, hvo_hugetlb_demote);
}

static int do_promote(struct hvo_sim *sim)
{
	return reshape(sim, hvo_hugetlb_promote);
}

static int do_switch(struct hvo_sim *sim)
{
	const char *word;
	int err = want_pools(sim);

	if (!err)
		err = hvo_sim_operand(sim, "on or off", &word);
	if (!err)
		err = hvo_sim_rest(sim);
	if (err)
		return err;
	if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "switch wants on or off");
	hvo_hugetlb_set_optimize(sim->pools, !strcmp(word, "on"));
	return 0;
}

static int do_apply(struct hvo_sim *sim)
{
	struct about a;
	int err = parse_all(sim, &a);

	return err ? err : hvo_hugetlb_apply(sim->pools, a.order, NULL);
}

const struct hvo_sim_command hvo_sim_pool_commands[] = {
    {"pools", do_pools, false},
    {"pool", do_pool, false},
    {"overcommit", do_overcommit, false},
    {"reserve", do_reserve, false},
    {"unreserve", do_unreserve, false},
    {"take", do_take, false},
    {"give", do_give, false},
    {"dissolve", do_dissolve, false},
    {"demote", do_demote, false},
    {"promote", do_promote, false},
    {"switch", do_switch, false},
    {"apply", do_apply, false},
    {NULL, NULL, false},
};

/* ---- looking ------------------------------------------------------------ */

struct figure {
	const char *name;
	uint64_t value;
};

#define FIGURES 9

static void figures_of(const struct hvo_hugetlb_stats *s,
		       struct figure figures[FIGURES])
{
	const struct figure all[FIGURES] = {
	    {"total", s->total},
	    {"free", s->free},
	    {"surplus", s->surplus},
	    {"optimized", s->optimized},
	    {"reserved", s->reserved},
	    {"overcommit", s->overcommit},
	    {"lost", s->lost},
	    {"saved", s->bytes_saved},
	    {"restore", s->restore_frames},
	};

	memcpy(figures, all, sizeof(all));
}

/* SIZE[@NODE] of pool.SIZE.WHAT: the pool's counters. */
static bool stats_of(struct hvo_sim *sim, char *size,
		     struct hvo_hugetlb_stats *s)
{
	char *at = strchr(size, '@');
	unsigned long node = 0;
	char *end = NULL;
	uint64_t pages;

	if (at) {
		*at = 0;
		node = strtoul(at + 1, &end, 10);
	}
	if (hvo_sim_pages(sim, size, &pages) || !hvo_is_power_of_2(pages) ||
	    (at && (!at[1] || *end || node >= HVO_NODES_MAX)))
		return false;
	if (at)
		return !hvo_hugetlb_node_stats(sim->pools,
					       (unsigned)__builtin_ctzll(pages),
					       (unsigned)node, s);
	return !hvo_hugetlb_stats(sim->pools, (unsigned)__builtin_ctzll(pages),
				  s);
}

bool hvo_sim_pool_stat(struct hvo_sim *sim, const char *text, uint64_t *value)
{
	struct figure figures[FIGURES];
	struct hvo_hugetlb_stats s;
	char copy[64];
	char *dot;

	if (!sim->pools || strncmp(text, "pool.", 5) != 0 ||
	    strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text + 5);
	dot = strrchr(copy, '.');
	if (!dot)
		return false;
	*dot = 0;
	if (!stats_of(sim, copy, &s))
		return false;
	figures_of(&s, figures);
	for (unsigned i = 0; i < FIGURES; i++)
		if (!strcmp(figures[i].name, dot + 1)) {
			*value = figures[i].value;
			if (!strcmp(dot + 1, "saved"))
				*value /= sim->base_page;
			return true;
		}
	return false;
}

int hvo_sim_print_pools(const struct hvo_sim *sim)
{
	static const struct hvo_column columns[] = {
	    {"POOL", HVO_RIGHT},     {"TOTAL", HVO_RIGHT},
	    {"FREE", HVO_RIGHT},     {"SURPLUS", HVO_RIGHT},
	    {"RESERVED", HVO_RIGHT}, {"OPTIMIZED", HVO_RIGHT},
	    {"SAVED", HVO_RIGHT},
	};
	struct hvo_table *table;

	if (!sim->pools)
		return 0;
	table =
	    hvo_table_new(columns, sizeof(columns) / sizeof(*columns), true);
	for (unsigned i = 0; i < sim->pool_sizes; i++) {
		struct hvo_hugetlb_stats s;

		if (hvo_hugetlb_stats(sim->pools, sim->pool_orders[i], &s))
			continue;
		hvo_table_line(table);
		hvo_table_size(table, sim->base_page << sim->pool_orders[i]);
		hvo_table_cell(table, "%" PRIu64, s.total);
		hvo_table_cell(table, "%" PRIu64, s.free);
		hvo_table_cell(table, "%" PRIu64, s.surplus);
		hvo_table_cell(table, "%" PRIu64, s.reserved);
		hvo_table_cell(table, "%" PRIu64, s.optimized);
		hvo_table_size(table, s.bytes_saved);
	}
	return hvo_table_print(table);
}

void hvo_sim_pools_to_json(const struct hvo_sim *sim, struct json_object *o)
{
	struct json_object *pools = json_object_new_array();

	for (unsigned i = 0; i < sim->pool_sizes; i++) {
		struct json_object *pool = json_object_new_object();
		struct figure figures[FIGURES];
		struct hvo_hugetlb_stats s;

		if (hvo_hugetlb_stats(sim->pools, sim->pool_orders[i], &s))
			continue;
		figures_of(&s, figures);
		hvo_json_int(pool, "page_size",
			     sim->base_page << sim->pool_orders[i]);
		for (unsigned f = 0; f < FIGURES; f++)
			hvo_json_int(pool, figures[f].name, figures[f].value);
		json_object_array_add(pools, pool);
	}
	json_object_object_add(o, "pools", pools);
}

int hvo_sim_check_pools(struct hvo_hugetlb *pools, char *message, size_t size)
{
	struct hvo_hugetlb_finding f;

	if (!pools || !hvo_hugetlb_check(pools, &f))
		return 0;
	snprintf(message, size,
		 "%s%s%s: pools of order %u, pfn %" PRIu64 ", expected %" PRIu64
		 ", found %" PRIu64,
		 hvo_hugetlb_violation_text(f.violation), f.what ? ": " : "",
		 f.what ? f.what : "", f.order, f.pfn, f.expected, f.found);
	return -HVO_ECORRUPT;
}
