/* SPDX-License-Identifier: MIT */
/*
 * Reads a script and does what it says, line by line. A command that fails
 * ends it, unless the next one expects that error.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

static const struct hvo_sim_command own_commands[] = {
    {"expect", hvo_sim_expect, true},
    {"let", hvo_sim_let, true},
    {NULL, NULL, false},
};

static const struct hvo_sim_command *const all_commands[] = {
    own_commands,
    hvo_sim_folio_commands,
    hvo_sim_range_commands,
    hvo_sim_tell_commands,
    hvo_sim_pool_commands,
    hvo_sim_boot_commands,
    hvo_sim_device_commands,
};

static const struct hvo_sim_command *find_command(const char *name)
{
	const size_t n = sizeof(all_commands) / sizeof(*all_commands);

	for (size_t i = 0; i < n; i++)
		for (const struct hvo_sim_command *c = all_commands[i]; c->name;
		     c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

/* ---- errors ------------------------------------------------------------- */

static int exit_code(int code)
{
	switch (code) {
	case HVO_SIM_SYNTAX:
		return HVO_EXIT_USAGE;
	case HVO_SIM_HOST:
		return HVO_EXIT_DENIED;
	default:
		return HVO_EXIT_FAILED;
	}
}

static int tell(const struct hvo_sim *sim, unsigned line, int code)
{
	hvo_error("%s:%u: %s", sim->file, line, sim->text);
	return exit_code(code);
}

/* The library's error in words, while the machine is as it was then. */
static void describe_error(struct hvo_sim *sim, int error)
{
	char text[768];

	if (sim->machine && !*sim->text) {
		hvo_machine_explain(sim->machine, error, text, sizeof(text));
		hvo_sim_bad(sim, 0, "%s: %s (%s)", sim->words[0], text,
			    hvo_machine_error_name(error));
	}
}

/* ---- a line ------------------------------------------------------------- */

static bool is_text(const char *word)
{
	while (isgraph((unsigned char)*word))
		word++;
	return !*word;
}

/* Cut a line into words; a # at the beginning of one ends it. */
static int cut(struct hvo_sim *sim, char *line)
{
	char *save;

	sim->word_count = 0;
	for (char *word = strtok_r(line, " \t\r\n", &save);
	     word && *word != '#'; word = strtok_r(NULL, " \t\r\n", &save)) {
		if (!is_text(word))
			return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
					   "a byte that is no ASCII text, "
					   "outside a comment");
		if (sim->word_count == HVO_SIM_WORDS)
			return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
					   "more than %d words in a line",
					   HVO_SIM_WORDS);
		sim->words[sim->word_count++] = word;
	}
	return 0;
}

static int run_command(struct hvo_sim *sim)
{
	const struct hvo_sim_command *command = find_command(sim->words[0]);

	if (!command)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "there is no command '%s'; 'hvo sim --help' "
				   "lists them",
				   sim->words[0]);
	if (!command->bare && !sim->machine)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "%s: there is no machine yet: begin with "
				   "'machine memory=SIZE'",
				   sim->words[0]);
	sim->commands++;
	return command->run(sim);
}

/* Is the error of the command before about to be expected? */
static bool expects_error(const struct hvo_sim *sim)
{
	return sim->word_count > 1 && !strcmp(sim->words[0], "expect") &&
	       !strcmp(sim->words[1], "error");
}

/* Returns an exit code; HVO_EXIT_OK also where an error may be expected. */
static int run_line(struct hvo_sim *sim, char *line)
{
	int code = cut(sim, line);

	if (!code && !sim->word_count)
		return HVO_EXIT_OK;
	/* The text is still that of the error. */
	if (sim->error && !(code == 0 && expects_error(sim)))
		return tell(sim, sim->error_line, sim->error);
	if (!code) {
		*sim->text = 0;
		code = run_command(sim);
	}
	if (code > 0)
		return tell(sim, sim->line, code);
	if (code < 0) {
		describe_error(sim, code);
		sim->error = code;
		sim->error_line = sim->line;
	}
	return HVO_EXIT_OK;
}

/* ---- a script ----------------------------------------------------------- */

static int run_lines(struct hvo_sim *sim, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	int code = HVO_EXIT_OK;

	while (!code && getline(&line, &size, file) >= 0) {
		sim->line++;
		code = run_line(sim, line);
	}
	if (!code && ferror(file)) {
		hvo_error("%s: %s", sim->file, strerror(errno));
		code = HVO_EXIT_FAILED;
	}
	if (!code && sim->error)
		code = tell(sim, sim->error_line, sim->error);
	free(line);
	return code;
}

int hvo_sim_check_all(const struct hvo_sim *sim, char *message, size_t size)
{
	int err = hvo_sim_check_areas(sim, message, size);

	if (!err)
		err = hvo_sim_check_devices(sim, message, size);
	if (!err)
		err = hvo_sim_check_pools(sim->pools, message, size);
	return err ? err : hvo_machine_check(sim->machine, message, size);
}

/* Every script ends with the check. */
static int last_check(struct hvo_sim *sim)
{
	char found[512];

	if (!sim->machine || !hvo_sim_check_all(sim, found, sizeof(found)))
		return HVO_EXIT_OK;
	hvo_error("%s: at the end, the check found: %s", sim->file, found);
	return HVO_EXIT_FAILED;
}

static int finish(struct hvo_sim *sim, int code)
{
	if (hvo_machine_close(sim->machine) && !code) {
		hvo_error("%s: after the end, pages were backed that nobody "
			  "had",
			  sim->file);
		code = HVO_EXIT_FAILED;
	}
	hvo_sim_devices_free(sim);
	hvo_sim_boot_free(sim);
	free(sim->pools_memory);
	free(sim->folios);
	free(sim->numbers);
	return code;
}

static FILE *open_script(const char *path, int *code)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;

	*code = HVO_EXIT_OK;
	if (!file) {
		*code = errno == EACCES ? HVO_EXIT_DENIED : HVO_EXIT_FAILED;
		hvo_error("%s: %s", path, strerror(errno));
	}
	return file;
}

int hvo_sim_script(const char *path, bool json)
{
	struct hvo_sim sim = {.file = path, .base_page = 4096, .quiet = json};
	int code;
	FILE *file = open_script(path, &code);

	if (!file)
		return code;
	if (file == stdin)
		sim.file = "stdin";
	code = run_lines(&sim, file);
	if (file != stdin)
		fclose(file);
	if (!code)
		code = last_check(&sim);
	if (!code && json)
		code = hvo_sim_print_json(&sim);
	return finish(&sim, code);
}
