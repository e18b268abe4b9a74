/* SPDX-License-Identifier: MIT */
/*
 * The commands about device memory, and about memory that holds its own
 * descriptors. Owns both: what the manager keeps pointers to stays in place.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/devmem.h"
#include "sim.h"

struct hvo_sim_device {
	struct hvo_sim_device *next;
	char name[HVO_SIM_NAME]; /* "": a range that was described */
	bool bare;               /* only the altmap of `memory` is in use */
	struct hvo_devmem memory;
};

static struct hvo_sim_device **find(struct hvo_sim *sim, const char *name,
				    size_t length)
{
	struct hvo_sim_device **at = &sim->devices;

	while (*at && ((*at)->bare || strncmp((*at)->name, name, length) ||
		       (*at)->name[length]))
		at = &(*at)->next;
	return at;
}

static void drop(struct hvo_sim_device **at)
{
	struct hvo_sim_device *d = *at;

	*at = d->next;
	free(d);
}

/* ---- devmem add, devmem remove -------------------------------------- */

static int parse_add(struct hvo_sim *sim, struct hvo_devmem *memory)
{
	uint64_t node = 0;
	const char *range = NULL;
	int err = hvo_sim_order(sim, &memory->order);

	memory->on_device = hvo_sim_flag(sim, "altmap");
	if (!err)
		err = hvo_sim_number(sim, "node", HVO_NODES_MAX - 1, &node);
	if (!err)
		err = hvo_sim_operand(sim, "a range, FIRST+COUNT", &range);
	if (!err)
		err = hvo_sim_rest(sim);
	memory->node = (unsigned)node;
	return err ? err
		   : hvo_sim_range(sim, range, &memory->pfn, &memory->count);
}

static int add(struct hvo_sim *sim, const char *name)
{
	struct hvo_sim_device *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
	stpcpy(d->name, name);
	err = parse_add(sim, &d->memory);
	if (!err)
		err = hvo_devmem_add(sim->mm, &d->memory);
	if (err) {
		free(d);
		return err;
	}
	d->next = sim->devices;
	sim->devices = d;
	return 0;
}

static int do_add(struct hvo_sim *sim)
{
	const char *name;
	int err = hvo_sim_operand(sim, "a name for the device", &name);

	if (!err)
		err = hvo_sim_new_name(sim, name, false);
	if (err)
		return err;
	if (*find(sim, name, strlen(name)))
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "there is a device '%s' already", name);
	return add(sim, name);
}

static int do_remove(struct hvo_sim *sim)
{
	struct hvo_sim_device **at;
	const char *name;
	int err = hvo_sim_operand(sim, "a device's name", &name);

	if (!err)
		err = hvo_sim_rest(sim);
	if (err)
		return err;
	at = find(sim, name, strlen(name));
	if (!*at)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "no device is called '%s'", name);
	err = hvo_devmem_remove(sim->mm, &(*at)->memory);
	if (!err)
		drop(at);
	return err;
}

static int do_devmem(struct hvo_sim *sim)
{
	if (hvo_sim_flag(sim, "add"))
		return do_add(sim);
	if (hvo_sim_flag(sim, "remove"))
		return do_remove(sim);
	return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
			   "say devmem add, or devmem remove");
}

/* ---- memory that holds its own descriptors -------------------------- */

int hvo_sim_describe_own(struct hvo_sim *sim, hvo_pfn_t pfn, uint64_t count,
			 unsigned domain)
{
	struct hvo_sim_device *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
	d->bare = true;
	d->memory.altmap = (struct hvo_altmap){
	    .pfn = pfn,
	    .count = count,
	    .first = pfn,
	    .pages = count * sizeof(struct hvo_page) / sim->base_page,
	};
	err = hvo_mm_altmap_add(sim->mm, &d->memory.altmap);
	if (!err) {
		err = hvo_mm_describe(sim->mm, pfn, count, domain, 0);
		if (err)
			hvo_mm_altmap_remove(sim->mm, &d->memory.altmap);
	}
	if (err) {
		free(d);
		return err;
	}
	d->next = sim->devices;
	sim->devices = d;
	return 0;
}

void hvo_sim_undescribed(struct hvo_sim *sim)
{
	struct hvo_sim_device **at = &sim->devices;

	while (*at)
		if ((*at)->bare &&
		    !hvo_mm_altmap_remove(sim->mm, &(*at)->memory.altmap))
			drop(at);
		else
			at = &(*at)->next;
}

/* ---- looking -------------------------------------------------------- */

bool hvo_sim_device_stat(struct hvo_sim *sim, const char *text, uint64_t *value)
{
	const char *dot = strrchr(text, '.');
	struct hvo_sim_device *d;
	struct hvo_devmem_stats s;

	if (strncmp(text, "devmem.", 7) || dot <= text + 7)
		return false;
	d = *find(sim, text + 7, (size_t)(dot - text - 7));
	if (!d || hvo_devmem_stats(sim->mm, &d->memory, &s))
		return false;
	if (!strcmp(dot, ".folios"))
		*value = s.folios;
	else if (!strcmp(dot, ".data"))
		*value = d->memory.data;
	else if (!strcmp(dot, ".altmap"))
		*value = s.altmap_pages;
	else if (!strcmp(dot, ".used"))
		*value = s.altmap_used;
	else if (!strcmp(dot, ".elsewhere"))
		*value = s.off_device;
	else if (!strcmp(dot, ".saved"))
		*value = (s.full_bytes - s.bytes) / sim->base_page;
	else
		return false;
	return true;
}

int hvo_sim_check_devices(const struct hvo_sim *sim, char *message, size_t size)
{
	for (const struct hvo_sim_device *d = sim->devices; d; d = d->next) {
		struct hvo_devmem_finding f;

		if (d->bare || !hvo_devmem_check(sim->mm, &d->memory, &f))
			continue;
		snprintf(message, size,
			 "device %s: %s: pfn %" PRIu64 ", expected %" PRIu64
			 ", found %" PRIu64,
			 d->name, f.what, f.pfn, f.expected, f.found);
		return -HVO_ECORRUPT;
	}
	return 0;
}

void hvo_sim_devices_free(struct hvo_sim *sim)
{
	while (sim->devices)
		drop(&sim->devices);
}

const struct hvo_sim_command hvo_sim_device_commands[] = {
    {"devmem", do_devmem, false},
    {NULL, NULL, false},
};
