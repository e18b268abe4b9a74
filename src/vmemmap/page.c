/* SPDX-License-Identifier: MIT */
/* Our own struct page as the engine sees it. */

#include "hvo/page.h"

static void set_domain(struct hvo_page *page, unsigned domain)
{
	atomic_store_explicit(&page->flags,
			      (uint64_t)domain << HVO_PAGE_DOMAIN_SHIFT,
			      memory_order_relaxed);
}

static void fresh_page(void *record, hvo_pfn_t pfn, unsigned domain)
{
	(void)pfn;
	set_domain(record, domain);
}

static void tail_page(void *record, unsigned order, unsigned domain)
{
	(void)order;
	set_domain(record, domain);
}

struct hvo_record hvo_page_record(void)
{
	return (struct hvo_record){
	    .size = sizeof(struct hvo_page),
	    .info_offset = offsetof(struct hvo_page, compound_info),
	    .fresh = fresh_page,
	    .tail = tail_page,
	};
}
