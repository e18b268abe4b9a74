/* SPDX-License-Identifier: MIT */
/*
 * Reading the kernel's page tables out of a core: each generation of HVO is
 * told from the others, on x86-64 and arm64; what is missing, cut off or makes
 * no sense is refused with a sentence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "host_fixture.h"
#include "kcore_fixture.h"

#define PAGES 8
#define PATH  "/proc/kcore"

/* Entries of x86-64: what leads to a table, to a page, to a block. */
#define X86_TABLE UINT64_C(0x67)
#define X86_RO    UINT64_C(0x8000000000000061)
#define X86_RW    UINT64_C(0x8000000000000063)
#define X86_BLOCK UINT64_C(0x80000000000000e3)
/* And of arm64. */
#define ARM_TABLE UINT64_C(0x3)
#define ARM_RO    UINT64_C(0x60000000000783)
#define ARM_RW    UINT64_C(0x68000000000703)

static struct host_fixture fixture;
static struct kcore_image image;
static struct hvo_host_tables *tables;
static char message[512];

static int set_up(void **state)
{
	(void)state;
	host_fixture_open(&fixture);
	kcore_init(&image, EM_X86_64, X86_TABLE);
	kcore_vmcoreinfo(&image, "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hvo_host_tables_close(tables);
	tables = NULL;
	host_fixture_close(&fixture);
	return 0;
}

static int open_image(void)
{
	hvo_host_tables_close(tables);
	message[0] = '\0';
	host_fixture_write(&fixture, PATH, image.bytes, image.size);
	return hvo_host_tables_open(&tables, fixture.host, message,
				    sizeof(message));
}

static void assert_opens(void)
{
	if (open_image())
		fail_msg("%s", message);
	assert_non_null(tables);
}

static void assert_refused(const char *why)
{
	assert_int_equal(open_image(), -1);
	assert_null(tables);
	if (!strstr(message, why) || strncmp(message, PATH, strlen(PATH)))
		fail_msg("'%s' does not say '%s'", message, why);
}

static void assert_layout(enum hvo_host_layout layout, uint64_t saves)
{
	struct hvo_host_proof proof;

	assert_opens();
	assert_int_equal(
	    hvo_host_prove_layout(tables, KCORE_PFN, PAGES, &proof), 0);
	assert_string_equal(hvo_host_layout_name(proof.layout),
			    hvo_host_layout_name(layout));
	assert_int_equal(proof.saves, saves);
}

/* Pages first.. lead to frame, or to those from it on, with what else. */
static void map(size_t first, uint64_t frame, unsigned step, uint64_t bits)
{
	for (size_t i = first; i < PAGES; i++)
		*kcore_page(&image, i) =
		    (frame + step * (i - first)) << 12 | bits;
}

static struct hvo_host_mapping look(uint64_t page)
{
	struct hvo_host_mapping mapping;

	assert_int_equal(
	    hvo_host_tables_look(tables, KCORE_PFN, page, &mapping), 0);
	return mapping;
}

/* ---- generations --------------------------------------------------------- */

static void test_full(void **state)
{
	(void)state;
	map(0, 100, 1, X86_RW);
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(3).frame, 103);
	assert_int_equal(look(3).bytes, 4096);
	assert_true(look(3).writable);
	assert_string_equal(hvo_host_tables_release(tables), "6.1.0-test");
	assert_int_equal(hvo_host_tables_base_page(tables), 4096);
	assert_int_equal(hvo_host_tables_record(tables), 64);
}

/* In any order: memory that was restored has frames from anywhere. */
static void test_full_scattered(void **state)
{
	(void)state;
	for (size_t i = 0; i < PAGES; i++)
		*kcore_page(&image, i) = (1000 - 37 * i) << 12 | X86_RW;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
}

static void test_reserve_two(void **state)
{
	(void)state;
	map(0, 100, 1, X86_RW);
	map(2, 101, 0, X86_RO);
	assert_layout(HVO_HOST_LAYOUT_RESERVE_TWO, 6);
}

static void test_device_dax(void **state)
{
	(void)state;
	map(0, 100, 1, X86_RW);
	map(2, 101, 0, X86_RW);
	assert_layout(HVO_HOST_LAYOUT_DEVICE_DAX, 6);
}

