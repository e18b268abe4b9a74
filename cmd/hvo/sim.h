/* SPDX-License-Identifier: MIT */
/*
 * hvo sim: a machine driven by a script, or at random. What the parts of the
 * script's interpreter share.
 *
 * A script is read line by line, and each line's command done before the next
 * is read. One thread does it all, so that a script does the same each time.
 */
#ifndef HVO_SIM_H
#define HVO_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "cmd.h"
#include "hvo/folio.h"
#include "hvo/hugetlb.h"
#include "hvo_machine.h"

#define HVO_SIM_NAME  32 /* bytes of a name, with its end */
#define HVO_SIM_WORDS 64 /* in a line */

/* A folio, and what the script calls it. It holds one reference. */
struct hvo_sim_folio {
	char name[HVO_SIM_NAME];
	hvo_pfn_t pfn;
	unsigned order;
	bool pooled; /* a pool's */
};

/* A number that the script has kept. */
struct hvo_sim_number {
	char name[HVO_SIM_NAME];
	uint64_t value;
};

/* What a command returns besides 0 and the errors of the library. */
enum hvo_sim_code {
	HVO_SIM_SYNTAX = 1, /* it makes no sense */
	HVO_SIM_FAILED = 2, /* it does, and what it demands is not so */
	HVO_SIM_HOST = 3,   /* this system has not got what it takes */
};

struct hvo_sim {
	struct hvo_machine *machine; /* NULL until there is one */
	struct hvo_mm *mm;           /* likewise */
	uint64_t base_page;          /* bytes */
	bool quiet;                  /* no text on stdout */

	struct hvo_hugetlb *pools; /* NULL until there are some */
	void *pools_memory;
	unsigned pool_sizes; /* how many of them */
	unsigned pool_orders[HVO_HUGETLB_SIZES_MAX];

	struct hvo_sim_boot *boot;      /* NULL: no boot parameters */
	struct hvo_sim_device *devices; /* a list */

	struct hvo_sim_folio *folios;
	size_t count, capacity; /* of folios */
	struct hvo_sim_number *numbers;
	size_t number_count;

	/* The line in hand. A word that has been made use of is NULL. */
	const char *file;
	unsigned line;
	char *words[HVO_SIM_WORDS]; /* the first is the command */
	unsigned word_count;
	char text[1024]; /* what went wrong, if the code says so */

	/* The command before, if it failed and nobody has expected it yet. */
	int error;
	unsigned error_line;
	uint64_t commands;
};

/* Say what is wrong; returns code. */
__attribute__((format(printf, 3, 4))) int
hvo_sim_bad(struct hvo_sim *sim, int code, const char *format, ...);

/* ---- sim_words.c: what the words of a line mean ------------------------- */

/*
 * Each of these takes words of the line; hvo_sim_rest() complains about those
 * that nobody took. They return 0 or HVO_SIM_SYNTAX, with the text set.
 */

/* The next word that is no KEY=VALUE; what it is for goes into the text. */
int hvo_sim_operand(struct hvo_sim *sim, const char *what, const char **word);
/* The value of KEY=, or NULL. */
const char *hvo_sim_value(struct hvo_sim *sim, const char *key);
/* Is this word there? */
bool hvo_sim_flag(struct hvo_sim *sim, const char *word);
/* A plain number; *value stays if the key is not there. */
int hvo_sim_number(struct hvo_sim *sim, const char *key, uint64_t limit,
		   uint64_t *value);
/* A size in bytes, likewise. */
int hvo_sim_size(struct hvo_sim *sim, const char *key, uint64_t *bytes);
/* order= or size=. Neither: *order stays. */
int hvo_sim_order(struct hvo_sim *sim, unsigned *order);
int hvo_sim_zone(struct hvo_sim *sim, enum hvo_zone_type *zone);
/* Complain about words left over. */
int hvo_sim_rest(struct hvo_sim *sim);

/* Base pages: a number, or a size with a unit. */
int hvo_sim_pages(struct hvo_sim *sim, const char *text, uint64_t *pages);
/* A pfn: as pages, or NAME, or NAME+PAGES. */
int hvo_sim_place(struct hvo_sim *sim, const char *text, hvo_pfn_t *pfn);
/* PLACE+PAGES, or NAME for all of a folio. */
int hvo_sim_range(struct hvo_sim *sim, const char *text, hvo_pfn_t *pfn,
		  uint64_t *count);

/* ---- sim_names.c: folios by name ---------------------------------------- */

struct hvo_sim_folio *hvo_sim_find(const struct hvo_sim *sim, const char *name,
				   size_t length);

/*
 * The folios that a name stands for: the one that has it, or, if there is
 * none, NAME.0, NAME.1 and so on, by pfn. Returns their pages in an array
 * that the caller frees. 0 or HVO_SIM_SYNTAX.
 */
