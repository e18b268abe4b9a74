/* SPDX-License-Identifier: MIT */
/* VMCOREINFO: the lines that lead to the kernel's page tables. */
#include <errno.h>
#include <stdlib.h>
#include "text.h"
#include "vmcoreinfo.h"

/* The numbers here have bases as each line's kind has it; 0: 0x is hex. */
static bool number(const char *text, const char *key, int base, uint64_t *out)
{
	const char *value = hvo_text_value(text, key);
	unsigned long long n;
	char *end;

	if (!value)
		return false;
	errno = 0;
	n = strtoull(value, &end, base);
	if (errno || end == value || *end != '\n')
		return false;
	*out = n;
	return true;
}

static bool is_page_size(uint64_t bytes)
{
	return bytes >= 4096 && bytes <= 65536 && !(bytes & (bytes - 1));
}

/* Descriptors are words, and several to a page. */
static bool is_record_size(uint64_t bytes)
{
	return bytes >= 8 && bytes <= 512 && bytes % 8 == 0;
}

/*
 * What it was made for, and 64 - T1SZ (Arm ARM DDI 0487, TCR_EL1): what the
 * hardware was set to, which is less if that cannot have 52. Where a kernel for
 * 52 does not tell, it may be either.
 */
static void read_arm64(struct hvo_vmcoreinfo *info, const char *text)
{
	uint64_t bits = 0, t1sz = 0;

	if (!number(text, "NUMBER(VA_BITS)=", 0, &bits) || bits > 52)
		return;
	info->table_bits = (unsigned)bits;
	if (number(text, "NUMBER(TCR_EL1_T1SZ)=", 0, &t1sz) &&
	    t1sz >= 64 - bits && t1sz < 64)
		info->address_bits = (unsigned)(64 - t1sz);
	else if (bits <= 48)
		info->address_bits = (unsigned)bits;
}

bool hvo_vmcoreinfo_parse(struct hvo_vmcoreinfo *info, const char *text,
			  const char **missing)
{
	const char *release = hvo_text_value(text, "OSRELEASE=");
	uint64_t levels = 0;

	*info = (struct hvo_vmcoreinfo){0};
	if (release)
		hvo_text_copy_line(info->release, sizeof(info->release),
				   release);
	*missing = "PAGESIZE";
	if (!number(text, "PAGESIZE=", 10, &info->page_bytes) ||
	    !is_page_size(info->page_bytes))
		return false;
	*missing = "SIZE(page)";
	if (!number(text, "SIZE(page)=", 10, &info->record_bytes) ||
	    !is_record_size(info->record_bytes))
		return false;
	*missing = "SYMBOL(swapper_pg_dir)";
	if (!number(text, "SYMBOL(swapper_pg_dir)=", 16, &info->tables))
		return false;
	number(text, "SYMBOL(vmemmap)=", 16, &info->vmemmap);
	number(text, "NUMBER(sme_mask)=", 0, &info->encrypted);
	number(text, "NUMBER(pgtable_l5_enabled)=", 10, &levels);
	info->five_levels = levels;
	read_arm64(info, text);
	return true;
}
