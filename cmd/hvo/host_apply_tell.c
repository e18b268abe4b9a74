/* SPDX-License-Identifier: MIT */
/* hvo host apply: what it would do, as commands, and what it did. */
#include <inttypes.h>
#include <stdio.h>
#include "cmd.h"
#include "host_apply.h"
#include "host_settings.h"
#include "json.h"
#include "size.h"

/* Linux's Documentation/admin-guide/kernel-parameters.txt, sysctl/vm.rst. */
static const char *parameter(const struct apply *a)
{
	return a->off ? "hugetlb_free_vmemmap=off" : "hugetlb_free_vmemmap=on";
}

static const char *setting(const struct apply *a)
{
	return a->off ? "vm.hugetlb_optimize_vmemmap = 0"
		      : "vm.hugetlb_optimize_vmemmap = 1";
}

/* "2 MiB, node 0" */
static void name_pool(const struct apply_pool *p, char *name, size_t length)
{
	char size[HVO_SIZE_TEXT];

	hvo_size_format(p->pool->size, size);
	if (p->pool->node < 0)
		snprintf(name, length, "%s", size);
	else
		snprintf(name, length, "%s, node %d", size, p->pool->node);
}

/* ---- commands ------------------------------------------------------------ */

/* In one step: by hand, more would renew the same pages over again. */
static void print_commands(const struct apply *a)
{
	char path[HVO_HOST_POOL_FILE], name[48];

	printf("echo %d >" HVO_HOST_SWITCH "\n", !a->off);
	for (size_t i = 0; i < a->n_pools; i++) {
		const struct apply_pool *p = &a->pools[i];

		name_pool(p, name, sizeof(name));
		if (p->skipped && p->total)
			printf("# %s is left alone: %s\n", name, p->skipped);
		if (!p->renew)
			continue;
		hvo_host_pool_file(p->pool, path);
		printf("# %s: %" PRIu64 " of %" PRIu64
		       " huge pages are free; %" PRIu64 " at a time\n",
		       name, p->renew, p->total, p->step);
		printf("echo %" PRIu64 " >%s\n", p->total - p->renew, path);
		printf("echo %" PRIu64 " >%s\n", p->total, path);
	}
}

/* ---- as text ------------------------------------------------------------- */

static void print_renewed(const struct apply_pool *p, const char *name)
{
	printf("%s: renewed %" PRIu64 " of %" PRIu64 " huge pages", name,
	       p->done, p->total);
	if (p->done < p->total)
		printf("; %" PRIu64 " in use or reserved stay as they are",
		       p->total - p->done);
	putchar('\n');
}

static void print_pools(const struct apply *a)
{
	char name[48];

	for (size_t i = 0; i < a->n_pools; i++) {
		const struct apply_pool *p = &a->pools[i];

		if (!p->total)
			continue;
		name_pool(p, name, sizeof(name));
		if (p->skipped)
			printf("%s: left alone: %s\n", name, p->skipped);
		else
			print_renewed(p, name);
	}
}

static void print_saved(const struct apply *a)
{
	uint64_t page = a->status.base_page.value;
	char bytes[HVO_SIZE_TEXT];

	if (!a->counted || a->before == a->after)
		return;
	if (a->before > a->after)
		printf("The memory map is %s smaller.\n",
		       hvo_size_format((a->before - a->after) * page, bytes));
	else
		printf("The memory map is %s larger.\n",
		       hvo_size_format((a->after - a->before) * page, bytes));
}

static void print_text(const struct apply *a)
{
	const char *state = a->off ? "off" : "on";

	printf("HVO is %s%s.\n", state,
	       a->status.enabled.value == !a->off ? " (it was before)" : "");
	print_pools(a);
	print_saved(a);
	printf("To make it last, boot with %s, which also holds for pages\n"
	       "allocated at boot; or put this into /etc/sysctl.d/hvo.conf:\n"
	       "%s\n",
	       parameter(a), setting(a));
}

/* ---- as JSON ------------------------------------------------------------- */

static struct json_object *pool_json(const struct apply_pool *p)
{
	struct json_object *o = json_object_new_object();

	hvo_json_int(o, "size", p->pool->size);
	json_object_object_add(
	    o, "node",
	    p->pool->node < 0 ? NULL : json_object_new_int(p->pool->node));
	hvo_json_int(o, "total", p->total);
	hvo_json_int(o, "renewable", p->renew);
	hvo_json_int(o, "renewed", p->done);
	json_object_object_add(o, "skipped",
			       p->skipped ? json_object_new_string(p->skipped)
					  : NULL);
	return o;
}

static int print_json(const struct apply *a)
{
	struct json_object *o = json_object_new_object();
	struct json_object *pools = json_object_new_array();
	int64_t saved = (int64_t)(a->before - a->after);

	hvo_json_int(o, "hvo", 1);
	hvo_json_text(o, "verb", "host apply");
	hvo_json_bool(o, "dry_run", a->dry_run);
	hvo_json_bool(o, "enabled_before", a->status.enabled.value);
	hvo_json_bool(o, "enabled",
		      a->dry_run ? a->status.enabled.value != 0 : !a->off);
	for (size_t i = 0; i < a->n_pools; i++)
		json_object_array_add(pools, pool_json(&a->pools[i]));
	json_object_object_add(o, "pools", pools);
	/* Bytes of memory map; less than 0 if it became larger. */
	json_object_object_add(
	    o, "saved",
	    a->counted ? json_object_new_int64(
			     saved * (int64_t)a->status.base_page.value)
		       : NULL);
	hvo_json_text(o, "kernel_parameter", parameter(a));
	hvo_json_text(o, "sysctl", setting(a));
	return hvo_json_print(o);
}

int apply_tell(const struct apply *a)
{
	if (a->json)
		return print_json(a);
	if (a->dry_run)
		print_commands(a);
	else
		print_text(a);
	return HVO_EXIT_OK;
}