int hvo_sim_group(struct hvo_sim *sim, const char *name,
		  struct hvo_page ***pages, size_t *n);

/* Is it a name that a new folio, or n of them as NAME.0 ..., may have? */
int hvo_sim_new_name(struct hvo_sim *sim, const char *name, bool parts);

/* Name a folio: NAME, or NAME.part unless that is negative. 0 or
 * HVO_SIM_HOST. */
int hvo_sim_name(struct hvo_sim *sim, const char *name, long part,
		 struct hvo_page *folio, unsigned order);

/* Are all of these, which have names, pools' pages, or none? Or complain. */
int hvo_sim_all_pooled(struct hvo_sim *sim, struct hvo_page *const *pages,
		       size_t n, bool pooled);

/* Forget what these, by rising pfn, are called. */
void hvo_sim_forget(struct hvo_sim *sim, struct hvo_page *const *pages,
		    size_t n);

/* ---- the commands ------------------------------------------------------- */

struct hvo_sim_command {
	const char *name;
	int (*run)(struct hvo_sim *sim);
	bool bare; /* needs no machine */
};

/* Each ends with an entry without a name. */
extern const struct hvo_sim_command hvo_sim_folio_commands[];
extern const struct hvo_sim_command hvo_sim_range_commands[];
extern const struct hvo_sim_command hvo_sim_tell_commands[];
extern const struct hvo_sim_command hvo_sim_pool_commands[];
extern const struct hvo_sim_command hvo_sim_boot_commands[];
extern const struct hvo_sim_command hvo_sim_device_commands[];

/* sim_value.c: expect and let; values are numbers and statistics. */
int hvo_sim_expect(struct hvo_sim *sim);
int hvo_sim_let(struct hvo_sim *sim);

/* sim_pools.c: what others say about pools. */
struct json_object;
bool hvo_sim_pool_stat(struct hvo_sim *sim, const char *text, uint64_t *value);
int hvo_sim_print_pools(const struct hvo_sim *sim);
void hvo_sim_pools_to_json(const struct hvo_sim *sim, struct json_object *o);
/* 0, or -HVO_ECORRUPT and a sentence in message. NULL is no pools. */
int hvo_sim_check_pools(struct hvo_hugetlb *pools, char *message, size_t size);

/* Make the script's pools, of which there are none. */
int hvo_sim_make_pools(struct hvo_sim *sim,
		       const struct hvo_hugetlb_config *config);

/*
 * sim_boot.c: what the boot parameters lead to, where there are some. parse
 * comes before the machine is opened, prepare is for its configuration, finish
 * comes after.
 */
int hvo_sim_boot_parse(struct hvo_sim *sim,
		       const struct hvo_machine_config *config);
int hvo_sim_boot_prepare(void *ctx, struct hvo_memblock *memblock,
			 struct hvo_machine_boot *boot);
int hvo_sim_boot_finish(struct hvo_sim *sim);
void hvo_sim_boot_free(struct hvo_sim *sim);
bool hvo_sim_area_stat(const struct hvo_sim *sim, const char *text,
		       uint64_t *value);
int hvo_sim_check_areas(const struct hvo_sim *sim, char *message, size_t size);

/*
 * sim_device.c: describe a range in full with frames of its own; tell that some
 * range was undescribed, whose altmap can go.
 */
int hvo_sim_describe_own(struct hvo_sim *sim, hvo_pfn_t pfn, uint64_t count,
			 unsigned domain);
void hvo_sim_undescribed(struct hvo_sim *sim);
bool hvo_sim_device_stat(struct hvo_sim *sim, const char *text,
			 uint64_t *value);
int hvo_sim_check_devices(const struct hvo_sim *sim, char *message,
			  size_t size);
void hvo_sim_devices_free(struct hvo_sim *sim);

/* Everything that a script can make. 0, or -HVO_ECORRUPT and a sentence. */
int hvo_sim_check_all(const struct hvo_sim *sim, char *message, size_t size);

/* sim_tell.c: the machine's state as JSON, on one line. */
int hvo_sim_print_json(struct hvo_sim *sim);

/* ---- the two ways to drive a machine ------------------------------------ */

/* sim_script.c: returns one of enum hvo_exit. path "-": stdin. */
int hvo_sim_script(const char *path, bool json);

struct hvo_sim_random_options {
	uint64_t seed;
	uint64_t ops; /* over all CPUs */
	uint64_t cpus;
	uint64_t memory; /* bytes */
	bool failures;
	bool json;
};

/* sim_random.c: returns one of enum hvo_exit. */
int hvo_sim_random(const struct hvo_sim_random_options *options);

#endif
