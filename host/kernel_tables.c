/* SPDX-License-Identifier: MIT */
/* Page tables: what their entries say, and the way down through them. */
#include <elf.h>
#include "kernel_tables.h"

#define BIT(n) (UINT64_C(1) << (n))

struct hvo_kernel_entry {
	enum { HOLE, TABLE, LEAF } kind;
	bool writable; /* below it, as far as it has a say */
};

/* ---- entries ------------------------------------------------------------- */

/* Intel SDM volume 3A, tables 4-14 to 4-20. Level 0 has the pages. */
#define X86_PRESENT BIT(0)
#define X86_WRITE   BIT(1)
#define X86_BLOCK   BIT(7)

static struct hvo_kernel_entry decode_x86(uint64_t entry, unsigned level)
{
	bool leaf = !level || (level <= 2 && entry & X86_BLOCK);

	if (!(entry & X86_PRESENT))
		return (struct hvo_kernel_entry){.kind = HOLE};
	return (struct hvo_kernel_entry){.kind = leaf ? LEAF : TABLE,
					 .writable = entry & X86_WRITE};
}

/*
 * Arm ARM DDI 0487, D8.3.1 and D8.4.1. A leaf with DBM is one that the
 * hardware makes writable when it is written; a table with APTable[1] forbids
 * writing below it.
 */
#define ARM64_VALID     BIT(0)
#define ARM64_NOT_BLOCK BIT(1)
#define ARM64_READ_ONLY BIT(7)
#define ARM64_DBM       BIT(51)
#define ARM64_APTABLE_1 BIT(62)

static struct hvo_kernel_entry decode_arm64(uint64_t entry, unsigned level)
{
	bool not_block = entry & ARM64_NOT_BLOCK;

	/* Bit 1 is also set in pages, which are no blocks either. */
	if (!(entry & ARM64_VALID) || (!level && !not_block) ||
	    (level > 2 && !not_block))
		return (struct hvo_kernel_entry){.kind = HOLE};
	if (level && not_block)
		return (struct hvo_kernel_entry){
		    .kind = TABLE, .writable = !(entry & ARM64_APTABLE_1)};
	return (struct hvo_kernel_entry){
	    .kind = LEAF,
	    .writable = !(entry & ARM64_READ_ONLY) || entry & ARM64_DBM};
}

/* ---- what kernel it is --------------------------------------------------- */

/* Bits from `low` to `high`, both included. */
static uint64_t bits(unsigned high, unsigned low)
{
	return (BIT(high - low + 1) - 1) << low;
}

static unsigned index_bits(const struct hvo_kernel_tables *tables)
{
	return tables->page_shift - 3;
}

static const char *init_x86(struct hvo_kernel_tables *tables,
			    const struct hvo_vmcoreinfo *info)
{
	if (info->page_bytes != 4096)
		return "x86-64 has pages of 4 KiB, and it says otherwise";
	tables->levels = info->five_levels ? 5 : 4;
	tables->address_bits = 12 + 9 * tables->levels;
	tables->table_bits = tables->address_bits;
	tables->frame_mask = bits(51, 12) & ~info->encrypted;
	tables->decode = decode_x86;
	return NULL;
}

/*
 * Arm ARM DDI 0487, D8.3.1: where an entry has its address. Tables of pages of
 * 64 KiB have bits 51 to 48 in 15 to 12 (FEAT_LPA; zero without it). Others do
 * not have them, or, if they translate 52 bits (FEAT_LPA2: TCR_EL1.DS), the
 * highest two in 9 and 8.
 */
static void place_arm64(struct hvo_kernel_tables *tables)
{
	bool ds = tables->page_shift < 16 && tables->address_bits > 48;

	tables->frame_mask = bits(ds ? 49 : 47, tables->page_shift);
	if (ds) {
		tables->high_mask = bits(9, 8);
		tables->high_shift = 50 - 8;
	} else if (tables->page_shift == 16) {
		tables->high_mask = bits(15, 12);
		tables->high_shift = 48 - 12;
	}
}

