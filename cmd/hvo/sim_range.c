/* SPDX-License-Identifier: MIT */
/*
 * The commands about the machine and its memory: making one, memory that comes
 * and goes, isolated ranges, failures to order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/contig.h"
#include "room.h"
#include "sim.h"
#include "size.h"

/* ---- machine ------------------------------------------------------------ */

/* memory=SIZE[@ADDRESS] */
static int parse_memory(struct hvo_sim *sim, struct hvo_machine_config *c,
			char *text)
{
	struct hvo_machine_range *r = &c->range[c->ranges];
	const struct hvo_machine_range *before = r - 1;
	char *at = strchr(text, '@');
	const char *wrong;

	if (c->ranges == HVO_MACHINE_RANGES)
		return hvo_sim_bad(
		    sim, HVO_SIM_SYNTAX,
		    "at most %d times memory=", HVO_MACHINE_RANGES);
	if (c->ranges)
		*r = (struct hvo_machine_range){
		    .base = before->base + before->size, .node = before->node};
	if (at)
		*at++ = 0;
	wrong = hvo_size_parse(text, &r->size);
	if (!wrong && at) {
		text = at;
		wrong = hvo_size_parse(text, &r->base);
	}
	if (wrong)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "memory=: '%s' %s",
				   text, wrong);
	c->ranges++;
	return 0;
}

static int parse_node(struct hvo_sim *sim, struct hvo_machine_config *c,
		      const char *text)
{
	uint64_t node;
	const char *wrong = hvo_number_parse(text, &node);

	if (wrong)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "node=: '%s' %s", text,
				   wrong);
	if (!c->ranges || node >= HVO_NODES_MAX)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "node=%s: nodes are 0 to %d, and node= "
				   "follows the memory= that it is of",
				   text, HVO_NODES_MAX - 1);
	c->range[c->ranges - 1].node = (unsigned)node;
	return 0;
}

/* memory= and node= in their sequence. */
static int parse_ranges(struct hvo_sim *sim, struct hvo_machine_config *c)
{
	int err = 0;

	for (unsigned i = 1; !err && i < sim->word_count; i++) {
		char *word = sim->words[i];

		if (!word)
			continue;
		if (!strncmp(word, "memory=", 7))
			err = parse_memory(sim, c, word + 7);
		else if (!strncmp(word, "node=", 5))
			err = parse_node(sim, c, word + 5);
		else
			continue;
		sim->words[i] = NULL;
	}
	if (!err && !c->ranges)
		err = hvo_sim_bad(sim, HVO_SIM_SYNTAX, "machine wants memory=");
	return err;
}

static int parse_machine(struct hvo_sim *sim, struct hvo_machine_config *c)
{
	uint64_t cpus = 1, runs = 0;
	int err = parse_ranges(sim, c);

	c->no_watermarks = hvo_sim_flag(sim, "no-watermarks");
	if (!err)
		err = hvo_sim_size(sim, "base-page", &c->base_page);
	if (!err)
		err = hvo_sim_size(sim, "spare", &c->spare);
	if (!err)
		err = hvo_sim_size(sim, "dma32", &c->dma32);
	if (!err)
		err = hvo_sim_size(sim, "movable", &c->movable);
	if (!err)
		err = hvo_sim_number(sim, "cpus", 1024, &cpus);
	if (!err)
		err = hvo_sim_number(sim, "work", 1 << 20, &runs);
	c->cpus = (unsigned)cpus;
	c->work_runs = (size_t)runs;
	return err ? err : hvo_sim_rest(sim);
}

static int check_room(struct hvo_sim *sim, const struct hvo_machine_config *c)
{
	uint64_t page = c->base_page ? c->base_page : 4096;
	uint64_t room = hvo_room(), need = 0;
	char need_text[HVO_SIZE_TEXT], room_text[HVO_SIZE_TEXT];

	for (unsigned i = 0; i < c->ranges; i++)
		need += c->range[i].size / page * sizeof(struct hvo_page);
	if (need <= room - room / 16)
		return 0;
	return hvo_sim_bad(sim, HVO_SIM_HOST,
			   "the machine's descriptors would take %s, and there "
			   "are %s of memory to be had; give it less memory=",
			   hvo_size_format(need, need_text),
			   hvo_size_format(room, room_text));
}

static int do_machine(struct hvo_sim *sim)
{
	struct hvo_machine_config config = {.base_page = 4096};
	int err;

	if (sim->machine)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "there is a machine already: a script has "
				   "one");
	err = parse_machine(sim, &config);
	if (!err)
		err = check_room(sim, &config);
	if (!err && sim->boot) {
		err = hvo_sim_boot_parse(sim, &config);
		config.prepare = hvo_sim_boot_prepare;
		config.ctx = sim->boot;
	}
	if (err)
		return err;
	err = hvo_machine_open(&sim->machine, &config, sim->text,
			       sizeof(sim->text));
	if (err)
		return err;
	sim->mm = hvo_machine_mm(sim->machine);
	sim->base_page = UINT64_C(1) << hvo_mm_config(sim->mm)->page_shift;
	return sim->boot ? hvo_sim_boot_finish(sim) : 0;
}

