/* SPDX-License-Identifier: MIT */
/* The harness on the model port. */
#include "engine_model.h"

#include <stdio.h>
#include <stdlib.h>

struct engine_port {
	struct hvo_model *model;
	unsigned cpu;   /* whose turn it is */
	uint64_t nth;   /* engine_fail() */
	bool sticky;    /* likewise */
	uint64_t calls; /* that could fail, before engine_fail() */
};

const char engine_port_name[] = "model";
const unsigned engine_archs = HVO_ARCH_RISCV + 1;

const char *engine_arch_name(unsigned arch)
{
	static const char *const names[] = {
	    [HVO_ARCH_X86] = "x86",
	    [HVO_ARCH_ARM] = "arm",
	    [HVO_ARCH_ARM_BBM2] = "arm-bbm2",
	    [HVO_ARCH_RISCV] = "riscv",
	};

	return names[arch];
}

bool engine_splits_live(unsigned arch)
{
	return arch != HVO_ARCH_ARM;
}

struct hvo_model *engine_model(struct engine *e)
{
	return e->port->model;
}

void engine_port_open(struct engine *e, const struct engine_config *config)
{
	struct hvo_model_config model = {
	    .arch = (enum hvo_arch)config->arch,
	    .page_shift = config->page_shift,
	    .record = config->record.size,
	    .pfn_first = config->pfn_first,
	    .pfn_end = config->pfn_end,
	    .cpus = ENGINE_CPUS,
	    .spare_frames = config->spare_frames,
	    .window_pages = config->window_pages,
	    .block_pages = config->block_pages,
	};

	e->port = calloc(1, sizeof(*e->port));
	if (e->port)
		e->port->model = hvo_model_open(&model);
	if (!e->port || !e->port->model) {
		fprintf(stderr, "harness: no memory for the model\n");
		abort();
	}
	e->config.port = hvo_model_port(e->port->model);
	e->config.base = hvo_model_base(e->port->model);
	e->config.described = hvo_model_described(e->port->model);
	e->source = hvo_model_frames(e->port->model);
	e->frame_end = hvo_model_frame_end(e->port->model);
}

void engine_port_close(struct engine *e)
{
	hvo_model_close(e->port->model);
	free(e->port);
}

static unsigned next_cpu(struct engine *e)
{
	e->port->cpu = (e->port->cpu + 1) % ENGINE_CPUS;
	return e->port->cpu;
}

uint64_t engine_load(struct engine *e, uintptr_t va)
{
	return hvo_model_load(e->port->model, next_cpu(e), va);
}

void engine_store(struct engine *e, uintptr_t va, uint64_t value)
{
	hvo_model_store(e->port->model, next_cpu(e), va, value);
}

bool engine_write_faults(struct engine *e, uintptr_t va)
{
	return hvo_model_write_faults(e->port->model, next_cpu(e), va);
}

uint64_t engine_handed_out(struct engine *e)
{
	return hvo_model_handed_out(e->port->model);
}

const char *engine_port_wrong(struct engine *e)
{
	enum hvo_rule rule = hvo_model_violation(e->port->model);

	return rule == HVO_RULE_NONE ? NULL : hvo_rule_text(rule);
}

uint64_t engine_port_digest(struct engine *e)
{
	return hvo_model_digest(e->port->model);
}

void engine_fail(struct engine *e, uint64_t nth, bool sticky)
{
	e->port->nth = nth;
	e->port->sticky = sticky;
	e->port->calls = hvo_model_fallible_calls(e->port->model);
	hvo_model_fail(e->port->model, nth, sticky);
}

uint64_t engine_failed(struct engine *e)
{
	uint64_t calls =
	    hvo_model_fallible_calls(e->port->model) - e->port->calls;

	if (!e->port->nth || calls < e->port->nth)
		return 0;
	return e->port->sticky ? calls - e->port->nth + 1 : 1;
}

bool engine_alloc_fails(void)
{
	return false;
}
