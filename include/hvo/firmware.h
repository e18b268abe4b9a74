/* SPDX-License-Identifier: MIT */
/*
 * What firmware says of a machine: which memory there is, which node each
 * part of it belongs to, which CPUs there are.
 *
 * Each source has its reader, and all readers speak of memory in the same
 * ranges, gathered in one hvo_memory_map: e820 tables, the PVH start info,
 * ACPI's SRAT, SLIT and MADT, flattened device trees, the text of Linux's
 * /proc/iomem. hvo_memory_normalise() then makes of them one sorted list
 * without overlaps, in whole base pages.
 *
 *   hvo_pvh_read(), hvo_pvh_memory()       ranges of the machine
 *   hvo_acpi_find(), hvo_acpi_madt()       CPUs
 *   hvo_acpi_find(), hvo_acpi_srat()       their nodes, and nodes of ranges
 *   hvo_acpi_find(), hvo_acpi_fadt()       where fixed registers are
 *   hvo_memory_normalise()                 the result
 *
 * Nothing is trusted: a reader takes a table's bytes and how many there are,
 * reads nothing outside them, and says what is wrong and where. It allocates
 * nothing, keeps no state, and calls nothing but what it is given (the device
 * tree's readers also call libfdt). All may be called from any thread as long
 * as no two write into the same arrays.
 *
 * A reader that fails has added nothing to what it was given, unless its
 * comment says otherwise.
 */
#ifndef HVO_FIRMWARE_H
#define HVO_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what went wrong ---------------------------------------------------- */

enum hvo_firmware_error {
	HVO_FIRMWARE_OK = 0,
	HVO_FIRMWARE_ABSENT,     /* there is no such table, node or entry */
	HVO_FIRMWARE_UNREADABLE, /* at an address that cannot be read */
	HVO_FIRMWARE_ALIGN,      /* not aligned as its format requires */
	HVO_FIRMWARE_MAGIC,      /* it is not what it should be */
	HVO_FIRMWARE_VERSION,    /* a version that is not understood */
	HVO_FIRMWARE_TRUNCATED,  /* it ends too soon */
	HVO_FIRMWARE_LENGTH,     /* a length that cannot be true */
	HVO_FIRMWARE_CHECKSUM,   /* the bytes do not add up to 0 */
	HVO_FIRMWARE_RANGE,      /* a range past the last address */
	HVO_FIRMWARE_NODES,      /* memory or a CPU in two nodes */
	HVO_FIRMWARE_DISTANCE,   /* a distance that cannot be true */
	HVO_FIRMWARE_DOMAIN,     /* nothing is said of one of the nodes */
	HVO_FIRMWARE_TWICE,      /* a CPU is there twice */
	HVO_FIRMWARE_TREE,       /* the device tree's structure is broken */
	HVO_FIRMWARE_CELLS,      /* #address-cells or #size-cells */
	HVO_FIRMWARE_PROPERTY,   /* a property of the wrong size or kind */
	HVO_FIRMWARE_FORM,       /* a line that is not of its form */
	HVO_FIRMWARE_ORDER,      /* a range that ends before it starts */
	HVO_FIRMWARE_HIDDEN,     /* addresses are shown to others only */
	HVO_FIRMWARE_ROOM,       /* the caller's array is full */
	HVO_FIRMWARE_TYPE,       /* not one of enum hvo_memory_type */
	HVO_FIRMWARE_PAGE,       /* the page size is no power of two */
	HVO_FIRMWARE_ERRORS      /* how many there are */
};

enum hvo_firmware_place {
	HVO_FIRMWARE_AT_BYTE,    /* where counts bytes from the beginning */
	HVO_FIRMWARE_AT_ADDRESS, /* where is a physical address */
	HVO_FIRMWARE_AT_LINE,    /* where counts lines, from 1 on */
};

