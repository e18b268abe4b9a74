/* SPDX-License-Identifier: MIT */
#include "memory.h"
#include "print.h"
#include <string.h>
#include "discover.h"
#include "hvo/memblock.h"
#include "image.h"
#include "work.h"

/* What is needed to make the manager, and not after that. */
struct making {
	struct hvo_memblock memblock;
	struct hvo_hugetlb_boot boot;
	struct hvo_memblock_region memory[2 * KERNEL_RANGES];
	struct hvo_memblock_region reserved[4 * KERNEL_RANGES];
};

static struct making making;

static void require(int error, const char *what)
{
	if (error)
		kernel_panic("%s: %s", what, hvo_strerror(error));
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* A physical address by the direct map. */
static void *direct(uint64_t physical)
{
	return (void *)(arch_addresses.direct_map + physical);
}

/* ---- memblock ------------------------------------------------------------ */

static void add_range(const struct hvo_memory_range *range)
{
	struct hvo_memblock *mb = &making.memblock;
	int node =
	    range->node == HVO_NO_NODE ? HVO_NUMA_NO_NODE : (int)range->node;
	enum hvo_memblock_flags flags = range->flags & HVO_MEMORY_NOMAP
					    ? HVO_MEMBLOCK_NOMAP
					    : HVO_MEMBLOCK_NONE;

	if (!kernel_is_ram(range))
		return;
	require(
	    hvo_memblock_add_node(mb, range->base, range->size, node, flags),
	    "memory");
	if (range->type != HVO_MEMORY_RAM)
		require(hvo_memblock_reserve(mb, range->base, range->size),
			"reserved memory");
}

static void fill_memblock(const struct kernel_machine *machine)
{
	const struct hvo_memblock_config config = {
	    .memory = making.memory,
	    .reserved = making.reserved,
	    .memory_max = 2 * KERNEL_RANGES,
	    .reserved_max = 4 * KERNEL_RANGES,
	    .page_shift = HVO_ENTRY_PAGE_SHIFT,
	};

	require(hvo_memblock_init(&making.memblock, &config), "memblock");
	for (size_t i = 0; i < machine->memory.count; i++)
		add_range(&machine->memory.range[i]);
	/* So that parameters can name the only node there is. */
	if (!machine->nodes.count)
		require(hvo_memblock_set_node(&making.memblock, 0, UINT64_MAX,
					      &making.memblock.memory, 0),
			"the only node");
	if (!making.memblock.memory.total_size)
		kernel_panic("firmware lists no RAM");
}

/* Memory for good, zeroed. */
static void *take(uint64_t bytes, const char *what)
{
	uint64_t at = hvo_memblock_phys_alloc(
	    &making.memblock, round_up(bytes, KERNEL_PAGE), KERNEL_PAGE);
	void *memory = direct(at);

	if (!at)
		kernel_panic("too little RAM: %llu bytes for %s are not to be "
			     "had: give the machine more",
			     (unsigned long long)bytes, what);
	memset(memory, 0, bytes);
	return memory;
}

/* ---- the port ------------------------------------------------------------ */

static void make_port(struct kernel_memory *memory)
{
	struct hvo_mm_config *c = &memory->config;
	const uint64_t page = sizeof(struct hvo_page);
	uintptr_t block = KERNEL_PAGE << HVO_ENTRY_INDEX_BITS;
	uintptr_t first = (c->base + c->pfn_first * page) & -block;
	uintptr_t end = round_up(c->base + c->pfn_end * page, block);
	struct hvo_radix_config config = {
	    .root = direct(image_physical(table_root())),
	    .direct_map = arch_addresses.direct_map,
	    .window = first,
	    .window_size = end - first,
	    .cpus = KERNEL_CPUS,
	};
	uint64_t tables = hvo_radix_tables(&config);
	uint64_t spare; /* physical */

	if (end - arch_addresses.vmemmap > arch_addresses.vmemmap_size)
		kernel_panic("RAM is at addresses that the vmemmap has no "
			     "room for: give the machine less");
	memory->port =
	    hvo_radix_init(take(hvo_radix_size(&config), "the port"), &config);
	spare = (uintptr_t)take(tables * KERNEL_PAGE, "tables") -
		arch_addresses.direct_map;
	hvo_radix_feed(memory->port,
		       (struct hvo_run){{spare / KERNEL_PAGE}, tables});
	c->port = memory->port;
}

/* ---- the manager --------------------------------------------------------- */

static void configure(struct kernel_memory *memory,
		      const struct kernel_machine *machine)
{
	struct hvo_geometry g;
	uint64_t subsection, first, end;

	require(hvo_geometry_init(&g, HVO_ENTRY_PAGE_SHIFT,
				  sizeof(struct hvo_page)),
		"struct hvo_page");
	subsection = UINT64_C(1) << hvo_subsection_order(&g);
	first = hvo_memblock_start_of_dram(&making.memblock) / KERNEL_PAGE;
	end = hvo_memblock_end_of_dram(&making.memblock) / KERNEL_PAGE;
	first &= ~(subsection - 1);
	memory->frame_end = round_up(end, subsection);
	memory->config = (struct hvo_mm_config){
	    .base = arch_addresses.vmemmap,
	    .pfn_first = first,
	    .pfn_end = memory->frame_end,
	    .described = {first},
	    .page_shift = HVO_ENTRY_PAGE_SHIFT,
	    .nodes = machine->nodes.count ? (uint8_t)machine->nodes.count : 1,
	    .cpus = KERNEL_CPUS,
	    .distance = machine->has_distance ? machine->distance : NULL,
	};
	memory->ram = making.memblock.memory.total_size;
}

/*
 * Is a size taken before there is a manager? Only boot pages that are optimized
 * from the start gain by it.
 */
static bool is_early(const struct kernel_memory *memory, unsigned size)
{
	struct hvo_geometry g;

	return memory->param.optimize &&
	       !hvo_geometry_init(&g, HVO_ENTRY_PAGE_SHIFT,
				  sizeof(struct hvo_page)) &&
	       hvo_order_optimizable(&g, memory->orders[size]);
}

/* The largest first. */
static void take_boot_pages(struct kernel_memory *memory)
{
	for (unsigned i = memory->sizes; i-- > 0;) {
		const struct hvo_bootparam_amount *a = &memory->param.pages[i];

		if (!is_early(memory, i))
			continue;
		for (unsigned n = 0; n < memory->config.nodes; n++)
			if (a->by_node)
				hvo_hugetlb_boot_take(&making.boot,
						      &making.memblock,
						      memory->orders[i], (int)n,
						      a->node[n], NULL);
		if (!a->by_node)
			hvo_hugetlb_boot_take(&making.boot, &making.memblock,
					      memory->orders[i],
					      HVO_NUMA_NO_NODE, a->total, NULL);
	}
}

static void make_manager(struct kernel_memory *memory)
{
	uint64_t smallest = KERNEL_PAGE << memory->orders[0];
	size_t size = hvo_mm_size(&memory->config);
	void *tables;

	if (!size)
		require(hvo_mm_validate(&memory->config), "the manager");
	tables = take(size, "the manager");
	making.boot.capacity = memory->ram / smallest + 1;
	making.boot.pages =
	    take(making.boot.capacity * sizeof(*making.boot.pages),
		 "the list of boot pages");
	memory->seen = take(memory->frame_end / 8 + 1, "the check");
	memory->stacks = take(KERNEL_CPUS * KERNEL_STACK, "stacks");
	take_boot_pages(memory);
	require(hvo_mm_init(&memory->mm, tables, &memory->config,
			    &making.memblock, making.boot.pages,
			    making.boot.count),
		"too little RAM, or in no usable form");
}

/* ---- pools --------------------------------------------------------------- */

/* Memory of the manager's, for good. */
static void *allocate(struct kernel_memory *memory, size_t bytes)
{
	struct hvo_alloc want = {.limit = HVO_ZONE_NORMAL};
	struct hvo_page *folio;

	while (KERNEL_PAGE << want.order < bytes)
		want.order++;
	require(hvo_folio_alloc(memory->mm, &want, &folio),
		"memory for the pools");
	return direct(hvo_mm_pfn(memory->mm, folio) * KERNEL_PAGE);
}

/* Those that were not taken before there was a manager. */
static void grow(struct kernel_memory *memory, unsigned size)
{
	const struct hvo_bootparam_amount *a = &memory->param.pages[size];
	unsigned order = memory->orders[size];

	for (unsigned n = 0; a->by_node && n < memory->config.nodes; n++)
		hvo_hugetlb_resize_node(memory->pools, order, n, a->node[n],
					NULL);
	if (!a->by_node && a->given)
		hvo_hugetlb_resize(memory->pools, order, 0, a->total, NULL);
}

static void make_pools(struct kernel_memory *memory)
{
	struct hvo_hugetlb_config config = {
	    .sizes = memory->sizes,
	    .optimize = memory->param.optimize,
	    .limit = HVO_ZONE_MOVABLE,
	};
	void *tables;

	memcpy(config.orders, memory->orders, sizeof(config.orders));
	tables = allocate(memory, hvo_hugetlb_size(memory->mm, &config));
	require(hvo_hugetlb_init(&memory->pools, tables, memory->mm, &config),
		"the pools");
	require(hvo_hugetlb_adopt(memory->pools, making.boot.pages,
				  making.boot.count, NULL),
		"boot pages");
	for (unsigned i = memory->sizes; i-- > 0;)
		if (!is_early(memory, i))
			grow(memory, i);
}

/* As Linux does: what there was no room for is said, and is no failure. */
static void tell_missing(struct kernel_memory *memory, unsigned size)
{
	const struct hvo_bootparam_amount *a = &memory->param.pages[size];
	unsigned order = memory->orders[size];
	uint64_t wanted = a->given ? a->total : 0;
	struct hvo_hugetlb_stats stats;

	require(hvo_hugetlb_stats(memory->pools, order, &stats), "the pools");
	if (stats.total < wanted)
		kernel_print("hvo: room for %llu of %llu huge pages of %llu "
			     "KiB\n",
			     (unsigned long long)stats.total,
			     (unsigned long long)wanted,
			     (unsigned long long)(KERNEL_PAGE << order) / 1024);
}

void kernel_memory_make(struct kernel_memory *memory,
			const struct kernel_machine *machine)
{
	fill_memblock(machine);
	configure(memory, machine);
	kernel_memory_sizes(memory);
	kernel_memory_parameters(memory, machine);
	make_port(memory);
	make_manager(memory);
	make_pools(memory);
	for (unsigned i = 0; i < memory->sizes; i++)
		tell_missing(memory, i);
}

const char *kernel_memory_check(struct kernel_memory *memory)
{
	const struct hvo_check_options options = {
	    .seen = memory->seen,
	    .frame_end = memory->frame_end,
	};
	struct hvo_hugetlb_finding pool;
	struct hvo_mm_finding mm;

	if (hvo_mm_check(memory->mm, &options, &mm))
		return mm.violation == HVO_MM_ENGINE
			   ? hvo_violation_text(mm.engine.violation)
			   : hvo_mm_violation_text(mm.violation);
	if (hvo_hugetlb_check(memory->pools, &pool))
		return hvo_hugetlb_violation_text(pool.violation);
	return NULL;
}
