/* SPDX-License-Identifier: MIT */
/*
 * Command lines: the documented examples, every kind of mistake and where it
 * is said to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hvo/bootparam.h"

#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)

enum { S64K, S2M, S1G };

static const struct hvo_bootparam_config config = {
    .sizes = {64 * K, 2 * M, G},
    .count = 3,
    .default_size = S2M,
    .nodes = 4,
};

static struct hvo_bootparam parse(const char *line)
{
	struct hvo_bootparam result;

	assert_int_equal(
	    hvo_bootparam_parse(&result, &config, line, strlen(line), NULL, 0),
	    0);
	return result;
}

/* ---- what is right
 * --------------------------------------------------------------- */

struct right {
	const char *line;
	uint64_t pages[3];
	unsigned default_size;
};

static void counts(void **state)
{
	static const struct right table[] = {
	    {"", {0, 0, 0}, S2M},
	    {"quiet root=/dev/sda1 hugepage=3 xhugepages=4", {0}, S2M},
	    {"hugepages=256", {0, 256, 0}, S2M},
	    {"hugepages=0", {0, 0, 0}, S2M},
	    {"hugepagesz=2M hugepages=512", {0, 512, 0}, S2M},
	    {"hugepagesz=1G hugepages=4", {0, 0, 4}, S2M},
	    {"hugepagesz=1G hugepages=4 hugepagesz=64K hugepages=1",
	     {1, 0, 4},
	     S2M},
	    /* The three that the documentation says are the same. */
	    {"hugepages=256", {0, 256, 0}, S2M},
	    {"default_hugepagesz=2M hugepages=256", {0, 256, 0}, S2M},
	    {"hugepages=256 default_hugepagesz=2M", {0, 256, 0}, S2M},
	    /* The implicit number is the default size's in the end. */
	    {"hugepages=3 default_hugepagesz=1G", {0, 0, 3}, S1G},
	    {"default_hugepagesz=1G hugepagesz=1G hugepages=7", {0, 0, 7}, S1G},
	    {"default_hugepagesz=1G hugepages=2 hugepagesz=2M hugepages=5",
	     {0, 5, 2},
	     S1G},
	    {"hugepagesz=2048K hugepages=1", {0, 1, 0}, S2M},
	    {"hugepagesz=2097152 hugepages=1", {0, 1, 0}, S2M},
	    {"hugepagesz=0x200000 hugepages=1", {0, 1, 0}, S2M},
	    {"hugepagesz=0X40000000 hugepages=1", {0, 0, 1}, S2M},
	    {"hugepagesz=1g\thugepages=1\n", {0, 0, 1}, S2M},
	    {"hugepages=18446744073709551615", {0, UINT64_MAX, 0}, S2M},
	    {"hugepages=\"17\"", {0, 17, 0}, S2M},
	    {"\"hugepages=17\"", {0, 17, 0}, S2M},
	    {"a=\"x hugepages=3 y\" hugepages=5", {0, 5, 0}, S2M},
	    {"hugepages=5 -- hugepages=7", {0, 5, 0}, S2M},
	    {"default-hugepagesz=1G hugepages=5", {0, 0, 5}, S1G},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct hvo_bootparam result = parse(table[i].line);

		assert_int_equal(result.default_size, table[i].default_size);
		for (unsigned s = 0; s < 3; s++) {
			assert_int_equal(result.pages[s].total,
					 table[i].pages[s]);
			assert_false(result.pages[s].by_node);
		}
	}
}

static void nodes(void **state)
{
	struct hvo_bootparam r =
	    parse("hugepagesz=2M hugepages=0:2,3:4 hugetlb_cma=1:2G,0:512M");

	(void)state;
	assert_true(r.pages[S2M].given && r.pages[S2M].by_node);
	assert_int_equal(r.pages[S2M].total, 6);
	assert_int_equal(r.pages[S2M].node[0], 2);
	assert_int_equal(r.pages[S2M].node[1], 0);
	assert_int_equal(r.pages[S2M].node[3], 4);
	assert_false(r.pages[S1G].given);
	assert_true(r.cma.given && r.cma.by_node);
	assert_int_equal(r.cma.node[1], 2 * G);
	assert_int_equal(r.cma.node[0], 512 * M);
	assert_int_equal(r.cma.total, 2 * G + 512 * M);
	r = parse("hugepages=2:9 default_hugepagesz=1G");
	assert_int_equal(r.pages[S1G].node[2], 9);
	assert_false(r.pages[S2M].given);
}