static void test_fake_heads(void **state)
{
	(void)state;
	map(0, 100, 1, X86_RW);
	map(1, 100, 0, X86_RO);
	assert_layout(HVO_HOST_LAYOUT_FAKE_HEADS, 7);
	assert_true(look(0).writable);
	assert_false(look(1).writable);
	*kcore_page(&image, 0) = UINT64_C(100) << 12 | X86_RO;
	assert_layout(HVO_HOST_LAYOUT_FAKE_HEADS, 7);
}

static void test_shared_tails(void **state)
{
	(void)state;
	map(0, 100, 1, X86_RW);
	map(1, 777, 0, X86_RO);
	assert_layout(HVO_HOST_LAYOUT_SHARED_TAILS, 7);
}

/* Caught on the way, or of a kind that there has not been yet. */
static void test_other(void **state)
{
	(void)state;
	map(0, 100, 0, X86_RW);
	assert_layout(HVO_HOST_LAYOUT_OTHER, 0);
	map(0, 100, 1, X86_RW);
	map(4, 100, 0, X86_RO);
	assert_layout(HVO_HOST_LAYOUT_OTHER, 0);
	map(0, 100, 1, X86_RO);
	assert_layout(HVO_HOST_LAYOUT_OTHER, 0);
	map(0, 100, 1, X86_RW);
	map(1, 101, 0, X86_RO);
	map(5, 101, 0, X86_RW);
	assert_layout(HVO_HOST_LAYOUT_OTHER, 0);
	map(0, 100, 1, X86_RW);
	*kcore_page(&image, 6) = *kcore_page(&image, 5);
	assert_layout(HVO_HOST_LAYOUT_OTHER, 0);
}

static void test_holes(void **state)
{
	(void)state;
	assert_layout(HVO_HOST_LAYOUT_UNMAPPED, 0);
	map(0, 100, 1, X86_RW);
	*kcore_page(&image, 5) = 105 << 12;
	assert_layout(HVO_HOST_LAYOUT_UNMAPPED, 0);
	assert_false(look(5).mapped);
	assert_false(look(5).writable);
	assert_true(look(6).mapped);
	memset(kcore_entries(&image, KCORE_TOP), 0, 4096);
	assert_layout(HVO_HOST_LAYOUT_UNMAPPED, 0);
}

/* Few pages: two of them have no room for anything reserved. */
static void test_few_pages(void **state)
{
	struct hvo_host_mapping two[2] = {
	    {.frame = 1, .mapped = true, .writable = true},
	    {.frame = 2, .mapped = true, .writable = true},
	};

	(void)state;
	assert_int_equal(hvo_host_layout_of(two, 0), HVO_HOST_LAYOUT_UNMAPPED);
	assert_int_equal(hvo_host_layout_of(two, 1), HVO_HOST_LAYOUT_FULL);
	assert_int_equal(hvo_host_layout_of(two, 2), HVO_HOST_LAYOUT_FULL);
	two[1].writable = false;
	assert_int_equal(hvo_host_layout_of(two, 2),
			 HVO_HOST_LAYOUT_SHARED_TAILS);
	two[1].frame = 1;
	assert_int_equal(hvo_host_layout_of(two, 2),
			 HVO_HOST_LAYOUT_FAKE_HEADS);
	two[0].writable = false;
	assert_int_equal(hvo_host_layout_of(two, 1), HVO_HOST_LAYOUT_OTHER);
}

/* ---- tables -------------------------------------------------------------- */

static void test_block_of_2m(void **state)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;

	(void)state;
	kcore_entries(&image, KCORE_2M)[at >> 21 & 511] =
	    UINT64_C(0x3e000000) | X86_BLOCK;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(0).bytes, 2 << 20);
	assert_int_equal(look(0).frame, 0x3e000000 >> 12);
	assert_int_equal(look(7).frame, (0x3e000000 >> 12) + 7);
}

