/* SPDX-License-Identifier: MIT */
/* hvo host inspect: the drawing, and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include "cmd.h"
#include "host_inspect.h"
#include "json.h"
#include "size.h"

static uint64_t saved_bytes(const struct inspect *i)
{
	return hvo_host_layout_saves(i->layout, i->pages) * i->base_page;
}

/* Different frames that they lead to. */
static uint64_t frames(const struct inspect *i)
{
	return hvo_picture_frames(&i->picture, HVO_PROT_WRITE) +
	       hvo_picture_frames(&i->picture, HVO_PROT_READ);
}

/* ---- as text ------------------------------------------------------------- */

static void print_title(const struct inspect *i)
{
	char size[HVO_SIZE_TEXT];

	hvo_size_format(i->base_page << i->order, size);
	switch (i->kind) {
	case INSPECT_HUGE:
		printf("The descriptors of the huge page of %s at frame "
		       "%" PRIu64 "\n",
		       size, i->head);
		break;
	case INSPECT_COMPOUND:
		printf("The descriptors of the compound page of %s at frame "
		       "%" PRIu64 ", no huge page of a pool\n",
		       size, i->head);
		break;
	case INSPECT_BASE:
		printf("Frame %" PRIu64 " is no huge page's; the descriptors "
		       "of %s around it, from frame %" PRIu64 " on\n",
		       i->pfn, size, i->head);
		break;
	case INSPECT_ASKED:
		printf("The descriptors of %s at frame %" PRIu64 "\n", size,
		       i->head);
	}
}

static void print_subtitle(const struct inspect *i)
{
	char base[HVO_SIZE_TEXT], bytes[HVO_SIZE_TEXT];

	printf("Linux %s; %" PRIu64 " base pages of %s, %" PRIu64
	       " bytes each: %s\n\n",
	       hvo_host_tables_release(i->tables), UINT64_C(1) << i->order,
	       hvo_size_format(i->base_page, base), i->record,
	       hvo_size_format(i->record << i->order, bytes));
}

/* What a layout is called, and is. */
static const char *explain(enum hvo_host_layout layout)
{
	switch (layout) {
	case HVO_HOST_LAYOUT_FULL:
		return "full, not optimized: each vmemmap page has a frame of "
		       "its own";
	case HVO_HOST_LAYOUT_RESERVE_TWO:
		return "reserve two (Linux 5.14 to 5.17): from the third on, "
		       "all lead to the second's frame";
	case HVO_HOST_LAYOUT_DEVICE_DAX:
		return "device DAX (Linux 5.19 and later): from the third on, "
		       "all lead to the second's frame, writable";
	case HVO_HOST_LAYOUT_FAKE_HEADS:
		return "fake heads (Linux 5.18 to 7.0): all lead to the "
		       "first's frame";
	case HVO_HOST_LAYOUT_SHARED_TAILS:
		return "shared tails (Linux 7.1 and later): all but the first "
		       "lead to a frame that huge pages share";
	default:
		return "none of the known layouts: it is perhaps being changed "
		       "just now; look again";
	}
}

static void print_proof(const struct inspect *i)
{
	char saved[HVO_SIZE_TEXT], all[HVO_SIZE_TEXT], block[HVO_SIZE_TEXT];

	puts("\nrw: read-write; ro: read-only");
	if (i->block > i->base_page)
		printf("One entry of the kernel's tables maps a block of %s.\n",
		       hvo_size_format(i->block, block));
	printf("Layout: %s.\n", explain(i->layout));
	/* Descriptors that fill no page share it with others'. */
	printf("It saves %s of %s.\n", hvo_size_format(saved_bytes(i), saved),
	       hvo_size_format(i->record << i->order, all));
}

static void print_text(const struct inspect *i)
{
	struct hvo_picture picture = i->picture;

	snprintf(picture.title, sizeof(picture.title), "%s",
		 hvo_host_layout_name(i->layout));
	picture.headless = i->kind == INSPECT_BASE;
	print_title(i);
	print_subtitle(i);
	/* Columns matter to several pictures. */
	hvo_picture_print(stdout, &picture, 1, hvo_picture_unicode(), 0);
	print_proof(i);
}

/* ---- as JSON ------------------------------------------------------------- */

static struct json_object *run_json(const struct hvo_picture_run *run)
{
	struct json_object *o = json_object_new_object();

	hvo_json_int(o, "page", run->page);
	hvo_json_int(o, "pages", run->count);
	hvo_json_int(o, "frame", run->frame);
	hvo_json_int(o, "frames", run->step ? run->count : 1);
	hvo_json_bool(o, "writable", run->prot == HVO_PROT_WRITE);
	return o;
}

static int print_json(const struct inspect *i)
{
	static const char *const kinds[] = {
	    [INSPECT_HUGE] = "huge",
	    [INSPECT_COMPOUND] = "compound",
	    [INSPECT_BASE] = "base",
	    [INSPECT_ASKED] = "asked",
	};
	struct json_object *o = json_object_new_object();
	struct json_object *runs = json_object_new_array();

	hvo_json_int(o, "hvo", 1);
	hvo_json_text(o, "verb", "host inspect");
	hvo_json_text(o, "release", hvo_host_tables_release(i->tables));
	hvo_json_text(o, "kind", kinds[i->kind]);
	hvo_json_int(o, "pfn", i->pfn);
	hvo_json_int(o, "head", i->head);
	hvo_json_int(o, "size", i->base_page << i->order);
	hvo_json_int(o, "base_page", i->base_page);
	hvo_json_int(o, "record", i->record);
	hvo_json_int(o, "vmemmap_pages", i->pages);
	hvo_json_int(o, "entry", i->block);
	hvo_json_text(o, "layout", hvo_host_layout_name(i->layout));
	hvo_json_int(o, "frames", frames(i));
	hvo_json_int(o, "saved", saved_bytes(i));
	for (size_t n = 0; n < i->picture.n; n++)
		json_object_array_add(runs, run_json(&i->picture.runs[n]));
	json_object_object_add(o, "runs", runs);
	return hvo_json_print(o);
}

int inspect_tell(const struct inspect *inspect)
{
	if (inspect->json)
		return print_json(inspect);
	print_text(inspect);
	return HVO_EXIT_OK;
}