static void switches(void **state)
{
	struct hvo_bootparam r = parse("");

	(void)state;
	assert_false(r.optimize || r.optimize_given || r.cma_only);
	assert_false(r.cma.given);
	r = parse("hugetlb_free_vmemmap=on");
	assert_true(r.optimize && r.optimize_given);
	r = parse("hugetlb-free-vmemmap=1");
	assert_true(r.optimize);
	r = parse("hugetlb_free_vmemmap=on hugetlb_free_vmemmap=off");
	assert_true(!r.optimize && r.optimize_given);
	r = parse("hugetlb_cma=16G hugetlb_cma_only=Y");
	assert_true(r.cma.given && !r.cma.by_node && r.cma_only);
	assert_int_equal(r.cma.total, 16 * G);
	r = parse("hugetlb_cma=1E hugetlb_cma_only=n");
	assert_int_equal(r.cma.total, UINT64_C(1) << 60);
	assert_false(r.cma_only);
	assert_int_equal(parse("hugetlb_cma=2t").cma.total, UINT64_C(2) << 40);
	assert_int_equal(parse("hugetlb_cma=3P").cma.total, UINT64_C(3) << 50);
	assert_int_equal(parse("hugetlb_cma=0").cma.total, 0);
}

/* ---- what is wrong
 * ---------------------------------------------------------------- */

struct wrong {
	const char *line;
	enum hvo_bootparam_problem problem;
	const char *at;    /* the rest of the line from the mistake on */
	uint64_t pages[3]; /* that stand all the same */
};

static const struct wrong mistakes[] = {
    {"hugepages", HVO_BOOTPARAM_NO_VALUE, "", {0}},
    {"hugepages= 5", HVO_BOOTPARAM_NO_VALUE, " 5", {0}},
    {"a hugepages=x b", HVO_BOOTPARAM_SYNTAX, "x b", {0}},
    {"hugepages=12x", HVO_BOOTPARAM_SYNTAX, "x", {0}},
    {"hugepages=-1", HVO_BOOTPARAM_SYNTAX, "-1", {0}},
    {"hugepages=2M", HVO_BOOTPARAM_SYNTAX, "M", {0}},
    {"hugepages=18446744073709551616", HVO_BOOTPARAM_OVERFLOW, "6", {0}},
    {"hugepages=0:1,", HVO_BOOTPARAM_SYNTAX, "", {0}},
    {"hugepages=0:1,,1:1", HVO_BOOTPARAM_SYNTAX, ",1:1", {0}},
    {"hugepages=0:1,2", HVO_BOOTPARAM_SYNTAX, "", {0}},
    {"hugepages=:1", HVO_BOOTPARAM_SYNTAX, ":1", {0}},
    {"hugepages=1:", HVO_BOOTPARAM_SYNTAX, "", {0}},
    {"hugepages=0:1 1:1", HVO_BOOTPARAM_OK, "", {0, 1, 0}},
    {"hugepages=0:1,4:1", HVO_BOOTPARAM_NODE, "4:1", {0}},
    {"hugepages=18446744073709551615:1",
     HVO_BOOTPARAM_NODE,
     "18446744073709551615:1",
     {0}},
    {"hugepages=0:1,1:1,0:2", HVO_BOOTPARAM_REPEATED, "0:2", {0}},
    {"hugepages=0:18446744073709551615,1:1", HVO_BOOTPARAM_OVERFLOW, "1", {0}},
    {"hugepages=256 hugepagesz=2M hugepages=512",
     HVO_BOOTPARAM_REPEATED,
     "512",
     {0, 256, 0}},
    {"hugepagesz=1G hugepages=2 hugepages=3",
     HVO_BOOTPARAM_REPEATED,
     "3",
     {0, 0, 2}},
    {"hugepagesz=1G hugepages=2 hugepagesz=1G",
     HVO_BOOTPARAM_REPEATED,
     "1G",
     {0, 0, 2}},
    {"default_hugepagesz=1G hugepages=2 hugepagesz=1G hugepages=3",
     HVO_BOOTPARAM_REPEATED,
     "3",
     {0, 0, 2}},
    {"default_hugepagesz=1G default_hugepagesz=2M",
     HVO_BOOTPARAM_REPEATED,
     "2M",
     {0}},
    {"hugepagesz=4M", HVO_BOOTPARAM_SIZE, "4M", {0}},
    {"default_hugepagesz=0", HVO_BOOTPARAM_SIZE, "0", {0}},
    {"hugepagesz=2MB", HVO_BOOTPARAM_SYNTAX, "B", {0}},
    {"hugepagesz=0x", HVO_BOOTPARAM_SYNTAX, "x", {0}},
    {"hugepagesz=M", HVO_BOOTPARAM_SYNTAX, "M", {0}},
    {"hugepagesz=16E", HVO_BOOTPARAM_OVERFLOW, "16E", {0}},
    {"hugetlb_free_vmemmap=yes", HVO_BOOTPARAM_SYNTAX, "yes", {0}},
    {"hugetlb_free_vmemmap=o", HVO_BOOTPARAM_SYNTAX, "o", {0}},
    {"hugetlb_cma_only=", HVO_BOOTPARAM_NO_VALUE, "", {0}},
    {"hugetlb_cma=1G hugetlb_cma=2G", HVO_BOOTPARAM_REPEATED, "2G", {0}},
    {"hugetlb_cma=9:1G", HVO_BOOTPARAM_NODE, "9:1G", {0}},
    {"hugetlb_cma=0:8E,1:8E", HVO_BOOTPARAM_OVERFLOW, "8E", {0}},
    {"hugetlb_cma=17179869184G", HVO_BOOTPARAM_OVERFLOW, "17179869184G", {0}},
    {"hugetlb_cma=\"1 G\"", HVO_BOOTPARAM_SYNTAX, " G\"", {0}},
};