/* Bit 12 of a block's entry is no address (SDM 3A, table 4-17: PAT). */
static void test_block_of_1g(void **state)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;

	(void)state;
	kcore_entries(&image, KCORE_1G)[at >> 30 & 511] =
	    UINT64_C(0x40001000) | X86_BLOCK;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(0).bytes, 1 << 30);
	assert_int_equal(look(0).frame, (0x40000000 + KCORE_PFN * 64) >> 12);
}

/* Writing is permitted if every level does (SDM 3A, 4.6). */
static void test_read_only_above(void **state)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;

	(void)state;
	map(0, 100, 1, X86_RW);
	kcore_entries(&image, KCORE_1G)[at >> 30 & 511] &= ~UINT64_C(2);
	assert_layout(HVO_HOST_LAYOUT_OTHER, 0);
	assert_false(look(0).writable);
}

static void test_five_levels(void **state)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;
	uint64_t *top = kcore_entries(&image, KCORE_TOP);
	uint64_t *below = kcore_entries(&image, KCORE_512G);

	(void)state;
	below[at >> 39 & 511] = top[at >> 39 & 511];
	top[at >> 39 & 511] = 0;
	top[at >> 48 & 511] = kcore_table_address(KCORE_512G) | X86_TABLE;
	map(0, 100, 1, X86_RW);
	map(1, 100, 0, X86_RO);
	kcore_vmcoreinfo(&image, "NUMBER(pgtable_l5_enabled)=1\n");
	assert_layout(HVO_HOST_LAYOUT_FAKE_HEADS, 7);
}

/* With encrypted memory, entries have a bit more. */
static void test_encrypted(void **state)
{
	(void)state;
	map(0, 100, 1, X86_RW | UINT64_C(1) << 47);
	kcore_vmcoreinfo(&image, "NUMBER(sme_mask)=140737488355328\n");
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(0).frame, 100);
}

static void test_arm64(void **state)
{
	(void)state;
	kcore_init(&image, EM_AARCH64, ARM_TABLE);
	kcore_vmcoreinfo(&image, "NUMBER(VA_BITS)=48\n"
				 "NUMBER(TCR_EL1_T1SZ)=0x10\n");
	map(0, 100, 1, ARM_RW);
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(7).frame, 107);
	map(1, 777, 0, ARM_RO);
	assert_layout(HVO_HOST_LAYOUT_SHARED_TAILS, 7);
	/* Made writable by the hardware when it is written (DBM). */
	map(1, 101, 1, ARM_RO | UINT64_C(1) << 51);
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	/* Bit 1 clear is no page at the last level. */
	*kcore_page(&image, 3) &= ~UINT64_C(2);
	assert_layout(HVO_HOST_LAYOUT_UNMAPPED, 0);
}

static void test_arm64_blocks(void **state)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;
	uint64_t *block = &kcore_entries(&image, KCORE_2M)[at >> 21 & 511];

	(void)state;
	kcore_init(&image, EM_AARCH64, ARM_TABLE);
	kcore_vmcoreinfo(&image, "NUMBER(VA_BITS)=48\n");
	*block = UINT64_C(0x3e000701);
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(1).bytes, 2 << 20);
	/* A table that forbids writing below it. */
	*block = kcore_table_address(KCORE_4K) | ARM_TABLE | UINT64_C(1) << 62;
	map(0, 100, 1, ARM_RW);
	assert_layout(HVO_HOST_LAYOUT_OTHER, 0);
	assert_false(look(0).writable);
}

/* Three levels: the top table is that of 1 GiB. */
static void test_arm64_39_bits(void **state)
{
	(void)state;
	kcore_init(&image, EM_AARCH64, ARM_TABLE);
	kcore_vmcoreinfo(&image, "NUMBER(VA_BITS)=39\n"
				 "SYMBOL(vmemmap)=fffffffe00000000\n");
	/* 0xfffffffe01000000: bits 38..30 are 0x1f8, 29..21 are 8. */
	kcore_entries(&image, KCORE_TOP)[0x1f8] =
	    kcore_table_address(KCORE_2M) | ARM_TABLE;
	map(0, 100, 1, ARM_RW);
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
}

