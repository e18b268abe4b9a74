/* SPDX-License-Identifier: MIT */
/*
 * The commands that look: stats, show, dump, check. And the state as JSON.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "picture.h"
#include "sim.h"
#include "table.h"

/* ---- stats -------------------------------------------------------------- */

static void zone_line(struct hvo_table *table, const struct hvo_zone_stats *s)
{
	const uint64_t *o = s->owner;
	uint64_t free = o[HVO_OWNER_FREE] + o[HVO_OWNER_CACHE];
	uint64_t descriptors = o[HVO_OWNER_VMEMMAP] + o[HVO_OWNER_BOOT] +
			       o[HVO_OWNER_ALTMAP] + o[HVO_OWNER_HOST];

	hvo_table_line(table);
	hvo_table_cell(table, "%u", s->node);
	hvo_table_cell(table, "%s", hvo_zone_name(s->type));
	hvo_table_cell(table, "%" PRIu64, s->present);
	hvo_table_cell(table, "%" PRIu64, free);
	hvo_table_cell(table, "%" PRIu64, o[HVO_OWNER_FOLIO]);
	hvo_table_cell(table, "%" PRIu64, descriptors);
	hvo_table_cell(table, "%" PRIu64, o[HVO_OWNER_ISOLATED]);
	hvo_table_cell(table, "%" PRIu64, o[HVO_OWNER_OFFLINE]);
	hvo_table_cell(table, "%" PRIu64, o[HVO_OWNER_RESERVED]);
	hvo_table_cell(table, "%" PRIu64, o[HVO_OWNER_POISON]);
}

/* Calls for each zone that has memory. */
static void each_zone(const struct hvo_sim *sim,
		      void (*call)(void *ctx, const struct hvo_zone_stats *s),
		      void *ctx)
{
	struct hvo_zone_stats s;

	for (unsigned n = 0; n < hvo_mm_config(sim->mm)->nodes; n++)
		for (unsigned t = 0; t < HVO_ZONES; t++)
			if (!hvo_zone_stats(sim->mm, n, (enum hvo_zone_type)t,
					    &s) &&
			    s.present)
				call(ctx, &s);
}

static void zone_to_table(void *ctx, const struct hvo_zone_stats *s)
{
	zone_line(ctx, s);
}

static int print_zones(const struct hvo_sim *sim)
{
	static const struct hvo_column columns[] = {
	    {"NODE", HVO_RIGHT},     {"ZONE", HVO_LEFT},
	    {"PRESENT", HVO_RIGHT},  {"FREE", HVO_RIGHT},
	    {"FOLIOS", HVO_RIGHT},   {"DESCRIPTORS", HVO_RIGHT},
	    {"ISOLATED", HVO_RIGHT}, {"OFFLINE", HVO_RIGHT},
	    {"RESERVED", HVO_RIGHT}, {"POISONED", HVO_RIGHT},
	};
	struct hvo_table *table =
	    hvo_table_new(columns, sizeof(columns) / sizeof(*columns), true);

	each_zone(sim, zone_to_table, table);
	return hvo_table_print(table);
}

static int do_stats(struct hvo_sim *sim)
{
	struct hvo_vmemmap_stats v;
	int err = hvo_sim_rest(sim);

	if (err || sim->quiet)
		return err;
	if (print_zones(sim) || hvo_sim_print_pools(sim))
		return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
	hvo_vmemmap_stats(hvo_mm_vmemmap(sim->mm), &v);
	printf("%" PRIu64 " pages of descriptors in %" PRIu64
	       " frames, %" PRIu64 " of these shared, %" PRIu64 " hosted; "
	       "%" PRIu64 " bytes measured\n",
	       v.pages_present, v.frames_owned + v.frames_shared,
	       v.frames_shared, v.frames_hosted,
	       hvo_machine_measured(sim->machine));
	return 0;
}

/* ---- show, dump --------------------------------------------------------- */

static int show(struct hvo_sim *sim, const struct hvo_sim_folio *folio)
{
	struct hvo_vmemmap *map = hvo_mm_vmemmap(sim->mm);
	struct hvo_picture picture = {0};

	if (folio->order < hvo_vmemmap_geometry(map)->unit_order)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "the descriptors of '%s' do not fill a "
				   "page: there is nothing to draw",
				   folio->name);
	if (sim->quiet)
		return 0;
	if (hvo_picture_take(&picture, map, hvo_mm_config(sim->mm)->port,
			     folio->pfn, folio->order))
		return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
	snprintf(picture.title, sizeof(picture.title), "%s, pfn %" PRIu64,
		 folio->name, folio->pfn);
	hvo_picture_print(stdout, &picture, 1, hvo_picture_unicode(), 80);
	hvo_picture_free(&picture);
	return 0;
}

