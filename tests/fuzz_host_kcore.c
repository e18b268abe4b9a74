/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: a core that makes sense, in which the input changes
 * something. Its first bytes say where the core ends; each ten bytes that
 * follow are an offset and a word to put there. Whatever comes of it is refused
 * with a sentence, or leads somewhere: what is saved is less than there is.
 */
#include <stdint.h>
#include "host_fixture.h"
#include "kcore_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TABLE UINT64_C(0x67)
#define PAGE  UINT64_C(0x63)
#define PAGES 8

static void change(struct kcore_image *image, const uint8_t *data, size_t size)
{
	for (; size >= 10; data += 10, size -= 10) {
		size_t at = (data[0] | (size_t)data[1] << 8) %
			    (KCORE_BYTES - sizeof(uint64_t));

		memcpy(image->bytes + at, data + 2, sizeof(uint64_t));
	}
}

static void check(const struct hvo_host_tables *tables, uint64_t pfn)
{
	struct hvo_host_mapping mapping;
	struct hvo_host_proof proof;

	if (!hvo_host_prove_layout(tables, pfn, PAGES, &proof) &&
	    (proof.saves >= PAGES || !hvo_host_layout_name(proof.layout)))
		abort();
	if (!hvo_host_tables_look(tables, pfn, 0, &mapping) &&
	    ((!mapping.mapped && (mapping.writable || mapping.frame)) ||
	     (mapping.mapped && mapping.bytes < 4096)))
		abort();
}

static void check_all(const struct host_fixture *fixture)
{
	struct hvo_host_tables *tables;
	char message[512] = "";

	if (hvo_host_tables_open(&tables, fixture->host, message,
				 sizeof(message))) {
		if (tables || !message[0])
			abort();
		return;
	}
	check(tables, 0);
	check(tables, KCORE_PFN);
	check(tables, (UINT64_C(1) << 40) - 1);
	hvo_host_tables_close(tables);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_fixture fixture = {0};
	struct kcore_image image;

	if (size < 2)
		return 0;
	kcore_init(&image, EM_X86_64, TABLE);
	kcore_vmcoreinfo(&image, "NUMBER(pgtable_l5_enabled)=0\n");
	for (size_t i = 0; i < PAGES; i++)
		*kcore_page(&image, i) = (100 + i) << 12 | PAGE;
	change(&image, data + 2, size - 2);
	image.size -= (data[0] | (size_t)data[1] << 8) % KCORE_BYTES;
	host_fixture_open(&fixture);
	host_fixture_write(&fixture, "/proc/kcore", image.bytes, image.size);
	check_all(&fixture);
	host_fixture_close(&fixture);
	return 0;
}
