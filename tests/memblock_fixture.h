/* SPDX-License-Identifier: MIT */
/*
 * What memblock's tests share: a memblock over a buffer that stands for the
 * first RAM bytes of physical memory, and short names.
 */
#ifndef MEMBLOCK_FIXTURE_H
#define MEMBLOCK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hvo/memblock.h"

#define KIB(n) ((hvo_phys_t)(n) << 10)
#define MIB(n) ((hvo_phys_t)(n) << 20)
#define GIB(n) ((hvo_phys_t)(n) << 30)

#define PAGE    4096
#define RAM     MIB(4)
#define JUNK    0xa5 /* in every byte of RAM at first */
#define ANY     HVO_NUMA_NO_NODE
#define NONE    HVO_MEMBLOCK_NONE
#define REGIONS HVO_MEMBLOCK_REGIONS

struct fixture {
	struct hvo_memblock mb;
	unsigned char *ram;
	unsigned refuse; /* calls of map until one fails; 0: none does */
	unsigned maps;   /* calls of map so far */
	struct hvo_memblock_region memory[REGIONS];
	struct hvo_memblock_region reserved[REGIONS];
};

static inline void *fixture_map(void *ctx, hvo_phys_t phys, hvo_phys_t size)
{
	struct fixture *f = ctx;

	f->maps++;
	if (f->refuse && !--f->refuse)
		return NULL;
	if (size > RAM || phys > RAM - size)
		return NULL;
	return f->ram + phys;
}

static inline void fixture_init(struct fixture *f, unsigned long memory_max,
				unsigned long reserved_max)
{
	struct hvo_memblock_config config = {
	    .memory = f->memory,
	    .reserved = f->reserved,
	    .memory_max = memory_max,
	    .reserved_max = reserved_max,
	    .page_shift = 12,
	    .map = fixture_map,
	    .ctx = f,
	};

	f->refuse = 0;
	f->maps = 0;
	assert_int_equal(hvo_memblock_init(&f->mb, &config), 0);
}

/* cmocka's setup and teardown: *state is a fixture with nothing in it. */
static inline int make_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->ram = aligned_alloc(PAGE, RAM);
	assert_non_null(f->ram);
	memset(f->ram, JUNK, RAM);
	fixture_init(f, REGIONS, REGIONS);
	*state = f;
	return 0;
}

static inline int drop_fixture(void **state)
{
	struct fixture *f = *state;

	free(f->ram);
	free(f);
	return 0;
}

static inline struct hvo_memblock_region
region(hvo_phys_t base, hvo_phys_t size, int nid, unsigned flags)
{
	return (struct hvo_memblock_region){
	    base, size, (enum hvo_memblock_flags)flags, nid};
}

static inline void assert_region(const struct hvo_memblock_region *found,
				 const struct hvo_memblock_region *expected)
{
	assert_int_equal(found->base, expected->base);
	assert_int_equal(found->size, expected->size);
	assert_int_equal(found->flags, expected->flags);
	assert_int_equal(found->nid, expected->nid);
}

/* type has exactly these regions, and all is well besides. */
static inline void assert_regions(const struct hvo_memblock *mb,
				  const struct hvo_memblock_type *type,
				  const struct hvo_memblock_region *expected,
				  unsigned long n)
{
	assert_true(hvo_memblock_is_valid(mb));
	assert_int_equal(type->cnt, n);
	for (unsigned long i = 0; i < n; i++)
		assert_region(&type->regions[i], &expected[i]);
}

#define ASSERT_REGIONS(mb, type, ...)                                          \
	assert_regions(                                                        \
	    mb, type, (const struct hvo_memblock_region[]){__VA_ARGS__},       \
	    sizeof((const struct hvo_memblock_region[]){__VA_ARGS__}) /        \
		sizeof(struct hvo_memblock_region))

/* All that a failed call must leave as it was. */
struct snapshot {
	struct hvo_memblock mb;
	struct hvo_memblock_region *regions;
};

static inline struct snapshot take_snapshot(const struct hvo_memblock *mb)
{
	unsigned long memory = mb->memory.cnt;
	unsigned long reserved = mb->reserved.cnt;
	struct snapshot s = {.mb = *mb};

	s.regions = calloc(memory + reserved + 1, sizeof(*s.regions));
	assert_non_null(s.regions);
	memcpy(s.regions, mb->memory.regions, memory * sizeof(*s.regions));
	memcpy(s.regions + memory, mb->reserved.regions,
	       reserved * sizeof(*s.regions));
	return s;
}

/* Nothing has changed since; ends the snapshot. */
static inline void assert_unchanged(const struct hvo_memblock *mb,
				    struct snapshot *s)
{
	unsigned long memory = s->mb.memory.cnt;

	assert_memory_equal(mb, &s->mb, sizeof(*mb));
	assert_memory_equal(mb->memory.regions, s->regions,
			    memory * sizeof(*s->regions));
	assert_memory_equal(mb->reserved.regions, s->regions + memory,
			    s->mb.reserved.cnt * sizeof(*s->regions));
	free(s->regions);
}

#endif
