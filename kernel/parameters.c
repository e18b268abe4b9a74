/* SPDX-License-Identifier: MIT */
/*
 * The command line: which huge pages there can be, and how many there are to
 * be.
 */
#include <string.h>
#include "memory.h"
#include "print.h"

static const unsigned char known[] = {HVO_ENTRY_HUGE_ORDERS};

void kernel_memory_sizes(struct kernel_memory *memory)
{
	memory->sizes = sizeof(known);
	for (unsigned i = 0; i < memory->sizes; i++)
		memory->orders[i] = known[i];
}

static _Noreturn void refuse(const char *line, size_t length, const char *text)
{
	kernel_print("hvo: panic: command line: '%.*s': %s\n", (int)length,
		     line, text);
	arch_exit(KERNEL_EXIT_USAGE);
}

/* Words that begin like ours and are none of them. */
static void check_words(const char *line)
{
	static const char *const words[] = {"hvo.test", "hvo.bench",
					    "hvo.break", "hvo.panic"};

	while (*line) {
		size_t length = 0;
		bool known_word = strncmp(line, "hvo.", 4) != 0;

		while (line[length] && line[length] != ' ')
			length++;
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			known_word |= strlen(words[i]) == length &&
				      !strncmp(line, words[i], length);
		if (!known_word)
			refuse(line, length,
			       "there is no such word: hvo.test, hvo.bench, "
			       "hvo.break or hvo.panic");
		line += length + (line[length] == ' ');
	}
}

void kernel_memory_parameters(struct kernel_memory *memory,
			      const struct kernel_machine *machine)
{
	struct hvo_bootparam_config config = {
	    .count = memory->sizes,
	    .default_size = HVO_ENTRY_HUGE_USUAL,
	    .nodes = memory->config.nodes,
	};
	struct hvo_bootparam_error error;

	for (unsigned i = 0; i < memory->sizes; i++)
		config.sizes[i] = KERNEL_PAGE << memory->orders[i];
	check_words(machine->line);
	if (hvo_bootparam_parse(&memory->param, &config, machine->line,
				strlen(machine->line), &error, 1))
		refuse(machine->line + error.word, error.length,
		       hvo_bootparam_text(error.problem));
}
