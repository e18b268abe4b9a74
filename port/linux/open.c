/* SPDX-License-Identifier: MIT */
/*
 * Makes and unmakes a port: the memfd and its layout, the window of addresses
 * and the direct map; what is constant in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "hvo/geometry.h"
#include "private.h"

_Static_assert(sizeof(uintptr_t) == 8, "a vmemmap needs 64-bit addresses");

/* Linux 6.3; older headers lack it, older kernels refuse it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define WINDOW_BYTES     (UINT64_C(1) << 21)
#define WINDOW_PAGES_MAX (UINT32_C(1) << 16)
#define DOMAINS_MAX      (1U << 16)
/* Far beyond any address space, and no product below overflows. */
#define PFN_MAX (UINT64_C(1) << 44)

/* Bytes and numbers of everything that is made; derived from the config. */
struct layout {
	uint64_t alignment; /* of pfn 0's descriptor */
	uint64_t lead;      /* bytes from it to the window */
	uint64_t pages;     /* vmemmap pages */
	uint64_t described; /* frames of described memory */
	uint64_t extra;     /* frames */
	uint32_t window_pages;
	struct hvo_linux_homes homes;
};

struct message {
	char *text;
	size_t size;
};

/* Always -1, for the caller to return. */
__attribute__((format(printf, 2, 3))) static int
fail(const struct message *message, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message->text, message->size, format, args);
	va_end(args);
	return -1;
}

/* ---- what was asked for ------------------------------------------------ */

static int check_page_size(const struct hvo_linux_config *config,
			   const struct message *message)
{
	uint64_t host = (uint64_t)sysconf(_SC_PAGESIZE);

	if (config->page_shift < HVO_PAGE_SHIFT_MIN ||
	    config->page_shift > HVO_PAGE_SHIFT_MAX)
		return fail(message,
			    "base pages of 2^%u bytes are not supported; use "
			    "4 KiB to 64 KiB (2^%d to 2^%d)",
			    config->page_shift, HVO_PAGE_SHIFT_MIN,
			    HVO_PAGE_SHIFT_MAX);
	if (UINT64_C(1) << config->page_shift < host)
		return fail(message,
			    "base pages of %u bytes are smaller than this "
			    "host's pages, which cannot be mapped in parts; "
			    "use %" PRIu64 " bytes or more",
			    1U << config->page_shift, host);
	return 0;
}

static int check_records(const struct hvo_linux_config *config,
			 const struct message *message)
{
	if (config->record < HVO_RECORD_MIN ||
	    config->record > HVO_RECORD_MAX || config->record % 8)
		return fail(message,
			    "records of %zu bytes are not supported; use a "
			    "multiple of 8 from %d to %d",
			    config->record, HVO_RECORD_MIN, HVO_RECORD_MAX);
	if (!config->domains || config->domains > DOMAINS_MAX)
		return fail(message, "%u domains; use 1 to %u", config->domains,
			    DOMAINS_MAX);
	return 0;
}

static int check_pfns(const struct hvo_linux_config *config,
		      const struct message *message)
{
	uint64_t mask = (UINT64_C(1) << config->page_shift) - 1;

	if (config->pfn_first >= config->pfn_end || config->pfn_end > PFN_MAX)
		return fail(message,
			    "no memory map of pfns %" PRIu64 " to %" PRIu64
			    "; the first must be below the end, and the end "
			    "at most %" PRIu64,
			    config->pfn_first, config->pfn_end, PFN_MAX);
	if ((config->pfn_first * config->record |
	     config->pfn_end * config->record) &
	    mask)
		return fail(message,
			    "records of %zu bytes from pfn %" PRIu64
			    " to %" PRIu64 " do not fill whole pages; choose "
			    "pfns that are multiples of %" PRIu64,
			    config->record, config->pfn_first, config->pfn_end,
			    mask / 8 + 1);
	return 0;
}

static int check_apart(const struct hvo_linux_config *config,
		       const struct message *message)
{
	struct hvo_geometry g;

	if (!config->apart_order)
		return 0;
	hvo_geometry_init(&g, config->page_shift, config->record);
	if (hvo_order_optimizable(&g, config->apart_order))
		return 0;
	return fail(message,
		    "order %u cannot be set apart: folios of it cannot be "
		    "optimized; use %u to %u, or 0 for none",
		    config->apart_order, g.min_order, g.max_order);
}

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static struct hvo_linux_homes
lay_out_homes(const struct hvo_linux_config *config)
{
	uint64_t first = config->pfn_first * config->record;
	uint64_t end = config->pfn_end * config->record;
	uint64_t folio = (uint64_t)config->record << config->apart_order;
	struct hvo_linux_homes homes = {.count = (end - first) >>
						 config->page_shift};

	if (!config->apart_order)
		return homes;
	homes.folio = folio >> config->page_shift;
	/* Folios are aligned in the pfn space, not in the window. */
	homes.phase = (first % folio) >> config->page_shift;
	return homes;
}