#define HVO_FIRMWARE_NAME 20  /* bytes, with the NUL */
#define HVO_FIRMWARE_LINE 128 /* bytes hold any fault's description */

/* Why a reader failed, for a person. */
struct hvo_firmware_fault {
	enum hvo_firmware_error error;
	enum hvo_firmware_place place;
	uint64_t where;
	char table[HVO_FIRMWARE_NAME]; /* "SRAT", "device tree", ... */
};

/* One sentence, without full stop. Never NULL. */
const char *hvo_firmware_error_text(enum hvo_firmware_error error);

/*
 * Write one line without newline, such as "SRAT, byte 48: a length that
 * cannot be true", into text, cut off at size bytes (NUL included; size must
 * not be 0). Returns text.
 */
char *hvo_firmware_describe(const struct hvo_firmware_fault *fault, char *text,
			    size_t size);

/* ---- memory ------------------------------------------------------------- */

#define HVO_NO_NODE UINT32_MAX

/* In this order: where ranges overlap, the later type wins. */
enum hvo_memory_type {
	HVO_MEMORY_NODE,       /* no memory by itself; what lies in the range
				* belongs to its node and has its flags */
	HVO_MEMORY_RAM,        /* free to use */
	HVO_MEMORY_SPECIAL,    /* RAM set aside for a purpose of its own */
	HVO_MEMORY_ACPI,       /* RAM, once the ACPI tables were read */
	HVO_MEMORY_NVS,        /* ACPI's, to be kept over hibernation */
	HVO_MEMORY_PERSISTENT, /* keeps its contents without power */
	HVO_MEMORY_RESERVED,   /* not to be used */
	HVO_MEMORY_UNUSABLE,   /* broken */
	HVO_MEMORY_TYPES       /* how many there are */
};

/* Flags of a range; where ranges overlap, all flags hold. */
#define HVO_MEMORY_HOTPLUGGABLE 1u /* may be taken away */
#define HVO_MEMORY_NOMAP        2u /* must not even be mapped */
/*
 * Set by hvo_memory_normalise(): RAM lies under this range of another type
 * (it is reserved by the device tree, say), so it may have descriptors.
 */
#define HVO_MEMORY_ON_RAM 4u

struct hvo_memory_range {
	uint64_t base; /* bytes */
	uint64_t size; /* bytes; base + size is at most UINT64_MAX */
	uint32_t node; /* dense, see struct hvo_nodes; or HVO_NO_NODE */
	uint32_t flags;
	enum hvo_memory_type type;
};

/* Ranges in an array of the caller's. */
struct hvo_memory_map {
	struct hvo_memory_range *range;
	size_t count;    /* ranges there are */
	size_t capacity; /* ranges there is room for */
};

/* First byte after a range. */
static inline uint64_t
hvo_memory_range_end(const struct hvo_memory_range *range)
{
	return range->base + range->size;
}

/*
 * Append a range as it is. One of size 0 is left out: firmware writes such
 * entries for memory that is not there. Errors: RANGE, TYPE, ROOM.
 */
enum hvo_firmware_error hvo_memory_add(struct hvo_memory_map *map,
				       const struct hvo_memory_range *range);

/*
 * Make of raw, gathered from any number of readers, a list in out that is
 * sorted, without overlaps, in whole pages of page bytes (a power of two; 1
 * keeps the bytes).
 *
 * - Where ranges overlap, the later type of enum hvo_memory_type wins; the
 *   node is that of whichever range has one; all flags hold.
 * - Ranges that touch and are otherwise the same become one.
 * - RAM is cut down to whole pages; every other type grows to whole pages, and
 *   a page that two of them share goes to one that must not be mapped, else
 *   to the later type. (The very last page that 64 bits can address is left
 *   out of what grows.)
 * - HVO_MEMORY_NODE ranges are used up, they are not in out.
 *
 * raw is sorted by base, otherwise unchanged. out must be another array;
 * what it held is lost, on failure it is empty. Twice raw->count ranges are
 * always room enough.
 *
 * Time grows as n log n, and as n^2 where many ranges overlap.
 *
 * Errors, with the fault at the physical address: PAGE, RANGE, TYPE, ROOM,
 * NODES (two nodes claim the same memory).
 */
