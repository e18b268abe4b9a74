/* SPDX-License-Identifier: MIT */
/*
 * hvo show: one huge page's descriptors as they are really mapped, drawn in
 * the terminal or as SVG. Makes a live map of that one huge page for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmd.h"
#include "map.h"
#include "options.h"
#include "picture.h"
#include "room.h"
#include "size.h"

static const char help[] =
    "Usage: hvo show [OPTION]...\n"
    "Make a vmemmap for one huge page, and draw where its pages lead:\n"
    "vmemmap pages on the left, frames on the right. Frames and\n"
    "permissions are those that are really mapped.\n"
    "\n"
    "  --page-size SIZE  of the huge page (default 2M)\n"
    "  --base-page SIZE  4K (default), 8K, 16K, 32K or 64K\n"
    "  --record BYTES    of one descriptor, a multiple of 8 from 8 to\n"
    "                    512 (default 64)\n"
    "  --state STATE     full, optimized or both (default)\n"
    "  --window N        let one mapping lead to up to N frames that\n"
    "                    hold the same shared tails, as `hvo run`\n"
    "                    does to have fewer mappings (default 1)\n"
    "  --svg FILE        write an SVG drawing; - for stdout\n"
    "  -h, --help        this text\n";

/* ---- the command line ----------------------------------------------- */

struct options {
	struct hvo_map_options map;
	uint64_t window;
	bool full, optimized;
	const char *svg;
};

static const struct option names[] = {
    {"page-size", required_argument, NULL, 's'},
    {"base-page", required_argument, NULL, 'b'},
    {"record", required_argument, NULL, 'r'},
    {"state", required_argument, NULL, 't'},
    {"window", required_argument, NULL, 'w'},
    {"svg", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char *parse_state(const char *text, struct options *o)
{
	o->full = !strcmp(text, "full") || !strcmp(text, "both");
	o->optimized = !strcmp(text, "optimized") || !strcmp(text, "both");
	if (o->full || o->optimized)
		return NULL;
	return "is neither 'full' nor 'optimized' nor 'both'";
}

static const char *parse_window(const char *text, uint64_t *window)
{
	const char *wrong = hvo_number_parse(text, window);

	if (wrong)
		return wrong;
	return *window && *window <= 65536 ? NULL : "is not from 1 to 65536";
}

/* One option; returns what is wrong with its argument, or NULL. */
static const char *parse_option(void *ctx, int c)
{
	struct options *o = ctx;

	switch (c) {
	case 's':
		return hvo_size_parse(optarg, &o->map.page_size);
	case 'b':
		return hvo_size_parse(optarg, &o->map.base_page);
	case 'r':
		return hvo_number_parse(optarg, &o->map.record);
	case 't':
		return parse_state(optarg, o);
	case 'w':
		return parse_window(optarg, &o->window);
	default:
		o->svg = optarg;
		return *optarg ? NULL : "is not a file's name";
	}
}

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
};

/* ---- the live map ----------------------------------------------------- */

/*
 * Memory enough for the huge page, and for a whole page of descriptors if
 * its own fill less.
 */
static uint64_t enough_memory(const struct hvo_map_options *o)
{
	uint64_t unit = o->base_page << 9;

	return o->page_size > unit ? o->page_size : unit;
}

static int take(struct hvo_map *map, struct hvo_picture *picture,
		const char *state)
{
	if (hvo_picture_take(picture, map->vmemmap,
			     hvo_linux_port(map->linux_port), map->pfns[0],
			     map->order)) {
		hvo_error("no memory for the picture");
		return HVO_EXIT_FAILED;
	}
	snprintf(picture->title, sizeof(picture->title), "%s", state);
	return HVO_EXIT_OK;
}

static int optimize(struct hvo_map *map)
{
	int error = hvo_vmemmap_prepare(map->vmemmap, map->pfns[0], map->order,
					&map->work);

	if (!error)
		error = hvo_vmemmap_optimize(map->vmemmap, map->pfns, 1,
					     map->order, 0, &map->work, NULL);
	return error ? hvo_map_error(map, "optimizing", error) : HVO_EXIT_OK;
}

/* Takes the pictures asked for; *n counts them. */
static int take_pictures(struct hvo_map *map, const struct options *o,
			 struct hvo_picture *pictures, size_t *n)
{
	const struct hvo_map_region *region = map->regions;
	int code = HVO_EXIT_OK;
	int error = hvo_vmemmap_populate(map->vmemmap, region->pfn,
					 region->end - region->pfn, 0, false,
					 &map->work);

	if (error)
		return hvo_map_error(map, "populating", error);
	if (o->full)
		code = take(map, &pictures[(*n)++], "full");
	if (code || !o->optimized || !map->optimizable)
		return code;
	code = optimize(map);
	return code ? code : take(map, &pictures[(*n)++], "optimized");
}

/* ---- output ----------------------------------------------------------- */

static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

static void describe(const struct hvo_map *map, char *title, size_t size,
		     char *subtitle, size_t subtitle_size)
{
	char page[HVO_SIZE_TEXT], base[HVO_SIZE_TEXT], bytes[HVO_SIZE_TEXT];

	snprintf(title, size, "The descriptors of one huge page of %s",
		 hvo_size_format(map->options.page_size, page));
	snprintf(subtitle, subtitle_size,
		 "%" PRIu64 " base pages of %s, %u bytes each: %s",
		 UINT64_C(1) << map->order,
		 hvo_size_format(map->options.base_page, base),
		 map->geometry.record,
		 hvo_size_format(hvo_folio_bytes(&map->geometry, map->order),
				 bytes));
}

static int write_drawing(FILE *file, const struct hvo_map *map,
			 const struct hvo_picture *pictures, size_t n)
{
	char title[96], subtitle[96];
	struct hvo_picture_text text = {
	    .title = title,
	    .subtitle = subtitle,
	    .page_bytes = hvo_page_size(&map->geometry),
	};

	describe(map, title, sizeof(title), subtitle, sizeof(subtitle));
	hvo_picture_svg(file, pictures, n, &text);
	return fflush(file) || ferror(file) ? -1 : 0;
}

static int file_error(const char *path)
{
	hvo_error("%s: %s", path, strerror(errno));
	return HVO_EXIT_FAILED;
}

/* A pipe, a terminal: nothing that could be replaced as a whole. */
static int write_through(const char *path, const struct hvo_map *map,
			 const struct hvo_picture *pictures, size_t n)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return file_error(path);
	int failed = write_drawing(file, map, pictures, n);

	if (fclose(file) || failed)
		return file_error(path);
	return HVO_EXIT_OK;
}

