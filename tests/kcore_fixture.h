/* SPDX-License-Identifier: MIT */
/*
 * A core as /proc/kcore has it, made here: a kernel with a top table in its
 * image, RAM from 1 MiB on where its other tables are, and RAM from 1 GiB on
 * where one huge page begins. Only what is read of these is in the file.
 */
#ifndef HVO_TEST_KCORE_FIXTURE_H
#define HVO_TEST_KCORE_FIXTURE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Where things are in the file. */
#define KCORE_HEADERS 64
#define KCORE_NOTES   0x400
#define KCORE_TABLES  0x1000
#define KCORE_BYTES   0x6000

/* Where they are in memory. */
#define KCORE_IMAGE    UINT64_C(0xffffffff81000000)
#define KCORE_DIRECT   UINT64_C(0xffff888000000000)
#define KCORE_VMEMMAP  UINT64_C(0xffffea0000000000)
#define KCORE_VMALLOC  UINT64_C(0xffffc90000000000)
#define KCORE_LOW      UINT64_C(0x100000)
#define KCORE_LOW_END  UINT64_C(0x200000)
#define KCORE_HIGH     UINT64_C(0x40000000)
#define KCORE_HIGH_END UINT64_C(0x40800000)
#define KCORE_PFN      (KCORE_HIGH / 4096)

/* Tables from the first of RAM on; the top one is the kernel image's. */
enum kcore_table { KCORE_TOP, KCORE_1G, KCORE_2M, KCORE_4K, KCORE_512G };

enum kcore_segment {
	KCORE_NOTE_SEGMENT,
	KCORE_IMAGE_SEGMENT,
	KCORE_VMALLOC_SEGMENT,
	KCORE_LOW_SEGMENT,
	KCORE_LOW_RECORDS,
	KCORE_HIGH_SEGMENT,
	KCORE_HIGH_RECORDS,
	KCORE_SEGMENTS
};

struct kcore_image {
	/* The file; as large as it is. */
	_Alignas(8) unsigned char bytes[KCORE_BYTES];
	size_t size;
};

static inline Elf64_Ehdr *kcore_header(struct kcore_image *image)
{
	return (void *)image->bytes;
}

static inline Elf64_Phdr *kcore_segment(struct kcore_image *image,
					enum kcore_segment i)
{
	return (Elf64_Phdr *)(void *)(image->bytes + KCORE_HEADERS) + i;
}

static inline uint64_t *kcore_entries(struct kcore_image *image,
				      enum kcore_table table)
{
	return (void *)(image->bytes + KCORE_TABLES + 4096 * (size_t)table);
}

static inline uint64_t kcore_table_address(enum kcore_table table)
{
	return KCORE_LOW + 4096 * (uint64_t)table;
}

/* Replace the notes: one named CORE, and one of that name and content. */
static inline void kcore_note(struct kcore_image *image, const char *name,
			      const char *text)
{
	Elf64_Nhdr note = {.n_namesz = 5, .n_descsz = 3};
	unsigned char *at = image->bytes + KCORE_NOTES;

	memcpy(at, &note, sizeof(note));
	memcpy(at + sizeof(note), "CORE\0\0\0\0abc", 12);
	at += sizeof(note) + 12;
	note.n_namesz = (Elf64_Word)strlen(name) + 1;
	note.n_descsz = (Elf64_Word)strlen(text);
	memcpy(at, &note, sizeof(note));
	at += sizeof(note);
	memset(at, 0, 16);
	memcpy(at, name, note.n_namesz);
	at += (note.n_namesz + 3) / 4 * 4;
	memcpy(at, text, note.n_descsz);
	at += (note.n_descsz + 3) / 4 * 4;
	kcore_segment(image, KCORE_NOTE_SEGMENT)->p_filesz =
	    (Elf64_Xword)(at - image->bytes - KCORE_NOTES);
}

/* What a kernel says of itself, with further lines. */
static inline void kcore_vmcoreinfo(struct kcore_image *image, const char *more)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "OSRELEASE=6.1.0-test\n"
		 "PAGESIZE=4096\n"
		 "SYMBOL(swapper_pg_dir)=%llx\n"
		 "SIZE(page)=64\n"
		 "NUMBER(phys_base)=-597688320\n%s",
		 (unsigned long long)KCORE_IMAGE, more);
	kcore_note(image, "VMCOREINFO", text);
}

static inline void kcore_add(struct kcore_image *image, enum kcore_segment i,
			     uint64_t address, uint64_t physical,
			     uint64_t bytes, uint64_t offset)
{
	*kcore_segment(image, i) = (Elf64_Phdr){.p_type = PT_LOAD,
						.p_vaddr = address,
						.p_paddr = physical,
						.p_filesz = bytes,
						.p_memsz = bytes,
						.p_offset = offset};
}

/* RAM, and behind it the segment of its descriptors, in whole pages. */
static inline void kcore_add_ram(struct kcore_image *image,
				 enum kcore_segment i, uint64_t start,
				 uint64_t end, uint64_t offset)
{
	uint64_t first = start / 64 / 4096 * 4096;
	uint64_t last = (end / 64 + 4095) / 4096 * 4096;

	kcore_add(image, i, KCORE_DIRECT + start, start, end - start, offset);
	kcore_add(image, i + 1, KCORE_VMEMMAP + first, UINT64_MAX, last - first,
		  UINT64_C(0x700000000000));
}

/*
 * Tables lead to that of the pages that describe the huge page; the entries of
 * that table are 0. `down` is what an entry says that leads to a table.
 */
static inline void kcore_init(struct kcore_image *image, unsigned machine,
			      uint64_t down)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;

	*image = (struct kcore_image){.size = KCORE_BYTES};
	*kcore_header(image) = (Elf64_Ehdr){
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_CORE,
	    .e_machine = (Elf64_Half)machine,
	    .e_phoff = KCORE_HEADERS,
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = KCORE_SEGMENTS,
	};
	*kcore_segment(image, KCORE_NOTE_SEGMENT) =
	    (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = KCORE_NOTES};
	kcore_add(image, KCORE_IMAGE_SEGMENT, KCORE_IMAGE, KCORE_LOW, 1 << 19,
		  KCORE_TABLES);
	kcore_add(image, KCORE_VMALLOC_SEGMENT, KCORE_VMALLOC, UINT64_MAX,
		  UINT64_C(0x1fffffffffff), UINT64_C(0x490000000000));
	kcore_add_ram(image, KCORE_LOW_SEGMENT, KCORE_LOW, KCORE_LOW_END,
		      KCORE_TABLES);
	kcore_add_ram(image, KCORE_HIGH_SEGMENT, KCORE_HIGH, KCORE_HIGH_END,
		      KCORE_BYTES);
	kcore_entries(image, KCORE_TOP)[at >> 39 & 511] =
	    kcore_table_address(KCORE_1G) | down;
	kcore_entries(image, KCORE_1G)[at >> 30 & 511] =
	    kcore_table_address(KCORE_2M) | down;
	kcore_entries(image, KCORE_2M)[at >> 21 & 511] =
	    kcore_table_address(KCORE_4K) | down;
}

/* The entry of the huge page's vmemmap page i. */
static inline uint64_t *kcore_page(struct kcore_image *image, size_t i)
{
	uint64_t at = KCORE_VMEMMAP + KCORE_PFN * 64;

	return &kcore_entries(image, KCORE_4K)[(at >> 12 & 511) + i];
}

#endif