static int do_show(struct hvo_sim *sim)
{
	const struct hvo_sim_folio *folio;
	const char *name;
	int err = hvo_sim_operand(sim, "a folio's name", &name);

	if (!err)
		err = hvo_sim_rest(sim);
	if (err)
		return err;
	folio = hvo_sim_find(sim, name, strlen(name));
	if (!folio)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "no folio is called '%s'", name);
	return show(sim, folio);
}

static void put_line(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
}

static int do_dump(struct hvo_sim *sim)
{
	bool all = hvo_sim_flag(sim, "vmemmap");
	int err = hvo_sim_rest(sim);

	if (err || sim->quiet)
		return err;
	hvo_mm_dump(sim->mm, put_line, NULL);
	if (all)
		hvo_vmemmap_dump(hvo_mm_vmemmap(sim->mm), put_line, NULL);
	if (sim->pools)
		hvo_hugetlb_dump(sim->pools, put_line, NULL);
	return 0;
}

/* ---- check -------------------------------------------------------------- */

static int do_check(struct hvo_sim *sim)
{
	char found[512];
	int err = hvo_sim_rest(sim);

	if (err)
		return err;
	if (hvo_sim_check_all(sim, found, sizeof(found)))
		return hvo_sim_bad(sim, HVO_SIM_FAILED, "the check found: %s",
				   found);
	return 0;
}

const struct hvo_sim_command hvo_sim_tell_commands[] = {
    {"stats", do_stats, false}, {"show", do_show, false},
    {"dump", do_dump, false},   {"check", do_check, false},
    {NULL, NULL, false},
};

/* ---- JSON --------------------------------------------------------------- */

static void owners_to_json(struct json_object *o, const uint64_t *owner)
{
	for (unsigned i = 0; i < HVO_OWNERS; i++)
		hvo_json_int(o, hvo_owner_name((enum hvo_owner)i), owner[i]);
}

static void zone_to_json(void *ctx, const struct hvo_zone_stats *s)
{
	struct json_object *zone = json_object_new_object();

	hvo_json_int(zone, "node", s->node);
	hvo_json_text(zone, "zone", hvo_zone_name(s->type));
	hvo_json_int(zone, "present", s->present);
	owners_to_json(hvo_json_object(zone, "pages"), s->owner);
	json_object_array_add(ctx, zone);
}

static void machine_to_json(const struct hvo_sim *sim, struct json_object *o)
{
	const struct hvo_mm_config *c = hvo_mm_config(sim->mm);
	struct json_object *zones = json_object_new_array();
	struct hvo_vmemmap_stats v;
	struct hvo_mm_stats s;

	hvo_mm_stats(sim->mm, &s);
	hvo_vmemmap_stats(hvo_mm_vmemmap(sim->mm), &v);
	hvo_json_int(o, "base_page", sim->base_page);
	hvo_json_int(o, "nodes", c->nodes);
	hvo_json_int(o, "cpus", c->cpus);
	hvo_json_int(o, "present", s.present);
	owners_to_json(hvo_json_object(o, "pages"), s.owner);
	hvo_json_int(o, "bad", s.poisoned);
	hvo_json_int(o, "hosts", s.hosts);
	hvo_json_int(o, "deferred", s.deferred);
	each_zone(sim, zone_to_json, zones);
	json_object_object_add(o, "zones", zones);
	o = hvo_json_object(o, "descriptors");
	hvo_json_int(o, "pages", v.pages_present);
	hvo_json_int(o, "frames", v.frames_owned + v.frames_shared);
	hvo_json_int(o, "shared", v.frames_shared);
	hvo_json_int(o, "hosted", v.frames_hosted);
	hvo_json_int(o, "optimized", v.pages_optimized);
}

int hvo_sim_print_json(struct hvo_sim *sim)
{
	struct json_object *o = json_object_new_object();

	hvo_json_int(o, "hvo", 1);
	hvo_json_int(o, "commands", sim->commands);
	hvo_json_int(o, "folios", sim->count);
	if (sim->pools)
		hvo_sim_pools_to_json(sim, o);
	if (sim->machine) {
		machine_to_json(sim, hvo_json_object(o, "machine"));
		hvo_json_int(o, "measured", hvo_machine_measured(sim->machine));
		hvo_json_int(o, "counted",
			     hvo_machine_backed(sim->machine) * sim->base_page);
	}
	return hvo_json_print(o);
}
