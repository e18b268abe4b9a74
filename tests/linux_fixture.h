/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the Linux port share: a small port, short names, and what
 * must always hold.
 */
#ifndef LINUX_FIXTURE_H
#define LINUX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "hvo/error.h"
#include "hvo/vmemmap.h"
#include "hvo_linux.h"

#define FOLIO 8 /* vmemmap pages of 512 records of 64 bytes */

struct fixture {
	struct hvo_linux *linux_port;
	struct hvo_port *port;
	struct hvo_frames frames;
	unsigned char *window;
	uint64_t pages;
	size_t page_size;
};

static inline struct hvo_linux_config small_config(unsigned page_shift)
{
	/* 64-byte records: 256 pages of them, whatever the page's size. */
	return (struct hvo_linux_config){
	    .page_shift = page_shift,
	    .record = 64,
	    .pfn_end = UINT64_C(256) << (page_shift - 6),
	    .domains = 2,
	};
}

static inline struct fixture open_config(const struct hvo_linux_config *config)
{
	char message[512] = "";
	struct fixture f = {
	    .linux_port = hvo_linux_open(config, message, sizeof(message))};

	if (!f.linux_port)
		fail_msg("%s", message);
	f.port = hvo_linux_port(f.linux_port);
	f.frames = hvo_linux_frames(f.linux_port);
	f.page_size = (size_t)1 << config->page_shift;
	f.window = (unsigned char *)(hvo_linux_base(f.linux_port) +
				     config->pfn_first * config->record);
	f.pages = (config->pfn_end - config->pfn_first) * config->record /
		  f.page_size;
	return f;
}

static inline struct fixture open_small(unsigned page_shift)
{
	struct hvo_linux_config config = small_config(page_shift);

	return open_config(&config);
}

static inline void *page_at(const struct fixture *f, uint64_t page)
{
	return f->window + page * f->page_size;
}

static inline struct hvo_run run_of(uint64_t first, uint64_t count)
{
	return (struct hvo_run){{first}, count};
}

static inline struct hvo_run take(const struct fixture *f, uint64_t count,
				  uint64_t least, uint64_t home)
{
	struct hvo_frame_request request = {
	    .count = count, .least = least, .align = 1, .home = home};
	struct hvo_run run;

	assert_int_equal(f->frames.alloc(f->frames.ctx, &request, &run), 0);
	assert_in_range(run.count, least, count);
	return run;
}

static inline void give(const struct fixture *f, struct hvo_run run)
{
	f->frames.free(f->frames.ctx, run);
}

/* The kernel, the table and the count agree. */
static inline void agree(const struct fixture *f)
{
	uint64_t first = UINT64_MAX;

	assert_int_equal(hvo_linux_audit(f->linux_port, &first), 0);
	assert_int_equal(first, f->pages);
	assert_int_equal(hvo_linux_mappings(f->linux_port),
			 hvo_linux_mappings_counted(f->linux_port));
}

static inline void leads_to(const struct fixture *f, uint64_t page,
			    uint64_t frame, enum hvo_prot prot)
{
	struct hvo_translation t =
	    hvo_port_translate(f->port, page_at(f, page));

	assert_int_equal(t.frame.nr, frame);
	assert_int_equal(t.prot, prot);
	assert_false(t.block);
}

/* All pages writable, at home. */
static inline void populate(const struct fixture *f)
{
	struct hvo_run run = take(f, f->pages, f->pages, 0);

	assert_int_equal(hvo_port_map(f->port, f->window, f->pages, run,
				      HVO_PROT_WRITE, false),
			 0);
}

static inline void depopulate(const struct fixture *f)
{
	uint64_t home = hvo_port_translate(f->port, f->window).frame.nr;

	assert_int_equal(hvo_port_unmap(f->port, f->window, f->pages, HVO_MUST),
			 0);
	give(f, run_of(home, f->pages));
}

static inline int repoint(const struct fixture *f, uint64_t page,
			  uint64_t pages, struct hvo_run run,
			  enum hvo_urgency urgency)
{
	return hvo_port_repoint(f->port, page_at(f, page), pages, run,
				HVO_PROT_READ, urgency);
}

static inline int protect(const struct fixture *f, uint64_t page,
			  uint64_t pages, enum hvo_prot prot)
{
	return hvo_port_protect(f->port, page_at(f, page), pages, prot,
				HVO_MAY_FAIL);
}

/* Lines of /proc/self/maps: mappings of the process. */
static inline uint64_t count_lines(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char text[4096];
	uint64_t lines = 0;
	size_t n;

	assert_non_null(maps);
	while ((n = fread(text, 1, sizeof(text), maps)))
		for (size_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	fclose(maps);
	return lines;
}

struct snapshot {
	struct hvo_translation pages[256];
	uint64_t counted;
};

static inline struct snapshot snap(const struct fixture *f)
{
	struct snapshot s = {.counted =
				 hvo_linux_mappings_counted(f->linux_port)};

	assert_int_equal(f->pages, 256);
	for (uint64_t i = 0; i < f->pages; i++)
		s.pages[i] = hvo_port_translate(f->port, page_at(f, i));
	return s;
}

static inline void unchanged(const struct fixture *f,
			     const struct snapshot *before)
{
	struct snapshot now = snap(f);

	assert_int_equal(now.counted, before->counted);
	for (uint64_t i = 0; i < f->pages; i++) {
		assert_int_equal(now.pages[i].frame.nr,
				 before->pages[i].frame.nr);
		assert_int_equal(now.pages[i].prot, before->pages[i].prot);
	}
	agree(f);
}

/* An engine on the port, nothing present; free() ends it in any state. */
static inline struct hvo_vmemmap *open_map(const struct fixture *f,
					   const struct hvo_linux_config *c)
{
	struct hvo_vmemmap_config config = {
	    .port = f->port,
	    .frames = f->frames,
	    .record = {.size = (uint32_t)c->record},
	    .base = hvo_linux_base(f->linux_port),
	    .pfn_first = c->pfn_first,
	    .pfn_end = c->pfn_end,
	    .domains = c->domains,
	    .page_shift = (uint8_t)c->page_shift,
	    .described = hvo_linux_described(f->linux_port),
	};
	size_t size = hvo_vmemmap_size(&config);
	struct hvo_vmemmap *map;

	assert_true(size > 0);
	void *memory = malloc(size);
	assert_non_null(memory);
	assert_int_equal(hvo_vmemmap_init(&map, memory, &config), 0);
	return map;
}

#endif