/* Five levels, and the highest two bits of an address in bits 9 and 8. */
static void test_arm64_52_bits(void **state)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;
	uint64_t *top = kcore_entries(&image, KCORE_TOP);

	(void)state;
	kcore_init(&image, EM_AARCH64, ARM_TABLE);
	kcore_vmcoreinfo(&image, "NUMBER(VA_BITS)=52\n"
				 "NUMBER(TCR_EL1_T1SZ)=0xc\n");
	kcore_entries(&image, KCORE_512G)[at >> 39 & 511] = top[at >> 39 & 511];
	top[at >> 39 & 511] = 0;
	top[at >> 48 & 15] = kcore_table_address(KCORE_512G) | ARM_TABLE;
	map(0, UINT64_C(1) << 37 | 100, 1, ARM_RW & ~UINT64_C(0x300));
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(7).frame, UINT64_C(1) << 37 | 107);
	map(0, 100, 1, (ARM_RW & ~UINT64_C(0x300)) | 0x100);
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(7).frame, UINT64_C(1) << 38 | 107);
}

/* Set to 48 bits, it has four levels, and those bits say something else. */
static void test_arm64_48_of_52_bits(void **state)
{
	(void)state;
	kcore_init(&image, EM_AARCH64, ARM_TABLE);
	kcore_vmcoreinfo(&image, "NUMBER(VA_BITS)=52\n"
				 "NUMBER(TCR_EL1_T1SZ)=0x10\n");
	map(0, 100, 1, ARM_RW);
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	assert_int_equal(look(7).frame, 107);
}

/*
 * Pages of 64 KiB, three levels in one table: entry 1023 is its top one's, 100
 * and 256 are of those below. With 48 bits the end of the top table is used.
 */
static void test_arm64_64k(void **state)
{
	static const char *const t1sz[] = {"0xc", "0x10"};
	uint64_t *table = kcore_entries(&image, KCORE_TOP);
	char lines[160];

	(void)state;
	kcore_init(&image, EM_AARCH64, ARM_TABLE);
	table[1023] = KCORE_LOW | ARM_TABLE;
	table[100] = KCORE_LOW | ARM_TABLE;
	/* Bits 15 to 12 are the address's 51 to 48. */
	for (size_t i = 0; i < PAGES; i++)
		table[256 + i] = (100 + i) << 16 | 3 << 12 | ARM_RW;
	for (size_t i = 0; i < 2; i++) {
		snprintf(lines, sizeof(lines),
			 "PAGESIZE=65536\nSIZE(page)=64\n"
			 "SYMBOL(swapper_pg_dir)=ffffffff81000000\n"
			 "SYMBOL(vmemmap)=fffffc0c80000000\n"
			 "NUMBER(VA_BITS)=52\nNUMBER(TCR_EL1_T1SZ)=%s\n",
			 t1sz[i]);
		kcore_note(&image, "VMCOREINFO", lines);
		assert_layout(HVO_HOST_LAYOUT_FULL, 0);
		assert_int_equal(look(7).frame, UINT64_C(3) << 32 | 107);
		assert_int_equal(look(7).bytes, 65536);
	}
}

static void test_other_machines(void **state)
{
	(void)state;
	kcore_header(&image)->e_machine = EM_RISCV;
	assert_refused("only page tables of x86-64 and arm64");
	kcore_header(&image)->e_machine = EM_AARCH64;
	assert_refused("up to 52 bits");
	/* It could have been set to 48. */
	kcore_vmcoreinfo(&image, "NUMBER(VA_BITS)=52\n");
	assert_refused("up to 52 bits");
	kcore_vmcoreinfo(&image, "NUMBER(VA_BITS)=56\n"
				 "NUMBER(TCR_EL1_T1SZ)=0x8\n");
	assert_refused("up to 52 bits");
	kcore_vmcoreinfo(&image, "NUMBER(VA_BITS)=14\n");
	assert_refused("up to 52 bits");
}

/* A table where the core has no memory. */
static void test_table_out_of_reach(void **state)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;
	struct hvo_host_proof proof;

	(void)state;
	kcore_entries(&image, KCORE_2M)[at >> 21 & 511] =
	    UINT64_C(0x12345000) | X86_TABLE;
	assert_opens();
	assert_int_equal(
	    hvo_host_prove_layout(tables, KCORE_PFN, PAGES, &proof), -1);
	/* A segment says it is there, and the file ends before. */
	kcore_entries(&image, KCORE_2M)[at >> 21 & 511] =
	    KCORE_HIGH | X86_TABLE;
	assert_opens();
	assert_int_equal(
	    hvo_host_prove_layout(tables, KCORE_PFN, PAGES, &proof), -1);
}

