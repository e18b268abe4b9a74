/* SPDX-License-Identifier: MIT */
/*
 * Linux's own HVO, as /proc and /sys show it: read-only, without root as far
 * as that goes, on this host or in a recorded tree.
 *
 * Every figure comes with where it is from. What is not there, not permitted
 * or makes no sense is unknown and says why; it is never taken for 0.
 *
 * Sources: Linux's Documentation/admin-guide/mm/hugetlbpage.rst,
 * admin-guide/sysctl/vm.rst, admin-guide/mm/pagemap.rst, mm/vmemmap_dedup.rst,
 * ABI/testing/sysfs-kernel-mm-hugepages.
 *
 * Locking: none; a host is one thread's.
 */
#ifndef HVO_HOST_H
#define HVO_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the tree ------------------------------------------------------------ */

struct hvo_host;

/*
 * Open the host below sysroot ("/" or NULL: this one). Paths are resolved
 * inside it (openat2 with RESOLVE_IN_ROOT), symbolic links and .. included.
 * Returns 0, or -1 with a sentence in message.
 */
int hvo_host_open(struct hvo_host **host, const char *sysroot, char *message,
		  size_t size);
void hvo_host_close(struct hvo_host *host);

/* Is it the running system, so that what is read may also be tried? */
bool hvo_host_is_live(const struct hvo_host *host);

/* A file's most: what is longer is refused as hostile, but for BTF. */
#define HVO_HOST_FILE_BYTES (4u << 20)

/*
 * Read a whole file, path beginning with "/", NUL added. Returns a malloc()ed
 * text and its length in *length, or NULL with errno (EFBIG: too long; EINVAL:
 * a NUL inside; EISDIR: a directory; ENXIO: a pipe or device, which is not
 * opened).
 */
char *hvo_host_read(struct hvo_host *host, const char *path, size_t *length);

/*
 * Open a file or directory inside it, O_RDONLY | O_NONBLOCK | flags; -1 and
 * errno.
 */
int hvo_host_open_file(struct hvo_host *host, const char *path, int flags);

/* ---- figures ------------------------------------------------------------- */

enum hvo_host_kind {
	HVO_HOST_UNKNOWN,  /* value is 0 and means nothing; why says why */
	HVO_HOST_MEASURED, /* the kernel says so, in `source` */
	HVO_HOST_DERIVED,  /* computed from others, as `source` says */
};

struct hvo_host_figure {
	enum hvo_host_kind kind;
	uint64_t value;
	const char *source; /* a path, or a formula; constant or the host's */
	const char *why;    /* when unknown, or assumed: "needs root" */
};

/* One size of huge page, on one node or on all. */
struct hvo_host_pool {
	uint64_t size; /* bytes of a huge page */
	int node;      /* -1: the whole host */
	bool gigantic; /* larger than the buddy allocator's largest block */
	struct hvo_host_figure total, free, reserved, surplus, overcommit;
	/* Pages of descriptors each huge page has, and keeps optimized. */
	struct hvo_host_figure vmemmap_pages, kept_pages;
	/* Bytes of descriptors: if none were optimized; all. */
	struct hvo_host_figure full_bytes, optimized_bytes;
	/* Saved now, still to be saved, needed to give back what is saved;
	 * unknown where the kernel does not tell which pages are optimized. */
	struct hvo_host_figure saved, could_save, to_restore;
};

enum hvo_host_support {
	HVO_HOST_SUPPORT_UNKNOWN,
	HVO_HOST_SUPPORT_NO, /* the kernel was built without, or cannot */
	HVO_HOST_SUPPORT_YES,
};

/* How a page descriptor encodes that a page is a tail; from BTF. */
enum hvo_host_encoding {
	HVO_HOST_ENCODING_UNKNOWN,
	HVO_HOST_ENCODING_POINTER, /* compound_head */
	HVO_HOST_ENCODING_INFO,    /* compound_info, since 7.1 */
};

/* A device DAX range. */
struct hvo_host_dax {
	char name[32];
	uint64_t bytes, align; /* 0: cannot be read */
	int node;
	struct hvo_host_figure memmap_on_memory;
};

#define HVO_HOST_WARNING 240

/*
 * All of it at one moment, as nearly as files read one after another can be.
 * Arrays are the status's.
 */
