/* SPDX-License-Identifier: MIT */
/*
 * struct page in BTF (Linux's Documentation/bpf/btf.rst), by libbpf. The
 * structure is nested: what is looked for may lie in unnamed structures and
 * unions of it.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "btf.h"
#include "figure.h"
#include "hvo/geometry.h"

#define BTF_PATH  "/sys/kernel/btf/vmlinux"
#define BTF_BYTES (64u << 20) /* ten times what kernels have */

/* A search that hostile types, which may nest in a circle, cannot prolong. */
struct search {
	const struct btf *btf;
	unsigned members; /* still to be looked at */
};

#define SEARCH_MEMBERS 4096
#define SEARCH_DEPTH   8

static bool has_member(struct search *search, uint32_t id, const char *name,
		       unsigned depth)
{
	const struct btf_type *type = btf__type_by_id(search->btf, id);
	const struct btf_member *member;

	if (!type || !btf_is_composite(type) || depth > SEARCH_DEPTH)
		return false;
	member = btf_members(type);
	for (unsigned i = 0; i < btf_vlen(type) && search->members; i++) {
		const char *own =
		    btf__name_by_offset(search->btf, member[i].name_off);

		search->members--;
		if (own && !strcmp(own, name))
			return true;
		if (own && !*own &&
		    has_member(search, member[i].type, name, depth + 1))
			return true;
	}
	return false;
}

static bool page_has(const struct btf *btf, uint32_t id, const char *name)
{
	struct search search = {btf, SEARCH_MEMBERS};

	return has_member(&search, id, name, 0);
}

static void parse_page(const struct btf *btf, const char *source,
		       struct hvo_host_figure *page_struct,
		       enum hvo_host_encoding *encoding)
{
	int id = btf__find_by_name_kind(btf, "page", BTF_KIND_STRUCT);
	const struct btf_type *type =
	    id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	if (!type) {
		*page_struct = hvo_host_unknown(source, "it has no struct "
							"page");
		return;
	}
	if (page_has(btf, (uint32_t)id, "compound_info"))
		*encoding = HVO_HOST_ENCODING_INFO;
	else if (page_has(btf, (uint32_t)id, "compound_head"))
		*encoding = HVO_HOST_ENCODING_POINTER;
	if (type->size < HVO_RECORD_MIN || type->size > HVO_RECORD_MAX ||
	    type->size % HVO_RECORD_MIN)
		*page_struct = hvo_host_unknown(source, "no struct page has "
							"the size it says");
	else
		*page_struct = hvo_host_measured(type->size, source);
}

void hvo_host_parse_btf(const char *data, size_t length, const char *source,
			struct hvo_host_figure *page_struct,
			enum hvo_host_encoding *encoding)
{
	/* What libbpf has to say of bad data is not for stderr. */
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	struct btf *btf = btf__new(data, (uint32_t)length);

	*encoding = HVO_HOST_ENCODING_UNKNOWN;
	if (btf)
		parse_page(btf, source, page_struct, encoding);
	else
		*page_struct = hvo_host_unknown(source, "it is no BTF");
	btf__free(btf);
	libbpf_set_print(print);
}

void hvo_host_read_btf(struct hvo_host *host)
{
	size_t length;
	char *data;

	if (host->btf_read)
		return;
	data = hvo_host_read_bytes(host, BTF_PATH, BTF_BYTES, &length);
	if (data)
		hvo_host_parse_btf(data, length, BTF_PATH, &host->page_struct,
				   &host->encoding);
	else
		host->page_struct =
		    hvo_host_unknown(BTF_PATH, hvo_host_why(errno));
	free(data);
	host->btf_read = !host->no_memory;
}