static struct layout lay_out(const struct hvo_linux_config *config)
{
	uint64_t page_size = UINT64_C(1) << config->page_shift;
	uint64_t record = config->record;
	uint64_t group = record / greatest_divisor(record, page_size);
	unsigned max_order = HVO_MAX_FOLIO_SHIFT - config->page_shift;
	uint64_t described = config->pfn_end - config->pfn_first;
	struct hvo_linux_homes homes = lay_out_homes(config);
	uint32_t window = config->window_pages
			      ? config->window_pages
			      : (uint32_t)(WINDOW_BYTES / page_size);

	if (window > WINDOW_PAGES_MAX)
		window = WINDOW_PAGES_MAX;
	return (struct layout){
	    .alignment = record << max_order,
	    .lead = config->pfn_first * record,
	    .pages = homes.count,
	    .described = described,
	    /*
	     * A window for each domain and order, two more for those being
	     * made, spares of a group beside each; and all that twice, lest
	     * odd pieces between them leave no room for a whole one. What is
	     * not used takes no memory.
	     */
	    .extra = 2 * (uint64_t)config->domains * (max_order + 3) *
		     (window + 2 * group),
	    .window_pages = window,
	    .homes = homes,
	};
}

/* ---- making it --------------------------------------------------------- */

static int memfd(void)
{
	/* Where vm.memfd_noexec is 2 only a sealed one is to be had. */
	int fd = memfd_create("hvo", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("hvo", MFD_CLOEXEC);
	return fd;
}

static int make_file(struct hvo_port *port, const struct message *message)
{
	uint64_t size = hvo_linux_bytes(port, port->frame_end);
	struct rlimit limit;

	port->fd = memfd();
	if (port->fd < 0)
		return fail(message,
			    "cannot make a memory file (memfd_create: %s); "
			    "it needs Linux 3.17 or later and a free file "
			    "descriptor (ulimit -n)",
			    strerror(errno));
	/* Growing past the limit would be a signal, not an error. */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur < size)
		return fail(message,
			    "the limit on file size is %" PRIu64
			    " bytes, and the memory file needs %" PRIu64
			    " (though most of it takes no memory); lift it "
			    "with: ulimit -f unlimited",
			    (uint64_t)limit.rlim_cur, size);
	if (ftruncate(port->fd, (off_t)size))
		return fail(message,
			    "cannot make a memory file of %" PRIu64
			    " bytes: %s; describe less memory",
			    size, strerror(errno));
	if (fallocate(port->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)hvo_linux_bytes(port, 1)))
		return fail(message,
			    "the kernel cannot take pages of a memory file "
			    "back (fallocate: %s); it needs Linux 3.17 or "
			    "later with tmpfs (CONFIG_SHMEM)",
			    strerror(errno));
	return 0;
}

static int fail_addresses(const struct message *message, const char *what,
			  uint64_t bytes)
{
	return fail(message,
		    "no room for %" PRIu64 " bytes of %s (mmap: %s); describe "
		    "less memory, or lift limits on addresses (ulimit -v "
		    "unlimited)",
		    bytes, what, strerror(errno));
}

static int make_direct(struct hvo_port *port, const struct message *message)
{
	uint64_t size = hvo_linux_bytes(port, port->frame_end);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_NORESERVE, port->fd, 0);

	if (p == MAP_FAILED)
		return fail_addresses(message, "addresses for frames", size);
	port->direct = p;
	/* A core dump would read, and so allocate, every hole in it. */
	madvise(p, size, MADV_DONTDUMP);
	return 0;
}

/*
 * Reserve the window. A memory map's pfn 0 lies at a multiple of the
 * alignment, whether or not it is described; so look at a stretch longer by
 * that and give back what sticks out.
 */