struct hvo_host_status {
	char release[80];    /* "6.18.0", of the kernel */
	char machine[32];    /* "x86_64" */
	unsigned version[2]; /* {6, 18}; {0, 0} if unknown */
	struct hvo_host_figure base_page;
	struct hvo_host_figure page_struct; /* sizeof(struct page) */
	enum hvo_host_encoding encoding;
	enum hvo_host_support support;
	const char *support_why;        /* what that was concluded from */
	struct hvo_host_figure enabled; /* the sysctl, now */
	struct hvo_host_figure enabled_at_boot; /* by parameter or config */
	struct hvo_host_figure present_bytes;   /* memory with descriptors */
	struct hvo_host_figure expected_bytes;  /* of descriptors, none saved */
	/* nr_memmap_pages + nr_memmap_boot_pages, in bytes. */
	struct hvo_host_figure measured_bytes;
	struct hvo_host_figure saved, could_save, to_restore; /* all pools */
	/* Memory whose descriptors lie on itself: never optimized. */
	struct hvo_host_figure memmap_on_memory_bytes;
	struct hvo_host_pool *pools; /* by size, the whole first, then nodes */
	size_t n_pools;
	struct hvo_host_dax *dax;
	size_t n_dax;
	/* In words, with what to do. */
	char (*warnings)[HVO_HOST_WARNING];
	size_t n_warnings;
};

/*
 * Read it. Only want of memory fails: what cannot be read is unknown.
 * Returns 0, or -1 with a sentence in message. *status is to be given to
 * hvo_host_status_free().
 */
int hvo_host_status(struct hvo_host *host, struct hvo_host_status *status,
		    char *message, size_t size);
void hvo_host_status_free(struct hvo_host_status *status);

/* "unknown", "measured", "derived". */
const char *hvo_host_kind_name(enum hvo_host_kind kind);

/* ---- parts that other verbs need ----------------------------------------- */

/* A number from /proc/vmstat; false if there is no such line. */
bool hvo_host_vmstat(struct hvo_host *host, const char *name, uint64_t *value);

/* The directory of a pool, "/sys/.../hugepages-2048kB", no slash behind it. */
void hvo_host_pool_path(const struct hvo_host_pool *pool, char *path,
			size_t size);

/* ---- the kernel's page tables -------------------------------------------- */

/*
 * Where the kernel's own tables map its page descriptors, read from
 * /proc/kcore, as root: the vmemmap page i of a huge page is the page of
 * descriptors number i, counted from the one that has its head's.
 *
 * The tables are live: what is read while a huge page is being optimized or
 * restored may be neither of the two.
 */
struct hvo_host_tables;

/*
 * Returns 0, or -1 with a sentence in message: it is not there, not permitted,
 * or of a kernel whose tables cannot be read. The host must outlive it.
 */
int hvo_host_tables_open(struct hvo_host_tables **tables, struct hvo_host *host,
			 char *message, size_t size);
void hvo_host_tables_close(struct hvo_host_tables *tables);

/* The kernel that has them; bytes of its base page and page descriptor. */
const char *hvo_host_tables_release(const struct hvo_host_tables *tables);
uint64_t hvo_host_tables_base_page(const struct hvo_host_tables *tables);
uint64_t hvo_host_tables_record(const struct hvo_host_tables *tables);

struct hvo_host_mapping {
	uint64_t frame; /* 0 unless mapped */
	uint64_t bytes; /* that the entry maps: a base page, or a block */
	bool mapped, writable;
};

/* Which frame a vmemmap page leads to. Returns 0, or -1: unreadable. */
int hvo_host_tables_look(const struct hvo_host_tables *tables, uint64_t pfn,
			 uint64_t page, struct hvo_host_mapping *mapping);

/* How a huge page's vmemmap pages are mapped: which generation of HVO. */
enum hvo_host_layout {
	HVO_HOST_LAYOUT_UNMAPPED,     /* some lead nowhere */
	HVO_HOST_LAYOUT_FULL,         /* each to its own frame: no HVO */
	HVO_HOST_LAYOUT_RESERVE_TWO,  /* from the third on to the second's */
	HVO_HOST_LAYOUT_DEVICE_DAX,   /* the same, all writable */
	HVO_HOST_LAYOUT_FAKE_HEADS,   /* all to the first's */
	HVO_HOST_LAYOUT_SHARED_TAILS, /* all but the first to one of others */
	HVO_HOST_LAYOUT_OTHER,        /* none of these */
};

/* Of n pages as they are mapped. OTHER for want of memory, too. */
enum hvo_host_layout hvo_host_layout_of(const struct hvo_host_mapping *pages,
					size_t n);

/* "full", "reserve-two", "device-dax", "fake-heads", "shared-tails", ... */
const char *hvo_host_layout_name(enum hvo_host_layout layout);

/* How many of n vmemmap pages of a huge page have no frame of their own. */
uint64_t hvo_host_layout_saves(enum hvo_host_layout layout, uint64_t n);

struct hvo_host_proof {
	enum hvo_host_layout layout;
	uint64_t saves; /* vmemmap pages */
};

/*
 * What the tables say of the huge page whose head is pfn, which has so many
 * vmemmap pages. Returns 0, or -1: they cannot be read, or no memory.
 */
int hvo_host_prove_layout(const struct hvo_host_tables *tables, uint64_t pfn,
			  uint64_t pages, struct hvo_host_proof *proof);

#endif
