/* SPDX-License-Identifier: MIT */
/*
 * The model as a whole: its making and unmaking, what it is asked about
 * itself, and what it is told to do at port calls (let other CPUs act, fail).
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "hvo/geometry.h"
#include "model.h"

/*
 * Above this, no processor gives a process an address: it is not canonical on
 * x86-64, and bit 55 makes it the kernel's on arm64. So a vmemmap address that
 * is dereferenced by mistake faults at once.
 */
#define NOWHERE UINT64_C(0x5080000000000000)

/*
 * The base is aligned as the engine demands of any base, and to a block, so
 * that a window that starts at pfn 0 starts with a block.
 */
static void place_window(struct hvo_model *m,
			 const struct hvo_model_config *config)
{
	uint64_t align = (uint64_t)config->record
			 << (HVO_MAX_FOLIO_SHIFT - config->page_shift);
	uint64_t block = (uint64_t)config->block_pages << config->page_shift;
	uint64_t bytes = (config->pfn_end - config->pfn_first) * config->record;

	while (block && align % block)
		align *= 2;
	m->base = (NOWHERE + align - 1) / align * align;
	m->start = m->base + config->pfn_first * config->record;
	m->pages = bytes >> config->page_shift;
}

/*
 * Home frames keep their pages' distance from a block's start: some frame
 * numbers before them may be left out.
 */
static void number_frames(struct hvo_model *m,
			  const struct hvo_model_config *config)
{
	uint64_t block = config->block_pages ? config->block_pages : 1;
	uint64_t place = (m->start >> config->page_shift) % block;

	m->described = config->pfn_end - config->pfn_first;
	m->home = m->described / block * block + place;
	if (m->home < m->described)
		m->home += block;
	m->frame_end = m->home + m->pages + config->spare_frames;
}

/* Memory for all frames, of which the host gives only what is touched. */
static unsigned char *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static size_t memory_size(const struct hvo_model *m)
{
	return (m->frame_end + 1) << m->page_shift;
}

static bool get_memory(struct hvo_model *m)
{
	size_t cached = m->pages * (MODEL_TLB_CPUS + m->cpus);

	m->table = calloc(m->pages, sizeof(*m->table));
	m->tlbs = calloc(cached, sizeof(*m->tlbs));
	m->frames = calloc(m->frame_end, sizeof(*m->frames));
	m->memory = reserve(memory_size(m));
	return m->table && m->tlbs && m->frames && m->memory;
}

struct hvo_model *hvo_model_open(const struct hvo_model_config *config)
{
	struct hvo_model *m = calloc(1, sizeof(*m));
	bool arm =
	    config->arch == HVO_ARCH_ARM || config->arch == HVO_ARCH_ARM_BBM2;

	if (!m)
		return NULL;
	m->port.traits = (struct hvo_port_traits){
	    .equal_bytes = arm,
	    .window_pages = config->window_pages ? config->window_pages : 1,
	    .block_pages = config->block_pages,
	};
	m->arch = config->arch;
	m->page_shift = config->page_shift;
	m->cpus = config->cpus;
	place_window(m, config);
	number_frames(m, config);
	assert(m->pages && !(m->start & (model_page_size(m) - 1)));
	if (!get_memory(m)) {
		hvo_model_close(m);
		return NULL;
	}
	for (uint64_t page = 0; page < m->pages; page++)
		m->table[page] = (struct model_entry){
		    .to = {.frame = HVO_NO_FRAME},
		    .was = {HVO_NO_FRAME, HVO_NO_FRAME},
		};
	return m;
}

void hvo_model_close(struct hvo_model *model)
{
	if (!model)
		return;
	if (model->memory)
		munmap(model->memory, memory_size(model));
	free(model->frames);
	free(model->tlbs);
	free(model->table);
	free(model);
}

/* ---- what it is ------------------------------------------------------- */

const struct hvo_port_traits *hvo_port_traits(const struct hvo_port *port)
{
	return &port->traits;
}

struct hvo_port *hvo_model_port(struct hvo_model *model)
{
	return &model->port;
}

uintptr_t hvo_model_base(const struct hvo_model *model)
{
	return model->base;
}

hvo_frame_t hvo_model_described(const struct hvo_model *model)
{
	(void)model;
	return (hvo_frame_t){0};
}

uint64_t hvo_model_frame_end(const struct hvo_model *model)
{
	return model->frame_end;
}

/* ---- what it does at port calls --------------------------------------- */

void model_enter(struct hvo_model *m, uintptr_t va)
{
	if (m->locked)
		model_violate(m, HVO_RULE_MISUSE, va);
}

void model_others_act(struct hvo_model *m)
{
	if (!m->hook || m->in_hook)
		return;
	m->in_hook = true;
	m->hook(m->hook_ctx, m);
	m->in_hook = false;
}

void hvo_model_hook(struct hvo_model *model,
		    void (*hook)(void *ctx, struct hvo_model *model), void *ctx)
{
	model->hook = hook;
	model->hook_ctx = ctx;
}

void hvo_model_grace(struct hvo_model *model,
		     void (*grace)(void *ctx, struct hvo_model *model),
		     void *ctx)
{
	model->grace = grace;
	model->grace_ctx = ctx;
}

bool model_fails(struct hvo_model *m)
{
	m->fallible++;
	if (!m->fail_nth)
		return false;
	if (m->fail_nth > 1) {
		m->fail_nth--;
		return false;
	}
	if (!m->fail_sticky)
		m->fail_nth = 0;
	return true;
}

void hvo_model_fail(struct hvo_model *model, uint64_t nth, bool sticky)
{
	model->fail_nth = nth;
	model->fail_sticky = sticky;
}

uint64_t hvo_model_fallible_calls(const struct hvo_model *model)
{
	return model->fallible;
}