enum hvo_firmware_error hvo_memory_normalise(struct hvo_memory_map *raw,
					     struct hvo_memory_map *out,
					     uint64_t page,
					     struct hvo_firmware_fault *fault);

/* Bytes of one type in a normalised map. */
uint64_t hvo_memory_bytes(const struct hvo_memory_map *map,
			  enum hvo_memory_type type);

/* Such as "RAM" or "reserved". Never NULL. */
const char *hvo_memory_type_text(enum hvo_memory_type type);

/* ---- nodes -------------------------------------------------------------- */

/*
 * Firmware names nodes by numbers of 32 bits with gaps (ACPI: proximity
 * domains; device trees: numa-node-id). Node n here is the one that firmware
 * calls domain[n]; domain is an array of the caller's, in ascending order, so
 * where firmware counts 0, 1, 2 so does this.
 */
struct hvo_nodes {
	uint32_t *domain;
	uint32_t count;
	uint32_t capacity;
};

/* The node of a domain, or HVO_NO_NODE. */
uint32_t hvo_node_of(const struct hvo_nodes *nodes, uint32_t domain);

/* Distances as ACPI counts them. */
#define HVO_DISTANCE_LOCAL       10
#define HVO_DISTANCE_REMOTE      20 /* where firmware says nothing */
#define HVO_DISTANCE_UNREACHABLE 255

/* ---- CPUs --------------------------------------------------------------- */

#define HVO_CPU_ENABLED        1u /* can be started now */
#define HVO_CPU_ONLINE_CAPABLE 2u /* may become enabled later */

#define HVO_CPU_NO_UID UINT32_MAX

/* How a CPU is started, where a device tree says so. */
enum hvo_cpu_start {
	HVO_CPU_START_UNSAID,     /* as the architecture has it */
	HVO_CPU_START_PSCI,       /* "psci" */
	HVO_CPU_START_SPIN_TABLE, /* "spin-table", at release */
	HVO_CPU_START_OTHER,      /* a method that is not known here */
};

struct hvo_cpu {
	uint64_t id;      /* APIC id, MPIDR affinity or hart id */
	uint64_t release; /* spin table: the address to write to, else 0 */
	uint32_t uid;     /* ACPI processor UID, or HVO_CPU_NO_UID */
	uint32_t node;    /* dense, or HVO_NO_NODE */
	uint32_t flags;   /* HVO_CPU_* */
	enum hvo_cpu_start start;
};

struct hvo_cpus {
	struct hvo_cpu *cpu; /* the caller's array */
	size_t count;
	size_t capacity;
};

/* ---- physical memory ---------------------------------------------------- */

/*
 * How tables that are known by address are reached. at() returns where the
 * bytes from address on can be read, all `bytes` of them (never 0), for as
 * long as anything read through it is in use; or NULL when some of them
 * cannot. It is called with any number that was in a table, also where
 * address + bytes wraps around.
 */
struct hvo_physical {
	const void *(*at)(void *context, uint64_t address, size_t bytes);
	void *context;
};

/* ---- e820 --------------------------------------------------------------- */

#define HVO_E820_ENTRY_BYTES 20

/*
 * Add the entries of an e820 table: base and size of 64 bits, type of 32,
 * packed, as int 15h and Linux's boot protocol have them. Types are those of
 * the ACPI specification, "System Address Map Interfaces"; those it does not
 * define are reserved, as it demands, but for Linux's own "soft reserved".
 *
 * Errors: TRUNCATED (bytes is no multiple of an entry's), RANGE, ROOM.
 */
