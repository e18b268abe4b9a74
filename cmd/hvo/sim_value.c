/* SPDX-License-Identifier: MIT */
/*
 * Values of a script, and the commands that use them: expect and let.
 *
 *   VALUE  TERM [+|- TERM]...
 *   TERM   a number, a size (which counts base pages), a number kept by let,
 *          a statistic of all nodes or of one (NAME@NODE), or a folio's
 *          NAME.pfn, NAME.order, NAME.pages, NAME.optimized (0 or 1), and of
 *          any name NAME.count
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

/* ---- statistics --------------------------------------------------------- */

/* Those that a node has, too. False: there is none of that name. */
static bool node_stat(const struct hvo_mm_stats *s, const char *name,
		      uint64_t *value)
{
	const struct {
		const char *name;
		uint64_t value;
	} more[] = {
	    {"free", s->owner[HVO_OWNER_FREE] + s->owner[HVO_OWNER_CACHE]},
	    {"present", s->present},
	    {"bad", s->poisoned},
	    {"unrecoverable", s->unrecoverable},
	    {"hosts", s->hosts},
	    {"deferred", s->deferred},
	};

	for (unsigned i = 0; i < sizeof(more) / sizeof(*more); i++)
		if (!strcmp(name, more[i].name)) {
			*value = more[i].value;
			return true;
		}
	for (unsigned i = 0; i < HVO_OWNERS; i++)
		if (!strcmp(name, hvo_owner_name((enum hvo_owner)i))) {
			*value = s->owner[i];
			return true;
		}
	return false;
}

static uint64_t optimized_folios(const struct hvo_vmemmap_stats *v)
{
	uint64_t n = 0;

	for (unsigned k = 0; k < HVO_ORDERS; k++)
		n += v->folios[k];
	return n;
}

/* Those of the whole machine. */
static bool machine_stat(const struct hvo_sim *sim, const char *name,
			 uint64_t *value)
{
	struct hvo_vmemmap_stats v;

	hvo_vmemmap_stats(hvo_mm_vmemmap(sim->mm), &v);
	if (!strcmp(name, "frames"))
		*value = v.frames_owned + v.frames_shared;
	else if (!strcmp(name, "shared"))
		*value = v.frames_shared;
	else if (!strcmp(name, "optimized"))
		*value = optimized_folios(&v);
	else if (!strcmp(name, "measured"))
		*value = hvo_machine_measured(sim->machine) / sim->base_page;
	else if (!strcmp(name, "failed"))
		*value = hvo_machine_failed(sim->machine);
	else
		return false;
	return true;
}

/* NAME or NAME@NODE */
static bool statistic(struct hvo_sim *sim, const char *text, uint64_t *value)
{
	char name[HVO_SIM_NAME] = "";
	const char *at = strchr(text, '@');
	size_t length = at ? (size_t)(at - text) : strlen(text);
	struct hvo_mm_stats s;
	char *end;

	if (!sim->mm || length >= sizeof(name))
		return false;
	memcpy(name, text, length);
	if (at) {
		unsigned long node = strtoul(at + 1, &end, 10);

		if (!at[1] || *end || node >= HVO_NODES_MAX ||
		    hvo_mm_node_stats(sim->mm, (unsigned)node, &s))
			return false;
		return node_stat(&s, name, value);
	}
	hvo_mm_stats(sim->mm, &s);
	return node_stat(&s, name, value) || machine_stat(sim, name, value);
}

/* ---- folios ------------------------------------------------------------- */

static bool of_folio(const struct hvo_sim *sim,
		     const struct hvo_sim_folio *folio, const char *what,
		     uint64_t *value)
{
	if (!strcmp(what, "pfn"))
		*value = folio->pfn;
	else if (!strcmp(what, "order"))
		*value = folio->order;
	else if (!strcmp(what, "pages"))
		*value = UINT64_C(1) << folio->order;
	else if (!strcmp(what, "optimized"))
		*value = hvo_folio_optimized(sim->mm,
					     hvo_mm_page(sim->mm, folio->pfn));
	else
		return false;
	return true;
}

/* NAME.count: 0 if there is no such folio. */
static uint64_t count_of(struct hvo_sim *sim, const char *name)
{
	struct hvo_page **pages = NULL;
	size_t n;

	if (!hvo_sim_group(sim, name, &pages, &n))
		free(pages);
	return n;
}

/* NAME.WHAT */
static bool property(struct hvo_sim *sim, const char *text, uint64_t *value)
{
	const char *dot = strrchr(text, '.');
	const struct hvo_sim_folio *folio;
	char name[HVO_SIM_NAME] = "";

	if (!dot || dot == text || (size_t)(dot - text) >= sizeof(name))
		return false;
	memcpy(name, text, (size_t)(dot - text));
	if (!strcmp(dot + 1, "count")) {
		*value = count_of(sim, name);
		return true;
	}
	folio = hvo_sim_find(sim, name, strlen(name));
	return folio && of_folio(sim, folio, dot + 1, value);
}

/* ---- numbers that are kept ----------------------------------------------- */

static struct hvo_sim_number *find_number(struct hvo_sim *sim, const char *name)
{
	for (size_t i = 0; i < sim->number_count; i++)
		if (!strcmp(sim->numbers[i].name, name))
			return &sim->numbers[i];
	return NULL;
}

