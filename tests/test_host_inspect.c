/* SPDX-License-Identifier: MIT */
/*
 * hvo host inspect on a made-up kernel: which huge page a frame belongs to,
 * and what is printed of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/kernel-page-flags.h>
#include "cmd.h"
#include "host_fixture.h"
#include "host_inspect.h"
#include "kcore_fixture.h"

#define X86_TABLE UINT64_C(0x67)
#define X86_RO    UINT64_C(0x61)
#define X86_RW    UINT64_C(0x63)

#define BIT(name) (UINT64_C(1) << KPF_##name)
#define HEAD      (BIT(HUGE) | BIT(COMPOUND_HEAD))
#define TAIL      (BIT(HUGE) | BIT(COMPOUND_TAIL))

/* Frames that have flags here: two huge pages' worth, and no more. */
#define FRAMES 1024

static struct host_fixture fixture;
static struct kcore_image image;
static uint64_t flags[FRAMES];

static int set_up(void **state)
{
	(void)state;
	host_fixture_open(&fixture);
	memset(flags, 0, sizeof(flags));
	kcore_init(&image, EM_X86_64, X86_TABLE);
	kcore_vmcoreinfo(&image, "");
	/* The descriptors of 16 MiB, as without HVO. */
	for (size_t i = 0; i < 64; i++)
		*kcore_page(&image, i) = (100 + i) << 12 | X86_RW;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	host_fixture_close(&fixture);
	return 0;
}

/* The first one of 2 MiB is a huge page with fake heads. */
static void optimize(void)
{
	for (size_t i = 1; i < 8; i++)
		*kcore_page(&image, i) = UINT64_C(100) << 12 | X86_RO;
}

/* Flags of a compound page of n base pages. */
static void compound(size_t first, size_t n, uint64_t head, uint64_t tail)
{
	flags[first] = head;
	for (size_t i = 1; i < n; i++)
		flags[first + i] = tail;
}