static const char *init_arm64(struct hvo_kernel_tables *tables,
			      const struct hvo_vmcoreinfo *info)
{
	unsigned bits_left;

	if (info->address_bits <= tables->page_shift + 3 ||
	    info->address_bits > 52)
		return "its addresses do not have up to 52 bits, or it does "
		       "not tell";
	tables->address_bits = info->address_bits;
	tables->table_bits = info->table_bits;
	bits_left = info->address_bits - tables->page_shift;
	tables->levels =
	    (bits_left + index_bits(tables) - 1) / index_bits(tables);
	place_arm64(tables);
	tables->decode = decode_arm64;
	return NULL;
}

const char *hvo_kernel_tables_init(struct hvo_kernel_tables *tables,
				   const struct hvo_kcore *kcore,
				   const struct hvo_vmcoreinfo *info)
{
	*tables = (struct hvo_kernel_tables){
	    .kcore = kcore,
	    .top = info->tables,
	    .page_shift = (unsigned)__builtin_ctzll(info->page_bytes),
	};
	switch (kcore->machine) {
	case EM_X86_64:
		return init_x86(tables, info);
	case EM_AARCH64:
		return init_arm64(tables, info);
	default:
		return "only page tables of x86-64 and arm64 can be read";
	}
}

/* ---- the walk ------------------------------------------------------------ */

/* First bit of an address that chooses an entry at a level. */
static unsigned level_shift(const struct hvo_kernel_tables *tables,
			    unsigned level)
{
	return tables->page_shift + level * index_bits(tables);
}

/* The kernel's addresses have all bits set above those that are translated. */
static bool is_kernel_address(const struct hvo_kernel_tables *tables,
			      uint64_t address)
{
	return !(~address >> tables->address_bits);
}

/* The physical address that an entry has. */
static uint64_t address_of(const struct hvo_kernel_tables *tables,
			   uint64_t entry)
{
	return (entry & tables->frame_mask) | (entry & tables->high_mask)
						  << tables->high_shift;
}

static void lead_to(const struct hvo_kernel_tables *tables, uint64_t entry,
		    unsigned level, uint64_t address,
		    struct hvo_host_mapping *mapping)
{
	unsigned shift = level_shift(tables, level);
	uint64_t inside = BIT(shift) - 1;
	uint64_t physical =
	    (address_of(tables, entry) & ~inside) | (address & inside);

	mapping->mapped = true;
	mapping->frame = physical >> tables->page_shift;
	mapping->bytes = BIT(shift);
}

/*
 * The top table is named by its address, those below it by physical ones. It
 * has entries for the bits that the kernel was made for; hardware that
 * translates fewer, in as many levels, uses its end only.
 */
static bool read_entry(const struct hvo_kernel_tables *tables, uint64_t table,
		       unsigned level, uint64_t address, uint64_t *entry)
{
	uint64_t slot = address >> level_shift(tables, level);

	slot &= BIT(index_bits(tables)) - 1;
	if (level == tables->levels - 1)
		return hvo_kcore_word(tables->kcore, table + slot * 8, entry);
	return hvo_kcore_word_at_physical(tables->kcore, table + slot * 8,
					  entry);
}

bool hvo_kernel_tables_walk(const struct hvo_kernel_tables *tables,
			    uint64_t address, struct hvo_host_mapping *mapping)
{
	uint64_t translated = address & (BIT(tables->table_bits) - 1);
	uint64_t table = tables->top, entry;
	bool writable = true;

	*mapping = (struct hvo_host_mapping){0};
	if (!is_kernel_address(tables, address))
		return true;
	for (unsigned level = tables->levels; level--;) {
		struct hvo_kernel_entry what;

		if (!read_entry(tables, table, level, translated, &entry))
			return false;
		what = tables->decode(entry, level);
		writable = writable && what.writable;
		if (what.kind == LEAF)
			lead_to(tables, entry, level, address, mapping);
		if (what.kind != TABLE)
			break;
		table = address_of(tables, entry);
	}
	mapping->writable = mapping->mapped && writable;
	return true;
}
