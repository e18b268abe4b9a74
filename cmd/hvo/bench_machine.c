/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks ran on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "bench.h"
#include "size.h"

struct machine {
	char cpu[128];
	long cores;
	uint64_t memory; /* bytes */
	struct utsname os;
};

/*
 * The rest of the first line of a file that begins with key, after colon and
 * blanks; empty when there is none.
 */
static void find_line(const char *path, const char *key, char *out, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[512];

	*out = '\0';
	while (file && !*out && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, strlen(key)))
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
	}
	if (file)
		fclose(file);
}

/* A line of /proc/meminfo, in bytes; 0 when it is not there. */
static uint64_t memory_line(const char *key)
{
	char text[64];

	find_line("/proc/meminfo", key, text, sizeof(text));
	return strtoull(text, NULL, 10) * 1024;
}

bool bench_read_number(const char *path, uint64_t *value)
{
	FILE *file = fopen(path, "re");
	bool read = file && fscanf(file, "%lu", value) == 1;

	if (file)
		fclose(file);
	return read;
}

static struct machine look(void)
{
	struct machine m = {0};

	uname(&m.os);
	find_line("/proc/cpuinfo", "model name", m.cpu, sizeof(m.cpu));
	if (!*m.cpu)
		snprintf(m.cpu, sizeof(m.cpu), "%s", m.os.machine);
	m.cores = sysconf(_SC_NPROCESSORS_ONLN);
	m.memory = memory_line("MemTotal");
	return m;
}

void bench_print_machine(void)
{
	struct machine m = look();
	char memory[HVO_SIZE_TEXT];

	printf("Machine: %s, %ld cores, %s, %s %s %s\n", m.cpu, m.cores,
	       hvo_size_format(m.memory, memory), m.os.sysname, m.os.release,
	       m.os.machine);
}

void bench_json_machine(struct json_object *object)
{
	struct machine m = look();

	hvo_json_text(object, "cpu", m.cpu);
	hvo_json_int(object, "cores", (uint64_t)m.cores);
	hvo_json_int(object, "memory", m.memory);
	hvo_json_text(object, "kernel", m.os.release);
	hvo_json_text(object, "architecture", m.os.machine);
}