static void test_top_out_of_reach(void **state)
{
	struct hvo_host_mapping mapping;

	(void)state;
	kcore_note(&image, "VMCOREINFO",
		   "PAGESIZE=4096\nSIZE(page)=64\n"
		   "SYMBOL(swapper_pg_dir)=fffffffffffffffe\n");
	assert_opens();
	assert_int_equal(hvo_host_tables_look(tables, KCORE_PFN, 0, &mapping),
			 -1);
}

/* Frames and pages beyond everything lead nowhere. */
static void test_far_frames(void **state)
{
	static const uint64_t far[] = {
	    UINT64_C(1) << 39, (UINT64_C(1) << 40) - 1, UINT64_C(1) << 40,
	    /* Around all addresses, and back to where pages are mapped. */
	    UINT64_C(1) << 52, (UINT64_C(1) << 58) + KCORE_PFN, UINT64_MAX};
	struct hvo_host_mapping mapping;
	struct hvo_host_proof proof;

	(void)state;
	map(0, 100, 1, X86_RW);
	assert_opens();
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		assert_int_equal(
		    hvo_host_tables_look(tables, far[i], 0, &mapping), 0);
		assert_false(mapping.mapped);
		assert_int_equal(
		    hvo_host_tables_look(tables, KCORE_PFN, far[i], &mapping),
		    0);
		assert_false(mapping.mapped);
	}
	assert_int_equal(
	    hvo_host_prove_layout(tables, KCORE_PFN, UINT64_MAX, &proof), -1);
}

/* ---- where the vmemmap is ------------------------------------------------ */

static void test_vmemmap_named(void **state)
{
	(void)state;
	map(0, 100, 1, X86_RW);
	kcore_segment(&image, KCORE_LOW_RECORDS)->p_type = PT_NULL;
	kcore_segment(&image, KCORE_HIGH_RECORDS)->p_type = PT_NULL;
	assert_refused("where the page descriptors are");
	kcore_vmcoreinfo(&image, "SYMBOL(vmemmap)=ffffea0000000000\n");
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
}

/* A page of descriptors that two ranges share is one's only. */
static void test_vmemmap_cut(void **state)
{
	Elf64_Phdr *records = kcore_segment(&image, KCORE_HIGH_RECORDS);

	(void)state;
	map(0, 100, 1, X86_RW);
	records->p_filesz -= 4096;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	records->p_vaddr += 4096;
	records->p_filesz -= 4096;
	assert_refused("where the page descriptors are");
	records->p_filesz += 4096;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	records->p_vaddr += 4096;
	records->p_filesz -= 4096;
	assert_refused("where the page descriptors are");
}

/* With one range alone, what is aligned counts. */
static void test_vmemmap_cut_alone(void **state)
{
	Elf64_Phdr *records = kcore_segment(&image, KCORE_HIGH_RECORDS);

	(void)state;
	map(0, 100, 1, X86_RW);
	kcore_segment(&image, KCORE_LOW_RECORDS)->p_type = PT_NULL;
	/* Of ranges like these a page holds all descriptors. */
	kcore_segment(&image, KCORE_LOW_SEGMENT)->p_filesz = 4096 * 64;
	kcore_segment(&image, KCORE_IMAGE_SEGMENT)->p_filesz = 4096 * 64;
	records->p_filesz -= 4096;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	records->p_vaddr += 4096;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
}

/* Each range of RAM has to have its own. */
static void test_vmemmap_missing(void **state)
{
	(void)state;
	kcore_segment(&image, KCORE_LOW_RECORDS)->p_vaddr += 1 << 20;
	assert_refused("where the page descriptors are");
}

