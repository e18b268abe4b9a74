/* SPDX-License-Identifier: MIT */
/* What the kernel's type information says of struct page: private here. */
#ifndef HVO_HOST_BTF_H
#define HVO_HOST_BTF_H

#include "tree.h"

/* Read it, once, into host->page_struct and host->encoding. */
void hvo_host_read_btf(struct hvo_host *host);

/*
 * The same of BTF in memory; the figure's source is `source`. A size that no
 * struct page can have is unknown.
 */
void hvo_host_parse_btf(const char *data, size_t length, const char *source,
			struct hvo_host_figure *page_struct,
			enum hvo_host_encoding *encoding);

#endif
