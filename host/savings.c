/* SPDX-License-Identifier: MIT */
/*
 * What optimizing saves now. No file says which huge pages are optimized: the
 * whole is what descriptors should take less what is counted, and a part of it
 * is told only where it follows from the whole.
 */
#include "figure.h"
#include "parts.h"

/* ---- the most that can be ------------------------------------------------ */

/* Bytes saved if all of a pool's pages are optimized. */
static struct hvo_host_figure most_of(const struct hvo_host_pool *pool)
{
	if (!hvo_host_known(&pool->full_bytes))
		return pool->full_bytes;
	if (!hvo_host_known(&pool->optimized_bytes))
		return pool->optimized_bytes;
	return hvo_host_derived(pool->full_bytes.value -
				    pool->optimized_bytes.value,
				"full - optimized");
}

struct hvo_host_figure hvo_host_most(const struct hvo_host_status *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n_pools; i++) {
		struct hvo_host_figure most = most_of(&s->pools[i]);

		if (s->pools[i].node >= 0)
			continue;
		if (!hvo_host_known(&most))
			return most;
		if (__builtin_add_overflow(sum, most.value, &sum))
			return hvo_host_unknown("all pools",
						"it is too large to be true");
	}
	if (!s->n_pools)
		return hvo_host_unknown("/sys/kernel/mm/hugepages",
					"there are no pools");
	return hvo_host_derived(sum, "all pools");
}

/* ---- the whole ----------------------------------------------------------- */

/* Why the counters do not tell it, or NULL. */
static const char *counters_blurred(struct hvo_host *host,
				    const struct hvo_host_status *s)
{
	struct hvo_host_zones zones = hvo_host_read_zones(host);

	if (!hvo_host_is_zero(&s->memmap_on_memory_bytes))
		return "memmap_on_memory: descriptors that are counted lie in "
		       "memory that is not";
	if (!zones.known)
		return "/proc/zoneinfo, which names device memory, cannot be "
		       "read";
	if (s->n_dax || zones.device)
		return "device memory's descriptors are counted too";
	return NULL;
}

static struct hvo_host_figure by_counters(struct hvo_host *host,
					  const struct hvo_host_status *s,
					  const struct hvo_host_figure *most)
{
	static const char formula[] = "expected - counted descriptors";
	const char *blurred = counters_blurred(host, s);

	if (!hvo_host_known(&s->measured_bytes))
		return hvo_host_unknown(formula, s->measured_bytes.why);
	if (!hvo_host_known(&s->expected_bytes))
		return hvo_host_unknown(formula, s->expected_bytes.why);
	if (blurred)
		return hvo_host_unknown(formula, blurred);
	if (s->measured_bytes.value > s->expected_bytes.value)
		return hvo_host_unknown(formula, "the counters say more than "
						 "there can be");
	if (s->expected_bytes.value - s->measured_bytes.value > most->value)
		return hvo_host_unknown(formula, "the counters say less than "
						 "there can be");
	return hvo_host_derived(
	    s->expected_bytes.value - s->measured_bytes.value, formula);
}

static struct hvo_host_figure saved_by_all(struct hvo_host *host,
					   const struct hvo_host_status *s,
					   const struct hvo_host_figure *most)
{
	if (s->support == HVO_HOST_SUPPORT_NO)
		return hvo_host_derived(0, "this kernel has no HVO");
	if (hvo_host_before(s, 5, 19) && hvo_host_is_zero(&s->enabled))
		return hvo_host_derived(0, "off at boot, which was final "
					   "before 5.19");
	if (!hvo_host_known(most))
		return *most;
	if (!most->value)
		return hvo_host_derived(0, "no huge page can be optimized");
	return by_counters(host, s, most);
}

/* ---- parts of it --------------------------------------------------------- */

/* From what is saved follows what still can be, and what restoring takes. */
static void complete(const struct hvo_host_status *s,
		     const struct hvo_host_figure *most,
		     const struct hvo_host_figure *saved,
		     struct hvo_host_figure *could_save,
		     struct hvo_host_figure *to_restore)
{
	*to_restore = *saved;
	if (hvo_host_known(saved))
		to_restore->source = "what is saved";
	if (s->support == HVO_HOST_SUPPORT_NO)
		*could_save = hvo_host_derived(0, "this kernel has no HVO");
	else if (!hvo_host_known(most))
		*could_save = *most;
	else if (!hvo_host_known(saved))
		*could_save = *saved;
	else
		*could_save = hvo_host_derived(most->value - saved->value,
					       "full - optimized - saved");
}

/*
 * A pool's part of what the host saves: told when that is nothing, or all that
 * can be, or when no other pool has anything to save.
 */
static struct hvo_host_figure saved_by_pool(const struct hvo_host_status *s,
					    const struct hvo_host_figure *all,
					    const struct hvo_host_figure *most)
{
	if (hvo_host_is_zero(most))
		return hvo_host_derived(0, "it has nothing to optimize");
	if (!hvo_host_known(&s->saved) || !s->saved.value)
		return s->saved;
	if (!hvo_host_known(most))
		return *most;
	if (most->value == all->value)
		return hvo_host_derived(s->saved.value, "all of the host's");
	if (s->saved.value == all->value)
		return hvo_host_derived(most->value, "every huge page is "
						     "optimized");
	return hvo_host_unknown("/proc/vmstat", "no file tells which pages "
						"are optimized");
}

void hvo_host_derive_savings(struct hvo_host *host, struct hvo_host_status *s)
{
	struct hvo_host_figure all = hvo_host_most(s);

	s->saved = saved_by_all(host, s, &all);
	complete(s, &all, &s->saved, &s->could_save, &s->to_restore);
	for (size_t i = 0; i < s->n_pools; i++) {
		struct hvo_host_pool *pool = &s->pools[i];
		struct hvo_host_figure most = most_of(pool);

		pool->saved = saved_by_pool(s, &all, &most);
		complete(s, &most, &pool->saved, &pool->could_save,
			 &pool->to_restore);
	}
}