/* Two that fit equally well: neither is believed. */
static void test_vmemmap_twice(void **state)
{
	(void)state;
	kcore_segment(&image, KCORE_LOW_SEGMENT)->p_type = PT_NULL;
	kcore_segment(&image, KCORE_LOW_RECORDS)->p_type = PT_NULL;
	kcore_segment(&image, KCORE_IMAGE_SEGMENT)->p_filesz = 4096;
	assert_opens();
	*kcore_segment(&image, KCORE_LOW_RECORDS) =
	    *kcore_segment(&image, KCORE_HIGH_RECORDS);
	assert_opens();
	kcore_segment(&image, KCORE_LOW_RECORDS)->p_vaddr += 1 << 30;
	assert_refused("where the page descriptors are");
}

/* ---- what is no core, or not all of one ---------------------------------- */

static void test_not_there(void **state)
{
	(void)state;
	assert_int_equal(hvo_host_tables_open(&tables, fixture.host, message,
					      sizeof(message)),
			 -1);
	assert_null(tables);
	assert_non_null(strstr(message, "CONFIG_PROC_KCORE"));
}

static void test_not_a_file(void **state)
{
	(void)state;
	host_fixture_parents(&fixture, PATH);
	assert_int_equal(mkfifo(host_fixture_path(&fixture, PATH), 0600), 0);
	assert_int_equal(hvo_host_tables_open(&tables, fixture.host, message,
					      sizeof(message)),
			 -1);
	assert_non_null(strstr(message, "no regular file"));
	assert_int_equal(remove(host_fixture_path(&fixture, PATH)), 0);
	assert_int_equal(mkdir(host_fixture_path(&fixture, PATH), 0700), 0);
	assert_int_equal(hvo_host_tables_open(&tables, fixture.host, message,
					      sizeof(message)),
			 -1);
	assert_non_null(strstr(message, "no regular file"));
}

static void test_headers(void **state)
{
	static const struct {
		size_t at;
		unsigned char byte;
	} wrong[] = {
	    {0, 0},
	    {EI_CLASS, ELFCLASS32},
	    {EI_DATA, ELFDATA2MSB},
	    {offsetof(Elf64_Ehdr, e_type), ET_EXEC},
	    {offsetof(Elf64_Ehdr, e_phentsize), 32},
	    {offsetof(Elf64_Ehdr, e_phnum), 0},
	    {offsetof(Elf64_Ehdr, e_phnum) + 1, 0xff},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		unsigned char was = image.bytes[wrong[i].at];

		image.bytes[wrong[i].at] = wrong[i].byte;
		assert_refused("is no ELF core");
		image.bytes[wrong[i].at] = was;
	}
	kcore_header(&image)->e_phoff = INT64_MAX;
	assert_refused("ends within");
	kcore_header(&image)->e_phoff = UINT64_MAX;
	assert_refused("ends within");
}

/* Wherever it is cut off, that is told; behind the tables it does not matter.
 */
static void test_cut_off(void **state)
{
	struct hvo_host_proof proof;

	(void)state;
	map(0, 100, 1, X86_RW);
	for (image.size = 0; image.size < KCORE_TABLES; image.size += 7)
		if (!open_image())
			assert_true(image.size > KCORE_NOTES);
		else
			assert_int_not_equal(message[0], '\0');
	for (; image.size < KCORE_BYTES; image.size += 4096) {
		assert_opens();
		if (image.size <= KCORE_TABLES + 4096 * KCORE_4K)
			assert_int_equal(hvo_host_prove_layout(
					     tables, KCORE_PFN, PAGES, &proof),
					 -1);
	}
}

/* Segments whose addresses or offsets wrap are none. */
static void test_wrapping_segments(void **state)
{
	Elf64_Phdr *high = kcore_segment(&image, KCORE_HIGH_SEGMENT);
	Elf64_Phdr was = *high;

	(void)state;
	map(0, 100, 1, X86_RW);
	/* If it were RAM, it would lack descriptors. */
	kcore_segment(&image, KCORE_HIGH_RECORDS)->p_type = PT_NULL;
	assert_refused("where the page descriptors are");
	high->p_vaddr = UINT64_MAX - 4096;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	*high = was;
	high->p_offset = UINT64_MAX;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	*high = was;
	high->p_paddr = UINT64_MAX - 4096;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	*high = was;
	high->p_filesz = UINT64_MAX;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
	*high = was;
	high->p_filesz = 0;
	assert_layout(HVO_HOST_LAYOUT_FULL, 0);
}