static int keep_number(struct hvo_sim *sim, const char *name, uint64_t value)
{
	struct hvo_sim_number *number = find_number(sim, name);

	if (!number) {
		number = reallocarray(sim->numbers, sim->number_count + 1,
				      sizeof(*number));
		if (!number)
			return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
		sim->numbers = number;
		number += sim->number_count++;
		strcpy(number->name, name);
	}
	number->value = value;
	return 0;
}

/* ---- values ------------------------------------------------------------- */

static int term(struct hvo_sim *sim, const char *text, uint64_t *value)
{
	const struct hvo_sim_number *number;

	if (*text >= '0' && *text <= '9')
		return hvo_sim_pages(sim, text, value);
	number = find_number(sim, text);
	if (number) {
		*value = number->value;
		return 0;
	}
	if (statistic(sim, text, value) ||
	    hvo_sim_pool_stat(sim, text, value) ||
	    hvo_sim_area_stat(sim, text, value) ||
	    hvo_sim_device_stat(sim, text, value) || property(sim, text, value))
		return 0;
	return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
			   "'%s' is no number, statistic, number kept by let, "
			   "or property of a folio",
			   text);
}

static const char *const operators[] = {"==", "!=", "<", "<=", ">", ">="};

static int find_operator(const char *word)
{
	for (int i = 0; i < 6; i++)
		if (!strcmp(operators[i], word))
			return i;
	return -1;
}

/* TERM [+|- TERM]... from word *at on; *at is then the word behind it. */
static int value(struct hvo_sim *sim, unsigned *at, uint64_t *sum)
{
	bool minus = false;

	*sum = 0;
	for (;;) {
		uint64_t number;
		int err;

		if (*at >= sim->word_count)
			return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
					   "%s wants a value at the end",
					   sim->words[0]);
		err = term(sim, sim->words[(*at)++], &number);
		if (err)
			return err;
		*sum += minus ? -number : number;
		if (*at >= sim->word_count ||
		    (strcmp(sim->words[*at], "+") != 0 &&
		     strcmp(sim->words[*at], "-") != 0))
			return 0;
		minus = *sim->words[(*at)++] == '-';
	}
}

/* Sums may be negative. */
static bool holds(uint64_t left, int op, uint64_t right)
{
	int64_t a = (int64_t)left, b = (int64_t)right;

	switch (op) {
	case 0:
		return a == b;
	case 1:
		return a != b;
	case 2:
		return a < b;
	case 3:
		return a <= b;
	case 4:
		return a > b;
	default:
		return a >= b;
	}
}

/* ---- expect, let -------------------------------------------------------- */

/* expect error NAME: of the command before. */
static int expect_error(struct hvo_sim *sim)
{
	int wanted;

	if (sim->word_count != 3)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "expect error wants the name of one error, "
				   "as ENOMEM");
	wanted = hvo_machine_error(sim->words[2]);
	if (!wanted)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "there is no error %s",
				   sim->words[2]);
	if (!sim->error)
		return hvo_sim_bad(sim, HVO_SIM_FAILED,
				   "%s was expected, and the command before "
				   "succeeded",
				   sim->words[2]);
	if (sim->error != wanted)
		return hvo_sim_bad(sim, HVO_SIM_FAILED,
				   "%s was expected, and line %u failed with "
				   "%s",
				   sim->words[2], sim->error_line,
				   hvo_machine_error_name(sim->error));
	sim->error = 0;
	return 0;
}

int hvo_sim_expect(struct hvo_sim *sim)
{
	unsigned at = 1;
	uint64_t left, right;
	int op, err;

	if (sim->word_count > 1 && !strcmp(sim->words[1], "error"))
		return expect_error(sim);
	err = value(sim, &at, &left);
	if (err)
		return err;
	op = at < sim->word_count ? find_operator(sim->words[at]) : -1;
	if (op < 0)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "expect wants VALUE OP VALUE, where OP is "
				   "==, !=, <, <=, > or >=, all with spaces "
				   "between");
	at++;
	err = value(sim, &at, &right);
	if (err)
		return err;
	if (at < sim->word_count)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "'%s' is one word too many", sim->words[at]);
	if (holds(left, op, right))
		return 0;
	return hvo_sim_bad(sim, HVO_SIM_FAILED,
			   "not so: %" PRId64 " %s %" PRId64, (int64_t)left,
			   operators[op], (int64_t)right);
}

/* let NAME VALUE */
int hvo_sim_let(struct hvo_sim *sim)
{
	unsigned at = 2;
	uint64_t number, other;
	int err;

	if (sim->word_count < 3)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "let wants a name and a value");
	if (statistic(sim, sim->words[1], &other))
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "'%s' is a statistic: choose another name",
				   sim->words[1]);
	if (strspn(sim->words[1], "0123456789.+-") ||
	    strlen(sim->words[1]) >= HVO_SIM_NAME)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "'%s' cannot be a name: a letter, then at "
				   "most %d characters",
				   sim->words[1], HVO_SIM_NAME - 2);
	err = value(sim, &at, &number);
	if (!err && at < sim->word_count)
		err = hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				  "'%s' is one word too many", sim->words[at]);
	return err ? err : keep_number(sim, sim->words[1], number);
}