static int make_window(struct hvo_linux *l, const struct layout *layout,
		       const struct message *message)
{
	uint64_t size = hvo_linux_bytes(&l->port, layout->pages);
	uint64_t alignment = layout->alignment;
	unsigned char *p = mmap(NULL, size + alignment, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return fail_addresses(message, "addresses for descriptors",
				      size + alignment);
	uint64_t before =
	    (layout->lead % alignment + alignment - (uintptr_t)p % alignment) %
	    alignment;
	if (before)
		munmap(p, before);
	if (before < alignment)
		munmap(p + before + size, alignment - before);
	l->port.window = p + before;
	l->port.pages = layout->pages;
	if ((uintptr_t)l->port.window < layout->lead)
		return fail(message,
			    "the first pfn is so high that pfn 0's descriptor "
			    "would be below address 0; describe memory at "
			    "lower pfns");
	l->base = (uintptr_t)l->port.window - layout->lead;
	return 0;
}

static int make_tables(struct hvo_linux *l, const struct layout *layout,
		       const struct message *message)
{
	struct hvo_port *port = &l->port;
	uint64_t size = layout->pages * sizeof(*port->table);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return fail(message,
			    "no memory for a table of %" PRIu64 " bytes "
			    "(mmap: %s); if vm.overcommit_memory is 2, raise "
			    "vm.overcommit_ratio",
			    size, strerror(errno));
	port->table = p;
	if (hvo_linux_pool_init(&l->pool, layout->described, &layout->homes,
				layout->extra))
		return fail(message, "no memory for the table of frames");
	return 0;
}

static int make(struct hvo_linux *l, const struct hvo_linux_config *config,
		const struct message *message)
{
	struct layout layout;
	uint64_t all;
	uint64_t within;

	if (check_page_size(config, message) ||
	    check_records(config, message) || check_pfns(config, message) ||
	    check_apart(config, message))
		return -1;
	layout = lay_out(config);
	l->port.traits.window_pages = layout.window_pages;
	l->port.page_shift = config->page_shift;
	l->port.frame_end = layout.described + layout.pages + layout.extra;
	if (make_file(&l->port, message) || make_direct(&l->port, message) ||
	    make_window(l, &layout, message) ||
	    make_tables(l, &layout, message))
		return -1;
	uintptr_t start = (uintptr_t)l->port.window;
	/* Without /proc the kernel's own refusal has to do. */
	if (hvo_linux_maps_count(
		start, start + hvo_linux_bytes(&l->port, layout.pages), &all,
		&within))
		all = within = 0;
	hvo_linux_budget_init(&l->port, all - within);
	return 0;
}

struct hvo_linux *hvo_linux_open(const struct hvo_linux_config *config,
				 char *message, size_t size)
{
	struct message to = {message, size};
	struct hvo_linux *l = calloc(1, sizeof(*l));

	if (!l) {
		fail(&to, "no memory for a port");
		return NULL;
	}
	l->port.fd = -1;
	/* Zeros are an unlocked mutex: it can be closed from here on. */
	if (make(l, config, &to)) {
		hvo_linux_close(l);
		return NULL;
	}
	return l;
}

/* Whatever has been made of it, in any state. */
void hvo_linux_close(struct hvo_linux *linux_port)
{
	struct hvo_port *port = &linux_port->port;

	hvo_linux_budget_fini(port);
	if (port->window)
		munmap(port->window, hvo_linux_bytes(port, port->pages));
	if (port->direct)
		munmap(port->direct, hvo_linux_bytes(port, port->frame_end));
	if (port->fd >= 0)
		close(port->fd);
	if (port->table)
		munmap(port->table, port->pages * sizeof(*port->table));
	hvo_linux_pool_fini(&linux_port->pool);
	pthread_mutex_destroy(&port->lock);
	free(linux_port);
}

/* ---- what is constant -------------------------------------------------- */

const struct hvo_port_traits *hvo_port_traits(const struct hvo_port *port)
{
	return &port->traits;
}

struct hvo_port *hvo_linux_port(struct hvo_linux *linux_port)
{
	return &linux_port->port;
}

void hvo_linux_ask(struct hvo_linux *linux_port, bool (*refuse)(void *ctx),
		   void *ctx)
{
	linux_port->port.refuse_ctx = ctx;
	linux_port->port.refuse = refuse;
}

uintptr_t hvo_linux_base(const struct hvo_linux *linux_port)
{
	return linux_port->base;
}

hvo_frame_t hvo_linux_described(const struct hvo_linux *linux_port)
{
	(void)linux_port; /* described memory comes first in the memfd */
	return (hvo_frame_t){0};
}

uint64_t hvo_linux_frame_end(const struct hvo_linux *linux_port)
{
	return linux_port->port.frame_end;
}