enum hvo_firmware_error hvo_e820_memory(const void *table, size_t bytes,
					struct hvo_memory_map *map,
					struct hvo_firmware_fault *fault);

/* ---- PVH start info ----------------------------------------------------- */

/* The hvm_start_info structure of the x86/HVM direct boot ABI. */
struct hvo_pvh {
	uint32_t version;
	uint32_t flags;
	uint64_t command_line; /* address, 0 when there is none */
	uint64_t rsdp;         /* address, 0 when there is none */
	uint64_t modules;      /* address of the list, 0 when none */
	uint32_t module_count;
	uint32_t memory_count; /* entries of the memory map, 0 when none */
	uint64_t memory;       /* address of the memory map */
};

/*
 * Read the structure at address. Version 0 has no memory map; later versions
 * than 1 are read as 1, as the specification allows.
 *
 * Errors: UNREADABLE, MAGIC.
 */
enum hvo_firmware_error hvo_pvh_read(const struct hvo_physical *physical,
				     uint64_t address, struct hvo_pvh *pvh,
				     struct hvo_firmware_fault *fault);

/*
 * Add its memory map (types as in e820 tables).
 *
 * Errors: ABSENT, UNREADABLE, RANGE, ROOM.
 */
enum hvo_firmware_error hvo_pvh_memory(const struct hvo_physical *physical,
				       const struct hvo_pvh *pvh,
				       struct hvo_memory_map *map,
				       struct hvo_firmware_fault *fault);

/*
 * Copy the command line, with its NUL, into text; the empty string when there
 * is none.
 *
 * Errors: UNREADABLE (no NUL before memory ends), ROOM (it has size bytes or
 * more). text is the empty string then.
 */
enum hvo_firmware_error
hvo_pvh_command_line(const struct hvo_physical *physical,
		     const struct hvo_pvh *pvh, char *text, size_t size,
		     struct hvo_firmware_fault *fault);

/* ---- ACPI --------------------------------------------------------------- */

/* Larger tables and longer lists of tables than these are refused. */
#define HVO_ACPI_TABLE_BYTES (1u << 20)
#define HVO_ACPI_TABLES      4096

/* A whole table, header included. */
struct hvo_acpi_table {
	const void *bytes;
	size_t size; /* its own idea of its length; at least a header's */
	uint64_t address;
};

/*
 * Find the first table of that signature ("SRAT", "SLIT", "APIC" for the
 * MADT, "FACP" for the FADT; four characters) by the RSDP at address rsdp:
 * through the XSDT where the RSDP has one, else through the RSDT. All checksums
 * on the way, and the table's own, are verified. *table is of use after success
 * only.
 *
 * Errors: ABSENT, UNREADABLE, MAGIC, LENGTH, CHECKSUM.
 */
enum hvo_firmware_error hvo_acpi_find(const struct hvo_physical *physical,
				      uint64_t rsdp, const char *signature,
				      struct hvo_acpi_table *table,
				      struct hvo_firmware_fault *fault);

/*
 * The tables' readers take a table's bytes, be they found by
 * hvo_acpi_find() or read from a file; what follows the length that the table
 * gives itself is ignored. Entries of types not named here are skipped.
 * Errors of all: TRUNCATED, MAGIC, LENGTH, CHECKSUM.
 */

/*
 * MADT: add the CPUs that are enabled or can become so: local APIC, x2APIC,
 * GICC, RINTC. One that is listed both as APIC and x2APIC is added once.
 * *local_apic, where not NULL, becomes the address of the local APICs.
 *
 * Further errors: ROOM.
 */
enum hvo_firmware_error hvo_acpi_madt(const void *table, size_t bytes,
				      struct hvo_cpus *cpus,
				      uint64_t *local_apic,
				      struct hvo_firmware_fault *fault);

