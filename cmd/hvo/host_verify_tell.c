/* SPDX-License-Identifier: MIT */
/* hvo host verify: its steps and verdict, for people and as JSON. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "cmd.h"
#include "host.h"
#include "host_verify.h"
#include "json.h"
#include "size.h"

void verify_step(struct verify *v, const char *name,
		 enum verify_outcome outcome, const char *format, ...)
{
	struct verify_step *step = &v->steps[v->n_steps++];
	va_list args;

	step->name = name;
	step->outcome = outcome;
	va_start(args, format);
	vsnprintf(step->text, sizeof(step->text), format, args);
	va_end(args);
}

bool verify_any(const struct verify *v, enum verify_outcome outcome)
{
	for (unsigned i = 0; i < v->n_steps; i++)
		if (v->steps[i].outcome == outcome)
			return true;
	return false;
}

/* ---- the verdict --------------------------------------------------------- */

enum verdict { WORKS, OFF, BROKEN, UNPROVEN };

static enum verdict verdict_of(const struct verify *v)
{
	if (verify_any(v, VERIFY_WRONG))
		return BROKEN;
	if (!v->on && !v->pid)
		return OFF;
	return verify_any(v, VERIFY_UNKNOWN) ? UNPROVEN : WORKS;
}

static int code_of(enum verdict verdict)
{
	switch (verdict) {
	case WORKS:
		return HVO_EXIT_OK;
	case UNPROVEN:
		return HVO_EXIT_DENIED;
	default:
		return HVO_EXIT_FAILED;
	}
}

/* ---- as text ------------------------------------------------------------- */

static void print_off(const struct verify *v)
{
	char page[HVO_SIZE_TEXT];

	printf("HVO is off: huge pages that are allocated now keep all their "
	       "descriptors.\n");
	if (v->saves)
		printf("It would save %s for each page of this size.\n",
		       hvo_size_format(v->saves * v->status.base_page.value,
				       page));
	printf("'hvo host verify --try' turns it on for the test alone, "
	       "'hvo host apply' to stay.\n");
}

static void print_verdict(const struct verify *v, enum verdict verdict)
{
	char page[HVO_SIZE_TEXT];

	switch (verdict) {
	case WORKS:
		if (v->flags.optimized < v->flags.pages && v->pid) {
			printf("HVO works, for those of the pages that are "
			       "optimized.\n");
			break;
		}
		printf("HVO works: each of these pages saves %s.\n",
		       hvo_size_format(v->saves * v->status.base_page.value,
				       page));
		break;
	case OFF:
		print_off(v);
		break;
	case BROKEN:
		printf("HVO does not do what it should. "
		       "Lines marked 'wrong' say what.\n");
		break;
	case UNPROVEN:
		printf("Nothing is wrong, but that memory is saved is not "
		       "proved.\n");
	}
}

static const char *enabled(const struct verify *v)
{
	if (v->status.enabled.value)
		return "on";
	return v->on ? "turned on for the test" : "off";
}

static void print_text(const struct verify *v, enum verdict verdict)
{
	static const char *const marks[] = {
	    [VERIFY_OK] = "ok",
	    [VERIFY_WRONG] = "wrong",
	    [VERIFY_UNKNOWN] = "unknown",
	};
	char size[HVO_SIZE_TEXT];

	printf("Linux %s, pages of %s, HVO %s\n", v->status.release,
	       hvo_size_format(v->size, size), enabled(v));
	for (unsigned i = 0; i < v->n_steps; i++)
		printf("%7s  %s\n", marks[v->steps[i].outcome],
		       v->steps[i].text);
	if (v->attempts > 1)
		printf("         (attempt %u: counts did not fit before)\n",
		       v->attempts);
	print_verdict(v, verdict);
}

/* ---- as JSON ------------------------------------------------------------- */

static struct json_object *step_json(const struct verify_step *step)
{
	static const char *const outcomes[] = {
	    [VERIFY_OK] = "ok",
	    [VERIFY_WRONG] = "wrong",
	    [VERIFY_UNKNOWN] = "unknown",
	};
	struct json_object *o = json_object_new_object();

	hvo_json_text(o, "name", step->name);
	hvo_json_text(o, "outcome", outcomes[step->outcome]);
	hvo_json_text(o, "text", step->text);
	return o;
}

static int print_json(const struct verify *v, enum verdict verdict)
{
	static const char *const verdicts[] = {
	    [WORKS] = "works",
	    [OFF] = "off",
	    [BROKEN] = "broken",
	    [UNPROVEN] = "unproven",
	};
	struct json_object *o = json_object_new_object();
	struct json_object *steps = json_object_new_array();

	hvo_json_int(o, "hvo", 1);
	hvo_json_text(o, "verb", "host verify");
	hvo_json_text(o, "verdict", verdicts[verdict]);
	hvo_json_text(o, "release", v->status.release);
	hvo_json_int(o, "size", v->size);
	hvo_json_int(o, "pages", v->n_steps ? v->flags.pages : 0);
	hvo_json_bool(o, "enabled", v->status.enabled.value);
	hvo_json_bool(o, "tried", v->on && !v->status.enabled.value);
	hvo_json_int(o, "attempts", v->attempts);
	hvo_json_int(o, "saved_per_page", v->saves * v->status.base_page.value);
	hvo_json_int(o, "heads", v->flags.heads);
	hvo_json_int(o, "tails", v->flags.tails);
	hvo_json_int(o, "fake_heads", v->flags.fakes);
	hvo_json_int(o, "optimized", v->flags.optimized);
	hvo_json_int(o, "untold", v->flags.untold);
	hvo_json_int(o, "wrong", v->flags.wrong);
	for (unsigned i = 0; i < v->n_steps; i++)
		json_object_array_add(steps, step_json(&v->steps[i]));
	json_object_object_add(o, "steps", steps);
	return hvo_json_print(o);
}

int verify_tell(const struct verify *v)
{
	enum verdict verdict = verdict_of(v);
	int code = HVO_EXIT_OK;

	if (v->json)
		code = print_json(v, verdict);
	else
		print_text(v, verdict);
	return code ? code : code_of(verdict);
}