/* ---- memory that comes and goes ----------------------------------------- */

static int take_range(struct hvo_sim *sim, hvo_pfn_t *pfn, uint64_t *count)
{
	const char *text;
	int err = hvo_sim_operand(sim, "a range, FIRST+COUNT", &text);

	if (!err)
		err = hvo_sim_rest(sim);
	return err ? err : hvo_sim_range(sim, text, pfn, count);
}

static int do_describe(struct hvo_sim *sim)
{
	enum hvo_zone_type zone = HVO_ZONE_NORMAL;
	uint64_t node = 0, count;
	unsigned order = 0;
	hvo_pfn_t pfn;
	bool own = hvo_sim_flag(sim, "memmap-on-memory");
	int err = hvo_sim_order(sim, &order);

	if (!err)
		err = hvo_sim_zone(sim, &zone);
	if (!err)
		err = hvo_sim_number(sim, "node", HVO_NODES_MAX - 1, &node);
	if (!err)
		err = take_range(sim, &pfn, &count);
	if (err)
		return err;
	if (own && order)
		return hvo_sim_bad(
		    sim, HVO_SIM_SYNTAX,
		    "what holds its own descriptors is described "
		    "in full; devmem add has both");
	if (own)
		return hvo_sim_describe_own(
		    sim, pfn, count, hvo_zone_domain((unsigned)node, zone));
	return hvo_mm_describe(sim->mm, pfn, count,
			       hvo_zone_domain((unsigned)node, zone), order);
}

static int on_range(struct hvo_sim *sim,
		    int (*call)(struct hvo_mm *, hvo_pfn_t, uint64_t))
{
	hvo_pfn_t pfn;
	uint64_t count;
	int err = take_range(sim, &pfn, &count);

	return err ? err : call(sim->mm, pfn, count);
}

static int undescribe(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	return hvo_mm_undescribe(mm, pfn, count, NULL);
}

static int do_undescribe(struct hvo_sim *sim)
{
	int err = on_range(sim, undescribe);

	hvo_sim_undescribed(sim);
	return err;
}

static int do_online(struct hvo_sim *sim)
{
	return on_range(sim, hvo_mm_online);
}

/* With the free pages of the pools in it. */
static int offline_pools(struct hvo_sim *sim)
{
	hvo_pfn_t pfn;
	uint64_t count;
	int err = take_range(sim, &pfn, &count);

	if (!err && !sim->pools)
		err = hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				  "offline: there are no pools yet");
	return err ? err : hvo_hugetlb_offline(sim->pools, pfn, count);
}

static int do_offline(struct hvo_sim *sim)
{
	if (hvo_sim_flag(sim, "dissolve"))
		return offline_pools(sim);
	return on_range(sim, hvo_mm_offline);
}

static int do_isolate(struct hvo_sim *sim)
{
	return on_range(sim, hvo_contig_isolate);
}

static int do_release(struct hvo_sim *sim)
{
	return on_range(sim, hvo_contig_release);
}

/* ---- rehome, drain, fail ------------------------------------------------ */

static int do_rehome(struct hvo_sim *sim)
{
	int err = hvo_sim_rest(sim);

	if (!err)
		hvo_mm_rehome(sim->mm);
	return err;
}

static int do_drain(struct hvo_sim *sim)
{
	int err = hvo_sim_rest(sim);

	if (!err)
		hvo_mm_drain_caches(sim->mm);
	return err;
}

static int do_fail(struct hvo_sim *sim)
{
	bool mappings = hvo_sim_flag(sim, "mappings");
	bool sticky = hvo_sim_flag(sim, "sticky");
	uint64_t nth = 0;
	int err = hvo_sim_number(sim, "n", UINT64_MAX, &nth);

	if (!err)
		err = hvo_sim_rest(sim);
	if (!err)
		(mappings ? hvo_machine_fail_mappings
			  : hvo_machine_fail)(sim->machine, nth, sticky);
	return err;
}

const struct hvo_sim_command hvo_sim_range_commands[] = {
    {"machine", do_machine, true},
    {"describe", do_describe, false},
    {"undescribe", do_undescribe, false},
    {"online", do_online, false},
    {"offline", do_offline, false},
    {"isolate", do_isolate, false},
    {"release", do_release, false},
    {"rehome", do_rehome, false},
    {"drain", do_drain, false},
    {"fail", do_fail, false},
    {NULL, NULL, false},
};