/*
 * SRAT: number the nodes anew (*nodes is emptied first), add the ranges of
 * memory as HVO_MEMORY_NODE or, where non-volatile, HVO_MEMORY_PERSISTENT,
 * and give each of the CPUs in cpus its node (HVO_NO_NODE where nothing is
 * said of it). map and cpus may be NULL. Processors are matched by APIC id, or
 * by UID (GICC, RINTC), so cpus is best filled by hvo_acpi_madt().
 *
 * Further errors: RANGE, ROOM, NODES (a CPU in two). On failure *nodes is
 * empty and no CPU has a node.
 */
enum hvo_firmware_error hvo_acpi_srat(const void *table, size_t bytes,
				      struct hvo_nodes *nodes,
				      struct hvo_memory_map *map,
				      struct hvo_cpus *cpus,
				      struct hvo_firmware_fault *fault);

/*
 * SLIT: the distance from node a to node b becomes
 * distance[a * nodes->count + b]; capacity counts the array's bytes.
 *
 * Further errors: ROOM, DISTANCE (under 10, or other than 10 to itself),
 * DOMAIN (the table has no row for one of the nodes). distance holds
 * nothing of use after a failure.
 */
enum hvo_firmware_error hvo_acpi_slit(const void *table, size_t bytes,
				      const struct hvo_nodes *nodes,
				      uint8_t *distance, size_t capacity,
				      struct hvo_firmware_fault *fault);

/* A register, by ACPI's Generic Address Structure. */
struct hvo_acpi_register {
	uint64_t address; /* 0: there is no such register */
	uint8_t space;    /* HVO_ACPI_SPACE_*, or another number of ACPI's */
};

#define HVO_ACPI_SPACE_MEMORY 0
#define HVO_ACPI_SPACE_IO     1 /* address is a port */

struct hvo_acpi_fadt {
	uint32_t flags;                        /* HVO_ACPI_FADT_*, and others */
	struct hvo_acpi_register pm1a_control; /* PM1a_CNT */
	struct hvo_acpi_register pm_timer;     /* 3.579545 MHz */
};

#define HVO_ACPI_FADT_TIMER_32 (1u << 8)  /* it counts 32 bits, else 24 */
#define HVO_ACPI_FADT_REDUCED  (1u << 20) /* there are no fixed registers */

/*
 * FADT (signature "FACP"): where two of the fixed registers are. *fadt is
 * changed on success only.
 *
 * Further errors: RANGE (a port past the last one).
 */
enum hvo_firmware_error hvo_acpi_fadt(const void *table, size_t bytes,
				      struct hvo_acpi_fadt *fadt,
				      struct hvo_firmware_fault *fault);

/* ---- flattened device trees --------------------------------------------- */

/* A device tree that hvo_fdt_open() found sound. */
struct hvo_fdt {
	const void *tree;
};

/*
 * Check the whole structure of the device tree in these bytes, which must
 * stay as they are for as long as *fdt is used. The tree's own size may be
 * less than bytes.
 *
 * Errors: ALIGN (8 bytes are needed), MAGIC, VERSION, TRUNCATED, TREE.
 */
enum hvo_firmware_error hvo_fdt_open(const void *tree, size_t bytes,
				     struct hvo_fdt *fdt,
				     struct hvo_firmware_fault *fault);

/*
 * Number the nodes anew, by the numa-node-id of memory and CPUs. To be called
 * first where nodes matter. A tree without such properties has none.
 *
 * Errors: PROPERTY, ROOM. On failure *nodes is empty.
 */
enum hvo_firmware_error hvo_fdt_nodes(const struct hvo_fdt *fdt,
				      struct hvo_nodes *nodes,
				      struct hvo_firmware_fault *fault);

/*
 * Add RAM (the memory nodes below the root; flag hotpluggable) and what is
 * reserved: the memory reservation block, and the children of /reserved-memory
 * that have an address (flag no-map). Those without are to be placed by the
 * system: they are skipped, as is what has another status than "okay". nodes
 * may be NULL.
 *
 * Errors: ABSENT (no RAM at all), CELLS, PROPERTY, RANGE, ROOM.
 */