static void one_mistake(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		const struct wrong *w = &mistakes[i];
		struct hvo_bootparam result;
		struct hvo_bootparam_error error = {HVO_BOOTPARAM_OK, 0, 0, 0};
		size_t bad = hvo_bootparam_parse(&result, &config, w->line,
						 strlen(w->line), &error, 1);

		assert_int_equal(bad, w->problem != HVO_BOOTPARAM_OK);
		assert_int_equal(error.problem, w->problem);
		for (unsigned s = 0; s < 3; s++)
			assert_int_equal(result.pages[s].total, w->pages[s]);
		if (!bad)
			continue;
		assert_string_equal(w->line + error.offset, w->at);
		assert_true(error.offset >= error.word);
		assert_true(error.offset <= error.word + error.length);
	}
}

/* hugepages= after a bad size is about nothing, and so is not the default's. */
static void orphans(void **state)
{
	static const char line[] = "hugepagesz=3M hugepages=7 hugepagesz= "
				   "hugepages=8 hugepagesz=2M hugepages=9";
	struct hvo_bootparam_error e[8];
	struct hvo_bootparam r;

	(void)state;
	assert_int_equal(
	    hvo_bootparam_parse(&r, &config, line, strlen(line), e, 8), 4);
	assert_int_equal(e[0].problem, HVO_BOOTPARAM_SIZE);
	assert_int_equal(e[1].problem, HVO_BOOTPARAM_ORPHAN);
	assert_memory_equal(line + e[1].word, "hugepages=7", e[1].length);
	assert_int_equal(e[2].problem, HVO_BOOTPARAM_NO_VALUE);
	assert_int_equal(e[3].problem, HVO_BOOTPARAM_ORPHAN);
	assert_int_equal(r.pages[S2M].total, 9);
	/* More mistakes than room: counted all the same. */
	memset(e, 0x5a, sizeof(e));
	assert_int_equal(
	    hvo_bootparam_parse(&r, &config, line, strlen(line), e, 1), 4);
	assert_int_equal(e[1].length, (size_t)0x5a5a5a5a5a5a5a5a);
	/* The line ends where it is said to, or at a NUL. */
	assert_int_equal(hvo_bootparam_parse(&r, &config, line, 13, e, 8), 1);
	assert_int_equal(
	    hvo_bootparam_parse(&r, &config, "hugepages=1\0002", 13, e, 8), 0);
	assert_int_equal(r.pages[S2M].total, 1);
}

static void validity(void **state)
{
	struct hvo_bootparam_config c = config;

	(void)state;
	assert_true(hvo_bootparam_config_is_valid(&c));
	c.default_size = 3;
	assert_false(hvo_bootparam_config_is_valid(&c));
	c = config;
	c.nodes = 0;
	assert_false(hvo_bootparam_config_is_valid(&c));
	c.nodes = 33;
	assert_false(hvo_bootparam_config_is_valid(&c));
	c = config;
	c.count = 0;
	assert_false(hvo_bootparam_config_is_valid(&c));
	c.count = 17;
	assert_false(hvo_bootparam_config_is_valid(&c));
	c = config;
	c.sizes[2] = c.sizes[0];
	assert_false(hvo_bootparam_config_is_valid(&c));
}

static void texts(void **state)
{
	(void)state;
	for (int p = 0; p <= HVO_BOOTPARAM_PROBLEMS; p++) {
		const char *text =
		    hvo_bootparam_text((enum hvo_bootparam_problem)p);

		assert_true(strlen(text) > 10);
		assert_int_equal(!strcmp(text, "unknown problem"),
				 p == HVO_BOOTPARAM_PROBLEMS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts),   cmocka_unit_test(nodes),
	    cmocka_unit_test(switches), cmocka_unit_test(one_mistake),
	    cmocka_unit_test(orphans),  cmocka_unit_test(validity),
	    cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