/* The permissions that a new file would have had. */
static void usual_mode(int fd, const struct stat *old)
{
	mode_t mask = umask(0);

	umask(mask);
	fchmod(fd, old ? old->st_mode & 07777 : 0666 & ~mask);
}

/* Written beside it and then renamed: the file is the old one or the new. */
static int replace(const char *path, const struct stat *old,
		   const struct hvo_map *map,
		   const struct hvo_picture *pictures, size_t n)
{
	char temporary[4096];

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >=
	    (int)sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return file_error(path);
	}
	int fd = mkostemp(temporary, O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return file_error(path);
	usual_mode(fd, old);
	int failed = write_drawing(file, map, pictures, n);

	if (fclose(file) || failed || rename(temporary, path)) {
		file_error(path);
		unlink(temporary);
		return HVO_EXIT_FAILED;
	}
	return HVO_EXIT_OK;
}

static int write_svg(const char *path, const struct hvo_map *map,
		     const struct hvo_picture *pictures, size_t n)
{
	struct stat old;
	char *real;
	int code;

	if (!strcmp(path, "-"))
		/* Errors show when stdout is flushed at the end. */
		return write_drawing(stdout, map, pictures, n) ? HVO_EXIT_FAILED
							       : HVO_EXIT_OK;
	if (stat(path, &old))
		return replace(path, NULL, map, pictures, n);
	if (!S_ISREG(old.st_mode))
		return write_through(path, map, pictures, n);
	/* What a symbolic link leads to is replaced, not the link. */
	real = realpath(path, NULL);
	code = real ? replace(real, &old, map, pictures, n) : file_error(path);
	free(real);
	return code;
}

static void print_drawing(const struct hvo_map *map,
			  const struct hvo_picture *pictures, size_t n)
{
	char title[96], subtitle[96];

	describe(map, title, sizeof(title), subtitle, sizeof(subtitle));
	printf("%s\n%s\n\n", title, subtitle);
	hvo_picture_print(stdout, pictures, n, hvo_picture_unicode(),
			  terminal_columns());
	puts("\nrw: read-write, the huge page's own; ro: read-only, shared by "
	     "all of its size");
}

static void note_not_optimizable(const struct hvo_map *map)
{
	char page[HVO_SIZE_TEXT], base[HVO_SIZE_TEXT];

	hvo_error("note: a huge page of %s cannot be optimized: its "
		  "descriptors fill less than two pages of %s",
		  hvo_size_format(map->options.page_size, page),
		  hvo_size_format(map->options.base_page, base));
}

/* Nothing can be drawn of a state that there is not. */
static int check_request(const struct hvo_map *map, const struct options *o)
{
	uint64_t need = hvo_map_bytes_full(map);
	uint64_t room = hvo_room();
	char need_text[HVO_SIZE_TEXT], room_text[HVO_SIZE_TEXT];

	if (o->optimized && !map->optimizable)
		note_not_optimizable(map);
	if (!o->full && !map->optimizable)
		return HVO_EXIT_FAILED;
	if (need <= room)
		return HVO_EXIT_OK;
	hvo_error("the descriptors would take %s, and there are %s of memory "
		  "to be had",
		  hvo_size_format(need, need_text),
		  hvo_size_format(room, room_text));
	return HVO_EXIT_DENIED;
}

static int show(struct hvo_map *map, const struct options *o, const char *argv0)
{
	struct hvo_picture pictures[2] = {0};
	size_t n = 0;
	int code = hvo_map_plan(map, &o->map, argv0);

	if (!code)
		code = check_request(map, o);
	if (!code)
		code = hvo_map_open(map);
	if (!code)
		code = take_pictures(map, o, pictures, &n);
	if (!code && o->svg)
		code = write_svg(o->svg, map, pictures, n);
	else if (!code)
		print_drawing(map, pictures, n);
	hvo_picture_free(&pictures[0]);
	hvo_picture_free(&pictures[1]);
	return code;
}

int hvo_cmd_show(int argc, char **argv)
{
	struct options o = {.map = HVO_MAP_DEFAULTS,
			    .window = 1,
			    .full = true,
			    .optimized = true};
	struct hvo_map map = {0};
	int code = hvo_options_parse(&verb, argc, argv, parse_option, &o);

	if (code >= 0)
		return code;
	o.map.window = (uint32_t)o.window;
	o.map.memory = enough_memory(&o.map);
	code = show(&map, &o, argv[0]);
	hvo_map_close(&map);
	return code;
}