enum hvo_firmware_error hvo_fdt_memory(const struct hvo_fdt *fdt,
				       const struct hvo_nodes *nodes,
				       struct hvo_memory_map *map,
				       struct hvo_firmware_fault *fault);

/*
 * Add the CPUs below /cpus. One with status "disabled" waits to be started in
 * the way its enable-method says: it is online-capable, or left out if it
 * has no such method; one with any other status than "okay" is left out.
 * nodes may be NULL.
 *
 * Errors: ABSENT, CELLS, PROPERTY, ROOM, TWICE.
 */
enum hvo_firmware_error hvo_fdt_cpus(const struct hvo_fdt *fdt,
				     const struct hvo_nodes *nodes,
				     struct hvo_cpus *cpus,
				     struct hvo_firmware_fault *fault);

/*
 * Distances from /distance-map, in the same form as hvo_acpi_slit()'s; a pair
 * of nodes that is given in one direction only holds in both, one not given
 * is HVO_DISTANCE_REMOTE.
 *
 * Errors: ABSENT (there is no such map), PROPERTY, ROOM, DISTANCE.
 */
enum hvo_firmware_error hvo_fdt_distances(const struct hvo_fdt *fdt,
					  const struct hvo_nodes *nodes,
					  uint8_t *distance, size_t capacity,
					  struct hvo_firmware_fault *fault);

/* From /chosen; strings inside the tree, NULL where there is none. */
struct hvo_fdt_chosen {
	const char *bootargs;
	const char *stdout_path; /* a path or alias, perhaps with options */
};

/* Errors: PROPERTY (not a string). No /chosen at all is no error. */
enum hvo_firmware_error hvo_fdt_chosen(const struct hvo_fdt *fdt,
				       struct hvo_fdt_chosen *chosen,
				       struct hvo_firmware_fault *fault);

/* ---- the text of Linux's /proc/iomem ------------------------------------ */

/*
 * What is "System RAM" in it, with or without a driver's name in parentheses
 * behind it (RAM that was added while the system ran: HVO_MEMORY_HOTPLUGGABLE),
 * at any depth. What lies inside RAM (the kernel's code, reserved parts) is
 * RAM too; everything else is left out.
 *
 * Line by line, so that no buffer has to hold all of it.
 */
struct hvo_iomem_text {
	struct hvo_memory_map *map;
	size_t count;    /* ranges that were in map before */
	uint64_t line;   /* number of the last line */
	unsigned indent; /* of the RAM that the last line lay in, if any */
	bool in_ram;     /* lines indented further than that lie in RAM */
	bool addresses;  /* some address was not 0 */
	bool found;      /* there was RAM */
};

void hvo_iomem_begin(struct hvo_iomem_text *text, struct hvo_memory_map *map);

/*
 * Take the next line (without its newline) of bytes characters, and add the
 * range to the map if it is RAM. The caller may take ranges out of the map
 * between lines.
 *
 * Errors, at the line: FORM, ORDER, RANGE, ROOM. There is nothing to go on
 * with then.
 */
enum hvo_firmware_error hvo_iomem_line(struct hvo_iomem_text *text,
				       const char *line, size_t bytes,
				       struct hvo_firmware_fault *fault);

/*
 * To be called after the last line.
 *
 * Errors: ABSENT (no RAM), HIDDEN (all addresses are 0, as the kernel shows
 * them to a process without CAP_SYS_ADMIN).
 */
enum hvo_firmware_error hvo_iomem_end(struct hvo_iomem_text *text,
				      struct hvo_firmware_fault *fault);

/* All three for a text that is in memory. */
enum hvo_firmware_error hvo_iomem_memory(const char *text, size_t bytes,
					 struct hvo_memory_map *map,
					 struct hvo_firmware_fault *fault);

#endif