/* ---- notes --------------------------------------------------------------- */

static void test_notes(void **state)
{
	Elf64_Phdr *notes = kcore_segment(&image, KCORE_NOTE_SEGMENT);
	/* The second's header, behind the first's 12 bytes and content. */
	Elf64_Nhdr *note =
	    (void *)(image.bytes + KCORE_NOTES + sizeof(Elf64_Nhdr) + 12);
	Elf64_Nhdr was = *note;

	(void)state;
	assert_opens();
	note->n_namesz = UINT32_MAX;
	assert_refused("no note VMCOREINFO");
	*note = was;
	note->n_descsz = UINT32_MAX;
	assert_refused("no note VMCOREINFO");
	*note = was;
	notes->p_filesz -= 4;
	assert_refused("no note VMCOREINFO");
	notes->p_filesz = 1 << 21;
	assert_refused("no note VMCOREINFO");
	notes->p_filesz = 0;
	assert_refused("no note VMCOREINFO");
	kcore_note(&image, "VMCOREINFOS", "PAGESIZE=4096\n");
	assert_refused("no note VMCOREINFO");
}

static void test_lines(void **state)
{
	static const struct {
		const char *text, *missing;
	} wrong[] = {
	    {"", "PAGESIZE"},
	    {"PAGESIZE=4096", "PAGESIZE"},
	    {"PAGESIZE=4095\n", "PAGESIZE"},
	    {"PAGESIZE=-4096\n", "PAGESIZE"},
	    {"PAGESIZE=131072\n", "PAGESIZE"},
	    {"PAGESIZE=99999999999999999999999\n", "PAGESIZE"},
	    {"PAGESIZE=4096\n", "SIZE(page)"},
	    {"PAGESIZE=4096\nSIZE(page)=0\n", "SIZE(page)"},
	    {"PAGESIZE=4096\nSIZE(page)=63\n", "SIZE(page)"},
	    {"PAGESIZE=4096\nSIZE(page)=64\n", "SYMBOL(swapper_pg_dir)"},
	    {"PAGESIZE=4096\nSIZE(page)=64\nSYMBOL(swapper_pg_dir)=no\n",
	     "SYMBOL(swapper_pg_dir)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		kcore_note(&image, "VMCOREINFO", wrong[i].text);
		assert_refused(wrong[i].missing);
	}
	kcore_note(&image, "VMCOREINFO",
		   "PAGESIZE=65536\nSIZE(page)=64\n"
		   "SYMBOL(swapper_pg_dir)=ffffffff81000000\n");
	assert_refused("x86-64 has pages of 4 KiB");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_full),
	    TEST(test_full_scattered),
	    TEST(test_reserve_two),
	    TEST(test_device_dax),
	    TEST(test_fake_heads),
	    TEST(test_shared_tails),
	    TEST(test_other),
	    TEST(test_holes),
	    TEST(test_few_pages),
	    TEST(test_block_of_2m),
	    TEST(test_block_of_1g),
	    TEST(test_read_only_above),
	    TEST(test_five_levels),
	    TEST(test_encrypted),
	    TEST(test_arm64),
	    TEST(test_arm64_blocks),
	    TEST(test_arm64_39_bits),
	    TEST(test_arm64_52_bits),
	    TEST(test_arm64_48_of_52_bits),
	    TEST(test_arm64_64k),
	    TEST(test_other_machines),
	    TEST(test_table_out_of_reach),
	    TEST(test_top_out_of_reach),
	    TEST(test_far_frames),
	    TEST(test_vmemmap_named),
	    TEST(test_vmemmap_cut),
	    TEST(test_vmemmap_cut_alone),
	    TEST(test_vmemmap_missing),
	    TEST(test_vmemmap_twice),
	    TEST(test_not_there),
	    TEST(test_not_a_file),
	    TEST(test_headers),
	    TEST(test_cut_off),
	    TEST(test_wrapping_segments),
	    TEST(test_notes),
	    TEST(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