static void write_files(void)
{
	FILE *file;

	host_fixture_write(&fixture, "/proc/kcore", image.bytes, image.size);
	file = fopen(host_fixture_path(&fixture, "/proc/kpageflags"), "w");
	assert_non_null(file);
	assert_int_equal(fseek(file, (long)KCORE_PFN * 8, SEEK_SET), 0);
	assert_int_equal(fwrite(flags, sizeof(flags), 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

/* What the page of a frame is found to be; frames are counted from KCORE_PFN */
static int find(struct inspect *inspect, uint64_t frame)
{
	char message[512];
	int code;

	*inspect = (struct inspect){.pfn = KCORE_PFN + frame,
				    .size = inspect->size,
				    .host = fixture.host,
				    .base_page = 4096,
				    .record = 64};
	if (hvo_host_tables_open(&inspect->tables, fixture.host, message,
				 sizeof(message)))
		fail_msg("%s", message);
	code = inspect_find(inspect);
	hvo_host_tables_close(inspect->tables);
	return code;
}

static void assert_found(uint64_t frame, enum inspect_kind kind, uint64_t head,
			 unsigned order)
{
	struct inspect inspect = {0};

	assert_int_equal(find(&inspect, frame), HVO_EXIT_OK);
	assert_int_equal(inspect.kind, kind);
	assert_int_equal(inspect.head, KCORE_PFN + head);
	assert_int_equal(inspect.order, order);
}

/* ---- which page it is ---------------------------------------------------- */

static void test_head_and_tails(void **state)
{
	(void)state;
	compound(0, 512, HEAD, TAIL);
	compound(512, 512, HEAD, TAIL);
	write_files();
	assert_found(0, INSPECT_HUGE, 0, 9);
	assert_found(1, INSPECT_HUGE, 0, 9);
	assert_found(64, INSPECT_HUGE, 0, 9);
	assert_found(511, INSPECT_HUGE, 0, 9);
	assert_found(512, INSPECT_HUGE, 512, 9);
	assert_found(1023, INSPECT_HUGE, 512, 9);
}

/* Linux 6.18 shows a fake head as a head. */
static void test_fake_heads(void **state)
{
	(void)state;
	compound(0, 512, HEAD, TAIL);
	compound(512, 512, HEAD, TAIL);
	for (size_t i = 64; i < 512; i += 64)
		flags[i] = HEAD;
	optimize();
	write_files();
	assert_found(0, INSPECT_HUGE, 0, 9);
	assert_found(64, INSPECT_HUGE, 0, 9);
	assert_found(100, INSPECT_HUGE, 0, 9);
	assert_found(448, INSPECT_HUGE, 0, 9);
	assert_found(512, INSPECT_HUGE, 512, 9);
}

/* Larger than 2 MiB, all of it with fake heads: only the tables tell. */
static void test_large_fake_heads(void **state)
{
	(void)state;
	compound(0, 1024, HEAD, TAIL);
	for (size_t i = 64; i < 1024; i += 64)
		flags[i] = HEAD;
	for (size_t i = 1; i < 16; i++)
		*kcore_page(&image, i) = UINT64_C(100) << 12 | X86_RO;
	write_files();
	assert_found(0, INSPECT_HUGE, 0, 10);
	assert_found(512, INSPECT_HUGE, 0, 10);
	assert_found(1000, INSPECT_HUGE, 0, 10);
}

static void test_other_compound_pages(void **state)
{
	(void)state;
	compound(16, 4, BIT(COMPOUND_HEAD), BIT(COMPOUND_TAIL));
	compound(20, 2, BIT(COMPOUND_HEAD), BIT(COMPOUND_TAIL));
	write_files();
	assert_found(16, INSPECT_COMPOUND, 16, 2);
	assert_found(19, INSPECT_COMPOUND, 16, 2);
	assert_found(21, INSPECT_COMPOUND, 20, 1);
}

/* Nothing, also behind the end of the file, or what is left of a fake head. */
static void test_base_pages(void **state)
{
	(void)state;
	flags[64] = HEAD;
	flags[66] = BIT(COMPOUND_HEAD);
	compound(512, 512, HEAD, TAIL);
	write_files();
	assert_found(0, INSPECT_BASE, 0, 9);
	assert_found(64, INSPECT_BASE, 0, 9);
	assert_found(67, INSPECT_BASE, 0, 9);
	assert_found(511, INSPECT_BASE, 0, 9);
	assert_found(1024, INSPECT_BASE, 1024, 9);
}

static void test_tail_without_head(void **state)
{
	struct inspect inspect = {0};

	(void)state;
	flags[5] = TAIL;
	compound(8, 4, HEAD, TAIL);
	flags[13] = TAIL;
	write_files();
	assert_int_equal(find(&inspect, 5), HVO_EXIT_FAILED);
	assert_int_equal(find(&inspect, 13), HVO_EXIT_FAILED);
}

static void test_size_is_given(void **state)
{
	struct inspect inspect = {.size = 1 << 20};

	(void)state;
	write_files();
	assert_int_equal(
	    remove(host_fixture_path(&fixture, "/proc/kpageflags")), 0);
	assert_int_equal(find(&inspect, 300), HVO_EXIT_OK);
	assert_int_equal(inspect.kind, INSPECT_ASKED);
	assert_int_equal(inspect.head, KCORE_PFN + 256);
	assert_int_equal(inspect.order, 8);
	inspect.size = 2048;
	assert_int_equal(find(&inspect, 300), HVO_EXIT_FAILED);
	inspect.size = 0;
	assert_int_equal(find(&inspect, 300), HVO_EXIT_DENIED);
}

/* ---- what is printed ----------------------------------------------------- */

/* Run it; what it printed is in text. Returns the exit code. */
static int run(const char *option, uint64_t frame, char *text, size_t size)
{
	char pfn[32], out[128];
	char *argv[] = {(char *)"hvo host inspect",
			(char *)"--sysroot",
			fixture.root,
			pfn,
			(char *)option,
			NULL};
	int saved = dup(STDOUT_FILENO), code;
	FILE *file;

	snprintf(pfn, sizeof(pfn), "%llu",
		 (unsigned long long)(KCORE_PFN + frame));
	snprintf(out, sizeof(out), "%s/out", fixture.base);
	fflush(stdout);
	assert_non_null(freopen(out, "w", stdout));
	optind = 0;
	code = hvo_host_main_inspect(option ? 5 : 4, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	file = fopen(out, "r");
	assert_non_null(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
	return code;
}

static const char drawn[] =
    "The descriptors of the huge page of 2 MiB at frame 262144\n"
    "Linux 6.1.0-test; 512 base pages of 4 KiB, 64 bytes each: 32 KiB\n"
    "\n"
    "fake-heads\n"
    "vmemmap          frames\n"
    "+---------+      +-----+\n"
    "| 0 head  +----->| 100 | rw\n"
    "| 1 tails +--+   +-----+\n"
    "| 2 tails +--+\n"
    "| 3 tails +--+   +-----+\n"
    "| 4 tails +--+-->| 100 | ro\n"
    "| 5 tails +--+   +-----+\n"
    "| 6 tails +--+\n"
    "| 7 tails +--+\n"
    "+---------+\n"
    "\n"
    "rw: read-write; ro: read-only\n"
    "Layout: fake heads (Linux 5.18 to 7.0): all lead to the first's frame.\n"
    "It saves 28 KiB of 32 KiB.\n";

static const char as_json[] =
    "{\"hvo\":1,\"verb\":\"host inspect\",\"release\":\"6.1.0-test\","
    "\"kind\":\"huge\",\"pfn\":262154,\"head\":262144,\"size\":2097152,"
    "\"base_page\":4096,\"record\":64,\"vmemmap_pages\":8,\"entry\":4096,"
    "\"layout\":\"fake-heads\",\"frames\":1,\"saved\":28672,\"runs\":["
    "{\"page\":0,\"pages\":1,\"frame\":100,\"frames\":1,\"writable\":true},"
    "{\"page\":1,\"pages\":7,\"frame\":100,\"frames\":1,\"writable\":false}]}"
    "\n";

static void test_output(void **state)
{
	char text[4096];

	(void)state;
	compound(0, 512, HEAD, TAIL);
	optimize();
	write_files();
	assert_int_equal(run(NULL, 0, text, sizeof(text)), HVO_EXIT_OK);
	assert_string_equal(text, drawn);
	assert_int_equal(run("--json", 10, text, sizeof(text)), HVO_EXIT_OK);
	assert_string_equal(text, as_json);
}

static void test_no_descriptors(void **state)
{
	char text[64];

	(void)state;
	*kcore_page(&image, 3) = 0;
	write_files();
	assert_int_equal(run(NULL, 0, text, sizeof(text)), HVO_EXIT_FAILED);
	assert_string_equal(text, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_head_and_tails),   TEST(test_fake_heads),
	    TEST(test_large_fake_heads), TEST(test_other_compound_pages),
	    TEST(test_base_pages),       TEST(test_tail_without_head),
	    TEST(test_size_is_given),    TEST(test_output),
	    TEST(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
